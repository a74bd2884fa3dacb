"""KBGAN (Cai and Wang, NAACL 2018): a generator learns to pick the negatives that are hard for the model to be trained.

For a training triple n_s entities are drawn evenly, without known answers; the generator picks one of them by

    p_G(a | h, r) = softmax over the n_s of f_G(h, r, a)                                                       (Eq. 5)

The target learns by the marginal loss on it, the generator by REINFORCE with the target's score as reward and the
average reward as baseline (Eq. 2, 3 and Algorithm 1), where s is minus the paper's distance f_D:

    L_D = [gamma - s(h, r, t) + s(h, r, a)]_+ ,     grad = (s(h, r, a) - b) grad log p_G(a | h, r)

Deviations: a triple is asked in both directions in place of a coin's toss for head or tail; the generator (DistMult) is
pre-trained against all entities and the target as its own system is here (TransE with the loss that ``loss`` names), so
that the game begins from as good a target as stands beside it; b is a moving average over steps in place of the
epoch's; no constraint on lengths.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from upgan.config.systems.kbgan import KBGANSettings
from upgan.graph.observed import Seen
from upgan.graph.queries import QueryIndex
from upgan.objectives.losses import generator_loss
from upgan.objectives.optimizers import make_optimizer
from upgan.objectives.phase import Phase
from upgan.systems.base import Answerer, System
from upgan.systems.distmult import DistMult
from upgan.systems.transe import TransE


class KBGAN(System):
    """The generator, the target, and the average reward."""

    def __init__(self, seen: Seen, dim: int, settings: KBGANSettings) -> None:
        super().__init__()
        self.settings = settings
        factorised = {"lr": settings.distmult_lr, "optimizer": "adagrad", "epochs": settings.distmult_epochs}
        by_product = settings.model_copy(update=factorised), settings.distmult_n3
        self.target: TransE | DistMult = (
            TransE(seen, dim, settings) if settings.target == "transe" else DistMult(seen, dim, *by_product)
        )
        self.generator = DistMult(seen, dim, *by_product)
        self.register_buffer("baseline", torch.zeros(()))
        self.register_buffer("rewarded", torch.zeros((), dtype=torch.long))

    baseline: Tensor
    rewarded: Tensor  # () steps of the game so far; the first sets the baseline

    def answerer(self) -> Answerer:
        return self.target.answerer()

    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        if name == "adversarial":
            return self._game(name, index, random)
        trained = self.target if name == "target" else self.generator
        return trained.phase(name, index, random)

    def reinforced(self, log_probability: Tensor, reward: Tensor) -> Tensor:
        """(N,) log p_G of the picked, their rewards -> the generator's loss; the average reward moves on."""
        mean, decay = reward.mean(), self.settings.baseline_decay
        self.baseline.copy_(torch.where(self.rewarded > 0, self.baseline, mean))
        loss = generator_loss(
            log_probability.unsqueeze(1), (reward - self.baseline).unsqueeze(1), torch.ones_like(reward)
        )
        self.baseline.mul_(decay).add_(mean, alpha=1 - decay)
        self.rewarded.add_(1)
        return loss

    def _game(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        changes = {"epochs": "adversarial_epochs", "lr": "adversarial_lr", "batch": "adversarial_batch"}
        update = {name: getattr(self.settings, own) for name, own in changes.items()}
        settings = self.settings.model_copy(update=update)
        targets = make_optimizer(self.target, settings.optimizer, settings.lr)
        generators = make_optimizer(self.generator, settings.optimizer, settings.lr)
        query_of = torch.repeat_interleave(torch.arange(len(index), device=index.heads.device), index.start.diff())
        known = query_of * index.num_entities + index.answer  # ascending: so are the answers of a query

        def step(rows: Tensor) -> Mapping[str, Tensor]:
            query, answer = query_of[rows], index.answer[rows]
            pool = draw_pool(query, known, index.num_entities, settings.candidates, random)
            kept = ~pool.known.all(1)
            heads, relations = index.heads[query[kept]], index.relations[query[kept]]
            candidates = pool.entity[kept]
            logits = scores_of(self.generator, heads, relations, candidates).masked_fill(pool.known[kept], -torch.inf)
            picked = pick(logits, random).unsqueeze(1)
            log_probability = torch.log_softmax(logits, dim=1).gather(1, picked).squeeze(1)
            both = torch.cat([answer[kept].unsqueeze(1), candidates.gather(1, picked)], dim=1)
            positive, negative = scores_of(self.target, heads, relations, both).unbind(1)
            if not len(negative):  # everything is known of every query
                return {"target": negative.sum(), "generator": negative.sum(), "reward": negative.sum()}
            loss = marginal_loss(positive, negative, settings.adversarial_margin)
            picking = self.reinforced(log_probability, negative.detach())
            for optimizer in (targets, generators):
                optimizer.zero_grad(set_to_none=True)
            (loss + picking).backward()  # the two have no parameter in common
            targets.step()
            generators.step()
            return {"target": loss.detach(), "generator": picking.detach(), "reward": negative.detach().mean()}

        return Phase(
            name=name,
            settings=settings,
            draw=lambda: torch.randperm(len(query_of), generator=random, device=random.device).to(query_of.device),
            batch=settings.batch,
            steps=-(-len(query_of) // settings.batch),
            step=step,
            optimizers={"target": targets, "generator": generators},
            kept=self,
            scores=self.answerer,
        )


class Pool(NamedTuple):
    """A pool of candidates for each of N rows."""

    entity: Tensor  # (N, S)
    known: Tensor  # (N, S) True where the entity is a known answer of the row's query


def draw_pool(query: Tensor, known: Tensor, num_entities: int, size: int, random: torch.Generator) -> Pool:
    """``size`` entities for each query, drawn evenly and independently.

    Args:
        query: (N,) rows of the index.
        known: (P,) row * E + answer of everything that is known, ascending.
    """
    shape = (len(query), size)
    entity = torch.randint(num_entities, shape, generator=random, device=random.device).to(query.device)
    wanted = query.unsqueeze(1) * num_entities + entity
    place = torch.searchsorted(known, wanted).clamp_(max=max(len(known) - 1, 0))
    return Pool(entity, known[place] == wanted)


def pick(logits: Tensor, random: torch.Generator) -> Tensor:
    """(N, S) logits -> (N,) places drawn by their softmax (Gumbel-max); -inf is never drawn where another is finite."""
    uniform = torch.rand(logits.shape, generator=random, device=random.device).to(logits).clamp(1e-7, 1 - 1e-7)
    return (logits.detach() - torch.log(-torch.log(uniform))).argmax(1)


def marginal_loss(positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """Eq. 1 with scores for minus distances: a mean over the (N,) pairs."""
    return torch.relu(margin - positive + negative).mean()


def scores_of(model: TransE | DistMult, heads: Tensor, relations: Tensor, candidates: Tensor) -> Tensor:
    """(N,) queries, (N, S) entities -> (N, S) scores."""
    return model.between(model.queries(heads, relations).unsqueeze(1), model.entity[candidates])


SYSTEM = KBGAN
