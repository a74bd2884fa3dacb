"""Whatever stands in the files of a run: one bad run is one bad row that says why, and the others are as they were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.command_line import here
from tests.predict.toy import make_run
from tests.runs.states import written
from upgan.errors import DataError, RunError
from upgan.runs.history import curves, read_history, read_pinned
from upgan.runs.launch import start_of_run
from upgan.runs.schema import LINE, LOOK
from upgan.runs.status import list_runs, run_state
from upgan.training.checkpoint import load_run

#: Wrong in every way that JSON allows: another type, too large, too deep, too long, no JSON, no text.
VALUES = ('"3"', "true", "[3]", "{}", "1e308", "1" + "0" * 400, "-1", "NaN", "1e999", "[" * 9_000, '"\\ud800"', "\xff")
STATUS_KEYS = ("epoch", "epochs", "step", "seconds", "best_valid_mrr", "phases", "process", "heartbeat", "state", "pid")


@pytest.fixture(scope="module")
def run(toy_dataset, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("read back") / "run", toy_dataset)


def spoiled(path: Path, key: str, value: str) -> None:
    """The object in a file with one key that holds what is written; ``value`` is JSON, or not."""
    document = json.loads(path.read_text()) if path.is_file() else {}
    document.pop(key, None)
    text = json.dumps(document)[:-1]
    path.write_bytes(f'{text}{", " if document else ""}"{key}": {value}}}'.encode("latin-1"))


@pytest.mark.parametrize("key", STATUS_KEYS)
def test_a_bad_status_is_one_bad_row(tmp_path, key):
    good = written(tmp_path / "good", state="finished", started="2026-01-01")
    for number, value in enumerate(VALUES):
        spoiled(written(tmp_path / f"bad{number}") / "status.json", key, value)
    listed = {status.name: status for status in list_runs(tmp_path)}
    assert len(listed) == 1 + len(VALUES)
    assert listed["good"].state == "finished" == run_state(good).state
    for name, status in listed.items():
        json.dumps(status.to_dict(), allow_nan=False)
        assert name == "good" or (status.state == "failed" and "status.json" in status.message), status


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("run.json", "format_version"), ("run.json", "model_sha256"), ("metrics.json", "mrr"),
        ("metrics.json", "stages"), ("status.json", "phases"), ("dataset/manifest.json", "counts"),
        ("dataset/manifest.json", "format_version"), ("dataset/manifest.json", "sources"),
    ],
)  # fmt: skip
def test_a_run_with_a_bad_file_is_refused_by_the_files_name(run, tmp_path, name, key, value):
    if (key, value) in (("counts", "{}"), ("stages", "{}"), ("model_sha256", '"3"')):
        pytest.skip("which is allowed there, or told of the file that it speaks of")
    shutil.copytree(run, tmp_path / "run")
    spoiled(tmp_path / "run" / name, key, value)
    with pytest.raises((RunError, DataError)) as refused:
        load_run(tmp_path / "run")
    message = str(refused.value)
    assert Path(name).name in message or "format version" in message
    assert len(message) < 1_000


def test_versions_are_whole_numbers(run, tmp_path):
    """true is 1 to Python, and 1.0 too."""
    for name in ("run.json", "dataset/manifest.json"):
        for value in ("true", "1.0", '"1"', "2", "null"):
            shutil.copytree(run, tmp_path / "run")
            spoiled(tmp_path / "run" / name, "format_version", value)
            with pytest.raises((RunError, DataError), match="version"):
                load_run(tmp_path / "run")
            shutil.rmtree(tmp_path / "run")


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 9_000, "seed = 1" + "0" * 5_000, "seed = true", "\xff", "x" * 2_000_000]
)
def test_settings_that_are_none_are_refused_and_listed(run, tmp_path, text):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "config.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=r"config\.toml"):
        load_run(tmp_path / "run")
    assert [status.name for status in list_runs(tmp_path)] == ["run"]


def test_lines_that_are_none_are_counted_and_left_out(tmp_path):
    good = {"phase": "pretrain", "epoch": 1, "step": 2, "loss": 0.5, "valid": {"mrr": 0.25, "queries": 3}}
    bad = [
        f'{{"phase": "pretrain", "{key}": {value}}}' for key in ("epoch", "step", "phase", "valid") for value in VALUES
    ]
    bad = [
        line
        for line in bad
        if line not in ('{"phase": "pretrain", "phase": "3"}', '{"phase": "pretrain", "valid": {}}')
    ]
    (tmp_path / "metrics.jsonl").write_bytes("\n".join([json.dumps(good), *bad, "no json", "[]", ""]).encode("latin-1"))
    history = read_history(tmp_path)
    assert history.lines == [good]
    assert history.damaged == len(bad) + 2
    looks = [
        f'{{"rank": 1, "{key}": {value}}}' for key in ("rank", "users", "negatives", "score") for value in VALUES[:10]
    ]
    (tmp_path / "pinned.jsonl").write_text("\n".join([*looks, '{"users": [{"id": "u"}]}', ""]))
    read = read_pinned(tmp_path)
    assert [line for line in read.lines if line != {"rank": 1, "score": -1}] == []
    assert LINE.validate_python(good, strict=True) == good == LOOK.validate_python(good, strict=True)


def test_figures_that_no_model_gives_are_no_points():
    lines = [
        {"phase": "a", "epoch": n, "loss": v} for n, v in enumerate([0.5, 1e308, 10**400, -1e300, float("inf"), "3"])
    ]
    assert curves(lines)["loss"].value.tolist() == [0.5]


def test_the_start_of_a_run_is_checked(tmp_path):
    for value in VALUES:
        if value == '"3"':
            continue
        spoiled(tmp_path / "start.json", "run", value)
        with pytest.raises(RunError, match=r"start\.json"):
            start_of_run(tmp_path)
        (tmp_path / "start.json").unlink()


def test_one_bad_run_does_not_break_the_list_on_the_command_line(run, tmp_path):
    shutil.copytree(run, tmp_path / "good")
    for number, value in enumerate(("[" * 9_000, '"3"', "1" + "0" * 400)):
        written(tmp_path / f"bad{number}")
        spoiled(tmp_path / f"bad{number}" / "status.json", "epochs", value)
    shown = here("status", "--root", tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert all(name in shown.stdout for name in ("good", "bad0", "bad1", "bad2"))
    listed = json.loads(here("status", "--root", tmp_path, "--json").stdout)["runs"]
    assert sum("status.json" in entry["message"] for entry in listed) == 3
