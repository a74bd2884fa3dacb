"""How what is made of tensors gets onto the device that reads it."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor


class OnDevice:
    """A dataclass of tensors, of other such dataclasses, and of what stays where it is: numbers and numpy arrays."""

    def to(self, device: torch.device | str) -> Self:
        """The same on ``device``."""
        return type(self)(**{name: _moved(value, device) for name, value in vars(self).items()})


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, tuple):
        return tuple(_moved(part, device) for part in value)
    return value.to(device) if isinstance(value, (Tensor, OnDevice)) else value
