"""The paths from the target to the answer that the score listens to, and what each adds to it."""

from __future__ import annotations

import streamlit as st

from ui.components import through
from ui.components.answered import Answered, Panel
from ui.components.table import number, table, text
from upgan.render.csv_tables import walk_rows
from upgan.render.words import user_noun

#: Pixels: a path is read to its end, which is where it differs from the others.
_PATH = 620


def draw(answered: Answered) -> None:
    """A table of those paths, then one of the parts of the score."""
    explanation, noun = answered.explanation, user_noun(answered.simulated)
    if not explanation.score_parts:
        st.caption("This model does not score single paths.")
        return
    if not explanation.walks:
        st.caption("No path that counts for this relation leads from the target to the answer.")
    else:
        table(
            walk_rows(through.chosen(answered, "walks"), answered.labels),
            "Paths from the target to the answer with their parts of the score",
            {
                "user": None,
                "pattern": None,
                "path": text("path", width=_PATH, help=f"If {noun} are on the path, the heaviest of them is named."),
                "weight": number("share", format="%.3f", help="Share of all paths of the same kind."),
                "contribution": number("part of the score", format="%+.4f"),
                "said": text("who says so", help="How many users say what of the two items beside them on the path."),
            },
            users="walks",
        )
    table(
        [{"part": part.name, "value": part.value} for part in explanation.score_parts],
        "What the score is made of",
        {
            "part": text("part of the score"),
            "value": number("value", format="%+.4f", help="All parts sum to the score."),
        },
    )


PANEL = Panel("Paths that carry the answer", 15, draw)
