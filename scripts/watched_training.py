"""What watching a training costs it, and how soon it is seen to move.

    python scripts/watched_training.py [--times 4] [--epochs 60]

The demo data are trained again and again with the same seed and the same number of epochs, in turn alone and with the
app's Runs page open on the run in a real browser. Training, server and browser share this machine's cores. Told are the
training's seconds and its own processor time, as it writes them into metrics.json; the ratio is that of the medians.
Then a training is started with the page's own button, and the time until the chart has a point is taken.
Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import HEADLESS, app, browser_path, options, upgan

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SLOWER, FIRST_POINT = 1.03, 10.0
RUN = "training"


def main() -> int:
    """Train in turn, start one from the page, print the figures."""
    parser = options(__doc__)
    parser.add_argument("--times", type=int, default=4, help="trainings of each kind")
    parser.add_argument("--epochs", type=int, default=60, help="of pre-training, none of which is left out")
    given = parser.parse_args()
    path = browser_path()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as engine:
        root = Path(folder)
        upgan("data", "demo", "--out", root / "demo")
        os.environ["UPGAN_DATA"] = str(root)
        os.environ["UPGAN_LOCKS"] = str(root / "locks")  # whatever else trains here is none of its business
        browser = engine.chromium.launch(executable_path=path, args=HEADLESS)
        spent: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for number in range(2 * given.times):
            # Alone, watched, watched, alone: what drifts on the machine meets both kinds alike.
            watched = number % 4 in (1, 2)
            with watching(browser, root / "runs") if watched else contextlib.nullcontext():
                spent[watched].append(train(root, given.epochs))
            print(f"{'watched' if watched else 'alone':>8}: {spent[watched][-1][0]:.2f} s, "
                  f"{spent[watched][-1][1]:.2f} s of processor time", flush=True)  # fmt: skip
        seconds = first_point(browser, root / "runs")
        browser.close()
    return report(spent, seconds)


def train(root: Path, epochs: int) -> tuple[float, float]:
    """One training -> (seconds, seconds of processor time) of its phases."""
    fixed = {"initialisation": 10, "pretrain": epochs, "adversarial": 3}
    words = [word for phase, count in fixed.items()
             for word in ("--set", f"{phase}.epochs={count}", "--set", f"{phase}.patience=1000")]  # fmt: skip
    run = root / "runs" / RUN
    upgan("train", root / "demo", "--preset", "demo", "--run", run, "--overwrite", *words)
    stages = json.loads((run / "metrics.json").read_text())["stages"].values()
    return sum(stage["seconds"] for stage in stages), sum(stage["cpu_seconds"] for stage in stages)


@contextlib.contextmanager
def watching(browser: Browser, runs: Path) -> Iterator[None]:
    """The Runs page open on the run, refreshing by itself."""
    with app(runs) as (_, address):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/runs?run={RUN}")
        page.get_by_role("heading", name="Runs").wait_for()
        yield
        assert page.locator(".js-plotly-plot").count(), "the page did not show the run"
        page.close()


def first_point(browser: Browser, runs: Path) -> float:
    """Seconds from the click that starts a training to the first point of a curve."""
    with app(runs) as (_, address):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{address}/train")
        button = page.get_by_role("button", name="Start training")
        button.wait_for()
        page.wait_for_timeout(1000)
        button.click()
        began = time.perf_counter()
        page.wait_for_url("**/runs?run=**")
        page.wait_for_function(
            "(document.querySelector('.js-plotly-plot')?.calcdata?.[0]?.length ?? 0) > 0", polling=50
        )
        seconds = time.perf_counter() - began
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Resume").wait_for()
        page.close()
    return seconds


def report(spent: dict[bool, list[tuple[float, float]]], seconds: float) -> int:
    """Print medians and ratios; 0 where both bars hold."""
    ratios = []
    for place, name in enumerate(("seconds", "processor time")):
        alone, watched = ([each[place] for each in spent[kind]] for kind in (False, True))
        ratios.append(statistics.median(watched) / statistics.median(alone))
        print(
            f"{name}: alone {statistics.median(alone):.2f} s ({min(alone):.2f} to {max(alone):.2f}), "
            f"watched {statistics.median(watched):.2f} s ({min(watched):.2f} to {max(watched):.2f}), "
            f"ratio {ratios[-1]:.3f}"
        )
    print(f"from the click to the first point: {seconds:.1f} s; load average {os.getloadavg()[0]:.1f}")
    return 0 if ratios[0] <= SLOWER and seconds <= FIRST_POINT else 1


if __name__ == "__main__":
    sys.exit(main())
