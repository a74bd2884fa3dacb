"""Labels through Wikidata's P646, from both of its dumps; the time window of interactions."""

from __future__ import annotations

import bz2
import gzip
import json

import numpy as np
import pandas as pd
import pytest

from upgan.cli.main import run as run_command
from upgan.data.dump import stream as dump_stream
from upgan.data.dump import wikidata
from upgan.data.dump.passes import WorkFolder
from upgan.data.dump.wikidata import with_wikidata_labels
from upgan.data.prepare.window import seconds_of, within_window
from upgan.data.raw.source import RawSource
from upgan.errors import ConfigError, DataError

E, P = "http://www.wikidata.org/entity/", "http://www.wikidata.org/prop/direct/"
RDFS = "http://www.w3.org/2000/01/rdf-schema#label"
STATEMENTS = rf"""<{E}Q9> <{RDFS}> "Nine"@de .
<{E}Q9> <{RDFS}> "Nine \"9\" \u00e9"@en .
<{E}Q9> <{P}P646> "/m/0nine" .
<{E}Q10> <{P}P646> "/m/0nine" .
<{E}Q10> <{RDFS}> "Ten, of the same topic"@en .
<{E}Q11> <{P}P646> "/g/11eleven" .
<{E}Q11> <{RDFS}> "Eleven"@en-gb .
<{E}Q12> <{P}P31> "/m/0other" .
<{E}Q12> <{RDFS}> "Not by P646"@en .
<{E}Q13> <{P}P646> "/m/0given" .
<{E}Q13> <{RDFS}> "Never asked for"@en .
"""


def item(number, topics, labels):
    claims = [{"mainsnak": {"snaktype": "value", "datavalue": {"value": topic}}} for topic in topics]
    claims.append({"mainsnak": {"snaktype": "novalue"}})
    names = {language: {"language": language, "value": value} for language, value in labels.items()}
    return json.dumps({"id": f"Q{number}", "labels": names, "claims": {"P646": claims} if topics else {}})


JSON_DUMP = (
    "[\n"
    + ",\n".join(
        [
            item(9, ["/m/0nine"], {"en": 'Nine "9" é', "de": "Neun"}),
            item(10, ["/m/0nine"], {"en": "Ten, of the same topic"}),
            item(11, ["/g/11eleven"], {"de": "Elf"}),
            item(12, [], {"en": "Not by P646"}),
            item(13, ["/m/0given"], {"en": "Never asked for"}),
        ]
    )
    + "\n]\n"
)


def source(**changes):
    triples = [("m.0nine", "r", "g.11eleven"), ("m.0other", "r", "m.0given")]
    empty = pd.DataFrame({"id": [], "kind": []}, dtype=str)
    parts = {
        "name": "x",
        "format": "tsv",
        "triples": pd.DataFrame(triples, columns=["head", "relation", "tail"]),
        "interactions": pd.DataFrame({"user": ["u"], "item": ["m.0nine"]}),
        "links": None,
        "labels": pd.DataFrame({"id": ["m.0given"], "label": ["Its own name"]}),
        "kinds": empty,
        "files": (),
    }
    return RawSource(**{**parts, **changes})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("truthy.nt", STATEMENTS.encode()),
        ("truthy.nt.gz", gzip.compress(STATEMENTS.encode())),
        ("latest-all.json.bz2", bz2.compress(JSON_DUMP.encode())),
        ("latest-all.json.gz", gzip.compress(JSON_DUMP.encode())),
    ],
)
def test_topics_without_a_name_get_the_english_label_of_the_lowest_item(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    said: list[str] = []
    for _ in range(2):
        named = with_wikidata_labels(source(), tmp_path / name, tmp_path / "work", said.append)
        labels = dict(zip(named.labels["id"], named.labels["label"], strict=True))
        assert labels == {"m.0given": "Its own name", "m.0nine": 'Nine "9" é'}
    assert any("read before" in text for text in said)
    assert named.files[-1].name == name
    assert named.files[-1].rows in (7, 11)


def test_a_pass_that_was_cut_off_goes_on_behind_its_last_part(tmp_path, monkeypatch):
    monkeypatch.setattr(wikidata, "ROWS_PER_PART", 1)
    monkeypatch.setattr(dump_stream, "BLOCK", 64)
    path = tmp_path / "truthy.nt.gz"
    path.write_bytes(gzip.compress(STATEMENTS.encode()))
    work = WorkFolder(tmp_path / "work")
    parts = []

    def stop(block, dump):
        parts.append(block.first_line)
        if len(parts) == 4:
            raise KeyboardInterrupt
        return read(block, dump)

    read = wikidata._statement_rows
    monkeypatch.setattr(wikidata, "_statement_rows", stop)
    with pytest.raises(KeyboardInterrupt):
        wikidata.read_wikidata(path, work, lambda text: None)
    monkeypatch.setattr(wikidata, "_statement_rows", read)
    said: list[str] = []
    state = wikidata.read_wikidata(path, WorkFolder(tmp_path / "work"), said.append)
    assert "going on after line" in said[0]
    assert state["lines"] == 11
    files = sorted(work.folder_of("wikidata").glob("*.parquet"))
    found = pd.concat([pd.read_parquet(file) for file in files])
    assert found["item"].tolist() == ["Q9", "Q9", "Q10", "Q10", "Q11", "Q12", "Q13", "Q13"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(STATEMENTS.encode())[:-12], ["ends in the middle"]),
        (b"id,label\n1,x\n", ["line 1", "id,label", "N-Triples"]),
        (b'[\n{"id": "Q1", "claims": {"P646": [1]}},\n]\n', ["line 2", "not an item"]),
        (None, ["no such file"]),
    ],
)
def test_a_spoilt_wikidata_dump_is_refused_by_name(tmp_path, content, words):
    path = tmp_path / "wikidata.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        with_wikidata_labels(source(), path, tmp_path / "work", lambda text: None)
    for word in ["wikidata.gz", *words]:
        assert word in str(caught.value)


def test_the_command_line_names_freebase_topics_of_any_format(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "triples.tsv").write_text("m.0nine\tr\tg.11eleven\nm.0nine\ts\tg.11eleven\n")
    (tmp_path / "truthy.nt.gz").write_bytes(gzip.compress(STATEMENTS.encode()))
    arguments = ["data", "prepare", raw, "--out", tmp_path / "out", "--min-triples", "1", "--split", "1,0,0"]
    arguments += ["--keep-reverse", "--wikidata", tmp_path / "truthy.nt.gz"]
    assert run_command([str(argument) for argument in arguments]) == 0
    table = pd.read_parquet(tmp_path / "out" / "entities.parquet").set_index("id")["label"]
    assert table["m.0nine"] == 'Nine "9" é'
    assert table["g.11eleven"] == "g.11eleven"
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sources"][-1]["name"] == "truthy.nt.gz"


DAY = 86400.0


@pytest.mark.parametrize(
    ("since", "until", "kept"),
    [
        (None, None, "abcdn"),
        ("1970-01-02", None, "bcdn"),
        ("1970-01-02", "1970-01-02", "bcn"),
        (None, "1970-01-02T00:00:00", "abn"),
        ("1970-01-02T01:00:00+01:00", "1970-01-02", "bcn"),
    ],
)
def test_the_window_holds_both_of_its_days_and_what_has_no_time(since, until, kept):
    times = [0.0, DAY, 2 * DAY - 0.5, 2 * DAY, np.nan]
    frame = pd.DataFrame({"user": list("abcdn"), "item": ["i"] * 5, "timestamp": times})
    result, facts = within_window(source(interactions=frame), since, until)
    assert "".join(result.interactions["user"]) == kept
    if since or until:
        assert facts["kept_without_timestamp"] == 1
        assert sum(result.dropped.values()) == 5 - len(kept)


def test_a_window_on_a_source_without_times_is_said_or_refused(tmp_path, capsys):
    _, facts = within_window(source(), "2012-01-01", None)
    assert "not applied" in facts["rule"]
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "triples.tsv").write_text("a\tr\tb\n")
    (raw / "interactions.tsv").write_text("u\ta\n")
    arguments = ["data", "prepare", raw, "--out", tmp_path / "out", "--from", "2012-01-01"]
    assert run_command([str(argument) for argument in arguments]) == 2
    assert "this source has none" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["2012", "01.02.2012", "2012-13-01", ""])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ConfigError, match="ISO 8601"):
        seconds_of(text)


def test_a_window_that_keeps_nothing_says_when_the_interactions_were():
    frame = pd.DataFrame({"user": ["a"], "item": ["i"], "timestamp": [DAY]})
    with pytest.raises(DataError, match="1970-01-02"):
        within_window(source(interactions=frame), "2012-01-01", None)
