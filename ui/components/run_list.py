"""Runs in a table, and what one of them is doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import streamlit as st

from ui.components import say
from ui.components.table import number, table, text
from ui.components.text import plain
from ui.services.following import phase_words
from ui.services.trainings import duration, headline
from upgan.config.systems import MODEL_NAMES
from upgan.render.words import clean
from upgan.runs.status import RunStatus

_TABLE, _ROWS, _MOVED = "upgan_runs_table", "upgan_runs_rows", "upgan_runs_moved"
#: Seconds in which a browser that refreshes itself may still name the row that the chosen run was moved from.
_ECHO = 5.0
#: A sign for each state, so that colour is not the only one.
_SIGNS = {
    "pending": "◌",
    "running": "▶",
    "stopping": "◼",
    "stopped": "❚❚",
    "finished": "✔",
    "failed": "✖",
    "interrupted": "⚡",
}


def rows(runs: Sequence[RunStatus]) -> list[dict[str, object]]:
    """One row for each run, as the table shows it."""
    return [
        {
            "run": clean(run.name),
            "state": f"{_SIGNS[run.state]} {run.state}",
            "phase": phase_words(clean(run.phase)) if run.state != "finished" else "",
            "progress": run.progress,
            "best validation MRR": run.best_valid_mrr,
            "test MRR": run.test_mrr,
            "last report": f"{duration(run.heartbeat_age)} ago" if run.active and run.heartbeat_age is not None else "",
            "device": clean(run.device),
            "model": MODEL_NAMES.get(run.model, clean(run.model)),
            "dataset": clean(run.dataset),
            "preset": clean(run.preset),
            "started": (run.started or "").replace("T", " ")[:16],
        }
        for run in runs
    ]


def choose(runs: Sequence[RunStatus], chosen: str, on_choose: Callable[[str], None]) -> None:
    """All runs, those at work first; a click on a row calls ``on_choose`` with its run's name.

    Streamlit keeps a choice by its row's number: the row of ``chosen`` is set wherever it moved to.
    """
    names = [run.name for run in runs]
    st.session_state[_ROWS] = names
    here = [names.index(chosen)] if chosen in names else []
    if here and _selected() != here:
        st.session_state[_MOVED] = (_selected(), time.monotonic())
        st.session_state[_TABLE] = {"selection": {"rows": here, "columns": [], "cells": []}}

    def take() -> None:
        shown: list[str] = st.session_state.get(_ROWS, [])
        moved, when = st.session_state.get(_MOVED, ([], 0.0))
        if _selected() == moved and time.monotonic() - when < _ECHO:
            return
        for row in _selected()[:1]:
            if row < len(shown):
                on_choose(shown[row])

    listed = rows(runs)
    # Where no run trains, some columns have nothing to say.
    empty = {name: None for name in ("phase", "last report", "device") if not any(row[name] for row in listed)}
    table(
        listed,
        "Runs with state, phase, progress, best validation MRR, age of the last report, device and model",
        {
            "progress": st.column_config.ProgressColumn("phase done", format="percent", min_value=0, max_value=1),
            "best validation MRR": number(
                format="%.4f", help="MRR on validation facts, of the phase in progress or the last one."
            ),
            "test MRR": number(format="%.4f", help="MRR, the mean reciprocal rank: 1 is always first."),
            "last report": text(help="How long ago its process reported that it was alive."),
            "started": text(help="In universal time."),
            **empty,
        },
        highest=260,
        placeholder="",
        key=_TABLE,
        on_select=take,
        selection_mode="single-row-required",
    )


def _selected() -> list[int]:
    """Numbers of the table's chosen rows."""
    state = st.session_state.get(_TABLE)
    return [] if state is None else list(state["selection"].get("rows", []))


def status(run: RunStatus) -> None:
    """Where one run is: phases, progress, figures, its last word."""
    st.markdown(f"**{_SIGNS[run.state]} {say.told(headline(run))}**")
    if run.phases:
        here = run.phases.index(run.phase) if run.phase in run.phases else -1
        over = len(run.phases) if run.state == "finished" else here
        steps = [
            f"✓ {phase}" if number < over else f"**● {phase}**" if number == over else f":gray[○ {phase}]"
            for number, phase in enumerate(plain(phase_words(name)) for name in run.phases)
        ]  # fmt: skip
        st.markdown("  →  ".join(steps))
    if run.active and run.progress is not None:
        left = f", at most {duration(run.eta)} left" if run.eta is not None else ""
        st.progress(run.progress, text=f"{plain(phase_words(run.phase))}: {run.progress:.0%}{left}")
    figures = {
        "best validation MRR": "" if run.best_valid_mrr is None else f"{run.best_valid_mrr:.4f}",
        "test MRR": "" if run.test_mrr is None else f"{run.test_mrr:.4f}",
        "trained for": duration(run.seconds),
        "steps": f"{run.step:,}" if run.step else "",
        "last report": f"{duration(run.heartbeat_age)} ago" if run.active and run.heartbeat_age is not None else "",
        "device": plain(clean(run.device)),
    }
    with st.container(horizontal=True):
        for name, value in figures.items():
            if value:
                st.metric(name, value)
    if run.message and run.state in ("failed", "interrupted", "stopped", "finished"):
        message = st.error if run.state == "failed" else st.warning
        message(say.sentence(run.message), icon=":material/error:" if run.state == "failed" else ":material/info:")
