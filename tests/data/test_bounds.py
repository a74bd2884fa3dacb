"""A small file cannot fill a memory: what it holds is bounded before it is decoded, whatever it is packed by."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.sources import TSV, write_source
from upgan.bounds import LONGEST_TEXT
from upgan.data.dataset import build_dataset, load_dataset
from upgan.data.formats import read_sources
from upgan.data.named_columns import read_named
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.data.raw.text_stream import STRICT, TextStream
from upgan.data.raw.typed_tables import read_typed
from upgan.errors import ConfigError, DataError, UpganError
from upgan.parquet import UNREADABLE, read_bounded

LOOSE = PrepareSettings(min_interactions=1, min_triples=1, split=(0.5, 0.25, 0.25))
#: A process that opens each file by its way in, and says the error and by how many MiB its peak grew. Fewer rows are
#: free in it than elsewhere, so that making the file takes no time.
OPEN = """
import json, resource, sys
from pathlib import Path
import upgan.bounds
from upgan.data.dataset import load_dataset
from upgan.data.formats import read_sources
from upgan.data.named_columns import read_named
from upgan.data.wide.tables import read_wide
upgan.bounds.FREE_ROWS = 1_000_000
ways = {"source": lambda path: read_sources([path]), "wide": read_wide, "dataset": load_dataset,
        "named": lambda path: read_named(path, ["head"])}
for way, path in json.loads(sys.argv[1]):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        error = ways[way](Path(path))
    except Exception as raised:
        error = raised
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    print(json.dumps([type(error).__name__, str(error), used]))
"""


def repeated(rows: int, **cells: str) -> bytes:
    """A parquet file of one row again and again."""
    columns = [
        pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int8()).fill_null(0), [cell]) for cell in cells.values()
    ]
    out = io.BytesIO()
    pq.write_table(pa.table(columns, names=list(cells)), out, compression="zstd", row_group_size=rows)
    return out.getvalue()


def opened(*ways: tuple[str, Path]) -> list[tuple[str, str, int]]:
    """For each way and file the kind of error, its words, and the MiB that it took."""
    asked = json.dumps([[way, str(path)] for way, path in ways])
    done = subprocess.run([sys.executable, "-c", OPEN, asked], capture_output=True, text=True, timeout=110)
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare(read_sources([write_source(folder / "source", TSV)]), folder / "out", LOOSE)
    return folder / "out"


def damaged(prepared: Path, to: Path, name: str, content: bytes) -> Path:
    to.mkdir()
    for file in prepared.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    (to / name).write_bytes(content)
    return to


def test_what_a_footer_states_is_looked_at_before_a_row_is_decoded(tmp_path, prepared):
    """Two million equal rows in some hundred bytes; and a megabyte of text that stands in 2,000 rows."""
    rows = repeated(2_000_000, head="a", relation="r", tail="b", split="train")
    texts = repeated(2_000, id="a", label="x" * 1_000_000, kind="k")
    assert len(rows) < 50_000
    assert len(texts) < 100_000
    (tmp_path / "triples.parquet").write_bytes(rows)
    (tmp_path / "labels.parquet").write_bytes(texts)
    ways = [(way, tmp_path / "triples.parquet") for way in ("source", "wide", "named")]
    ways += [("dataset", damaged(prepared, tmp_path / "rows", "triples.parquet", rows))]
    for (_, path), (kind, error, used) in zip(ways, opened(*ways), strict=True):
        assert kind == "EndlessError", error
        for word in (path.name, "triples.parquet", "2,000,000 rows", "at most 1,000,000", "UPGAN_MAX_ROWS=2000000"):
            assert word in error
        assert used < 40, f"{used} MiB"
    ways = [(way, tmp_path / "labels.parquet") for way in ("source", "wide")]
    ways += [("dataset", damaged(prepared, tmp_path / "texts", "entities.parquet", texts))]
    for (_, path), (kind, error, used) in zip(ways, opened(*ways), strict=True):
        assert kind == "EndlessError", error
        for word in (path.name, "bytes of text", "at most 256 MB", "UPGAN_MAX_MEGABYTES=200"):
            assert word in error
        assert used < 60, f"{used} MiB"


def test_an_environment_variable_lets_through_what_is_meant(tmp_path, monkeypatch):
    monkeypatch.setattr("upgan.bounds.FREE_ROWS", 100)
    (tmp_path / "triples.parquet").write_bytes(repeated(20_000, head="a", relation="r", tail="b"))
    with pytest.raises(DataError, match=r"holds 20,000 rows in .* UPGAN_MAX_ROWS=20000 allows it"):
        read_sources([tmp_path])
    monkeypatch.setenv("UPGAN_MAX_ROWS", "20000")
    assert read_sources([tmp_path]).dropped == {"triples: the same row again": 19_999}
    monkeypatch.setenv("UPGAN_MAX_ROWS", "many")
    with pytest.raises(ConfigError, match="UPGAN_MAX_ROWS='many': a whole number above 0"):
        read_sources([tmp_path])


def packed(kind, content):
    if kind == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("triples.tsv", content)
        return out.getvalue()
    if kind == "zst":
        return pa.compress(content, "zstd", asbytes=True)
    pack: Any = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind]
    return pack(content)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
def test_packed_bytes_are_counted_while_they_come_out(tmp_path, kind, monkeypatch):
    """For every packing alike, and by the list of a zip archive before anything comes out."""
    monkeypatch.setattr("upgan.data.raw.packing.BLOCK", 1 << 20)
    path = tmp_path / f"triples.tsv.{kind}"
    path.write_bytes(packed(kind, b"a\tr\tb\n" * 400_000))
    monkeypatch.setattr("upgan.data.raw.packing.check_bytes", lambda *words: checked(*words, free=2, ratio=1))
    from upgan.bounds import check_bytes as checked

    with pytest.raises(DataError, match=r"triples\.tsv.* at most 2 MB are read.*UPGAN_MAX_MEGABYTES=\d") as error:
        list(TextStream(path).blocks())
    assert ("2,400,000 bytes unpacked" in str(error.value)) == (kind == "zip"), error.value


def test_lines_of_a_packed_file_are_bounded_too(tmp_path):
    """Empty lines take next to nothing on disk, and eight bytes and more in memory."""
    (tmp_path / "triples.tsv.gz").write_bytes(gzip.compress(b"\n" * 12_000_000, 1))
    with pytest.raises(DataError, match=r"holds 1\d,\d{3},\d{3} rows .* at most 10,000,000"):
        list(TextStream(tmp_path / "triples.tsv.gz").blocks())


def test_no_id_or_label_is_longer_than_any_is(tmp_path):
    """Refused when a dataset is made, so that none is written that cannot be opened."""
    label = "é" * (LONGEST_TEXT // 2)
    source = {"triples.tsv": "a\tr\tb\nb\tr\tc\nc\tr\ta\na\tr\tc\n", "labels.tsv": f"a\t{label}\n"}
    prepare(read_sources([write_source(tmp_path / "long", source)]), tmp_path / "out", LOOSE)
    assert label in load_dataset(tmp_path / "out").entity_labels
    source["labels.tsv"] = f"a\t{label}x\n"
    with pytest.raises(UpganError, match=r"65,537 bytes .*at most 65,536"):
        prepare(read_sources([write_source(tmp_path / "longer", source)]), tmp_path / "none", LOOSE)
    assert not (tmp_path / "none").exists()
    rows = pd.DataFrame({"head": ["a"], "relation": ["r"], "tail": ["b" * 65_537], "split": ["train"]})
    with pytest.raises(DataError, match="table triples, row 1: column tail holds a text of 65,537 bytes"):
        build_dataset(name="x", triples=rows)


def test_texts_in_parquet_are_those_that_were_written(tmp_path):
    """Read as places in lists of values: nulls, many row groups and plain columns come back as they were."""
    frame = pd.DataFrame({"user": ["u1", "u2", None, "u1"], "item": ["i", "j", "i", "k"], "rating": [1.5, None, 2, 3]})
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet", row_group_size=1, use_dictionary=["user"])
    read = read_named(tmp_path / "t.parquet", ["item"], ["user", "rating"])
    assert read["user"].tolist() == ["u1", "u2", "", "u1"]
    assert read["rating"].tolist() == ["1.5", "", "2.0", "3.0"]


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_an_archive_of_several_files_is_read_as_the_folder_it_holds(tmp_path):
    path = zipped(
        tmp_path / "garden.zip", {f"garden/{name}": text for name, text in TSV.items()} | {"garden/x.dat": "?"}
    )
    plain = read_sources([write_source(tmp_path / "plain", TSV)])
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "garden.zip").write_bytes(path.read_bytes())
    for named in (path, tmp_path / "beside"):
        source = read_sources([named])
        for part in ("triples", "interactions", "labels"):
            pd.testing.assert_frame_equal(getattr(source, part), getattr(plain, part))
        assert source.unread == ("x.dat",)
    assert not list(tmp_path.glob("**/x.dat"))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"triples.tsv": "a\tr\tb\na\tr\n", "x.md": ""}, "several.zip/triples.tsv, line 2: 2 column"),
        ({"../triples.tsv": "a\tr\tb\n", "x.tsv": "a"}, "several.zip: '../triples.tsv' leads out"),
        ({f"{n}.tsv": "a" for n in range(1001)}, "several.zip holds 1,001 files; at most 1,000"),
        ({"a": "x", "a/triples.tsv": "a\tr\tb\n"}, "'a/triples.tsv' cannot be unpacked: it stands in it twice"),
        ({"triples.tsv": "a", "y" * 300: "a"}, "cannot be unpacked: File name too long"),
        ({"x/triples.tsv": "a\tr\tb\n", "y/interactions.tsv": "u\ta\n"}, "(found: x/triples.tsv, y/interactions.tsv)"),
        ({"triples.tsv": "a\tr\tb\n" * 12_000_000, "x.tsv": "a"}, "several.zip holds 72,000,001 bytes unpacked"),
    ],
)
def test_an_archive_that_is_no_catalogue_is_named(tmp_path, files, words):
    with pytest.raises(DataError) as error:
        read_sources([zipped(tmp_path / "several.zip", files)])
    assert words in str(error.value)


ROWS = [{"head": f"h{n}", "relation": "r", "tail": ["t", "ü"][n % 2], "n": n} for n in range(9)]


@pytest.mark.parametrize("indent", [None, 1, "\t"])
def test_a_json_list_is_read_as_its_objects_a_line_are(tmp_path, indent, monkeypatch):
    """Also in pieces of a few bytes, whatever they cut apart."""
    (tmp_path / "triples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    lines = read_sources([tmp_path / "triples.jsonl"]).triples
    path = tmp_path / "triples.json"
    path.write_text(" \n" + json.dumps(ROWS, indent=indent, ensure_ascii=False) + "\n")
    for block in (1 << 20, 7, 1):
        monkeypatch.setattr("upgan.data.raw.text_stream.BLOCK", block)
        pd.testing.assert_frame_equal(read_sources([path]).triples, lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "line 1: not a JSON list of objects"),
        ("[]", "has no row"),
        ('[{"head": "a"}\n{"head": "b"}]', "line 2: not a JSON list of objects"),
        ('[{"head": "a"}]\n\nx', "line 3: not a JSON list of objects"),
        ("[\n1]", "line 2: not a JSON list of objects"),
        ('[{"head": "a",]', "line 1: not a JSON list"),
        ('[{"a":' + '{"a":' * 100_000, "line 1: objects in objects without end"),
        ('{\n"head": "a"}', "one document of several lines is read where it is a list of objects"),
    ],
)
def test_another_json_document_is_named(tmp_path, text, words):
    (tmp_path / "triples.json").write_text(text)
    with pytest.raises(DataError) as error:
        read_sources([tmp_path / "triples.json"])
    assert words in str(error.value)


RDF = """<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [ {entities} ]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/"
  xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#">
 <rdf:Description rdf:about="&x;a"><x:by rdf:resource="&x;b"/><rdfs:label>{text}</rdfs:label></rdf:Description>
</rdf:RDF>
"""
ENTITY = '<!ENTITY x "http://x/">'


def test_rdf_xml_is_read_and_its_entities_do_not_grow(tmp_path):
    path = tmp_path / "graph.rdf"
    path.write_text(RDF.format(entities=ENTITY, text="A &amp; B"))
    source = read_sources([path])
    assert source.triples[["head", "relation", "tail"]].to_numpy().tolist() == [
        ["http://x/a", "http://x/by", "http://x/b"]
    ]
    assert source.labels.to_numpy().tolist() == [["http://x/a", "A & B"]]
    nested = "".join(f'<!ENTITY y{n} "{f"&y{n - 1};" * 10}">' for n in range(1, 12))
    bombs = {
        "the entity y1 is made of others": RDF.format(entities=f'{ENTITY}<!ENTITY y0 "y">{nested}', text="&y11;"),
        "amplification": RDF.format(entities=f'{ENTITY}<!ENTITY y "{"y" * 500_000}">', text="&y;" * 500),
        "line 5": RDF.format(entities=ENTITY, text="<b>"),
    }
    ways = [("source", tmp_path / f"graph{number}.rdf") for number in range(len(bombs))]
    for (_, path), document in zip(ways, bombs.values(), strict=True):
        path.write_text(document)
    for words, (kind, error, used) in zip(bombs, opened(*ways), strict=True):
        assert kind == "DataError"
        assert words in error
        assert ".rdf, line " in error
        assert used < 60, f"{words}: {used} MiB"


def test_a_text_that_is_no_utf_8_is_refused_where_the_file_is_read(tmp_path):
    path = tmp_path / "films.parquet"
    title = pa.array([b"Alien", b"A\xffB"]).view(pa.string())
    pq.write_table(pa.table({"id": ["f1", "f2"], "title": title}), path)
    with pytest.raises(UNREADABLE, match="UTF8"):
        read_bounded(path)
    with pytest.raises(DataError, match=r"films\.parquet cannot be read as parquet .*; export it again"):
        read_typed(path, STRICT)


@pytest.mark.parametrize("name", ["triples", "interactions", "links", "labels", "kinds"])
def test_a_file_that_names_too_few_columns_is_refused_by_their_names(tmp_path, name):
    for path in (tmp_path / f"{name}.parquet", tmp_path / f"{name}.jsonl"):
        write_source(tmp_path, {"train.tsv": "a\tr\tb\n"})
        frame = pd.DataFrame({"colour": ["a", "b"]})
        frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_json(path, orient="records", lines=True)
        with pytest.raises(DataError, match=rf"{path.name}, line 0: 1 column\(s\) \(colour\); a {name} file has"):
            read_sources([tmp_path / "train.tsv", path])
