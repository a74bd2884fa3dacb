"""Fuzzing of all readers: small sources of every format, damaged at random, never do more than be refused.

Whatever lies in the files, `data prepare` either writes a dataset that loads, or raises one of the package's own errors
with a message, and then leaves nothing behind. `make test` tries a few hundred inputs. A long run, which takes only
every eighth input further than reading:

    UPGAN_FUZZ=50000 .venv/bin/python -m pytest -m slow tests/data/test_fuzz_readers.py -s
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given

from tests.data.damaged import sources, tried
from tests.data.sources import FORMATS, format_of, write_source
from upgan.data.dataset import load_dataset
from upgan.data.formats import read_sources
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.data.raw.text_stream import ReadOptions
from upgan.errors import InputError

LOOSE = PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0))


def outcome(name: str, files: dict[str, bytes], skip: bool, whole: bool = True) -> str:
    """ "accepted" or "refused"; anything else that happens is a failure of the test.

    ``whole``: go on from what was read to a dataset on disk, which takes four times as long as reading.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, work = Path(scratch) / "source", Path(scratch) / "work"
        write_source(source, {file: content for file, content in files.items() if not file.endswith(".gz")})
        for file, content in files.items():
            if file.endswith(".gz"):
                (source / file).write_bytes(content)
        work.mkdir()
        chosen = format_of(name)
        try:
            raw = read_sources([source], format=chosen, options=ReadOptions(skip_bad_lines=skip))
            if not whole:
                return "accepted"
            written = prepare(raw, work / "out", LOOSE)
        except InputError as error:
            message = str(error)
            assert message, "an error without a message"
            assert len(message) < 3000, f"a message of {len(message)} characters"
            assert "\0" not in message
            assert list(work.iterdir()) == [], "something half-written was left"
            return "refused"
        assert [path.name for path in work.iterdir()] == ["out"]
        assert load_dataset(work / "out").fingerprint == written.fingerprint
        return "accepted"


def fuzz(inputs: int, whole_every: int = 1) -> Counter[str]:
    """Try so many inputs, every so many of them up to a dataset on disk; what became of them, by format."""
    seen: Counter[str] = Counter()

    @given(sources())
    @tried(inputs)
    def attempt(source):
        name, files, skip = source
        seen[f"{name} {outcome(name, files, skip, whole=seen.total() % whole_every == 0)}"] += 1

    attempt()
    return seen


def test_no_damaged_source_does_more_than_be_refused():
    seen = fuzz(300)
    # Damage that is always refused, or never, would test little.
    for name in FORMATS:
        assert seen[f"{name} refused"] + seen[f"{name} accepted"] > 0
    assert sum(count for key, count in seen.items() if key.endswith("refused")) > 50
    assert sum(count for key, count in seen.items() if key.endswith("accepted")) > 50


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_sources():
    inputs = int(os.environ.get("UPGAN_FUZZ", "5000"))
    seen: Counter[str] = Counter()
    while seen.total() < inputs:
        seen += fuzz(min(500, inputs - seen.total()), whole_every=8)
        outcomes = ", ".join(f"{key} {count}" for key, count in sorted(seen.items()))
        print(f"\n{seen.total()} inputs: {outcomes}", flush=True)
