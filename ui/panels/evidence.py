"""By which ways the answer reached the users shown."""

from __future__ import annotations

import streamlit as st

from ui.components.answered import Answered, Panel
from ui.panels.paths import chains
from upgan.render.csv_tables import evidence_rows
from upgan.render.words import user_noun


def draw(answered: Answered) -> None:
    """A table of those paths."""
    explanation = answered.explanation
    if not (explanation.evidence or explanation.answer_evidence):
        st.caption(f"The answer reached none of the {user_noun(answered.simulated)} shown.")
        return
    chains(
        evidence_rows(explanation, answered.labels),
        "coefficients along the path",
        "Each coefficient is one part of all that a node collects: 1 / number of its parts.",
        f"How the answer reached each {user_noun(answered.simulated, 1)}",
    )


PANEL = Panel("How the answer reached the users", 30, draw)
