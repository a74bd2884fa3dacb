"""From what a person types to an entity or relation: by id, or else by label."""

from __future__ import annotations

import difflib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.dataset import KGDataset
from upgan.data.query import Query
from upgan.errors import QueryError

#: How many ids an ambiguous label lists.
_MAX_CANDIDATES = 10
#: For an unknown name: how many names difflib looks at, how many are shown, and how alike they must be.
_PRESELECTED, _NEAREST, _LEAST_LIKENESS = 200, 5, 0.4


def resolve_entity(dataset: KGDataset, text: str | None) -> int:
    """The number of the entity with this id, or else with this unique label; QueryError otherwise."""
    return _resolve("entity", text, dataset.entity_index, dataset.entities, dataset.entity_labels)


def resolve_relation(dataset: KGDataset, text: str) -> int:
    """The number of the relation with this id, or else with this unique label; QueryError otherwise."""
    return _resolve("relation", text, dataset.relation_index, dataset.relations, dataset.relation_labels)


def resolve_query(dataset: KGDataset, head: str | None, relation: str | None, tail: str | None) -> Query:
    """The query with these ends, ids or unique labels; QueryError for a wrong name, or unless one end is missing."""
    if relation is None:
        raise QueryError("name the relation of the query")
    if (head is None) == (tail is None):
        raise QueryError("give the head to ask for the tail, or the tail to ask for the head: exactly one of them")
    known = dataset.relations[resolve_relation(dataset, relation)]
    entity = dataset.entities[resolve_entity(dataset, head if head is not None else tail)]
    return Query.about(entity, known, "tail" if tail is None else "head")


def _resolve(kind: str, text: str | None, index: dict[str, int], ids: list[str], labels: list[str]) -> int:
    """Id, then exact label, then label without regard to case; the first of these that finds anything decides."""
    if not isinstance(text, str):  # from Python, where nothing checks it
        raise QueryError(f"{text!r} is no {kind}: give the text of an id or of a label")
    wanted = text.strip()
    for exact in (text, wanted):
        if exact in index:
            return index[exact]
    if not wanted:
        raise QueryError(f"the {kind} is empty; give an id or a label of the dataset")
    found = [number for number, label in enumerate(labels) if label == wanted]
    if not found:
        folded = wanted.casefold()
        found = [number for number, label in enumerate(labels) if label.casefold() == folded]
    if len(found) == 1:
        return found[0]
    if found:
        listed = "; ".join(f"{ids[number]} ({labels[number]})" for number in found[:_MAX_CANDIDATES])
        more = f"; and {len(found) - _MAX_CANDIDATES} more" if len(found) > _MAX_CANDIDATES else ""
        raise QueryError(f"{len(found)} {kind} labels are {wanted!r}; give one of these ids: {listed}{more}")
    near = _nearest(wanted, ids, labels)
    hint = f"; nearest: {'; '.join(f'{ids[n]} ({labels[n]})' for n in near)}" if near else ""
    raise QueryError(f"the dataset has no {kind} with id or label {wanted!r}{hint}")


def _nearest(wanted: str, ids: list[str], labels: list[str]) -> list[int]:
    """Up to five numbers whose label or id resembles ``wanted``, best first.

    difflib takes too long on 100,000 names, so it only orders those that share the most letter triples with
    ``wanted``; the count of shared triples is cheap.
    """
    folded = wanted.casefold()
    grams = {folded[start : start + 3] for start in range(max(len(folded) - 2, 1))}
    names = pa.array([f"{label} {key}".casefold() for key, label in zip(ids, labels, strict=True)], pa.large_string())
    shared = np.zeros(len(ids), dtype=np.int64)
    for gram in sorted(grams):
        shared += pc.match_substring(names, gram).to_numpy(zero_copy_only=False)
    # Stable order and, among equals, shorter names first: a short name that shares as much is closer.
    order = np.lexsort((pc.utf8_length(names).to_numpy(zero_copy_only=False), -shared))[:_PRESELECTED]
    candidates = [int(number) for number in order if shared[number] > 0]

    def likeness(number: int) -> float:
        names_of = (labels[number].casefold(), ids[number].casefold())
        return max(difflib.SequenceMatcher(None, folded, name).ratio() for name in names_of)

    scored = sorted(((likeness(number), number) for number in candidates), key=lambda pair: (-pair[0], pair[1]))
    return [number for score, number in scored[:_NEAREST] if score >= _LEAST_LIKENESS]
