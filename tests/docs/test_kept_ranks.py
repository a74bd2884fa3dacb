"""Ranks kept beside a record: what they say again is what was measured, and a table grows run by run."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from kept_ranks import Made, keep, kept

from records import FOLDER
from tests.command_line import ROOT
from upgan.evaluation.evaluator import Ranking

TRIPLES = np.array([[0, 0, 1], [2, 1, 3]])
RANKS = np.array([1.0, 2.5, 1234567.0, 3.0])
MADE = Made("run-a", "ComplEx-N3", 3, 1, 12.5, 100.0, "abc", "2026-12-01")


def test_ranks_come_back_as_they_were_ties_included(tmp_path):
    path = keep(tmp_path / "ranks", MADE, Ranking(TRIPLES, RANKS))
    assert path.name == "complex-n3-s3.npz"
    [(made, ranking)] = kept(tmp_path / "ranks", "abc", TRIPLES)
    assert made == MADE
    assert np.array_equal(ranking.ranks, RANKS)


def test_ranks_of_other_data_are_left_out_and_those_of_an_older_run_replaced(tmp_path):
    keep(tmp_path, MADE, Ranking(TRIPLES, RANKS))
    keep(tmp_path, MADE, Ranking(TRIPLES, RANKS[::-1]))
    [(_, ranking)] = kept(tmp_path, "abc", TRIPLES)
    assert np.array_equal(ranking.ranks, RANKS[::-1])
    assert list(kept(tmp_path, "other", TRIPLES)) == list(kept(tmp_path, "abc", TRIPLES[:1])) == []


def test_a_rank_that_is_neither_whole_nor_a_half_is_refused(tmp_path):
    with pytest.raises(ValueError, match="run-a"):
        keep(tmp_path, MADE, Ranking(TRIPLES, RANKS / 3))
    assert not list(tmp_path.iterdir())


def test_a_table_grows_run_by_run(tmp_path):
    def recorded(*runs):
        folders = [str(ROOT / "checkpoints" / run) for run in runs]
        command = [sys.executable, str(ROOT / "scripts/accuracy.py"), "--record", str(tmp_path), *folders]
        subprocess.run([*command, "--cache", str(tmp_path / "cache")], check=True, capture_output=True, timeout=300)
        [path] = tmp_path.glob("*.json")
        return json.loads(path.read_text(encoding="utf-8"))["tables"]

    first = recorded("demo-complex")
    second = recorded("demo")
    assert [row[0] for row in first["overall"]["rows"]] == ["ComplEx-N3"]
    assert [row[0] for row in second["overall"]["rows"]] == ["ComplEx-N3", "quality"]
    assert second == recorded("demo", "demo-complex")


@pytest.mark.parametrize("folder", sorted((FOLDER / "ranks").glob("*")), ids=lambda path: path.name)
def test_a_record_says_what_its_kept_ranks_say(folder):
    record = json.loads(sorted(FOLDER.glob(f"*-accuracy-{folder.name}.json"))[-1].read_text(encoding="utf-8"))
    data = record["data"]
    system: dict[str, list[float]] = {}
    triples = np.zeros((data["test_triples"], 3), dtype=int)
    for made, ranking in kept(folder, data["fingerprint"], triples):
        system.setdefault(made.system, []).append(float(ranking.metrics.mrr))
    said = {row[0]: row[2]["mean"] for row in record["tables"]["overall"]["rows"]}
    assert {name: pytest.approx(np.mean(each), abs=1e-6) for name, each in system.items()} == said
