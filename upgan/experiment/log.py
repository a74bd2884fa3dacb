"""What a run writes while it trains: metrics.jsonl, TensorBoard's events, status.json and log.txt in its folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from upgan.evaluation.metrics import Metrics
from upgan.experiment.events import EventLog
from upgan.files import write_text
from upgan.runs.files import LOG_FILE, METRICS_FILE, PINNED_FILE, RESUME_FILE, STOP_FILE, TENSORBOARD_FOLDER
from upgan.runs.history import read_lines
from upgan.runs.launch import clear
from upgan.runs.schema import LINE, LOOK
from upgan.runs.status import check_folder, now, write_status
from upgan.training.loop import Reporter, Values
from upgan.training.state import TrainingState

#: Seconds between heartbeats in status.json.
HEARTBEAT = 2.0

Show = Callable[[str, int, int, float, Metrics | None], None]


class RunLog(Reporter):
    """Follows training as a Reporter and keeps the folder's files true.

    ``show`` receives each event for a console: (phase, epoch, epochs, share of the epoch done, metrics or None).
    ``state`` is that of a training which goes on from a checkpoint: what was written after it is taken back, so that no
    epoch is reported twice. ``details`` are further things that status.json says of the run.
    """

    def __init__(
        self,
        run: Path,
        show: Show | None = None,
        *,
        state: TrainingState | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        self.run = run
        self._show = show or (lambda *_: None)
        self._state = state if state is not None and state.resumed else None
        self._step = 0 if self._state is None else self._state.step
        self._seconds = -time.monotonic() + (0.0 if self._state is None else self._state.clock.seconds)
        self._phase_seconds = 0.0
        self._beat = 0.0
        self._epochs = 0
        self._status: dict[str, Any] = {"started": now(), **(details or {}), "state": "running", "message": ""}
        self._status |= {"phase": "", "epoch": 0, "epochs": 0, "best_valid_mrr": None}
        if self._state is None:
            run.mkdir(parents=True, exist_ok=True)
            clear(run)
        self._write_status()
        lines = self._kept(METRICS_FILE)
        self._kept(PINNED_FILE)
        self._events = EventLog(run / TENSORBOARD_FOLDER, lines)

    # Reporter --------------------------------------------------------------------------------------------------------

    def start(self, phase: str, epochs: int) -> None:
        self._epochs = epochs
        epoch, best, seconds = 0, None, 0.0
        at = None if self._state is None else self._state.phase
        if at is not None and at.name == phase:  # taken up, not begun
            epoch, best, seconds = at.epoch, at.best, at.clock.seconds
        self._phase_seconds = seconds - time.monotonic()
        self._status |= {"phase": phase, "epoch": epoch, "epochs": epochs, "epoch_share": 0.0}
        self._status["best_valid_mrr"] = None if best is None else best.to_dict()["mrr"]
        self.log(f"{phase}: {'goes on after epoch ' + str(epoch) + ', ' if epoch else ''}at most {epochs} epochs")
        self._write_status()

    def step(self, phase: str, epoch: int, done: int, total: int) -> None:
        self._step += 1
        self._status["epoch_share"] = done / max(total, 1)
        self._show(phase, epoch, self._epochs, done / max(total, 1), None)
        self.beat()

    def beat(self) -> None:
        if time.monotonic() - self._beat > HEARTBEAT:
            self._write_status()

    def epoch(self, phase: str, epoch: int, values: Values, metrics: Metrics | None) -> None:
        line: dict[str, Any] = {"t": now(), "phase": phase, "epoch": epoch, "step": self._step}
        line |= {"seconds": round(self._seconds + time.monotonic(), 3), **values}
        if metrics is not None:
            line["valid"] = metrics.to_dict()
            best = self._status["best_valid_mrr"]
            self._status["best_valid_mrr"] = metrics.mrr if best is None else max(best, metrics.mrr)
            if metrics.queries == 0:
                self._status["best_valid_mrr"] = line["valid"]["mrr"]
        self._append(METRICS_FILE, json.dumps(line, ensure_ascii=False))
        self._events.write(line)
        self._status |= {"epoch": epoch, "epoch_share": 0.0}
        losses = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        valid = f" valid MRR {metrics.mrr:.4f}" if metrics is not None else ""
        self.log(f"{phase} {epoch}/{self._epochs} {losses}{valid}")
        self._show(phase, epoch, self._epochs, 1.0, metrics)
        self._write_status()

    def pin(self, epoch: int, line: dict[str, Any]) -> None:
        where = {"phase": self._status["phase"], "epoch": epoch, "step": self._step}
        self._append(PINNED_FILE, json.dumps({"t": now(), **where, **line}, ensure_ascii=False))

    # The end ---------------------------------------------------------------------------------------------------------

    def end(self, state: str, message: str = "", **more: Any) -> None:
        """finished, stopped, failed or interrupted, with the reason. What only resuming needs goes with the finish."""
        self._status |= {"state": state, "message": message, "ended": now(), **more}
        self._events.close()
        self.log(f"{state}: {message}" if message else state)
        self._write_status()
        (self.run / STOP_FILE).unlink(missing_ok=True)
        if state == "finished":
            (self.run / RESUME_FILE).unlink(missing_ok=True)

    def log(self, text: str) -> None:
        """One line of log.txt with its time."""
        self._append(LOG_FILE, f"{now()} {text}")

    def _append(self, name: str, line: str) -> None:
        check_folder(self.run)
        with (self.run / name).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def _kept(self, name: str) -> list[dict[str, Any]]:
        """The lines written before the checkpoint; the others, and a torn last one, are taken out of the file."""
        if self._state is None or not (self.run / name).is_file():
            return []
        shape = LINE if name == METRICS_FILE else LOOK
        lines = [line for line in read_lines(self.run / name, shape).lines if {"phase", "epoch"} <= line.keys()]
        kept = [line for line in lines if self._state.reported(line["phase"], line["epoch"])]
        write_text(self.run / name, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))
        return kept

    def _write_status(self) -> None:
        self._beat = time.monotonic()
        spent = {"step": self._step, "seconds": self._seconds + self._beat}
        spent["phase_seconds"] = self._phase_seconds + self._beat
        write_status(self.run, {**self._status, **spent})
