"""The checkpoint that `upgan resume` goes on from: a training's whole state in one file, without pickle.

    resume.safetensors    tensors: module/NAME/PARAMETER  optimizer/NAME/INDEX/KEY  best/PARAMETER  total/LOSS  order
                                   random/own  random/global  random/cudaN
                          header:  JSON with phase, epoch, step, early stopping, finished stages, times, fingerprints

One file, written beside the old one, forced to disk and then renamed over it: there is the old checkpoint or the new
one, never half of either, even if the power fails.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from safetensors import SafetensorError, safe_open
from torch import Tensor
from typing_extensions import TypedDict  # of pydantic, which reads typing's own from Python 3.12 on

from upgan.data.dataset import KGDataset
from upgan.errors import RunError, Stopped
from upgan.evaluation.metrics import HITS_AT, Metrics
from upgan.files import sha256_of_file, spelled_in_utf8
from upgan.runs.files import CONFIG_FILE, RESUME_FILE
from upgan.runs.schema import Count, FiguresShape, Name, Seconds, StageShape
from upgan.runs.status import check_folder
from upgan.training.checkpoint import save_tensors
from upgan.training.state import (
    Clock,
    Keeper,
    PhaseState,
    SavedState,
    TrainingState,
    optimizer_tensors,
    random_tensors,
)

#: Version 1 had no checksum; it is read all the same.
RESUME_VERSION = 2
#: What the header says of a phase as the phase's state has it.
COUNTS = ("patient_epochs", "epoch", "done", "best_epoch", "waited", "ended")
#: A save that took t is not repeated before this many t, so that saving costs at most 1% of the time.
REST = 100.0


@with_config(ConfigDict(extra="allow", allow_inf_nan=False))
class PhaseShape(TypedDict):
    """What the header says of a phase."""

    name: Name
    patient_epochs: Count
    epoch: Count
    done: Count
    best_epoch: Count
    waited: Count
    ended: Name
    best: FiguresShape | None
    seconds: Seconds
    cpu_seconds: Seconds


@with_config(ConfigDict(extra="allow", allow_inf_nan=False))
class HeaderShape(TypedDict):
    """The header of a checkpoint."""

    version: Count
    dataset: Name
    config: Name
    threads: Annotated[int, Field(ge=1, le=1024)]
    started_from: Name | None
    stages: dict[str, StageShape]
    seconds: Seconds
    cpu_seconds: Seconds
    peak_memory_mb: Seconds
    step: Count
    phase: PhaseShape


_HEADER: TypeAdapter[HeaderShape] = TypeAdapter(HeaderShape)


class Checkpointer(Keeper):
    """Saves a training's state in its run folder, every ``seconds`` and at each phase's end, and when asked to stop."""

    def __init__(self, run: Path, dataset: KGDataset, seconds: float, stop: Callable[[], bool]) -> None:
        self.run = run
        self.seconds = seconds
        self._stop = stop
        self._belongs = {"dataset": dataset.fingerprint, "config": sha256_of_file(run / CONFIG_FILE)}
        self._saved_at = time.monotonic()
        #: What all saves cost so far.
        self.spent = 0.0
        self._last = 0.0

    def between_steps(self, state: TrainingState) -> None:
        if self._stop():
            self.save(state)
            raise Stopped(_where(state, self.run))
        if time.monotonic() - self._saved_at > max(self.seconds, REST * self._last):
            self.save(state)

    def save(self, state: TrainingState) -> None:
        started = time.monotonic()
        save_state(self.run, state, self._belongs)
        self._saved_at = time.monotonic()
        self._last = self._saved_at - started
        self.spent += self._last


def _where(state: TrainingState, run: Path) -> str:
    at = state.phase
    step = "" if at.order is None else f", {at.done} steps into the next"
    return f"stopped in {at.name} after epoch {at.epoch}{step}; saved, `upgan resume {run}` goes on"


def save_state(run: Path, state: TrainingState, belongs: dict[str, str]) -> None:
    """Write the checkpoint. Raises RunError where the run's folder is gone."""
    check_folder(run)
    at = state.phase
    tensors = {f"random/{name}": value for name, value in random_tensors(state.random).items()}
    for name, module in state.modules.items():
        tensors |= {f"module/{name}/{key}": value for key, value in module.state_dict().items()}
    for name, optimizer in state.optimizers.items():
        tensors |= {f"optimizer/{name}/{key}": value for key, value in optimizer_tensors(optimizer).items()}
    tensors |= {f"best/{name}": value for name, value in at.best_weights.items()}
    tensors |= {f"total/{name}": value for name, value in at.totals.items()}
    if at.order is not None:
        tensors["order"] = at.order
    header = {
        "version": RESUME_VERSION,
        **belongs,
        "threads": torch.get_num_threads(),
        "started_from": state.started_from,
        "stages": state.stages,
        "seconds": state.clock.seconds,
        "cpu_seconds": state.clock.cpu_seconds,
        "peak_memory_mb": state.peak_memory_mb,
        "step": state.step,
        "phase": _phase_header(at),
    }
    text = json.dumps(header)
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    checksum = {"state": text, "sha256": _checksum(text, tensors)}
    save_tensors(tensors, run / RESUME_FILE, metadata=checksum, durable=True)


def _checksum(header: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the header and every tensor's name, type, shape and bytes: one flipped bit, and it is another."""
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def has_state(run: Path) -> bool:
    """Whether a checkpoint was saved: otherwise a resumed training begins at the beginning."""
    return (run / RESUME_FILE).is_file()


def load_state(run: Path, dataset: KGDataset, random: torch.Generator) -> TrainingState:
    """The state saved in a run folder; the threads that its numbers depend on are set as they were.

    Raises RunError where the file is damaged, of another version, or belongs to other settings or another dataset.
    """
    path = run / RESUME_FILE
    header, tensors = _read(path)
    if header["version"] not in (1, RESUME_VERSION):
        raise RunError(f"{path}: version {header.get('version')!r}, this upgan reads {RESUME_VERSION}; train again")
    if header["dataset"] != dataset.fingerprint:
        raise RunError(
            f"{path}: was trained on dataset {header['dataset'][:12]}, but the run's dataset folder holds "
            f"{dataset.fingerprint[:12]}; restore the folder, or train again"
        )
    if header["config"] != sha256_of_file(run / CONFIG_FILE):
        raise RunError(
            f"{run / CONFIG_FILE}: changed since the training began; going on would mix two settings. Restore it, or "
            "train again"
        )
    torch.set_num_threads(int(header["threads"]))
    tensors = {
        name: value if name.startswith("random/") else value.to(random.device) for name, value in tensors.items()
    }
    state = TrainingState(random)
    state.saved = _phase(header["phase"], tensors)
    state.stages = header["stages"]
    state.started_from = header["started_from"]
    state.peak_memory_mb = header["peak_memory_mb"]
    state.step = header["step"]
    state.clock = Clock(header["seconds"], header["cpu_seconds"])
    return state


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with spelled_in_utf8(path) as spelled, safe_open(spelled, framework="pt") as file:
            stated = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = _HEADER.validate_json(stated["state"], strict=True)
        if header["version"] > 1 and stated["sha256"] != _checksum(stated["state"], tensors):
            raise ValueError("its checksum is another")
        return dict(header), tensors
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunError(
            f"{path}: truncated or damaged ({error}); remove it, and `upgan resume` begins at the beginning"
        ) from None


def _phase_header(at: PhaseState) -> dict[str, Any]:
    return {
        **{name: getattr(at, name) for name in ("name", *COUNTS)},
        "best": None if at.best is None else at.best.to_dict(),
        "seconds": at.clock.seconds,
        "cpu_seconds": at.clock.cpu_seconds,
    }


def _phase(header: dict[str, Any], tensors: dict[str, Tensor]) -> SavedState:
    saved = SavedState(PhaseState(header["name"], **{name: header[name] for name in COUNTS}), tensors)
    saved.phase.best = None if header["best"] is None else _metrics(header["best"])
    saved.phase.best_weights = saved.part("best/")
    saved.phase.totals = saved.part("total/")
    saved.phase.order = tensors.get("order")
    saved.phase.clock = Clock(header["seconds"], header["cpu_seconds"])
    return saved


def _metrics(values: dict[str, Any]) -> Metrics:
    """The inverse of Metrics.to_dict."""

    def number(name: str) -> float:
        return math.nan if values[name] is None else float(values[name])

    return Metrics(number("mr"), number("mrr"), {k: number(f"hits@{k}") for k in HITS_AT}, int(values["queries"]))
