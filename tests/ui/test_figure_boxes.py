"""The figure of many questions in a browser: no word covers another or a line, at three widths, with 5 to 20 users.

Of the demo; the slow test also of the runs that UPGAN_FIGURE_RUNS names (folders, with ":" between them).
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

import upgan
from tests.command_line import DEMO
from tests.ui.figure_boxes import assert_readable, measured
from upgan.render.figure.build import Drawing
from upgan.render.figure.graph_html import forms_of, graph_html

#: What the app gives the figure of windows that are 1280, 1920 and 390 pixels wide.
FRAMES = (706, 1067, 358)
RUNS = [DEMO, *(Path(run) for run in os.environ.get("UPGAN_FIGURE_RUNS", "").split(":") if run)]


@pytest.mark.parametrize(
    ("run", "questions", "counts"),
    [
        pytest.param(DEMO, 2, (10,), id="two"),
        *(
            pytest.param(run, 20, (5, 10, 20), id=run.name, marks=(pytest.mark.slow, pytest.mark.timeout(3600)))
            for run in RUNS
        ),
    ],
)
def test_no_word_covers_another_or_a_line(browser, tmp_path, run, questions, counts):
    predictor = upgan.load(run)
    data, draw, page = predictor.dataset, random.Random(7), browser.new_page()
    labels = dict(zip(data.relations, data.relation_labels, strict=True))
    faults: list[str] = []
    looks = 0
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
                    looks += 1
                    try:
                        assert_readable(measured(page))
                    except AssertionError as fault:
                        told = str(fault).splitlines()[0]
                        faults.append(f"{asked}, {data.entities[ends[2]]}, {users} users, {width} px {button}: {told}")
    print(f"{run.name}: {looks} drawings looked at, {len(faults)} with a fault")
    assert faults == [], "\n".join([f"{len(faults)} of {looks} drawings", *faults])
