"""Serving: the ten best of many made-up candidates, exactly and by an approximate index with its recall."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

from upgan.bench.measure import cpu_seconds, in_turn
from upgan.serving import block_rows, recall, top_k

WIDTH = 100
QUERIES = 16
BEST = 10


def made_up(candidates: int, seed: int) -> tuple[Tensor, Tensor]:
    """Queries (16, 100) and candidates (N, 100): points around a thousand centres, which
    overlap widely: with narrow ones any index finds everything."""
    random = torch.Generator().manual_seed(seed)
    centres = torch.randn(1000, WIDTH, generator=random)
    table = torch.empty(candidates, WIDTH)
    for start in range(0, candidates, 100_000):
        part = table[start : start + 100_000]
        part.normal_(generator=random).mul_(2)
        part += centres.index_select(0, torch.randint(1000, (len(part),), generator=random))
    vectors = centres[:QUERIES] + 2 * torch.randn(QUERIES, WIDTH, generator=random)
    return vectors, table


def measure_serving(candidates: int, repeat: int, seed: int) -> dict[str, Any]:
    """Exact search beside the bare product in the same blocks; half precision; faiss where it is installed."""
    vectors, table = made_up(candidates, seed)
    size = block_rows(len(vectors))

    def bare() -> None:
        for start in range(0, len(table), size):
            _ = vectors @ table[start : start + size].T

    own, floor = in_turn([lambda: top_k(vectors, table, BEST), bare], repeat)
    true = top_k(vectors, table, BEST).candidates
    half = table.to(torch.float16)
    found = {
        "candidates": candidates,
        "width": WIDTH,
        "queries": QUERIES,
        "k": BEST,
        "exact_cpu_seconds": own.to_dict(),
        "bare_product_cpu_seconds": floor.to_dict(),
        "ratio": own.median / floor.median,
        "float16_cpu_seconds": cpu_seconds(lambda: top_k(vectors, half, BEST)),
        "float16_recall": recall(top_k(vectors, half, BEST).candidates, true),
        "float16_rescored_cpu_seconds": cpu_seconds(lambda: top_k(vectors, half, BEST, exact=table)),
        "float16_rescored_recall": recall(top_k(vectors, half, BEST, exact=table).candidates, true),
        "approximate": None,
    }
    if importlib.util.find_spec("faiss") is not None:
        found["approximate"] = approximate(vectors, table, true)
    return found


def approximate(vectors: Tensor, table: Tensor, true: Tensor) -> dict[str, Any]:
    """faiss's inverted lists by inner product: what building and asking cost, and the recall at each effort."""
    import faiss

    faiss.omp_set_num_threads(1)
    lists = max(16, min(4096, round(len(table) ** 0.5)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(table.shape[1]), table.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    # Fifty points a list are enough to place it; more only take longer.
    sample = table[:: max(1, len(table) // (50 * lists))].contiguous().numpy()

    def build() -> None:
        index.train(sample)
        index.add(table.numpy())

    built = cpu_seconds(build)
    efforts = []
    for probed in (1, 4, 16, 64):
        index.nprobe = min(probed, lists)
        nearest = torch.from_numpy(index.search(vectors.numpy(), BEST)[1])
        spent = cpu_seconds(lambda: index.search(vectors.numpy(), BEST), 3)
        efforts.append({"lists_read": index.nprobe, "cpu_seconds": spent, "recall": recall(nearest, true)})
    return {"index": f"faiss IVF, {lists} lists", "build_cpu_seconds": built, "efforts": efforts}
