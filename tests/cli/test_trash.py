"""`upgan delete` and `upgan trash` as people run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.command_line import ROOT, refused, upgan
from tests.runs.states import written
from upgan.runs import trash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with two runs."""
    for name in ("first", "second"):
        run = written(tmp_path / "checkpoints" / name, state="stopped")
        (run / "model.safetensors").write_bytes(b"0" * 1_000_000)
    return tmp_path


def delete(folder: Path, *names: str) -> None:
    for name in names:
        trash.delete(folder / "checkpoints" / name)


def listed(folder: Path) -> list[str]:
    return [deleted.name for deleted in trash.deleted_runs(folder / "checkpoints")]


def test_a_deleted_run_comes_back_by_the_command_that_deleting_names(folder: Path) -> None:
    run = folder / "checkpoints" / "first"
    before = (run / "status.json").read_bytes()
    gone = upgan("delete", "checkpoints/first", cwd=folder)
    assert (gone.returncode, gone.stdout) == (0, "")
    assert "first is deleted: kept for 30 days in" in gone.stderr
    assert not run.exists()
    (command,) = re.findall("`(.*)`", gone.stderr)
    assert command == "upgan trash restore first"
    back = upgan(*command.split()[1:], cwd=folder)
    assert (back.returncode, back.stdout) == (0, "checkpoints/first\n")
    assert (run / "status.json").read_bytes() == before
    assert listed(folder) == []


def test_the_list_says_until_when(folder: Path) -> None:
    delete(folder, "first")
    document = json.loads(upgan("trash", "list", "--json", cwd=folder).stdout)
    assert document["trash"] == "checkpoints/.trash"
    (run,) = document["runs"]
    deleted, until = (datetime.fromisoformat(run[key]) for key in ("deleted", "kept_until"))
    assert abs(datetime.now(UTC) - deleted) < timedelta(minutes=2)
    assert until - deleted == timedelta(days=30)
    assert run["megabytes"] == pytest.approx(1, abs=0.01)
    text = upgan("trash", "list", cwd=folder).stdout
    assert all(word in text for word in ("first", f"kept until {until:%Y-%m-%d}", "1.0 MB", run["id"]))


def test_restoring_replaces_nothing(folder: Path) -> None:
    delete(folder, "first")
    other = written(folder / "checkpoints" / "first", state="stopped")
    content = (other / "status.json").read_bytes()
    refused(upgan("trash", "restore", "first", cwd=folder), "checkpoints/first: there is another run of this name")
    assert (other / "status.json").read_bytes() == content
    assert listed(folder) == ["first"]


def test_a_name_that_is_not_there_is_answered_by_those_that_are(folder: Path) -> None:
    delete(folder, "first")
    refused(upgan("trash", "restore", "third", cwd=folder), "'third'", "holds first")


def test_what_cannot_be_deleted(folder: Path) -> None:
    written(folder / "checkpoints" / "busy")
    refused(upgan("delete", "checkpoints/busy", cwd=folder), "it is running", "upgan stop")
    refused(upgan("delete", "checkpoints/none", cwd=folder), "checkpoints/none: not a run folder")
    assert (folder / "checkpoints" / "busy").is_dir()


def test_emptying_tells_what_and_how_much(folder: Path) -> None:
    delete(folder, "first", "second")
    done = upgan("trash", "empty", "--yes", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("removed 2 deleted runs, 2.0 MB: ")
    assert "first" in done.stdout
    assert "second" in done.stdout
    assert listed(folder) == []


def test_emptying_an_empty_trash_asks_nothing(folder: Path) -> None:
    done = upgan("trash", "empty", "--json", cwd=folder)
    assert json.loads(done.stdout) == {"removed": [], "megabytes": 0}


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, []), ("n\n", 0, ["first"]), ("", 2, ["first"])])
def test_emptying_asks(folder: Path, answer: str, code: int, left: list[str]) -> None:
    delete(folder, "first")
    command = [sys.executable, "-P", "-m", "upgan", "trash", "empty"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, input=answer, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert "Remove 1 deleted run (1.0 MB) from checkpoints/.trash for good: first?" in done.stderr
    assert ("removed" in done.stdout) == (left == [])
    assert code == 0 or "--yes" in done.stderr
    assert listed(folder) == left


def test_listing_applies_the_rule_and_says_so(folder: Path) -> None:
    delete(folder, "first")
    (place,) = (folder / "checkpoints" / ".trash").iterdir()
    old = datetime.now(UTC) - timedelta(days=30, minutes=1)
    place.rename(place.with_name(f"{old:%Y%m%dT%H%M%S}-{place.name[-8:]}"))
    done = upgan("trash", "list", cwd=folder)
    assert "removed after 30 days: first (1.0 MB)" in done.stderr
    assert not list((folder / "checkpoints").glob(".trash/*/first"))
