"""Missing facts in a real Chromium: from an export to an exported list, and two people who judge by keys at once."""

from __future__ import annotations

import csv
import re

import pytest

import upgan
from tests.ui.chromium import assert_clean, graph, idle, open_page, serving
from tests.ui.made import make_run
from tests.ui.test_tables import PLAYED, RECORDS
from upgan.predict.sureness import report, sureness
from upgan.review.listing import make_list
from upgan.review.store import FILE_NAME, ReviewStore

pytestmark = pytest.mark.browser


#: A name of which nothing may be taken for a part of a cookie.
ANNA = "Anna; path=/ü"
#: From the start page to the first explained missing fact of one's own tables.
CLICKS = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run that was never trained, with a list of what it proposes."""
    root = tmp_path_factory.mktemp("review")
    make_run(root / "runs" / "demo")
    predictor = upgan.load(root / "runs" / "demo")
    sure = sureness(predictor)
    store = ReviewStore(root / "data" / FILE_NAME)
    make_list(store, predictor, sure, report(predictor, sure), top=40)
    return root


@pytest.fixture(scope="module")
def server(folder):
    names = {"UPGAN_CHECKPOINTS": "runs", "UPGAN_DATA": "data", "UPGAN_LOCKS": "locks"}
    with serving(folder / "app.log", "streamlit", **{name: folder / path for name, path in names.items()}) as address:
        yield address, ReviewStore(folder / "data" / FILE_NAME)


def named(store, name="tiny books"):
    """The newest list of a catalogue."""
    return next(each for each in store.lists() if each.name == name)


def judged(page, store, key, verdict, who, count, name="tiny books"):
    """Press a key, and wait until the decision is written down."""
    idle(page)
    page.locator("h3").first.click()
    page.keyboard.press(key)
    shown = named(store, name)
    for _ in range(300):
        if store.people(shown.catalogue).get(who, 0) == count:
            break
        page.wait_for_timeout(100)
    assert store.people(shown.catalogue).get(who, 0) == count, (who, verdict)


def test_two_people_judge_at_once_and_take_the_list_away(browser, server):
    address, store = server
    pages = {}
    for who in (ANNA, "Ben"):
        page, seen = open_page(browser, address, at="review", height=900, checkpoint="demo")
        graph(page)
        page.get_by_role("textbox", name="Your name").fill(who)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Yes").wait_for()
        page.wait_for_function("document.querySelector('.st-key-upgan_review_yes button')?.disabled === false")
        pages[who] = page, seen
    shown = named(store)
    first = page.locator("h3").first.inner_text()
    judged(pages[ANNA][0], store, "y", "yes", ANNA, 1)
    judged(pages["Ben"][0], store, "n", "no", "Ben", 1)
    pages[ANNA][0].wait_for_function("first => document.querySelector('h3').innerText !== first", arg=first)
    judged(pages[ANNA][0], store, "u", "unsure", ANNA, 2)
    judged(pages["Ben"][0], store, "y", "yes", "Ben", 2)
    lines = store.lines(shown)
    assert lines[0].verdict == "no"
    assert lines[0].against == 1, "neither decision is lost"
    anna, seen = pages[ANNA]
    anna.get_by_text("people differ on").wait_for()
    judged(anna, store, "z", "undo", ANNA, 1)
    with anna.expect_download() as download:
        anna.get_by_role("button", name="All decisions (CSV)").click()
    rows = list(csv.DictReader(download.value.path().open(encoding="utf-8-sig")))
    assert {(row["who"], row["verdict"]) for row in rows} == {("Ben", "no"), ("Ben", "yes")}
    assert all(row["reason"] for row in rows)
    anna.wait_for_url("**/review?**line=**")
    # The browser keeps the name: another visit need not type it again.
    again = anna.context.new_page()
    again.goto(f"{address}/review?checkpoint=demo")
    again.wait_for_function("document.querySelector('.st-key-upgan_review_yes button')?.disabled === false")
    assert again.get_by_role("textbox", name="Your name").input_value() == ANNA
    for _, seen in pages.values():
        assert_clean(seen)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_an_export_to_an_exported_list_in_seven_clicks(browser, server, tmp_path):
    address, store = server
    for name, text in (("records.csv", "\ufeff" + RECORDS), ("plays.csv", PLAYED)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    page, seen = open_page(browser, address, at="", height=900)
    page.set_default_timeout(180_000)
    clicked = []

    def click(role, name, place=page):
        place.get_by_role(role, name=name).click()
        clicked.append(name)

    click("link", re.compile("Bring your own table"))
    page.locator("input[type=file]").set_input_files([tmp_path / "records.csv", tmp_path / "plays.csv"])
    clicked.append("Upload")
    page.get_by_text("In all 76 facts of 24 items, and 60 choices of 12 users.").wait_for()
    page.get_by_text("the column Released is left out").wait_for()
    # A correction, and a look at the findings: what one can do, not what one must.
    page.get_by_role("textbox", name="A row is a").fill("LP")
    page.keyboard.press("Enter")
    idle(page)
    page.get_by_text("Look for what is suspicious").click()
    page.get_by_role("button", name="Check these tables").click()
    page.get_by_text(re.compile("Nothing suspicious was found|What the check found")).or_(
        page.locator("[data-testid=stExpander] [data-testid=stDataFrame]")
    ).first.wait_for()
    idle(page)
    click("button", "Make the dataset")
    page.get_by_text("The dataset “mine” is ready").wait_for()
    click("link", "Train on it")
    page.wait_for_url("**/train?dataset=**")
    page.get_by_text("30 entities · 3 relations · 12 users").wait_for()
    idle(page)
    # The short training: what follows is the same, and the usual one takes minutes on a busy machine.
    page.get_by_role("combobox", name="Preset").click()
    page.get_by_role("option", name="demo").click()
    idle(page)
    click("button", "Start training")
    page.wait_for_url("**/runs?run=mine-**")
    page.get_by_role("link", name="See which facts are missing").wait_for(timeout=600_000)
    click("link", "See which facts are missing")
    page.get_by_text("Which facts does this catalogue lack").wait_for()
    click("button", "Make the list")
    page.locator("h3").first.wait_for()
    graph(page)
    assert len(clicked) <= CLICKS, clicked
    missing = named(store, "mine")
    first = store.lines(missing)[0]
    assert (first.kind, first.slot) == ("LP", "empty")
    page.get_by_test_id("stMarkdownContainer").get_by_text(first.reason).first.wait_for()

    page.get_by_role("textbox", name="Your name").fill("Çiğdem")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.st-key-upgan_review_yes button')?.disabled === false")
    judged(page, store, "y", "yes", "Çiğdem", 1, "mine")
    page.wait_for_url("**/review?**line=2**")
    judged(page, store, "n", "no", "Çiğdem", 2, "mine")
    with page.expect_download() as download:
        page.get_by_role("button", name="Accepted (CSV)").click()
    (row,) = csv.DictReader(download.value.path().open(encoding="utf-8-sig"))
    assert (row["head"], row["relation"], row["tail"], row["reason"]) == (*first[1:4], first.reason)
    assert_clean(seen)
