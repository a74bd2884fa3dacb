"""Nothing of a source is lost without a word: files, columns, rows, ids; counted here again, with plain Python."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import random
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from tests.data.sources import write_source
from upgan.cli.main import run
from upgan.data.check import check_source
from upgan.data.dataset import load_dataset
from upgan.data.formats import read_sources
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.errors import DataError

LOOSE = PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0))
#: Plants of two beds, with their soils and colours.
GRAPH = [
    row
    for n in range(24)
    for row in (
        (f"plant{n}", "grows in", f"soil{n % 4}"),
        (f"plant{n}", "blooms", f"colour{n % 5}"),
        (f"plant{n}", "needs", f"light{n % 2}"),
    )
]
CHOSEN = [(f"gardener{u}", f"plant{(u * 5 + k * 3) % 24}") for u in range(9) for k in range(6)]


def rows(table, header=None, sep="\t") -> str:
    return "".join(sep.join(map(str, row)) + "\n" for row in ([header] if header else []) + list(table))


def codes(source) -> list[str]:
    return [notice.code for notice in source.notices]


def words(source, code: str) -> str:
    return "\n".join(notice.text for notice in source.notices if notice.code == code)


def found(folder: Path, code: str) -> str:
    """The examples of a finding of `upgan data check`, "" where it is ok."""
    finding = check_source([folder], min_interactions=1).finding(code)
    return "" if finding is None or not finding.count else "\n".join(finding.examples)


def triples_of(source) -> set[tuple[str, str, str]]:
    return {tuple(row) for row in source.triples[["head", "relation", "tail"]].to_numpy().tolist()}


GARDEN = {"triples.tsv": rows(GRAPH, ("head", "relation", "tail"))}


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("held_out.tsv", rows(GRAPH[:5]), "triples"),
        ("test_set.txt", rows(GRAPH[:5]), "name it test.txt"),
        ("validation-data.csv", rows(GRAPH[:5], sep=","), "name it valid.csv"),
        ("choices.dat", rows(CHOSEN), "interactions"),
        ("names_of_plants.tsv", "plant1\tRose\nplant2\tIris\n", "labels.tsv"),
        ("garden.item", "item_id:token\tname:token\nplant1\tRose\n", "--format recbole"),
        ("garden.jsonld", "{}", "convert it to N-Triples"),
        ("garden.xlsx", b"PK\x03\x04", "upgan data import"),
        ("deeper/still/ratings.csv", rows(CHOSEN, sep=","), "interactions"),
        ("deeper/still/sheets.zip", None, "unpack it"),
        ("blob.bin", b"\x00\x01\x02", "no table of a known form"),
    ],
)
def test_a_file_that_is_not_read_is_named_everywhere(tmp_path, name, content, hint):
    if content is None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a.tsv", "x\ty\n")
            archive.writestr("b.tsv", "x\ty\n")
        content = buffer.getvalue()
    folder = write_source(tmp_path / "garden", {**GARDEN, name: content})
    source = read_sources([folder])
    assert source.unread == (name,)
    assert f"not read: {name}" in words(source, "unread-files")
    assert hint in words(source, "unread-files")
    manifest = prepare(source, tmp_path / "out", LOOSE).manifest
    assert manifest["unread"] == [name]
    assert any(name in warning["text"] for warning in manifest["warnings"])
    assert name in found(folder, "unread-files")


def test_documents_are_named_apart_and_hidden_files_are_not(tmp_path):
    files: dict[str, str | bytes] = {
        **GARDEN,
        "README.md": "x",
        "paper.pdf": b"%PDF",
        ".DS_Store": b"x",
        "LICENSE": "x",
    }
    source = read_sources([write_source(tmp_path, files)])
    assert source.unread == ("LICENSE", "README.md", "paper.pdf")
    assert codes(source) == ["unread-documents"]


def test_a_name_that_moves_a_terminal_is_said_on_one_line(tmp_path):
    folder = write_source(tmp_path, {**GARDEN, "a\nb\x1b[2J.tsv": "x", "c\x9b.md": "x"})
    said = [notice.text for notice in read_sources([folder]).notices]
    assert said[0].startswith("not read: a b\ufffd[2J.tsv (")
    assert said[1] == "not read (documents): c\ufffd.md"


def test_every_file_that_was_named_is_read_or_named(tmp_path):
    folder = write_source(tmp_path, {**GARDEN, "kg/e_map.dat": "0\ta\n", "other.csv": "a,b\n"})
    read = {file.name for file in read_sources([folder]).files}
    unread = set(read_sources([folder]).unread)
    assert read | {Path(name).name for name in unread} == {"triples.tsv", "e_map.dat", "other.csv"}


def test_interactions_of_an_unknown_name_are_read_by_their_header(tmp_path):
    folder = write_source(tmp_path, {**GARDEN, "purchases_2024.csv": rows(CHOSEN, ("customer_id", "product_id"), ",")})
    source = read_sources([folder])
    assert len(source.interactions) == len(CHOSEN)
    assert "purchases_2024.csv" in words(source, "columns-told")
    # Beside interactions of a known name it may be anything, so it is only named.
    folder = write_source(folder, {"interactions.tsv": rows(CHOSEN[:9])})
    source = read_sources([folder])
    assert len(source.interactions) == 9
    assert source.unread == ("purchases_2024.csv",)


@pytest.mark.parametrize("key", ["head", "\ud800"], ids=["value", "name"])
def test_half_a_character_in_json_lines_is_refused(tmp_path, key):
    row = {key: "m1" if key != "head" else "\ud800", "relation": "by", "tail": "p1"}
    with pytest.raises(DataError, match="half a character"):
        read_sources([write_source(tmp_path, {"triples.jsonl": json.dumps(row)})])


def _packed(kind: str, text: str) -> bytes:
    half = len(text) // 2
    one, two = text[:half].encode(), text[half:].encode()
    if kind == "zst":
        return bytes(pa.compress(text.encode(), codec="zstd", asbytes=True))
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("__MACOSX/._triples.tsv", "x")
            archive.writestr("folder/triples.tsv", text)
        return buffer.getvalue()
    pack: Callable[[bytes], bytes] = bz2.compress if kind == "bz2" else lzma.compress
    # Several members in a row are one file.
    return pack(one) + pack(two)


@pytest.mark.parametrize("kind", ["bz2", "xz", "zst", "zip"])
def test_packed_files_are_read_to_their_end(tmp_path, kind):
    plain = read_sources([write_source(tmp_path / "plain", GARDEN)])
    packed = tmp_path / "packed" / ("graph.zip" if kind == "zip" else f"triples.tsv.{kind}")
    packed.parent.mkdir()
    packed.write_bytes(_packed(kind, GARDEN["triples.tsv"]))
    assert triples_of(read_sources([packed.parent])) == triples_of(plain) == set(GRAPH)
    packed.write_bytes(_packed(kind, GARDEN["triples.tsv"])[:-7])
    with pytest.raises(DataError, match=r"cut off or damaged|unpack|no known format"):
        read_sources([packed.parent])


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_tables_with_types_are_the_same_as_text(tmp_path, kind):
    frame = pd.DataFrame(CHOSEN, columns=["user_id", "item_id"])
    frame["stars"] = [n % 5 + 1 for n in range(len(frame))]
    frame["date"] = pd.Timestamp("2024-03-01")
    text = write_source(tmp_path / "text", {**GARDEN, "interactions.csv": frame.to_csv(index=False)})
    typed = write_source(tmp_path / "typed", GARDEN)
    if kind == "parquet":
        frame.to_parquet(typed / "interactions.parquet")
    else:
        frame.assign(date="2024-03-01").to_json(typed / "interactions.jsonl", orient="records", lines=True)
    one, other = read_sources([text]), read_sources([typed])
    pd.testing.assert_frame_equal(one.interactions, other.interactions)


@pytest.mark.parametrize(
    "header",
    [
        ("Source_ID", "Edge Type", "Target_ID"),
        ("node1", "label", "node2"),
        (":START_ID(Plant)", ":TYPE", ":END_ID(Thing)"),
        ("~from", "~label", "~to"),
        ("x_id", "relation", "y_id"),
        ("Subject", "Property", "Object"),
        ("src", "rel", "dst"),
        # Words of no list: the rest of the table says that they are a header.
        ("Pflanze", "Beziehung", "Ding"),
    ],
)
@pytest.mark.parametrize("sep", ["\t", ","])
def test_a_header_of_triples_is_no_triple(tmp_path, header, sep):
    name = "triples.tsv" if sep == "\t" else "triples.csv"
    source = read_sources([write_source(tmp_path, {name: rows(GRAPH, header, sep)})])
    assert triples_of(source) == set(GRAPH)


def test_a_first_row_of_data_is_kept():
    for first in (("plant0", "grows in", "stone"), ("moss", "grows in", "stone"), ("plant0", "likes", "rain")):
        with tempfile.TemporaryDirectory() as folder:
            path = write_source(Path(folder), {"triples.tsv": rows([first, *GRAPH])})
            assert first in triples_of(read_sources([path])), first


def test_more_columns_than_three_are_found_by_their_names_and_the_rest_is_named(tmp_path):
    table = [(n, h, r, t, 0.5) for n, (h, r, t) in enumerate(GRAPH)]
    header = ("id", "node1", "label", "node2", "certainty")
    source = read_sources([write_source(tmp_path, {"kg.tsv": rows(table, header)})])
    assert triples_of(source) == set(GRAPH)
    assert "columns that are not read: id, certainty" in words(source, "columns-told")


def test_of_two_columns_of_one_meaning_the_more_usual_name_counts_and_that_is_said(tmp_path):
    table = [(h, r, f"{r}!", t) for h, r, t in GRAPH]
    source = read_sources(
        [write_source(tmp_path, {"kg.csv": rows(table, ("x_id", "display_relation", "relation", "y_id"), ",")})]
    )
    assert {relation for _, relation, _ in triples_of(source)} == {"grows in!", "blooms!", "needs!"}
    assert "more than one column may be the relation" in words(source, "columns-told")


@pytest.mark.parametrize(
    ("header", "cells", "sep"),
    [
        (('"Reader-ID"', '"Book-ID"', '"Book-Rating"'), lambda u, i, n: (f'"{u}"', f'"{i}"', f'"{n % 5}"'), ";"),
        (("reviewerID", "asin", "overall", "unixReviewTime"), lambda u, i, n: (u, i, n % 5, 1400000000 + n), ","),
        # No word is known: what stands below is a number, and the ids are where they mostly are.
        (("Leserin", "Pflanze", "Note"), lambda u, i, n: (u, i, n % 5), ";"),
        (("user", "item", "wie_gut"), lambda u, i, n: (u, i, n % 5), "\t"),
        (("plays", "item", "user"), lambda u, i, n: (n % 5, i, u), "\t"),
    ],
)
def test_a_rating_is_found_by_its_name_or_as_the_only_number_left(tmp_path, header, cells, sep):
    text = rows([cells(u, i, n) for n, (u, i) in enumerate(CHOSEN)], header, sep)
    name = "interactions.tsv" if sep == "\t" else "interactions.csv"
    source = read_sources([write_source(tmp_path, {**GARDEN, name: text})])
    pairs = source.interactions[["user", "item"]].to_numpy().tolist()
    assert [tuple(pair) for pair in pairs] == CHOSEN
    assert source.interactions["rating"].tolist() == [n % 5 for n in range(len(CHOSEN))]


def test_two_numbers_that_no_word_names_are_no_rating_and_are_named(tmp_path):
    text = rows([(u, i, 1, 2) for u, i in CHOSEN], ("user", "item", "shelf", "weeks"))
    source = read_sources([write_source(tmp_path, {**GARDEN, "interactions.tsv": text})])
    assert "rating" not in source.interactions
    assert "columns that are not read: shelf, weeks" in words(source, "columns-told")


@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("name", ["label", "liked", "bought"])
def test_zeros_and_negatives_are_counted_and_can_be_left_out(tmp_path, low, name, capsys):
    marks = [1 if n % 3 else low for n in range(len(CHOSEN))]
    text = rows([(*pair, mark) for pair, mark in zip(CHOSEN, marks, strict=True)], ("user", "item", name))
    folder = write_source(tmp_path / "garden", {**GARDEN, "interactions.tsv": text})
    command = ["data", "prepare", str(folder), "--min-interactions", "1", "--min-triples", "1", "--out"]
    assert run([*command, str(tmp_path / "all")]) == 0
    said = capsys.readouterr().err
    assert f"{len(CHOSEN) - sum(m > 0 for m in marks)} of {len(CHOSEN)} interactions have the rating 0" in said
    assert "--min-rating 1 leaves them out" in said
    assert run([*command, str(tmp_path / "some"), "--min-rating", "1"]) == 0
    assert "have the rating 0" not in capsys.readouterr().err
    assert len(load_dataset(tmp_path / "all").interactions) == len(CHOSEN)
    assert len(load_dataset(tmp_path / "some").interactions) == sum(mark > 0 for mark in marks)
    assert "have the rating 0" in found(folder, "low-ratings")


def test_recbole_takes_the_only_float_left_as_the_rating(tmp_path):
    inter = rows([(*pair, n % 2) for n, pair in enumerate(CHOSEN)], ("user_id:token", "item_id:token", "bought:float"))
    files = {
        "g.kg": rows(GRAPH, ("head_id:token", "relation_id:token", "tail_id:token")),
        "g.link": rows([(f"plant{n}",) * 2 for n in range(24)], ("item_id:token", "entity_id:token")),
        "g.inter": inter,
    }
    assert read_sources([write_source(tmp_path, files)]).interactions["rating"].tolist() == [
        n % 2 for n in range(len(CHOSEN))
    ]


def _web(seed=0):
    """A graph in which what is head is tail too, so that the order of columns can be seen."""
    draw = random.Random(seed)
    names = [f"page{n}" for n in range(80)]
    return sorted({(draw.choice(names), f"rel{draw.randrange(4)}", draw.choice(names)) for _ in range(700)})


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2)])
def test_triples_in_another_order_are_seen_by_their_values(tmp_path, order):
    web = _web()
    text = rows([tuple(row[place] for place in order) for row in web])
    folder = write_source(tmp_path / "web", {"triples.tsv": text})
    source = read_sources([folder])
    assert triples_of(source) == set(web)
    said = words(source, "column-order")
    assert "4 values" in said
    assert ("head, tail, relation" if order == (0, 2, 1) else "relation, head, tail") in said
    assert found(folder, "column-order")
    # A header counts more than the values; what they say is said.
    named = write_source(tmp_path / "named", {"triples.tsv": rows([], ("head", "relation", "tail")) + text})
    source = read_sources([named])
    assert triples_of(source) != set(web)
    assert "as the header says" in words(source, "column-order")


def test_a_header_of_no_known_word_says_nothing_of_the_order(tmp_path):
    """Nor do the names of a parquet file's columns."""
    web = _web()
    turned = pd.DataFrame([(h, t, r) for h, r, t in web], columns=["one", "two", "three"])
    turned.to_csv(tmp_path / "triples.csv", index=False)
    (tmp_path / "p").mkdir()
    turned.to_parquet(tmp_path / "p" / "triples.parquet")
    for folder in (tmp_path / "triples.csv", tmp_path / "p"):
        source = read_sources([folder])
        assert triples_of(source) == set(web)
        assert "are these head, tail, relation? They are read so" in words(source, "column-order")


@pytest.mark.parametrize(
    ("row", "read", "left"),
    [
        ("5\t1500000000", {"rating": 5, "timestamp": 1_500_000_000}, ""),
        ("1500000000\t5", {"rating": 5, "timestamp": 1_500_000_000}, ""),
        ("1500000000\t1600000000", {"timestamp": 1_500_000_000}, "4 (of 4"),
        ("5\tgood\t1500000000", {"rating": 5}, "4, 5 (of 5"),
        ("good", {}, "3 (of 3"),
    ],
)
def test_columns_that_no_header_names_are_read_or_named(tmp_path, row, read, left):
    text = "".join(f"{user}\t{item}\t{row}\n" for user, item in CHOSEN)
    source = read_sources([write_source(tmp_path, {**GARDEN, "interactions.tsv": text})])
    assert source.interactions.drop(columns=["user", "item"]).iloc[0].to_dict() == read
    assert (f"columns that are not read: {left}" if left else "") in words(source, "columns-told")
    assert bool(left) == ("not read" in words(source, "columns-told"))


@pytest.mark.parametrize("graph", [GRAPH, _web(), [("a", "r", "b"), ("b", "r", "c")]])
def test_triples_in_their_order_raise_no_doubt(tmp_path, graph):
    source = read_sources([write_source(tmp_path, {"triples.tsv": rows(graph)})])
    assert triples_of(source) == set(graph)
    assert codes(source) == []


def test_tables_of_two_columns_the_other_way_round_are_turned(tmp_path):
    files = {
        "interactions.tsv": rows([(i, u) for u, i in CHOSEN]),
        "labels.tsv": rows([(f"Name of {n}", f"plant{n}") for n in range(24)]),
    }
    source = read_sources([write_source(tmp_path, {**GARDEN, **files})])
    assert [tuple(pair) for pair in source.interactions[["user", "item"]].to_numpy().tolist()] == CHOSEN
    assert source.labels["id"].tolist() == [f"plant{n}" for n in range(24)]
    assert words(source, "column-order").count("other way round") == 2
