"""Fuzzing of all readers: small sources of every format, damaged at random, never do more than be refused.

Whatever lies in the files, `data prepare` either writes a dataset that loads, or raises one of the package's own errors
with a message, and then leaves nothing behind. `make test` tries a few hundred inputs. A long run, which takes only
every eighth input further than reading:

    UPGAN_FUZZ=50000 .venv/bin/python -m pytest -m slow tests/data/test_fuzz_readers.py -s
"""

from __future__ import annotations

import os
import random
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, seed

from tests.data.damaged import sources, tried
from tests.data.sources import PACKINGS, RAW, format_of, zipped
from upgan.data.dataset import load_dataset
from upgan.data.formats import FORMATS, read_sources
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.data.raw.archives import holds_several
from upgan.data.raw.format import DumpReading
from upgan.data.raw.packing import _PACKED, EXTENSIONS, packing_of
from upgan.data.raw.source import RawSource
from upgan.data.raw.text_stream import ReadOptions
from upgan.data.raw.text_tables import MOVIELENS, TABLES
from upgan.data.read.ntriples import SYNTAXES
from upgan.errors import InputError

LOOSE = PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0))
DUMP = DumpReading(min_interactions=1)
#: Ratings of such a source may be too many for memory, and are read by DuckDB, which unpacks gzip and zstandard alone.
TOO_LARGE = {("kb4rec", "ratings.csv", packing) for packing in ("bzip2", "xz", "zip")}


def named_by(raw: RawSource) -> set[str]:
    """The files of a source that were read or are named as not read."""
    return {file.path.name for file in raw.files if file.path} | {Path(file).name for file in raw.unread}


def given_in(source: Path) -> set[str]:
    """The files that lie in a folder, and in an archive of several there."""
    files = {file for file in source.rglob("*") if file.is_file()}
    archives = {file for file in files if holds_several(file)}
    inside = {Path(name).name for archive in archives for name in zipfile.ZipFile(archive).namelist()}
    return {file.name for file in files - archives} | inside


def test_every_reader_and_every_packing_is_in_the_catalogue():
    """A reader or a packing that is added has to be added here."""
    files = [Path(file) for source in RAW.values() for file in source]
    assert {format_of(name) for name in RAW} == set(FORMATS)
    assert {file.suffix for file in files} >= TABLES | set(SYNTAXES)
    assert {file.name for file in files} >= set(MOVIELENS)
    endings = {packing_of(pack(b"x")): ending for ending, pack in PACKINGS.values()}
    assert set(endings) == set(_PACKED.values())
    assert set(endings.values()) == {*EXTENSIONS, ".zip"}


@pytest.mark.parametrize("name", RAW)
def test_every_source_of_the_catalogue_is_read_packed_and_what_is_not_names_its_packing(name):
    assert refusal(name, RAW[name]) == ""
    assert refusal(name, {"all.zip": zipped(RAW[name])}) == ""
    for packing, (ending, pack) in PACKINGS.items():
        for file, content in RAW[name].items():
            packed = zipped({Path(file).name: content}) if packing == "zip" else pack(content)
            others = {other: content for other, content in RAW[name].items() if other != file}
            refused = refusal(name, {**others, f"{file}{ending}": packed})
            assert bool(refused) == (file.endswith(".parquet") or (name, file, packing) in TOO_LARGE), refused
            if refused:
                assert f"{file}{ending} is packed with {packing}: unpack it" in refused


def refusal(name: str, files: dict[str, bytes], skip: bool = False, whole: bool = True) -> str:
    """Why a source is refused, "" where it is not; anything else that happens is a failure of the test.

    ``whole``: go on from what was read to a dataset on disk, which takes four times as long as reading.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, work = Path(scratch) / "source", Path(scratch) / "work"
        for file, content in files.items():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            (source / file).write_bytes(content)
        work.mkdir()
        try:
            raw = read_sources([source], format_of(name), options=ReadOptions(skip_bad_lines=skip), dump=DUMP)
            assert len(raw.triples), "a source that is silently empty"
            assert named_by(raw) == given_in(source)
            if not whole:
                return ""
            written = prepare(raw, work / "out", LOOSE)
        except InputError as error:
            message = str(error)
            assert message, "an error without a message"
            assert len(message) < 3000, f"a message of {len(message)} characters"
            assert "\0" not in message
            assert list(work.iterdir()) == [], "something half-written was left"
            return message
        assert [path.name for path in work.iterdir()] == ["out"]
        assert load_dataset(work / "out").fingerprint == written.fingerprint
        return ""


def fuzz(inputs: int, whole_every: int = 1, number: int | None = None) -> Counter[str]:
    """Try so many inputs, every so many of them up to a dataset on disk; what became of them, by format.

    ``number``: the seed that they are drawn by; others each time where there is none.
    """
    seen: Counter[str] = Counter()

    @seed(random.randrange(2**32) if number is None else number)
    @given(sources())
    @tried(inputs)
    def attempt(source):
        name, files, skip = source
        refused = refusal(name, files, skip, whole=seen.total() % whole_every == 0)
        seen[f"{name} {'refused' if refused else 'accepted'}"] += 1

    attempt()
    return seen


def test_no_damaged_source_does_more_than_be_refused():
    # The same inputs each time: what this says of a change is not chance. Long runs draw others.
    seen = fuzz(300, number=1)
    # Damage that is always refused, or never, would test little.
    assert len({key.split()[0] for key in seen}) > 0.8 * len(RAW)
    assert sum(count for key, count in seen.items() if key.endswith("refused")) > 50
    assert sum(count for key, count in seen.items() if key.endswith("accepted")) > 30


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_sources():
    inputs, number = int(os.environ.get("UPGAN_FUZZ", "5000")), int(os.environ.get("UPGAN_FUZZ_SEED", "1"))
    seen: Counter[str] = Counter()
    while seen.total() < inputs:
        seen += fuzz(min(500, inputs - seen.total()), whole_every=8, number=number * 1_000_000 + seen.total())
        outcomes = ", ".join(f"{key} {count}" for key, count in sorted(seen.items()))
        print(f"\n{seen.total()} inputs: {outcomes}", flush=True)
