"""The users behind a score: how heavy each is, and what each does to it, as chart and table."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from ui.charts import CONFIG, users_chart, users_chart_words
from ui.services.view import Order
from upgan.explain.explanation import Explanation
from upgan.render.csv_tables import user_rows
from upgan.render.words import user_noun

_ORDER = "upgan_widget_order"
_WHOSE = "upgan_widget_whose"
_MOST_ROWS = 500


def users(explanation: Explanation, order: Order, on_order: Callable[[Order], None]) -> None:
    """How heavy each user is, and what each one does to the score."""
    noun = user_noun(explanation.simulated_users)
    shares, whose = explanation.users, "target"
    if not shares:
        shares, whose = explanation.answer_users, "answer"
    if not shares:
        st.caption(f"There are no {noun} behind this answer.")
        return
    if explanation.users and explanation.answer_users:
        asked = st.segmented_control(
            f"Whose {noun}",
            ["target", "answer"],
            default="target",
            key=_WHOSE,
            persist_state="session",
            help="This model hears the users of both ends of the question; each side's weights sum to 1.",
        )
        if asked == "answer":
            shares, whose = explanation.answer_users, "answer"
    st.session_state[_ORDER] = order
    words: dict[Order, str] = {"weight": "weight", "contribution": "part of the score"}
    st.segmented_control(
        "Sort by",
        list(words),
        key=_ORDER,
        required=True,
        on_change=lambda: on_order("contribution" if st.session_state[_ORDER] == "contribution" else "weight"),
        format_func=lambda name: words.get(name, name),
        help="A heavy user is not always an influential one: the weight says how much of the target's user part "
        "comes from someone, the part of the score says which way and how far that pushes this answer.",
    )
    st.plotly_chart(
        users_chart(explanation, shares, order),
        key="upgan_users_chart",
        config=CONFIG,
        alt=users_chart_words(explanation, shares),
    )
    st.dataframe(
        pd.DataFrame([row for row in user_rows(explanation) if row["of"] == whose][:_MOST_ROWS]),
        hide_index=True,
        height=min(35 * len(shares) + 38, 320),
        column_config={
            "of": None,
            "user": st.column_config.TextColumn(user_noun(explanation.simulated_users, 1)),
            "weight": st.column_config.NumberColumn("weight", format="%.4f", help="All weights sum to 1."),
            "contribution": st.column_config.NumberColumn(
                "part of the score",
                format="%+.4f",
                help="All parts, of both sides, sum to score minus score without users.",
            ),
            "paths": st.column_config.NumberColumn("paths drawn", help="0: not among the users of the figure."),
        },
        alt=f"All {noun} with weight and part of the score",
    )
