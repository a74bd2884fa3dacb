"""Pages and panels register themselves; what a checkpoint answers is kept apart by all that decides it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ui
from ui.panels import PANELS, PARAMETERS, TAB
from ui.services.questions import PARTS
from ui.session.cache import kept
from ui.session.registry import Page, discovered
from upgan.data.query import Query

ROOT = Path(ui.__file__).parent


def files(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}


def test_every_file_is_a_page_or_a_panel_and_has_a_place_of_its_own():
    pages = discovered("ui.page", Page)
    assert set(pages) == files("page")
    assert set(PANELS) == set(TAB.words) == files("panels")
    for entries in (pages, PANELS):
        places = [entry.order for entry in entries.values()]
        assert places == sorted(set(places)), "in their order, no two in one place"


def test_no_two_parameters_of_an_address_have_one_name():
    names = [*PARTS, *(parameter.name for parameter in PARAMETERS)]
    assert len(names) == len(set(names))


CALLS: list[tuple[str, Any]] = []


@kept()
def first(opened: Any, query: Query, answer: str) -> int:
    CALLS.append(("first", answer))
    return len(CALLS)


@kept()
def second(opened: Any, query: Query, answer: str) -> int:
    CALLS.append(("second", answer))
    return len(CALLS)


def test_what_is_kept_is_told_apart_by_function_run_data_query_and_arguments():
    def run(fingerprint: str, data: str) -> Any:
        return SimpleNamespace(fingerprint=fingerprint, dataset=SimpleNamespace(fingerprint=data))

    query = Query.about("a", "r")
    one = first(run("f", "d"), query, "x")
    assert first(run("f", "d"), Query.about("a", "r"), "x") == one
    others = [
        second(run("f", "d"), query, "x"),
        first(run("g", "d"), query, "x"),
        first(run("f", "e"), query, "x"),
        first(run("f", "d"), Query.about("a", "r", "head"), "x"),
        first(run("f", "d"), query, "z"),
    ]
    assert len({one, *others}) == 6
    assert len(CALLS) == 6
