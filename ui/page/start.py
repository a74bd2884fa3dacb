"""Start: what this is, three questions worth asking first, and what is here to be asked."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.components import checkpoint, links, say
from ui.components.text import plain
from ui.panels import PARAMETERS
from ui.services import datasets
from ui.services.access import training_allowed
from ui.services.examples import Example
from ui.services.runs import checkpoint_root, list_runs
from ui.session import cache, state
from ui.session.registry import Page
from upgan import machine
from upgan.render.words import clean, shorten

PAGE = Page("Start", ":material/home:", 0)
#: Datasets that are named; of more only their number is told.
_MOST_DATASETS = 8


def cards(examples: Sequence[Example], chosen: str) -> None:
    """One card for each example of the ``chosen`` checkpoint; its link asks the question."""
    if not examples:
        st.info("Nothing stands out among the held-out facts of this checkpoint. Ask your own question.")
        links.link("ask", "Ask & explain", "hub")
        return
    for column, example in zip(st.columns(len(examples)), examples, strict=True):
        with column, st.container(border=True, height="stretch", vertical_alignment="distribute"):
            question = plain(shorten(example.text, 120))
            with st.container():
                st.subheader(plain(example.title), anchor=False)
                st.markdown(f"**{question}**")
                st.markdown(plain(f"{example.why} You will see {example.see}"))
            links.link("ask", "Ask this", "arrow_forward", example.parameters(), help=question)
    st.caption(plain(f"Examples from the checkpoint “{shorten(clean(chosen), 60)}”."))


def data(entries: Sequence[datasets.DatasetEntry]) -> None:
    """The prepared datasets, and the way to all about them."""
    if entries:
        names = ", ".join(f"{shorten(clean(each.name), 40)} ({clean(each.where)})" for each in entries[:_MOST_DATASETS])
        more = f" and {len(entries) - _MOST_DATASETS:,} more" if len(entries) > _MOST_DATASETS else ""
        st.caption(plain(f"Datasets: {names}{more}."))
    links.link("models", "Models & data: metrics, datasets, your own files", "table")
    if training_allowed():
        links.link("tables", "Bring your own table: find what is missing in it", "table_view")


def main() -> None:
    """The page."""
    # A link from before there was a start page, or one written by hand, names what to ask: go there.
    if named := state.named_in_address(PARAMETERS):
        st.switch_page(links.script("ask"), query_params=named)
    st.header("Ask a knowledge graph, and see which users speak for the answer", anchor=False)
    st.markdown(
        "A knowledge graph has holes. UPGAN proposes what belongs there, from the graph's own facts and from what "
        "users chose, and shows for every answer how much each user had to do with it."
    )
    entries = list_runs(checkpoint_root())
    ready = {entry.name: entry for entry in entries if entry.problem is None}
    if not ready:
        checkpoint.none_at_all(entries)
        st.stop()
    name = state.checkpoint()
    name = name if name in ready else next(iter(ready))
    with say.problems_said():
        opened = cache.predictor(ready[name])
        cards(cache.cards(opened, name), name)
    links.link(
        "review", "Missing facts: what this catalogue lacks, how sure, and why", "fact_check", {"checkpoint": name}
    )
    st.subheader("What is here", anchor=False)
    st.caption(f"A checkpoint is a trained model together with its data. {checkpoint.MRR}")
    checkpoint.choice_rows(entries)
    data(datasets.list_datasets(datasets.data_root(), list(ready.values())))
    gpu = ", ".join(machine.gpus()) or machine.NO_GPU
    st.caption(
        plain(f"This machine: {machine.cores()} cores; memory {machine.memory()}. GPU: {gpu}."),
        help="Answers take milliseconds on a processor; a graphics card (CUDA) makes training faster.",
    )
    checkpoint.broken(entries)


if __name__ == "__main__":
    main()
