"""What every page that asks a checkpoint does first: find the one in use, open it, or say why that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from ui import cache, state
from ui.components import checkpoint
from ui.components.text import plain
from ui.services.runs import RunEntry, checkpoint_root, list_runs
from upgan.errors import UpganError
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor


@dataclass(frozen=True)
class Opened:
    """The checkpoint in use."""

    name: str
    predictor: Predictor


def open_checkpoint(title: str) -> Opened:
    """Heading, the choice of a checkpoint beside it, and that checkpoint opened; ends the page where none can be."""
    root = checkpoint_root()
    entries = list_runs(root)
    ready = {entry.name: entry for entry in entries if entry.problem is None}
    if not ready:
        st.header(title, anchor=False)
        checkpoint.none_at_all(str(root))
        checkpoint.broken(entries)
        st.stop()
    name = _in_use(entries, ready)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header(title, anchor=False, width="content")
        chip = st.popover(
            plain(shorten(ready[name].chip(), 32)),
            icon=":material/database:",
            help="The checkpoint that answers: a trained model with its data. Click for others.",
        )
    with chip:
        checkpoint.choose(entries, name, state.choose_checkpoint)
    try:
        predictor = cache.predictor(ready[name])
    except UpganError as error:
        st.error(plain(clean(str(error))), icon=":material/error:")
        with chip:
            checkpoint.broken(entries)
        st.stop()
    with chip:
        checkpoint.facts(predictor.dataset)
        checkpoint.broken(entries)
    return Opened(name, predictor)


def _in_use(entries: Sequence[RunEntry], ready: dict[str, RunEntry]) -> str:
    """The checkpoint that the link or the last choice names, or the first that can be opened, with the reason."""
    name = state.link_checkpoint() or next(iter(ready))
    if name in ready:
        return name
    reason = next((entry.problem for entry in entries if entry.name == name), None)
    said = f"cannot be opened: {clean(reason)}" if reason else "is not here"
    notice = f"The checkpoint “{shorten(clean(name), 60)}” {said}. Showing another one."
    name = next(iter(ready))
    state.choose_checkpoint(name, notice)
    return name
