"""The checkpoint that is asked, chosen and opened; how good each is, and why others cannot be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import controls, links, say
from ui.components.say import attempt
from ui.components.table import number, table, text
from ui.components.text import plain
from ui.services.access import training_allowed
from ui.services.runs import RunEntry, checkpoint_root, list_runs
from ui.session import cache, state
from upgan.config.systems import MODEL_NAMES
from upgan.render.words import clean, shorten, user_noun

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

MRR = (
    "MRR, the mean reciprocal rank, says how high the right answer stands in the list on facts held out of training: "
    "1 is always first, 0.5 is as good as always second."
)
_COMMANDS = """upgan data demo --out data/demo
upgan train data/demo --run checkpoints/demo"""


def open_checkpoint(title: str) -> Predictor:
    """Heading, the choice of a checkpoint beside it, and that checkpoint opened; ends the page where none can be."""
    entries = list_runs(checkpoint_root())
    ready = {entry.name: entry for entry in entries if entry.problem is None}
    if not ready:
        st.header(title, anchor=False)
        say.notices(state.unread("checkpoint"))
        none_at_all(entries)
        st.stop()
    name = _in_use(entries, ready)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header(title, anchor=False, width="content")
        chip = st.popover(
            plain(shorten(ready[name].chip(), 32)),
            icon=":material/database:",
            help="The checkpoint that answers: a trained model with its data. Click to choose another.",
        )
    with chip:
        controls.select(
            "Checkpoint",
            {entry.name: clean(entry.summary()) for entry in ready.values()},
            name,
            lambda chosen: state.choose_checkpoint(chosen or name),
            "upgan_widget_checkpoint",
            help=f"A trained model with its data. {MRR}",
        )
    predictor = attempt(lambda: cache.predictor(ready[name]))
    with chip:
        if predictor is not None:
            dataset = predictor.dataset
            users = f"{dataset.num_users:,} {user_noun(dataset.simulated_users, dataset.num_users)}"
            st.caption(f"{dataset.num_entities:,} entities · {dataset.num_relations:,} relations · {users}")
        broken(entries)
    if predictor is None:
        st.stop()
    return predictor


def _in_use(entries: Sequence[RunEntry], ready: Mapping[str, RunEntry]) -> str:
    """The checkpoint that the link or the last choice names, or the first that can be opened, with the reason."""
    name = state.checkpoint() or next(iter(ready))
    if name in ready:
        return name
    reason = next((entry.problem for entry in entries if entry.name == name), None)
    why = f"cannot be opened: {clean(reason)}" if reason else "is not here"
    notice = f"The checkpoint “{shorten(clean(name), 60)}” {why}. Showing another one."
    name = next(iter(ready))
    state.choose_checkpoint(name, notice)
    return name


def choice_table(entries: Sequence[RunEntry]) -> None:
    """Every checkpoint that can be asked, with what it is and its test MRR."""
    rows = [
        {
            "checkpoint": clean(entry.name),
            "mrr": entry.mrr,
            "dataset": clean(entry.dataset),
            "model": MODEL_NAMES.get(entry.model, clean(entry.model)),
            "preset": clean(entry.preset),
            "state": clean(entry.state),
        }
        for entry in entries
        if entry.problem is None
    ]
    columns = {
        "mrr": number("test MRR", format="%.3f", help=MRR),
        "preset": text(help="The set of settings that training began from."),
    }
    table(rows, "Checkpoints with test MRR, dataset, model, preset and state", columns, highest=300)


def choice_rows(entries: Sequence[RunEntry], most: int = 12) -> None:
    """Every checkpoint that can be asked as a row: a link that asks it, its test MRR, and what it is."""
    ready = [entry for entry in entries if entry.problem is None]
    for entry in ready[:most]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            name = shorten(clean(entry.name), 40)
            links.link("ask", name, "hub", {"checkpoint": entry.name}, help=plain(f"Ask {name}"))
            model = MODEL_NAMES.get(entry.model, clean(entry.model))
            quality = "not evaluated" if entry.mrr is None else f"test MRR {entry.mrr:.3f}"
            trained = f"{model}, preset {clean(entry.preset)}" if entry.preset else model
            unfinished = "" if entry.state == "finished" else clean(entry.state)
            parts = (quality, trained, f"data {clean(entry.dataset)}", unfinished)
            st.caption(plain(" · ".join(part for part in parts if part)))
    if len(ready) > most:
        links.link("models", f"{len(ready) - most:,} more", "table", {"part": "models"})


def broken(entries: Sequence[RunEntry]) -> None:
    """Runs that cannot be opened are said, not hidden."""
    problems = [entry for entry in entries if entry.problem is not None]
    if not problems:
        return
    folders = "folder" if len(problems) == 1 else "folders"
    with st.expander(f"{len(problems)} {folders} here cannot be opened", icon=":material/warning:"):
        for entry in problems:
            st.markdown(f"**{plain(clean(entry.name))}**: {say.told(entry.problem or '')}")


def none_at_all(entries: Sequence[RunEntry]) -> None:
    """The first thing to do where there is no checkpoint that can be asked; and what the folders there lack."""
    st.info("There is no trained model (checkpoint) to ask yet.", icon=":material/hub:")
    if training_allowed():
        links.link("train", "Train one here", "model_training")
        links.link("tables", "Bring your own table", "table_view")
    st.caption(f"This page looks in {plain(clean(str(checkpoint_root())))}.")
    with st.expander("From a terminal", icon=":material/terminal:"):
        st.caption("Two commands make one from the embedded book catalogue; the second takes about two minutes:")
        st.code(_COMMANDS, language=None, wrap_lines=True)
    broken(entries)
