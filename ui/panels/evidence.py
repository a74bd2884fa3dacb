"""By which ways the answer reached the users shown."""

from __future__ import annotations

import streamlit as st

from ui.components import through
from ui.components.answered import Answered, Panel
from ui.panels.paths import chains
from upgan.render.csv_tables import evidence_rows
from upgan.render.words import user_noun


def draw(answered: Answered) -> None:
    """A table of those paths."""
    explanation = answered.explanation
    if not (explanation.evidence or explanation.answer_evidence):
        st.caption(f"No path leads from the answer to the {user_noun(answered.simulated)} shown.")
        return
    chains(
        evidence_rows(through.chosen(answered, "evidence", "answer_evidence"), answered.labels),
        "coefficients along the path",
        "Each coefficient is 1 / the number of neighbours whose mean a node takes.",
        f"Paths from the answer to each {user_noun(answered.simulated, 1)}",
    )


PANEL = Panel("Paths from the answer to users", 30, draw)
