"""The figures beside ours are the paper's: every number of its text's tables, where that text is at hand."""

from __future__ import annotations

import re

import pytest

from upgan.config.systems import MODEL_NAMES
from upgan.reproduce.paper import PAPER_METRICS, paper_groups, paper_metrics
from upgan.reproduce.plan import COMPARED, TARGETS

pytestmark = pytest.mark.real_data
DATASETS = ("movie", "music", "book")
NUMBER = r"-?[\d.]+"


@pytest.fixture(scope="module")
def text(shared_data):
    path = shared_data.parent / "paper" / "upgan-www2020.txt"
    if not path.is_file():
        pytest.skip(f"no text of the paper: {path} is not there")
    return path.read_text(encoding="utf-8")


def percents(values):
    return {metric: value if metric == "mr" else round(100 * value, 4) for metric, value in values.items()}


def test_table_3(text):
    found = 0
    for system in COMPARED:
        row = re.search(rf"^{re.escape(MODEL_NAMES[system])}((?: {NUMBER}){{15}})$", text, re.MULTILINE)
        if row is None:
            assert paper_metrics("table3", system) == {}
            continue
        numbers = [float(number) for number in row[1].split()]
        for place, dataset in enumerate(DATASETS):
            expected = dict(zip(PAPER_METRICS, numbers[5 * place : 5 * place + 5], strict=True))
            assert percents(paper_metrics("table3", system)[dataset]) == expected, (system, dataset)
        found += 1
    assert found == 10


def test_table_4(text):
    part = text[text.index("Dataset Models A B C D E") :]
    for dataset in DATASETS:
        of = part[part.index(f"\n{dataset.capitalize()}\n") :]
        for system in ("distmult", "convtranse", "upgan"):
            row = re.search(rf"^{MODEL_NAMES[system]}((?: {NUMBER}){{5}})$", of, re.MULTILINE)
            assert row is not None
            told = paper_groups("table4", system, TARGETS["table4"].groups)[dataset]
            assert [round(100 * told[group], 4) for group in "ABCDE"] == [float(number) for number in row[1].split()]


def test_table_5(text):
    part = text[text.index("Table 5:") :]
    rows = re.findall(rf"^(?:\w+ )?(1|2|>=3) ({NUMBER}) ({NUMBER}) ({NUMBER}) \(", part, re.MULTILINE)
    assert len(rows) == 9
    for place, (group, *numbers) in enumerate(rows):
        for system, number in zip(("distmult", "convtranse", "upgan"), numbers, strict=True):
            told = paper_groups("table5", system, TARGETS["table5"].groups)[DATASETS[place // 3]]
            assert round(100 * told[group], 4) == float(number)


def test_table_6(text):
    part = text[text.index("Table 6:") :]
    names = {
        "": "UPGAN",
        "-no-generator": "UPGAN¬G",
        "-rgcn": "UPGANR−GCN",
        "-no-users": "UPGAN¬U I",
    }
    for row, name in names.items():
        numbers = re.search(rf"^{name}((?: {NUMBER}){{5}})$", part, re.MULTILINE)
        assert numbers is not None
        expected = dict(zip(PAPER_METRICS, map(float, numbers[1].split()), strict=True))
        assert {name: percents(of) for name, of in paper_metrics("table6", f"upgan{row}").items()} == {"book": expected}
