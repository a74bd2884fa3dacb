"""The tolerant pass over raw files: every bad line is listed by file and line, and the rest is checked all the same."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from upgan.data.check import CheckReport, check_source
from upgan.data.raw import text_stream
from upgan.data.raw.text_stream import ReadOptions
from upgan.errors import DataError

LINES = [f"b{n}\tby\ta{n // 2}".encode() for n in range(60)]
USERS = b"".join(f"u{user}\tb{n}\n".encode() for user in range(5) for n in range(60))


def source(folder: Path, lines: list[bytes], name: str = "triples.tsv") -> Path:
    folder.mkdir(exist_ok=True)
    text = b"\n".join(lines) + b"\n"
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    (folder / "interactions.tsv").write_bytes(USERS)
    return folder


def lines_of(report: CheckReport, code: str) -> list[int]:
    """The line numbers of a finding's examples."""
    finding = report.finding(code)
    assert finding is not None
    return [int(example.split(":")[1]) for example in finding.examples]


@pytest.mark.parametrize("block", [16, 100, 1 << 24])
@pytest.mark.parametrize("name", ["triples.tsv", "triples.tsv.gz"])
def test_all_bad_lines_are_listed_whatever_the_blocks(block, name, tmp_path, monkeypatch):
    monkeypatch.setattr(text_stream, "BLOCK", block)
    lines = list(LINES)
    lines[4] = b"b4\tby"
    lines[11] = b"b11\tby\tRen\xe9"
    lines[12] = b"b12\tb\0y\ta6"
    lines[30] = b"\tby\ta15"
    lines[59] = b"b59\tby\ta29\tmore"
    lines.insert(20, b"")
    report = check_source([source(tmp_path / "s", lines, name)], examples=50)
    assert lines_of(report, "ragged-lines") == [5, 61]
    assert lines_of(report, "undecodable-lines") == [12, 13]
    assert lines_of(report, "empty-ids") == [32]
    # The other 55 lines were read and checked.
    assert report.counts["triples"] == 55
    assert report.worst == "error"


def test_a_file_in_another_encoding_is_read_when_it_is_named(tmp_path):
    lines = [line + "é".encode("latin-1") for line in LINES]
    folder = source(tmp_path / "s", lines)
    blind = check_source([folder])
    assert lines_of(blind, "undecodable-lines") == [1, 2, 3, 4, 5]
    assert blind.finding("undecodable-lines").count == 60  # type: ignore[union-attr]
    report = check_source([folder], options=ReadOptions("latin-1"))
    assert report.finding("undecodable-lines").count == 0  # type: ignore[union-attr]
    assert report.counts["triples"] == 60
    lines[7] += b"\tmore"
    report = check_source([source(folder, lines)], options=ReadOptions("latin-1"))
    assert lines_of(report, "ragged-lines") == [8]
    assert report.counts["triples"] == 59


def test_a_mark_and_windows_line_ends_do_no_harm(tmp_path):
    lines = [line + b"\r" for line in LINES]
    lines[0] = b"\xef\xbb\xbf" + lines[0]
    report = check_source([source(tmp_path / "s", lines)])
    assert report.finding("byte-order-marks").examples == (str(tmp_path / "s" / "triples.tsv"),)  # type: ignore[union-attr]
    assert not report.of("error")
    assert report.counts["triples"] == 60


def test_quoted_csv_is_left_to_its_reader(tmp_path):
    folder = source(tmp_path / "s", [b'"b%d",by,"a, the ""%d"""' % (n, n) for n in range(60)], "triples.csv")
    report = check_source([folder])
    assert not report.of("error")
    assert report.counts["triples"] == 60


def test_what_cannot_be_read_even_so_is_said_beside_the_lines(tmp_path):
    # Half of the lines have two cells, among them the first: without them no triple is left.
    report = check_source([source(tmp_path / "s", [b"a\tb", b"c\td\te\tf", b"g\th\ti\tj"])])
    assert lines_of(report, "ragged-lines") == [1]
    unreadable = report.finding("unreadable-source")
    assert unreadable is not None
    assert "triples" in unreadable.examples[0]
    assert report.alignment["verdict"] == "not checked"


def test_a_source_without_bad_lines_that_no_reader_takes_is_the_caller_s_mistake(tmp_path):
    with pytest.raises(DataError, match="no known format"):
        check_source([tmp_path])
    with pytest.raises(DataError, match="column"):
        check_source([source(tmp_path / "s", [b"a\tb\tc\td"] * 3)])


@pytest.mark.parametrize("cut", [5, 30, 60])
def test_a_damaged_archive_is_refused(cut, tmp_path):
    folder = source(tmp_path / "s", LINES, "triples.tsv.gz")
    path = folder / "triples.tsv.gz"
    content = path.read_bytes()
    for damaged in (content[:cut], content[:cut] + bytes(8) + content[cut + 8 :]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="gzip"):
            check_source([folder])


def test_nothing_is_written(tmp_path, monkeypatch):
    lines = [*LINES, b"odd"]
    folder = source(tmp_path / "s", lines)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    check_source([folder])
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert not list(temporary.iterdir())


def test_recbole_s_and_the_release_s_files_have_layouts(tmp_path):
    atomic = tmp_path / "x"
    atomic.mkdir()
    (atomic / "x.kg").write_text("head_id:token\trelation_id:token\ttail_id:token\na\tr\tb\na\tr\nc\tr\td\n")
    report = check_source([atomic])
    assert lines_of(report, "ragged-lines") == [3]
    assert report.counts["triples"] == 2
    release = tmp_path / "release" / "kg"
    release.mkdir(parents=True)
    (release / "e_map.dat").write_text("0\ta\n1\tb\n2\tc\n")
    (release / "r_map.dat").write_text("0\tr\n")
    (release / "train.dat").write_text("0\t1\t0\n0\t2\n1\t2\t0\n")
    report = check_source([release.parent])
    assert lines_of(report, "ragged-lines") == [2]
    assert report.counts["triples"] == 2
