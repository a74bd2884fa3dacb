"""Whether a training fits the machine, told before its work: what is missing, and which settings would make it fit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from upgan import machine
from upgan.config.settings import Config, flat_settings, make_config
from upgan.data.dataset import KGDataset
from upgan.errors import ConfigError
from upgan.experiment.footprint import expected

#: What is tried in this order, each where it helps: what costs time before what costs accuracy.
SMALLER: tuple[tuple[str, Any], ...] = (
    ("threads", 1),
    ("pretrain.batch", 1024),
    ("adversarial.batch", 1024),
    ("adversarial.n_g", 200),
    ("model.co_interaction.counted", 50),
    ("validation_triples", 4000),
    ("walks.entries", 1_000_000),
    ("model.dim", 64),
    ("model.dim", 32),
    ("graph.interaction_share", 0.5),
    ("graph.interaction_share", 0.25),
    ("model.dim", 16),
)
#: A setting that saves less than this share is left as it is.
WORTH = 0.02


def check_room(data: KGDataset, config: Config, run: Path) -> None:
    """Raise ConfigError where memory or disk for a training surely fall short."""
    cuda = config.device != "cpu" and torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] / 1e6 if cuda else machine.memory().available * 1e3
    memory, disk, _ = expected(data, config, cuda=cuda)
    problems = []
    if memory > free:
        problems.append(
            f"training takes about {_size(memory)} of {'GPU ' * cuda}memory, {_size(free)} are free: "
            f"{_size(memory - free)} too little. {_remedy(data, config, free, cuda)}"
        )
    room = shutil.disk_usage(next(folder for folder in (run, *run.absolute().parents) if folder.exists())).free / 1e6
    if disk > room:
        problems.append(
            f"the run takes up to {_size(disk)} of disk, {_size(room)} are free at {run.absolute().parent}: "
            f"{_size(disk - room)} too little. Choose a folder elsewhere (--run)"
        )
    if problems:
        raise ConfigError(f"{data.name}: {' '.join(problems)}. --force starts it all the same.")


def _remedy(data: KGDataset, config: Config, free: float, cuda: bool) -> str:
    """The settings that make it fit, or what it takes with all of them."""
    changed: dict[str, Any] = {}
    need = expected(data, config, cuda=cuda).memory
    for key, value in _smaller(config):
        trial = {**changed, key: value}
        less = expected(data, _with(config, trial), cuda=cuda).memory
        if less > (1 - WORTH) * need:
            continue
        changed, need = trial, less
        if need <= free:
            words = " ".join(f"--set {name}={value}" for name, value in changed.items())
            return f"It would fit, at about {_size(need)}, with {words}"
    words = f"Even with {' '.join(f'--set {key}={value}' for key, value in changed.items())} " if changed else "It "
    return f"{words}takes {_size(need)}: more memory is needed, or data with fewer entities (upgan data prepare)"


def _smaller(config: Config) -> Iterator[tuple[str, Any]]:
    """What of ``SMALLER`` is a smaller value of a setting that the model has."""
    now = flat_settings(config)
    for key, value in SMALLER:
        if key in now and (now[key] > value or (now[key] == 0 and key in ("threads", "validation_triples"))):
            yield key, value


def _with(config: Config, changed: dict[str, Any]) -> Config:
    return make_config(config.preset, overrides={**flat_settings(config), **changed})


def _size(megabytes: float) -> str:
    return f"{megabytes / 1e3:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"
