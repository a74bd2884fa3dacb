"""One's own files: sent, checked, then made into a dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ui.components import links
from ui.components.text import plain
from ui.services.datasets import MOST_MEGABYTES, PLAIN, fingerprint, key_of
from upgan.data.prepare.prepare import PrepareSettings


def ask_for_files() -> dict[str, bytes]:
    """The files sent: name -> content."""
    st.markdown(
        "Upload the facts of a knowledge graph and what users chose. The files are checked first; nothing is written "
        "until you say so. They stay on the machine that runs this app."
    )
    sent = st.file_uploader(
        "Files",
        type=[*PLAIN, "gz"],
        accept_multiple_files=True,
        key="upgan_widget_import_files",
        max_upload_size=MOST_MEGABYTES,
        help=f"At most {MOST_MEGABYTES} MB in all, plain or packed (.gz); larger sources: `upgan data prepare` in a "
        "terminal.",
    )
    if not sent:
        with st.expander("What the files look like", icon=":material/description:", expanded=True):
            _layouts()
        links.link("tables", "A table with a row for each book, film or product: bring it there", "table_view")
    return {file.name: file.getvalue() for file in sent or []}


def _layouts() -> None:
    """The layouts that are recognised, with a line of each."""
    tables, recbole, others = st.columns(3)
    with tables:
        st.markdown("**Plain tables**, separated by tabs")
        st.code("triples.tsv\nhead  relation  tail\nb17   author    a3", language=None)
        st.code("interactions.tsv\nuser  item\nu42   b17", language=None)
        st.caption("Where items have other ids than entities also links.tsv (item, entity); names: labels.tsv "
                   "(id, label).")  # fmt: skip
    with recbole:
        st.markdown("**RecBole's files**")
        st.code("ml.kg\nhead_id:token  relation_id:token  tail_id:token\nm.0f4_l  film.film.genre  m.01jfsb",
                language=None, wrap_lines=True)  # fmt: skip
        st.code("ml.inter\nuser_id:token  item_id:token  rating:float\n196  242  3", language=None, wrap_lines=True)
        st.caption("With ml.link from items to entities, and ml.item for their names.")
    with others:
        st.markdown("**N-Triples**, and the authors' release")
        st.code("facts.nt\n<ex:b17> <ex:author> <ex:a3> .", language=None,
                wrap_lines=True)  # fmt: skip
        st.code("r_map.dat, e_map.dat, train.dat, … ratings.txt", language=None, wrap_lines=True)
        st.caption("N-Triples go with an interactions.tsv; the labels in them become names.")


def ask_how(on_order: Callable[[str, PrepareSettings], None]) -> None:
    """Name and limits; sending the form calls ``on_order``."""
    with st.form("upgan_import", border=True):
        name = st.text_input("Name of the dataset", value="mine", help="1 to 40 of a-z, 0-9, - and _.")
        interactions = st.number_input(
            "Fewest interactions of a user and of an item", 1, 1000, 5,
            help="Users and items with fewer are left out, repeatedly, until all that remain have enough (a k-core).",
        )  # fmt: skip
        triples = st.number_input(
            "Fewest facts of an entity", 1, 1000, 3, help="Entities that stand in fewer facts are left out."
        )
        if st.form_submit_button("Prepare the dataset", icon=":material/play_arrow:"):
            on_order(name, PrepareSettings(min_interactions=int(interactions), min_triples=int(triples)))


def done(made: Path, on_undo: Callable[[], None]) -> None:
    """The dataset is there; the way to use it, and to be rid of it again."""
    st.success(f"The dataset “{plain(made.name)}” is ready. Next: train a model on it.", icon=":material/check_circle:")
    with st.container(horizontal=True, vertical_alignment="center"):
        links.link("train", "Train on it", "model_training", {"dataset": key_of(fingerprint(made))})
        st.button(
            "Undo: remove the dataset",
            key="upgan_import_undo",
            icon=":material/undo:",
            on_click=on_undo,
            help="The uploaded files stay until you leave this page, so that you can prepare them again.",
        )
