"""The rule of the trash: kept for 30 days, then removed; brought back only where nothing is in the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.runs.states import written
from upgan.errors import RunError
from upgan.runs import trash

SIZE = 2_000_000


def deleted(root: Path, name: str, ago: timedelta = timedelta()) -> trash.Deleted:
    """A run that was deleted some time ago."""
    run = written(root / name, state="stopped")
    (run / "model.safetensors").write_bytes(b"0" * SIZE)
    gone = trash.delete(run)
    when = datetime.now(UTC).replace(microsecond=0) - ago
    place = gone.path.parent.with_name(f"{when:%Y%m%dT%H%M%S}-{gone.id[-8:]}")
    gone.path.parent.rename(place)
    return trash.Deleted(name, place / name, when)


def names(root: Path) -> list[str]:
    return [each.name for each in trash.deleted_runs(root)]


@pytest.mark.parametrize(("days", "kept"), [(0, True), (29.99, True), (30.01, False), (400, False)])
def test_the_rule_is_thirty_days(tmp_path, days, kept):
    gone = deleted(tmp_path, "mine", timedelta(days=days))
    assert names(tmp_path) == (["mine"] if kept else [])
    assert gone.path.exists() == kept


def test_thirty_days_to_the_second(tmp_path):
    gone = deleted(tmp_path, "mine")
    assert trash.remove_expired(tmp_path, gone.until - timedelta(seconds=1)).names == ()
    removed = trash.remove_expired(tmp_path, gone.until)
    assert removed.names == ("mine",)
    assert removed.megabytes == pytest.approx(SIZE / 1e6, abs=0.01)  # and a status of some hundred bytes
    assert not gone.path.parent.exists()


def test_deleting_another_run_applies_the_rule(tmp_path):
    old = deleted(tmp_path, "old", timedelta(days=31))
    new = trash.delete(written(tmp_path / "new", state="stopped"))
    assert not old.path.exists()
    assert new.path.exists()


def test_emptying_leaves_what_the_trash_did_not_put_there(tmp_path):
    for name in ("a", "b"):
        deleted(tmp_path, name)
    strange = tmp_path / trash.TRASH / "notes-of-mine"
    strange.mkdir()
    (strange / "text").write_text("mine")
    link = tmp_path / trash.TRASH / "20200101T000000-0123abcd"
    link.symlink_to(tmp_path / "elsewhere")
    kept = written(tmp_path / "elsewhere" / "run", state="stopped")
    assert trash.deleted_runs(tmp_path)
    removed = trash.empty_trash(tmp_path)
    assert sorted(removed.names) == ["a", "b"]
    assert removed.megabytes == pytest.approx(2 * SIZE / 1e6, abs=0.01)
    assert (strange / "text").read_text() == "mine"
    assert kept.exists()
    assert trash.deleted_runs(tmp_path) == []


def test_an_empty_trash_is_no_folder(tmp_path):
    assert trash.empty_trash(tmp_path) == trash.Removed((), 0.0)
    deleted(tmp_path, "a")
    trash.empty_trash(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_of_two_runs_of_one_name_the_id_says_which(tmp_path):
    older, newer = deleted(tmp_path, "mine", timedelta(days=2)), deleted(tmp_path, "mine")
    with pytest.raises(RunError, match=rf"2 deleted runs .* {newer.id} .*{older.id}"):
        trash.find_deleted(tmp_path, "mine")
    assert trash.find_deleted(tmp_path, older.id) == older
    trash.restore(older.path)
    assert trash.find_deleted(tmp_path, "mine") == newer


@pytest.mark.parametrize("name", ["", ".", "..", "../mine", "nothing", "/etc"])
def test_only_what_is_in_the_trash_is_found(tmp_path, name):
    deleted(tmp_path, "mine")
    with pytest.raises(RunError, match=r"the trash of .* holds mine"):
        trash.find_deleted(tmp_path, name)


def test_the_promise_names_the_days_the_place_and_a_command_that_works(tmp_path, monkeypatch):
    place = tmp_path / "other runs"
    assert trash.promise(place, "mine") == (
        f"kept for 30 days in {place / '.trash'}; `upgan trash restore mine --checkpoints '{place}'` brings it back"
    )
    monkeypatch.chdir(tmp_path)
    assert "`upgan trash restore 'my run'` brings it back" in trash.promise(Path("checkpoints"), "my run")
