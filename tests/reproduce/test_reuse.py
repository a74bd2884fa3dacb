"""When the result of a finished run stands for a planned one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.ui.made import make_run
from upgan.config.settings import make_config
from upgan.reproduce.reuse import FinishedRun, finished_runs, reusable
from upgan.training.checkpoint import dataset_fingerprint, load_config


def finished(seconds=10.0, ended="converged", **settings):
    config = make_config("paper", overrides={"model_name": "transe", **settings})
    return FinishedRun(Path("run"), config, {"seconds": seconds, "stages": {"training": {"ended": ended}}})


def wanted(**settings):
    return make_config("paper", overrides={"model_name": "transe", **settings})


@pytest.mark.parametrize(
    ("there", "asked", "fits"),
    [
        ({}, {}, True),
        ({"threads": 4, "device": "cpu", "checkpoint_seconds": 5.0}, {"threads": 1}, True),
        ({"pinned.head": "x", "pinned.relation": "r", "pinned.answer": "y"}, {}, True),
        ({"seed": 1}, {}, False),
        ({"transe.lr": 0.5}, {}, False),
        ({"model.dim": 99}, {}, False),
        ({"graph.triple_share": 0.4}, {}, False),
        ({"graph.interactions": "shuffled"}, {}, False),
        ({"model_name": "rotate"}, {}, False),
        # The limit: the same one, or a run that ended by itself within it.
        ({"max_seconds": 60.0, "ended": "stopped"}, {"max_seconds": 60.0}, True),
        ({"max_seconds": 60.0, "ended": "stopped"}, {"max_seconds": 90.0}, False),
        ({"max_seconds": 60.0, "ended": "stopped"}, {}, False),
        # In the same time two threads train more than one.
        ({"max_seconds": 60.0, "ended": "stopped", "threads": 2}, {"max_seconds": 60.0, "threads": 1}, False),
        ({"max_seconds": 60.0, "ended": "stopped", "device": "cpu"}, {"max_seconds": 60.0, "device": "cuda"}, False),
        ({"max_seconds": 60.0, "threads": 2, "device": "cpu"}, {"max_seconds": 60.0, "threads": 1}, True),
        ({"max_seconds": 60.0}, {}, True),
        ({"max_seconds": 60.0}, {"max_seconds": 90.0}, True),
        ({"seconds": 50.0}, {"max_seconds": 40.0}, False),
        ({"seconds": 50.0}, {"max_seconds": 60.0}, True),
    ],
)
def test_a_run_is_used_where_training_would_give_the_same(there, asked, fits):
    run = finished(**there)
    other = finished(seed=7)
    assert reusable(wanted(**asked), [other, run]) is (run if fits else None)


def test_half_a_run_and_other_files_are_no_finished_runs(tmp_path):
    make_run(tmp_path / "whole")
    fingerprint = dataset_fingerprint(tmp_path / "whole")
    for name, content in {"half": "{", "list": "[]", "number": "5", "empty": "{}"}.items():
        shutil.copytree(tmp_path / "whole", tmp_path / name)
        (tmp_path / name / "metrics.json").write_text(content)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "metrics.json").write_text("{}")
    (tmp_path / "file").write_text("")
    assert [run.folder.name for run in finished_runs(tmp_path, fingerprint)] == ["whole"]
    assert finished_runs(tmp_path, "another dataset's") == []
    assert finished_runs(tmp_path / "nowhere", fingerprint) == []


def test_a_run_from_before_a_setting_existed_is_not_used(tmp_path):
    """It was trained with what the program did then, whatever today's default is."""
    make_run(tmp_path / "run")
    fingerprint = dataset_fingerprint(tmp_path / "run")
    (found,) = finished_runs(tmp_path, fingerprint)
    assert reusable(found.config, [found]) is found
    settings = tmp_path / "run" / "config.toml"
    lines = settings.read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("hidden_layers")]
    settings.write_text("\n".join(one for one in lines if one != line))
    assert load_config(tmp_path / "run") == found.config, "the default takes its place"
    assert finished_runs(tmp_path, fingerprint) == []
