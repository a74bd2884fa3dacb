"""ConvTransE."""

from __future__ import annotations

from pydantic import Field

from upgan.config.systems.base import ConvolutionSettings, Registered


class ConvTransESettings(ConvolutionSettings):
    """Shang et al., AAAI 2019."""

    batch: int = Field(512, ge=1, description="distinct queries per step, each with all its answers")

    def check(self, dim: int) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(
                f"convtranse.kernel is {self.kernel}: an odd number, so that a map has as many places as K"
            )


SYSTEM = Registered(
    name="ConvTransE",
    place=4,
    settings=ConvTransESettings,
    search={
        "convtranse.lr": {"log": (0.0015, 0.006)},
        "convtranse.l2": {"range": (0.0, 0.004)},
        "convtranse.smoothing": {"range": (0.0, 0.2)},
        "convtranse.input_dropout": {"range": (0.0, 0.5)},
        "convtranse.hidden_dropout": {"range": (0.0, 0.6)},
    },
)
