"""Several processes that train one model: each works on a share of every mini-batch, and all take the same step.

    torchrun --nproc-per-node 2 -m upgan train DATASET ...        (gloo on the CPU, nccl on GPUs)

Every worker draws the whole mini-batch, the pool and all noise from the same seeded generator, and takes its share of
the queries' losses. Losses are normalised by the pairs of the whole mini-batch, so that gradients are summed:

    grad = sum over workers of (P_worker / P) grad(mean loss of the worker's P_worker pairs) + grad(penalty)

which is the gradient of one process up to the order of its sums. Penalties are cheap and read the whole mini-batch;
every worker adds 1 / workers of them.

What is divided is the 1-N product of initialisation and pre-training, the directions of the walks, and the queries of
every evaluation, whose ranks all workers then have, so that early stopping is the same decision everywhere. Not
divided, so no faster: the propagation over the graph, the forward pass of the adversarial step, and the fit of the
evidence, of which the first worker's counts.

Why not DistributedDataParallel: it averages gradients of equal shares through one ``forward`` of one module. Here
shares have different numbers of pairs, a step runs several parts of two players with a backward each, and the 1-N loss
computes its gradients in its forward. One sum of all gradients after the backward is the same communication in one
call, and it carries the step's losses with it, so that every worker sees the same numbers and decides alike.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from torch import distributed as dist

from upgan.config.systems import SYSTEMS
from upgan.errors import ConfigError, Stopped, TrainingError
from upgan.training.state import Keeper, TrainingState
from upgan.training.team import Team

#: Seconds that a worker waits for the others before it gives them up; the environment may name others.
TIMEOUT = 600.0
TIMEOUT_VARIABLE = "UPGAN_WORKER_TIMEOUT"


def started_together() -> bool:
    """Whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def leads() -> bool:
    """Whether this process is the one that writes, prints and decides; also true of a process alone."""
    return not started_together() or int(os.environ["RANK"]) == 0


def take_place(model_name: str) -> None:
    """Before anything is put on a device: refuse what cannot be divided, and give each worker of a machine its own GPU.

    Raises ConfigError for a compared system.
    """
    if not started_together():
        return
    if model_name in SYSTEMS:
        raise ConfigError(f"model {model_name} trains in one process; start it without torchrun")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))


class Workers(Team):
    """The processes that torchrun started, as one of them sees them; ``torch.distributed`` has been set up.

    Every method raises TrainingError where a worker is gone or silent.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__(dist.get_rank(), dist.get_world_size())
        self.device = device

    def sum_gradients(self, optimizer: torch.optim.Optimizer, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A parameter that no worker's share touched keeps no gradient: whether it has one does not depend on the
        share, as every worker runs the same operations. Gradients of rows are summed as whole tables."""
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for parameter in parameters:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.to_dense()
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        values = [value.reshape(1).to(gradients[0].dtype) for value in losses.values()]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients] + values)
        self.sum(flat)
        parts = flat.split([gradient.numel() for gradient in gradients] + [1] * len(values))
        for gradient, part in zip(gradients, parts, strict=False):
            gradient.copy_(part.view_as(gradient))
        return {name: part[0] for name, part in zip(losses, parts[len(gradients) :], strict=True)}

    def sum(self, value: Tensor) -> None:
        with _others_needed():
            dist.all_reduce(value)

    def align(self, tensors: Iterable[Tensor]) -> None:
        with _others_needed():
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def agreed(self, value: bool) -> bool:
        answer = torch.tensor([int(value)], device=self.device)
        self.align([answer])
        return bool(answer.item())


@contextmanager
def _others_needed() -> Iterator[None]:
    """Say plainly what it means when a collective operation fails."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:200]
        raise TrainingError(
            f"a worker of this training is gone or silent ({reason}); `upgan resume`, alone or by torchrun, goes on "
            "from the last save"
        ) from None


@contextmanager
def team_of(device: torch.device) -> Iterator[Team]:
    """Join the processes that torchrun started; a process alone is a team of one."""
    if not started_together():
        yield Team()
        return
    seconds = float(os.environ.get(TIMEOUT_VARIABLE, TIMEOUT))
    with _others_needed():
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", timeout=datetime.timedelta(seconds=seconds)
        )
    yield Workers(device)
    dist.destroy_process_group()  # after an error nobody waits for the others


class TeamKeeper(Keeper):
    """Saving and stopping are the leader's; the others learn what it decided at the same step."""

    def __init__(self, team: Team, leader: Keeper) -> None:
        self._team = team
        self._leader = leader

    def between_steps(self, state: TrainingState) -> None:
        stopped: Stopped | None = None
        if self._team.leads:
            try:
                self._leader.between_steps(state)
            except Stopped as request:
                stopped = request
        if self._team.agreed(stopped is not None):
            raise stopped or Stopped("stopped with the first worker")

    def save(self, state: TrainingState) -> None:
        if self._team.leads:
            self._leader.save(state)
