"""What is measured against: the least arithmetic that gives the same numbers, and the plain way to write it."""

from __future__ import annotations

import torch
from torch import Tensor

from upgan.evaluation.evaluator import SCORES_PER_BLOCK
from upgan.graph import LayeredGraph
from upgan.model.propagation import ACTIVATIONS, Propagation


@torch.no_grad()
def bare_product(queries: int, table: Tensor, passes: int = 1) -> None:
    """(queries, W) times the table (E, W), in the evaluation's blocks, the scores thrown away."""
    size = max(1, SCORES_PER_BLOCK // max(len(table), 1))
    vectors = table[:1].expand(min(size, queries), table.shape[1]).contiguous()
    for _ in range(passes):
        for start in range(0, queries, size):
            _ = vectors[: queries - start] @ table.T


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
