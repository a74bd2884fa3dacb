"""Why this answer and not another: two candidates side by side, user by user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ui.charts import CONFIG, differences_chart
from ui.components.text import plain
from upgan.render.words import clean, coefficient, rank_text, score_text, shorten, signed, user_noun

if TYPE_CHECKING:
    from upgan.explain.results import Contrast

_AGAINST = "upgan_widget_against"
_MOST_ROWS = 500


def choose(names: Mapping[str, str], against: str | None, on_choose: Callable[[str | None], None]) -> None:
    """Which candidate to set against the answer; a choice calls ``on_choose``."""
    st.session_state[_AGAINST] = against if against in names else None

    def take() -> None:
        chosen = st.session_state[_AGAINST]
        on_choose(chosen if chosen in names else None)

    st.selectbox(
        "Compare with",
        list(names),
        format_func=lambda name: names.get(name, name),
        key=_AGAINST,
        on_change=take,
        placeholder="Choose another candidate",
    )


def show(found: Contrast, answer: str, *, simulated: bool) -> None:
    """Both candidates, what the popular one is worth, and the difference user by user; ``answer``: its label."""
    noun = user_noun(simulated)
    answer, against = _name(answer, found.answer), _name(found.against_label, found.against)
    st.markdown(plain(_sentence(found, answer, against, noun)))
    _both(found, answer, against, noun)
    differences = found.users[:_MOST_ROWS]
    if not differences:
        st.caption(f"No {user_noun(simulated, 1)} reaches the target: nothing to set against each other.")
    else:
        st.plotly_chart(
            differences_chart(differences, answer, against),
            key="upgan_contrast_chart",
            config=CONFIG,
            alt=f"Difference of each {user_noun(simulated, 1)}'s part of the two scores; the largest, "
            f"{clean(differences[0].id)}, is {signed(differences[0].difference)}.",
        )
        st.dataframe(
            pd.DataFrame(
                {
                    "user": [clean(user.id) for user in differences],
                    "weight": [user.weight for user in differences],
                    "answer": [user.contribution for user in differences],
                    "against": [user.contribution_against for user in differences],
                    "difference": [user.difference for user in differences],
                }
            ),
            hide_index=True,
            height=min(35 * len(differences) + 38, 320),
            column_config={
                "user": st.column_config.TextColumn(user_noun(simulated, 1)),
                "weight": st.column_config.NumberColumn(format="%.4f"),
                "answer": st.column_config.NumberColumn(f"for {shorten(answer, 24)}", format="%+.4f"),
                "against": st.column_config.NumberColumn(f"for {shorten(against, 24)}", format="%+.4f"),
                "difference": st.column_config.NumberColumn(format="%+.4f"),
            },
            alt=f"Each {user_noun(simulated, 1)}'s part of both scores and their difference",
        )
    st.caption(
        f"Σ differences = {signed(found.difference)} = what users add to {plain(shorten(answer, 60))} minus what they "
        f"add to {plain(shorten(against, 60))} (left over by rounding: {found.residual:.0e})".replace("-", "−")
    )


def _sentence(found: Contrast, answer: str, against: str, noun: str) -> str:
    mine, theirs = found.answer_standing, found.against_standing
    first = (
        f"“{answer}” is ranked {rank_text(mine.rank)}, “{against}” {rank_text(theirs.rank)}; without {noun} they would "
        f"be {rank_text(mine.rank_without_users)} and {rank_text(theirs.rank_without_users)}."
    )
    popular, other = found.popularity.against, found.popularity.answer
    if popular.touched > other.touched and popular.contribution < other.contribution:
        return (
            f"{first} A popularity trap avoided: {popular.touched:,} of the target's {noun} touched “{against}” and "
            f"{other.touched:,} “{answer}”, yet those add {signed(popular.contribution)} to the one score and "
            f"{signed(other.contribution)} to the other."
        )
    if popular.touched < other.touched and popular.contribution > other.contribution:
        return f"{first} Fewer {noun} touched “{against}”, yet they add more to its score."
    return first


def _both(found: Contrast, answer: str, against: str, noun: str) -> None:
    popularity = found.popularity
    sides = ((found.answer_standing, popularity.answer), (found.against_standing, popularity.against))
    rows: dict[str, list[str]] = {
        "rank": [rank_text(side.rank) for side, _ in sides],
        f"rank without {noun}": [rank_text(side.rank_without_users) for side, _ in sides],
        "score": [score_text(side.score) for side, _ in sides],
        f"score without {noun}": [score_text(side.score_without_users) for side, _ in sides],
        f"the target's {noun} who chose it": [f"{users.interacted:,}" for _, users in sides],
        "… who chose it or something one fact away": [f"{users.touched:,}" for _, users in sides],
        "… their weight together": [coefficient(users.weight) for _, users in sides],
        "… what they add to its score": [signed(users.contribution) for _, users in sides],
        f"all {noun} who did": [f"{users.all_touched:,}" for _, users in sides],
    }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["answer", "against"]).reset_index(names="")
    st.dataframe(
        frame,
        hide_index=True,
        height=35 * len(frame) + 38,
        column_config={
            "answer": st.column_config.TextColumn(shorten(answer, 40), alignment="right"),
            "against": st.column_config.TextColumn(shorten(against, 40), alignment="right"),
        },
        alt=f"Ranks, scores and popularity of {answer} and {against}",
    )


def _name(label: str, id: str) -> str:
    return clean(label) or clean(id)
