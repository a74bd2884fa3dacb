"""The same question on a changed graph: users, interactions or facts taken out, interactions or facts put in.

The graph is what it would be had it been built without (or with) the change: layers d_n, neighbourhoods, attention,
co-interactions and evidence are all computed anew. Every trained weight stays as it is, which is why results are
labelled "weights frozen". Taking weights out of Eq. 5 and renormalising the rest would be wrong beyond one hop, because
attention (Eq. 4) reads p.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch

from upgan.data.dataset import KGDataset
from upgan.data.lookup import resolve_entity, resolve_relation
from upgan.errors import QueryError
from upgan.explain.answering import Answering
from upgan.explain.attribution import Preference
from upgan.explain.base import Influence
from upgan.explain.layered import LayeredExplainer
from upgan.explain.local_update import LocalChange
from upgan.explain.results import Candidate, Changes, Standing, WhatIf
from upgan.explain.scored import Scored
from upgan.model.base import UsersIn
from upgan.model.discriminator import Discriminator
from upgan.types import IntArray


@dataclass(frozen=True)
class Edit:
    """Changes in numbers: (N,) rows of the triples and interactions to take out, and what to put in."""

    triples: IntArray
    interactions: IntArray
    #: (A, 2) interactions and (B, 3) triples.
    added: IntArray
    added_triples: IntArray
    #: The same in ids.
    named: Changes


def what_if(answering: Answering, target: int, relation: int, answer: int, changes: Changes, k: int) -> WhatIf:
    """``answer`` and the ``k`` best candidates before and after ``changes`` (relation 0 .. 2R-1)."""
    edit = resolved(answering, changes)
    changed = changed_graph(answering, edit)
    before, after = answering.scored(target, relation), changed.scored(target, relation)
    explainer = answering.explainer()
    was, now = explainer.influence(target, relation, answer), changed.influence(target, relation, answer)
    return WhatIf(
        changes=edit.named,
        before=before.standing(answer),
        after=after.standing(answer),
        candidates_before=candidates(answering.dataset, before, k),
        candidates_after=candidates(answering.dataset, after, k),
        users_before=was.users,
        users_after=now.users,
        answer_users_before=was.answer_users,
        answer_users_after=now.answer_users,
        target_layer_before=explainer.layer(target),
        target_layer_after=changed.layer(target),
        limits=explainer.limits(),
    )


def standing_without(answering: Answering, users: IntArray, target: int, relation: int, answer: int) -> Standing:
    """Where ``answer`` stands with all interactions of ``users`` taken out."""
    none = np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(np.isin(answering.interactions[:, 0], users))
    edit = Edit(none, rows, none.reshape(0, 2), none.reshape(0, 3), Changes())
    return changed_graph(answering, edit).scored(target, relation).standing(answer)


class Local:
    """The changed graph for p_h along layers, where it is all that changes: computed only where the change is felt."""

    def __init__(self, answering: Answering, explainer: LayeredExplainer, edit: Edit) -> None:
        self._answering = answering
        self._explainer = explainer
        gone = np.zeros(len(answering.interactions) + len(answering.triples), dtype=bool)
        gone[edit.interactions] = True
        gone[len(answering.interactions) + edit.triples] = True
        self._change = LocalChange(explainer, gone, edit.added, edit.added_triples)
        self._preferences: dict[int, Preference] = {}

    def scored(self, target: int, relation: int) -> Scored:
        """All candidates of a query."""
        model, before = cast(Discriminator, self._answering.model), self._answering.scored(target, relation)
        preference = self._preference(target).vector.to(before.scores.dtype).unsqueeze(0)
        with torch.no_grad():
            queries = model.queries(torch.tensor([target]), torch.tensor([relation]), preference)
            return replace(before, scores=model.scores(queries)[0])

    def influence(self, target: int, relation: int, answer: int) -> Influence:
        """The users behind the answer's score."""
        return self._explainer.influence_of(target, relation, answer, self._preference(target))

    def layer(self, target: int) -> int:
        """d_n; -1 where no user reaches the entity."""
        return int(self._change.distance[target])

    def _preference(self, target: int) -> Preference:
        if target not in self._preferences:
            self._preferences[target] = self._change.preference(target)
        return self._preferences[target]


#: How users are in the scores -> the way that is cheaper than building the changed graph, and as exact.
CHEAPER: dict[UsersIn, Callable[[Answering, Any, Edit], Local]] = {"layers": Local}


def changed_graph(answering: Answering, edit: Edit) -> Answering | Local:
    """The question's graph after the change."""
    explainer = answering.explainer()
    cheaper = CHEAPER.get(answering.model.users_in) if explainer.has_users else None
    return rebuilt(answering, edit) if cheaper is None else cheaper(answering, explainer, edit)


def rebuilt(answering: Answering, edit: Edit) -> Answering:
    """The same weights on the changed graph."""
    before = answering.interactions
    interactions = np.delete(before, edit.interactions, axis=0)
    if len(edit.added):
        interactions = np.concatenate([interactions, edit.added])
        interactions = interactions[np.lexsort(interactions.T[::-1])]
    users = np.union1d(before[edit.interactions, 0], edit.added[:, 0])
    return answering.changed(edit.triples, edit.added_triples, interactions, users)


def candidates(dataset: KGDataset, scored: Scored, k: int) -> tuple[Candidate, ...]:
    """The ``k`` best, best first."""
    return tuple(
        Candidate(place, dataset.entities[number], dataset.entity_labels[number], float(scored.scores[number]))
        for place, number in enumerate(scored.best(k).tolist(), start=1)
    )


# Names to numbers ----------------------------------------------------------------------------------------------------


def resolved(answering: Answering, changes: Changes) -> Edit:
    """Changes in numbers. Raises QueryError for unknown names, for taking out what is not there, and for putting in
    what is."""
    data, read = answering.dataset, answering.interactions
    users = sorted({_user(data, name) for name in changes.remove_users})
    gone = {(_user(data, user), resolve_entity(data, item)) for user, item in changes.remove_interactions}
    rows = [_row(read, pair, f"user {data.users[pair[0]]!r} and item {data.entities[pair[1]]!r}") for pair in gone]
    out = np.union1d(np.flatnonzero(np.isin(read[:, 0], users)), np.array(rows, dtype=np.int64))
    triples = _triples(data, changes.remove_triples)
    facts = [_row(answering.triples, triple, _fact(data, triple)) for triple in triples]
    added = sorted({(_user(data, user), resolve_entity(data, item)) for user, item in changes.add_interactions})
    new = _triples(data, changes.add_triples)
    kept = np.delete(read, out, axis=0) if added else read
    for user, item in added:
        if len(_rows(kept, (user, item))):
            raise QueryError(
                f"user {data.users[user]!r} and item {data.entities[item]!r}: the interaction to add is there already"
            )
    left = np.delete(answering.triples, facts, axis=0) if new else answering.triples
    for triple in new:
        if len(_rows(left, triple)):
            raise QueryError(f"{_fact(data, triple)}: the fact to add is there already")
    named = Changes(
        tuple(data.users[user] for user in users),
        tuple((data.users[user], data.entities[item]) for user, item in sorted(gone)),
        tuple((data.entities[h], data.relations[r], data.entities[t]) for h, r, t in triples),
        tuple((data.users[user], data.entities[item]) for user, item in added),
        tuple((data.entities[h], data.relations[r], data.entities[t]) for h, r, t in new),
    )
    return Edit(
        np.array(sorted(facts), dtype=np.int64),
        out.astype(np.int64),
        np.array(added, dtype=np.int64).reshape(-1, 2),
        np.array(new, dtype=np.int64).reshape(-1, 3),
        named,
    )


def _user(dataset: KGDataset, name: str) -> int:
    number = dataset.user_index.get(name)
    if number is None:
        raise QueryError(f"the dataset has no user {name!r}; changes may name known users only")
    return number


def _triples(dataset: KGDataset, facts: Sequence[tuple[str, str, str]]) -> list[tuple[int, int, int]]:
    return sorted({
        (resolve_entity(dataset, head), resolve_relation(dataset, relation), resolve_entity(dataset, tail))
        for head, relation, tail in facts
    })  # fmt: skip


def _fact(dataset: KGDataset, triple: tuple[int, int, int]) -> str:
    head, relation, tail = triple
    return f"fact ({dataset.entities[head]!r}, {dataset.relations[relation]!r}, {dataset.entities[tail]!r})"


def _row(rows: IntArray, wanted: tuple[int, ...], what: str) -> int:
    places = _rows(rows, wanted)
    if not len(places):
        raise QueryError(f"{what}: not among the training facts and interactions that the run has seen")
    return int(places[0])


def _rows(rows: IntArray, wanted: tuple[int, ...]) -> IntArray:
    """Places of the rows that equal ``wanted``; rows ascend in their first column."""
    start, stop = np.searchsorted(rows[:, 0], wanted[0]), np.searchsorted(rows[:, 0], wanted[0], side="right")
    return start + np.flatnonzero((rows[start:stop] == np.array(wanted)).all(axis=1))
