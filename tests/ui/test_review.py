"""The page Missing facts: a list made, lines judged, undone, filtered and taken away, by one person and by two."""

from __future__ import annotations

import time

import pytest

from tests.ui.driving import address, checked, run_page, said, table
from ui.services import reviews
from upgan.review.store import FILE_NAME, ReviewStore


@pytest.fixture
def data_root(tmp_path, monkeypatch, checkpoints):
    monkeypatch.setenv("UPGAN_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def listed(data_root, checkpoints):
    """A list of the made catalogue, and its store."""
    import upgan
    from upgan.predict.sureness import report, sureness
    from upgan.review.listing import make_list

    predictor = upgan.load(checkpoints / "demo")
    store = ReviewStore(data_root / FILE_NAME)
    sure = sureness(predictor)
    make_list(store, predictor, sure, report(predictor, sure), top=40)
    return store


def judge(app, verdict):
    return checked(app, app.button(key=f"upgan_review_{verdict}").click())


def named(app, who="Anna"):
    return checked(app, app.text_input(key="upgan_widget_who").input(who))


def test_the_first_list_is_made_on_the_page(data_root):
    app = run_page("review")
    assert "Which facts does this catalogue lack" in said(app)
    app.selectbox[-2].select("book")
    checked(app, next(button for button in app.button if button.label == "Make the list").click())
    for _ in range(100):
        if app.session_state["upgan_review_making"].running:
            time.sleep(0.2)
        else:
            break
    checked(app)
    checked(app)
    store = ReviewStore(data_root / FILE_NAME)
    (made,) = store.lists()
    assert made.options["kind"] == "book"
    lines = store.lines(made)
    assert lines
    assert {line.kind for line in lines} == {"book"}
    assert len(table(app)) == min(reviews.PAGE_LINES, len(lines))


def test_a_decision_is_kept_with_all_that_belongs_to_it_and_the_next_line_follows(listed):
    app = named(run_page("review"))
    (shown,) = listed.lists()
    first, second = listed.lines(shown)[:2]
    assert first.reason in said(app)
    judge(app, "yes")
    (kept,) = listed.decisions(shown.catalogue)
    assert (kept["head"], kept["verdict"], kept["who"], kept["model"]) == (first.head, "yes", "Anna", shown.model)
    assert address(app)["line"] == "2"
    assert second.reason in said(app)
    judge(app, "no")
    judge(app, "undo")
    assert [row["verdict"] for row in listed.decisions(shown.catalogue)] == ["yes"]
    assert address(app)["line"] == "2", "the line that was taken back is looked at"


def test_nobody_decides_without_a_name(listed):
    app = run_page("review")
    assert all(app.button(key=f"upgan_review_{verdict}").disabled for verdict in ("yes", "no", "unsure", "undo"))
    assert "Type your name" in said(app)


def test_all_above_nine_in_ten_are_accepted_and_taken_back_at_once(listed):
    (small,) = listed.lists()
    keys = ("catalogue", "dataset", "name", "run", "model", "options", "promise")
    rows = [line._asdict() | {"sure": 0.95 if line.place <= 3 else 0.2} for line in listed.lines(small)]
    listed.add_list(**{key: getattr(small, key) for key in keys}, lines=rows)
    app = named(run_page("review"))
    button = app.button(key="upgan_review_accept_all")
    assert button.label == "Accept all 3 above 90%"
    assert "95% of them are right" in button.help
    checked(app, button.click())
    assert [row["verdict"] for row in listed.decisions(small.catalogue)] == ["yes"] * 3
    assert "Accepted 3 lines at once" in said(app)
    judge(app, "undo")
    assert "3 decisions made at once" in said(app)
    assert listed.decisions(small.catalogue) == []


def test_two_people_at_once_lose_nothing_and_see_each_other(listed):
    (shown,) = listed.lists()
    first, second = named(run_page("review"), "Anna"), named(run_page("review"), "Ben")
    judge(first, "yes")
    judge(second, "no")
    assert listed.people(shown.catalogue) == {"Anna": 1, "Ben": 1}
    (line,) = [line for line in listed.lines(shown) if line.verdict]
    assert (line.verdict, line.against) == ("no", 1)
    app = checked(first, first.selectbox(key="upgan_widget_decision").select("judged"))
    assert "1 think otherwise" in said(app)


def test_filters_and_lines_have_links(listed):
    (shown,) = listed.lists()
    gaps = [line for line in listed.lines(shown) if line.slot == "empty"]
    app = run_page("review", lines="gaps", decision="all", line=str(gaps[1].place))
    assert set(table(app)["slot"]) == {"fills a gap"}
    assert gaps[1].reason in said(app)
    link = next(code.value for code in app.code if "/review?" in code.value)
    assert f"line={gaps[1].place}" in link
    assert "lines=gaps" in link
    assert "checkpoint=demo" in link
    app = run_page("review", decision="yes")
    assert "No line is left by these filters" in said(app)


def test_ten_thousand_lines_are_paged_and_filtered_in_a_moment(listed):
    (small,) = listed.lists()
    rows = [line._asdict() for line in listed.lines(small)]
    many = [
        rows[n % len(rows)] | {"head": f"{rows[n % len(rows)]['head']} {n}", "place": n, "sure": 1 - n / 10_000}
        for n in range(10_000)
    ]
    keys = {"catalogue", "dataset", "name", "run", "model", "options", "promise"}
    listed.add_list(**{key: getattr(small, key) for key in keys}, lines=many)
    app = run_page("review", decision="all")
    assert "10,000 lines" in said(app)
    took = []
    for button in ("upgan_review_page_down", "upgan_review_next", "upgan_review_page_up"):
        began = time.process_time()
        checked(app, app.button(key=button).click())
        took.append(time.process_time() - began)
    began = time.process_time()
    checked(app, app.selectbox(key="upgan_widget_sure").select("0.9"))
    took.append(time.process_time() - began)
    assert "1,001 lines" in said(app)
    assert sorted(took)[len(took) // 2] < 0.3, took


def test_a_line_says_which_part_of_its_kind_has_something_and_its_reason_is_whole(listed):
    (shown,) = listed.lists()
    gap = next(line for line in listed.lines(shown) if line.slot == "empty")
    app = run_page("review", line=str(gap.place))
    share = reviews.filled(shown, gap)
    assert share is not None
    assert f"{share:.0%} of its kind have something here" in said(app)
    further = next((line for line in listed.lines(shown) if line.slot == "further"), gap._replace(slot="further"))
    assert reviews.filled(shown, further) is None
    assert gap.reason in set(table(app)["reason"]), "nothing is cut"
    longer = gap._replace(reason="a word " * 40)
    assert reviews.text_rows([gap, longer]) > reviews.text_rows([gap]) > 1
    assert reviews.text_rows([gap._replace(reason="word " * 500)]) == reviews.MOST_ROWS
    assert str(reviews.row(gap._replace(reason="word " * 500))["reason"]).endswith("…")
