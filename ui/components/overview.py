"""The start page's parts: example cards, and the checkpoints at hand."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.components import checkpoint
from ui.components.text import plain
from ui.services.datasets import DatasetEntry
from ui.services.examples import Example
from ui.services.machine import Machine
from ui.services.runs import RunEntry
from upgan.render.words import clean, shorten


def cards(examples: Sequence[Example], chosen: str) -> None:
    """One card for each example of the ``chosen`` checkpoint; its link asks the question."""
    if not examples:
        st.info("Nothing stands out among the held-out facts of this checkpoint. Ask your own question.")
        st.page_link("ui/pages/ask.py", label="Ask & explain", icon=":material/hub:")
        return
    for column, example in zip(st.columns(len(examples)), examples, strict=True):
        with column, st.container(border=True, height="stretch", vertical_alignment="distribute"):
            with st.container():
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
    st.caption(plain(f"Examples from the checkpoint “{shorten(clean(chosen), 60)}”."))


def checkpoints(entries: Sequence[RunEntry]) -> None:
    """What can be asked here, in a table."""
    st.subheader("What is here", anchor=False)
    st.caption(
        "A checkpoint is a trained model together with its data. MRR says how high the right answer stands on facts "
        "held out of training: 1 is always first, 0.5 is as good as always second."
    )
    checkpoint.table(entries)


def data(entries: Sequence[DatasetEntry]) -> None:
    """The prepared datasets, and the way to all about them."""
    if entries:
        names = ", ".join(f"{shorten(clean(entry.name), 40)} ({clean(entry.where)})" for entry in entries[:8])
        more = f" and {len(entries) - 8:,} more" if len(entries) > 8 else ""
        st.caption(plain(f"Datasets: {names}{more}."))
    st.page_link(
        "ui/pages/models.py", label="Models & data: metrics, datasets, your own files", icon=":material/table:"
    )


def machine(facts: Machine) -> None:
    """What this machine computes with."""
    st.caption(
        plain(f"This machine: {facts.cores}; {facts.memory}. GPU: {facts.device}."),
        help="Answers take milliseconds on a processor; a graphics card (CUDA) makes training faster.",
    )
