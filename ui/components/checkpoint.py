"""Which checkpoint is asked, how good it is, and why others cannot be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from ui.components import links
from ui.components.table import number, table, text
from ui.components.text import plain
from ui.services.access import training_allowed
from ui.services.runs import RunEntry, checkpoint_root
from ui.services.settings import model_words
from upgan.data.dataset import KGDataset
from upgan.render.words import clean, user_noun

_KEY = "upgan_widget_checkpoint"
MRR = (
    "MRR, the mean reciprocal rank, says how high the right answer stands in the list on facts held out of training: "
    "1 is always first, 0.5 is as good as always second."
)
_COMMANDS = """upgan data demo --out data/demo
upgan train data/demo --preset demo --run checkpoints/demo"""


def choose(entries: Sequence[RunEntry], chosen: str, on_choose: Callable[[str], None]) -> None:
    """The checkpoint in use, and behind it the list of all; a choice calls ``on_choose`` before the page runs again."""
    ready = {entry.name: clean(entry.summary()) for entry in entries if entry.problem is None}
    # The list follows the question (a link may have changed it), not the other way round.
    st.session_state[_KEY] = chosen
    st.selectbox(
        "Checkpoint",
        list(ready),
        format_func=lambda name: ready.get(name, name),
        key=_KEY,
        on_change=lambda: on_choose(st.session_state[_KEY]),
        help=f"A trained model with its data. {MRR}",
    )


def choice_table(entries: Sequence[RunEntry]) -> None:
    """Every checkpoint that can be asked, with what it is and its test MRR."""
    rows = [
        {
            "checkpoint": clean(entry.name),
            "mrr": entry.mrr,
            "dataset": clean(entry.dataset),
            "model": model_words(clean(entry.model)),
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


def facts(dataset: KGDataset) -> None:
    """The size of the data behind the checkpoint."""
    users = user_noun(dataset.simulated_users, dataset.num_users)
    st.caption(
        f"{dataset.num_entities:,} entities · {dataset.num_relations:,} relations · {dataset.num_users:,} {users}"
    )


def broken(entries: Sequence[RunEntry]) -> None:
    """Runs that cannot be opened are said, not hidden."""
    problems = [entry for entry in entries if entry.problem is not None]
    if not problems:
        return
    folders = "folder" if len(problems) == 1 else "folders"
    with st.expander(f"{len(problems)} {folders} here cannot be opened", icon=":material/warning:"):
        for entry in problems:
            st.markdown(f"**{plain(clean(entry.name))}**: {plain(clean(entry.problem or ''))}")


def none_at_all(entries: Sequence[RunEntry]) -> None:
    """The first thing to do where there is no checkpoint that can be asked; and what the folders there lack."""
    st.info("There is no checkpoint to ask yet.", icon=":material/hub:")
    st.markdown("Two commands make one from the embedded book catalogue; the second takes about two minutes:")
    st.code(_COMMANDS, language="bash", wrap_lines=True)
    st.caption(f"Then reload this page. It looks in {plain(clean(str(checkpoint_root())))}.")
    if training_allowed():
        links.link("train", "Or train one here", "model_training")
    broken(entries)
