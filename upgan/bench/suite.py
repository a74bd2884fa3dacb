"""The measurements by name, and the document they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import torch
from torch import Tensor

from upgan.bench.measure import Measurement, Spent, Work, circumstances, in_turn
from upgan.bench.references import bare_product, edge_loop
from upgan.bench.serving import FORMS, measure_serving
from upgan.bench.workload import Workload, open_dataset
from upgan.errors import ConfigError
from upgan.experiment.inputs import prepare_training
from upgan.experiment.train import peak_memory_mb
from upgan.model.propagation import Propagation
from upgan.objectives.losses import SCORES_PER_BLOCK

TEST_TRIPLES = 2000
#: Edges that the per-edge loop walks: its time per edge does not depend on how many there are.
LOOP_EDGES = 2000
PRODUCT = "bare matrix product"


@dataclass
class Bench:
    """One dataset under measurement."""

    workload: Workload
    repeat: int

    def line(
        self, name: str, unit: str, own: Work, reference: tuple[str, Work] | None, *, steps: int | None = None
    ) -> Measurement:
        """Measure one piece of work in turn with its reference."""
        spent = in_turn([own] if reference is None else [own, reference[1]], self.repeat)
        beside = None if reference is None else spent[1]
        called = "" if reference is None else reference[0]
        return Measurement(name, unit, spent[0], called, beside, peak_memory_mb(), steps)


def preparation(bench: Bench) -> Measurement:
    """Graph, queries and evaluators from a dataset in memory."""
    work = bench.workload
    return bench.line("preparation", "dataset", lambda: prepare_training(work.prepared.dataset, work.config), None)


def training_rows(table: Tensor) -> int:
    """Queries in a block of the 1-N loss."""
    return max(1, SCORES_PER_BLOCK // max(len(table), 1))


def initialisation(bench: Bench) -> Measurement:
    work, size = bench.workload, bench.workload.config.initialisation.batch
    queries, steps = min(size, len(work.prepared.train)), -(-len(work.prepared.train) // size)
    # A step multiplies its queries with the table of all entities, or so many of its rows.
    table = work.start.entity[: work.config.initialisation.candidates or None]
    floor = (f"{PRODUCT} x 3", lambda: bare_product(queries, table, 3, training_rows(table)))
    return bench.line("initialisation (1-N)", "step", work.initialisation_step, floor, steps=steps)


def pretrain(bench: Bench) -> Measurement:
    work, sampler = bench.workload, bench.workload.pretrain_sampler
    queries = len(sampler.batch(sampler.order()[: sampler.size]).heads)
    # The bilinear score's table is twice as wide as its entities' vectors.
    table = work.model.entity if work.scorer.table is None else work.scorer.table
    table = table[: work.config.pretrain.candidates or None]
    floor = (f"{PRODUCT} x 3", lambda: bare_product(queries, table, 3, training_rows(table)))
    return bench.line("pre-training (1-N)", "step", work.pretrain_step, floor, steps=len(sampler))


def adversarial(bench: Bench) -> Measurement:
    work, sampler = bench.workload, bench.workload.adversarial_sampler
    batch = sampler.batch(sampler.order()[: sampler.size])
    pool = work.model.entity[: work.config.adversarial.n_c]
    floor = (f"{PRODUCT} with the pool x 6", lambda: bare_product(len(batch.heads), pool, 6))
    return bench.line("adversarial", "step", work.adversarial_step, floor, steps=len(sampler))


def propagation(bench: Bench) -> Measurement:
    """Both stages; the loop walks a sample, its time is that of all edges by proportion."""
    work, graph = bench.workload, bench.workload.prepared.graph
    model = work.model
    if work.config.reads == "co-interactions":
        return bench.line("propagation", "pass", lambda: model.preferences(graph), None)
    stages = cast(Propagation, model.propagation)
    edges = sum(len(part.forward.row) for part in graph.edges)
    share, random = min(1.0, LOOP_EDGES / max(edges, 1)), torch.Generator().manual_seed(0)
    walked = edge_loop(stages, graph, model.entity, share, random)

    @torch.no_grad()
    def once() -> None:
        stages(graph, model.entity)

    loop = ("per-edge loop", lambda: edge_loop(stages, graph, model.entity, share, random))
    line = bench.line("propagation", "pass", once, loop)
    assert line.reference is not None
    whole = Spent(tuple(time * edges / walked for time in line.reference.times))
    return replace(line, reference=whole, note=f"loop extrapolated from {walked:,} of {edges:,} edges")


def evaluation(bench: Bench) -> Measurement:
    work = bench.workload
    test, scorer = work.test(TEST_TRIPLES), work.scorer
    table = work.model.entity if scorer.table is None else scorer.table
    queries = 2 * len(test.triples)
    floor = (PRODUCT, lambda: bare_product(queries, table))
    return bench.line("filtered evaluation", f"{len(test.triples):,} triples", lambda: test.rank(scorer.scores), floor)


def answering(bench: Bench, name: str) -> Measurement:
    """A query by name, or an explanation of its answer, of an untrained run."""
    with TemporaryDirectory(prefix="upgan-bench-") as folder:
        once = bench.workload.questions(Path(folder), explain=name == "explanation")
        floor = (PRODUCT, lambda: bare_product(1, bench.workload.model.entity))
        return bench.line(name, "question", once, floor)


MEASUREMENTS: dict[str, Callable[[Bench], Measurement]] = {
    "preparation": preparation,
    "initialisation": initialisation,
    "pretrain": pretrain,
    "adversarial": adversarial,
    "propagation": propagation,
    "evaluation": evaluation,
    "query": partial(answering, name="query"),
    "explanation": partial(answering, name="explanation"),
}
#: On made-up vectors, not on a dataset.
SERVING = "serving"
NAMES = (*MEASUREMENTS, SERVING)


def chosen_names(only: Iterable[str], names: Iterable[str] = NAMES) -> list[str]:
    """The measurements asked for, each once; ConfigError for one that does not exist."""
    chosen, there = list(dict.fromkeys(only)), list(dict.fromkeys(names))
    for name in chosen:
        if name not in there:
            raise ConfigError(f"--only {name}: choose among {', '.join(there)}")
    return chosen


def run_bench(
    data: Sequence[str],
    *,
    only: Iterable[str] = (),
    preset: str = "paper",
    repeat: int = 5,
    threads: int = 1,
    seed: int = 0,
    assignments: Sequence[str] = (),
    candidates: int = 1_000_000,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure, dataset by dataset; returns the JSON document."""
    names = chosen_names(only) or list(MEASUREMENTS)
    on_data = [name for name in names if name != SERVING]
    total, done = len(on_data) * len(data) + (len(FORMS) if SERVING in names else 0), 0
    torch.set_num_threads(threads)
    header = circumstances()
    datasets = []
    for name in data if on_data else ():
        dataset = open_dataset(name, seed)
        bench = Bench(Workload.of(dataset, preset, threads, seed, assignments), repeat)
        lines = []
        for wanted in on_data:
            lines.append(MEASUREMENTS[wanted](bench).to_dict())
            done += 1
            if progress is not None:
                progress(done, total)
        counts = {
            "entities": dataset.num_entities,
            "relations": dataset.num_relations,
            "users": dataset.num_users,
            "interactions": len(dataset.interactions),
            "training_triples": len(dataset.train),
        }
        datasets.append({"data": name, "fingerprint": dataset.fingerprint, "counts": counts, "measurements": lines})
    serving_progress = None if progress is None else (lambda forms, _: progress(done + forms, total))
    served = measure_serving(candidates, repeat, seed, serving_progress) if SERVING in names else None
    return {
        **header,
        "seed": seed,
        "preset": preset,
        "set": list(assignments),
        "datasets": datasets,
        "serving": served,
    }
