"""The query that a training shall follow."""

from __future__ import annotations

import streamlit as st

from ui.services.pinning import held_out, named
from ui.services.questions import Question, relation_label
from upgan.data.dataset import KGDataset
from upgan.data.query import Direction, Query

_ON, _RELATION, _SIDE, _ENTITY, _ANSWER = (
    f"upgan_pin_{name}" for name in ("on", "relation", "side", "entity", "answer")
)
_SIDES: dict[Direction, str] = {"tail": "entity — relation — ?", "head": "? — relation — entity"}


def ask(dataset: KGDataset) -> Question | None:
    """What is asked for as it was typed; None where no query shall be followed."""
    on = st.toggle(
        "Follow one question through training",
        key=_ON,
        persist_state="session",
        help="Its answer's rank, the heaviest users and the hardest negatives are written down at every evaluation. "
        "The training itself is the same with and without.",
    )
    if not on:
        return None
    if st.session_state.get(_RELATION) not in dataset.relations:
        _fill(dataset)
    left, right = st.columns(2)
    with left:
        relation = st.selectbox(
            "Relation",
            dataset.relations,
            key=_RELATION,
            format_func=lambda name: relation_label(dataset, name) if name in dataset.relation_index else name,
            persist_state="session",
        )
        entity = st.text_input("Entity", key=_ENTITY, help="A name or an id.", persist_state="session")
    with right:
        side = st.selectbox(
            "What is missing", list(_SIDES), key=_SIDE, format_func=lambda name: _SIDES.get(name, name),
            persist_state="session",
        )  # fmt: skip
        answer = st.text_input("Answer that is followed", key=_ANSWER, help="A name or an id.", persist_state="session")
    st.button(
        "Another held-out fact", key="upgan_pin_random", icon=":material/shuffle:", on_click=lambda: _fill(dataset)
    )
    query = Query.about(entity or "", str(relation), "head" if side == "head" else "tail")
    return Question("", query, answer or "")


def _fill(dataset: KGDataset) -> None:
    """A fact of the validation part."""
    fact = held_out(dataset)
    if fact is not None:
        query = fact.query
        names = {_ENTITY: named(dataset, query.entity), _ANSWER: named(dataset, fact.answer or "")}
        st.session_state.update({_RELATION: query.relation, _SIDE: query.direction, **names})
    else:
        st.session_state[_RELATION] = dataset.relations[0]
