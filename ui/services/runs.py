"""The checkpoints that can be asked, and why the others cannot; read from small files, no weights are opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from upgan.errors import ConfigError
from upgan.files import checked, read_object, read_toml
from upgan.runs.schema import RESULT, SEAL, STATUS
from upgan.runs.sound import unsound

#: Environment variable that names the folder of run folders.
ROOT_VARIABLE = "UPGAN_CHECKPOINTS"
_SMALL = 4_000_000
_LONGEST_CARD = 50_000


@dataclass(frozen=True)
class RunEntry:
    """One folder under the checkpoint root. ``problem`` is None where it can be opened."""

    name: str
    path: Path
    problem: str | None
    dataset: str = ""
    model: str = ""
    preset: str = ""
    #: Filtered mean reciprocal rank on test; None where the run has no metrics.
    mrr: float | None = None
    state: str = ""
    #: Changes when the run's files do: a cache key.
    stamp: tuple[tuple[int, int], ...] = ()

    def chip(self) -> str:
        """Two words for a button."""
        return f"{self.name} · MRR {self.mrr:.2f}" if self.mrr is not None else self.name

    def summary(self) -> str:
        """One line for a list: name, dataset, model, quality."""
        quality = f"test MRR {self.mrr:.3f}" if self.mrr is not None else "not evaluated"
        return " · ".join(part for part in (self.name, self.dataset, self.model, quality) if part)


def checkpoint_root() -> Path:
    """The folder of run folders: as the environment says, or ``checkpoints`` beside the app or in the work folder."""
    chosen = os.environ.get(ROOT_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    beside = Path(__file__).resolve().parents[2] / "checkpoints"
    return beside if beside.is_dir() else Path.cwd() / "checkpoints"


def folders(root: Path) -> list[Path]:
    """Folders directly below ``root``, by name; hidden ones are left out."""
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def list_runs(root: Path) -> list[RunEntry]:
    """Every folder that looks like a run, usable ones first, "demo" before the others."""
    entries = [_entry(path) for path in folders(root)]
    return sorted(entries, key=lambda entry: (entry.problem is not None, entry.name != "demo", entry.name))


def written(path: Path) -> dict[str, Any]:
    """What a run or dataset wrote in a small file; empty where that is missing or damaged."""
    try:
        return read_small(path)
    except (OSError, ValueError):
        return {}


def card_text(run: Path) -> str:
    """The run's model card; empty where there is none."""
    try:
        return (run / "card.md").read_text(encoding="utf-8", errors="replace")[:_LONGEST_CARD]
    except OSError:
        return ""


def _entry(path: Path) -> RunEntry:
    try:
        return _read(path)
    except (OSError, ValueError, ConfigError) as error:
        return RunEntry(path.name, path, problem=str(error))


def _read(path: Path) -> RunEntry:
    status = read_small(path / "status.json", STATUS, optional=True)
    state = str(status.get("state", ""))
    training = f" (training is {state})" if state else ""
    stamp = []
    for name in ("config.toml", "model.safetensors", "run.json", "dataset/manifest.json"):
        if not (path / name).is_file():
            raise ValueError(f"{name} is missing{training}")
        stat = (path / name).stat()
        stamp.append((stat.st_mtime_ns, stat.st_size))
    config = read_toml(path / "config.toml")
    read_small(path / "run.json", SEAL)
    manifest = read_small(path / "dataset" / "manifest.json")
    mrr = read_small(path / "metrics.json", RESULT, optional=True).get("mrr")
    if problem := unsound(path):
        raise ValueError(problem)
    return RunEntry(
        name=path.name,
        path=path,
        problem=None,
        dataset=str(manifest.get("name", "")),
        model=str(config.get("model_name", "")),
        preset=str(config.get("preset", "")),
        mrr=float(mrr) if isinstance(mrr, int | float) else None,
        state=state,
        stamp=tuple(stamp),
    )


def read_small(
    path: Path, shape: TypeAdapter[Any] | None = None, *, optional: bool = False, largest: int = _SMALL
) -> dict[str, Any]:
    """A small JSON object of this shape, empty where an ``optional`` file is not there; OSError, ValueError name it."""
    if optional and not path.is_file():
        return {}
    try:
        value = read_object(path, largest)
        return value if shape is None else dict(checked(value, shape))
    except ValueError as error:
        raise ValueError(f"{path.name} is not as upgan writes it: {error}") from None
