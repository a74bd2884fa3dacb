"""Tables in pages are those of their records, and a record says what was run and where."""

from __future__ import annotations

import copy
import json

import pytest

from records import BLOCK, FOLDER, FORMS, Table, filled, newest, pages, table_of, write_record
from tests.command_line import ROOT

PATHS = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_says_what_its_records_say(path):
    text = path.read_text(encoding="utf-8")
    assert filled(text, newest()) == text, "python scripts/records.py writes its tables again"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_record_says_what_was_run_where_and_when(path):
    text = path.read_text(encoding="utf-8")
    record = json.loads(text)
    assert path.stem == f"{record['date']}-{record['name']}"
    for key in ("title", "command", "data", "seeds", "machine", "tables"):
        assert record[key] not in (None, ""), key
    assert {"cpu", "cores", "torch", "load"} <= record["machine"].keys()
    for name in record["tables"]:
        assert table_of(record, name).markdown().count("\n") > 2
    assert not any(word in text for word in ("/tmp/", "/work/", "/home/", "NaN"))


@pytest.fixture
def record(tmp_path, monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (3.14, 0, 0))
    changes = {"value": 0.0123456789, "low": -0.001, "high": 0.02}
    table = Table(
        {"system": "text", "MRR": "percent2", "H@1": "percent", "minus": "change", "queries": "count"},
        [
            ["A", {"mean": 0.123456789, "std": 0.001}, 0.5, None, 8928],
            ["B", {"mean": 0.2, "std": None}, 0.25, changes, 1],
        ],
    )
    path = write_record(
        tmp_path, "small", title="A test", command="python x.py", data={"name": "toy"}, seeds=[0], tables={"all": table}
    )
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_table_of_a_record_stands_in_the_page_as_it_was_measured(record):
    page = "before\n<!-- record: small all -->\nold\n<!-- end of record -->\nafter\n"
    assert filled(page, {"small": record}) == (
        "before\n<!-- record: small all -->\n"
        "| system | MRR | H@1 | minus | queries |\n| --- | --- | --- | --- | --- |\n"
        "| A | 12.35 ± 0.10 | 50.0 |  | 8,928 |\n| B | 20.00 | 25.0 | +1.23 [-0.10, +2.00] | 1 |\n"
        "<!-- end of record -->\nafter\n"
    )


def test_a_record_that_changes_changes_the_page_and_one_that_is_not_there_is_an_error(record):
    page = "<!-- record: small all -->\n<!-- end of record -->\n"
    once = filled(page, {"small": record})
    assert filled(once, {"small": record}) == once
    other = copy.deepcopy(record)
    other["tables"]["all"]["rows"][0][2] = 0.4
    assert filled(once, {"small": other}) != once
    with pytest.raises(KeyError, match="small"):
        filled(page, {})


def test_the_newest_record_of_a_name_counts(record, tmp_path):
    older = {**record, "date": "2001-01-01", "title": "older"}
    (tmp_path / "2001-01-01-small.json").write_text(json.dumps(older), encoding="utf-8")
    assert newest(tmp_path)["small"]["title"] == "A test"


def test_every_comment_that_begins_a_table_ends_it():
    for path in pages():
        text = path.read_text(encoding="utf-8")
        assert text.count("<!-- record: ") == len(BLOCK.findall(text)) == text.count("<!-- end of record -->"), path


def test_what_is_not_known_is_an_empty_cell():
    table = Table({form: form for form in FORMS}, [[None] * len(FORMS)])
    assert set(table.markdown().splitlines()[-1]) == {"|", " "}
