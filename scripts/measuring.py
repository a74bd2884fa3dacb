"""What the scripts that measure have in common: their options, a browser, the app over a folder of runs, times."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from upgan.doctor import find_browser

ROOT = Path(__file__).resolve().parents[1]
#: Of Chromium without a window, also in a container.
HEADLESS = ["--headless", "--no-sandbox"]


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the script's own text, line by line."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def browser_path() -> str:
    """A browser, or the end of the script."""
    path = find_browser()
    if path is None:
        print("no browser: python scripts/browser.py installs one", file=sys.stderr)
        raise SystemExit(2)
    return path


@contextlib.contextmanager
def app(checkpoints: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The app as `upgan app` starts it, on a free port: its server and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    command = [sys.executable, "-m", "ui.serve", "run", "streamlit_app.py", *flags, "--server.fileWatcherType=none"]
    environment = {**os.environ, "UPGAN_CHECKPOINTS": str(checkpoints.resolve()), "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/_stcore/health")
            yield server, address
        finally:
            server.terminate()
            server.wait(timeout=20)
            log.seek(0)
            if "Traceback" in (text := log.read()):
                print(text[-2000:], file=sys.stderr)


def _wait_for(address: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.25)
    raise SystemExit("the app did not start within a minute")


def upgan(*words: object) -> None:
    """A command of ours, quietly."""
    subprocess.run([sys.executable, "-m", "upgan", *map(str, words)], cwd=ROOT, check=True, capture_output=True)


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def p95(seconds: list[float]) -> float:
    """The 95th percentile, the slowest of few."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
