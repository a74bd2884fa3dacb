"""Leaderboard: the paper's tables and figures as `upgan reproduce` measured them here, the paper's own beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import files, links, reproduce, say
from ui.components.controls import Choices
from ui.components.table import chart, table
from ui.components.text import plain
from ui.services import leaderboard
from ui.services.leaderboard import NO_PAPER, Board
from ui.services.view import one_of
from ui.session import state
from ui.session.registry import Page
from upgan.render.words import clean
from upgan.reproduce.document import Document
from upgan.reproduce.tables import fitted, searched, to_csv

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PAGE = Page("Leaderboard", ":material/leaderboard:", 60)
_COMMANDS = """upgan data demo --out data/demo
upgan reproduce table3 --data data/demo --out results/demo --budget 10m"""
_MOST_LINES = 50


def none_at_all() -> None:
    """How to make the first one."""
    places = " and ".join(plain(clean(str(root))) for root in leaderboard.results_roots())
    st.info(f"There is no reproduced table yet in {places}.", icon=":material/leaderboard:")
    with st.expander("From a terminal", icon=":material/terminal:"):
        st.caption(
            "These commands make one: they train every system of the paper's Table 3 on the demo catalogue, for at "
            "most ten minutes each, and go on where they were stopped."
        )
        st.code(_COMMANDS, language=None, wrap_lines=True)


def about(document: Document) -> None:
    """How it was made, and what its numbers do not say."""
    st.caption(plain(clean(leaderboard.made_how(document))))
    if document["dataset"].get("simulated_users"):
        st.warning("The users of this dataset are simulated: how much they help says nothing about real users.")
    if fitted(document):
        st.caption(plain(clean(fitted(document))))
    stopped = leaderboard.out_of_time(document)
    if stopped:
        st.caption(
            f"The time limit ended {stopped:,} of the runs: their figures show what is reached in that time, not the "
            "best that the system can do."
        )


def rows(document: Document, paper: str) -> None:
    """The table, in percent but for MR."""
    table(_cleaned(leaderboard.table_rows(document, paper)), f"{clean(document['title'])}, as a table", highest=560)
    what = "Hits@3" if document["by"] else "Metrics"
    beside = (
        f" The paper measured on its own {paper} dataset, which is another one: compare the order of the systems, "
        "not the numbers."
        if paper != NO_PAPER
        else ""
    )
    st.caption(
        f"{what} in percent (MR: a mean rank), on facts held out of training, other known answers left out; ± is the "
        f"standard deviation over seeds, brackets hold 95% intervals.{beside}"
    )


def figure(document: Document, paper: str) -> None:
    """The figure of the HTML file, its rows in the table's order."""
    # plotly takes a third of a second to import; the page's table need not wait.
    from upgan.reproduce import figures

    beside = [] if paper == NO_PAPER else [paper]
    drawn: Figure = figures.figure({**document, "rows": leaderboard.ordered_rows(document)}, beside)
    drawn.update_layout(title=None, margin={"l": 8, "r": 8, "t": 20, "b": 40}, height=420)
    chart(drawn, "leaderboard", clean(leaderboard.chart_words(document)))


def behind(board: Board) -> None:
    """How the settings were searched, runs without a result, and the table to take away."""
    settings = leaderboard.settings_found(board.document)
    if settings:
        with st.expander("Settings searched", icon=":material/tune:"):
            st.caption(plain(clean(searched(board.document))))
            table(_cleaned(settings), "What the search of the settings found, system by system")
    failures = leaderboard.failures(board.document)
    if failures:
        runs = "run" if len(failures) == 1 else "runs"
        with st.expander(f"{len(failures):,} {runs} failed", icon=":material/error:"):
            st.code("\n".join(clean(line) for line in failures[:_MOST_LINES]), language=None, wrap_lines=True)
    files.downloads({"Table (CSV)": (f"upgan-{board.path.stem}.csv", lambda: to_csv(board.document))})


def _cleaned(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{clean(name): clean(cell) for name, cell in row.items()} for row in rows]


def broken(boards: Sequence[Board]) -> None:
    """Files that look like a result and are none."""
    for board in boards:
        if board.problem is not None:
            st.warning(f"**{plain(clean(board.key))}**: {plain(clean(board.problem))}", icon=":material/warning:")


def main() -> None:
    """The page."""
    st.header("Leaderboard", anchor=False)
    boards = leaderboard.list_boards(leaderboard.results_roots())
    ready = {board.key: board for board in boards if board.problem is None}
    choices = Choices()
    reproduce.jobs()
    if not ready:
        say.notices(state.unread("board"))
        none_at_all()
        reproduce.order(choices, opened=True)
        broken(boards)
        state.write_address(choices.named)
        st.stop()
    words = {name: clean(board.words()) for name, board in ready.items()}
    board = ready[choices.one("Table or figure", one_of("board", list(ready), words))]
    theirs = leaderboard.paper_choices(board.document)
    paper = NO_PAPER
    if theirs:
        paper = choices.one("Compare with the paper's figures on", one_of("paper", theirs, about=board.key))
    about(board.document)
    rows(board.document, paper)
    figure(board.document, paper)
    behind(board)
    broken(boards)
    named = dict(choices.named)
    reproduce.order(choices, opened=False)
    state.write_address(named)
    links.copyable(named, "leaderboard")


if __name__ == "__main__":
    main()
