"""What is no text, or too much of it: refused with the file, the line and the reason, in bounded memory."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.data.sources import FORMATS, write_source
from upgan.data.formats import read_sources
from upgan.data.raw.packing import BLOCK
from upgan.data.raw.text_stream import ReadOptions, TextStream
from upgan.data.raw.text_tables import read_table
from upgan.errors import ConfigError, DataError

#: How much a reader may need beyond what it needs for nothing, in MiB.
MEMORY = 700
READ = """
import resource, sys
from pathlib import Path
from upgan.data.formats import read_sources
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_sources([Path(sys.argv[1])], format=sys.argv[2])
except Exception as error:
    print(type(error).__name__, error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def refused(path: Path, content: bytes, **options) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_table(path, options=ReadOptions(**options))
    return str(error.value)


def archive(kind: str) -> bytes:
    """An archive with a member that would be written outside the folder."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("../../evil.tsv", "a\tb\tc\n")
            file.writestr("other.tsv", "a\tb\tc\n")
    else:
        with tarfile.open(fileobj=buffer, mode="w") as file:
            member = tarfile.TarInfo("../../evil.tsv")
            member.size = 6
            file.addfile(member, io.BytesIO(b"a\tb\tc\n"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tr\tb\n".encode("utf-16"), ["line 1", "UTF-16", "--encoding utf-16"]),
        ("a\tr\tb\n".encode("utf-16-le"), ["line 1", "NUL", "UTF-16 without a byte-order mark"]),
        ("a\tr\tb\nMünchen\tr\tb\n".encode("latin-1"), ["line 2", "0xfc", "looks like Latin-1", "--encoding latin-1"]),
        (b"a\tr\tb\n\x80\x81\x82\xfe\xff", ["line 2", "0x80 is not UTF-8; save"]),
        (b"a\tr\tb\ra\tr\tc\n", ["line 1", "carriage return"]),
        (archive("zip"), ["zip archive of 2 files", "unpack"]),
        (archive("tar"), ["tar archive", "unpack"]),
        (gzip.compress(archive("tar"), mtime=0), ["tar archive", "unpack"]),
        (b"PAR1" + b"\0" * 50, ["parquet"]),
        (b"BZh91AY", ["bzip2 data are cut off or damaged"]),
        (gzip.compress(b"a\tr\tb\n" * 1000, mtime=0)[:-9], ["gzip data are cut off or damaged"]),
        (gzip.compress(b"a\tr\tb\n", mtime=0)[:12], ["gzip data are cut off or damaged"]),
        (gzip.compress(b"a\tr\tb\n", mtime=0) + b"junk", ["gzip data are cut off or damaged"]),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, words):
    message = refused(tmp_path / "triples.tsv", content)
    assert all(word in message for word in ["triples.tsv", *words]), message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["triples.tsv"]


def test_encodings_that_are_given_are_read(tmp_path):
    for encoding in ("latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "UTF8"):
        (tmp_path / "triples.tsv").write_bytes("München\tr\tÜ\n".encode(encoding))
        table = read_table(tmp_path / "triples.tsv", options=ReadOptions(encoding))
        assert table.row(0) == ["München", "r", "Ü"], encoding
    assert "not ascii" in refused(tmp_path / "triples.tsv", "ü\tr\tb\n".encode(), encoding="ascii")
    for unknown in ("utf-9", "rot13", "hex", "", "\0"):
        with pytest.raises(ConfigError, match="unknown encoding"):
            ReadOptions(unknown)


def test_a_line_beyond_all_bounds_is_refused_and_a_long_one_is_read(tmp_path):
    head = b"a\tr\tb\n"
    assert "line 2: longer than 1 MiB" in refused(tmp_path / "t.tsv", head + b"x" * (10 << 20))
    assert "line 2: longer than 1 MiB" in refused(tmp_path / "t.tsv", head + b"x" * (3 << 20) + b"\n" + head)
    (tmp_path / "t.tsv").write_bytes(head + b"x" * 500_000 + b"\tr\tb\n")
    assert len(read_table(tmp_path / "t.tsv").row(1)[0]) == 500_000


def test_lines_keep_their_numbers_over_blocks(tmp_path):
    row = b"entity number one\trelation\tentity number two\n"
    count = 2 * BLOCK // len(row)
    (tmp_path / "t.tsv").write_bytes(row * count + b"\n\r\n" + row + b"odd\trow\n")
    with pytest.raises(DataError, match=f"line {count + 4}: 2 column"):
        read_table(tmp_path / "t.tsv")
    blocks = list(TextStream(tmp_path / "t.tsv").blocks())
    assert len(blocks) > 1
    assert sum(len(block.lines) for block in blocks) == count + 4


def test_progress_tells_the_bytes_of_each_file(tmp_path):
    rows = b"entity\trelation\tother\n" * (BLOCK // 10)
    (tmp_path / "train.tsv").write_bytes(rows)
    (tmp_path / "test.tsv.gz").write_bytes(gzip.compress(rows[:4000]))
    told: list[tuple[str, int, int]] = []
    read_sources([tmp_path], options=ReadOptions(progress=lambda *event: told.append(event)))
    plain = [(done, size) for name, done, size in told if name == "train.tsv"]
    assert [done for done, _ in plain] == [BLOCK, 2 * BLOCK, len(rows)]
    assert {size for _, size in plain} == {len(rows)}
    packed = (tmp_path / "test.tsv.gz").stat().st_size
    assert told[0] == ("test.tsv.gz", packed, packed)


@pytest.mark.parametrize("name", ["gz-rows", "gz-zeros", "gz-one-line", "nt"])
def test_a_gzip_bomb_is_refused_in_bounded_memory(tmp_path, name):
    pattern = {
        "gz-rows": b"a\tr\tb\n",
        "gz-zeros": b"\0\0\0\0\0\0",
        "gz-one-line": b"aaaaaa",
        "nt": b"<a> <r> <b> .\n",
    }[name]
    member = gzip.compress(pattern * ((8 << 20) // len(pattern)))
    # A gzip file may be several in a row, so two gigabytes are made in no time.
    path = tmp_path / ("graph.nt.gz" if name == "nt" else "triples.tsv.gz")
    path.write_bytes(member * 256)
    format = "ntriples" if name == "nt" else "tsv"
    done = subprocess.run([sys.executable, "-c", READ, str(path), format], capture_output=True, text=True, timeout=110)
    error, used = done.stdout.splitlines()
    assert error.split()[0] in ("DataError", "EndlessError", "NotUtf8Error"), error
    assert path.name in error
    assert int(used) < MEMORY, f"{used} MiB"


def test_links_special_files_and_folders(tmp_path):
    source = write_source(tmp_path / "source", FORMATS["tsv"])
    os.mkfifo(tmp_path / "pipe.tsv")
    os.mkfifo(source / "kinds.tsv")
    (source / "names.tsv").symlink_to(tmp_path / "nowhere.tsv")
    (source / "train.tsv").mkdir()
    (source / "kg").symlink_to(source)
    # In a folder they are passed over; named one by one they are refused. Nothing waits for a pipe.
    assert len(read_sources([source]).triples) == 4
    for path, words in ((tmp_path / "pipe.tsv", "regular file"), (source / "names.tsv", "no such file or folder")):
        with pytest.raises(DataError, match=words):
            read_sources([path])
