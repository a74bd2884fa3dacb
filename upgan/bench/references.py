"""What is measured against: the least arithmetic that gives the same numbers, and the plain way to write it."""

from __future__ import annotations

import torch
from torch import Tensor

from upgan.evaluation.evaluator import rows_per_block
from upgan.graph.layered import LayeredGraph
from upgan.model.propagation import ACTIVATIONS, Propagation


@torch.no_grad()
def bare_product(queries: int, table: Tensor, passes: int = 1, rows: int | None = None) -> None:
    """(queries, W) times the table (E, W) in blocks of ``rows``, every block's scores written over the last one's.

    Without ``rows`` the blocks are the evaluation's. New memory for each block would make the floor a third higher.
    """
    size = min(queries, rows or rows_per_block(len(table), table.device))
    vectors = table[:1].expand(size, table.shape[1]).contiguous()
    scores = table.new_empty(size, len(table))
    for _ in range(passes):
        for start in range(0, queries, size):
            own = vectors[: queries - start]
            torch.mm(own, table.T, out=scores[: len(own)])


@torch.no_grad()
def edge_loop(
    propagation: Propagation, graph: LayeredGraph, entity: Tensor, share: float, random: torch.Generator
) -> int:
    """Eq. 2 and 4 written edge by edge, as a plain program would, over a random ``share`` of the edges.

    Per edge: W_r v~_m added to its near node's sum, and one attention logit. Returns how many edges it walked.
    """
    walked = 0
    activation = ACTIVATIONS[propagation.config.activation]
    for level, edges in enumerate(graph.edges):
        far_state = activation(entity.index_select(0, graph.layers[level + 1]))
        count = len(edges.forward.row)
        drawn = torch.randperm(count, generator=random)[: max(1, round(share * count))].tolist()
        total = entity.new_zeros(len(graph.layers[level]), entity.shape[1])
        w1, w2 = propagation.attention
        starts = torch.tensor(edges.pair_starts)
        for edge in drawn:
            near, pair = int(edges.forward.row[edge]), int(edges.forward.column[edge])
            place = int(torch.searchsorted(starts, pair, right=True)) - 1
            weight = propagation.relation[edges.pair_types[place]]
            message = weight @ far_state[int(edges.pair_node[pair])]
            total[near] += message
            torch.nn.functional.leaky_relu(w1 @ message + w2 @ (weight @ total[near]))
        walked += len(drawn)
    return walked
