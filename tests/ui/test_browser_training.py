"""A training in a real browser, from the first click to an answer; the page moves by itself, or holds still."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.chromium import assert_clean, choose_row, graph, ink, open_page, serving
from tests.ui.made import make_run, written
from upgan.runs import control
from upgan.runs.status import list_runs, run_state

pytestmark = pytest.mark.browser
#: Seconds from the click to the first point on the page.
FIRST_POINT = 10.0
RUN = "tiny-books-upgan-demo-s0"


@pytest.fixture
def root(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder of data with one small dataset, and one of runs, empty; nothing goes on training afterwards."""
    monkeypatch.setenv("UPGAN_LOCKS", str(tmp_path / "locks"))  # what ends a training looks who holds the run
    make_run(tmp_path / "made")
    shutil.copytree(tmp_path / "made" / "dataset", tmp_path / "data" / "tiny")
    (tmp_path / "runs").mkdir()
    yield tmp_path
    for folder in (tmp_path / "runs").iterdir():
        if run_state(folder).active:
            control.kill(folder)


@pytest.fixture
def server(root) -> Iterator[str]:
    """The app on these folders."""
    folders = {"UPGAN_CHECKPOINTS": root / "runs", "UPGAN_DATA": root / "data", "UPGAN_LOCKS": root / "locks"}
    with serving(root / "app.log", "streamlit", **folders) as address:
        yield address


def fill(page, section: str, name: str, value: int) -> None:
    """A number among the settings."""
    page.get_by_role("tab", name=section).click()
    field = page.get_by_role("tabpanel", name=section).get_by_label(name, exact=True)
    field.fill(str(value))
    field.press("Enter")
    page.get_by_text(f"{name} ").and_(page.get_by_text("Changed from the preset")).wait_for()


CHART = "document.querySelector('.js-plotly-plot')"
POINTS = f"{CHART}.calcdata[0].length"
ZOOM = f"{CHART}.layout.xaxis.range"
#: Where on the screen a point of the first line is that can be seen.
A_POINT = f"""() => {{
    const {{ xaxis, yaxis }} = {CHART}._fullLayout, area = {CHART}.querySelector(".nsewdrag").getBoundingClientRect();
    const seen = {CHART}.calcdata[0].map((point) => [xaxis.l2p(point.x), yaxis.l2p(point.y)])
        .find(([x, y]) => x > 5 && x < xaxis._length - 5 && y >= 0 && y <= yaxis._length);
    return [area.x + seen[0], area.y + seen[1]];
}}"""


def moves(page, before: int | None = None) -> None:
    """Wait until the first chart has a point more, than it has now or had ``before``; nobody touches the page."""
    before = page.evaluate(POINTS) if before is None else before
    page.wait_for_function(f"before => {POINTS} > before", arg=before)


def zoom_in(page) -> None:
    """Drag over a part of the first chart, again where it was still being drawn."""
    page.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    for _ in range(5):
        area = page.locator(".js-plotly-plot").first.bounding_box()
        middle = area["y"] + 120
        page.mouse.move(area["x"] + 80, middle)
        page.mouse.down()
        page.mouse.move(area["x"] + 220, middle, steps=4)
        page.mouse.up()
        page.wait_for_timeout(200)
        if page.evaluate("document.querySelector('.js-plotly-plot').layout.xaxis.autorange === false"):
            return
    raise AssertionError("the chart was not zoomed")


def looks_stay(page) -> None:
    """New points come to the same chart: zoom, hidden lines and the label under the pointer are as before."""
    assert page.locator(".upgan-live-chart").first.get_attribute("role") == "figure"
    assert page.locator(".upgan-live-chart").first.get_attribute("aria-label").startswith("Validation over")
    page.evaluate(f"{CHART}.upganSame = true")
    page.wait_for_function(f"{POINTS} >= 8")
    zoom_in(page)
    page.locator(".js-plotly-plot .legendtoggle").nth(1).click()
    page.wait_for_function(f"{CHART}._fullData[1].visible === 'legendonly'")
    zoomed = page.evaluate(ZOOM)
    page.mouse.move(*page.evaluate(A_POINT))
    page.locator(".js-plotly-plot .hovertext").first.wait_for()
    moves(page)
    moves(page)
    assert page.evaluate(ZOOM) == zoomed
    assert page.evaluate(f"{CHART}._fullData[1].visible") == "legendonly"
    assert page.evaluate(f"{CHART}.upganSame")
    page.locator(".js-plotly-plot .hovertext").first.wait_for(timeout=1_000)


@pytest.mark.timeout(240)
def test_a_training_is_started_seen_moving_stopped_resumed_and_asked(browser, server, root):
    page, seen = open_page(browser, server, at="train", preset="demo")
    page.get_by_text("More settings").click()
    fill(page, "Pre-training", "patience", 1000)
    fill(page, "Pre-training", "epochs", 1000)
    fill(page, "Adversarial", "patience", 1000)
    fill(page, "Adversarial", "epochs", 1000)
    page.get_by_text("Follow one question through training").click()
    page.get_by_text("Answer that is followed").wait_for()
    page.get_by_role("button", name="Start training").click()
    began = time.monotonic()
    page.wait_for_url(f"**/runs?run={RUN}")
    page.locator(".js-plotly-plot").first.wait_for()
    seconds = time.monotonic() - began
    print(f"first point after {seconds:.1f} s")
    assert seconds < 3 * FIRST_POINT  # generous: a shared machine
    moves(page)

    looks_stay(page)
    page.get_by_text("Live", exact=True).click()  # the view holds still while training goes on
    page.wait_for_timeout(2_100)
    points = page.evaluate(POINTS)
    page.wait_for_timeout(2_100)
    assert page.evaluate(POINTS) == points
    page.get_by_text("Live", exact=True).click()
    moves(page)

    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for()
    stopped = run_state(root / "runs" / RUN)
    assert stopped.state == "stopped"
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Stop").first.wait_for()  # the old one may still be there beside the new
    run = root / "runs" / RUN
    while run_state(run).step <= stopped.step or not (run / "model.safetensors").exists():
        page.wait_for_timeout(200)
    page.reload()
    page.get_by_role("link", name="Ask this checkpoint").click()
    page.wait_for_url(f"**/ask?**checkpoint={RUN}**")
    assert ink(graph(page)) > 50
    assert_clean(seen)
    page.context.close()


def add_point(run: Path, step: int) -> None:
    """One line more, as a training writes it."""
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"phase": "adversarial", "epoch": step, "step": step, "valid": {"mrr": 0.5}}) + "\n")


@pytest.fixture
def three(root) -> Iterator[list[str]]:
    """Names of three runs, in the order of the table, that this very process seems to train."""
    for day, name in enumerate(("first", "second", "third"), 1):
        written(root / "runs" / name, state="running", started=f"2026-01-0{day}T00:00:00+00:00")
    yield [run.name for run in list_runs(root / "runs")]
    for name in ("first", "second", "third"):  # or else the tests would be ended
        written(root / "runs" / name, state="stopped")


def test_a_row_chooses_its_run_and_little_is_asked_of_the_server_when_all_is_over(browser, server, root, three):
    page, seen = open_page(browser, server, at="runs")
    frames: list[float] = []
    page.on("websocket", lambda opened: opened.on("framereceived", lambda _: frames.append(time.monotonic())))
    page.reload()
    page.locator(".js-plotly-plot").first.wait_for()
    choose_row(page, 1)
    page.wait_for_url(f"**/runs?run={three[1]}")
    page.wait_for_function(f"{CHART}._fullLayout.uirevision.startsWith('{three[1]} ')")
    for step in (100, 101):
        before = page.evaluate(POINTS)
        add_point(root / "runs" / three[1], step)
        moves(page, before)
    assert f"run={three[1]}" in page.url
    for name in three:
        written(root / "runs" / name, state="stopped")
    page.get_by_role("button", name="Delete", exact=True).wait_for()
    page.wait_for_timeout(3_000)
    before = len(frames)
    assert before > 0, "the page does talk to the server while something trains"
    page.wait_for_timeout(5_000)
    assert len(frames) - before < 25, "two looks at the folder, as long as nothing happens"
    assert f"run={three[1]}" in page.url
    began = time.monotonic()
    written(root / "runs" / three[1], state="running")  # resumed by somebody else
    page.get_by_role("button", name="Stop").wait_for()
    assert time.monotonic() - began < 3 * 5.0, "5 seconds; a shared machine has room"
    began = time.monotonic()
    shutil.rmtree(root / "runs" / three[1])
    page.get_by_text("The run chosen before is not here any more.").wait_for()
    assert time.monotonic() - began < 3 * 5.0
    assert_clean(seen)
    page.context.close()


@pytest.mark.slow
@pytest.mark.timeout(900)  # 40 s alone
def test_a_table_is_measured_from_the_first_click_to_its_end(browser, server, root):
    page, seen = open_page(browser, server, at="leaderboard", systems="distmult")
    page.set_default_timeout(600_000)
    page.get_by_text("1 run, at most 1 minute each.").wait_for()
    page.get_by_role("button", name="Start measuring").click()
    page.get_by_role("button", name="Table (CSV)").wait_for()  # by itself
    (written,) = (root / "results").rglob("table3.json")
    assert [row["label"] for row in json.loads(written.read_text())["rows"] if row["mean"]] == ["DistMult"]
    assert_clean(seen)
