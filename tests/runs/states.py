"""Runs in a given state: written by hand, or waited for."""

from __future__ import annotations

import json
import time
from pathlib import Path

from upgan.runs.status import run_state, write_status


def written(folder: Path, **values: object) -> Path:
    """A run folder whose status is this process's, but for ``values``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_status(folder, {"state": "running", "phase": "pretrain", "epoch": 1, "epochs": 4})
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**status, **values}))
    return folder


ENDLESS = ["--set=initialisation.epochs=1000", "--set=initialisation.patience=1000"]


def wait_for(run: Path, state: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (run / "status.json").exists() and run_state(run).state == state and run_state(run).epoch:
            return
        time.sleep(0.02)
    raise AssertionError(f"{run} is {run_state(run)}, not {state}")
