"""No page has a serious fault that axe-core finds, light or dark; each has a title of its own."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.ui.chromium import assert_clean, idle, open_page

pytestmark = pytest.mark.browser
#: What is looked at: the page, and what its address says.
PAGES = (
    "", "ask?checkpoint=demo&tab=users", "ask?checkpoint=demo&tab=whatif", "ask?checkpoint=demo&tab=contrast",
    "case?checkpoint=demo", "review?checkpoint=demo", "train", "runs?run=stopped", "models", "models?part=data",
    "models?part=import", "tables", "leaderboard",
)  # fmt: skip
SERIOUS = ("serious", "critical")
#: Faults of Streamlit's own elements, which no page of ours can mend: (rule, a part of the element) -> why.
STREAMLITS: dict[tuple[str, str], str] = {}

READABLE = """() => [...document.querySelectorAll('[data-testid="stCaptionContainer"]')]
    .every((each) => getComputedStyle(each).opacity > 0.7)"""


def faults(where, *rules: str) -> list[tuple[str, str, str]]:
    """(rule, element, why) of every serious fault of a page or frame that is not known as Streamlit's own.

    ``rules``: only these are looked at.
    """
    found = []
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    for rule in Axe().run(where, options=options).response["violations"]:
        if rule["impact"] in SERIOUS:
            found += [(rule["id"], node["html"][:300], _why(node)) for node in rule["nodes"]]
    return [each for each in found if not any(r == each[0] and part in each[1] for r, part in STREAMLITS)]


def _why(node) -> str:
    return "; ".join(check["message"] for check in node["any"])


@pytest.mark.timeout(600)  # 30 s alone
def test_axe_finds_no_serious_fault_on_any_page(browser, server):
    page, seen = open_page(browser, server, at="", height=1600)
    page.set_default_timeout(180_000)
    titles: dict[str, str] = {}
    found: dict[str, list[tuple[str, str, str]]] = {}
    for address in PAGES:
        page.goto(f"{server}/{address}")
        page.locator("h1, h2").first.wait_for()
        idle(page)
        if address.startswith("ask"):
            page.frame_locator("iframe").locator("html[data-drawn]").wait_for(state="attached")
        page.wait_for_function(READABLE)  # until the style is there, small print is as pale as Streamlit has it
        titles.setdefault(address.partition("?")[0], page.title())
        found[f"{address} light"] = faults(page)
        page.emulate_media(color_scheme="dark")  # another page in nothing but its colours
        # Colours change one after the other; what stays wrong is a fault.
        for _ in range(5):
            page.wait_for_timeout(300)
            found[f"{address} dark"] = faults(page, "color-contrast")
            if not found[f"{address} dark"]:
                break
        if address.endswith("tab=users"):
            frame = page.locator("iframe").first.element_handle().content_frame()
            found["figure"] = faults(frame)
        page.emulate_media(color_scheme="light")
    assert {place: each for place, each in found.items() if each} == {}
    assert len(set(titles.values())) == len(titles), titles
    assert_clean(seen)
