"""One's own files: sent, checked, then made into a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from ui.services.datasets import ENDINGS, MOST_MEGABYTES

_FILES = "upgan_widget_import_files"


@dataclass(frozen=True)
class Order:
    """What shall become of the files."""

    name: str
    min_interactions: int
    min_triples: int


def ask_for_files() -> dict[str, bytes]:
    """The files sent: name -> content."""
    st.markdown(
        "Send `triples.tsv` (head, relation, tail) and `interactions.tsv` (user, item), and where items have other ids "
        "than entities `links.tsv` (item, entity); `labels.tsv` (id, label) gives names. RecBole's `.inter`, `.kg`, "
        "`.link` and `.item` files, N-Triples (`.nt`) and the other layouts of `upgan data prepare` are read too, each "
        "also compressed (`.gz`). Files stay on the machine that runs this app."
    )
    sent = st.file_uploader(
        "Files",
        type=list(ENDINGS),
        accept_multiple_files=True,
        key=_FILES,
        max_upload_size=MOST_MEGABYTES,
        help=f"At most {MOST_MEGABYTES} MB in all; larger sources: `upgan data prepare` in a terminal.",
    )
    return {file.name: file.getvalue() for file in sent or []}


def ask_how(on_order: Callable[[Order], None]) -> None:
    """Name and limits; sending the form calls ``on_order``."""
    with st.form("upgan_import", border=True):
        name = st.text_input("Name of the dataset", value="mine", help="1 to 40 of a-z, 0-9, - and _.")
        interactions = st.number_input(
            "Fewest interactions of a user and of an item", 1, 1000, 5,
            help="The k of the k-core: who has fewer is left out, again and again until all have enough.",
        )  # fmt: skip
        triples = st.number_input(
            "Fewest triples of an entity", 1, 1000, 3, help="Entities that stand in fewer facts are left out."
        )
        if st.form_submit_button("Prepare the dataset", icon=":material/play_arrow:"):
            on_order(Order(name, int(interactions), int(triples)))
