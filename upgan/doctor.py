"""What this machine has and what is missing for training, for the app and for the tests.

Every finding stands alone: a check that fails says so and the next one goes on.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from upgan.errors import UpganError
from upgan.machine import NO_GPU, cores, gpus, memory
from upgan.runs.files import is_run

State = Literal["ok", "warning", "missing"]

APP_PORT = 8501
#: Below these, training on a catalogue of a few thousand entities or writing its run may fail.
LOW_MEMORY_GB = 2.0
LOW_DISK_GB = 1.0
#: Names under which the systems install a browser that Playwright can drive.
BROWSER_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_FILES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
#: Where Playwright puts its own download, below its browsers folder.
PLAYWRIGHT_FILES = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/chrome-*/*headless*shell",
)


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, how it is, and what to do where it is not fine."""

    name: str
    state: State
    value: str
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """All findings. ``ok`` is False as soon as something is missing; a warning leaves it True."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is missing."""
        return all(finding.state != "missing" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as it is printed with --json."""
        return {"ok": self.ok, "findings": [asdict(finding) for finding in self.findings]}

    def to_text(self) -> str:
        """The report as aligned lines; what to do stands below its finding."""
        width = max((len(finding.name) for finding in self.findings), default=0)
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.state:<8} {finding.name:<{width}}  {finding.value}")
            if finding.advice:
                lines.append(f"{'':<8} {'':<{width}}  -> {finding.advice}")
        return "\n".join(lines)


def diagnose(checkpoints: Path, port: int = APP_PORT) -> Report:
    """Look at this machine, at the installed packages and at the runs below ``checkpoints``."""
    return Report(
        (
            check_python(),
            Finding("system", "ok", f"{platform.system()} {platform.release()} {platform.machine()}"),
            Finding("CPU", "ok", f"{cores()} cores"),
            check_memory(),
            check_disk(Path.cwd()),
            *check_torch(),
            check_packages(),
            check_browser(),
            *check_checkpoints(checkpoints),
            check_port(port),
        )
    )


def check_python() -> Finding:
    """The version that runs this, and from where."""
    return Finding("Python", "ok", f"{platform.python_version()} ({sys.executable})")


def check_memory() -> Finding:
    """Main memory."""
    try:
        found = memory()
    except OSError as error:
        return Finding("memory", "warning", f"not known ({error})")
    if found.available < LOW_MEMORY_GB:
        return Finding("memory", "warning", str(found), "close other programs, or train with a smaller dimension")
    return Finding("memory", "ok", str(found))


def check_disk(folder: Path) -> Finding:
    """Free space where runs are written by default."""
    free = shutil.disk_usage(folder).free / 1e9
    value = f"{free:.1f} GB free at {folder}"
    if free < LOW_DISK_GB:
        return Finding(
            "disk", "warning", value, "free some space before training; a run needs its weights several times over"
        )
    return Finding("disk", "ok", value)


def check_torch() -> Iterator[Finding]:
    """PyTorch, its threads and the GPUs it sees."""
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of the wheel does not load.
        yield Finding("torch", "missing", f"cannot be imported ({error})", "make env installs it")
        return
    yield Finding("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads")
    for gpu in gpus() or [NO_GPU]:
        yield Finding("GPU", "ok", gpu)


def check_packages() -> Finding:
    """The packages that pyproject.toml asks for, as the installed metadata tells."""
    try:
        requirements = importlib.metadata.requires("upgan") or []
    except importlib.metadata.PackageNotFoundError:
        return Finding("packages", "warning", "upgan itself is not installed, only importable", "make env installs it")
    present, absent = [], []
    for requirement in requirements:
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match is None or "extra ==" in requirement:
            continue
        try:
            present.append(f"{match[0]} {importlib.metadata.version(match[0])}")
        except importlib.metadata.PackageNotFoundError:
            absent.append(match[0])
    if absent:
        return Finding("packages", "missing", "not installed: " + ", ".join(absent), "make env installs them")
    return Finding("packages", "ok", ", ".join(present))


def find_browser() -> str | None:
    """The path of a Chromium or Chrome that really starts, or None. UPGAN_BROWSER names one explicitly."""
    candidates = [os.environ.get("UPGAN_BROWSER"), *(shutil.which(name) for name in BROWSER_COMMANDS), *BROWSER_FILES]
    own = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or ""
    for folder in (Path(own), Path.home() / ".cache/ms-playwright", Path.home() / "Library/Caches/ms-playwright"):
        if folder.is_absolute():
            candidates += (
                str(path) for pattern in PLAYWRIGHT_FILES for path in sorted(folder.glob(pattern), reverse=True)
            )
    return next((path for path in candidates if path and starts(path)), None)


def starts(browser: str) -> bool:
    """Whether a browser runs at all: a command may be a stub whose package is not there."""
    try:
        done = subprocess.run([browser, "--version"], capture_output=True, timeout=30, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def check_browser() -> Finding:
    """A browser, which only the tests of the app need."""
    path = find_browser()
    if path is None:
        return Finding(
            "browser",
            "warning",
            "none found; browser tests are skipped",
            "make test installs one, or .venv/bin/python scripts/browser.py",
        )
    return Finding("browser", "ok", f"{path} (for the tests)")


def check_checkpoints(folder: Path) -> Iterator[Finding]:
    """Each run below a folder: whether it opens, as it would for an answer."""
    runs = sorted(path for path in folder.glob("*/") if is_run(path))
    if not runs:
        yield Finding("runs", "warning", f"none in {folder}", "upgan train DIR makes one")
    for run in runs:
        problem = problem_of_run(run)
        yield Finding("run", "ok", str(run)) if problem is None else Finding("run", "warning", problem)


def problem_of_run(run: Path) -> str | None:
    """Why a run cannot answer, and what to do; None where it can."""
    try:
        from upgan.training.checkpoint import load_run

        load_run(run)
    except (UpganError, ImportError, OSError, ValueError) as error:
        return str(error) if str(run) in str(error) else f"{run}: {error}"
    return None


def check_port(port: int) -> Finding:
    """Whether the app can listen where it does by default."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As a server does: an address that a closed server left a moment ago counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            advice = f"close the program there (perhaps the app), or choose another: upgan app --port {port + 1}"
            return Finding("port", "warning", f"{port} is in use ({error.strerror})", advice)
    return Finding("port", "ok", f"{port} is free")
