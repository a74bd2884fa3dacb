"""ConvE."""

from __future__ import annotations

import math

from pydantic import Field

from upgan.config.systems.base import ConvolutionSettings, Registered


class ConvESettings(ConvolutionSettings):
    """Dettmers et al., AAAI 2018."""

    height: int = Field(
        0, ge=0, description="rows of a vector's image, a divisor of K; 0: the largest not above its root"
    )

    def shape(self, dim: int) -> tuple[int, int]:
        """Height and width of a vector's image."""
        height = self.height or max(rows for rows in range(1, math.isqrt(dim) + 1) if dim % rows == 0)
        return height, dim // height

    def check(self, dim: int) -> None:
        height, width = self.shape(dim)
        if height * width != dim:
            raise ValueError(f"conve.height is {height}, which does not divide model.dim {dim}")
        if self.kernel > min(2 * height, width):
            raise ValueError(
                f"conve.kernel is {self.kernel}, but the image of model.dim {dim} has {2 * height} rows and {width} "
                "columns: set another model.dim, conve.height or conve.kernel"
            )


SYSTEM = Registered(
    name="ConvE",
    place=3,
    settings=ConvESettings,
    search={
        "conve.lr": {"log": (0.0015, 0.006)},
        "conve.l2": {"range": (0.0, 0.004)},
        "conve.smoothing": {"range": (0.0, 0.2)},
        "conve.input_dropout": {"range": (0.0, 0.5)},
        "conve.hidden_dropout": {"range": (0.0, 0.6)},
    },
)
