"""Which entities a 1-N step is scored against, where it draws some: evenly, by popularity, or as G proposes.

An entity is drawn for a step with a chance pi_e that is known before, the chances sum to the number drawn, and what
one stands for is 1 / pi_e (upgan.objectives.sampled). Half of pi goes to all entities alike, so that nothing is drawn
hardly ever and then counts for thousands; the other half goes to

    popularity   the number of training triples that the entity stands in
    generator    the root mean square, over the step's queries, of G(a | h, r) (Eq. 12) over a pool C drawn evenly,
                 without what the query knows

With the root mean square of the true softmax over a query's entities in place of G's the mean relative variance of the
queries' sums is least; G sees no user, so that its proposals are made without the propagation. It is as it starts
(Eq. 10 - 12, the noise included): the game comes after, and trains it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from upgan.config.sections import InitialisationConfig, PretrainConfig
from upgan.graph.queries import QueryIndex
from upgan.model.generator import Generator
from upgan.objectives.batches import Batch, Drawn, chances, draw_by_chance, draw_candidates, draw_pool, marked

#: The share of the chances that all entities have alike.
EVENLY = 0.5
#: The logit of a query's known answers, which are no candidates for it.
KNOWN = -1e9
#: Entities in the pool that G chooses from, as a multiple of those that are drawn.
POOL = 4


class Candidates:
    """Draws the candidates of one phase's steps."""

    def __init__(
        self,
        settings: InitialisationConfig | PretrainConfig,
        index: QueryIndex,
        random: torch.Generator,
        device: torch.device,
        generator: Generator | None = None,
    ) -> None:
        self.count, self.entities = settings.candidates, index.num_entities
        self.random, self.device = random, device
        self.generator, self.narrow = generator, settings.precision == "bfloat16"
        #: (E,) chance of each entity, where it is the same in every step.
        self.fixed: Tensor | None = None
        if settings.candidates_by == "popularity" and 0 < self.count < self.entities:
            stands_in = torch.zeros(self.entities, dtype=torch.float64, device=index.answer.device)
            stands_in.index_add_(0, index.answer, torch.ones_like(index.answer, dtype=torch.float64))
            self.fixed = chances(with_evenly(stands_in), self.count).to(device)
        self.proposed = settings.candidates_by == "generator"

    def draw(self, batch: Batch | None = None) -> Drawn | None:
        """The candidates of a step, which G proposes for its queries; None: all entities."""
        if self.proposed and 0 < self.count < self.entities:
            assert batch is not None
            return self._proposed(batch)
        if self.fixed is not None:
            everyone = draw_pool(self.entities, self.entities, self.random, self.device)
            return draw_by_chance(everyone, self.fixed.index_select(0, everyone), self.count, self.random)
        pool = draw_candidates(self.count, self.entities, self.random, self.device)
        return None if pool is None else Drawn(pool)

    @torch.no_grad()
    def _proposed(self, batch: Batch) -> Drawn:
        assert self.generator is not None, "who proposes is made before the phase"
        pool = draw_pool(self.entities, min(self.entities, POOL * self.count), self.random, self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.narrow):
            logits = self.generator.logits(batch.heads, batch.relations, pool, self.random)
        known = marked(pool, batch.known_row, batch.known, len(batch.heads), self.entities)
        logits = logits.float().masked_fill_(known, KNOWN)
        squares = torch.softmax(logits, dim=1).square_()
        chance = chances(with_evenly(squares.mean(0).sqrt_()), self.count)
        drawn = draw_by_chance(pool, chance, self.count, self.random)
        assert drawn.chance is not None
        return Drawn(drawn.entities, drawn.chance * (len(pool) / self.entities))


def with_evenly(weight: Tensor) -> Tensor:
    """(M,) weights, half of them in proportion to these and half the same for all."""
    share = weight.double() / weight.sum().clamp_min(1e-300)
    return (1.0 - EVENLY) * share + EVENLY / len(weight)
