"""What a training will cost, found out by `upgan train --estimate` in a process of its own while the page goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypedDict, cast

from ui.services.background import Background
from upgan.config.settings import Config, to_toml
from upgan.runs.launch import estimated


class Cost(TypedDict):
    """As `upgan train --estimate --json` prints it: seconds at least and at most, megabytes, and each phase's."""

    seconds: tuple[float, float]
    likely_seconds: float
    cpu_seconds: float
    preparing: float
    memory_mb: float
    disk_mb: float
    phases: dict[str, dict[str, float]]


def key(fingerprint: str, config: Config) -> str:
    """The same for the same data and settings; seed and pinned query cost nothing."""
    plain = config.model_copy(update={"seed": 0, "pinned": type(config.pinned)()})
    return hashlib.sha256((fingerprint + to_toml(plain)).encode()).hexdigest()


class Rehearsal(Background[Cost]):
    """One estimate in the making: in a process of its own, waited for by a thread."""

    told_as_is = (OSError, ValueError)

    def __init__(self, dataset: Path, config: Config) -> None:
        super().__init__("upgan-estimate", lambda: cast(Cost, estimated(dataset, config)))
