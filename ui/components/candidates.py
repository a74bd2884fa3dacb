"""The ranked candidates; choosing a row explains it."""

from __future__ import annotations

import hashlib
from typing import Any

import streamlit as st

from ui.components import controls
from ui.components.table import number, table, text
from ui.services.answers import Candidates
from ui.services.view import KNOWN, K, View
from ui.session import state
from upgan.explain.results import CandidateRow
from upgan.render.words import MINUS, clean, place_text


def options(view: View) -> None:
    """How many candidates, and what becomes of answers that are known already."""
    controls.slider(K, view, "Candidates shown")
    controls.segments(
        KNOWN, view[KNOWN], "Known answers",
        help="Answers that the dataset already holds, in its training, validation or test part.",
    )  # fmt: skip


def choose(candidates: Candidates, view: View, run: str, answer: str | None, *, silent: bool) -> None:
    """The candidates of the run with fingerprint ``run`` as a table, ``answer`` chosen in it.

    ``silent``: the model does not use interactions, so that there is no rank without users.
    """
    rows = candidates.rows
    if not rows:
        st.info("Every candidate is a known answer. Choose another setting for known answers to see them.")
        return
    ids = [row["id"] for row in rows]
    position = ids.index(answer) if answer in ids else 0
    # Another turn makes another table, whose choice starts at the answer.
    names = "\n".join([f"{run} {state.turn()}", *map(str, ids)])
    key = f"upgan_candidates_{hashlib.sha1(names.encode('utf-8', 'replace')).hexdigest()[:16]}"

    def take() -> None:
        selection = st.session_state[key]["selection"]
        # A click on the name or on any other cell of a row, and the arrow keys, choose a cell: its row is to follow.
        # The box before a row leaves the cell where it was.
        rows, cells = selection["rows"], selection.get("cells", [])
        chosen = [cells[0][0]] if cells and rows in ([], [position]) else rows
        if chosen and 0 <= chosen[0] < len(ids):
            st.session_state[key] = {"selection": {"rows": chosen, "columns": [], "cells": cells}}
            state.choose_answer(ids[chosen[0]])

    table(
        [_row(row) for row in rows],
        "Ranked candidates with score, whether each is already known, and the rank without users",
        _columns(mark_known=view[KNOWN] != "show", silent=silent),
        highest=424,
        key=key,
        on_select=take,
        selection_mode=["single-row-required", "single-cell"],
        # With a cell of its own, from which the arrow keys go on.
        selection_default={"selection": {"rows": [position], "cells": [(position, "answer")]}},
    )
    if candidates.hidden:
        answers = "answer" if candidates.hidden == 1 else "answers"
        st.caption(f"{candidates.hidden:,} known {answers} hidden among these ranks.")


def _row(row: CandidateRow) -> dict[str, object]:
    return {
        "rank": place_text(row["filtered_rank"], known=row["known"] is not None),
        "answer": clean(row["label"]) or clean(row["id"]),
        "score": row["score"],
        "known": row["known"] or "",
        "lift": _lift(row),
        "without": row["filtered_rank_without_users"],
    }


def _lift(row: CandidateRow) -> str:
    """Places gained through the users, with a sign; text, because a number column would print "+0"."""
    gained = row["filtered_rank_without_users"] - row["filtered_rank"]
    return f"{gained:+,g}".replace("-", MINUS) if gained else "0"


def _columns(*, mark_known: bool, silent: bool) -> dict[str, Any]:
    columns = {
        "rank": text(
            "Rank",
            alignment="right",
            width=44,
            help="Place among all entities, the other known answers left out; 1 is the model's first choice. A known "
            "answer has its rank in brackets: those below it are counted without it.",
        ),
        "answer": text("Answer", width=112, help="Click a name to see why it has this rank."),
        "score": number(
            "Score",
            format="%.2f",
            width=50,
            help="The model's raw score: it orders candidates and is not a probability.",
        ),
        "known": text(
            "Known", width=50, help="The part of the dataset that holds this answer; empty: it would be new."
        ),
        "lift": text(
            "Gained",
            alignment="right",
            width=54,
            help="How many places users move this answer up (+) or down (−).",
        ),
        "without": number(
            "Without users", format="localized", width=92, help="The rank that this answer would have without users."
        ),
    }
    hidden = [*(() if mark_known else ("known",)), *(("lift", "without") if silent else ())]
    return columns | dict.fromkeys(hidden)
