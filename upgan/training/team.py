"""The processes that train one model together, as a step sees them: a share, and sums over all shares.

A process alone is a team of one: its share is everything, and its sums are its own values. So a step is written once,
and for one process it computes what it would without a team, bit for bit. Several are in upgan.training.workers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from upgan.evaluation.evaluator import Sharing


class Team(Sharing):
    """A team of one; every method is called by all of a team's workers at the same point."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def leads(self) -> bool:
        """Whether this worker is the one that writes, prints and decides."""
        return self.rank == 0

    def share(self, count: int) -> tuple[int, int]:
        """First and last + 1 of this worker's share of ``count`` queries: consecutive, sizes differ by one at most."""
        return count * self.rank // self.size, count * (self.rank + 1) // self.size

    def descend(
        self, optimizer: torch.optim.Optimizer, total: Tensor, losses: Mapping[str, Tensor], clip: float = math.inf
    ) -> dict[str, Tensor]:
        """Step along the gradient of all workers' ``total`` together, whose norm ``clip`` bounds; the losses' sums.

        Without the bound the propagation is unstable at useful learning rates.
        """
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        sums = self.sum_gradients(optimizer, {name: loss.detach() for name, loss in losses.items()})
        if math.isfinite(clip):
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            clip_gradients(parameters, clip)
        optimizer.step()
        return sums

    def sum_gradients(self, optimizer: torch.optim.Optimizer, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Add up the gradients of the optimiser's parameters in place, and return the sums of ``losses`` (scalars)."""
        return dict(losses)

    def align(self, tensors: Iterable[Tensor]) -> None:
        """Give every worker the leader's values."""

    def align_modules(self, modules: Iterable[nn.Module]) -> None:
        """Give every worker the leader's parameters."""
        self.align(value.detach() for module in modules for value in module.state_dict().values())

    def agreed(self, value: bool) -> bool:
        """What the leader says."""
        return value


def clip_gradients(parameters: list[nn.Parameter], most: float) -> None:
    """Scale all gradients together so that their norm is at most ``most``; those of rows hold each row once."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not any(gradient.is_sparse for gradient in gradients):
        nn.utils.clip_grad_norm_(parameters, most)
        return
    values = [gradient._values() if gradient.is_sparse else gradient for gradient in gradients]
    norm = torch.stack([torch.linalg.vector_norm(value) for value in values]).norm()
    scale = (most / (norm + 1e-6)).clamp_max(1.0)  # as PyTorch's own
    for value in values:
        value.mul_(scale)
