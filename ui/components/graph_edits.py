"""Facts and choices that a what-if takes out of the graph or puts in: a short form, and what was changed so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from ui.components import say
from ui.components.answered import Answered
from ui.components.text import plain
from ui.services import edits, questions
from ui.services.edits import ADD_CHOICE, ADD_FACT, EDITS, REMOVE_CHOICE, REMOVE_FACT, Row, Rows
from ui.session import state
from upgan.data.dataset import KGDataset
from upgan.data.lookup import resolve_entity
from upgan.errors import QueryError
from upgan.explain.explanation import Explanation, Node
from upgan.render.words import clean, shorten

_ACTIONS = {
    "Take out a fact": REMOVE_FACT,
    "Put in a fact": ADD_FACT,
    "Take out a choice": REMOVE_CHOICE,
    "Put in a choice": ADD_CHOICE,
}
#: Where the form keeps what was typed, and what was wrong with it.
_FORM, _WRONG = "upgan_edit_", "upgan_edit_wrong"
_TYPED = "Choose one from the figure, or type any id or unique name."


def show(answered: Answered) -> None:
    """The changes so far, each with its undoing, and the form for another one."""
    dataset, view = answered.predictor.dataset, answered.view
    for edit in EDITS:
        changed = view[edit]
        for place, change in enumerate(changed):
            st.button(
                plain(shorten(edits.in_words(edit, change, dataset), 160)),
                key=f"upgan_undo_{edit.name}_{place}",
                type="tertiary",
                icon=":material/close:",
                help="Undo this change.",
                on_click=state.put,
                args=(edit, tuple(other for other in changed if other != change)),
            )
    with st.expander("Change facts and choices", icon=":material/edit:"):
        action = st.segmented_control(
            "Change", list(_ACTIONS), default=next(iter(_ACTIONS)), required=True, key=f"{_FORM}action",
            persist_state="session", label_visibility="collapsed",
        )  # fmt: skip
        edit = _ACTIONS.get(str(action), REMOVE_FACT)
        row = _row(edit, answered)
        st.button(
            str(action), key="upgan_edit_apply", icon=":material/check:", disabled=row is None,
            on_click=_apply, args=(edit, row, view[edit], dataset),
        )  # fmt: skip
        if wrong := st.session_state.pop(_WRONG, ""):
            say.error(wrong)


def _row(edit: Rows, answered: Answered) -> Row | None:
    """The fields of one kind of change, and what they say; None as long as something is missing."""
    dataset, explanation = answered.predictor.dataset, answered.explanation
    names = _entities(answered)
    if edit is REMOVE_FACT:
        entity = _resolved(_typed("A fact of", names, "around", 0), dataset)
        facts, total = edits.facts_of(dataset, entity) if entity is not None else ([], 0)
        words = {fact: shorten(edits.fact_words(dataset, fact), 120) for fact in facts}
        chosen = _one("Which fact", words, "fact", f"{len(facts):,} of its {total:,} training facts")
        return chosen if chosen in words else None
    if edit is ADD_FACT:
        columns = st.columns(3)
        with columns[0]:
            head = _typed("Subject", names, "head")
        with columns[1]:
            labels = dict(zip(dataset.relations, map(clean, dataset.relation_labels), strict=True))
            relation = _one("Relation", {name: label or clean(name) for name, label in labels.items()}, "relation")
        with columns[2]:
            tail = _typed("Object", names, "tail")
        return (head, relation, tail) if head and relation and tail else None
    left, right = st.columns(2)
    with left:
        user = _typed("Who", {name: clean(name) for name in _users(explanation)}, "user")
    with right:
        if edit is ADD_CHOICE:
            item = _typed("Had chosen", names, "item")
        else:
            known = user in dataset.user_index
            items = edits.items_of(dataset, str(user)) if known else []
            item = _one("Had not chosen", {name: questions.label_of(dataset, name) for name in items}, "chosen")
            if user and not known:
                say.info(f"The dataset has no user “{shorten(str(user), 60)}”.")
    return (user, item) if user and item else None


def _typed(label: str, names: Mapping[str, str], key: str, first: int | None = None) -> str | None:
    """One of some names, or another one that is typed."""
    typed = st.session_state.get(f"{_FORM}{key}")
    options = dict.fromkeys([*names, *([typed] if typed else [])])
    return st.selectbox(
        label, list(options), index=first, format_func=lambda name: names.get(name, name), key=f"{_FORM}{key}",
        accept_new_options=True, placeholder="Choose or type", help=_TYPED,
    )  # fmt: skip


def _one(label: str, names: Mapping[Any, str], key: str, help: str | None = None) -> Any:
    """One of some names; None for one that is not among them any more."""
    if st.session_state.get(f"{_FORM}{key}") not in names:
        st.session_state[f"{_FORM}{key}"] = None
    return st.selectbox(
        label, list(names), format_func=lambda name: names.get(name, str(name)), key=f"{_FORM}{key}",
        placeholder="Choose one", help=help, disabled=not names,
    )  # fmt: skip


def _resolved(text: str | None, dataset: KGDataset) -> str | None:
    """The entity that a text names; what is wrong with it is said."""
    if not text:
        return None
    number = say.attempt(lambda: resolve_entity(dataset, text), as_info=True)
    return None if number is None else dataset.entities[number]


def _apply(edit: Rows, row: Row, before: tuple[Row, ...], dataset: KGDataset) -> None:
    """Add a change with its names resolved (a callback); what is wrong with a name is kept to be said."""
    try:
        ids = tuple(
            text if part in ("user", "relation") else dataset.entities[resolve_entity(dataset, text)]
            for part, text in zip(edit.parts, row, strict=True)
        )
        if edit.parts == edits.CHOICE and ids[0] not in dataset.user_index:
            raise QueryError(f"the dataset has no user {ids[0]!r}; changes may name known users only")
    except QueryError as error:
        st.session_state[_WRONG] = str(error)
        return
    state.put(edit, tuple(dict.fromkeys([*before, ids])))


def _entities(answered: Answered) -> dict[str, str]:
    """What the figure and the list of candidates name: id -> label."""
    explanation = answered.explanation
    nodes: list[Node] = [explanation.target, explanation.answer]
    for chain in (explanation.paths, explanation.answer_paths, explanation.walks, explanation.evidence):
        nodes += [node for path in chain for node in path.nodes if node.role != "user"]
    ids = [*(node.id for node in nodes), *(row["id"] for row in answered.candidates.rows)]
    return {name: questions.label_of(answered.predictor.dataset, name) for name in dict.fromkeys(ids)}


def _users(explanation: Explanation) -> Iterable[str]:
    """The heaviest users of both sides."""
    shares = (*explanation.users[: 2 * explanation.top_users], *explanation.answer_users[: 2 * explanation.top_users])
    return dict.fromkeys(share.id for share in shares)
