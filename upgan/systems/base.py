"""What a compared system is: a model that scores every entity, and one phase of its training after another."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from upgan.config.systems.base import SystemSettings
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph
from upgan.graph.queries import QueryIndex
from upgan.model.base import FullScorer, Model, Reused
from upgan.objectives.batches import Batch, BatchSampler, query_order
from upgan.objectives.optimizers import make_optimizer
from upgan.objectives.phase import Phase

#: (B,) heads and (B,) relations (0 .. 2R-1) -> (B, E) scores.
Answerer = Callable[[Tensor, Tensor], Tensor]
#: The losses of a mini-batch, by which training is followed, and the scalar that is minimised: they and the penalties.
Objective = tuple[Mapping[str, Tensor], Tensor]


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
    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        """The phase of that name (``SystemSettings.phases``) over the queries of the training triples."""

    def phase_by_queries(
        self,
        name: str,
        settings: SystemSettings,
        index: QueryIndex,
        random: torch.Generator,
        objective: Callable[[Tensor], Objective],
    ) -> Phase:
        """A phase over the distinct queries; the objective is given (B,) rows of ``index``."""
        return self._descent(name, settings, lambda: query_order(index, random), len(index), objective)

    def phase_by_triples(
        self,
        name: str,
        settings: SystemSettings,
        index: QueryIndex,
        random: torch.Generator,
        objective: Callable[[Batch], Objective],
        most: int | None = None,
    ) -> Phase:
        """A phase over the triples, asked both ways; ``most`` bounds how many of them an epoch draws."""
        sampler = BatchSampler(index.triples().cpu().numpy(), index, settings.batch, random)
        rows = len(sampler.triples) if most is None else min(most, len(sampler.triples))
        return self._descent(
            name, settings, lambda: sampler.order()[:rows], rows, lambda part: objective(sampler.batch(part))
        )

    def _descent(
        self,
        name: str,
        settings: SystemSettings,
        draw: Callable[[], Tensor],
        rows: int,
        objective: Callable[[Tensor], Objective],
    ) -> Phase:
        """All parameters follow the gradient of the objective, by one optimiser."""
        optimizer = make_optimizer(self, settings.optimizer, settings.lr)

        def step(part: Tensor) -> Mapping[str, Tensor]:
            losses, minimised = objective(part)
            optimizer.zero_grad(set_to_none=True)
            minimised.backward()
            optimizer.step()
            return {name: value.detach() for name, value in losses.items()}

        steps = -(-rows // settings.batch)
        return Phase(
            name=name,
            settings=settings,
            draw=draw,
            batch=settings.batch,
            steps=steps,
            step=step,
            optimizers={"model": optimizer},
            kept=self,
            scores=self.answerer,
            patient_epochs=settings.min_steps // max(steps, 1),
        )
