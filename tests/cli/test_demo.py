"""The demo checkpoint: copied whole, never over something, and offered by the app where there are no runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import DEMO, here, refused
from upgan.cli import machine
from upgan.runs import demo


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_is_the_demo_checkpoint(tmp_path, monkeypatch):
    source = tmp_path / "packaged"
    shutil.copytree(DEMO, source, ignore=shutil.ignore_patterns("resume*"))
    expected = contents(source)
    (source / "resume.safetensors").write_bytes(b"what only resuming needs")
    (source / ".status.json.tmp").write_bytes(b"half")
    monkeypatch.setattr(demo, "PLACES", (tmp_path / "absent", source))
    done = here("demo", "--out", tmp_path / "runs" / "mine")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'runs' / 'mine'}\n")
    assert contents(tmp_path / "runs" / "mine") == expected
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine"]


def test_nothing_is_replaced(tmp_path):
    (tmp_path / "notes").write_text("mine")
    refused(here("demo", "--out", tmp_path), f"{tmp_path}: something is there already")
    refused(here("demo", "--out", tmp_path / "notes"), "something is there already")
    assert contents(tmp_path) == {"notes": b"mine"}


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
    return here("app", "--no-browser", "--checkpoints", folder)


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
    assert f"the demo checkpoint was put into {root / 'demo'}" in done.stderr
    assert (root / "demo" / "run.json").is_file()
    assert started[0]["env"]["UPGAN_CHECKPOINTS"] == str(root)


@pytest.mark.parametrize("name", ["mine", ".trash"])
def test_the_demo_does_not_come_back_where_runs_are_or_were(tmp_path, started, name):
    (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert app(tmp_path / "checkpoints").returncode == 0
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [name]


def test_the_app_opens_all_the_same_where_nothing_can_be_written(tmp_path, started, monkeypatch):
    def read_only(folder: Path) -> None:
        raise OSError(f"{folder}: read-only file system")

    monkeypatch.setattr(demo, "copy_demo", read_only)
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
