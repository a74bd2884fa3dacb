"""Which process a run belongs to, and whether it is still there.

A process number alone is not enough: after a crash or a reboot another program may have it. With its start time and
the boot it belongs to, a process is never taken for another one.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Process:
    """A process for good: its number, when it started, in which boot of which machine."""

    pid: int
    start: str
    boot: str
    host: str

    @staticmethod
    def from_dict(value: Any) -> Process | None:
        """The process that a status names; None where it names none, or not wholly."""
        try:
            return Process(int(value["pid"]), str(value["start"]), str(value["boot"]), str(value["host"]))
        except (KeyError, TypeError, ValueError):
            return None

    def alive(self) -> bool | None:
        """Whether this very process still runs; None where that cannot be told from here (another machine)."""
        if self.host != socket.gethostname():
            return None
        return self.boot == boot_id() and self.start == start_of(self.pid)


def this_process() -> Process:
    """The process that asks."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """The process that has this number now."""
    return Process(pid, start_of(pid) or "", boot_id(), socket.gethostname())


def start_of(pid: int) -> str | None:
    """When the process with this number started; None where there is none, or only its remains (a zombie).

    Linux counts clock ticks since boot, which setting the clock does not change; psutil turns them into a time of day,
    which it does.
    """
    if not Path("/proc/self/stat").exists():
        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
        except psutil.Error:
            return None
    try:
        # The command's name stands in brackets and may hold anything; the fields begin after the last one.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


@cache
def boot_id() -> str:
    """A name for the time since the machine was started; empty where the system gives none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
