"""Leaderboard: the paper's tables and figures as `upgan reproduce` measured them here, the paper's own beside them."""

from __future__ import annotations

import streamlit as st

from ui.components import leaderboard, links
from ui.components.choice import Choices
from ui.services.leaderboard import NO_PAPER, list_boards, paper_choices, results_roots
from ui.session import state
from ui.session.registry import Page
from upgan.render.words import clean

PAGE = Page("Leaderboard", ":material/leaderboard:", 60)


def main() -> None:
    """The page."""
    st.header("Leaderboard", anchor=False)
    roots = results_roots()
    boards = list_boards(roots)
    ready = {board.key: board for board in boards if board.problem is None}
    if not ready:
        leaderboard.none_at_all([str(root) for root in roots])
        leaderboard.broken(boards)
        st.stop()
    choices = Choices(state.fresh_address())
    words = {name: clean(board.words()) for name, board in ready.items()}
    key = choices.one("Table or figure", list(ready), "board", words=words)
    board = ready[key]
    named: dict[str, str | list[str]] = {"board": key}
    theirs = paper_choices(board.document)
    paper = NO_PAPER
    if theirs:
        paper = choices.one("The paper's figures of its dataset", theirs, "paper", of=key)
        named["paper"] = paper
    leaderboard.about(board.document)
    leaderboard.rows(board.document, paper)
    leaderboard.chart(board.document)
    leaderboard.search(board.document)
    leaderboard.what_failed(board.document)
    leaderboard.download(board)
    leaderboard.broken(boards)
    state.write_address(named)
    links.copyable(named, "leaderboard")


if __name__ == "__main__":
    main()
