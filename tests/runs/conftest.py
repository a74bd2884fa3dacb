"""Trainings on the toy catalogue through every phase, and what must be the same at their ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runs import victims

#: All phases, several mini-batches in each epoch, candidates drawn, saved as often as allowed.
SMALL = """
    threads=1 checkpoint_seconds=0 model.dim=4 initialisation.batch=4 initialisation.epochs=6
    initialisation.eval_every=2
    initialisation.patience=9 initialisation.relax_epochs=3 pretrain.batch=4 pretrain.epochs=4 pretrain.eval_every=1
    pretrain.relax_epochs=3 adversarial.batch=3 adversarial.epochs=3 adversarial.n_c=5 adversarial.n_g=3
    initialisation.candidates=5 pretrain.candidates=6
    walks.least_triples=2
    adversarial.patience=9 pinned.relation=by pinned.head=b3 pinned.answer=a1
"""
SETTINGS = ["--preset", "quality", "--device", "cpu", "--seed", "3", *(f"--set={setting}" for setting in SMALL.split())]
PHASES = (
    "initialisation",
    "relaxation",
    "pretrain",
    "pretrain relaxation",
    "adversarial",
    "fusion",
    "held-out start",
    "walks",
)


def train_command(dataset: Path, run: Path, *more: str) -> list[str | Path]:
    return ["train", dataset, "--run", run, "--force", *SETTINGS, *more]


def outcome(run: Path) -> dict[str, Any]:
    """Everything a finished run holds, but for times and memory."""
    weights = set(run.glob("*.safetensors")) - {run / "resume.safetensors"}
    found: dict[str, Any] = {path.name: path.read_bytes() for path in weights}
    found["config.toml"] = (run / "config.toml").read_text()
    for name in ("metrics.jsonl", "pinned.jsonl"):
        found[name] = [untimed(json.loads(line)) for line in (run / name).read_text().splitlines()]
    found["metrics.json"] = untimed(json.loads((run / "metrics.json").read_text()))
    return found


def untimed(value: Any) -> Any:
    times = ("t", "seconds", "cpu_seconds", "seconds_test", "cpu_seconds_test", "peak_memory_mb")
    if isinstance(value, dict):
        return {key: untimed(part) for key, part in value.items() if key not in times}
    return value


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The toy catalogue on disk, and the outcome of a training on it that nothing disturbed."""
    from tests.conftest import toy_tables
    from upgan.data.dataset import build_dataset, copy_dataset

    folder = tmp_path_factory.mktemp("undisturbed")
    tables: dict[str, Any] = {**toy_tables()}
    copy_dataset(build_dataset(name="toy", **tables), folder / "toy")
    assert victims.finish(train_command(folder / "toy", folder / "run"), folder / "log") == 0, (
        folder / "log"
    ).read_text()
    return folder / "toy", outcome(folder / "run")
