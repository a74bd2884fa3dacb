"""Paths of an explanation, all or those that go through one entity."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

import streamlit as st

from ui.components import controls
from ui.components.answered import Answered
from ui.services import questions
from ui.services.view import Named, known_entity
from ui.session import state
from upgan.explain.explanation import Explanation

#: The entity that paths have to go through; every list of paths follows it.
THROUGH = Named("through", lasts="question", known=known_entity)


def chosen(answered: Answered, *fields: str) -> Explanation:
    """The explanation with those paths in its ``fields`` that go through the chosen entity; the choice is drawn."""
    explanation, entity = answered.explanation, answered.view[THROUGH]
    paths: dict[str, tuple[Any, ...]] = {field: getattr(explanation, field) for field in fields}
    through: dict[str, int] = {}
    for path in chain(*paths.values()):
        for name in {node.id for node in path.nodes if node.role != "user"}:
            through[name] = through.get(name, 0) + 1
    # What every path goes through leaves none out.
    total = sum(map(len, paths.values()))
    counts = {name: count for name, count in through.items() if count < total or name == entity}
    if entity is not None:
        counts.setdefault(entity, 0)
    label = questions.label_of
    names = {
        name: f"{label(answered.predictor.dataset, name)} ({counts[name]:,} of {total:,})"
        for name in sorted(counts, key=lambda name: -counts[name])
    }
    if not names:
        return explanation
    controls.select(
        "Only paths through", names, entity, lambda name: state.put(THROUGH, name), "upgan_widget_through",
        placeholder="Any entity", help="Type a part of a name. The figure still shows all of its paths.",
    )  # fmt: skip
    if entity is None:
        return explanation
    if not counts[entity]:
        st.caption("No path listed here goes through it.")
    kept: dict[str, Any] = {
        field: tuple(path for path in listed if any(node.id == entity and node.role != "user" for node in path.nodes))
        for field, listed in paths.items()
    }
    return replace(explanation, **kept)
