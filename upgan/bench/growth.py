"""How cost grows: one size at a time over two decades, the others held, and the slope on logarithmic axes.

A slope of 1 is linear. Fixed costs make it smaller; cache misses make it a little larger. Every curve has the order
that it should have at most, and is held against it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from upgan.bench.measure import circumstances, in_rounds
from upgan.bench.pieces import POOL, Maker

#: Sizes while another one grows, and over what each grows. Edges are training triples; a batch is one of triples, but
#: of queries in the initialisation and the evaluation.
HELD = {"entities": 20_000, "edges": 20_000, "interactions": 20_000, "users": 2_000, "K": 32, "batch": 200}
GROWN: dict[str, tuple[int, ...]] = {
    "entities": (2_000, 9_000, 45_000, 200_000),
    "edges": (10_000, 46_000, 215_000, 1_000_000),
    "interactions": (10_000, 46_000, 215_000, 1_000_000),
    "K": (8, 37, 172, 800),
    "batch": (40, 190, 860, 4_000),
    # Sizes that grow together, by the first of each.
    "whole graph": (2_000, 9_000, 45_000, 200_000),
    "batch x entities": (400_000, 1_860_000, 8_620_000, 40_000_000),
}
#: Number of the whole graph's parts for each of its entities.
PARTS = {"entities": 1.0, "edges": 2.0, "interactions": 2.0, "users": 0.2}
#: The order of a curve, as an exponent of the size that grows, and what it is called.
ORDERS = {0: "constant", 1: "linear", 2: "quadratic"}
#: A slope within so much of its order keeps it: caches fill up, and two measured times differ by chance.
TOLERANCE = 0.2


@dataclass(frozen=True)
class Plan:
    """One curve: the order it should have at most."""

    what: str
    size: str
    order: int


def _plans(what: str, **orders: int) -> list[Plan]:
    return [Plan(what, name.replace("_x_", " x ").replace("whole_", "whole "), order) for name, order in orders.items()]


#: 1-N scores are batch x entities x K. K x K matrices are in the propagation, which all training but the initialisation
#: has. The initialisation asks as many queries however many edges there are; a question is one product with all
#: entities, and its explanation walks the edges of the nodes around it.
PLANS = [
    *_plans("preparation", entities=1, edges=1, interactions=1, whole_graph=1),
    *_plans("initialisation", entities=1, edges=0, K=1, batch=1, batch_x_entities=1),
    *_plans("pretrain", entities=1, edges=1, interactions=1, K=2, batch=1, batch_x_entities=1, whole_graph=1),
    *_plans("adversarial", entities=1, edges=1, interactions=1, K=2, batch=1, whole_graph=1),
    *_plans("propagation", entities=1, edges=1, interactions=1, K=2, whole_graph=1),
    *_plans("evaluation", entities=1, K=1, batch=1),
    *_plans("query", entities=1, edges=0, interactions=0, K=1, whole_graph=1),
    *_plans("explanation", entities=1, edges=1, interactions=1, K=2, whole_graph=1),
    *_plans("serving", entities=1, K=1),
    # A path of three steps meets what is three steps away: all entities, where each has many edges.
    *_plans("walks", entities=1, edges=1, interactions=1, whole_graph=1),
    *_plans("walked question", entities=1, edges=1, interactions=1, whole_graph=1),
]


def growth(
    repeat: int = 3,
    seed: int = 0,
    only: Iterable[str] = (),
    shrink: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """The curves of all ``PLANS``, or of those whose name is in ``only``.

    ``shrink`` divides all sizes but K, for a quick look.
    """
    names, header = set(only), circumstances()
    plans = [plan for plan in PLANS if not names or plan.what in names]
    curves, began = [], time.process_time()
    for done, plan in enumerate(plans, start=1):
        curves.append(_curve(plan, repeat, seed, shrink))
        if progress is not None:
            progress(done, len(plans))
    held = {"repeats": repeat, "seed": seed, "shrink": shrink, "held": HELD, "pool": POOL, "tolerance": TOLERANCE}
    return {**header, **held, "cpu_seconds": time.process_time() - began, "curves": curves}


def _curve(plan: Plan, repeat: int, seed: int, shrink: int) -> dict[str, Any]:
    with TemporaryDirectory(prefix="upgan-bench-") as folder:
        maker = Maker(seed, Path(folder))
        sizes = [sizes_of(plan.size, value, shrink) for value in GROWN[plan.size]]
        spent = in_rounds([maker.make(plan.what, size) for size in sizes], repeat)
    values = [sizes_to_value(plan.size, size) for size in sizes]
    medians = [each.median for each in spent]
    slope = slopes(values, medians)
    return {
        "what": plan.what,
        "size": plan.size,
        "values": values,
        "cpu_seconds": medians,
        "spread": [[min(each.times), max(each.times)] for each in spent],
        **slope,
        "order": plan.order,
        "kept": keeps(plan.order, slope),
    }


def sizes_of(name: str, value: int, shrink: int = 1) -> dict[str, int]:
    """All sizes where the one called ``name`` has the ``value`` and the others are held."""
    size = dict(HELD)
    if name == "whole graph":
        size |= {part: round(value * share) for part, share in PARTS.items()}
    elif name == "batch x entities":
        times = (value / GROWN[name][0]) ** 0.5
        size |= {"batch": round(63 * times), "entities": round(6_300 * times)}
    else:
        size[name] = value
    return {key: each if key == "K" else max(2, each // shrink) for key, each in size.items()}


def sizes_to_value(name: str, size: dict[str, int]) -> int:
    """The value of what grows, from all sizes."""
    if name == "batch x entities":
        return size["batch"] * size["entities"]
    return size["entities" if name == "whole graph" else name]


def slopes(values: list[int], spent: list[float]) -> dict[str, float]:
    """The slope over all sizes, and of the last step, where fixed costs no longer hide it."""
    x, y = np.log(values), np.log(spent)
    return {"slope": float(np.polyfit(x, y, 1)[0]), "last_slope": float((y[-1] - y[-2]) / (x[-1] - x[-2]))}


def keeps(order: int, slope: dict[str, float]) -> bool:
    """Whether neither slope is above the order by more than the tolerance."""
    return max(slope["slope"], slope["last_slope"]) <= order + TOLERANCE
