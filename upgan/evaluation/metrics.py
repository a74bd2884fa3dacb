"""MR, MRR and Hits@k from filtered ranks; fractions, not percent."""

from __future__ import annotations

import math
from dataclasses import dataclass

from upgan.types import FloatArray

HITS_AT = (1, 3, 10)


@dataclass(frozen=True)
class Metrics:
    """Both directions pooled; a rank is the mean of its optimistic and its pessimistic value."""

    mr: float
    mrr: float
    hits: dict[int, float]
    queries: int

    @staticmethod
    def of(ranks: FloatArray) -> Metrics:
        """(Q,) ranks >= 1 -> their metrics. Without a query every metric is NaN."""
        if not len(ranks):
            return Metrics(math.nan, math.nan, dict.fromkeys(HITS_AT, math.nan), 0)
        return Metrics(
            mr=float(ranks.mean()),
            mrr=float((1.0 / ranks).mean()),
            hits={k: float((ranks <= k).mean()) for k in HITS_AT},
            queries=len(ranks),
        )

    def to_dict(self) -> dict[str, float | int | None]:
        """The metrics JSON; a metric of no query is null."""
        values = {"mr": self.mr, "mrr": self.mrr, **{f"hits@{k}": value for k, value in self.hits.items()}}
        return {**{key: None if math.isnan(value) else value for key, value in values.items()}, "queries": self.queries}
