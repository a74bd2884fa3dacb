"""What every page that asks a checkpoint does first: find the one in use, open it, or say why that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import checkpoint
from ui.components.say import problems_said
from ui.components.text import plain
from ui.services.runs import RunEntry, checkpoint_root, list_runs
from ui.session import cache, state
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor


@dataclass(frozen=True)
class Opened:
    """The checkpoint in use."""

    name: str
    predictor: Predictor


def open_checkpoint(title: str, parameters: state.Parameters) -> Opened:
    """Heading, the choice of a checkpoint beside it, and that checkpoint opened; ends the page where none can be.

    ``parameters``: what a link may name beside the question.
    """
    entries = list_runs(checkpoint_root())
    ready = {entry.name: entry for entry in entries if entry.problem is None}
    if not ready:
        st.header(title, anchor=False)
        checkpoint.none_at_all(entries)
        st.stop()
    name = _in_use(entries, ready, parameters)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header(title, anchor=False, width="content")
        chip = st.popover(
            plain(shorten(ready[name].chip(), 32)),
            icon=":material/database:",
            help="The checkpoint that answers: a trained model with its data. Click for others.",
        )
    with chip:
        checkpoint.choose(entries, name, state.choose_checkpoint)
    predictor = None
    with problems_said():
        predictor = cache.predictor(ready[name])
    with chip:
        if predictor is not None:
            checkpoint.facts(predictor.dataset)
        checkpoint.broken(entries)
    if predictor is None:
        st.stop()
    return Opened(name, predictor)


def _in_use(entries: Sequence[RunEntry], ready: Mapping[str, RunEntry], parameters: state.Parameters) -> str:
    """The checkpoint that the link or the last choice names, or the first that can be opened, with the reason."""
    name = state.link_checkpoint(parameters) or next(iter(ready))
    if name in ready:
        return name
    reason = next((entry.problem for entry in entries if entry.name == name), None)
    why = f"cannot be opened: {clean(reason)}" if reason else "is not here"
    notice = f"The checkpoint “{shorten(clean(name), 60)}” {why}. Showing another one."
    name = next(iter(ready))
    state.choose_checkpoint(name, notice)
    return name
