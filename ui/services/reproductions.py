"""Tables of the paper measured from the browser: begun, followed, cancelled, gone on with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from ui.services.access import require_training
from ui.services.datasets import DatasetEntry
from ui.services.leaderboard import results_roots
from ui.services.runs import checkpoint_root
from upgan.config.systems import MODEL_NAMES
from upgan.errors import ConfigError
from upgan.reproduce import job
from upgan.reproduce.job import Job, Order
from upgan.reproduce.plan import TARGETS

#: Time limits of one run, as `upgan reproduce` reads them, and as a form names them.
BUDGETS = {"1m": "1 minute", "5m": "5 minutes", "10m": "10 minutes", "30m": "30 minutes", "2h": "2 hours", "": "none"}
TITLES = {name: target.title for name, target in TARGETS.items()}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def systems_of(target: str) -> dict[str, str]:
    """The systems that a table shows: name -> how it is written."""
    return {name: MODEL_NAMES[name] for name in TARGETS[target].systems}


def seeds_of(count: int) -> tuple[int, ...]:
    """So many seeds, from 0 on."""
    return tuple(range(count))


def order_of(target: str, entry: DatasetEntry, systems: tuple[str, ...], seeds: int, budget: str) -> Order:
    """What a form asks for."""
    every = set(systems) == set(systems_of(target))
    return Order(
        target, str(entry.path.resolve()), str(checkpoint_root().resolve()), () if every else systems,
        seeds_of(seeds), budget,
    )  # fmt: skip


def folder_of(name: str) -> Path:
    """Where results of that name are; ConfigError for no plain word."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name[:60]!r}: a name here is 1 to 40 of a-z, 0-9, - and _, a letter or digit first")
    return results_roots()[0] / name


def command_line(name: str, order: Order) -> str:
    """The same at a terminal."""
    return shlex.join(["upgan", *order.command(folder_of(name).resolve())])


def jobs() -> list[Job]:
    """Those of this app's folder of results, the latest first."""
    return job.jobs(results_roots()[0])


def start(name: str, order: Order) -> Job:
    """Begin, or go on. Raises ConfigError and BusyError as `upgan reproduce` would."""
    require_training()
    return job.start(folder_of(name), order)


def again(before: Job) -> Job:
    """Go on with one that was cancelled or failed."""
    require_training()
    return job.start(before.out, before.order)


def cancel(running: Job) -> Job:
    """Let it save what is being trained, and end."""
    require_training()
    return job.cancel(running.out, running.order.target)
