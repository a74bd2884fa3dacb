"""Readers: what they accept, and that every refusal names the file, the line and the value."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upgan.data.formats import detect_format, read_sources
from upgan.data.raw.text_stream import ReadOptions
from upgan.data.raw.text_tables import read_table
from upgan.errors import ConfigError, DataError

TRIPLES = "b1\tby\ta1\nb2\tby\ta1\nb2\tgenre\tg1\n"
ROWS = [["b1", "by", "a1"], ["b2", "by", "a1"], ["b2", "genre", "g1"]]


def folder(path: Path, **files: str | bytes) -> Path:
    """Files by stem and extension, written as ``triples_tsv="..."``."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        stem, _, extension = name.rpartition("_")
        (path / f"{stem}.{extension}").write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(frame):
    return frame.drop(columns=["split", "rating", "timestamp"], errors="ignore").to_numpy().tolist()


def refused(paths, **options) -> str:
    with pytest.raises(DataError) as error:
        read_sources(paths if isinstance(paths, list) else [paths], **options)
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        TRIPLES,
        "head\trelation\ttail\n" + TRIPLES,
        "\ufeffhead\trelation\ttail\r\n" + TRIPLES.replace("\n", "\r\n"),
        "Subject\tPredicate\tObject\n" + TRIPLES,
        "h\tr\tt\n" + TRIPLES,
        "\n" + TRIPLES.replace("\t", " \t ") + "\n\n",
        TRIPLES.rstrip("\n"),
        "tail\thead\tweight\trelation\n" + "".join(f"{t}\t{h}\t1\t{r}\n" for h, r, t in ROWS),
    ],
    ids=["plain", "header", "bom-crlf", "rdf-names", "letters", "blanks", "no-last-newline", "any-order"],
)
def test_triples_are_read_however_they_are_laid_out(tmp_path, content):
    source = read_sources([folder(tmp_path / "books", triples_tsv=content)])
    assert (source.name, source.format) == ("books", "tsv")
    assert rows(source.triples) == ROWS
    assert source.triples["split"].tolist() == ["", "", ""]
    assert len(source.interactions) == 0
    assert source.links is None


def test_a_file_is_recorded_by_name_hash_and_rows(tmp_path):
    (record,) = read_sources([folder(tmp_path, kg_txt="head\trelation\ttail\n" + TRIPLES)]).files
    assert record.name == "kg.txt"
    assert record.rows == 3
    assert record.sha256 == hashlib.sha256((tmp_path / "kg.txt").read_bytes()).hexdigest()


def test_a_quotation_mark_is_data_in_tsv_and_quotes_in_csv(tmp_path):
    tsv = read_sources([folder(tmp_path / "a", triples_tsv='"A" is\tby\t"Sue\n')])
    assert rows(tsv.triples) == [['"A" is', "by", '"Sue']]
    quoted = 'head,relation,tail\n"Smith, ""J""",wrote,"two\nlines"\nb,by,c\n'
    assert rows(read_sources([folder(tmp_path / "b", triples_csv=quoted)]).triples) == [
        ['Smith, "J"', "wrote", "two\nlines"],
        ["b", "by", "c"],
    ]


@given(st.text(alphabet='ab," \n', max_size=40))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_csv_is_what_the_standard_library_reads(tmp_path, text):
    path = tmp_path / "x.csv"
    # Two cells at least, because a row of one empty cell is a blank line.
    text = "x," + text.replace("\n", "\nx,")
    path.write_text(text)
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error:
        rows = []
    if not rows or len({len(row) for row in rows}) > 1:
        with pytest.raises(DataError):
            read_table(path)
    else:
        table = read_table(path, ",")
        assert [table.row(place) for place in range(len(rows))] == [[cell.strip() for cell in row] for row in rows]


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1), min_size=3, max_size=3),
        min_size=1,
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives(tmp_path, cells):
    path = tmp_path / "triples.tsv"
    path.write_text("head\trelation\ttail\n" + "".join("\t".join(row) + "\n" for row in cells), encoding="utf-8")
    unique = list(dict.fromkeys(map(tuple, cells)))
    # A cell may happen to be a word for no value ("-", "？"): here all are kept.
    kept = read_sources([path], options=ReadOptions(no_value=frozenset()))
    read = [tuple(row) for row in rows(kept.triples)]
    # A byte-order mark at the start of a cell is a character like any other: only the file's own is removed.
    assert read == unique


def test_a_whole_catalogue(tmp_path):
    source = read_sources(
        [
            folder(
                tmp_path,
                triples_tsv=TRIPLES,
                ratings_csv="userId,rating,movieId\nu1,5,i1\nu2,,i1\nu1,3,i1\n",
                links_tsv="i1\tb1\n",
                labels_tsv="b1\tOne\nb1\tFirst\n",
                kinds_tsv="b1\tbook\n",
                README_txt="notes about\tthe data",
            )
        ]
    )
    # Which of u1's two ratings counts is decided later, so both are handed on.
    assert source.interactions[["user", "item"]].to_numpy().tolist() == [["u1", "i1"], ["u2", "i1"], ["u1", "i1"]]
    assert source.interactions["rating"].tolist() == [5.0, pytest.approx(float("nan"), nan_ok=True), 3.0]
    assert source.dropped == {}
    assert source.links is not None
    assert rows(source.links) == [["i1", "b1"]]
    assert rows(source.labels) == [["b1", "One"], ["b1", "First"]]
    assert rows(source.kinds) == [["b1", "book"]]
    assert [file.name for file in source.files] == [
        "kinds.tsv",
        "labels.tsv",
        "links.tsv",
        "ratings.csv",
        "triples.tsv",
    ]


def test_a_ready_made_split_is_kept(tmp_path):
    source = read_sources([folder(tmp_path, train_txt=TRIPLES, dev_txt="b1\tgenre\tg1\n", test_txt="b2\tby\ta1\n")])
    assert source.triples["split"].value_counts().to_dict() == {"train": 3, "valid": 1, "test": 1}
    named = folder(tmp_path / "n", triples_tsv="head\trelation\ttail\tsplit\na\tr\tb\tdev\nb\tr\ta\t\n")
    assert read_sources([named]).triples["split"].tolist() == ["valid", ""]


def test_files_one_by_one_are_told_by_header_or_width(tmp_path):
    folder(tmp_path, graph_tsv=TRIPLES, watched_tsv="u1\tb1\n", more_csv="item_id,user_id,stars,day\nb2,u1,5,1\n")
    source = read_sources([tmp_path / "graph.tsv", tmp_path / "watched.tsv", tmp_path / "more.csv"])
    assert source.name == "graph"
    assert rows(source.interactions) == [["u1", "b1"], ["u1", "b2"]]


def test_later_label_files_win(tmp_path):
    books = folder(tmp_path / "a", triples_tsv=TRIPLES, labels_tsv="b1\tOwn\n")
    folder(tmp_path, first_tsv="b1\tFirst\nb2\tSecond\n", last_tsv="id\tlabel\nb1\tLast\n")
    source = read_sources([books], labels=[tmp_path / "first.tsv", tmp_path / "last.tsv"])
    assert source.labels.drop_duplicates("id", keep="last").set_index("id")["label"].to_dict() == {
        "b1": "Last",
        "b2": "Second",
    }
    assert [file.name for file in source.files] == ["labels.tsv", "triples.tsv", "first.tsv", "last.tsv"]


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("triples_tsv", "a\tr\tb\na\tr\n", ["triples.tsv, line 2", "2 column(s)", "line 1 has 3", "tabs"]),
        ("triples_tsv", "a\tr\tb\n\nx\tr\tb\tc\n", ["line 3", "4 column(s)"]),
        ("triples_tsv", "a r b\n", ["line 1", "1 column(s)", "head, relation, tail"]),
        ("triples_tsv", "a\tr\tb\tc\n", ["line 1", "4 column(s)", "has 3"]),
        (
            "triples_tsv",
            "head\tx1\ttail\tx2\na\tr\tb\tc\n",
            ["line 1", "lacks the column(s) relation", "head, x1, tail, x2"],
        ),
        ("triples_tsv", "", ["triples.tsv is empty"]),
        ("triples_tsv", "\n \n\n", ["triples.tsv is empty"]),
        ("triples_tsv", "head\trelation\ttail\n", ["header but no row"]),
        ("triples_tsv", "a\tr\tb\n\tr\tb\n", ["line 2", "head is empty"]),
        ("triples_tsv", "a\tr\tb\na\t \tb\n", ["line 2", "relation is empty"]),
        ("triples_tsv", "a\tr\tb\n\t\t\n", ["line 2", "head is empty"]),
        ("triples_tsv", b"a\tr\tb\na\tr\t\xff\n", ["line 2", "0xff", "UTF-8"]),
        ("triples_tsv", b"a\tr\tb\na\tr\tb\0\n", ["line 2", "NUL"]),
        ("triples_tsv", "a\tr\tb".encode("utf-16"), ["line 1", "UTF-8"]),
        ("triples_tsv", "head\trelation\ttail\tsplit\na\tr\tb\ttrian\n", ["line 2", "'trian'", "train, valid, test"]),
        ("triples_csv", 'a,r,"b\n', ["triples.csv, line 1", "CSV"]),
        ("triples_csv", 'a,r,b\n"c\nd",r,b\ne,"r"\n', ["line 4", "2 column(s)", "commas"]),
        ("interactions_tsv", "u1\n", ["interactions.tsv, line 1", "1 column(s)", "at least 2: user, item"]),
        ("interactions_csv", "user_id,x1,x2\nu,p,q\n", ["line 1", "lacks the column(s) item", "user_id, x1, x2"]),
        ("interactions_tsv", "u1\tb1\t5\nu1\t\t5\n", ["line 2", "item is empty"]),
        ("links_tsv", "item\tx1\tx2\ni\te\tf\n", ["links.tsv, line 1", "entity"]),
    ],
)
def test_refusals_name_file_line_and_value(tmp_path, name, content, parts):
    files = {"triples_tsv": TRIPLES, name: content}
    if name == "triples_csv":
        del files["triples_tsv"]
    message = refused(folder(tmp_path, **files))
    for part in parts:
        assert part in message, message


def test_sources_that_are_not_there(tmp_path):
    assert "no such file or folder" in refused(tmp_path / "nowhere")
    assert "no such file" in refused(folder(tmp_path / "a", triples_tsv=TRIPLES), labels=[tmp_path / "nowhere.tsv"])
    message = refused(folder(tmp_path / "b", interactions_tsv="u1\ti1\n", other_tsv="x\n"))
    assert "no triples file" in message
    assert "interactions.tsv, other.tsv" in message
    assert "prepared already" in refused(folder(tmp_path / "c", manifest_json="{}"))
    wide = folder(tmp_path / "d", strange_tsv="a\tb\tc\td\n") / "strange.tsv"
    assert re.search(r"strange.tsv, line 1: 4 column\(s\).*not clear", refused(wide))


def test_a_format_that_is_none(tmp_path):
    with pytest.raises(ConfigError, match="unknown format 'xml'; allowed: auto, tsv, recbole"):
        read_sources([tmp_path], format="xml")
    with pytest.raises(ConfigError, match="no source"):
        read_sources([])


RECBOLE = {
    "d_kg": "head_id:token\trelation_id:token\ttail_id:token\nm1\tby\tp1\nm2\tby\tp1\n",
    "d_inter": "user_id:token\titem_id:token\trating:float\nu1\t1\t5\nu1\t2\t4\nu2\t3\t4\n",
    "d_link": "item_id:token\tentity_id:token\n1\tm1\n2\tm2\n3\tm1\n",
    "d_item": "item_id:token\tmovie_title:token_seq\n1\tToy Story\n2\tHeat\n3\tToy Story again\n",
}


def test_recbole_files_are_told_by_their_whole_extension(tmp_path):
    books = folder(tmp_path, **RECBOLE)
    (tmp_path / "d.link.published").write_text("item_id:token\tentity_id:token\n1\twrong\n")
    (tmp_path / "d.user").write_text("user_id:token\nu1\n")
    assert detect_format([books]) == "recbole"
    source = read_sources([books])
    assert source.format == "recbole"
    assert rows(source.triples) == [["m1", "by", "p1"], ["m2", "by", "p1"]]
    assert rows(source.interactions) == [["u1", "1"], ["u1", "2"], ["u2", "3"]]
    assert source.links is not None
    assert rows(source.links) == [["1", "m1"], ["2", "m2"], ["3", "m1"]]
    assert rows(source.labels) == [["m1", "Toy Story"], ["m2", "Heat"]]
    assert [file.name for file in source.files] == ["d.kg", "d.inter", "d.link", "d.item"]


def test_a_recbole_graph_without_users(tmp_path):
    assert len(read_sources([folder(tmp_path, d_kg=RECBOLE["d_kg"])]).interactions) == 0


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"d_link": None}, ["d.inter", "no .link file"]),
        ({"d_kg": None}, ["no .kg file"]),
        ({"e_kg": RECBOLE["d_kg"]}, ["two .kg files", "d.kg", "e.kg"]),
        ({"d_inter": "user_id\titem_id\nu\ti\n"}, ["d.inter, line 1", "'user_id'", "name:type"]),
        ({"d_inter": "user_id:token\titem_id:id\nu\ti\n"}, ["'item_id:id'", "token_seq"]),
        ({"d_link": "item_id:token\turi:token\n1\tm1\n"}, ["d.link, line 1", "entity_id", "item_id, uri"]),
        ({"d_kg": RECBOLE["d_kg"] + "m3\tby\n"}, ["d.kg, line 4", "2 column(s)"]),
        ({"d_kg": RECBOLE["d_kg"] + "m3\t\tp1\n"}, ["d.kg, line 4", "relation is empty"]),
    ],
)
def test_recbole_refusals(tmp_path, change, parts):
    files = {name: text for name, text in {**RECBOLE, **change}.items() if text is not None}
    message = refused(folder(tmp_path, **files))
    for part in parts:
        assert part in message, message


def test_a_named_file_that_is_not_atomic(tmp_path):
    folder(tmp_path, **RECBOLE, notes_md="x")
    assert "notes.md: not an atomic file" in refused([tmp_path / "d.kg", tmp_path / "notes.md"])
