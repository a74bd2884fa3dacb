"""What a run writes while it trains: metrics.jsonl, status.json and log.txt in its folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from upgan.evaluation.metrics import Metrics
from upgan.files import write_json
from upgan.training.loop import Values

#: Seconds between heartbeats in status.json.
HEARTBEAT = 2.0


class RunLog:
    """Follows training as a Reporter and keeps the folder's files true.

    States: running, finished, failed, interrupted. ``show`` receives each event for a console:
    (phase, epoch, epochs, share of the epoch done, metrics or None).
    """

    def __init__(self, run: Path, show: Callable[[str, int, int, float, Metrics | None], None] | None = None) -> None:
        self.run = run
        self._show = show or (lambda *_: None)
        self._beat = 0.0
        self._epochs = 0
        self._status: dict[str, Any] = {
            "state": "running",
            "pid": os.getpid(),
            "started": _now(),
            "phase": "",
            "epoch": 0,
            "epochs": 0,
            "best_valid_mrr": None,
        }
        run.mkdir(parents=True, exist_ok=True)
        for name in (
            "metrics.jsonl",
            "log.txt",
            "metrics.json",
            "run.json",
            "model.safetensors",
            "generator.safetensors",
            "card.md",
        ):
            (run / name).unlink(missing_ok=True)
        self._write_status()

    # Reporter --------------------------------------------------------------------------------------------------------

    def start(self, phase: str, epochs: int) -> None:
        self._epochs = epochs
        self._status |= {"phase": phase, "epoch": 0, "epochs": epochs, "best_valid_mrr": None}
        self.log(f"{phase}: at most {epochs} epochs")
        self._write_status()

    def step(self, phase: str, epoch: int, done: int, total: int) -> None:
        self._show(phase, epoch, self._epochs, done / max(total, 1), None)
        if time.monotonic() - self._beat > HEARTBEAT:
            self._write_status()

    def epoch(self, phase: str, epoch: int, values: Values, metrics: Metrics | None) -> None:
        line: dict[str, Any] = {"t": _now(), "phase": phase, "epoch": epoch, **values}
        if metrics is not None:
            line["valid"] = metrics.to_dict()
            best = self._status["best_valid_mrr"]
            self._status["best_valid_mrr"] = metrics.mrr if best is None else max(best, metrics.mrr)
            if metrics.queries == 0:
                self._status["best_valid_mrr"] = line["valid"]["mrr"]
        with (self.run / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        self._status["epoch"] = epoch
        told = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        valid = f" valid MRR {metrics.mrr:.4f}" if metrics is not None else ""
        self.log(f"{phase} {epoch}/{self._epochs} {told}{valid}")
        self._show(phase, epoch, self._epochs, 1.0, metrics)
        self._write_status()

    def stop_requested(self) -> bool:
        return False

    # The end ---------------------------------------------------------------------------------------------------------

    def end(self, state: str, message: str = "") -> None:
        """finished, failed or interrupted, with the reason."""
        self._status |= {"state": state, "message": message, "ended": _now()}
        self.log(f"{state} {message}".strip())
        self._write_status()

    def log(self, text: str) -> None:
        """One line of log.txt with its time."""
        with (self.run / "log.txt").open("a", encoding="utf-8") as stream:
            stream.write(f"{_now()} {text}\n")

    def _write_status(self) -> None:
        self._beat = time.monotonic()
        write_json(self.run / "status.json", {**self._status, "heartbeat": time.time()})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
