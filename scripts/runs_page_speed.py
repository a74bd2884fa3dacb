"""How soon the Runs page is there: a folder of 200 runs, and a run with 100,000 lines of metrics.

    python scripts/runs_page_speed.py [--runs 200] [--lines 100000] [--times 5]

One training on the demo data is copied as often as asked for; one copy gets a long metrics.jsonl. Told are, in a real
browser on this machine, the seconds from clicking the page's name in the open app to its table of runs, and from
choosing the long run to its drawn curves: the first look, when the server reads the files, and the median of later
ones. Beside them what an address typed anew takes, when the browser builds the whole app first. Ends with 1 where a
first look in the open app takes longer than a second.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import HEADLESS, app, browser_path, options, upgan

if TYPE_CHECKING:
    from playwright.sync_api import Page

LIMIT = 1.0
LONG = "run-long"
DRAWN = "(document.querySelector('.js-plotly-plot')?.calcdata?.[0]?.length ?? 0) > 100"


def main() -> int:
    """Make the runs, look at them, print the figures."""
    parser = options(__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    path = browser_path()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as engine:
        runs = Path(folder) / "runs"
        make_runs(Path(folder), runs, given.runs, given.lines)
        with app(runs) as (_, address):
            browser = engine.chromium.launch(executable_path=path, args=HEADLESS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address)  # the server has read its code, the browser its scripts: neither is what is asked here
            page.get_by_role("heading").first.wait_for()
            listed = [from_start(page) for _ in range(given.times)]
            drawn = [chosen(page, f"{address}/runs?run=run-000") for _ in range(given.times)]
            anew = [look(page, f"{address}/runs", False) for _ in range(given.times)]
            anew_drawn = [look(page, f"{address}/runs?run={LONG}", True) for _ in range(given.times)]
            browser.close()
    for name, seconds in (
        (f"{given.runs} runs", listed),
        (f"{given.lines:,} lines of metrics", drawn),
        ("the same by address: runs", anew),
        ("the same by address: metrics", anew_drawn),
    ):
        print(f"{name}: first {seconds[0]:.2f} s, later {statistics.median(seconds[1:]):.2f} s "
              f"({min(seconds[1:]):.2f} to {max(seconds[1:]):.2f})")  # fmt: skip
    print(f"load average {os.getloadavg()[0]:.1f}")
    return 0 if max(listed[0], drawn[0]) <= LIMIT else 1


def make_runs(folder: Path, runs: Path, count: int, lines: int) -> None:
    """A trained run, its copies, and the one with the long metrics.jsonl."""
    short = [word for phase in ("initialisation", "pretrain", "adversarial") for word in ("--set", f"{phase}.epochs=2")]
    os.environ["UPGAN_LOCKS"] = str(folder / "locks")  # whatever else trains here is none of its business
    data, run = folder / "demo", runs / "run-000"
    upgan("data", "demo", "--out", data)
    upgan("train", data, "--preset", "demo", "--run", run, *short)
    for number in range(1, count):
        shutil.copytree(run, runs / (f"run-{number:03}" if number < count - 1 else LONG))
    valid = {"mr": 9.0, "hits@1": 0.1, "hits@3": 0.2, "hits@10": 0.3, "queries": 5}
    with (runs / LONG / "metrics.jsonl").open("w") as stream:
        for step in range(lines):
            mrr = 0.5 + 0.1 * math.sin(step / 700)
            line = {"phase": "adversarial", "epoch": step, "step": step, "loss_d": math.cos(step), "reward": 0.1}
            stream.write(json.dumps({**line, "valid": {**valid, "mrr": mrr}}) + "\n")


def from_start(page: Page) -> float:
    """Seconds from a click on "Runs" on the Train page to the table."""
    page.get_by_role("link", name="Train").click()
    page.get_by_role("button", name="Start training").wait_for()
    page.wait_for_timeout(500)
    began = time.perf_counter()
    page.get_by_role("link", name="Runs").click()
    page.get_by_test_id("stDataFrame").first.wait_for()
    return time.perf_counter() - began


def chosen(page: Page, address: str) -> float:
    """Seconds from choosing the long run in the page's list to its curves."""
    page.goto(address)
    page.locator(".js-plotly-plot").first.wait_for()
    box = page.get_by_role("combobox").first
    box.click()
    box.fill(LONG)
    page.wait_for_timeout(300)
    began = time.perf_counter()
    box.press("Enter")
    page.wait_for_function(DRAWN, polling=20)
    return time.perf_counter() - began


def look(page: Page, address: str, curves: bool) -> float:
    """Seconds from asking for the address to the table, or to the curves."""
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    if curves:
        page.wait_for_function(DRAWN, polling=20)
    else:
        page.get_by_test_id("stDataFrame").first.wait_for()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
