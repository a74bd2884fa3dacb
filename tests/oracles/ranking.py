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


def filtered_rank(scores: Sequence[float], answer: int, known: Iterable[int]) -> float:
    """Mean of the optimistic and the pessimistic rank among all entities but the other known answers.

    A competitor's NaN is better than everything; an answer's NaN is last of all entities.
    """
    if math.isnan(scores[answer]):
        return float(len(scores))
    others = [s for e, s in enumerate(scores) if e != answer and e not in set(known)]
    better = sum(1 for s in others if math.isnan(s) or s > scores[answer])
    ties = sum(1 for s in others if s == scores[answer])
    return ((1 + better) + (1 + better + ties)) / 2


def metrics(ranks: Sequence[float]) -> Mapping[str, float]:
    count = len(ranks)
    return {
        "mr": math.fsum(ranks) / count,
        "mrr": math.fsum(1 / rank for rank in ranks) / count,
        **{f"hits@{k}": sum(1 for rank in ranks if rank <= k) / count for k in (1, 3, 10)},
    }
