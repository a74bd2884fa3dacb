"""One phase of a training as an object: of UPGAN, of what it starts from, and of the compared systems alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from upgan.config.sections import AdversarialConfig, InitialisationConfig, PretrainConfig
from upgan.config.systems.base import SystemSettings

#: What says how long a phase takes at most, and when it gives up.
Length = InitialisationConfig | PretrainConfig | AdversarialConfig | SystemSettings


@dataclass(frozen=True)
class Phase:
    """What upgan.training.loop goes through: epochs of steps, of which validation keeps the best state."""

    name: str
    settings: Length
    #: A new random order (N,) of the rows that an epoch goes through, ``batch`` of them at a time.
    draw: Callable[[], Tensor]
    batch: int
    #: Mini-batches of an epoch.
    steps: int
    #: Trains on the (B,) rows of one mini-batch; returns its losses, whose means over the epoch are reported.
    step: Callable[[Tensor], Mapping[str, Tensor]]
    optimizers: Mapping[str, torch.optim.Optimizer]
    #: Whose best parameters are kept, and the scores by which validation judges them: (B,) heads and (B,) relations
    #: (0 .. 2R-1) -> (B, E), with the parameters as they are at the call.
    kept: nn.Module
    scores: Callable[[], Callable[[Tensor, Tensor], Tensor]]
    #: Evaluations up to this epoch do not count against the patience.
    patient_epochs: int = 0
