"""The start page's parts: example cards, and the checkpoints at hand."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from ui.components.text import plain
from ui.services.examples import Example
from ui.services.machine import Machine
from ui.services.runs import RunEntry
from upgan.render.words import clean, shorten


def cards(examples: Sequence[Example]) -> None:
    """One card for each example; its link asks the question."""
    if not examples:
        st.info("Nothing stands out among the held-out facts of this checkpoint. Ask your own question.")
        st.page_link("ui/pages/ask.py", label="Ask & explain", icon=":material/hub:")
        return
    for column, example in zip(st.columns(len(examples)), examples, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.subheader(plain(example.title), anchor=False)
            st.markdown(f"**{plain(shorten(example.text, 120))}**")
            st.markdown(plain(example.why))
            st.page_link(
                "ui/pages/ask.py",
                label="Ask this",
                icon=":material/arrow_forward:",
                help=plain(shorten(example.text, 120)),
                query_params=example.parameters(),
            )


def checkpoints(entries: Sequence[RunEntry], chosen: str) -> None:
    """What can be asked here, in a table."""
    ready = [entry for entry in entries if entry.problem is None]
    st.subheader("What is here", anchor=False)
    st.caption(
        "A checkpoint is a trained model together with its data. MRR says how high the right answer stands on facts "
        "held out of training: 1 is always first, 0.5 is as good as always second."
    )
    st.dataframe(
        pd.DataFrame(
            {
                "checkpoint": [clean(entry.name) for entry in ready],
                "dataset": [clean(entry.dataset) for entry in ready],
                "model": [clean(entry.model) for entry in ready],
                "preset": [clean(entry.preset) for entry in ready],
                "mrr": [entry.mrr for entry in ready],
                "": ["examples above" if entry.name == chosen else "" for entry in ready],
            }
        ),
        hide_index=True,
        column_config={"mrr": st.column_config.NumberColumn("test MRR", format="%.3f")},
        alt="Checkpoints with dataset, model, preset and test MRR",
    )
    st.page_link(
        "ui/pages/models.py", label="Models & data: metrics, datasets, your own files", icon=":material/table:"
    )


def machine(facts: Machine) -> None:
    """What this machine computes with."""
    st.caption(
        plain(f"This machine: {facts.cores}; {facts.memory}. GPU: {facts.device}."),
        help="Answers take milliseconds on a processor; a graphics card (CUDA) makes training faster.",
    )
