"""What a training will cost, found out by `upgan train --estimate` in a process of its own while the page goes on."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict, cast

from upgan.config.settings import Config, to_toml
from upgan.errors import UpganError
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


class Rehearsal:
    """One estimate in the making: in a process of its own, waited for by a thread, so that no page waits."""

    def __init__(self, dataset: Path, config: Config) -> None:
        self._began = time.monotonic()
        self._told = ThreadPoolExecutor(1, "upgan-estimate").submit(estimated, dataset, config)

    @property
    def seconds(self) -> float:
        """How long it has been at it."""
        return time.monotonic() - self._began

    @property
    def running(self) -> bool:
        """Whether it is still being found out."""
        return not self._told.done()

    def result(self) -> Cost | None:
        """The cost, None while it is being found out. Raises UpganError where it could not be."""
        try:
            return None if self.running else cast(Cost, self._told.result())
        except (OSError, ValueError) as error:
            raise UpganError(str(error)) from None
