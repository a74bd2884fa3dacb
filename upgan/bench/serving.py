"""Serving: the ten best of many made-up candidates, exactly, in half precision, and by an approximate index."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from upgan.bench.measure import cpu_seconds, in_turn
from upgan.bench.search import Rounding, block_rows, recall, top_k
from upgan.evaluation.evaluator import Progress
from upgan.experiment.train import peak_memory_mb

WIDTH = 100
QUERIES = 16
BEST = 10
CENTRES = 1000
#: How far candidates lie from their centre, in its own standard deviation; None: there are no centres. An index finds
#: its way by clusters, so that noise is its worst case. At 1.4 a share of 0.32 of the vectors' variance lies between
#: the lists of an index, as in trained vectors (0.31 and 0.33 in two runs of 2,007 and 8,061 entities); noise: 0.1.
FORMS: dict[str, float | None] = {"clustered": 1.4, "noise": None}
#: Building an index compares every candidate with every list's centre: twice as many lists take twice as long.
MOST_LISTS = 1024
#: Candidates of the index that are scored again with their own vectors.
RESCORED = 100
ADDED_AT_ONCE = 100_000


def made_up(candidates: int, seed: int, form: str) -> tuple[Tensor, Tensor]:
    """Queries (16, 100) and candidates (N, 100) of one of the ``FORMS``; queries are drawn as candidates are."""
    random = torch.Generator().manual_seed(seed)
    spread = FORMS[form]
    centres = torch.randn(CENTRES, WIDTH, generator=random)
    table = torch.empty(candidates + QUERIES, WIDTH)
    for start in range(0, len(table), ADDED_AT_ONCE):
        part = table[start : start + ADDED_AT_ONCE].normal_(generator=random)
        if spread is not None:
            part.mul_(spread).add_(centres[torch.randint(CENTRES, (len(part),), generator=random)])
    return table[candidates:].clone(), table[:candidates]


def measure_serving(candidates: int, repeat: int, seed: int, progress: Progress | None = None) -> dict[str, Any]:
    """Both forms; ``progress`` counts what is measured of them."""
    forms = []
    for done, form in enumerate(FORMS, start=1):
        forms.append(measure_form(form, candidates, repeat, seed))
        if progress is not None:
            progress(done, len(FORMS))
    return {
        "candidates": candidates,
        "width": WIDTH,
        "queries": QUERIES,
        "k": BEST,
        "float32_mb": candidates * WIDTH * 4 / 1e6,
        "float16_mb": candidates * WIDTH * 2 / 1e6,
        "peak_memory_mb": peak_memory_mb(),
        "forms": forms,
    }


def measure_form(form: str, candidates: int, repeat: int, seed: int) -> dict[str, Any]:
    """One form, whose table is let go before the next one is made."""
    vectors, table = made_up(candidates, seed, form)
    searched, true = search_all(vectors, table, repeat)
    index = approximate(vectors, table, true) if importlib.util.find_spec("faiss") else None
    return {"form": form, **searched, "approximate": index}


def search_all(vectors: Tensor, table: Tensor, repeat: int) -> tuple[dict[str, Any], Tensor]:
    """Exact search beside the bare product in the same blocks, and in half precision; also the true candidates."""
    size = block_rows(len(vectors))

    def bare() -> None:
        for start in range(0, len(table), size):
            _ = vectors @ table[start : start + size].T

    half = table.to(torch.float16)
    rounding = Rounding.of(half, table)
    works: dict[str, Callable[[], Any]] = {
        "exact": lambda: top_k(vectors, table, BEST),
        "bare_product": bare,
        "float16": lambda: top_k(vectors, half, BEST),
        "float16_rescored": lambda: top_k(vectors, half, BEST, exact=table, rounding=rounding),
    }
    spent = dict(zip(works, in_turn(list(works.values()), repeat), strict=True))
    true = top_k(vectors, table, BEST).candidates
    results: dict[str, Any] = {f"{name}_cpu_seconds": each.to_dict() for name, each in spent.items()}
    results["ratio"] = spent["exact"].median / spent["bare_product"].median
    results |= {f"{name}_recall": recall(works[name]().candidates, true) for name in ("float16", "float16_rescored")}
    results["rounding_cpu_seconds"] = cpu_seconds(lambda: Rounding.of(half, table))
    return results, true


def approximate(vectors: Tensor, table: Tensor, true: Tensor) -> dict[str, Any]:
    """faiss's inverted lists of 8-bit codes by inner product: what building and asking cost, and the recall.

    Of the index's ``RESCORED`` best for each query the ten best by their own vectors are taken: the codes' rounding
    costs no recall then, only the lists that were not read do.
    """
    import faiss

    faiss.omp_set_num_threads(1)
    width, lists = table.shape[1], max(16, min(MOST_LISTS, round(len(table) ** 0.5)))
    by_product = faiss.METRIC_INNER_PRODUCT
    codes = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(width), width, lists, codes, by_product)
    # Fifty points a list and ten rounds are enough to place it; more only take longer.
    index.cp.niter = 10
    sample = table[:: max(1, len(table) // (50 * lists))].contiguous().numpy()
    trained = cpu_seconds(lambda: index.train(sample))

    def add() -> None:
        for start in range(0, len(table), ADDED_AT_ONCE):
            index.add(table[start : start + ADDED_AT_ONCE].numpy())

    added = cpu_seconds(add)

    def search() -> Tensor:
        near = torch.from_numpy(index.search(vectors.numpy(), RESCORED)[1])
        own = torch.einsum("bd,bnd->bn", vectors, table[near.clamp_min(0)]).masked_fill_(near < 0, -torch.inf)
        return near.gather(1, own.topk(BEST, dim=1).indices)

    efforts = []
    for probed in (1, 4, 16, 64, 256):
        index.nprobe = min(probed, lists)
        share = recall(search(), true)
        efforts.append({"lists_read": index.nprobe, "cpu_seconds": cpu_seconds(search, 3), "recall": share})
    return {
        "index": f"faiss IVF, {lists:,} lists, 8-bit codes, {RESCORED} re-scored",
        "train_cpu_seconds": trained,
        "add_cpu_seconds": added,
        "build_cpu_seconds": trained + added,
        # A code and an 8-byte number for each candidate, a centre for each list.
        "index_mb": (len(table) * (index.code_size + 8) + lists * width * 4) / 1e6,
        "efforts": efforts,
    }
