"""How quick the app is: in a browser from a cold start on, and what its server needs at scale.

    python scripts/app_speed.py [RUN] [--queries 30] [--seed 0] [--cold 3] [--choices 12] [--checkpoints checkpoints]

In the browser (left out with --cold 0): the server is started, its first page opened, and timed until the first answer
stands there with its graph drawn; then as many choices (another candidate, the other end), each from the click to the
new graph, one after the other. All of it --cold times, each with a server and a browser session of its own. Beside the
wall seconds stand the processor seconds of server and browser together: what a quiet machine of one core would need.

RUN, a checkpoint at the scale that matters, adds the server's part without a browser: a keystroke of the search over
all names (beginnings, words, ids, and names misspelt on purpose), and a question with its candidates, an explanation
and the drawn figure, each time another one. Medians and 95th percentiles, wall seconds and processor seconds.
Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

import upgan
from load_test import choose, drawn
from measuring import HEADLESS, ROOT, app, browser_path, options, p95, timed
from ui.services import answers, questions
from upgan.data.query import Query
from upgan.predict.predictor import Predictor
from upgan.render.figure.build import Drawing
from upgan.render.figure.graph_html import forms_of, graph_html

#: Seconds: a first answer from opening the page of a cold app, a later choice; both in the browser.
COLD, CHOICE = 5.0, 1.0
#: Milliseconds on the server: a keystroke of the search, a question with its explanation.
SEARCH, ANSWER = 150.0, 500.0


def main() -> int:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="checkpoint for the figures without a browser")
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cold", type=int, default=3, help="cold starts in the browser; 0: none")
    parser.add_argument("--choices", type=int, default=12, help="later choices after each cold start")
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints", help="what the browser part asks")
    given = parser.parse_args()
    held = True
    if given.cold:
        held &= in_browser(given.checkpoints, browser_path(), given.cold, given.choices)
    if given.run is not None:
        held &= on_server(given.run, given.queries, given.seed)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    return int(not held)


# In the browser ------------------------------------------------------------------------------------------------------


def in_browser(checkpoints: Path, path: str, cold: int, choices: int) -> bool:
    """Cold starts and the choices after them; whether both bars hold."""
    firsts: list[Seen] = []
    later: list[tuple[float, float]] = []
    for number in range(cold):
        began = time.perf_counter()
        with app(checkpoints) as (_, address):
            seen = asyncio.run(visit(path, address, choices, number, began))
        firsts.append(seen)
        later += seen.choices
    told = ", ".join(f"{seen.first:.2f} s ({seen.first_cpu:.2f} s)" for seen in firsts)
    print(
        f"first answer with graph, from opening the page of a cold app: {told} (bar {COLD:g} s; in brackets processor)"
    )
    told = ", ".join(f"{seen.whole:.2f} s" for seen in firsts)
    print(f"the same from starting the server, the browser's own start not counted: {told}")
    middle = 0.0
    for kind, seconds in zip(("wall", "processor"), zip(*later, strict=True), strict=True):
        print(
            f"{len(later)} later choices, {kind}: median {statistics.median(seconds):.2f} s, "
            f"p95 {p95(list(seconds)):.2f} s (bar {CHOICE:g} s)"
        )
        middle = middle or statistics.median(seconds)
    return statistics.median(seen.first for seen in firsts) <= COLD and middle <= CHOICE


@dataclass(frozen=True)
class Seen:
    """Seconds of one cold start: to the first graph, in wall and processor time, and from the server's start on."""

    first: float
    first_cpu: float
    whole: float
    #: Of each later choice, wall and processor.
    choices: list[tuple[float, float]]


def spent() -> float:
    """Processor seconds of server and browser, which are children of this process, so far."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            total += times.user + times.system
    return total


async def visit(path: str, address: str, choices: int, seed: int, started: float) -> Seen:
    """What one visitor waits for; the server was started at ``started``."""
    from playwright.async_api import async_playwright

    async with async_playwright() as engine:
        began = time.perf_counter()
        browser = await engine.chromium.launch(executable_path=path, args=HEADLESS)
        page = await (await browser.new_context(viewport={"width": 1280, "height": 900})).new_page()
        page.set_default_timeout(90_000)
        opened, before = time.perf_counter(), spent()
        await page.goto(f"{address}/ask")
        await drawn(page)
        now = time.perf_counter()
        first, first_cpu, whole = now - opened, spent() - before, now - started - (opened - began)
        chance, seconds = random.Random(seed), []
        for _ in range(choices):
            await asyncio.sleep(1.0)  # the page settles, as it does under someone's eyes
            digest = await page.locator("iframe").get_attribute("data-digest")
            before = spent()
            clicked = await choose(page, chance)
            await page.locator(f"iframe:not([data-digest='{digest}'])").wait_for(state="attached")
            await drawn(page)
            seconds.append((time.perf_counter() - clicked, spent() - before))
        await browser.close()
    return Seen(first, first_cpu, whole, seconds)


# On the server -------------------------------------------------------------------------------------------------------


def on_server(run: Path, queries: int, seed: int) -> bool:
    """Search and answers without a browser; whether both bars hold."""
    chance = random.Random(seed)
    predictor = upgan.load(run)
    started = time.perf_counter()
    index = questions.search_index(predictor)
    print(f"{len(predictor.entities):,} entities; search index in {time.perf_counter() - started:.2f} s")
    typed = [text for _ in range(queries) for text in keystrokes(predictor, chance)]
    search = [timed(lambda text=text: index.suggest(text)) for text in typed]  # type: ignore[misc]
    held = report("search, one keystroke", search, SEARCH)
    asked = [questions.random_question(predictor, "run", number).query for number in range(seed, seed + queries)]
    answered(predictor, asked[0])  # what the first one prepares is not part of the others
    answer = [timed(lambda one=one: answered(predictor, one)) for one in asked]  # type: ignore[misc]
    return report("query, explanation, figure", answer, ANSWER) and held


def keystrokes(predictor: Predictor, chance: random.Random) -> list[str]:
    """What someone types on the way to an entity: a beginning, a word, the name, the name misspelt, the id."""
    number = chance.randrange(len(predictor.entities))
    name = predictor.dataset.entity_labels[number]
    slip = chance.randrange(max(1, len(name)))
    misspelt = name[:slip] + chance.choice("abcdefgh") + name[slip + 1 :]
    word = (name.split() or [name])[-1]
    return [name[:2], name[:5], word, name, misspelt, predictor.entities[number]]


def answered(predictor: Predictor, query: Query) -> None:
    """What the page needs for one question: candidates, the first one explained, the figure as a document."""
    found = answers.candidates(predictor, query, 10, hide_known=False)
    explanation = answers.explain(predictor, query, found.rows[0]["id"], 5)
    drawings = forms_of(explanation, Drawing(), questions.relation_labels(predictor.dataset), aliases=True)
    graph_html(drawings[0].spec, drawings=drawings)


def report(what: str, seconds: list[tuple[float, float]], bar: float) -> bool:
    """Print median and 95th percentile in milliseconds; whether the latter keeps the bar."""
    for kind, values in (("wall", [wall for wall, _ in seconds]), ("processor", [cpu for _, cpu in seconds])):
        middle = statistics.median(values)
        print(
            f"{what}, {kind}: median {1000 * middle:.0f} ms, p95 {1000 * p95(values):.0f} ms, most "
            f"{1000 * max(values):.0f} ms (bar {bar:g} ms)"
        )
    return 1000 * p95([wall for wall, _ in seconds]) <= bar


if __name__ == "__main__":
    sys.exit(main())
