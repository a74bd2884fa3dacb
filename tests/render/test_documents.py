"""The HTML, SVG and text made from a figure: complete, offline, and deaf to what labels try to be."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import subprocess
import sys
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.render import samples
from tests.render.parsed import Document
from upgan.explain.explanation import UserShare
from upgan.render.figure.build import figure
from upgan.render.figure.graph_html import frame_height, graph_html, network_of
from upgan.render.figure.svg import svg
from upgan.render.page import page
from upgan.render.text_tables import candidates_table, explanation_table

CASES = {"bargain": samples.bargain(), "riftwar": samples.riftwar(), "hostile": samples.hostile()}
CASES["unreachable"] = samples.unreachable()
_LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href", "formaction"}


@pytest.fixture(params=[(name, kind) for name in CASES for kind in ("graph", "page")], ids="-".join)
def document(request) -> Document:
    name, kind = request.param
    explanation = CASES[name]
    return Document(graph_html(figure(explanation)) if kind == "graph" else page(explanation))


def test_nothing_is_loaded_from_anywhere(document):
    loads = [item for item in document.attributes if item[1] in _LOADING]
    assert loads == []
    assert "link" not in document.tags
    assert "iframe" not in document.tags
    assert not re.search(r"@import|url\(", document.text)


def test_policy_forbids_everything_but_the_script_inside(document):
    policy = document.policy()
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy
    assert "unsafe-eval" not in policy
    scripts = [text for attributes, text in document.scripts if attributes.get("type") != "application/json"]
    assert len(scripts) == 1
    for text in scripts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    directive = re.search(r"script-src ([^;]*)", policy)
    assert directive is not None
    assert len(directive[1].split()) == 1


def test_no_event_handlers_and_no_markup_from_labels(document):
    assert not [item for item in document.attributes if item[1].startswith("on")]
    assert "img" not in document.tags
    runs = [attributes for attributes, _ in document.scripts if attributes.get("type") != "application/json"]
    assert len(runs) == 1
    assert document.tags.count("script") == len(document.scripts) == 2


@pytest.mark.parametrize("name", CASES)
def test_every_edge_of_the_figure_reaches_the_browser(name):
    spec = figure(CASES[name])
    data = Document(graph_html(spec)).json("network-data")
    assert len(data["edges"]) == len(spec.edges) == len(network_of(spec).edges)
    assert [node["id"] for node in data["nodes"]] == [node.id for node in spec.nodes]
    assert [(node["x"], node["y"]) for node in data["nodes"]] == [(node.x, node.y) for node in spec.nodes]


def test_parallel_edges_are_kept():
    spec = figure(samples.riftwar())
    data = Document(graph_html(spec)).json("network-data")
    pairs = [(edge["from"], edge["to"]) for edge in data["edges"]]
    assert pairs.count(("e:b0", "e:The Riftwar Cycle")) == 2


def test_hostile_labels_arrive_as_the_data_they_are():
    spec = figure(samples.hostile())
    html = graph_html(spec)
    assert "<script>alert" not in html
    data = Document(html).json("network-data")
    titles = " ".join(node["title"] for node in data["nodes"])
    assert "<script>alert(1)</script>" in titles
    assert "**bold** [link](https://evil.example) `code` $x$ :red[text]" in titles
    assert "كتاب ألف ليلة وليلة" in titles


def test_graph_is_the_same_for_the_same_explanation():
    assert graph_html(figure(samples.riftwar())) == graph_html(figure(samples.riftwar()))


def test_dark_theme_differs_only_in_paint():
    spec = figure(samples.bargain())
    light, dark = (Document(graph_html(spec, theme)).json("network-data") for theme in ("light", "dark"))
    assert [node["label"] for node in light["nodes"]] == [node["label"] for node in dark["nodes"]]
    assert light["edges"][0]["color"] != dark["edges"][0]["color"]


def test_heights_are_pixels_within_bounds():
    for explanation in (*CASES.values(), samples.riftwar(400, users=200)):
        spec = figure(explanation)
        assert 180 <= frame_height(spec) <= 900


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_svg_is_well_formed_with_the_same_coordinates(name, theme):
    spec = figure(CASES[name])
    text = svg(spec, theme)
    root = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    assert {child.tag.removeprefix(space) for child in root.iter()} <= {
        "svg", "title", "desc", "rect", "path", "polygon", "circle", "g", "text"
    }  # fmt: skip
    assert len(root.findall(f"{space}path[@class]")) == len(spec.edges)
    groups = [group for group in root.findall(f"{space}g") if "node" in (group.get("class") or "")]
    assert len(groups) == len(spec.nodes)
    for group, node in zip(groups, spec.nodes, strict=True):
        frame = group.find(f"{space}rect")
        assert frame is not None
        middle = float(frame.get("x", "nan")) + float(frame.get("width", "nan")) / 2
        assert middle == pytest.approx(node.x, abs=0.11)
        assert [line.text for line in group.findall(f"{space}text")] == list(node.lines)


def test_page_says_everything_in_words_and_tables():
    text = Document(page(samples.bargain())).text
    for expected in (
        "without simulated users it would be 14",
        "Simulated users of the target, heaviest first",
        "77OC0 — interacted → Part of the Bargain",
        "Linda Lael Miller ← author — Just Kate ← interacted — A1X2",
        "The numbers add up",
        "ab12cd34ef56",
        "generated, not observed",
    ):
        assert expected in text
    assert "probability" not in text.replace("not a probability", "")


def test_tables_for_the_terminal_hold_no_control_characters():
    for explanation in CASES.values():
        text = explanation_table(explanation)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", text)
        text.encode("utf-8")


def test_explanation_table_is_aligned_and_complete():
    text = explanation_table(samples.bargain())
    assert "77OC0 — interacted → Part of the Bargain  0.31           0.31" in text
    assert "(3 more)" in text
    assert "Σ weights = 1.000000" in text


def test_candidates_table():
    row: Any = partial(dict, score_without_users=0.0, rank_without_users=0, filtered_rank_without_users=12.0)
    rows = [
        row(rank=2, id="a", label="Å", score=-1.5, known="test", filtered_rank=1.0),
        row(rank=10, id="b", label="源氏\x1b[2J", score=0.25, known=None, filtered_rank=7.5),
    ]
    lines = candidates_table(rows).splitlines()
    assert lines[0].split() == ["rank", "answer", "id", "score", "known", "in", "rank", "without", "users"]
    assert lines[2].startswith(" (1)  Å"), "of a known answer in brackets: the others are counted without it"
    assert lines[3].startswith(" 7.5  ")
    assert lines[2].endswith(" 12")
    assert "\x1b" not in lines[3]
    assert candidates_table([]) == "no candidates"


def test_importing_the_drawing_code_pulls_in_neither_app_nor_tensors():
    code = (
        "import sys, upgan.render.page, upgan.render.text_tables, upgan.render.figure.svg;"
        "bad = {'streamlit', 'torch', 'pyvis', 'IPython', 'ui'} & set(sys.modules); print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_users_on_the_answer_s_side_are_listed_too():
    explanation = dataclasses.replace(samples.bargain(), answer_users=(UserShare("ZZ9", 1.0, 0.25),))
    assert "of the answer, heaviest first" in Document(page(explanation)).text
    assert "simulated user of the answer" in explanation_table(explanation)
    assert "ZZ9" in explanation_table(explanation)
