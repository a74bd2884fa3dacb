"""Missing facts in a real Chromium: two people judge by keys at once, see each other, and take the list away."""

from __future__ import annotations

import csv

import pytest

import upgan
from tests.ui.chromium import assert_clean, graph, idle, open_page, serving
from tests.ui.made import make_run
from upgan.predict.sureness import report, sureness
from upgan.review.listing import make_list
from upgan.review.store import FILE_NAME, ReviewStore

pytestmark = pytest.mark.browser


@pytest.fixture
def server(tmp_path):
    make_run(tmp_path / "runs" / "demo")
    predictor = upgan.load(tmp_path / "runs" / "demo")
    sure = sureness(predictor)
    store = ReviewStore(tmp_path / "data" / FILE_NAME)
    make_list(store, predictor, sure, report(predictor, sure), top=40)
    where = {"UPGAN_CHECKPOINTS": tmp_path / "runs", "UPGAN_DATA": tmp_path / "data"}
    with serving(tmp_path / "app.log", "streamlit", **where) as address:
        yield address, store


def judged(page, store, key, verdict, who, count):
    """Press a key, and wait until the decision is written down."""
    idle(page)
    page.locator("h3").first.click()
    page.keyboard.press(key)
    shown = store.lists()[0]
    for _ in range(300):
        if store.people(shown.catalogue).get(who, 0) == count:
            break
        page.wait_for_timeout(100)
    assert store.people(shown.catalogue).get(who, 0) == count, (who, verdict)


def test_two_people_judge_at_once_and_take_the_list_away(browser, server):
    address, store = server
    pages = {}
    for who in ("Anna", "Ben"):
        page, seen = open_page(browser, address, at="review", height=900)
        graph(page)
        page.get_by_label("Your name").fill(who)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Yes").wait_for()
        page.wait_for_function("document.querySelector('.st-key-upgan_review_yes button')?.disabled === false")
        pages[who] = page, seen
    shown = store.lists()[0]
    first = page.locator("h3").first.inner_text()
    judged(pages["Anna"][0], store, "y", "yes", "Anna", 1)
    judged(pages["Ben"][0], store, "n", "no", "Ben", 1)
    pages["Anna"][0].wait_for_function("first => document.querySelector('h3').innerText !== first", arg=first)
    judged(pages["Anna"][0], store, "u", "unsure", "Anna", 2)
    judged(pages["Ben"][0], store, "y", "yes", "Ben", 2)
    lines = store.lines(shown)
    assert lines[0].verdict == "no"
    assert lines[0].against == 1, "neither decision is lost"
    anna, seen = pages["Anna"]
    anna.get_by_text("people differ on").wait_for()
    judged(anna, store, "z", "undo", "Anna", 1)
    with anna.expect_download() as download:
        anna.get_by_role("button", name="All decisions (CSV)").click()
    rows = list(csv.DictReader(download.value.path().open(encoding="utf-8-sig")))
    assert {(row["who"], row["verdict"]) for row in rows} == {("Ben", "no"), ("Ben", "yes")}
    assert all(row["reason"] for row in rows)
    anna.wait_for_url("**/review?**line=**")
    for _, seen in pages.values():
        assert_clean(seen)
