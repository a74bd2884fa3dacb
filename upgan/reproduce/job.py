"""`upgan reproduce` in a process of its own that lives on when this one ends: begun, followed, cancelled.

What is known of it stands beside what it makes: OUT/TARGET.job.json says what was asked for and which process does it,
OUT/TARGET.log is what that process says. The runs themselves are those of any reproduction, so that the same job begun
again goes on where it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import psutil
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from upgan.errors import BusyError, RunError
from upgan.files import write_json
from upgan.reproduce.document import TARGET_NAMES
from upgan.reproduce.plan import Request, parse_budget, plan
from upgan.runs.locks import run_lock
from upgan.runs.process import Process, process_of
from upgan.runs.schema import read_as

State = Literal["running", "finished", "cancelled", "failed"]
#: Ends of the names of the two files.
JOB_END, LOG_END = ".job.json", ".log"
#: A line of progress: [runs that are over/runs to train].
_PROGRESS = re.compile(r"\[(\d{1,9})/(\d{1,9})\] ")
#: A log is read from its end; no line is as long.
_END = 20_000
#: Bytes of the file of a job.
_LONGEST = 100_000
#: Processes begun here: asked for their end, so that none of them stays as a zombie.
_BEGUN: dict[Path, subprocess.Popen[bytes]] = {}


class OrderShape(TypedDict):
    """An order as its file has it."""

    target: str
    data: str
    checkpoints: str
    systems: list[str]
    seeds: list[int]
    budget: str


class JobShape(TypedDict):
    """OUT/TARGET.job.json."""

    order: OrderShape
    process: dict[str, Any]
    started: Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]
    cancelled: NotRequired[bool]


JOB: TypeAdapter[JobShape] = TypeAdapter(JobShape)


@dataclass(frozen=True)
class Order:
    """What is to be reproduced, as the options of `upgan reproduce` say it. Without systems: those the paper shows."""

    target: str
    data: str
    checkpoints: str
    systems: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    #: Time limit of each run: "90s", "10m"; empty for none.
    budget: str = ""

    def command(self, out: Path) -> list[str]:
        """The arguments after ``upgan``."""
        words = ["reproduce", self.target, "--data", self.data, "--out", str(out), "--checkpoints", self.checkpoints]
        words += ["--seeds", ",".join(map(str, self.seeds))]
        words += ["--systems", ",".join(self.systems)] if self.systems else []
        return words + (["--budget", self.budget] if self.budget else [])

    def check(self) -> int:
        """How many runs it needs. Raises ConfigError for what `upgan reproduce` refuses."""
        budget = parse_budget(self.budget or None)
        return len(plan(Request(self.target, self.seeds, budget, self.systems)))


@dataclass(frozen=True)
class Job:
    """One reproduction at one moment."""

    out: Path
    order: Order
    state: State
    #: Runs that are over, and runs to train, as far as it said so.
    done: int = 0
    total: int = 0
    #: Its last words.
    said: str = ""
    #: Seconds since the epoch.
    started: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.out.name}/{self.order.target}"


def start(out: Path, order: Order) -> Job:
    """Begin, or go on with, a reproduction into the folder ``out``.

    Raises ConfigError for an order that `upgan reproduce` refuses, BusyError where the same is at work already.
    """
    order.check()
    out.mkdir(parents=True, exist_ok=True)
    with run_lock(out):
        before = read(out, order.target)
        if before is not None and before.state == "running":
            raise BusyError(f"{out.name}: {order.target} is being reproduced there already")
        command = [sys.executable, "-m", "upgan", *order.command(out)]
        with (out / f"{order.target}{LOG_END}").open("wb") as log:
            # A session of its own: it lives on when this process ends.
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        _BEGUN[_file(out, order.target)] = child
        told = {"order": asdict(order), "process": asdict(process_of(child.pid)), "started": time.time()}
        write_json(_file(out, order.target), told)
    job = read(out, order.target)
    assert job is not None
    return job


def cancel(out: Path, target: str) -> Job:
    """Ask a reproduction to save its trainings and end; returns at once. RunError where it is not at work."""
    job, told = read(out, target), _told(out, target)
    process = Process.from_dict(told.get("process"))
    if job is None or job.state != "running" or process is None:
        raise RunError(f"{out.name}: {target} is not being reproduced there")
    if not _at_work_on(process, out, target):
        raise RunError(
            f"{_file(out, target)} names process {process.pid}, but that does not reproduce {target} there, so nothing "
            f"was ended; see what it is (ps -p {process.pid})"
        )
    write_json(_file(out, target), told | {"cancelled": True})
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    return job


def read(out: Path, target: str) -> Job | None:
    """The reproduction of a target in a folder; None where none was begun there."""
    told = _told(out, target)
    if not told:
        return None
    words = told["order"]
    order = Order(**{**words, "systems": tuple(words["systems"]), "seeds": tuple(words["seeds"])})
    if (child := _BEGUN.get(_file(out, target))) is not None:
        child.poll()
    process, started = Process.from_dict(told.get("process")), told["started"]
    lines = _last_lines(out / f"{target}{LOG_END}")
    counts = next((found for line in reversed(lines) if (found := _PROGRESS.match(line))), None)
    done, total = (int(counts[1]), int(counts[2])) if counts else (0, 0)
    state: State = "failed"
    if process is not None and process.alive() is not False:
        state = "running"
    elif _written_since(out / f"{target}.json", started):
        state, done = "finished", total
    elif told.get("cancelled"):
        state = "cancelled"
    return Job(out, order, state, done, total, lines[-1] if lines else "", started)


def jobs(root: Path) -> list[Job]:
    """Every reproduction in the folders directly below ``root``, the latest first."""
    found = (path for target in TARGET_NAMES for path in root.glob(f"*/{target}{JOB_END}"))
    there = (read(path.parent, path.name.removesuffix(JOB_END)) for path in found)
    return sorted((job for job in there if job is not None), key=lambda job: -job.started)


def _file(out: Path, target: str) -> Path:
    return out / f"{target}{JOB_END}"


def _told(out: Path, target: str) -> dict[str, Any]:
    """What the job's file says; empty where there is none, or none that can be read."""
    try:
        return read_as(_file(out, target), JOB, _LONGEST)
    except (OSError, ValueError):
        return {}


def _at_work_on(process: Process, out: Path, target: str) -> bool:
    """Whether a process is `upgan reproduce TARGET --out OUT`: the file may be from elsewhere and name any."""
    try:
        words = psutil.Process(process.pid).cmdline()
    except psutil.Error:
        return False
    return {"reproduce", target} <= set(words) and out.resolve() in {Path(word).resolve() for word in words}


def _written_since(path: Path, started: float) -> bool:
    try:
        return path.stat().st_mtime >= started
    except OSError:
        return False


def _last_lines(log: Path) -> list[str]:
    """The lines at the end of a log, without empty ones."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _END))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
