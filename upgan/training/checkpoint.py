"""The run folder: weights without pickle, settings, dataset, metrics and status, each file whole or absent.

    config.toml  model.safetensors  generator.safetensors  squares.safetensors  run.json  metrics.json
    metrics.jsonl  status.json  log.txt  card.md  dataset/  tensorboard/
    and until it is finished: resume.safetensors (upgan.experiment.resume)

Copied to another machine the folder opens and answers there. Nothing in it is code, and opening it runs none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from upgan.config.settings import Config, config_from_dict, to_toml
from upgan.data.dataset import KGDataset, copy_dataset, load_dataset
from upgan.errors import ConfigError, RunError
from upgan.files import read_toml, sha256_of_file, spelled_in_utf8, write_atomic, write_json, write_text
from upgan.model.base import Model
from upgan.runs.files import (
    CHANGED_FILE,
    CONFIG_FILE,
    MODEL_FILE,
    RESULT_FILE,
    SEAL_FILE,
    SQUARES_FILE,
    STATUS_FILE,
)
from upgan.runs.schema import RESULT, SEAL, STATUS, read_as
from upgan.runs.sound import sizes
from upgan.systems.build import build_model
from upgan.version import __version__

FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class LoadedRun:
    """A run as it was read; ``model`` is in evaluation mode on the CPU."""

    path: Path
    config: Config
    dataset: KGDataset
    model: Model
    #: Hash of weights and settings: what "the same checkpoint" means.
    fingerprint: str
    metrics: dict[str, Any] | None
    status: dict[str, Any] | None


def start_run(run: Path, config: Config, dataset: KGDataset) -> None:
    """Create the folder with the settings and a copy of the dataset."""
    run.mkdir(parents=True, exist_ok=True)
    (run / SQUARES_FILE).unlink(missing_ok=True)  # an earlier run's would belong to other vectors
    copy_dataset(dataset, run / "dataset")
    write_text(run / CONFIG_FILE, to_toml(config))


def save_weights(module: nn.Module, path: Path) -> None:
    """All parameters as one safetensors file, atomically, and on the disk when this returns."""
    save_tensors(module.state_dict(), path, durable=True)


def save_tensors(
    named: Mapping[str, Tensor], path: Path, *, metadata: Mapping[str, str] | None = None, durable: bool = False
) -> None:
    """Named tensors as one safetensors file, atomically; ``metadata`` goes into its header."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in named.items()}
    header = {"format": "pt", **(metadata or {})}
    try:
        write_atomic(
            path,
            lambda temporary: save_file(tensors, temporary, metadata=header),
            durable=durable,
            make_folder=False,
        )
    except SafetensorError as error:  # the library wraps what the system says; "No space left on device" stays in it
        raise OSError(f"{path}: could not be written: {error}") from None


def seal_run(run: Path, dataset: KGDataset) -> None:
    """Write run.json: what the weights belong to. Without it a run has nothing to answer with yet."""
    squares = {"squares_sha256": sha256_of_file(run / SQUARES_FILE)} if (run / SQUARES_FILE).is_file() else {}
    write_json(
        run / SEAL_FILE,
        {
            "format_version": FORMAT_VERSION,
            "upgan_version": __version__,
            "torch_version": torch.__version__,
            "dataset_fingerprint": dataset.fingerprint,
            "model_sha256": sha256_of_file(run / MODEL_FILE),
            "config_sha256": sha256_of_file(run / CONFIG_FILE),
            **squares,
            "sizes": sizes(run),
        },
    )


def restore_settings(run: Path, config: Config) -> str:
    """Write config.toml again where it no longer says what a training uses; what happened, empty where nothing did.

    The run would otherwise be sealed with settings that nothing was trained with. The changed file is kept.
    """
    try:
        if load_config(run) == config:
            return ""
        (run / CONFIG_FILE).replace(run / CHANGED_FILE)
    except RunError:
        if (run / CONFIG_FILE).is_file():
            (run / CONFIG_FILE).replace(run / CHANGED_FILE)
    write_text(run / CONFIG_FILE, to_toml(config), make_folder=False)
    return f"{CONFIG_FILE} was changed while it was in use: it is as it was, the changed one is {CHANGED_FILE}"


def load_run(run: Path) -> LoadedRun:
    """Open a run folder.

    Raises RunError where a file is missing, truncated, of another version or of another dataset, saying which and
    what to do; DataError where its dataset is broken.
    """
    if not run.is_dir():
        raise RunError(f"{run}: no such run folder; `upgan train DATASET --run {run}` creates one")
    config = load_config(run)
    seal = _sealed(run)
    dataset = load_dataset(run / "dataset")
    if seal["dataset_fingerprint"] != dataset.fingerprint:
        raise RunError(
            f"{run}: its weights belong to dataset {seal['dataset_fingerprint'][:12]}, but its dataset folder holds "
            f"{dataset.fingerprint[:12]}; restore the folder or train again"
        )
    model = build_model(config, dataset)
    tensors = load_weights(run / MODEL_FILE)
    _check_shapes(run / MODEL_FILE, tensors, model)
    check_finite(run / MODEL_FILE, tensors)
    model.load_state_dict(tensors)
    model.requires_grad_(False).eval()
    return LoadedRun(
        path=run,
        config=config,
        dataset=dataset,
        model=model,
        fingerprint=run_fingerprint(run),
        metrics=_optional_json(run / RESULT_FILE, RESULT),
        status=_optional_json(run / STATUS_FILE, STATUS),
    )


def load_config(run: Path) -> Config:
    """The run's settings; RunError where config.toml is missing or not one of this version's."""
    if not (run / CONFIG_FILE).is_file():
        raise RunError(f"{run}: config.toml is missing, so this is not a run folder, or not a whole one")
    try:
        return config_from_dict(read_toml(run / CONFIG_FILE))
    except ConfigError as error:
        raise RunError(f"{run / 'config.toml'}: {error}") from None


def load_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, or RunError where it is missing, truncated or something else."""
    if not path.is_file():
        raise RunError(f"{path}: missing; copy the whole run folder, or train again")
    try:
        with spelled_in_utf8(path) as spelled:
            return load_file(spelled)
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(
            f"{path}: truncated or damaged ({error}); copy it again from its source, or train again"
        ) from None


def load_squares(run: Path) -> dict[str, Tensor]:
    """The squares of a run that has any. RunError where the file is damaged, or not the sealed one."""
    path = run / SQUARES_FILE
    if not path.is_file():
        return {}
    sealed = _sealed(run).get("squares_sha256")
    if sealed is not None and sha256_of_file(path) != sealed:
        raise RunError(f"{path}: truncated or changed since training; copy it again, or train again")
    tensors = load_weights(path)
    check_finite(path, tensors)
    return tensors


def check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise RunError for NaN and infinite numbers: whatever is asked of them has no meaning."""
    for name, values in tensors.items():
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            count = int((~torch.isfinite(values)).sum())
            raise RunError(
                f"{path}: {name} holds {count:,} numbers that are NaN or infinite, so no score means anything; copy it "
                "again from its source, or train again"
            )


def run_fingerprint(run: Path) -> str:
    """Hash of the weights and the settings."""
    digest = hashlib.sha256()
    for name in (MODEL_FILE, CONFIG_FILE):
        digest.update(sha256_of_file(run / name).encode())
    return digest.hexdigest()


def dataset_fingerprint(run: Path) -> str:
    """Which dataset the weights belong to; RunError where the run has none yet."""
    fingerprint: str = _sealed(run)["dataset_fingerprint"]
    return fingerprint


def _sealed(run: Path) -> dict[str, Any]:
    """run.json, if what it seals is as it was. Raises RunError."""
    seal = _optional_json(run / SEAL_FILE, TypeAdapter(dict[str, Any]))
    if seal is None:
        status = _optional_json(run / STATUS_FILE, STATUS) or {}
        state = f" (its state is {status['state']!r})" if "state" in status else ""
        raise RunError(f"{run}: run.json is missing, so no weights were saved yet{state}; train it to the end")
    version = seal.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise RunError(
            f"{run}: format version {version!r:.100}, this upgan reads {FORMAT_VERSION}; train again with this version"
        )
    seal = _optional_json(run / SEAL_FILE, SEAL) or seal
    for name, key in ((MODEL_FILE, "model_sha256"), (CONFIG_FILE, "config_sha256")):
        # A settings file cut at the end of a line is still valid, with other settings: only its hash tells.
        if (run / name).is_file() and sha256_of_file(run / name) != seal[key]:
            raise RunError(f"{run / name}: truncated or changed since training; copy it again, or train again")
    return seal


def _optional_json(path: Path, shape: TypeAdapter[Any]) -> dict[str, Any] | None:
    try:
        return read_as(path, shape)
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise RunError(f"{path}: {error}; restore the file or train again") from None


def _check_shapes(path: Path, tensors: dict[str, Tensor], model: nn.Module) -> None:
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    stored = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != stored:
        wrong = sorted(name for name in expected.keys() | stored.keys() if expected.get(name) != stored.get(name))
        raise RunError(
            f"{path}: does not fit config.toml and the dataset: {wrong[0]} is {stored.get(wrong[0], 'absent')}, "
            f"expected {expected.get(wrong[0], 'absent')}"
        )
