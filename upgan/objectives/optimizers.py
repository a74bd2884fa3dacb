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


class RowAdagrad(torch.optim.Adagrad):
    """Adagrad whose sparse gradients have every row once: those rows are all that is read and written.

    PyTorch's own sorts the rows, and goes through them twice as often. Without decay of weights or learning rate.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of all parameters that have a gradient."""
        assert closure is None
        for group in self.param_groups:
            lr, eps = group["lr"], group["eps"]
            for parameter in group["params"]:
                gradient, state = parameter.grad, self.state[parameter]
                if gradient is None:
                    continue
                state["step"] += 1
                if not gradient.is_sparse:
                    state["sum"].addcmul_(gradient, gradient)
                    parameter.addcdiv_(gradient, state["sum"].sqrt().add_(eps), value=-lr)
                    continue
                rows, values = gradient._indices()[0], gradient._values()
                sums = state["sum"].index_select(0, rows).addcmul_(values, values)
                state["sum"].index_copy_(0, rows, sums)
                parameter.index_add_(0, rows, values / sums.sqrt_().add_(eps), alpha=-lr)


def make_optimizer(
    model: nn.Module, kind: str, lr: float, squares: Squares | None = None, *, by_rows: bool = False
) -> torch.optim.Adam | torch.optim.Adagrad:
    """Adam, or Adagrad that goes on from accumulated ``squares`` of the parameters that have some.

    ``by_rows``: gradients of tables may be sparse ones of distinct rows, which only Adagrad takes.
    Fused: one pass over a table of entities in place of one for each operation, a tenth of Adam's time on a CPU.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if kind == "adam":
        return torch.optim.Adam(parameters, lr=lr, fused=True)
    # PyTorch has a fused Adagrad for the CPU only.
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
    made = RowAdagrad if by_rows else torch.optim.Adagrad
    optimizer = made(parameters, lr=lr, fused=True if on_cpu and not by_rows else None)
    for name, parameter in model.named_parameters():
        if squares and name in squares:
            optimizer.state[parameter]["sum"].copy_(squares[name])
    return optimizer
