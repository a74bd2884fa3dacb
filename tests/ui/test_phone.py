"""Every page on a phone: nothing wider than it, nothing cut, no words of a chart over others."""

from __future__ import annotations

import pytest

from tests.ui.chromium import assert_clean, idle, open_page, sideways
from tests.ui.test_accessibility import PAGES

pytestmark = pytest.mark.browser
CUT = """main => [...main.querySelectorAll('[data-testid="stPageLink-NavLink"] p')]
    .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.innerText)"""
#: The boxes of a chart's legend and of the title of its axis, where they overlap.
OVER = """main => [...main.querySelectorAll(".js-plotly-plot")].filter((chart) => {
    const [title, legend] = [".xtitle", ".legend"].map((part) => chart.querySelector(part)?.getBoundingClientRect());
    return title && legend && legend.height && legend.top < title.bottom - 1;
}).length"""


@pytest.mark.timeout(600)  # 30 s alone
def test_no_page_scrolls_sideways_and_no_link_is_cut(browser, server):
    page, seen = open_page(browser, server, at="", width=390, height=844)
    page.set_default_timeout(180_000)
    found = {}
    for address in PAGES:
        page.goto(f"{server}/{address}")
        page.locator("h1, h2").first.wait_for()
        idle(page)
        page.get_by_test_id("stBidiComponentIsolated").first.wait_for(state="attached")
        found[address] = (sideways(page), page.get_by_test_id("stMain").evaluate(CUT))
    assert found == dict.fromkeys(PAGES, (0, []))
    assert_clean(seen)


def test_the_legend_of_a_chart_stands_below_the_title_of_its_axis(browser, server):
    page, seen = open_page(browser, server, at="runs", width=390, height=844, run="stopped")
    page.locator(".js-plotly-plot .legend").first.wait_for(state="attached")
    assert page.get_by_test_id("stMain").evaluate(OVER) == 0
    assert_clean(seen)
