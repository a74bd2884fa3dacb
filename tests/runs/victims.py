"""Commands in real processes of their own, which may be killed by SIGKILL at an exact place or at any time.

The processes are forked from a server that has imported the package already, so that one costs milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any

CONTEXT: ForkServerContext = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        *(
            "upgan.cli.main",
            "upgan.cli.training",
            "upgan.experiment.train",
            "upgan.experiment.resume",
            "upgan.experiment.log",
        ),
        *("torch._dynamo", "tensorboardX", "tests.runs.victims"),  # the first optimiser would import it, for seconds
    ]
)

#: (where, count): die at the count-th time that training is there. See ``_arm``.
Place = tuple[str, int]


def begin(arguments: Sequence[str | Path], log: Path, place: Place | None = None, **limits: Any) -> ForkServerProcess:
    """Start a command; its output is added to ``log``."""
    process = CONTEXT.Process(target=_run, args=([str(argument) for argument in arguments], log, place, limits))
    # A test of the app leaves its script as the main module, which the new process would run first.
    left = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = left
    return process


def finish(arguments: Sequence[str | Path], log: Path, place: Place | None = None, **limits: Any) -> int:
    """Run a command to its end, and return its exit code; a signal's number is negative."""
    process = begin(arguments, log, place, **limits)
    process.join(100)
    assert process.exitcode is not None, log.read_text()
    return process.exitcode


def _run(arguments: list[str], log: Path, place: Place | None, limits: dict[str, Any]) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    import torch

    from upgan.cli.main import run

    torch.set_num_threads(1)
    if place is not None:
        _arm(*place)
    if limits.get("every_step"):  # without the rest that bounds the cost of saving
        import upgan.experiment.resume

        upgan.experiment.resume.REST = 0.0
    if "slow_step" in limits:
        slow_down(limits["slow_step"])
    if limits.get("slow_save"):
        import time

        import upgan.files

        def slowly(path: Path) -> None:  # once asked to stop; the next signal ends the sleep
            time.sleep(30 if (path.parent / "stop").exists() else 0)

        upgan.files._force_to_disk = slowly
    if "file_size" in limits:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_size"], resource.RLIM_INFINITY))
    if "memory" in limits:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + limits["memory"]
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    code = run(arguments)
    sys.stdout.flush()
    os._exit(code)


def slow_down(seconds: float) -> None:
    """Every step of a training takes so much longer."""
    import time

    from upgan.experiment.log import RunLog

    real = RunLog.step

    def step(*arguments: Any) -> None:
        time.sleep(seconds)
        real(*arguments)

    RunLog.step = step  # type: ignore[method-assign, assignment]


def _arm(where: str, count: int) -> None:
    """SIGKILL at the ``count``-th step of a phase ("step pretrain"), evaluation on validation in it ("validate ..."),
    fit of the evidence ("fit"), test evaluation after a phase ("test ..."), or save ("save": written, not in place)."""
    import upgan.experiment.train
    import upgan.files
    import upgan.training.fuse
    from upgan.experiment.log import RunLog

    kind, _, phase = where.partition(" ")
    left = [count]

    def die() -> None:
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(owner: Any, name: str, matters: Any = lambda *_: True) -> None:
        real = getattr(owner, name)

        def patched(*arguments: Any, **keywords: Any) -> Any:
            if matters(*arguments):
                die()
            return real(*arguments, **keywords)

        setattr(owner, name, patched)

    if kind == "step":
        before(RunLog, "step", lambda _log, name, *_: name == phase)
    elif kind == "validate":
        before(RunLog, "epoch", lambda _log, name, *_: name == phase)
    elif kind == "fit":
        before(upgan.training.fuse, "set_weights")
    elif kind == "test":
        before(upgan.experiment.train.Training, "record", lambda _training, name, *_: name == phase)
    elif kind == "save":
        before(upgan.files, "_force_to_disk", lambda path: path.name.startswith(".resume"))
    else:
        raise AssertionError(where)
