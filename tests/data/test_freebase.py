"""The passes over a Freebase dump: splitting lines, killed and resumed passes, the search against brute force."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upgan.data.dump import freebase, freebase_graph
from upgan.data.dump import stream as dump_stream
from upgan.data.dump.freebase import read_dump
from upgan.data.dump.freebase_graph import search, unescaped
from upgan.data.dump.passes import WorkFolder
from upgan.data.dump.statements import split_statements
from upgan.data.dump.stream import DumpStream, identity_of
from upgan.errors import DataError, UpganError

ROOT = Path(__file__).resolve().parents[2]
NS = "http://rdf.freebase.com/ns/"


def quiet(_message):
    pass


def line(head, relation, tail):
    return f"<{NS}m.{head}>\t<{NS}{relation}>\t<{NS}m.{tail}>\t.\n"


def random_dump(path, seed=0, topics=300, facts=2000):
    """Facts of two domains between random topics, with lines between that are none; the facts as rows."""
    rng = np.random.default_rng(seed)
    rows = list(
        zip(rng.integers(0, topics, facts), rng.integers(0, 4, facts), rng.integers(0, topics, facts), strict=True)
    )
    names = ["film.film.genre", "film.film.country", "book.book.author", "filmography.x.y"]
    triples = [(f"0t{h}", names[r], f"0t{t}") for h, r, t in rows]
    text = "".join(
        line(*triple) + f'<{NS}m.{triple[0]}>\t<{NS}common.topic.description>\t"{"é" * 50} {number}"@en\t.\n'
        for number, triple in enumerate(triples)
    )
    path.write_bytes(gzip.compress(text.encode(), 1))
    return [(f"m.{h}", r, f"m.{t}") for h, r, t in triples]


def facts_in(work):
    """All facts of the work folder, in the order of the dump."""
    files = sorted(work.folder_of("freebase").glob("facts-*.parquet"))
    return [tuple(row) for file in files for row in pd.read_parquet(file).to_numpy()]


@pytest.mark.parametrize(
    ("text", "objects", "malformed"),
    [
        ("<a>\t<b>\t<c>\t.\n", [b"<c>"], []),
        ("<a> <b> <c> .\n", [b"<c>"], []),
        ('<a>\t<b>\t"x\ty"@en\t.\n', [b'"x\ty"@en'], []),
        ('<a>\t<b>\t"x . y"@en\t.\r\n', [b'"x . y"@en'], []),
        ("<a>\t<b>\t4.5\t.\n", [b"4.5"], []),
        ("\n<a>\t<b>\t<c>\t,\n\n", [], [2]),
        ("# note\n<a>\t<b>\n<a>\t<b>\t\t.\n", [], [2, 3]),
        ("a\t<b>\t<c>\t.\nx\n<a>\tb\t<c>\t.\n", [], [1, 2, 3]),
    ],
)
def test_lines_become_statements_or_are_named(text, objects, malformed):
    found = split_statements(text.encode())
    assert found.objects.to_pylist() == objects
    assert [place for place, _ in found.malformed] == malformed


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from([b"<a>\t<b>\t<c>\t.", b"", b"x\xff\ty", b"\x00", b'<a> <b> "\xe9" .', b"#", b"a\tb\tc\td"])
    )
)
def test_every_line_is_a_statement_or_blank_or_malformed(lines):
    if lines:
        found = split_statements(b"\n".join(lines) + b"\n")
        assert len(found.objects) + found.blank + len(found.malformed) == len(lines)


def test_concatenated_gzip_members_and_a_last_line_without_end_are_read(tmp_path):
    path = tmp_path / "dump.gz"
    first, second = line("0a", "film.film.genre", "0b"), line("0b", "film.film.genre", "0c").rstrip("\n")
    path.write_bytes(gzip.compress(first[:30].encode()) + gzip.compress((first[30:] + second).encode()))
    work = WorkFolder(tmp_path / "work")
    tally = read_dump(path, work, quiet)
    assert facts_in(work) == [("m.0a", "film.film.genre", "m.0b"), ("m.0b", "film.film.genre", "m.0c")]
    assert tally.lines == 2
    assert tally.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: data[: len(data) // 2], ["ends in the middle", "not complete", "read so far"]),
        (lambda data: data[:-4], ["ends in the middle"]),
        (lambda data: data + b"not gzip at all", ["damaged"]),
        (lambda data: gzip.compress(b""), ["is empty"]),
        (lambda data: gzip.compress(b"x" * (1 << 17)), ["no statement", "line 1"]),
    ],
)
def test_a_spoilt_dump_is_refused_by_name(tmp_path, monkeypatch, spoil, words):
    monkeypatch.setattr(dump_stream, "BLOCK", 1 << 14)
    monkeypatch.setattr(freebase, "MALFORMED_FREE", 0)
    path = tmp_path / "freebase.gz"
    random_dump(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError) as caught:
        read_dump(path, WorkFolder(tmp_path / "work"), quiet)
    for word in ["freebase.gz", *words]:
        assert word in str(caught.value)


def test_a_line_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(dump_stream, "LONGEST_LINE", 1 << 20)
    monkeypatch.setattr(dump_stream, "BLOCK", 1 << 16)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"x" * (1 << 24)))
    with DumpStream(path) as stream, pytest.raises(DataError, match="line 1: longer than"):
        list(stream.blocks())


KILL = """
import os, signal, sys
from pathlib import Path
from upgan.data.dump import stream as dump_stream
from upgan.data.dump import freebase
from upgan.data.dump import freebase_graph
from upgan.data.dump.passes import WorkFolder
dump_stream.BLOCK, freebase.LINES_PER_PART = 1 << 14, 900
def die(tally):
    if tally.parts == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
with WorkFolder(Path(sys.argv[2])).locked():
    freebase.read_dump(Path(sys.argv[1]), WorkFolder(Path(sys.argv[2])), print, on_part=die)
"""


def test_a_pass_killed_by_the_system_goes_on_behind_its_last_part(tmp_path, monkeypatch):
    """kill -9 after the second of several parts; what is there then is completed, and equals an undisturbed pass."""
    dump = tmp_path / "dump.gz"
    facts = random_dump(dump)
    arguments = [sys.executable, "-c", KILL, dump, tmp_path / "work"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([*map(str, arguments), "2"], capture_output=True, check=False, env=environment, timeout=60)
    assert result.returncode == -signal.SIGKILL
    work = WorkFolder(tmp_path / "work")
    part = facts_in(work)
    assert 0 < len(part) < len(facts)
    # A part that was being written when the process died: it is not in the journal, so it does not count.
    (work.folder_of("freebase") / "facts-00002.parquet").write_bytes(b"half a part")
    before = (work.folder_of("freebase") / "facts-00000.parquet").stat().st_mtime_ns
    monkeypatch.setattr(dump_stream, "BLOCK", 1 << 14)
    monkeypatch.setattr(freebase, "LINES_PER_PART", 900)
    said: list[str] = []
    tally = read_dump(dump, work, said.append)
    assert any("going on after line" in text for text in said)
    assert facts_in(work) == facts
    assert (work.folder_of("freebase") / "facts-00000.parquet").stat().st_mtime_ns == before
    undisturbed = read_dump(dump, WorkFolder(tmp_path / "other"), quiet)
    assert (tally.lines, tally.counts(), tally.sha256) == (undisturbed.lines, undisturbed.counts(), undisturbed.sha256)
    assert tally.lines == 2 * len(facts)


def test_a_changed_dump_is_read_again(tmp_path):
    dump = tmp_path / "dump.gz"
    random_dump(dump, seed=0)
    work = WorkFolder(tmp_path / "work")
    read_dump(dump, work, quiet)
    facts = random_dump(dump, seed=1, facts=500)
    read_dump(dump, WorkFolder(tmp_path / "work"), quiet)
    assert facts_in(work) == facts


def test_two_runs_do_not_share_a_work_folder(tmp_path):
    first, second = WorkFolder(tmp_path / "work"), WorkFolder(tmp_path / "work")
    with first.locked(), pytest.raises(UpganError, match="another run"), second.locked():
        pass


def reached(triples, seeds, limit):
    """Breadth-first search edge by edge: the topics within ``limit`` facts of the seeds, with their hop."""
    neighbours: dict[str, set[str]] = {}
    for head, _, tail in triples:
        neighbours.setdefault(head, set()).add(tail)
        neighbours.setdefault(tail, set()).add(head)
    hops = {seed: 0 for seed in seeds if seed in neighbours}
    queue = deque(hops)
    while queue:
        topic = queue.popleft()
        for other in neighbours[topic] if hops[topic] < limit else ():
            if other not in hops:
                hops[other] = hops[topic] + 1
                queue.append(other)
    return hops


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("relations", [(), ("film",), ("book.book", "film.film.country")])
def test_the_search_agrees_with_brute_force(tmp_path, seed, relations):
    dump = tmp_path / "dump.gz"
    facts = random_dump(dump, seed, topics=300, facts=280)
    walked = [fact for fact in facts if not relations or any((fact[1] + ".").startswith(f"{r}.") for r in relations)]
    seeds = ["m.0t3", "m.0t77", "m.0absent"]
    work = WorkFolder(tmp_path / "work")
    read_dump(dump, work, quiet)
    for limit in (4, 1, 2):
        hops = reached(walked, seeds, limit)
        inside = [fact for fact in walked if fact[0] in hops and fact[2] in hops]
        if not hops:
            continue
        found = search(work, identity_of(dump), seeds, relations, limit, quiet)
        assert set(map(tuple, found.triples.to_numpy())) == set(inside)
        assert len(found.triples) + found.repeated == len(inside)
        assert found.hops == {hop: sum(value == hop for value in hops.values()) for hop in range(limit + 1)}
        assert found.absent == len(seeds) - found.hops[0]


def test_a_search_killed_between_hops_goes_on_with_the_next(tmp_path, monkeypatch):
    dump = tmp_path / "dump.gz"
    random_dump(dump, 5, topics=300, facts=280)
    work = WorkFolder(tmp_path / "work")
    read_dump(dump, work, quiet)
    whole = search(work, identity_of(dump), ["m.0t3"], (), 4, quiet)
    journal = json.loads(work.journal_file.read_text())
    (name,) = [name for name in journal["passes"] if name.startswith("search-")]
    state = journal["passes"][name]["state"]
    state["hops"] = {hop: count for hop, count in state["hops"].items() if int(hop) < 3}
    state["triples"] = {}
    work.journal_file.write_text(json.dumps(journal))
    for file in ("hop-3.parquet", "hop-4.parquet", "triples-4.parquet"):
        (work.folder_of(name) / file).write_bytes(b"half")
    before = (work.folder_of(name) / "hop-2.parquet").stat().st_mtime_ns
    again = search(WorkFolder(tmp_path / "work"), identity_of(dump), ["m.0t3"], (), 4, quiet)
    assert set(map(tuple, again.triples.to_numpy())) == set(map(tuple, whole.triples.to_numpy()))
    assert again.hops == whole.hops
    assert (work.folder_of(name) / "hop-2.parquet").stat().st_mtime_ns == before


def test_a_sub_graph_that_preparation_cannot_hold_is_refused(tmp_path, monkeypatch):
    dump = tmp_path / "dump.gz"
    random_dump(dump)
    work = WorkFolder(tmp_path / "work")
    read_dump(dump, work, quiet)
    monkeypatch.setattr(freebase_graph, "BYTES_PER_TRIPLE", 1 << 40)
    with pytest.raises(DataError, match=r"within 4 hops of the 1 linked.*--relations film"):
        search(work, identity_of(dump), ["m.0t3"], (), 4, quiet)


def test_escapes_of_names():
    raw = pd.Series([r"a \"b\" \\ \u00e9\U0001F600", r"two\nlines\t", r"\uD800", "plain"])
    assert unescaped(raw).tolist() == ['a "b" \\ é😀', "two lines", "\ufffd", "plain"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_dump(tmp_path):
    """Four million lines take hardly more memory than one million, and both far less than 2 GB."""
    peaks = []
    for lines in (1_000_000, 4_000_000):
        folder = tmp_path / str(lines)
        script = [sys.executable, str(ROOT / "scripts" / "freebase_dump.py"), "--out", str(folder)]
        subprocess.run([*script, "--lines", str(lines), "--items", "2000", "--users", "500"], check=True)
        code = (
            "import resource, sys; from upgan.cli.main import run; code = run(sys.argv[1:]);"
            "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        options = ["data", "prepare", str(folder), "--out", str(folder / "out"), "--relations", "film"]
        result = subprocess.run(
            [sys.executable, "-c", code, *options, "--min-triples", "2"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        status, peak = map(int, result.stdout.split())
        assert status == 0, result.stderr
        peaks.append(peak / 1024)
    assert max(peaks) < 1200, peaks
    assert peaks[1] < 2.2 * peaks[0], peaks
