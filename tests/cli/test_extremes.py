"""Nothing to ask about, far too much of something, no room left: each is a sentence, and leaves nothing half."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
from collections.abc import Iterator
from typing import Any

import pytest

import upgan
from tests.command_line import here, refused
from tests.conftest import toy_tables
from tests.predict.toy import make_run
from upgan import machine
from upgan.bench.random_data import random_dataset
from upgan.case import make_case, write_bundle
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.errors import ConfigError
from upgan.experiment.footprint import BYTES_PER_DRAW, expected
from upgan.experiment.room import check_room
from upgan.files import write_together


@pytest.fixture(scope="module")
def untested(tmp_path_factory):
    """A run whose data have neither validation nor test facts."""
    frames: dict[str, Any] = {**toy_tables()}
    frames["triples"] = frames["triples"][frames["triples"]["split"] == "train"]
    folder = tmp_path_factory.mktemp("untested") / "run"
    return make_run(folder, build_dataset(name="untested", **frames))


@pytest.mark.parametrize("split", ["test", "valid"])
def test_mining_a_split_without_facts_finds_nothing(untested, split):
    told = here("explain", untested, "--mine", "--split", split, "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert (found["queries"], found["mrr"], found["mrr_without_users"]) == (0, None, None)
    assert found["up"] == found["down"] == []
    shown = here("explain", untested, "--mine", "--split", split)
    assert shown.returncode == 0
    assert "0 queries" in shown.stdout
    assert json.loads(here("evaluate", untested, "--split", split, "--json").stdout)["mrr"] is None


@pytest.mark.parametrize(
    "setting", ["threads=1025", "threads=-1", "adversarial.n_g=1000001", "adversarial.n_c=1000000000", "threads=1e9"]
)
def test_what_no_machine_has_is_refused(toy_folder, tmp_path, setting):
    told = here("train", toy_folder, "--run", tmp_path / "run", "--set", setting)
    refused(told, setting.partition("=")[0])
    assert not (tmp_path / "run").exists()


def test_draws_beyond_the_entities_are_in_the_estimate_and_what_is_too_much_is_refused(tmp_path, monkeypatch):
    """They are drawn with replacement, for every query of a batch."""
    data = random_dataset({"entities": 500, "edges": 4_000, "interactions": 2_000}, 0)
    few, many = (
        make_config("paper", assignments=[f"adversarial.n_g={n}"], overrides={"device": "cpu"}) for n in (200, 100_000)
    )
    queries = min(2 * few.adversarial.batch, 2 * len(data.train))
    apart = expected(data, many).phases["adversarial"][0] - expected(data, few).phases["adversarial"][0]
    assert apart >= BYTES_PER_DRAW * queries * 99_800 / 1e6
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(64.0, 8.0))
    check_room(data, few, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"too little.*adversarial\.(batch|n_g)="):
        check_room(data, many, tmp_path / "run")


@contextlib.contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """What a full disk does to a file: it ends in the middle, with an error."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_an_export_that_the_disk_cannot_hold_leaves_nothing(untested, tmp_path):
    predictor = upgan.load(untested)
    case = make_case(predictor.explain(head="b3", relation="by", answer="a1"), predictor)
    sizes = sorted(path.stat().st_size for path in write_bundle(tmp_path / "whole", case))
    for folder, before in ((tmp_path / "new", []), (tmp_path / "old", ["case.json", "note"])):
        if before:
            folder.mkdir()
            for name in before:
                (folder / name).write_text("mine")
        with files_no_longer_than((sizes[0] + sizes[-1]) // 2), pytest.raises(OSError, match="too large"):
            write_bundle(folder, case)
        assert sorted(path.name for path in folder.iterdir()) == before if before else not folder.exists()
        assert all((folder / name).read_text() == "mine" for name in before)


def test_files_are_written_together_or_not_at_all(tmp_path):
    write_together(tmp_path / "a", {"one": b"1", "two": b"2"})
    write_together(tmp_path / "a", {"two": b"3"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == {"one": b"1", "two": b"3"}
