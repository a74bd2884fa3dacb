"""The two-player game (Eq. 1): in every mini-batch a G-step by policy gradient, then a D-step (4.4.2, 4.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from upgan.config.sections import AdversarialConfig
from upgan.evaluation.evaluator import Scorer
from upgan.graph.layered import LayeredGraph
from upgan.model.generator import Generator, draw
from upgan.model.guided import AnyDiscriminator
from upgan.objectives.batches import Batch, Sampler, draw_pool, marked
from upgan.objectives.losses import discriminator_loss, generator_loss, half_squared_norm, once, rewards
from upgan.objectives.optimizers import make_optimizer
from upgan.objectives.phase import Phase
from upgan.training.team import Team


@dataclass(frozen=True)
class Pool:
    """C_{h,r} for a whole batch: one shared draw of entities, minus each query's own known answers."""

    entities: Tensor  # (C,)
    known: Tensor  # (B, C) True for true answers of the query
    weight: Tensor  # (B,) positives per query; 0 where the pool holds nothing but true answers

    @staticmethod
    def draw(batch: Batch, num_entities: int, size: int, random: torch.Generator) -> Pool:
        entities = draw_pool(num_entities, size, random, batch.heads.device)
        known = marked(entities, batch.known_row, batch.known, len(batch.heads), num_entities)
        empty = known.all(1)
        # A row without a candidate keeps one, so that its softmax is defined; its weight is 0.
        known[:, 0] &= ~empty
        return Pool(entities, known, batch.weight.masked_fill(empty, 0))


class AdversarialTrainer:
    """Both players, their optimisers, and one step of each."""

    def __init__(
        self,
        discriminator: AnyDiscriminator,
        generator: Generator,
        graph: LayeredGraph,
        config: AdversarialConfig,
        random: torch.Generator,
        team: Team | None = None,
    ) -> None:
        self.d = discriminator
        self.g = generator
        self.graph = graph
        self.config = config
        self.random = random
        self.team = team or Team()
        self.d_optimizer = make_optimizer(discriminator, "adam", config.lr)
        self.g_optimizer = make_optimizer(generator, "adam", config.lr_g)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """G-step, then D-step; both are scored with the discriminator as it is before its own step."""
        pool = Pool.draw(batch, len(self.d.entity), self.config.n_c, self.random)  # C_{h,r}
        view = self.d.view(self.graph, batch, self.random)
        with self._products(batch.heads.device):
            scores = view.queries.against(view.table.index_select(0, pool.entities))
        scores = scores.to(view.table.dtype)  # (B, C) s(a | h, r)
        losses: dict[str, Tensor] = {}
        if self.config.use_generator:
            drawn, losses = self.generator_step(batch, pool, scores.detach())
        else:
            drawn = draw((~pool.known).to(scores.dtype), self.config.n_g, self.random)
        first, last = self.team.share(len(batch.heads))
        own = batch.part(first, last)
        positive = view.part(first, last).queries.of_pairs(own.row, view.table, own.answer)
        return losses | self.discriminator_step(batch, pool, positive, scores.gather(1, drawn))

    def generator_step(self, batch: Batch, pool: Pool, scores: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """``scores`` (B, C) are the discriminator's, without a gradient. Returns the draws (B, N) and the losses."""
        with self._products(scores.device):
            logits = self.g.logits(batch.heads, batch.relations, pool.entities, self.random)
        logits = logits.to(scores.dtype).masked_fill_(pool.known, -torch.inf)
        log_probability = torch.log_softmax(logits, dim=1)  # Eq. 12
        drawn = draw(log_probability.detach().exp(), self.config.n_g, self.random)
        log_drawn = log_probability.gather(1, drawn)
        reward = rewards(scores, pool.known, drawn)  # Eq. 13
        own, weight = slice(*self.team.share(len(drawn))), pool.weight.to(log_drawn.dtype)
        loss = generator_loss(log_drawn[own], reward[own], weight[own])  # Eq. 14
        loss = loss * (weight[own].sum().clamp_min(1.0) / weight.sum().clamp_min(1.0))
        penalty = self.config.l2_g * half_squared_norm(self._used_by_generator(batch, pool))
        losses = self.team.descend(
            self.g_optimizer, loss + penalty / self.team.size, {"loss_g": loss}, self.config.clip
        )
        # The mean of -log G over draws from G estimates its entropy.
        return drawn, losses | {"reward": reward.mean(), "entropy_g": -log_drawn.detach().mean()}

    def discriminator_step(self, batch: Batch, pool: Pool, positive: Tensor, negative: Tensor) -> dict[str, Tensor]:
        """Eq. 9. ``positive`` (P,) scores of the worker's share of the pairs and ``negative`` (B, N) carry the
        gradient."""
        penalty = self.config.l2 * half_squared_norm(self.d.used_parameters(batch))
        own = slice(*self.team.share(len(negative)))
        parts = discriminator_loss(positive, negative[own], pool.weight[own], self.config.label_smoothing)
        share = max(len(positive), 1) / max(len(batch.answer), 1)
        real, fake = (part * share for part in parts)
        losses = {"loss_d": real + fake, "loss_d_real": real, "loss_d_fake": fake}
        losses = self.team.descend(
            self.d_optimizer, losses["loss_d"] + penalty / self.team.size, losses, self.config.clip
        )
        self.d.constrain()
        return losses

    def _products(self, device: torch.device) -> torch.autocast:
        """Products within are computed in the precision that the settings name; sums, exponents and draws are not."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16")

    def _used_by_generator(self, batch: Batch, pool: Pool) -> list[Tensor]:
        """theta_G as this step uses it."""
        mlp = [*self.g.layers.parameters(), *self.g.out.parameters()]
        entities = torch.cat([batch.heads, pool.entities])
        return [once(self.g.entity, entities), once(self.g.relation, batch.relations), *mlp]


def adversarial(trainer: AdversarialTrainer, sampler: Sampler, scores: Callable[[], Scorer]) -> Phase:
    """G and D alternate over all batches; the discriminator with the best validation MRR is kept."""
    return Phase(
        name="adversarial",
        settings=trainer.config,
        draw=sampler.order,
        batch=sampler.size,
        steps=len(sampler),
        step=lambda rows: trainer.step(sampler.batch(rows)),
        optimizers={"discriminator": trainer.d_optimizer, "generator": trainer.g_optimizer},
        kept=trainer.d,
        scores=scores,
    )
