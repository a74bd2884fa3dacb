"""A read-only app starts nothing, whatever is clicked; a password lets nobody see a page without it."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from streamlit.testing.v1 import AppTest

from tests.command_line import here
from tests.review.test_store import line
from tests.ui.driving import APP, checked, run_page, said
from ui.services import access, datasets, reviews, tables, trainings
from upgan.config.settings import make_config
from upgan.data.dataset import load_dataset
from upgan.errors import DataError, RunError
from upgan.review.store import FILE_NAME, ReviewStore
from upgan.runs.trash import Deleted


class TestReadOnly:
    @pytest.fixture(autouse=True)
    def read_only(self, made_runs, tmp_path, monkeypatch) -> None:
        shutil.copytree(made_runs / "demo", tmp_path / "demo")
        monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
        monkeypatch.setenv("UPGAN_NO_TRAINING", "1")

    def test_runs_are_shown_without_actions(self):
        app = run_page("runs", run="demo")
        assert [button.label for button in app.button] == ["Refresh"]

    def test_services_refuse_what_the_pages_hide(self, toy_dataset, tmp_path):
        config = make_config("demo")
        refused = [
            lambda: trainings.start("new", toy_dataset, config, force=True),
            lambda: trainings.resume("demo", force=True),
            lambda: trainings.stop("demo"),
            lambda: trainings.kill("demo"),
            lambda: trainings.delete("demo"),
            lambda: trainings.restore(Deleted("demo", tmp_path / "demo", datetime.now(UTC))),
            lambda: tables.make(cast(Any, None), "mine"),
            lambda: tables.Sent({"a.csv": b"a,b"}),
            lambda: datasets.Upload({"a.tsv": b"a"}),
            lambda: datasets.remove(tmp_path / "demo" / "dataset"),
            lambda: reviews.Making(cast(Any, None), 10, None, None),
            lambda: reviews.apply(cast(Any, None), "mine"),
            reviews.open_store,
        ]
        for action in refused:
            with pytest.raises(RunError, match="read-only"):
                action()
        assert [path.name for path in tmp_path.iterdir() if path.is_dir() and path.name != "toy"] == ["demo"]

    def test_no_page_writes_anything(self, tmp_path, monkeypatch):
        """Of lists and decisions that are there it reads, and leaves neither a file of SQLite's nor of its own."""
        monkeypatch.setenv("UPGAN_DATA", str(tmp_path / "data"))
        monkeypatch.setenv("UPGAN_RESULTS", str(tmp_path / "results"))
        monkeypatch.delenv("UPGAN_NO_TRAINING")
        data = load_dataset(tmp_path / "demo" / "dataset")
        head, relation, tail = (str(name) for name in (data.entities[0], data.relations[0], data.entities[1]))
        proposed = [line(0, head=head, relation=relation, tail=tail)]
        made = {"catalogue": data.catalogue, "dataset": "d", "name": "n", "run": "demo", "model": "upgan"}
        ReviewStore(tmp_path / "data" / FILE_NAME).add_list(**made, options={}, promise={}, lines=proposed)
        monkeypatch.setenv("UPGAN_NO_TRAINING", "1")
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        for page in ("start", "ask", "case", "review", "runs", "models", "leaderboard"):
            app = run_page(page, checkpoint="demo")
            assert not [button.label for button in app.button if button.label in ("Make the list", "Undo", "Yes", "No")
                        and not button.disabled], page  # fmt: skip
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        with pytest.raises(DataError, match="readonly"):
            reviews.open_store().add_list(**made, options={}, promise={}, lines=proposed)

    def test_the_train_page_is_not_there(self):
        app = AppTest.from_file(str(APP), default_timeout=60)
        checked(app)
        with pytest.raises(ValueError, match="navigation page"):
            app.switch_page("ui/page/train.py")


@pytest.fixture
def told(monkeypatch):
    """The environment that `upgan app` gives the app, which is not started."""
    told: dict[str, str] = {}

    class Process:
        def __init__(self, *_: object, env: dict[str, str], **__: object) -> None:
            told.update(env)

        def wait(self) -> int:
            return 0

    for name in ("UPGAN_NO_TRAINING", "UPGAN_CHECKPOINTS", "UPGAN_DATA", "UPGAN_RESULTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(subprocess, "Popen", Process)
    return told


def test_the_command_line_says_so_to_the_app(told, tmp_path):
    """`upgan app --no-training` hands it on; without, the app may train."""
    from upgan.cli import machine

    machine.open_app(checkpoints=tmp_path, browser=False, training=False)
    assert told["UPGAN_NO_TRAINING"] == "1"
    told.clear()
    machine.open_app(checkpoints=tmp_path, browser=False)
    assert "UPGAN_NO_TRAINING" not in told


@pytest.mark.parametrize("kind", ["checkpoints", "data", "results"])
def test_a_folder_of_the_environment_counts_unless_an_option_names_another(told, tmp_path, monkeypatch, kind):
    variable = f"UPGAN_{kind.upper()}"
    assert here("app", "--no-browser").returncode == 0
    assert told[variable] == str(Path(kind).resolve())
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv(variable, str(tmp_path / "mine"))
    here("app", "--no-browser")
    assert told[variable] == str(tmp_path / "mine")
    here("app", "--no-browser", f"--{kind}", tmp_path / "other")
    assert told[variable] == str(tmp_path / "other")


class TestPassword:
    @pytest.fixture(autouse=True)
    def password(self, checkpoints, monkeypatch) -> None:
        monkeypatch.setenv("UPGAN_PASSWORD", "open sésame")
        monkeypatch.setattr("ui.components.gate.ATTEMPTS", access.Attempts())

    @pytest.mark.parametrize("page", ["start", "ask", "case", "train", "runs", "models", "leaderboard"])
    def test_no_page_says_anything_without_it(self, page):
        app = run_page(page, checkpoint="demo")
        assert [field.label for field in app.text_input] == ["Password"]
        assert not app.dataframe
        assert said(app) == "UPGAN explorer"

    def test_streamlit_finds_no_pages_of_its_own_beside_the_app(self):
        """It would run the script of a folder "pages" without ui/app.py, which asks for the password."""
        for script in (APP, APP.parent / "ui" / "app.py", APP.parent / "ui" / "serve.py"):
            assert script.is_file()
            assert not list((script.parent / "pages").glob("*.py"))

    def test_the_right_one_opens_the_page_and_stays_open(self):
        app = run_page("runs")
        app.text_input[0].set_value("open sesame")
        checked(app, app.button[0].click())
        assert "That is not the password." in said(app)
        app.text_input[0].set_value("open sésame")
        checked(app, app.button[0].click())
        assert "Runs" in said(app)
        checked(app)
        assert not [field for field in app.text_input if field.label == "Password"]

    def test_another_password_closes_it_again(self, monkeypatch):
        app = run_page("runs")
        app.text_input[0].set_value("open sésame")
        checked(app, app.button[0].click())
        monkeypatch.setenv("UPGAN_PASSWORD", "another")
        checked(app)
        assert [field.label for field in app.text_input] == ["Password"]

    def test_after_five_wrong_ones_even_the_right_one_waits(self):
        attempts = access.Attempts()
        assert not any(attempts.admit("guess", "1.2.3.4", now=10.0 + n) for n in range(access.MOST_WRONG))
        with pytest.raises(RunError, match="try again in 56 s"):
            attempts.admit("open sésame", "1.2.3.4", now=14.0)
        assert attempts.admit("open sésame", "5.6.7.8", now=14.0), "somebody else's guesses shut nobody out"
        assert attempts.admit("open sésame", "1.2.3.4", now=71.0)

    def test_many_addresses_together_are_limited_too(self):
        attempts = access.Attempts()
        for number in range(access.MOST_WRONG_IN_ALL):
            attempts.admit("guess", f"address {number}", now=1.0)
        with pytest.raises(RunError, match="too many"):
            attempts.admit("open sésame", "a new one", now=2.0)
