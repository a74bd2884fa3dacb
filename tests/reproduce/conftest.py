"""Trainings of `upgan reproduce` as real processes, forked from a server that has torch imported already."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.runs import victims
from upgan.reproduce import execute
from upgan.runs.files import LOG_FILE


class Forked:
    """What the executor needs of a process (subprocess.Popen)."""

    def __init__(self, folder: Path) -> None:
        self._process = victims.begin(["resume", folder, "--quiet", "--force"], folder / LOG_FILE)

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("resume", timeout or 0)
        return self._process.exitcode


@pytest.fixture
def trainings(monkeypatch):
    """Names of the run folders that were given to a process, in order."""
    begun: list[str] = []

    def spawn(folder: Path, **_: object) -> Forked:
        begun.append(folder.name)
        return Forked(folder)

    monkeypatch.setattr(execute, "spawn", spawn)
    return begun
