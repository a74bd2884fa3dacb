"""How cost grows: one size at a time over two decades, the others held, and the slope on logarithmic axes.

A slope of 1 is linear. Fixed costs make it smaller; cache misses make it a little larger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from upgan.bench.measure import Work, in_turn
from upgan.config import PropagationConfig
from upgan.evaluation.evaluator import Evaluator
from upgan.files import write_text
from upgan.graph import build_graph
from upgan.model.propagation import Propagation
from upgan.queries import QueryIndex

#: Sizes while another one grows, and over what each grows.
HELD = {"entities": 20_000, "edges": 20_000, "interactions": 20_000, "K": 32, "batch": 200}
GROWN = {
    "entities": (2_000, 9_000, 45_000, 200_000),
    "edges": (10_000, 46_000, 215_000, 1_000_000),
    "interactions": (10_000, 46_000, 215_000, 1_000_000),
    "K": (8, 37, 172, 800),
    "batch": (40, 190, 860, 4_000),
}
USERS, RELATIONS = 2_000, 5


def growth(
    repeat: int = 3, seed: int = 0, shrink: int = 1, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Curves of propagation (entities, edges, interactions, K) and filtered evaluation (entities, K, batch).

    ``shrink`` divides all sizes, for a quick look.
    """
    curves = []
    plans = [("propagation", name) for name in ("entities", "edges", "interactions", "K")]
    plans += [("evaluation", name) for name in ("entities", "K", "batch")]
    for done, (what, name) in enumerate(plans, start=1):
        make = propagation_of if what == "propagation" else evaluation_of
        values = [max(2, value // (1 if name == "K" else shrink)) for value in GROWN[name]]
        held = {key: value if key == "K" else max(2, value // shrink) for key, value in HELD.items()}
        works = [make({**held, name: value}, seed) for value in values]
        spent = [found.median for found in in_turn(works, repeat)]
        curves.append({"what": what, "size": name, "values": values, "cpu_seconds": spent, **slopes(values, spent)})
        if progress is not None:
            progress(done, len(plans))
    return {"repeats": repeat, "seed": seed, "curves": curves}


def slopes(values: list[int], spent: list[float]) -> dict[str, float]:
    """The slope over all sizes, and of the last step, where fixed costs no longer hide it."""
    x, y = np.log(values), np.log(spent)
    return {"slope": float(np.polyfit(x, y, 1)[0]), "last_slope": float((y[-1] - y[-2]) / (x[-1] - x[-2]))}


def propagation_of(size: dict[str, int], seed: int) -> Work:
    """Both stages, no gradient, over a random graph of these sizes."""
    random = np.random.default_rng(seed)
    entities = size["entities"]
    triples = np.stack([random.integers(0, high, size["edges"]) for high in (entities, RELATIONS, entities)], axis=1)
    pairs = np.stack([random.integers(0, high, size["interactions"]) for high in (USERS, entities)], axis=1)
    graph = build_graph(np.unique(triples, axis=0), np.unique(pairs, axis=0), entities, USERS, RELATIONS)
    model = Propagation(2 * RELATIONS + 2, USERS, size["K"], PropagationConfig())
    vectors = torch.randn(entities, size["K"])

    @torch.no_grad()
    def once() -> None:
        model(graph, vectors)

    return once


def evaluation_of(size: dict[str, int], seed: int) -> Work:
    """Filtered ranks of ``batch`` queries among all entities."""
    random = np.random.default_rng(seed)
    entities = size["entities"]
    triples = np.stack(
        [random.integers(0, high, size["batch"] // 2 + 1) for high in (entities, RELATIONS, entities)], axis=1
    )
    evaluator = Evaluator(triples, QueryIndex.build(triples, entities, RELATIONS))
    table = torch.randn(entities, size["K"])
    return lambda: evaluator.rank(lambda heads, _: table.index_select(0, heads) @ table.T)


def write_page(found: dict[str, Any], path: Path) -> None:
    """The curves on logarithmic axes, one line each, as one HTML file."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for curve in found["curves"]:
        name = f"{curve['what']} / {curve['size']}: slope {curve['slope']:.2f}"
        figure.add_trace(go.Scatter(x=curve["values"], y=curve["cpu_seconds"], name=name, mode="lines+markers"))
    figure.update_xaxes(type="log", title="size")
    figure.update_yaxes(type="log", title="CPU seconds")
    figure.update_layout(title="Cost against size, one at a time")
    write_text(path, figure.to_html(include_plotlyjs=True))
