"""A search sees validation alone, gives every system the same, and goes on where it was killed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from upgan.config.settings import flat_settings
from upgan.data.dataset import build_dataset
from upgan.errors import ConfigError
from upgan.reproduce.execute import Executor, Outcome
from upgan.reproduce.plan import Effort, Request, settings_of
from upgan.reproduce.reuse import FinishedRun
from upgan.reproduce.search import Search, best_settings, space_of

ASKED = Request("table3", systems=("distmult", "transe"), seeds=(3,))


class Judged(Executor):
    """Trains nothing: a learning rate near ``best`` is good on validation, and the farther off the better on test."""

    def __init__(self, dataset, root, *, killed_at=None, failing=(), best=0.012, reverse=False):
        super().__init__(dataset, root, lambda _: None)
        self.judged: list[str] = []
        self.killed_at, self.failing, self.best, self.reverse = killed_at, failing, best, reverse

    def run(self, planned, *, also=None):
        return [self._judge(each) for each in planned]

    def _judge(self, each):
        if len(self.judged) == self.killed_at:
            raise KeyboardInterrupt
        folder = self.folder(each)
        self.judged.append(folder.name)
        if each.system in self.failing:
            return Outcome(each, None, "failed", "no")
        settings = flat_settings(each.config)
        distance = min(1.0, abs(settings["transe.lr" if each.system == "transe" else "initialisation.lr"] - self.best))
        folder.mkdir(parents=True, exist_ok=True)
        metrics = {"valid": {"mrr": distance if self.reverse else 1 - distance}, "mrr": distance}
        return Outcome(each, FinishedRun(folder, each.config, metrics), "trained")


def search(dataset, folder, trials, asked=ASKED, final=None, **how):
    """With a ``final`` executor the final runs have another limit than the trials' minute, and go there."""
    asked = replace(asked, budget=60.0 if final is None else 600.0)
    made = Search(asked, final or Executor(dataset, folder, lambda _: None), folder / "search", Effort(trials, 60.0))
    judged = Judged(dataset, folder / "search" / "runs", **how)
    made.executor = judged
    return made, judged


def journal(folder, system):
    (path,) = (folder / "search").glob(f"{system}-*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_validation_decides_and_test_does_not(toy_dataset, tmp_path):
    made, judged = search(toy_dataset, tmp_path, 8)
    found = made.run()
    assert len(judged.judged) == 16
    for system, of in found["systems"].items():
        values = [trial.value for trial in made.studies[system].get_trials()]
        assert (of["trials"], of["failed"]) == (len(values), 0) == (8, 0)
        assert of["valid_mrr"] == max(values) > min(values)
        assert of["default_valid_mrr"] == values[0]
        rate = of["settings"].get("initialisation.lr", of["settings"].get("transe.lr"))
        assert abs(rate - 0.012) == pytest.approx(1 - max(values), abs=1e-9)
        assert of["settings"].keys() == space_of(system, "quality").keys()
    assert best_settings(found).keys() == {"distmult", "transe"}
    # Of the trials' folders only the best ones stay.
    assert len(list(judged.root.iterdir())) == 2


def test_where_the_defaults_are_best_nothing_is_changed(toy_dataset, tmp_path):
    asked = Request("table3", systems=("transe",), assignments=("transe.negatives=64",))
    rate = flat_settings(settings_of(asked, "transe", 0, {}))["transe.lr"]
    made, judged = search(toy_dataset, tmp_path, 6, asked, best=rate)
    found = made.run()["systems"]["transe"]
    assert found == {
        "trials": 6, "failed": 0, "default_valid_mrr": 1.0, "valid_mrr": 1.0, "final": None, "settings": {},
    }  # fmt: skip
    assert "transe.negatives" not in made.spaces["transe"]
    assert len(judged.judged) == 6


@pytest.mark.parametrize("reverse", [False, True], ids=["the gain lasts", "with time the defaults are better"])
def test_what_trials_found_is_held_against_the_defaults_with_the_final_time(toy_dataset, tmp_path, reverse):
    final = Judged(toy_dataset, tmp_path / "final", reverse=reverse)
    made, _ = search(toy_dataset, tmp_path, 8, final=final)
    found = made.run()
    assert len(final.judged) == 4
    assert found["final_seconds"] == 600
    for system, of in found["systems"].items():
        best = made._best(system)
        assert best is not None
        assert best.number > 0
        early, late = of["default_valid_mrr"], of["valid_mrr"]
        reached = {"default_valid_mrr": early, "valid_mrr": pytest.approx(late, abs=1e-3)}
        if reverse:
            reached = {"default_valid_mrr": pytest.approx(1 - early), "valid_mrr": pytest.approx(1 - late, abs=1e-3)}
        assert of["final"] == reached
        assert bool(of["settings"]) is not reverse


def test_a_gain_that_fails_with_the_final_time_is_none(toy_dataset, tmp_path):
    final = Judged(toy_dataset, tmp_path / "final", failing=("transe",))
    found = search(toy_dataset, tmp_path, 8, final=final)[0].run()["systems"]
    assert found["transe"]["final"] == {"default_valid_mrr": None, "valid_mrr": None}
    assert found["transe"]["settings"] == {}
    assert found["distmult"]["settings"] != {}


def test_a_killed_search_goes_on_and_trains_nothing_twice(toy_dataset, tmp_path):
    whole, undisturbed = search(toy_dataset, tmp_path / "whole", 5)
    expected = whole.run()
    first, begun = search(toy_dataset, tmp_path / "killed", 5, killed_at=5)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    asked_before = len(journal(tmp_path / "killed", "transe"))
    second, rest = search(toy_dataset, tmp_path / "killed", 5)
    assert second.run() == expected
    # A round's outcomes are handed over together: of the round that was killed, what was over is judged again (a real
    # run is found finished); all else once.
    assert sorted(set(begun.judged + rest.judged)) == sorted(undisturbed.judged)
    assert len(begun.judged + rest.judged) == len(undisturbed.judged) + 1
    assert len(journal(tmp_path / "killed", "transe")) > asked_before
    third, nothing = search(toy_dataset, tmp_path / "killed", 5)
    assert third.run() == expected
    assert nothing.judged == []
    more, added = search(toy_dataset, tmp_path / "killed", 6)
    assert len(added.judged) == 0
    assert more.run()["systems"]["transe"]["trials"] == 6
    assert len(added.judged) == 2


def test_without_validation_triples_nothing_is_tried(toy_frames, tmp_path):
    triples = toy_frames["triples"]
    unsplit = {**toy_frames, "triples": triples[triples["split"] != "valid"]}
    with pytest.raises(ConfigError, match="no validation triples"):
        search(build_dataset(name="unsplit", **unsplit), tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_another_budget_or_setting_is_another_study(toy_dataset, tmp_path):
    for trials, asked in ((1, ASKED), (1, Request("table3", systems=("transe",), assignments=("model.dim=8",)))):
        search(toy_dataset, tmp_path, trials, asked)[0].run()
    executor = Executor(toy_dataset, tmp_path, lambda _: None)
    Search(ASKED, executor, tmp_path / "search", Effort(1, 30.0))
    assert len(list((tmp_path / "search").glob("transe-*.jsonl"))) == 3


def test_a_system_whose_trials_all_fail_keeps_its_defaults(toy_dataset, tmp_path):
    made, _ = search(toy_dataset, tmp_path, 2, failing=("transe",))
    found = made.run()["systems"]
    assert found["transe"] == {
        "trials": 2, "failed": 2, "default_valid_mrr": None, "valid_mrr": None, "final": None, "settings": {},
    }  # fmt: skip
    assert found["distmult"]["failed"] == 0
