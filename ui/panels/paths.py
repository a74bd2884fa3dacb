"""By which ways the users shown speak for the target: path by path, or grouped by kind of path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from ui.components import through
from ui.components.answered import Answered, Panel
from ui.components.table import number, table, text
from upgan.render.csv_tables import path_rows
from upgan.render.words import user_noun

_MOST_ROWS = 500


def draw(answered: Answered) -> None:
    """The table and the switch that groups it."""
    explanation, noun = answered.explanation, user_noun(answered.simulated, 1)
    if not (explanation.paths or explanation.answer_paths):
        untold = "This model shows no paths from users."
        st.caption(untold if explanation.limits else f"No path from a {noun} to the target.")
        return
    rows = path_rows(through.chosen(answered, "paths", "answer_paths"), answered.labels)
    grouped = st.toggle(
        "Group by kind of path",
        key="upgan_widget_grouped",
        persist_state="session",
        help="Adds up the paths that go through the same kinds of entities and the same relations.",
    )
    if not grouped:
        chains(
            rows,
            "attention α along the path",
            "Each α is the share that a node takes from this neighbour; their product is the path's weight.",
            f"Paths from each {noun} to the target",
        )
        return
    if not rows:
        return
    kinds = pd.DataFrame(rows).groupby("pattern", as_index=False).agg(paths=("path", "size"), weight=("weight", "sum"))
    table(
        kinds.sort_values("weight", ascending=False)[["pattern", "paths", "weight"]],
        f"Kinds of paths from a {noun} to the target, with how many there are and their weight",
        {
            "pattern": text("kind of path", width="large"),
            "paths": number("paths"),
            "weight": number("weight together", format="%.4f"),
        },
    )


def chains(rows: Sequence[Mapping[str, object]], factors: str, meaning: str, alt: str) -> None:
    """``factors``: what the numbers along a path are called, and ``meaning`` what one of them is."""
    table(
        rows[:_MOST_ROWS],
        alt,
        {
            "user": None,
            "pattern": None,
            "path": text("path", width="large"),
            "factors": text(factors, help=meaning),
            "weight": number("weight", format="%.4f", help="The product of the numbers along the path."),
        },
        users="chains",
    )
    if len(rows) > _MOST_ROWS:
        st.caption(f"{len(rows) - _MOST_ROWS:,} more in the files.")


# First: until a browser has read the chart library, it shows nothing else of the page either.
PANEL = Panel("Paths to the target", 10, draw, (through.THROUGH,))
