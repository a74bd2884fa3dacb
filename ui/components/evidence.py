"""Users, paths and evidence of an explanation as charts and tables, and everything as files."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from ui.charts import CONFIG, users_chart, users_chart_words
from upgan.explanation import Explanation
from upgan.render.csv_tables import evidence_rows, path_rows, paths_csv, user_rows, users_csv
from upgan.render.figure import figure
from upgan.render.page import page
from upgan.render.pseudonyms import pseudonymised
from upgan.render.svg import svg
from upgan.render.words import user_noun

_ORDER = "upgan_widget_order"
_WHOSE = "upgan_widget_whose"
_REAL_IDS = "upgan_widget_real_ids"
_MOST_ROWS = 500


def users(explanation: Explanation) -> None:
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
    order = st.segmented_control(
        "Sort by",
        ["weight", "contribution"],
        default="weight",
        key=_ORDER,
        persist_state="session",
        format_func=lambda name: {"weight": "weight", "contribution": "part of the score"}[name],
        help="A heavy user is not always an influential one: the weight says how much of the target's user part "
        "comes from someone, the part of the score says which way and how far that pushes this answer.",
    )
    st.plotly_chart(
        users_chart(explanation, shares, "contribution" if order == "contribution" else "weight"),
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


def paths(explanation: Explanation, labels: Mapping[str, str]) -> None:
    """By which ways the shown users speak for the target."""
    noun = user_noun(explanation.simulated_users, 1)
    if not (explanation.paths or explanation.answer_paths):
        st.caption(f"No path from a {noun} to the target.")
        return
    _chains(
        path_rows(explanation, labels),
        "attention α along the path",
        "Each α is the share of what a node takes from this neighbour; their product is the path's weight.",
        f"Paths from each {noun} to the target",
    )


def evidence(explanation: Explanation, labels: Mapping[str, str]) -> None:
    """By which ways the answer reached the shown users."""
    noun = user_noun(explanation.simulated_users, 1)
    if not (explanation.evidence or explanation.answer_evidence):
        st.caption(f"The answer reached none of the {user_noun(explanation.simulated_users)} shown.")
        return
    _chains(
        evidence_rows(explanation, labels),
        "coefficients along the path",
        "Each coefficient is one part of all that a node collects: 1 / number of its parts.",
        f"How the answer reached each {noun}",
    )


def downloads(explanation: Explanation, labels: Mapping[str, str]) -> None:
    """The case study as files; each is made only when it is asked for."""
    real = st.toggle(
        "Real user ids in the files",
        key=_REAL_IDS,
        help="Off: the files name users U1, U2, … in the order of this explanation, so that nobody is recognised.",
    )
    shown = explanation if real else pseudonymised(explanation)

    def document() -> str:
        return json.dumps(shown.to_dict(), ensure_ascii=False, indent=2)

    files = (
        ("Page", "upgan-case.html", "text/html", lambda: page(shown, relation_labels=labels)),
        ("Figure", "upgan-case.svg", "image/svg+xml", lambda: svg(figure(shown, relation_labels=labels))),
        ("Users", "upgan-users.csv", "text/csv", lambda: users_csv(shown)),
        ("Paths", "upgan-paths.csv", "text/csv", lambda: paths_csv(shown, labels)),
        ("Numbers", "upgan-case.json", "application/json", document),
    )
    with st.container(horizontal=True):
        for label, name, mime, make in files:
            st.download_button(
                f"{label} ({name.rsplit('.', 1)[1].upper()})",
                make,
                file_name=name,
                mime=mime,
                key=f"upgan_download_{name}",
                icon=":material/download:",
                on_click="ignore",
            )


def _chains(rows: list[dict[str, object]], factors: str, meaning: str, alt: str) -> None:
    st.dataframe(
        pd.DataFrame(rows[:_MOST_ROWS]),
        hide_index=True,
        height=min(35 * len(rows) + 38, 400),
        column_config={
            "user": None,
            "path": st.column_config.TextColumn("path", width="large"),
            "factors": st.column_config.TextColumn(factors, help=meaning),
            "weight": st.column_config.NumberColumn("weight", format="%.4f", help="Product of the path's α."),
        },
        alt=alt,
    )
