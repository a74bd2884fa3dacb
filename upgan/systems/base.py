"""What a compared system is: a model that scores every entity, and one phase of its training after another."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from upgan.config.systems import SystemSettings
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph
from upgan.graph.queries import QueryIndex
from upgan.model.base import FullScorer, Model, Reused
from upgan.objectives.batches import Batch, BatchSampler, query_order
from upgan.objectives.optimizers import make_optimizer

#: (B,) heads and (B,) relations (0 .. 2R-1) -> (B, E) scores.
Answerer = Callable[[Tensor, Tensor], Tensor]
#: The losses of a mini-batch, by which training is followed, and the scalar that is minimised: they and the penalties.
Objective = tuple[Mapping[str, Tensor], Tensor]


@dataclass(frozen=True)
class Learning:
    """One phase of training, as upgan.training.loop runs it."""

    #: The phase's settings: how long, and when to give up.
    settings: SystemSettings
    #: A new random order (N,) of the rows an epoch goes through, ``settings.batch`` of them at a time.
    draw: Callable[[], Tensor]
    rows: int
    #: Trains on the (B,) rows of one mini-batch; returns its losses.
    step: Callable[[Tensor], Mapping[str, Tensor]]
    optimizers: Mapping[str, torch.optim.Optimizer]
    #: Whose best parameters are kept, and the scores by which validation judges them.
    kept: nn.Module
    answerer: Callable[[], Answerer]

    @property
    def steps(self) -> int:
        """Mini-batches of an epoch."""
        return -(-self.rows // self.settings.batch)

    @property
    def patient_epochs(self) -> int:
        """Evaluations up to this epoch do not count against the patience."""
        return self.settings.min_steps // max(self.steps, 1)


class System(Model):
    """A model with phases of training of its own.

    Tensors of what it has seen are buffers that are not saved (``persistent=False``): a run folder has the dataset.
    """

    @abstractmethod
    def answerer(self) -> Answerer:
        """Scores of all entities with the parameters as they are now; what all queries share is computed once."""

    @torch.no_grad()
    def on(self, graph: LayeredGraph, facts: Facts | None = None, reused: Reused | None = None) -> FullScorer:
        answer = self.answerer()
        return FullScorer(answer, answer)

    @abstractmethod
    def learning(self, phase: str, index: QueryIndex, random: torch.Generator) -> Learning:
        """The phase of that name (``SystemSettings.phases``) over the queries of the training triples."""

    def learning_by_queries(
        self,
        settings: SystemSettings,
        index: QueryIndex,
        random: torch.Generator,
        objective: Callable[[Tensor], Objective],
    ) -> Learning:
        """A phase over the distinct queries; the objective is given (B,) rows of ``index``."""
        return self._descent(settings, lambda: query_order(index, random), len(index), objective)

    def learning_by_triples(
        self,
        settings: SystemSettings,
        index: QueryIndex,
        random: torch.Generator,
        objective: Callable[[Batch], Objective],
        most: int | None = None,
    ) -> Learning:
        """A phase over the triples, asked both ways; ``most`` bounds how many of them an epoch draws."""
        sampler = BatchSampler(index.triples().cpu().numpy(), index, settings.batch, random)
        rows = len(sampler.triples) if most is None else min(most, len(sampler.triples))
        return self._descent(
            settings, lambda: sampler.order()[:rows], rows, lambda part: objective(sampler.batch(part))
        )

    def _descent(
        self,
        settings: SystemSettings,
        draw: Callable[[], Tensor],
        rows: int,
        objective: Callable[[Tensor], Objective],
    ) -> Learning:
        """All parameters follow the gradient of the objective, by one optimiser."""
        optimizer = make_optimizer(self, settings.optimizer, settings.lr)

        def step(part: Tensor) -> Mapping[str, Tensor]:
            losses, minimised = objective(part)
            optimizer.zero_grad(set_to_none=True)
            minimised.backward()
            optimizer.step()
            return {name: value.detach() for name, value in losses.items()}

        return Learning(
            settings=settings,
            draw=draw,
            rows=rows,
            step=step,
            optimizers={"model": optimizer},
            kept=self,
            answerer=self.answerer,
        )
