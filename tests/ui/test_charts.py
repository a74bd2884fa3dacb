"""The users' chart, read as data."""

from __future__ import annotations

import pytest

from tests.render import samples
from ui.charts.bars import users_chart, users_chart_words
from upgan.explain.explanation import Explanation, UserShare


def test_bars_add_up_to_all_users():
    weights, parts = users_chart(samples.bargain(), samples.bargain().users, "weight").data
    assert sum(weights.x) == pytest.approx(1)
    assert sum(parts.x) == pytest.approx(0.84)
    assert len(weights.x) == 16
    assert weights.customdata[-1] == "8 more"


def test_sorted_by_weight_or_by_size_of_the_contribution():
    weights, _ = users_chart(samples.bargain(), samples.bargain().users, "weight").data
    assert list(weights.x[:2]) == [0.31, 0.22]
    _, parts = users_chart(samples.bargain(), samples.bargain().users, "contribution").data
    assert list(parts.x[:3]) == [0.52, 0.2, -0.11]


def test_signs_differ_in_colour_and_in_text():
    _, parts = users_chart(samples.bargain(), samples.bargain().users, "weight").data
    assert parts.marker.color[0] != parts.marker.color[1]
    assert parts.text[1] == "−0.110"


def test_a_number_beside_its_bar_is_not_as_dark_as_one_on_it():
    weights, _ = users_chart(samples.bargain(), samples.bargain().users, "weight").data
    assert weights.insidetextfont.color == "#1f2328"
    for beside in (weights.textfont, weights.outsidetextfont):
        assert beside.color is None, "the page's own, light or dark"


def test_ids_are_not_read_as_markup():
    base = samples.bargain()
    users = (UserShare("<a href='https://evil.example'>x</a>", 1.0, 0.1),)
    chart = users_chart(Explanation(**{**base.__dict__, "users": users}), users, "weight")
    assert "<a" not in str(chart.data[0].customdata)
    assert "&lt;a" in str(chart.data[0].customdata)


def test_words_name_the_heaviest():
    assert "77OC0, has weight 0.31" in users_chart_words(samples.bargain(), samples.bargain().users)
