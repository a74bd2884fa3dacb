"""A reproduced table or figure: its rows, its picture, what failed, and the file to take away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ui.charts import CONFIG
from ui.components.text import plain
from ui.services.leaderboard import (
    NO_PAPER,
    Board,
    chart_words,
    failures,
    ordered_rows,
    out_of_time,
    settings_found,
    table_rows,
    told,
)
from upgan.render.words import clean
from upgan.reproduce.document import Document
from upgan.reproduce.tables import fitted, searched, to_csv

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_COMMANDS = """upgan data demo --out data/demo
upgan reproduce table3 --data data/demo --out results/demo --budget 10m"""
_MOST_LINES = 50


def none_at_all(roots: Sequence[str]) -> None:
    """How to make the first one."""
    places = " and ".join(plain(clean(root)) for root in roots)
    st.info(
        f"There is no reproduced table yet in {places}. These commands make one: they train every system of the "
        "paper's Table 3 on the demo catalogue, for at most ten minutes each, and go on where they were stopped.",
        icon=":material/leaderboard:",
    )
    st.code(_COMMANDS, language="bash", wrap_lines=True)


def about(document: Document) -> None:
    """How it was made, and what its numbers do not say."""
    st.caption(plain(clean(told(document))))
    if document["dataset"].get("simulated_users"):
        st.warning("The users of this dataset are simulated: what they are worth says nothing of real ones.")
    if fitted(document):
        st.caption(plain(clean(fitted(document))))
    stopped = out_of_time(document)
    if stopped:
        st.caption(
            f"The time limit ended {stopped:,} of the runs: they say what that time gives, not what the system can "
            "reach."
        )


def rows(document: Document, paper: str) -> None:
    """The table, in percent but for MR."""
    frame = pd.DataFrame(
        [{clean(name): clean(cell) for name, cell in row.items()} for row in table_rows(document, paper)]
    )
    st.dataframe(
        frame, hide_index=True, height=min(35 * len(frame) + 38, 560), alt=f"{clean(document['title'])}, as a table"
    )
    what = "Hits@3" if document["by"] else "Metrics"
    beside = (
        f" The paper's figures are of its own {paper} dataset, which is another one: they show the order of the "
        "systems and are not to be met."
        if paper != NO_PAPER
        else ""
    )
    st.caption(
        f"{what} in percent (MR: a mean rank), on facts held out of training, other known answers left out; ± is the "
        f"standard deviation over seeds, brackets hold 95% intervals.{beside}"
    )


def chart(document: Document) -> None:
    """The figure of the HTML file, its rows in the table's order."""
    # plotly takes a third of a second to import; the page's table need not wait.
    from upgan.reproduce.figures import figure

    drawn: Figure = figure({**document, "rows": ordered_rows(document)})
    drawn.update_layout(title=None, margin={"l": 8, "r": 8, "t": 20, "b": 40}, height=420)
    st.plotly_chart(drawn, key="upgan_leaderboard_chart", config=CONFIG, alt=clean(chart_words(document)))


def search(document: Document) -> None:
    """How the settings were searched and what was found; nothing where they are the defaults."""
    found = settings_found(document)
    if not found:
        return
    with st.expander("Settings searched", icon=":material/tune:"):
        st.caption(plain(clean(searched(document))))
        frame = pd.DataFrame([{name: clean(cell) for name, cell in row.items()} for row in found])
        st.dataframe(frame, hide_index=True, alt="What the search of the settings found, system by system")


def what_failed(document: Document) -> None:
    """Runs without a result, each with its reason."""
    lines = failures(document)
    if lines:
        with st.expander(f"{len(lines):,} runs failed", icon=":material/error:"):
            st.code("\n".join(clean(line) for line in lines[:_MOST_LINES]), language=None, wrap_lines=True)


def download(board: Board) -> None:
    """The CSV, made when it is asked for."""
    st.download_button(
        "Table (CSV)",
        lambda: to_csv(board.document),
        file_name=f"upgan-{board.path.stem}.csv",
        mime="text/csv",
        key="upgan_download_leaderboard",
        icon=":material/download:",
        on_click="ignore",
    )


def broken(boards: Sequence[Board]) -> None:
    """Files that look like a result and are none."""
    for board in boards:
        if board.problem is not None:
            st.warning(f"**{plain(clean(board.key))}**: {plain(clean(board.problem))}", icon=":material/warning:")
