"""Fuzzing of the check: whatever lies in the files, it reports or refuses, and never breaks.

A long run:

    UPGAN_FUZZ=5000 .venv/bin/python -m pytest -m slow tests/data/test_fuzz_check.py -s
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given

from tests.data.damaged import sources, tried
from tests.data.sources import FORMATS, format_of, write_source
from upgan.data.check import check_source
from upgan.errors import InputError


def outcome(name: str, files: dict[str, bytes]) -> str:
    """ "reported" or "refused"; anything else that happens is a failure of the test."""
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            path = Path(folder) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        before = {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
        try:
            report = check_source([folder], format=format_of(name), min_interactions=1)
        except InputError:
            return "refused"
        json.dumps(report.to_dict(), allow_nan=False)
        assert report.to_text().endswith(report.summary())
        assert {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()} == before
        return "reported"


def fuzz(inputs: int) -> Counter[str]:
    """Try so many inputs; what became of them."""
    seen: Counter[str] = Counter()

    @given(sources())
    @tried(inputs)
    def attempt(damaged):
        name, files, _ = damaged
        seen[outcome(name, files)] += 1

    attempt()
    return seen


def test_a_damaged_source_is_reported_or_refused():
    seen = fuzz(60)
    assert seen["reported"] > 10
    assert seen["refused"] > 2


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_sources():
    inputs = int(os.environ.get("UPGAN_FUZZ", "1000"))
    seen = fuzz(inputs)
    print(f"\n{seen.total()} inputs: {dict(seen)}")
    assert seen.total() >= inputs


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_checked(name, tmp_path):
    report = check_source([write_source(tmp_path / name, FORMATS[name])], min_interactions=1)
    assert report.format == (format_of(name))
    assert not report.of("error"), report.to_text()
