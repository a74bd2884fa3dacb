"""TransH."""

from __future__ import annotations

from pydantic import Field

from upgan.config.systems.base import Registered, TranslationSettings


class TransHSettings(TranslationSettings):
    """Wang et al., AAAI 2014."""

    orthogonal: float = Field(
        0.1, ge=0, description="weight of the constraint that a translation lies in its relation's hyperplane"
    )


SYSTEM = Registered(
    name="TransH",
    place=14,
    settings=TransHSettings,
    #: It is a part of KTUP.
    in_tables=False,
    search={
        "transh.loss": {"choice": ("cross_entropy", "cross_entropy_filtered")},
        "transh.lr": {"log": (0.005, 0.05)},
        "transh.negatives": {"choice": (256, 512, 1024, 2048)},
        "transh.orthogonal": {"log": (0.001, 1.0)},
    },
)
