"""Whether looking at a training slows it: python scripts/watched.py [--pairs 6] [--dataset DIR]

The same training, again and again, by turns alone and with the app's Runs page open on it in a real browser. The app
only reads files, so that its price is what it takes from the machine. Two figures of the training's process:

- processor seconds, which other programs of a busy machine hardly touch: the training's own additional work;
- wall seconds, which on a machine with few cores also hold the browser's and the server's share; the bar of 3% is meant
  for these where the browser is elsewhere, or has a core of its own.

Each as the mean of the pairs' ratios with its standard error. Ends with 1 where the processor's ratio, less two standard
errors, is above the bar.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from load_test import ROOT, start
from screenshots import stop
from upgan.doctor import find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BAR = 1.03
#: The same work every time: no phase gives up early.
SETTINGS = ("initialisation.patience=1000", "pretrain.patience=1000", "adversarial.patience=1000", "pretrain.epochs=30",
            "initialisation.epochs=20", "adversarial.epochs=2", "pretrain.eval_every=1")  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Seconds of one training's process."""

    processor: float
    wall: float
    #: Points that the page showed at the end of its look; 0 where nobody looked.
    seen: int = 0


def main() -> int:
    """Train by turns, print each pair and the ratios."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--dataset", type=Path, help="a prepared dataset; without it the embedded catalogue")
    given = parser.parse_args()
    path = find_browser()
    if path is None:
        print("no browser: python scripts/browser.py installs one", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="upgan-watched-")))
        dataset = given.dataset or folder / "demo"
        if given.dataset is None:
            subprocess.run([sys.executable, "-m", "upgan", "data", "demo", "--out", dataset], check=True, cwd=ROOT)
        (folder / "runs").mkdir()
        server, address = start(folder / "runs", stack.enter_context(tempfile.TemporaryFile("w+")))
        stack.callback(stop, server)
        engine = stack.enter_context(sync_playwright())
        browser = engine.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
        stack.callback(browser.close)
        trained(dataset, folder / "runs" / "warm", None, "")  # files are in memory from here on
        pairs = []
        for number in range(given.pairs):
            first = number % 2 == 0  # who begins changes, so that a drift of the machine is shared
            both = {watched: trained(dataset, folder / "runs" / f"run{number}-{int(watched)}",
                                     browser if watched else None, address) for watched in (first, not first)}  # fmt: skip
            pairs.append((both[False], both[True]))
            print(f"pair {number + 1}: alone {both[False]}, watched {both[True]}", flush=True)
    return report(pairs)


def trained(dataset: Path, run: Path, browser: Browser | None, address: str) -> Cost:
    """One training as a process of its own, with a page open on it while it works or not."""
    command = [sys.executable, "-m", "upgan", "train", str(dataset), f"--run={run}", "--preset=demo", "--device=cpu"]
    command += ["--force", *(f"--set={setting}" for setting in SETTINGS)]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = 0 if browser is None else look(browser, f"{address}/runs?run={run.name}", run, process.pid)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{run}: the training ended with code {process.returncode}")
    return Cost(round(used.ru_utime + used.ru_stime, 2), round(time.perf_counter() - began, 2), seen)


def look(browser: Browser, address: str, run: Path, pid: int) -> int:
    """Keep the run's page open until the training is over; returns the points of its first curve."""
    while not (run / "status.json").exists() and alive(pid):
        time.sleep(0.05)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.locator(".js-plotly-plot").first.wait_for(timeout=90_000)
    points = 0
    while alive(pid):
        points = max(points, page.evaluate("document.querySelector('.js-plotly-plot')?.calcdata?.[0]?.length ?? 0"))
        page.wait_for_timeout(500)
    page.close()
    return points


def alive(pid: int) -> bool:
    """Whether the process still works: it is not collected before its costs are read."""
    state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    return state != "Z"


def report(pairs: list[tuple[Cost, Cost]]) -> int:
    """Ratios watched / alone, and whether the bar holds."""
    missed = False
    for what in ("processor", "wall"):
        ratios = [getattr(watched, what) / getattr(alone, what) for alone, watched in pairs]
        mean = statistics.mean(ratios)
        error = statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else float("nan")
        print(f"{what}: watched / alone {mean:.3f} ± {error:.3f} (from {min(ratios):.3f} to {max(ratios):.3f})")
        missed |= what == "processor" and mean - 2 * error > BAR
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
