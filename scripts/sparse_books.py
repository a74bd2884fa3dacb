"""How well runs on the demo find the author of a sparse book: python scripts/sparse_books.py RUN [RUN ...]

The test queries <book, author, ?> of books with neither author nor series among the training triples; filtered ranks,
with the users and with p_h = 0.
"""

from __future__ import annotations

import sys

import numpy as np

import upgan
from upgan.evaluation.metrics import Metrics
from upgan.predict.predictor import Predictor


def sparse_metrics(predictor: Predictor) -> dict[str, Metrics]:
    """Metrics with and without users over the sparse books' author queries."""
    data = predictor.dataset
    telling = [data.relation_index["author"], data.relation_index["series"]]
    told = data.train[np.isin(data.train[:, 1], telling), 0]
    asked = data.test[(data.test[:, 1] == telling[0]) & ~np.isin(data.test[:, 0], told)]
    ranks: dict[str, list[float]] = {"with users": [], "p_h = 0": []}
    for head, _, tail in asked.tolist():
        answer = predictor.explain(head=data.entities[head], relation="author", answer=data.entities[tail], top_users=0)
        ranks["with users"].append(answer.filtered_rank)
        ranks["p_h = 0"].append(answer.filtered_rank_without_users)
    return {name: Metrics.of(np.asarray(values)) for name, values in ranks.items()}


if __name__ == "__main__":
    for run in sys.argv[1:]:
        for name, metrics in sparse_metrics(upgan.load(run)).items():
            print(f"{run}, {name}: MRR {metrics.mrr:.3f}, H@1 {metrics.hits[1]:.3f}, {metrics.queries} queries")
