"""The command line as people run it, in a process of its own or in this one."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

from upgan.cli.main import run

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "checkpoints" / "demo"
#: A run of the paper's form on the same data, as the version of 25 November 2026 left it: it has no walks, and its
#: settings lack what came later. Users reach entities over several hops in it, which the form of the demo lacks.
PAPER_FORM = ROOT / "tests" / "paper_form"


def upgan(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "upgan", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd or ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT), **environment},
        timeout=110,
    )


def here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one command in this process: the same entry point, without waiting for torch to be imported again."""
    out, told = io.StringIO(), io.StringIO()
    given = [str(argument) for argument in arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        code = run(given)
    return subprocess.CompletedProcess(given, code, out.getvalue(), told.getvalue())


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, nothing on stdout, one message without a traceback that holds every word."""
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
