"""The users behind a score: how heavy each is, and what each does to it, as chart and table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from ui.charts.bars import users_chart, users_chart_words
from ui.components import controls
from ui.components.answered import Answered, Panel
from ui.components.table import chart, number, table, text
from ui.services.view import Choice
from upgan.explain.explanation import UserShare
from upgan.render.csv_tables import user_rows
from upgan.render.words import user_noun

ORDER = Choice[Literal["weight", "contribution"]](
    "order", "weight", words={"weight": "weight", "contribution": "part of the score"}
)
_MOST_ROWS = 500


def draw(answered: Answered) -> None:
    """How heavy each user is, and what each one does to the score."""
    explanation, noun = answered.explanation, user_noun(answered.simulated)
    if not (explanation.users or explanation.answer_users):
        st.caption(f"There are no {noun} behind this answer.")
        return
    whose, shares = _side(answered, noun)
    controls.segments(
        ORDER, answered.view[ORDER], "Sort by",
        help="A heavy user is not always an influential one: the weight says how much of the target's user part "
        "comes from someone, the part of the score says which way and how far that pushes this answer.",
    )  # fmt: skip
    figure = users_chart(explanation, shares, answered.view[ORDER])
    chart(figure, "users", users_chart_words(explanation, shares), users=True)
    table(
        [row for row in user_rows(explanation) if row["of"] == whose][:_MOST_ROWS],
        f"All {noun} with weight and part of the score",
        {
            "of": None,
            "user": text(user_noun(answered.simulated, 1)),
            "weight": number("weight", format="%.4f", help="All weights sum to 1."),
            "contribution": number(
                "part of the score",
                format="%+.4f",
                help="All parts, of both sides, sum to score minus score without users.",
            ),
            "paths": number("paths drawn", help="0: not among the users of the figure."),
        },
        highest=320,
        users="shares",
    )


def _side(answered: Answered, noun: str) -> tuple[str, Sequence[UserShare]]:
    """Whose users: the target's, or the answer's where those are asked for or the only ones."""
    explanation = answered.explanation
    whose: str | None = "target" if explanation.users else "answer"
    if explanation.users and explanation.answer_users:
        whose = st.segmented_control(
            f"Whose {noun}",
            ["target", "answer"],
            default="target",
            key="upgan_widget_whose",
            persist_state="session",
            help="This model takes users from both ends of the question; the weights of each side sum to 1.",
        )
    return ("answer", explanation.answer_users) if whose == "answer" else ("target", explanation.users)


PANEL = Panel("Users", 20, draw, parameters=(ORDER,))
