"""How gradients are followed: Adam, or Adagrad that can go on from what another training accumulated."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

#: Parameter name -> its accumulated squared gradients.
Squares = Mapping[str, Tensor]


def accumulated(model: nn.Module, optimizer: torch.optim.Optimizer) -> Squares:
    """Adagrad's accumulated squares by parameter name; nothing for another optimiser."""
    return {
        name: optimizer.state[parameter]["sum"].clone()
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state and "sum" in optimizer.state[parameter]
    }


def make_optimizer(
    model: nn.Module, kind: str, lr: float, squares: Squares | None = None, *, by_rows: bool = False
) -> torch.optim.Adam | torch.optim.Adagrad:
    """Adam, or Adagrad that goes on from accumulated ``squares`` of the parameters that have some.

    ``by_rows``: gradients of tables may be sparse ones of some rows, which only Adagrad takes, and not fused.
    Fused: one pass over a table of entities in place of one for each operation, a tenth of Adam's time on a CPU.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if kind == "adam":
        return torch.optim.Adam(parameters, lr=lr, fused=True)
    # PyTorch has a fused Adagrad for the CPU only.
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
    optimizer = torch.optim.Adagrad(parameters, lr=lr, fused=True if on_cpu and not by_rows else None)
    for name, parameter in model.named_parameters():
        if squares and name in squares:
            optimizer.state[parameter]["sum"].copy_(squares[name])
    return optimizer
