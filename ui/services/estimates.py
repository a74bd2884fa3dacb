"""What a training will cost, found out by `upgan estimate` in a process of its own while the page goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from upgan.config import Config, to_toml
from upgan.errors import UpganError

#: A rehearsal that takes longer tells nothing that somebody would wait for.
LONGEST = 300.0


@dataclass(frozen=True)
class Cost:
    """Seconds at least and at most, megabytes, and each phase's seconds."""

    least: float
    most: float
    memory_mb: float
    disk_mb: float
    phases: dict[str, tuple[float, float]]


def key(fingerprint: str, config: Config) -> str:
    """The same for the same data and settings; seed and pinned query cost nothing."""
    plain = config.model_copy(update={"seed": 0, "pinned": type(config.pinned)()})
    return hashlib.sha256((fingerprint + to_toml(plain)).encode()).hexdigest()


@dataclass
class Rehearsal:
    """One estimate in the making: `upgan estimate --json` with its files."""

    dataset: Path
    config: Config
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="upgan-estimate-")
        place = Path(self._folder.name)
        (place / "config.toml").write_text(to_toml(self.config), encoding="utf-8")
        command = [sys.executable, "-m", "upgan", "estimate", str(self.dataset), "--json"]
        self._out, self._said = place / "out", place / "said"
        with self._out.open("wb") as out, self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [*command, f"--config={place / 'config.toml'}"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=said,
            )
        self._cost: Cost | None = None
        self._problem: str | None = None

    @property
    def seconds(self) -> float:
        """How long it has been at it."""
        return time.monotonic() - self.began

    @property
    def running(self) -> bool:
        """Whether its process is at work."""
        return self._process.poll() is None

    def result(self) -> Cost | None:
        """The cost, None while it is being found out. Raises UpganError where it could not be."""
        if self._cost is None and self._problem is None:
            self._look()
        if self._problem is not None:
            raise UpganError(self._problem)
        return self._cost

    def close(self) -> None:
        """End it and remove its files."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(OSError):
            self._folder.cleanup()

    def _look(self) -> None:
        code = self._process.poll()
        if code is None:
            if self.seconds > LONGEST:
                self._problem = f"the rehearsal was not over after {LONGEST:.0f} s; this training will take very long"
                self.close()
            return
        said = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if code == 0:
            self._cost = _cost(json.loads(self._out.read_text(encoding="utf-8")))
        else:
            self._problem = (said[-1] if said else f"the rehearsal ended with code {code}").removeprefix("upgan: ")
        self.close()


def _cost(told: dict[str, Any]) -> Cost:
    least, most = told["seconds"]
    phases = {name: (float(cost["least"]), float(cost["most"])) for name, cost in told["phases"].items()}
    return Cost(float(least), float(most), float(told["memory_mb"]), float(told["disk_mb"]), phases)
