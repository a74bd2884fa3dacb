"""The app in a headless Chromium: its server, pages that go nowhere else, and what is seen on them."""

from __future__ import annotations

import contextlib
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

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Seen:
    """What the browser did and said while a page was open."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serving(log: Path, module: str, **environment: str | Path) -> Iterator[str]:
    """The address of the app as ``module`` ("streamlit", "ui.serve") serves it. Nothing in it may have failed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", module, "run", "streamlit_app.py", "--server.headless=true", f"--server.port={port}",
        "--server.address=127.0.0.1", "--server.fileWatcherType=none",
    ]  # fmt: skip
    given = {name: str(value) for name, value in environment.items()}
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **given}, stdout=stream, stderr=stream)
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
    said = log.read_text()
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


#: Where Streamlit is served from it finds out by asking below the page's own path first: these are not there, on
#: purpose, and Chromium writes that down as an error.
PROBES = ("/_stcore/health", "/_stcore/host-config")


def is_error(message) -> bool:
    """Whether a line of the console is a complaint."""
    return message.type == "error" and not message.location.get("url", "").endswith(PROBES)


def open_page(browser, server: str, *, at="ask", width=1280, height=720, scheme="light", **link: str):
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
    page.on("console", lambda message: seen.errors.append(message.text) if is_error(message) else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("dialog", dialog)
    page.set_default_timeout(60_000)
    page.goto(f"{server}/{at}?{urlencode(link, doseq=True)}" if link else f"{server}/{at}")
    return page, seen


def idle(page) -> None:
    """Wait until the page's script is over: nothing moves under a click any more."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def graph(page):
    """The drawn graph's frame (waits until it is drawn)."""
    frame = page.frame_locator("iframe")
    for _ in range(5):
        # A browser does not draw what is out of sight; another answer puts another frame in its place meanwhile.
        with contextlib.suppress(playwright.Error):
            page.locator("iframe").scroll_into_view_if_needed()
            break
    try:
        frame.locator("html[data-drawn]").wait_for(state="attached")
    except playwright.TimeoutError:
        raise AssertionError(f"no graph; the page says:\n{page.inner_text('body')[:1000]}") from None
    return frame


def sideways(page) -> Any:
    """By how many pixels the page's content is wider than its window; of the document Streamlit hides that."""
    return page.get_by_test_id("stMain").evaluate("main => main.scrollWidth - main.clientWidth")


def ink(frame) -> Any:
    """How many parts the drawing that is shown has: an empty one has none."""
    return frame.locator("#graph").evaluate("""holder => holder.querySelectorAll(".form:not([hidden]) svg *").length""")


def assert_clean(seen: Seen) -> None:
    assert seen.outside == []
    assert seen.errors == []
    assert seen.dialogs == []


def choose_row(page, number: int) -> None:
    """Click the box before a row of the candidates (0 is the first)."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 17, box["y"] + 36 + 35 * number + 17)


def heading(page) -> Any:
    return page.locator("h3").first.inner_text()


def changed(page, before: str) -> None:
    """Wait until the answer's heading is another."""
    page.wait_for_function("before => document.querySelector('h3').innerText !== before", arg=before)
