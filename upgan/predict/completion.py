"""The most plausible missing triples of a whole graph: what a catalogue team fills its holes with.

Every query <h, r, ?> and <?, r, t> that makes sense is scored over all entities: one slot each (upgan.predict.slots).
Empty slots come first, then further values for slots that have the usual number. In both, lines are ordered by
``sure``, the estimated precision (upgan.predict.sureness), and equal ones by x, the part of the softmax over all
answers that are not known (upgan.predict.slot_queries). ``share`` is the part of the softmax over all entities, known
answers included: the quantity that 1-N cross-entropy trains. A triple that is asked for from both ends is an answer to
the end whose slot is empty, or else to the surer end: an author is found from the book, seldom a book from the author.

Left out: triples that the dataset holds in any split or knows to be wrong, an entity related to itself, and, unless
``anywhere``, entities at an end of a relation where no training triple has one of their kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from upgan.data.dataset import KGDataset
from upgan.data.lookup import resolve_relation
from upgan.errors import QueryError, did_you_mean
from upgan.evaluation.evaluator import Progress
from upgan.evaluation.ties import bounds
from upgan.explain.reasons import reasons
from upgan.graph.queries import QueryIndex
from upgan.predict.predictor import Predictor
from upgan.predict.slot_queries import block_size, blocks
from upgan.predict.slots import Slots
from upgan.predict.sureness import Sureness, ceiling, sureness
from upgan.render.reasons import reason_sentence
from upgan.types import SPLITS, BoolArray, FloatArray, IntArray

COLUMNS = (
    *("place", "head", "head_label", "relation", "relation_label", "tail", "tail_label"),
    *(
        "slot",
        "sure",
        "filled",
        "share",
        "asked",
        "rank",
        "score",
        "users",
        "share_without_users",
        "rank_without_users",
        "reason",
    ),
)
#: What the column ``slot`` says.
EMPTY, FURTHER = "empty", "further"


@dataclass(frozen=True)
class Suggestions:
    """(N,) candidates of queries, best first; an end from R on asks for the head."""

    entity: IntArray
    end: IntArray
    answer: IntArray
    left: FloatArray
    sure: FloatArray

    @staticmethod
    def none() -> Suggestions:
        nobody = np.empty(0, dtype=np.int64)
        return Suggestions(nobody, nobody, nobody, np.empty(0), np.empty(0))

    def with_(self, other: Suggestions) -> Suggestions:
        """Both, surest first, among equals by what is left; then as they stood."""
        if not len(other.sure):
            return self
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        both = Suggestions(*(np.concatenate(pair) for pair in pairs))
        return both.taken(np.lexsort((np.arange(len(both.sure)), -both.left, -both.sure)))

    def taken(self, places: IntArray | slice) -> Suggestions:
        return Suggestions(*(value[places] for value in vars(self).values()))

    def triples(self, num_relations: int) -> IntArray:
        """(N, 3) head, relation (0 .. R-1) and tail of what is suggested, whichever end is asked for."""
        turned = self.end >= num_relations
        head, tail = np.where(turned, self.answer, self.entity), np.where(turned, self.entity, self.answer)
        return np.stack([head, self.end % num_relations, tail], axis=1)

    def distinct(self, num_relations: int, but: IntArray, most: int) -> Suggestions:
        """Each triple once, as it stands first, without the (M, 3) triples ``but``; at most so many."""
        rows = np.concatenate([but, self.triples(num_relations)])
        first = np.unique(rows, axis=0, return_index=True)[1] - len(but)
        return self.taken(np.sort(first[first >= 0])[:most])


@dataclass(frozen=True)
class Search:
    """What a completion looks for and where; ``found`` keeps the best so far, never all."""

    predictor: Predictor
    slots: Slots
    sure: Sureness
    candidates: BoolArray
    known: QueryIndex
    top: int

    def best(self, asked: BoolArray, *, empty: bool, progress: Progress | None, done: int, total: int) -> Suggestions:
        """The best answers of (2R, E) slots: the first 2 top of all, since a triple can come from both its ends."""
        found, many = Suggestions.none(), 2 * self.top
        ceilings = ceiling(self.slots.filled, self.slots.empty)
        # One ceiling after the other: in a block that has one alone, what is left tells which answers are the surest.
        for most in np.unique(ceilings[asked])[::-1].tolist():
            for block in blocks(self.predictor, asked & (ceilings == most), self.candidates, self.known):
                # The last of the best so far: what is less sure cannot be among them.
                last = float(found.sure[many - 1]) if len(found.sure) >= many else 0.0
                for first in (True, False):
                    curve = self.sure.curve(block.end, empty=empty, first=first)
                    least = curve.least(last, most)
                    row, answer, left = block.best(least) if first else block.rest(least, many)
                    sure, order = curve.at(left, most), np.lexsort((answer, row))
                    new = Suggestions(block.entities[row], np.full(len(row), block.end), answer, left, sure)
                    found = found.with_(new.taken(order)).taken(slice(many))
                done += len(block.entities)
                if progress is not None:
                    progress(done, total)
        return found


def complete(
    predictor: Predictor,
    relation: str | None = None,
    top: int = 100,
    *,
    kind: str | None = None,
    anywhere: bool = False,
    sure: Sureness | None = None,
    but: IntArray | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The ``top`` most plausible triples that the dataset does not hold, with COLUMNS: empty slots first.

    ``kind``: only slots of entities of this kind. ``sure``: the curves, where they are there already. ``but``: (M, 3)
    triples to leave out besides. ``rank`` is the candidate's place in its query among all entities that are not known
    answers already (optimistic among ties); ``asked`` says which end was asked for; ``users`` is what they add to the
    share. ``sure`` is NaN where no fact was held out to learn it from. Raises QueryError for an unknown relation or
    kind, or ``top`` < 1.
    """
    if top < 1:
        raise QueryError(f"top = {top}: ask for at least one triple")
    data, slots = predictor.dataset, Slots.of(predictor.dataset)
    asked = _asked(data, slots, relation, kind, anywhere=anywhere)
    fits = np.ones_like(slots.candidates) if anywhere else slots.candidates
    everything = np.concatenate([data.triples(name) for name in SPLITS])
    known = QueryIndex.build(everything, data.num_entities, data.num_relations)
    wrong = np.concatenate([data.rejected, np.empty((0, 3), dtype=np.int64) if but is None else but])
    search = Search(predictor, slots, sure or sureness(predictor), fits, known, top + len(wrong))
    empty = asked & slots.empty
    # Further values are asked for only where empty slots leave room, so that they are no part of the work before.
    first = search.best(empty, empty=True, progress=progress, done=0, total=int(empty.sum()))
    first = first.distinct(data.num_relations, wrong, top)
    rest = Suggestions.none()
    if len(first.sure) < top:
        further = asked & ~slots.empty
        rest = search.best(further, empty=False, progress=progress, done=int(empty.sum()), total=int(asked.sum()))
        but_first = np.concatenate([wrong, first.triples(data.num_relations)])
        rest = rest.distinct(data.num_relations, but_first, top - len(first.sure))
    slot = np.repeat([EMPTY, FURTHER], [len(first.sure), len(rest.sure)])
    pairs = zip(vars(first).values(), vars(rest).values(), strict=True)
    return _table(search, Suggestions(*(np.concatenate(pair) for pair in pairs)), slot)


def kinds(data: KGDataset) -> list[str]:
    """The kinds of entities that can be asked about."""
    return sorted(set(data.kinds) - {""})


def _asked(data: KGDataset, slots: Slots, relation: str | None, kind: str | None, *, anywhere: bool) -> BoolArray:
    """(2R, E) the slots that the filters leave."""
    asked = np.ones_like(slots.fit) if anywhere else slots.fit.copy()
    if relation is not None:
        number = resolve_relation(data, relation)
        chosen = np.zeros(len(asked), dtype=bool)
        chosen[[number, number + data.num_relations]] = True
        asked &= chosen[:, None]
    if kind is not None:
        allowed = kinds(data)
        if kind not in allowed:
            listed = ", ".join(allowed) or "none"
            raise QueryError(f"there is no kind {kind!r}; kinds: {listed}{did_you_mean(kind, allowed)}")
        asked &= np.asarray(data.kinds, dtype=object)[None, :] == kind
    return asked


def _table(search: Search, best: Suggestions, slot: np.ndarray) -> pd.DataFrame:
    """Names, and what each candidate is in its query with and without users."""
    predictor, data = search.predictor, search.predictor.dataset
    head, relation, tail = best.triples(data.num_relations).T
    ids, labels = np.asarray(data.entities, dtype=object), np.asarray(data.entity_labels, dtype=object)
    score, rank, share = _in_query(search, best, users=True)
    _, rank_without, without = _in_query(search, best, users=False)
    told = [search.sure.known(empty=text == EMPTY) for text in slot.tolist()]
    columns = {
        "place": np.arange(1, len(head) + 1),
        "head": ids[head],
        "head_label": labels[head],
        "relation": np.asarray(data.relations, dtype=object)[relation],
        "relation_label": np.asarray(data.relation_labels, dtype=object)[relation],
        "tail": ids[tail],
        "tail_label": labels[tail],
        "slot": slot.astype(object),
        "sure": np.where(np.asarray(told, dtype=bool), best.sure, np.nan),
        "filled": np.where(slot == EMPTY, search.slots.filled[best.end, best.entity], np.nan),
        "share": share,
        "asked": np.where(best.end >= data.num_relations, "head", "tail"),
        "rank": rank,
        "score": score,
        "users": share - without,
        "share_without_users": without,
        "rank_without_users": rank_without,
        "reason": [
            reason_sentence(reason, users=predictor.has_users) for reason in reasons(data, head, relation, tail)
        ],
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def _in_query(search: Search, best: Suggestions, *, users: bool) -> tuple[FloatArray, IntArray, FloatArray]:
    """(N,) score, rank among the unknown entities and share of each candidate in its own query."""
    predictor = search.predictor
    # Answers to one question stand beside each other, and questions about one relation.
    order = np.lexsort((best.entity, best.end))
    entities, ends, answers = (torch.from_numpy(value[order]) for value in (best.entity, best.end, best.answer))
    found, back = torch.empty(len(order), 3, dtype=torch.float64), torch.from_numpy(order)
    for places in torch.arange(len(order)).split(block_size(predictor.dataset.num_entities)):
        asked, row = torch.unique(torch.stack([ends[places], entities[places]]), dim=1, return_inverse=True)
        queries = asked[1], asked[0]
        scores = predictor.score_queries(*queries, users=users)
        found[back[places]] = _standing(scores, row, answers[places], search.known, queries)
    score, rank, share = found.numpy().T
    return score, rank.astype(np.int64), share


def _standing(scores: Tensor, row: Tensor, answer: Tensor, known: QueryIndex, asked: tuple[Tensor, Tensor]) -> Tensor:
    """(N, 3) score, rank and share of (N,) answers, each among the scores of the query at its ``row`` of (B, E)."""
    own = scores[row, answer]
    whole = torch.logsumexp(scores.double(), dim=1)
    scores[known.answers_of(known.rows(*asked))] = -torch.inf
    rank = 1 + (scores.index_select(0, row) > bounds(own.unsqueeze(1))[1]).sum(1)
    return torch.stack([own.double(), rank.double(), torch.exp(own.double() - whole[row])], dim=1)
