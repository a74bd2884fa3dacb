"""The figure of many questions in a browser: no word covers another or a line, at three widths, with 5 to 20 users."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import upgan
from tests.ui.figure_boxes import assert_readable, measured
from upgan.render.figure.build import Drawing
from upgan.render.figure.graph_html import forms_of, graph_html

DEMO = Path(__file__).resolve().parents[2] / "checkpoints" / "demo"
#: What the app gives the figure of windows that are 1280, 1920 and 390 pixels wide.
FRAMES = (706, 1067, 358)


@pytest.mark.parametrize(
    ("questions", "counts"), [(2, (10,)), pytest.param(20, (5, 10, 20), marks=pytest.mark.slow)], ids=["two", "twenty"]
)
def test_no_word_covers_another_or_a_line(browser, tmp_path, questions, counts):
    predictor = upgan.load(DEMO)
    data, draw, page = predictor.dataset, random.Random(7), browser.new_page()
    labels = dict(zip(data.relations, data.relation_labels, strict=True))
    for place in range(questions):
        head, relation, tail = (int(number) for number in draw.choice(data.test))
        ends = ("head", head, tail) if place % 2 else ("tail", tail, head)
        asked: dict[str, Any] = {ends[0]: data.entities[ends[1]], "relation": data.relations[relation]}
        for users in counts:
            explanation = predictor.explain(**asked, answer=data.entities[ends[2]], top_users=users)
            drawings = forms_of(explanation, Drawing(), labels)
            (tmp_path / "graph.html").write_text(graph_html(drawings[0].spec, drawings=drawings), encoding="utf-8")
            for width in FRAMES:
                page.set_viewport_size({"width": width, "height": 900})
                page.goto((tmp_path / "graph.html").as_uri())
                page.locator("html[data-drawn]").wait_for(state="attached")
                for button in ("", "#open-users", "#by-kind"):
                    if button and not page.locator(button).is_visible():
                        continue
                    if button:
                        page.locator(button).click()
                    assert_readable(measured(page), f"{asked}, {users} users, {width} pixels {button}")
