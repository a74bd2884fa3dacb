"""The two-player game (Eq. 1): in every mini-batch a G-step by policy gradient, then a D-step (4.4.2, 4.5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from upgan.config.settings import AdversarialConfig
from upgan.evaluation.metrics import Metrics
from upgan.graph.layered import LayeredGraph
from upgan.model.build import AnyDiscriminator
from upgan.model.generator import Generator, draw
from upgan.objectives.batches import Batch, Sampler, draw_pool
from upgan.objectives.losses import discriminator_loss, generator_loss, half_squared_norm, once, rewards
from upgan.objectives.optimizers import make_optimizer
from upgan.training.loop import PhaseResult, Reporter, clip_and_step, not_finite, run_phase
from upgan.training.state import TrainingState
from upgan.training.step import step_view, used_parameters
from upgan.training.workers import Team


@dataclass(frozen=True)
class Pool:
    """C_{h,r} for a whole batch: one shared draw of entities, minus each query's own known answers."""

    entities: Tensor  # (C,)
    known: Tensor  # (B, C) True for true answers of the query
    weight: Tensor  # (B,) positives per query; 0 where the pool holds nothing but true answers

    @staticmethod
    def draw(batch: Batch, num_entities: int, size: int, generator: torch.Generator) -> Pool:
        device = batch.heads.device
        entities = draw_pool(num_entities, size, generator, device)
        position = torch.full((num_entities,), -1, dtype=torch.long, device=device)
        position[entities] = torch.arange(len(entities), device=device)
        place = position.index_select(0, batch.known)
        # Answers outside the pool are noted in a column of their own, which is then left out.
        place = torch.where(place < 0, len(entities), place)
        known = torch.zeros(len(batch.heads), len(entities) + 1, dtype=torch.bool, device=device)
        known = known.index_put_((batch.known_row, place), known.new_ones(()))[:, :-1].contiguous()
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
    ) -> None:
        self.d = discriminator
        self.g = generator
        self.graph = graph
        self.config = config
        self.random = random
        #: The processes that train together; None for one alone.
        self.team: Team | None = None
        self.d_optimizer = make_optimizer(discriminator, "adam", config.lr)
        self.g_optimizer = make_optimizer(generator, "adam", config.lr_g)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """G-step, then D-step; both are scored with the discriminator as it is before its own step."""
        pool = Pool.draw(batch, len(self.d.entity), self.config.n_c, self.random)
        view = step_view(self.d, self.graph, batch, self.random)
        with self._products(batch.heads.device):
            scores = view.queries.against(view.table.index_select(0, pool.entities))
        scores = scores.to(view.table.dtype)
        if self.config.use_generator:
            drawn, told = self.generator_step(batch, pool, scores.detach())
        else:
            drawn, told = draw((~pool.known).to(scores.dtype), self.config.n_g, self.random), {}
        positive = view.queries.of_pairs(batch.row, view.table, batch.answer)
        told |= self.discriminator_step(batch, pool, positive, scores.gather(1, drawn))
        return told

    def generator_step(self, batch: Batch, pool: Pool, scores: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 12-14. ``scores`` (B, C) are the discriminator's, without a gradient. Returns the draws (B, N)."""
        with self._products(scores.device):
            logits = self.g.logits(batch.heads, batch.relations, pool.entities, self.random)
        logits = logits.to(scores.dtype).masked_fill_(pool.known, -torch.inf)
        log_probability = torch.log_softmax(logits, dim=1)
        drawn = draw(log_probability.detach().exp(), self.config.n_g, self.random)
        reward = rewards(scores, pool.known, drawn)
        log_drawn = log_probability.gather(1, drawn)
        if self.team is None:
            loss = generator_loss(log_drawn, reward, pool.weight)
        else:
            first, last = self.team.share(len(pool.weight))
            own = pool.weight.to(log_drawn.dtype)[first:last]
            total = pool.weight.sum().clamp_min(1).to(log_drawn.dtype)
            loss = generator_loss(log_drawn[first:last], reward[first:last], own) * (own.sum().clamp_min(1.0) / total)
        penalty = half_squared_norm(self._used_by_generator(batch, pool))
        if self.team is not None:
            penalty = penalty / self.team.size
        self.g_optimizer.zero_grad(set_to_none=True)
        (loss + self.config.l2_g * penalty).backward()
        # The mean of -log G over draws from G estimates its entropy.
        told = {"loss_g": loss.detach(), "reward": reward.mean(), "entropy_g": -log_drawn.detach().mean()}
        if self.team is not None:
            told |= self.team.sum_gradients(self.g_optimizer, {"loss_g": told["loss_g"]})
        clip_and_step(self.g_optimizer, self.config.clip)
        return drawn, told

    def discriminator_step(self, batch: Batch, pool: Pool, positive: Tensor, negative: Tensor) -> dict[str, Tensor]:
        """Eq. 9. ``positive`` (P,) and ``negative`` (B, N) scores carry the gradient."""
        weight, smoothing = pool.weight, self.config.label_smoothing
        penalty = half_squared_norm(used_parameters(self.d, batch))
        if self.team is None:
            real, fake = discriminator_loss(positive, negative, weight, smoothing)
        else:
            first, last = self.team.share(len(weight))
            pairs = positive[(batch.row >= first) & (batch.row < last)]
            real, fake = discriminator_loss(pairs, negative[first:last], weight[first:last], smoothing)
            share = max(len(pairs), 1) / max(len(positive), 1)
            real, fake, penalty = real * share, fake * share, penalty / self.team.size
        self.d_optimizer.zero_grad(set_to_none=True)
        (real + fake + self.config.l2 * penalty).backward()
        told = {"loss_d": (real + fake).detach(), "loss_d_real": real.detach(), "loss_d_fake": fake.detach()}
        if self.team is not None:
            told = self.team.sum_gradients(self.d_optimizer, told)
        clip_and_step(self.d_optimizer, self.config.clip)
        self.d.constrain()
        return told

    def _products(self, device: torch.device) -> torch.autocast:
        """Products within are computed in the precision that the settings name; sums, exponents and draws are not."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16")

    def _used_by_generator(self, batch: Batch, pool: Pool) -> list[Tensor]:
        """theta_G as this step uses it."""
        mlp = [*self.g.layers.parameters(), *self.g.out.parameters()]
        entities = torch.cat([batch.heads, pool.entities])
        return [once(self.g.entity, entities), once(self.g.relation, batch.relations), *mlp]


def _finite_step(trainer: AdversarialTrainer, batch: Batch) -> dict[str, Tensor]:
    """One step; where it fails because the parameters are no numbers any more, say so."""
    try:
        return trainer.step(batch)
    except RuntimeError:
        for player in (trainer.d, trainer.g):
            if not all(bool(torch.isfinite(parameter).all()) for parameter in player.parameters()):
                raise not_finite("adversarial", f"{type(player).__name__.lower()}'s parameters became NaN") from None
        raise


def train_adversarially(
    trainer: AdversarialTrainer,
    sampler: Sampler,
    validate: Callable[[], Metrics],
    reporter: Reporter,
    deadline: float = math.inf,
    *,
    state: TrainingState | None = None,
) -> PhaseResult:
    """Alternate G and D over all batches; the discriminator with the best validation MRR is kept."""
    config = trainer.config
    trainer.team = None if state is None else state.team
    return run_phase(
        "adversarial",
        epochs=config.epochs,
        eval_every=config.eval_every,
        patience=config.patience,
        draw=sampler.order,
        batch=sampler.size,
        step=lambda rows: _finite_step(trainer, sampler.batch(rows)),
        validate=validate,
        kept=trainer.d,
        reporter=reporter,
        deadline=deadline,
        state=state,
        optimizers={"discriminator": trainer.d_optimizer, "generator": trainer.g_optimizer},
    )
