"""Known answers, filtered ranks and the metrics over them (section 5.2.1), answer by answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence


def known_answers(triples: Iterable[tuple[int, int, int]], relations: int) -> dict[tuple[int, int], set[int]]:
    """(entity, relation 0 .. 2R-1) -> all its answers."""
    answers: dict[tuple[int, int], set[int]] = {}
    for h, r, t in triples:
        answers.setdefault((h, r), set()).add(t)
        answers.setdefault((t, r + relations), set()).add(h)
    return answers


def equal(score: float, own: float) -> bool:
    """Whether a score ties with ``own``: apart by no more than a hundred-thousandth, of ``own`` where that is more."""
    return score == own or (math.isfinite(own) and abs(score - own) <= max(1e-5, 1e-5 * abs(own)))


def better(scores: Sequence[float], entity: int) -> int:
    """How many of all entities are better than one."""
    own = scores[entity]
    return sum(1 for s in scores if s > own and not equal(s, own))


def place(scores: Sequence[float], entity: int) -> int:
    """Position in the list, 1 is best: by how many are better, then by entity order."""
    order = sorted(range(len(scores)), key=lambda e: (better(scores, e), e))
    return order.index(entity) + 1


def filtered_rank(scores: Sequence[float], answer: int, known: Iterable[int]) -> float:
    """Mean of the optimistic and the pessimistic rank among all entities but the other known answers.

    A competitor's NaN is better than everything; an answer's NaN is last of all entities.
    """
    if math.isnan(scores[answer]):
        return float(len(scores))
    others = [s for e, s in enumerate(scores) if e != answer and e not in set(known)]
    own = scores[answer]
    ties = sum(1 for s in others if equal(s, own))
    above = sum(1 for s in others if math.isnan(s) or (s > own and not equal(s, own)))
    return ((1 + above) + (1 + above + ties)) / 2


def metrics(ranks: Sequence[float]) -> Mapping[str, float]:
    count = len(ranks)
    return {
        "mr": math.fsum(ranks) / count,
        "mrr": math.fsum(1 / rank for rank in ranks) / count,
        **{f"hits@{k}": sum(1 for rank in ranks if rank <= k) / count for k in (1, 3, 10)},
    }
