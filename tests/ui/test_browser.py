"""The app in a real headless Chromium: it draws, answers, stays offline and complains about nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.render.samples import HOSTILE
from tests.ui.made import make_run
from upgan.doctor import find_browser

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = find_browser()
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome: python scripts/browser.py installs one"),
]


@dataclass
class Seen:
    """What the browser did and said while a page was open."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as engine:
        launched = engine.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """The app as a user starts it, on a good run and on one whose labels are hostile."""
    root = tmp_path_factory.mktemp("checkpoints")
    make_run(root / "demo")
    labels = [label.encode("utf-8", "ignore").decode() for label in HOSTILE]
    names = ["book:part-of-the-bargain", "author:linda-lael-miller", "book:just-kate", "book:snowflakes", "author"]
    make_run(root / "hostile", labels=dict(zip(names, labels, strict=False)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("log") / "streamlit.log").open("w+")
    command = [
        sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true",
        "--server.port", str(port), "--server.address", "127.0.0.1", "--server.fileWatcherType", "none",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "UPGAN_CHECKPOINTS": str(root)}, stdout=log, stderr=log
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.seek(0)
        said = log.read()
        log.close()
    assert "Traceback" not in said, said


def _wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(240):
        assert process.poll() is None, "the server ended before it answered"
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    raise AssertionError(f"{url} did not answer within a minute")


def open_page(browser, server: str, *, width=1280, height=720, scheme="light", **link: str):
    """A page with its own session whose every foreign request is refused and written down."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
    )
    page, seen = context.new_page(), Seen()

    def only_here(route):
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            seen.outside.append(route.request.url)
            route.abort()

    def dialog(opened):
        seen.dialogs.append(opened.message)
        opened.dismiss()

    context.route(lambda url: urlsplit(url).scheme in ("http", "https"), only_here)
    page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("dialog", dialog)
    page.set_default_timeout(60_000)
    page.goto(f"{server}/?{urlencode(link)}" if link else server)
    return page, seen


def graph(page):
    """The drawn graph's frame (waits until it is drawn)."""
    frame = page.frame_locator("iframe")
    try:
        frame.locator("html[data-drawn]").wait_for(state="attached")
    except playwright.TimeoutError:
        raise AssertionError(f"no graph; the page says:\n{page.inner_text('body')[:1000]}") from None
    return frame


def ink(frame) -> Any:
    """How many different colours the canvas shows: a blank one has one."""
    return frame.locator("canvas").evaluate(
        """canvas => {
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            const seen = new Set();
            for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
            return seen.size;
        }"""
    )


def assert_clean(seen: Seen) -> None:
    assert seen.outside == []
    assert seen.errors == []
    assert seen.dialogs == []


def test_first_visit_query_and_choice(browser, server, tmp_path):
    page, seen = open_page(browser, server)
    frame = graph(page)
    assert ink(frame) > 50
    page.get_by_role("heading", name="Part of the Bargain — author — Linda Lael Miller").wait_for()
    page.screenshot(path=tmp_path / "first-visit.png")

    page.get_by_placeholder("Type part of a name").press_sequentially("feist", delay=30)
    page.get_by_text("Raymond E. Feist").first.click()
    page.get_by_role("heading", name="— author — Raymond E. Feist").wait_for()
    page.wait_for_url("**entity=author%3Afeist**")
    assert "direction=head" in page.url
    page.screenshot(path=tmp_path / "after-search.png")

    before = page.locator("h3").first.inner_text()
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 17, box["y"] + 36 + 35 * 2 + 17)
    page.wait_for_function("before => document.querySelector('h3').innerText !== before", arg=before)
    page.wait_for_url("**answer=**")
    graph(page)
    page.screenshot(path=tmp_path / "another-answer.png")

    page.get_by_role("tab", name="Users", exact=True).click()
    page.locator(".js-plotly-plot").first.wait_for()

    page.go_back()
    page.wait_for_function("before => document.querySelector('h3').innerText === before", arg=before)
    assert_clean(seen)


def test_graph_buttons_keyboard_and_picture(browser, server, tmp_path):
    page, seen = open_page(browser, server)
    frame = graph(page)
    frame.get_by_role("button", name="Zoom in").click()
    frame.get_by_role("button", name="Zoom out").click()
    frame.get_by_role("button", name="Fit").click()
    frame.locator(".vis-network").focus()
    page.keyboard.press("ArrowRight")
    with page.expect_download() as download:
        frame.get_by_role("button", name="PNG").click()
    download.value.save_as(tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as download:
        page.get_by_role("button", name="Page (HTML)").click()
    download.value.save_as(tmp_path / "page.html")
    report = page.context.new_page()
    errors: list[str] = []
    report.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    report.goto((tmp_path / "page.html").as_uri())
    report.locator("html[data-drawn]").wait_for(state="attached")
    report.get_by_role("heading", name="The numbers add up").wait_for()
    report.screenshot(path=tmp_path / "page.png", full_page=True)
    assert errors == []
    assert_clean(seen)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(browser, server, tmp_path, scheme):
    page, seen = open_page(browser, server, width=390, height=844, scheme=scheme)
    frame = graph(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    surface = frame.locator("body").evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert surface == {"light": "rgb(255, 255, 255)", "dark": "rgb(14, 17, 23)"}[scheme]
    page.locator("iframe").scroll_into_view_if_needed()
    page.screenshot(path=tmp_path / f"phone-{scheme}.png")
    assert_clean(seen)


def test_hostile_labels_and_links_run_nothing(browser, server, tmp_path):
    page, seen = open_page(browser, server, checkpoint="hostile", entity="book:part-of-the-bargain", relation="author")
    frame = graph(page)
    assert ink(frame) > 50
    page.get_by_role("heading", name="<script>alert(1)</script>").wait_for()
    assert page.locator("a[href*='evil']").count() == 0
    page.screenshot(path=tmp_path / "hostile.png")
    assert_clean(seen)

    page, seen = open_page(browser, server, checkpoint="../..", entity="<img src=x onerror=alert(1)>")
    graph(page)
    page.get_by_text("Showing another one.").wait_for()
    assert page.locator("img[src='x']").count() == 0
    assert_clean(seen)


@pytest.mark.slow
def test_answers_are_quick(browser, server):
    page, _ = open_page(browser, server)
    graph(page)
    for name in ("The Riftwar Cycle — has sub-series — ?", "Part of the Bargain — author — ?") * 2:
        started = time.perf_counter()
        page.get_by_role("button", name=name).click()
        page.get_by_role("heading", name=name.replace(" ?", "")).wait_for()
        graph(page)
        # Generous: a shared machine, and the browser's own drawing within it. The server needs a tenth of this.
        assert time.perf_counter() - started < 6
