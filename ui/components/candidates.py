"""The ranked candidates; choosing a row explains it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ui.services.answers import Candidates
from ui.services.view import FEWEST_CANDIDATES, MOST_CANDIDATES, Known, Settings
from upgan.render.words import MINUS, clean

if TYPE_CHECKING:
    from upgan.explain.results import CandidateRow

_K = "upgan_widget_k"
_KNOWN = "upgan_widget_known"
_KNOWN_WORDS: dict[Known, str] = {"mark": "marked", "show": "shown unmarked", "hide": "hidden"}


def controls(settings: Settings, on_change: Callable[..., None]) -> None:
    """How many candidates, and what becomes of answers that are known already."""
    st.session_state[_K], st.session_state[_KNOWN] = settings.k, settings.known
    st.slider(
        "Candidates shown",
        FEWEST_CANDIDATES,
        MOST_CANDIDATES,
        step=5,
        key=_K,
        on_change=lambda: on_change(k=min(50, max(5, int(st.session_state[_K])))),
    )

    def take() -> None:
        chosen = st.session_state[_KNOWN]
        on_change(known=chosen if chosen in _KNOWN_WORDS else settings.known)

    st.segmented_control(
        "Known answers",
        list(_KNOWN_WORDS),
        format_func=lambda name: _KNOWN_WORDS.get(name, name),
        key=_KNOWN,
        required=True,
        on_change=take,
        help="Answers that the dataset already holds, in its training, validation or test part.",
    )


def table(
    found: Candidates,
    turn: str,
    answer: str | None,
    on_choose: Callable[[str], None],
    *,
    mark_known: bool,
    silent: bool = False,
) -> None:
    """The candidates as a table, ``answer`` chosen in it; another choice calls ``on_choose``.

    A new ``turn`` makes a new table, whose choice starts at ``answer``. ``silent``: the model hears no users, so that
    there is no rank without them.
    """
    rows = found.rows
    if not rows:
        st.info("Every candidate is a known answer. Choose another setting for known answers to see them.")
        return
    ids = [row["id"] for row in rows]
    position = ids.index(answer) if answer in ids else 0
    digest = hashlib.sha1("\n".join([turn, *map(str, ids)]).encode("utf-8", "replace")).hexdigest()[:16]
    key = f"upgan_candidates_{digest}"

    def take() -> None:
        chosen = st.session_state[key]["selection"]["rows"]
        if chosen and 0 <= chosen[0] < len(ids):
            on_choose(ids[chosen[0]])

    st.dataframe(
        _frame(rows),
        hide_index=True,
        height=min(35 * len(rows) + 38, 424),
        key=key,
        on_select=take,
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [position]}},
        column_config=_columns(mark_known=mark_known, silent=silent),
        alt="Ranked candidates with score, whether each is already known, and the rank without users",
    )
    if found.hidden:
        st.caption(f"{found.hidden:,} known answer{'' if found.hidden == 1 else 's'} hidden among these ranks.")


def _frame(rows: tuple[CandidateRow, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rank": [row["rank"] for row in rows],
            "answer": [clean(row["label"]) or clean(row["id"]) for row in rows],
            "score": [row["score"] for row in rows],
            "known": [row["known"] or "" for row in rows],
            "lift": [_lift(row) for row in rows],
            "without": [row["rank_without_users"] for row in rows],
        }
    )


def _lift(row: CandidateRow) -> str:
    """Places gained through the users, with a sign; text, because a number column would print "+0"."""
    without, rank = row["rank_without_users"], row["rank"]
    return f"{without - rank:+,}".replace("-", MINUS) if without != rank else "0"


def _columns(*, mark_known: bool, silent: bool) -> dict[str, Any]:
    column = st.column_config
    return {
        "rank": column.NumberColumn("#", width=32, help="Rank among all entities; 1 is the model's first choice."),
        "answer": column.TextColumn("Answer", width=120, help="Choose a row to see why it stands there."),
        "score": column.NumberColumn(
            "Score", format="%.2f", width=50, help="The model's raw score: it orders candidates and is no probability."
        ),
        "known": column.TextColumn(
            "Known", width=50, help="In which part of the dataset this answer stands; empty: it would be new."
        )
        if mark_known
        else None,
        "lift": None
        if silent
        else column.TextColumn(
            "Lift", alignment="right", width=40, help="Places that the users move this answer up (+) or down (−)."
        ),
        "without": None
        if silent
        else column.NumberColumn("Without", width=58, help="The rank without the users' part of the query."),
    }
