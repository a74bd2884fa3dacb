"""Are the weights shown as attention informative? python scripts/attention.py RUN [RUN ...] [--queries 500] [--seed 0]

For random test queries whose target (or answer) has at least ``--users`` users: the effective number of users,
1 / sum of squared weights, and how far the score of the true answer moves when its heaviest five users had not chosen
the item, against five random ones of its users. Runs with the bilinear score (preset quality).
"""

from __future__ import annotations

from typing import get_args

import numpy as np

import upgan
from measuring import options
from upgan.explain.answering import Answering
from upgan.explain.base import Side
from upgan.explain.bilinear import CoInteractionExplainer
from upgan.explain.results import Changes
from upgan.explain.what_if import Edit, Local, changed_graph
from upgan.predict.predictor import Predictor
from upgan.types import IntArray

REMOVED = 5
RANDOM_DRAWS = 5


def without(predictor: Predictor, users: IntArray, item: int) -> Answering | Local:
    """The graph as it were had ``users`` not chosen ``item``."""
    answering, nothing = predictor._answering, np.empty((0, 2), dtype=np.int64)
    reads = answering.interactions
    rows = np.flatnonzero(np.isin(reads[:, 0], users) & (reads[:, 1] == item))
    no_triples = np.empty((0, 3), dtype=np.int64)
    return changed_graph(answering, Edit(nothing[:, 0], rows, nothing, no_triples, Changes()))


def study(predictor: Predictor, side: Side, queries: int, least: int, random: np.random.Generator) -> str:
    """One line of the report for the users of one side."""
    explainer = predictor.explainer()
    if not isinstance(explainer, CoInteractionExplainer):
        raise SystemExit(f"{predictor.run_path}: not a run with the bilinear score (preset quality)")
    test, relations = predictor.dataset.test, predictor.dataset.num_relations
    both = [(h, r, t) for h, r, t in test.tolist()] + [(t, r + relations, h) for h, r, t in test.tolist()]
    total, effective, heaviest, others, share = [], [], [], [], []
    for place in random.permutation(len(both)):
        head, relation, answer = both[place]
        found = explainer.influence(head, relation, answer)
        users, order = (found.users, found.order) if side == "target" else (found.answer_users, found.answer_order)
        weights = np.array([user.weight for user in users])
        if len(users) < least or not weights.any():
            continue
        total.append(len(users))
        effective.append(1.0 / np.square(weights).sum())
        share.append(weights[:REMOVED].sum())
        item = head if side == "target" else answer
        heaviest.append(abs(without(predictor, order[:REMOVED], item).influence(*both[place]).score - found.score))
        draws = (random.choice(order, size=REMOVED, replace=False) for _ in range(RANDOM_DRAWS))
        changes = [abs(without(predictor, drawn, item).influence(*both[place]).score - found.score) for drawn in draws]
        others.append(np.mean(changes))
        if len(total) >= queries:
            break
    if not total:
        return f"| {predictor.run_path.name} | {side} | 0 | – | – | – | – | – | – |"
    more = np.mean(np.array(heaviest) > np.array(others))
    return (
        f"| {predictor.run_path.name} | {side} | {len(total)} | {np.median(total):.0f} | {np.median(effective):.1f} "
        f"| {100 * np.mean(share):.0f}% | {np.mean(heaviest):.3f} | {np.mean(others):.3f} | {100 * more:.0f}% |"
    )


def main() -> None:
    """Print the table."""
    parser = options(__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--queries", type=int, default=500, help="queries per run and side")
    parser.add_argument("--users", type=int, default=10, help="fewest users of the item")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(
        "| run | users of | queries | users, median | effective users, median | weight of the heaviest 5 "
        "| score change without them | without 5 random ones | heaviest change more |"
    )
    print("| --- " * 9 + "|")
    for run in arguments.runs:
        predictor = upgan.load(run)
        for side in get_args(Side):
            print(study(predictor, side, arguments.queries, arguments.users, np.random.default_rng(arguments.seed)))


if __name__ == "__main__":
    main()
