"""The demo checkpoint: copied whole, never over something, and offered by the app where there are no runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import make_demo
import pytest

from tests.command_line import DEMO, ROOT, here, refused
from ui.services.runs import list_runs
from upgan.cli import machine
from upgan.runs import demo


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_is_the_demo_checkpoint(tmp_path, monkeypatch):
    packaged = tmp_path / "packaged"
    source = packaged / "checkpoints" / "demo"
    shutil.copytree(DEMO, source)
    expected = contents(source)
    for name in ("resume.safetensors", "generator.safetensors", "squares.safetensors"):
        (source / name).write_bytes(b"what only going on with a training needs")
    (source / ".status.json.tmp").write_bytes(b"half")
    monkeypatch.setattr(demo, "PLACES", (tmp_path / "absent", packaged))
    done = here("demo", "--out", tmp_path / "runs" / "mine")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'runs' / 'mine'}\n")
    assert contents(tmp_path / "runs" / "mine") == expected
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine"]


def test_what_is_shipped_is_what_the_recipe_makes():
    """Default settings on the whole catalogue, each system once, and a table of just these runs."""
    from ui.services.leaderboard import list_boards

    boards = list_boards([ROOT / "results"])
    (table,) = [board for board in boards if board.key == "demo/table3"]
    assert table.problem is None
    runs = {row["system"]: row["runs"] for row in table.document["rows"]}
    assert set(runs) == set(demo.RUNS.values())
    for name, model in demo.RUNS.items():
        folder = ROOT / "checkpoints" / name
        entry = next(entry for entry in list_runs(folder.parent) if entry.name == name)
        assert (entry.problem, entry.model, entry.preset, entry.state) == (None, model, "quality", "finished")
        (run,) = runs[model]
        assert run["run"] == f"checkpoints/{name}"
        assert run["metrics"]["mrr"] == entry.mrr
        assert not {path.name for path in folder.iterdir()} & {"generator.safetensors", "tensorboard"}
        assert "pid" not in json.loads((folder / "status.json").read_text(encoding="utf-8"))
    assert {path.name for path in (ROOT / "results" / "demo").iterdir()} == set(make_demo.TABLE_FILES)
    packed = tomllib.loads((ROOT / "checkpoints" / "demo" / "config.toml").read_text(encoding="utf-8"))
    assert (packed["seed"], packed["threads"]) == (0, 1)
    made = {words[words.index("--run") + 1] for words in make_demo.commands(0) if "--run" in words}
    assert made == {f"checkpoints/{name}" for name in demo.RUNS}


def test_nothing_is_replaced(tmp_path):
    (tmp_path / "notes").write_text("mine")
    refused(here("demo", "--out", tmp_path), f"{tmp_path}: something is there already")
    refused(here("demo", "--out", tmp_path / "notes"), "something is there already")
    assert contents(tmp_path) == {"notes": b"mine"}


def test_a_second_time_the_demo_is_left_as_it_is_and_another_run_is_refused(tmp_path):
    """In a checkout it is there from the start, and the README's first command is `upgan demo`."""
    folder = tmp_path / "demo"
    for _ in range(2):
        done = here("demo", "--out", folder)
        assert (done.returncode, done.stdout) == (0, f"{folder}\n")
        (folder / "pinned.jsonl").write_text("")
    assert here("demo", "--out", DEMO).returncode == 0
    (folder / "model.safetensors").write_bytes(b"another one's")
    refused(here("demo", "--out", folder), f"{folder}: something is there already")
    assert (folder / "model.safetensors").read_bytes() == b"another one's"


def test_a_build_without_the_demo_says_what_makes_one(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "PLACES", (tmp_path / "absent",))
    refused(here("demo", "--out", tmp_path / "demo"), "no demo checkpoint", "upgan data demo")
    assert not (tmp_path / "demo").exists()


@pytest.fixture
def started(tmp_path, monkeypatch) -> list[dict[str, Any]]:
    """What `upgan app` would start, instead of starting it."""
    calls: list[dict[str, Any]] = []

    class Server:
        def __init__(self, command, **options):
            calls.append({"command": command, **options})

        def wait(self) -> int:
            return 0

    script = tmp_path / "site" / "ui" / "app.py"
    script.parent.mkdir(parents=True)
    script.write_text("")
    monkeypatch.setattr(machine, "UI", script.parent)
    monkeypatch.setattr(subprocess, "Popen", Server)
    return calls


def app(folder: Path) -> subprocess.CompletedProcess[str]:
    return here("app", "--no-browser", "--checkpoints", folder, "--results", folder.parent / "results")


def test_a_folder_that_is_named_and_not_there_is_refused(tmp_path, started):
    done = app(tmp_path / "mistyped")
    assert done.returncode == 2
    assert "no such folder" in done.stderr
    assert not (tmp_path / "mistyped").exists()
    assert started == []


def test_the_app_starts_with_the_demo_where_there_are_no_runs(tmp_path, started):
    root = tmp_path / "checkpoints"
    root.mkdir()
    done = app(root)
    assert done.returncode == 0
    assert f"the demo checkpoint was put into {root} (demo, demo-complex, demo-distmult)" in done.stderr
    assert {path.parent.name for path in root.glob("*/run.json")} == set(demo.RUNS)
    assert (tmp_path / "results" / "demo" / "table3.json").is_file()
    assert started[0]["env"]["UPGAN_CHECKPOINTS"] == str(root)


def test_a_table_of_ones_own_is_left_as_it_is(tmp_path, started):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "results" / "demo").mkdir(parents=True)
    assert app(tmp_path / "checkpoints").returncode == 0
    assert list((tmp_path / "results" / "demo").iterdir()) == []


@pytest.mark.parametrize("name", ["mine", ".trash"])
def test_the_demo_does_not_come_back_where_runs_are_or_were(tmp_path, started, name):
    (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert app(tmp_path / "checkpoints").returncode == 0
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [name]


def test_the_app_opens_all_the_same_where_nothing_can_be_written(tmp_path, started, monkeypatch):
    def read_only(folder: Path, _: Path) -> None:
        raise OSError(f"{folder}: read-only file system")

    monkeypatch.setattr(demo, "copy_all", read_only)
    (tmp_path / "checkpoints").mkdir()
    done = app(tmp_path / "checkpoints")
    assert done.returncode == 0
    assert "no demo checkpoint: " in done.stderr
    assert len(started) == 1


def test_an_installed_app_ignores_the_working_folder_and_a_checkout_reads_its_own_settings(tmp_path, started):
    (tmp_path / "checkpoints").mkdir()
    app(tmp_path / "checkpoints")
    site = tmp_path / "site"
    (site / ".streamlit").mkdir()
    app(tmp_path / "checkpoints")
    installed, checkout = started
    assert installed["command"][1:4] == ["-P", "-m", "ui.serve"]
    assert installed["cwd"] is None
    assert checkout["command"][1:3] == ["-m", "ui.serve"]
    assert checkout["cwd"] == site
    assert all(str(site / "ui" / "app.py") in call["command"] for call in started)


def test_an_app_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "UI", tmp_path / "ui")
    refused(app(tmp_path / "checkpoints"), f"{tmp_path / 'ui' / 'app.py'}: the app is not installed beside upgan")
    assert not (tmp_path / "checkpoints").exists()
