"""Damaged tables of one's own: imported with every row accounted for, or refused in a sentence."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.damaged import PIECES, tried
from tests.data.test_wide import PLAYS, ROWS
from upgan.data.dataset import load_dataset
from upgan.data.wide.mapping import Mapping
from upgan.data.wide.run import read_import, write_import
from upgan.errors import InputError


def _attempt(records: bytes, plays: bytes, suffix: str) -> str:
    """Import damaged tables; "accepted" where every row is accounted for, "refused" in a sentence."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / f"records{suffix}").write_bytes(records)
        (work / "plays.csv").write_bytes(plays)
        out, sentence = work / "out", ""
        try:
            imported = read_import([work / f"records{suffix}", work / "plays.csv"])
            dataset = write_import(imported, out)
        except InputError as error:
            sentence = str(error)
        if sentence:
            assert len(sentence) < 3000
            assert not out.exists()
            assert len(list(work.iterdir())) == 2
            return "refused"
        assert isinstance(imported.mapping, Mapping)
        loaded = load_dataset(out)
        assert loaded.fingerprint == dataset.fingerprint
        kept = len(loaded.train) + len(loaded.valid) + len(loaded.test)
        left = sum(e["count"] for e in loaded.manifest["dropped"] if e["reason"].startswith("triples:"))
        assert kept == len(imported.source.triples)
        assert loaded.manifest["accounts"]["triples"]["read"] == kept + left
        for part in imported.mapping.items:
            table = next(each for each in imported.tables if each.name == part.file)
            ids = set(table.columns[part.id])
            silent = [n for n in imported.source.notices if n.code == "items-without-facts" and part.file in n.text]
            assert len(ids - set(loaded.entities)) == sum(notice.count for notice in silent)
        return "accepted"


def _fuzz(inputs: int) -> dict[str, int]:
    text = {
        "records": pd.DataFrame(ROWS).to_csv(index=False).encode(),
        "plays": pd.DataFrame(PLAYS).to_csv(index=False).encode(),
    }
    lines = pd.DataFrame(ROWS).to_json(orient="records", lines=True).encode()
    seen = {"accepted": 0, "refused": 0}

    @st.composite
    def tables(draw):
        suffix = draw(st.sampled_from([".csv", ".tsv", ".txt", ".jsonl", ".xlsx", ".parquet"]))
        files = {"records": lines if suffix == ".jsonl" else text["records"], "plays": text["plays"]}
        if suffix == ".tsv":
            files["records"] = files["records"].replace(b",", b"\t")
        for _ in range(draw(st.integers(0, 2))):
            name = draw(st.sampled_from(sorted(files)))
            content = files[name]
            place = draw(st.integers(0, len(content)))
            end = min(len(content), place + draw(st.integers(0, 15)))
            files[name] = content[:place] + draw(st.sampled_from(PIECES) | st.binary(max_size=6)) + content[end:]
        return files["records"], files["plays"], suffix

    @given(tables())
    @tried(inputs)
    def attempt(given_tables):
        seen[_attempt(*given_tables)] += 1

    attempt()
    return seen


def test_damaged_tables_are_imported_whole_or_refused():
    seen = _fuzz(40)
    assert min(seen.values()) > 0


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_tables():
    inputs = int(os.environ.get("UPGAN_FUZZ", "10000"))
    print(_fuzz(inputs))
