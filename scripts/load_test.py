"""Several people at once: browsers that ask, choose and compare; how long answers take, and what memory does.

    python scripts/load_test.py [--sessions 8] [--minutes 5] [--looking 8] [--checkpoints checkpoints]

First one session alone, for half of the time, then all together, by the same driver: one Chromium, a context for each
session. A step is a choice that changes the answer; its time runs from the click until the new graph is drawn. Between
two choices someone looks at the answer: half to one and a half times --looking seconds, drawn anew each time. Browser
and server share this machine's cores; what each used is told apart. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from measuring import ROOT, app, browser_path, options, p95

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

#: Seconds that someone looks at an answer before the next choice, on average: it holds a sentence, a figure, a table.
LOOKING = 8.0
SLOWER, GROWTH = 3.0, 1.10


@dataclass
class Seen:
    """What the sessions met."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def main() -> int:
    """Run both parts and print the figures."""
    parser = options(__doc__)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--looking", type=float, default=LOOKING, help="seconds between two choices, on average")
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints")
    given = parser.parse_args()
    path = browser_path()
    with app(given.checkpoints) as (server, address):
        return asyncio.run(measure(address, server, path, given.sessions, 60 * given.minutes, given.looking))


async def measure(
    address: str, server: subprocess.Popen[bytes], path: str, sessions: int, seconds: float, looking: float
) -> int:
    """One session alone, then all of them; prints the figures and says whether the bars hold."""
    from playwright.async_api import async_playwright

    async with async_playwright() as engine:
        browser = await engine.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
        alone = Seen()
        started = time.perf_counter()
        process = psutil.Process(server.pid)
        await session(browser, address, alone, seconds / 2, looking, seed=0)
        before, drawing, crowded = processor(process), browsers(), time.perf_counter()
        together = Seen()
        memory: list[tuple[float, float]] = []
        watcher = asyncio.create_task(watch(server.pid, memory))
        crowd = [session(browser, address, together, seconds, looking, seed) for seed in range(1, sessions + 1)]
        await asyncio.gather(*crowd)
        watcher.cancel()
        used, drawing = processor(process) - before, browsers() - drawing
        crowded = time.perf_counter() - crowded
        await browser.close()
    print(f"{time.perf_counter() - started:.0f} s in all, load average {os.getloadavg()[0]:.1f}")
    # The browsers may share the server's cores: its own work is told apart from theirs.
    steps = max(1, len(together.seconds))
    print(f"server's processor time with {sessions} sessions: {used:.1f} s, {1000 * used / steps:.0f} ms a choice")
    share = 100 / crowded / (os.cpu_count() or 1)
    print(
        f"share of all cores: browser {share * drawing:.0f}%, server {share * used:.0f}%; {looking:g} s between choices"
    )
    return report(alone, together, memory, sessions)


def processor(process: psutil.Process) -> float:
    """Seconds of processor time that it has used."""
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def browsers() -> float:
    """Seconds of processor time that the browser's processes have used."""
    used = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "chrom" in process.name():
                used += processor(process)
    return used


async def watch(pid: int, memory: list[tuple[float, float]]) -> None:
    """The server's resident memory in MB, every second."""
    process, started = psutil.Process(pid), time.perf_counter()
    while True:
        memory.append((time.perf_counter() - started, process.memory_info().rss / 1e6))
        await asyncio.sleep(1)


async def session(browser: Browser, address: str, seen: Seen, seconds: float, looking: float, seed: int) -> None:
    """One person: opens the page, then makes a choice every few seconds."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(90_000)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    chance = random.Random(seed)
    try:
        await page.goto(f"{address}/ask")
        await drawn(page)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            await asyncio.sleep(looking * (0.5 + chance.random()))
            frame = page.locator("iframe")
            before = await frame.get_attribute("data-digest")
            begun = await choose(page, chance)
            await page.locator(f"iframe:not([data-digest='{before}'])").wait_for(state="attached")
            await drawn(page)
            seen.seconds.append(time.perf_counter() - begun)
            if await page.locator("[data-testid=stException]").count():
                seen.errors.append("the page shows an exception")
    except Exception as error:  # whatever a session meets is a finding, not an end of the test
        seen.errors.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
    finally:
        await context.close()


async def choose(page: Page, chance: random.Random) -> float:
    """The question from its other end, or another candidate; returns when the click was made that changed something."""
    chosen = await page.evaluate("new URLSearchParams(location.search).get('answer')")
    box = await page.get_by_test_id("stDataFrame").first.bounding_box()
    if box is not None and chance.random() > 0.3:
        # The first may be the chosen one, on which a click changes nothing.
        for row in chance.sample(range(8), 2):
            begun = time.perf_counter()
            await page.mouse.click(box["x"] + 17, box["y"] + 36 + 35 * row + 17)
            with contextlib.suppress(Exception):
                changed = "old => new URLSearchParams(location.search).get('answer') !== old"
                await page.wait_for_function(changed, arg=chosen, timeout=10_000)
                return begun
    begun = time.perf_counter()
    await page.get_by_role("button", name="Swap").click()
    return begun


async def drawn(page: Page) -> None:
    """Wait until the graph is there."""
    await page.locator("iframe").wait_for(state="attached")
    await page.frame_locator("iframe").locator("html[data-drawn]").wait_for(state="attached")


def report(alone: Seen, together: Seen, memory: list[tuple[float, float]], sessions: int) -> int:
    """Print the figures; 0 where every bar holds."""
    if not alone.seconds or not together.seconds:
        print(f"no answer came: {(alone.errors + together.errors)[:3]}")
        return 1
    single, crowd = p95(alone.seconds), p95(together.seconds)
    for count, seconds, high in ((1, alone.seconds, single), (sessions, together.seconds, crowd)):
        middle = statistics.median(seconds)
        print(f"sessions {count}: {len(seconds)} choices, median {middle:.2f} s, p95 {high:.2f} s")
    print(f"p95 ratio {crowd / single:.2f} (bar {SLOWER:g})")
    after = [megabytes for second, megabytes in memory if second >= 60] or [memory[-1][1]]
    grown = max(after) / after[0]
    print(f"memory after the first minute {after[0]:.0f} MB, most later {max(after):.0f} MB")
    print(f"memory ratio {grown:.3f} (bar {GROWTH:g})")
    errors = alone.errors + together.errors
    print(f"errors: {len(errors)}" + "".join(f"\n  {error}" for error in errors[:10]))
    return int(bool(errors) or crowd > SLOWER * single or grown > GROWTH)


if __name__ == "__main__":
    sys.exit(main())
