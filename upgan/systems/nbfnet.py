"""NBFNet (Zhu et al., NeurIPS 2021): every entity is scored by the paths from the query's head, layer by layer.

    h_0(v) = 1(v = u) q,  q a learned vector of the asked relation                      (Eq. 3, indicator)
    m(v)   = sum over edges v <- x of kind r of h(x) * w_r(q), plus h_0(v)              (Eq. 4, DistMult message)
    h(v)  <- ReLU(LayerNorm(W [h(v), m(v)])) + h(v),    w_r(q) = W_r q + b_r in every layer
    s(u, q, v) = MLP([h_L(v), q])

A batch's own triples are no edges in its pass, in either direction. All (query, feature) columns are propagated by one
sparse product: messages h(x) * w_r(q) exist once per (relation, source) pair that occurs, not per edge, and a block of
queries at a time bounds them.

Smaller than the authors' (6 layers of 32, PNA, up to 32 sampled negatives per triple, 20 epochs): fewer and narrower
layers, sum aggregation (theirs with PNA is the better one in their Table 6), and an "epoch" is ``epoch_triples`` random
triples. Deviation: 1-N loss over all entities, known answers left out, which the propagation scores at no extra cost.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.config.systems.nbfnet import NBFNetSettings
from upgan.graph.observed import Seen
from upgan.graph.queries import QueryIndex
from upgan.graph.sparse import spmm
from upgan.objectives.batches import Batch
from upgan.objectives.phase import Phase
from upgan.systems.base import Answerer, Objective, System
from upgan.systems.edges import Edges

#: Numbers in the (E, B*D) states, or (P, B*D) messages, of one block of queries.
STATES_PER_BLOCK = 16_000_000


class NBFLayer(nn.Module):
    """One step of the generalised Bellman-Ford iteration."""

    def __init__(self, num_kinds: int, dim: int) -> None:
        super().__init__()
        self.num_kinds = num_kinds
        self.relation = nn.Linear(dim, num_kinds * dim)
        self.update = nn.Linear(2 * dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, edges: Edges, keep: Tensor, state: Tensor, start: Tensor, query: Tensor) -> Tensor:
        """(N, B, D) states, (N, B, D) h_0 and (B, D) queries -> (N, B, D)."""
        nodes, count, dim = state.shape
        weight = self.relation(query).view(count, self.num_kinds, dim).transpose(0, 1)  # (kinds, B, D)
        message = state.index_select(0, edges.pair_source) * weight.index_select(0, edges.pair_kind)
        gathered = spmm(edges.by_pair, keep, message.flatten(1)).view(nodes, count, dim) + start
        return torch.relu(self.norm(self.update(torch.cat([state, gathered], dim=2)))) + state


class NBFNet(System):
    """Query vectors, layers and a scorer: no vector of any entity is learned."""

    def __init__(self, seen: Seen, dim: int, settings: NBFNetSettings) -> None:
        super().__init__()
        self.settings = settings
        kinds, dim = 2 * seen.num_relations, settings.width
        self.edges = Edges(seen.triples, seen.num_entities, seen.num_relations)
        self.query = nn.Embedding(kinds, dim)
        self.layers = nn.ModuleList(NBFLayer(kinds, dim) for _ in range(settings.layers))
        self.scorer = nn.Sequential(nn.Linear(2 * dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, 1))

    def scores(self, heads: Tensor, relations: Tensor, masked: Tensor | None = None) -> Tensor:
        """(B,) heads and relations -> (B, E); the (T,) ``masked`` triples are no edges."""
        query = self.query(relations)
        nodes, (count, dim) = self.edges.num_nodes, query.shape
        keep = self.edges.keep(masked).to(query.dtype)
        place = heads * count + torch.arange(count, device=heads.device)
        start = query.new_zeros(nodes * count, dim).index_add(0, place, query).view(nodes, count, dim)
        state = start
        for layer in self.layers:
            state = layer(self.edges, keep, state, start, query)
        scores: Tensor = self.scorer(torch.cat([state, query.expand(nodes, count, dim)], dim=2))
        return scores.squeeze(2).T

    def answerer(self) -> Answerer:
        largest = max(self.edges.num_nodes, len(self.edges.pair_kind), 1) * self.settings.width
        size = max(1, STATES_PER_BLOCK // largest)

        def answer(heads: Tensor, relations: Tensor) -> Tensor:
            distinct, place = torch.unique(torch.stack([heads, relations]), dim=1, return_inverse=True)
            with torch.no_grad():
                blocks = [self.scores(*part) for part in distinct.split(size, dim=1)]
            return torch.cat(blocks).index_select(0, place)

        return answer

    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        def objective(batch: Batch) -> Objective:
            scores = self.scores(batch.heads, batch.relations, batch.triples)
            loss = filtered_softmax_loss(scores, batch.row, batch.answer, batch.known_row, batch.known)
            return {"loss": loss}, loss

        most = self.settings.epoch_triples
        return self.phase_by_triples(name, self.settings, index, random, objective, most)


def filtered_softmax_loss(scores: Tensor, row: Tensor, answer: Tensor, known_row: Tensor, known: Tensor) -> Tensor:
    """(B, E) scores -> mean over the P pairs of -log of the answer's softmax among entities not known to be true."""
    positive = scores[row, answer]
    masked = scores.index_put((known_row, known), scores.new_tensor(-torch.inf))
    masked = masked.index_put((row, answer), scores.new_tensor(-torch.inf))
    # A query all of whose entities are known has no negatives: finite, so that its gradient is 0 and not NaN.
    negatives = torch.logsumexp(masked.clamp(min=torch.finfo(scores.dtype).min / 2), dim=1)
    return (torch.logaddexp(positive, negatives.index_select(0, row)) - positive).mean()


SYSTEM = NBFNet
