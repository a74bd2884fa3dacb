"""From what a person types to an entity or relation: by id, or else by label."""

from __future__ import annotations

from rapidfuzz import fuzz, process

from upgan.data.dataset import KGDataset
from upgan.data.query import Query
from upgan.errors import QueryError

#: How many ids an ambiguous label lists.
_MAX_CANDIDATES = 10
#: For an unknown name: how many are shown, and how alike they must be (0 to 100).
_NEAREST, _LEAST_LIKENESS = 5, 40


#: What can be done about an entity that is new since the training.
NEW_ENTITY = (
    " A model knows the entities it was trained with; for one that is new, `upgan refresh RUN --interactions FILE "
    "--items FILE` takes up its users with the weights frozen, and `upgan data prepare` and `upgan train` its facts too"
)


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
        raise QueryError(f"{text!r} is not text: give the {kind}'s id or label")
    wanted = text.strip()
    for exact in (text, wanted):
        if exact in index:
            return index[exact]
    if not wanted:
        raise QueryError(f"the {kind} is empty; give an id or a label of the dataset")
    matches = [number for number, label in enumerate(labels) if label == wanted]
    if not matches:
        folded = wanted.casefold()
        matches = [number for number, label in enumerate(labels) if label.casefold() == folded]
    if len(matches) == 1:
        return matches[0]
    if matches:
        listed = "; ".join(f"{ids[number]} ({labels[number]})" for number in matches[:_MAX_CANDIDATES])
        more = f"; and {len(matches) - _MAX_CANDIDATES} more" if len(matches) > _MAX_CANDIDATES else ""
        raise QueryError(f"{len(matches)} {kind} labels are {wanted!r}; give one of these ids: {listed}{more}")
    near = _nearest(wanted, ids, labels)
    hint = f"; nearest: {'; '.join(f'{ids[n]} ({labels[n]})' for n in near)}" if near else ""
    raise QueryError(
        f"the dataset has no {kind} with id or label {wanted!r}{hint}.{NEW_ENTITY if kind == 'entity' else ''}"
    )


def _nearest(wanted: str, ids: list[str], labels: list[str]) -> list[int]:
    """Up to five numbers whose label or id resembles ``wanted``, best first."""
    names = [name.casefold() for name in (*labels, *ids)]
    # An entity may be near by its label and by its id.
    near = process.extract(
        wanted.casefold(), names, scorer=fuzz.ratio, limit=2 * _NEAREST, score_cutoff=_LEAST_LIKENESS
    )
    return list(dict.fromkeys(place % len(ids) for _, _, place in near))[:_NEAREST]
