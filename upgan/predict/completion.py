"""The most plausible missing triples of a whole graph: what a catalogue team fills its holes with.

Every query <h, r, ?> and <?, r, t> that makes sense is scored over all entities. A candidate's ``share`` is its part of
the softmax over all entities, known answers included: the quantity that 1-N cross-entropy trains, comparable between
queries where raw scores are not. It orders suggestions; it is not a calibrated probability. A triple that is asked for
from both ends has the larger of its two shares: an author is found from the book, seldom the book from the author.

Left out: triples that the dataset holds in any split, an entity related to itself, and, unless ``anywhere``, entities
at an end of a relation where no training triple has one of their kind (of themselves, where they have no kind).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from upgan.data.dataset import KGDataset
from upgan.data.lookup import resolve_relation
from upgan.errors import QueryError
from upgan.evaluation.evaluator import SCORES_PER_BLOCK, Progress
from upgan.predict.predictor import Predictor
from upgan.types import BoolArray, FloatArray, IntArray

COLUMNS = (
    *("place", "head", "head_label", "relation", "relation_label", "tail", "tail_label"),
    *("share", "asked", "rank", "score", "share_without_users", "rank_without_users"),
)


@dataclass(frozen=True)
class Suggestions:
    """(N,) candidates of queries, best first; a relation number from R on asks for the head."""

    head: Tensor
    relation: Tensor
    answer: Tensor
    log_share: Tensor

    @staticmethod
    def none() -> Suggestions:
        empty = torch.empty(0, dtype=torch.long)
        return Suggestions(empty, empty, empty, torch.empty(0))

    def best_with(self, other: Suggestions, count: int) -> Suggestions:
        """The ``count`` best of both; equal shares keep their order."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        joined = Suggestions(*(torch.cat(pair) for pair in pairs))
        return joined.taken(torch.argsort(joined.log_share, descending=True, stable=True)[:count])

    def taken(self, places: Tensor | slice) -> Suggestions:
        return Suggestions(*(value[places] for value in vars(self).values()))

    def triples(self, num_relations: int) -> tuple[Tensor, Tensor, Tensor]:
        """(N,) head, relation (0 .. R-1) and tail of what is suggested, whichever end is asked for."""
        ends = torch.stack([self.head, self.answer])
        head, tail = torch.where(self.relation >= num_relations, ends.flip(0), ends)
        return head, self.relation % num_relations, tail


def complete(
    predictor: Predictor,
    relation: str | None = None,
    top: int = 100,
    *,
    anywhere: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The ``top`` most plausible triples that the dataset does not hold, best first, with COLUMNS.

    ``rank`` is the candidate's place in its query among all entities that are not known answers already (optimistic
    among ties); ``asked`` says which end was asked for. Raises QueryError for an unknown relation or ``top`` < 1.
    """
    if top < 1:
        raise QueryError(f"top = {top}: ask for at least one triple")
    data = predictor.dataset
    relations = range(data.num_relations) if relation is None else [resolve_relation(data, relation)]
    ends = _ends(data, anywhere=anywhere)
    numbers = np.array([*relations, *(number + data.num_relations for number in relations)], dtype=np.int64)
    place, known = np.nonzero(ends[numbers])
    queries = torch.from_numpy(np.stack([known, numbers[place]], axis=1))
    suggestions, done = Suggestions.none(), 0
    for block in queries.split(_block_size(data)) if len(queries) else ():
        # Twice as many as asked for: a triple can come from both of its ends.
        suggestions = suggestions.best_with(_of_block(predictor, block, ends, 2 * top), 2 * top)
        done += len(block)
        if progress is not None:
            progress(done, len(queries))
    return _table(predictor, _distinct(suggestions, data).taken(slice(top)))


def _ends(data: KGDataset, *, anywhere: bool) -> BoolArray:
    """(2R, E) which entities may stand at the head of a relation, and (from R on) at its tail."""
    ends = np.ones((2 * data.num_relations, data.num_entities), dtype=bool)
    if anywhere:
        return ends
    kinds = np.asarray(data.entity_kinds, dtype=str)
    # An entity without a kind is a kind of its own.
    named = np.where(kinds == "", [f"\0{number}" for number in range(len(kinds))], kinds)
    kind = np.unique(named, return_inverse=True)[1]
    seen = np.zeros((2 * data.num_relations, int(kind.max(initial=-1)) + 1), dtype=bool)
    seen[data.train[:, 1], kind[data.train[:, 0]]] = True
    seen[data.train[:, 1] + data.num_relations, kind[data.train[:, 2]]] = True
    return seen[:, kind]


def _block_size(data: KGDataset) -> int:
    """How many queries' scores fit the memory bound."""
    return max(1, SCORES_PER_BLOCK // max(data.num_entities, 1))


def _of_block(predictor: Predictor, block: Tensor, ends: BoolArray, count: int) -> Suggestions:
    """The best unknown candidates of (B, 2) queries."""
    heads, relations = block[:, 0], block[:, 1]
    scores = predictor.score_queries(heads, relations)
    shares = torch.log_softmax(scores.double(), dim=1)
    shares[predictor.known_answers(heads, relations)] = -torch.inf
    shares[torch.arange(len(heads)), heads] = -torch.inf
    other_end = (relations + len(ends) // 2) % len(ends)
    allowed = torch.from_numpy(ends)[other_end]
    shares[~allowed] = -torch.inf
    flat = shares.flatten()
    best = torch.topk(flat, min(count, int((flat > -torch.inf).sum())))
    row, answer = best.indices // shares.shape[1], best.indices % shares.shape[1]
    return Suggestions(heads[row], relations[row], answer, best.values)


def _distinct(suggestions: Suggestions, data: KGDataset) -> Suggestions:
    """Each triple once, with the larger share: it stands first."""
    head, relation, tail = suggestions.triples(data.num_relations)
    keys = (head * data.num_relations + relation) * data.num_entities + tail
    _, first = np.unique(keys.numpy(), return_index=True)
    return suggestions.taken(torch.from_numpy(np.sort(first)))


def _table(predictor: Predictor, suggestions: Suggestions) -> pd.DataFrame:
    """Names, and what each candidate is in its query with and without users."""
    data, count = predictor.dataset, len(suggestions.head)
    head, relation, tail = (numbers.numpy() for numbers in suggestions.triples(data.num_relations))
    ids, labels = np.asarray(data.entities, dtype=object), np.asarray(data.entity_labels, dtype=object)
    score, rank, _ = _in_query(predictor, suggestions, users=True)
    _, rank_without, log_without = _in_query(predictor, suggestions, users=False)
    columns = {
        "place": np.arange(1, count + 1),
        "head": ids[head],
        "head_label": labels[head],
        "relation": np.asarray(data.relations, dtype=object)[relation],
        "relation_label": np.asarray(data.relation_labels, dtype=object)[relation],
        "tail": ids[tail],
        "tail_label": labels[tail],
        "share": suggestions.log_share.exp().numpy(),
        "asked": np.where(suggestions.relation.numpy() >= data.num_relations, "head", "tail"),
        "rank": rank,
        "score": score,
        "share_without_users": np.exp(log_without),
        "rank_without_users": rank_without,
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def _in_query(predictor: Predictor, best: Suggestions, *, users: bool) -> tuple[FloatArray, IntArray, FloatArray]:
    """(N,) score, rank among the unknown entities and log share of each candidate in its own query."""
    parts = []
    for places in torch.arange(len(best.head)).split(_block_size(predictor.dataset)):
        heads, relations, answer = best.head[places], best.relation[places], best.answer[places].unsqueeze(1)
        scores = predictor.score_queries(heads, relations, users=users).double()
        log_share = torch.log_softmax(scores, dim=1).gather(1, answer)
        own = scores.gather(1, answer)
        scores[predictor.known_answers(heads, relations)] = -torch.inf
        rank = 1 + (scores > own).sum(1, keepdim=True)
        parts.append(torch.cat([own, rank.double(), log_share], dim=1))
    score, rank, log_share = torch.cat(parts).numpy().T
    return score, rank.astype(np.int64), log_share
