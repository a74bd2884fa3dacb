"""Every format: what it is recognised by, what is read from it, and what is said where a part is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import upgan
from tests.data.sources import (
    _DBR,
    _NS,
    FORMATS,
    HETREC,
    KGAT,
    NTRIPLES,
    RECBOLE,
    RELEASE,
    TSV,
    format_of,
    write_source,
)
from upgan.cli.main import run
from upgan.data.formats import detect_format, read_sources
from upgan.data.raw.text_stream import ReadOptions
from upgan.errors import DataError

WRITTEN, GENRE = f"{_NS}film.film.written_by", f"{_NS}film.film.genre"


def triples(source, split=None):
    frame = source.triples if split is None else source.triples[source.triples["split"] == split]
    return [tuple(row) for row in frame[["head", "relation", "tail"]].to_numpy().tolist()]


def chosen(source):
    return [tuple(row) for row in source.interactions[["user", "item"]].to_numpy().tolist()]


def labels(source):
    return source.labels.drop_duplicates("id", keep="last").set_index("id")["label"].to_dict()


def refused(folder: Path, **options) -> str:
    with pytest.raises(DataError) as error:
        read_sources([folder], **options)
    return str(error.value)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_recognised_and_prepared_by_one_command(tmp_path, name, capsys):
    source = write_source(tmp_path / name, FORMATS[name])
    assert detect_format([source]) == (format_of(name))
    out = tmp_path / "out"
    command = ["data", "prepare", str(source), "--out", str(out), "--min-interactions", "1", "--min-triples", "1"]
    assert run([*command, "--split", "1,0,0"]) == 0, capsys.readouterr().err
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["format"] == (format_of(name))
    assert {Path(file).name for file in FORMATS[name]} == {file["name"] for file in manifest["sources"]}
    counts = manifest["counts"]
    assert (counts["users"], counts["items"], counts["interactions"]) == (2, 3, 4)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", FORMATS)
def test_packed_files_give_the_same_as_plain_ones(tmp_path, name):
    plain = write_source(tmp_path / "plain", FORMATS[name])
    packed = write_source(tmp_path / "packed", {f"{file}.gz": text for file, text in FORMATS[name].items()})
    assert detect_format([packed]) == detect_format([plain])
    one, other = read_sources([plain]), read_sources([packed])
    for part in ("triples", "interactions", "links", "labels"):
        plain_part, packed_part = getattr(one, part), getattr(other, part)
        assert (plain_part is None) == (packed_part is None), part
        if plain_part is not None:
            pd.testing.assert_frame_equal(plain_part, packed_part)


@pytest.mark.parametrize(("name", "file"), [("recbole", "d.kg"), ("kgat", "train.txt"), ("release", "kg/train.dat")])
def test_a_file_that_is_there_plain_and_packed_is_refused(tmp_path, name, file):
    source = write_source(tmp_path, {**FORMATS[name], f"{file}.gz": FORMATS[name][file]})
    assert "give one of them" in refused(source)


def test_the_authors_release_keeps_its_split(tmp_path):
    source = read_sources([write_source(tmp_path, RELEASE)])
    one, two, three = (f"{_NS}m.{number}" for number in (1, 2, 3))
    assert triples(source, "train") == [
        (one, WRITTEN, f"{_NS}m.p1"),
        (two, WRITTEN, f"{_NS}m.p1"),
        (three, WRITTEN, f"{_NS}m.p2"),
        (one, GENRE, f"{_NS}m.g1"),
    ]
    assert triples(source, "valid") == [(two, GENRE, f"{_NS}m.g1")]
    assert triples(source, "test") == [(three, GENRE, f"{_NS}m.g1")]
    assert chosen(source) == [("u1", "11"), ("u1", "12"), ("u2", "12"), ("u2", "13")]
    assert source.interactions["rating"].tolist() == [5, 2, 4, 3]
    assert source.interactions["timestamp"].tolist() == [100, 200, 300, 400]
    assert source.links is not None
    assert source.links.to_numpy().tolist() == [["11", one], ["12", two], ["13", three]]
    assert source.reading == {"triple_columns": "head, relation, tail", "ids_in_ratings.txt": "original ids"}


def test_a_release_s_brackets_around_a_uri_go_and_those_of_another_id_stay(tmp_path):
    maps = {"kg/e_map.dat": f"0\t<{_NS}m.1>\n1\t<b>x</b>\n2\t<a> <b>\n3\t<>\n4\tp\n5\tg\n"}
    source = read_sources([write_source(tmp_path, {**RELEASE, **maps})])
    assert set(source.triples["head"]) == {f"{_NS}m.1", "<b>x</b>", "<a> <b>"}
    assert set(source.triples["tail"]) == {"<>", "p", "g"}


def test_both_orders_of_a_triple_s_columns_and_both_kinds_of_ids_give_the_same(tmp_path):
    expected = read_sources([write_source(tmp_path / "a", RELEASE)])
    exchanged = {
        name: "".join("\t".join([h, t, r]) + "\n" for h, r, t in (line.split("\t") for line in text.splitlines()))
        for name, text in RELEASE.items()
        if name in ("kg/train.dat", "kg/valid.dat", "kg/test.dat")
    }
    numbered = {"rs/train.dat": "0\t0\t5\t100\n0\t1\t2\t200\n1\t1\t4\t300\n", "rs/test.dat": "1\t2\t3\t400\n"}
    titled = {"rs/i2kg_map.tsv": "".join(f"1{n}\tFilm {n}\t<{_NS}m.{n}>\n" for n in (1, 2, 3))}
    other = {**RELEASE, **exchanged, **numbered, **titled}
    del other["rs/ratings.txt"]
    source = read_sources([write_source(tmp_path / "b", other)])
    assert triples(source) == triples(expected)
    assert chosen(source) == chosen(expected)
    assert labels(source) == {f"{_NS}m.{number}": f"Film {number}" for number in (1, 2, 3)}
    assert source.reading == {
        "triple_columns": "head, tail, relation",
        "ids_in_train.dat": "numbers of the maps",
        "ids_in_test.dat": "numbers of the maps",
    }


def test_where_both_orders_fit_the_fewer_numbers_are_relations(tmp_path):
    small = {**RELEASE, "kg/train.dat": "0\t1\t0\n1\t0\t0\n2\t3\t0\n", "kg/valid.dat": "", "kg/test.dat": ""}
    del small["kg/valid.dat"], small["kg/test.dat"]
    small["kg/r_map.dat"] += "2\tx\n3\ty\n"
    assert (
        "head, tail, relation (the numbers also allow"
        in read_sources([write_source(tmp_path, small)]).reading["triple_columns"]
    )


def test_kgat_lists_give_the_ids_back(tmp_path):
    source = read_sources([write_source(tmp_path, KGAT)])
    assert chosen(source) == [("user one", "m.1"), ("user one", "m.2"), ("B2", "m.2"), ("B2", "m.3")]
    assert triples(source) == [
        ("m.1", WRITTEN, "m.p1"),
        ("m.2", WRITTEN, "m.p1"),
        ("m.3", WRITTEN, "m.p2"),
        ("m.1", GENRE, "m.g1"),
    ]
    assert set(source.triples["split"]) == {""}
    assert source.reading == {"items_that_are_another_entity_in_item_list": 0}
    wrong = KGAT["item_list.txt"].replace("1 m.2", "1 m.3")
    differing = read_sources([write_source(tmp_path, {"item_list.txt": wrong})])
    assert differing.reading == {"items_that_are_another_entity_in_item_list": 1}


def test_kgat_without_lists_keeps_the_numbers(tmp_path):
    files = {name: text for name, text in KGAT.items() if not name.endswith("_list.txt")}
    source = read_sources([write_source(tmp_path, files)])
    assert chosen(source) == [("0", "0"), ("0", "1"), ("1", "1"), ("1", "2")]
    assert triples(source)[0] == ("0", "0", "3")


def test_hetrec_titles_are_those_of_the_linked_entities(tmp_path):
    latin: dict[str, str | bytes] = {**HETREC, "artists.dat": HETREC["artists.dat"].encode("latin-1")}
    write_source(tmp_path / "utf8", HETREC)
    write_source(tmp_path / "latin1", latin)
    for folder in ("utf8", "latin1"):
        source = read_sources([tmp_path / folder])
        assert chosen(source) == [("2", "51"), ("2", "52"), ("4", "52"), ("4", "53")]
        assert source.interactions["rating"].tolist() == [13883, 11690, 300, 20]
        assert labels(source) == {"m1": "Duran Duran", "m2": "Morcheeba", "m3": "Björk"}
        assert bool(source.reading) == (folder == "latin1")


def test_hetrec_prefers_times_in_one_column_and_takes_a_graph_in_ntriples(tmp_path):
    movies = {
        "user_ratedmovies.dat": "userID\tmovieID\trating\tdate_day\n75\ta\t1\t29\n",
        "user_ratedmovies-timestamps.dat": "userID\tmovieID\trating\ttimestamp\n75\ta\t4.5\t1162160236000\n",
        "movies.dat": "id\ttitle\timdbID\na\tAlien\t1\nb\t\\N\t2\n",
        "graph.nt": NTRIPLES["graph.nt"],
        "links.tsv": NTRIPLES["links.tsv"],
    }
    source = read_sources([write_source(tmp_path, movies)])
    assert source.format == "hetrec"
    assert source.interactions[["rating", "timestamp"]].to_numpy().tolist() == [[4.5, 1162160236.0]]
    assert labels(source)[f"{_DBR}Alien_%28film%29"] == "Alien"


def test_ntriples_are_decoded_and_literals_name_or_are_dropped(tmp_path):
    source = read_sources([write_source(tmp_path, {"graph.nt.gz": NTRIPLES["graph.nt"]})])
    writer, born = "http://dbpedia.org/ontology/writer", "http://dbpedia.org/ontology/birthPlace"
    assert triples(source) == [
        (f"{_DBR}Alien_%28film%29", writer, f"{_DBR}Dan_O%27Bannon"),
        (f"{_DBR}Brazil", writer, "_:p.1"),
        ("_:p.1", born, f"{_DBR}Köln"),
        (f"{_DBR}Cube", writer, f"{_DBR}Vincenzo_Natali"),
    ]
    # English before German, rdfs:label before schema:name.
    assert labels(source) == {f"{_DBR}Cube": 'Cube "1997"'}
    assert source.dropped == {"graph.nt.gz: statements about a literal": 4}


def test_blank_nodes_of_two_files_are_different_nodes(tmp_path):
    files = {"a.nt": "_:x <r> <a> .\n", "b.nt": "_:x <r> <b> .\n"}
    assert triples(read_sources([write_source(tmp_path, files)])) == [("_:x@a.nt", "r", "a"), ("_:x@b.nt", "r", "b")]


@pytest.mark.parametrize(
    "line",
    [
        "<a> <r> <b>",
        "<a> <r> .",
        "<a> _:r <b> .",
        '"a" <r> <b> .',
        '<a> <r> "b .',
        "<a b> <r> <b> .",
        "<a> <r> <b> <c> .",
        "a r b .",
        "<a> <r> <b> . <c>",
        "<a> <r> <b> . <c> <r> <d> .",
        "<a> <r> <b\\u0020c> .",
        '<a> <r> "no \\q escape" .',
        '<a> <r> "half a pair \\uD83D" .',
    ],
)
def test_a_line_that_is_no_statement_is_named_or_counted(tmp_path, line):
    folder = write_source(tmp_path, {"g.nt": f"\n# c\n<a> <r> <b> .\n{line}\n"})
    message = refused(folder)
    assert f"g.nt, line 4: {line!r} is not an N-Triples statement" in message
    source = read_sources([folder], options=ReadOptions(skip_bad_lines=True))
    assert len(source.triples) == 1
    assert source.dropped == {"g.nt: lines that are no statement (--skip-bad-lines)": 1}


def test_ragged_rows_are_counted_where_that_is_asked_for(tmp_path):
    ragged = {**TSV, "triples.tsv": TSV["triples.tsv"] + "m3\tgenre\nm3\tgenre\tg2\n"}
    folder = write_source(tmp_path, ragged)
    assert "triples.tsv, line 6: 2 column(s)" in refused(folder)
    source = read_sources([folder], options=ReadOptions(skip_bad_lines=True))
    assert len(source.triples) == 5
    assert list(source.dropped.values()) == [1]


@pytest.mark.parametrize(
    ("name", "file", "content", "words"),
    [
        ("release", "kg/e_map.dat", None, ["found: ", "kg/r_map.dat"]),
        ("release", "kg/train.dat", None, ["train.dat is missing"]),
        ("release", "rs/i2kg_map.tsv", None, ["ratings.txt holds interactions", "i2kg_map.tsv is missing"]),
        ("release", "kg/train.dat", "0\t0\t3\n0\t0\t99\n", ["train.dat, line 2: '99'", "e_map.dat", "which has 6"]),
        ("release", "kg/r_map.dat", "0\ta\n0\tb\n", ["r_map.dat, line 2", "'0' has two rows"]),
        ("release", "kg/train.dat", "0\t0\n", ["train.dat, line 1: ", "at least 3"]),
        ("kgat", "kg_final.txt", "0 0 9\n", ["kg_final.txt, line 1: '9'", "entity_list.txt"]),
        ("kgat", "train.txt", "0 0 1\n1 x\n", ["train.txt, line 2: 'x'"]),
        ("kgat", "train.txt", "0 0 99999999999999999999\n", ["train.txt, line 1: '99999999999999999999'"]),
        ("kgat", "entity_list.txt", "org_id remap_id\nm.1 zero\n", ["entity_list.txt, line 2: 'm.1 zero'"]),
        ("hetrec", "triples.tsv", None, ["no graph", "triples.tsv", "links.tsv"]),
        ("hetrec", "user_artists.dat", "user\tartistID\n1\t2\n", ["user_artists.dat, line 1", "userid"]),
        ("ntriples", "graph.nt", "# nothing\n", ["graph.nt holds no statement"]),
        ("recbole", "d.kg", "head_id:token\thead_id:token\ttail_id:token\na\tb\tc\n", ["'head_id' twice"]),
        ("tsv", "triples.tsv", "head\thead\trelation\ttail\na\tb\tc\td\n", ["triples.tsv, line 1", "'head' twice"]),
    ],
)
def test_a_missing_or_wrong_part_is_named(tmp_path, name, file, content, words):
    files = {**FORMATS[name], file: content}
    folder = write_source(tmp_path, {key: text for key, text in files.items() if text is not None})
    message = refused(folder, format=name)
    assert all(word in message for word in words), message


def test_what_is_not_recognised_or_ambiguous_is_explained_once(tmp_path):
    message = refused(write_source(tmp_path / "a", {"notes.md": "x", "b.tsv": "x"}))
    assert "found: b.tsv, notes.md" in message
    assert all(f"\n  {name}: " in message for name in ("tsv", "recbole", "release", "kgat", "hetrec", "ntriples"))
    message = refused(write_source(tmp_path / "b", {**RECBOLE, **KGAT}))
    assert "recbole (d.inter); kgat (kg_final.txt)" in message
    assert "--format" in message
    assert read_sources([tmp_path / "b"], format="kgat").format == "kgat"


def test_the_folders_of_a_release_may_be_named_one_by_one(tmp_path):
    write_source(tmp_path, RELEASE)
    assert read_sources([tmp_path / "rs", tmp_path / "kg"]).format == "release"


def test_a_release_from_the_command_line_and_a_rule_for_ratings(tmp_path):
    source = write_source(tmp_path / "release", RELEASE)
    options = ["--min-interactions", "1", "--min-triples", "1", "--min-rating", "4"]
    done = upgan("data", "prepare", source, "--out", tmp_path / "out", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]["interactions"] == 2
    (source / "rs" / "ratings.txt").write_text("u1\t11\nu2\t12\n")
    done = upgan("data", "prepare", source, "--out", tmp_path / "no", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--min-rating 4: the interactions of this source have no rating" in done.stderr
    assert not (tmp_path / "no").exists()
