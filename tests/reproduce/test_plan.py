"""Which runs each table and figure needs, counted by hand, and what sets them apart."""

from __future__ import annotations

import pytest

from upgan.config.presets import PRESETS
from upgan.config.settings import Config, applies, flat_settings
from upgan.config.systems import MODEL_NAMES, MODELS
from upgan.errors import ConfigError
from upgan.reproduce.plan import COMPARED, TARGETS, PlannedRun, Request, parse_budget, plan, settings_of
from upgan.reproduce.search import distributions, settings_of_trial, space_of

#: Systems times variations, by hand.
RUNS = {
    "table3": len(COMPARED),
    "table4": 3,
    "table5": 3,
    "table6": 4,
    "fig3a": 3 * 4,
    "fig3b": 3 * 4,
    "fig3-dim": 5,
    "fig3-layers": 4,
}


def changes(config, base):
    mine, theirs = flat_settings(config), flat_settings(base)
    return {key: value for key, value in mine.items() if theirs.get(key) != value}


def config_of(run: PlannedRun) -> Config:
    assert run.config is not None, run.problem
    return run.config


@pytest.mark.parametrize("target", RUNS)
def test_the_runs_of_a_target_are_those_counted_by_hand(target):
    assert RUNS.keys() == TARGETS.keys()
    runs = plan(Request(target, seeds=(0, 1, 5)))
    assert len(runs) == 3 * RUNS[target]
    assert [run.seed for run in runs] == [seed for seed in (0, 1, 5) for _ in range(RUNS[target])]
    assert len({run.folder_name("d", "f") for run in runs}) == len(runs)
    assert all(run.config is not None and run.config.seed == run.seed and not run.problem for run in runs)


def test_table_3_holds_the_papers_ten_and_three_more_in_its_order():
    shown = [run.system for run in plan(Request("table3"))]
    assert shown[:13] == [
        "transe", "distmult", "conve", "convtranse", "rgcn", "kbgan", "cofm", "ktup", "kgat", "upgan",
        "complex", "rotate", "nbfnet",
    ]  # fmt: skip
    assert shown == list(COMPARED)  # what is registered later stands behind
    assert {run.label for run in plan(Request("table3"))} == {MODEL_NAMES[name] for name in COMPARED}
    asked = Request("table3", systems=("upgan", "transh", "transe"))
    assert [run.system for run in plan(asked)] == ["transe", "upgan", "transh"]


def test_the_ablations_differ_from_upgan_in_nothing_else():
    whole, *ablations = plan(Request("table6"))
    assert whole.config is not None
    assert whole.config.preset == "paper"
    changed = {run.row: changes(run.config, whole.config) for run in ablations}
    assert changed == {
        "upgan-no-generator": {"adversarial.use_generator": False},
        "upgan-rgcn": {"model.propagation.form": "rgcn"},
        "upgan-no-users": {"model.use_users": False},
    }


@pytest.mark.parametrize(
    ("target", "key", "values"),
    [
        ("fig3a", "graph.triple_share", [0.4, 0.6, 0.8, 1.0]),
        ("fig3b", "graph.interaction_share", [0.4, 0.6, 0.8, 1.0]),
        ("fig3-dim", "model.dim", [16, 32, 64, 128, 256]),
        ("fig3-layers", "adversarial.hidden_layers", [1, 2, 3, 4]),
    ],
)
def test_a_figure_varies_one_setting_and_nothing_else(target, key, values):
    runs = [run for run in plan(Request(target)) if run.system == "upgan"]
    assert [run.x for run in runs] == values
    assert [flat_settings(config_of(run))[key] for run in runs] == values
    assert all(changes(run.config, runs[0].config).keys() <= {key} for run in runs)


def test_a_variation_that_the_form_does_not_have_is_a_row_with_its_reason():
    problems = {run.row: run.problem for run in plan(Request("table6", preset="quality"))}
    assert [row for row, problem in problems.items() if problem] == ["upgan-rgcn"]
    assert "model.propagation.form" in problems["upgan-rgcn"]


def test_a_setting_goes_to_the_systems_that_have_it():
    asked = Request("table3", budget=60.0, threads=2, assignments=("model.dim=32", "transe.lr=0.5"))
    configs = {run.system: config_of(run) for run in plan(asked)}
    assert all(
        config.model.dim == 32 and config.max_seconds == 60 and config.threads == 2 for config in configs.values()
    )
    assert flat_settings(configs["transe"])["transe.lr"] == 0.5
    assert flat_settings(configs["rotate"])["rotate.lr"] != 0.5


def test_found_settings_are_taken_and_the_variation_wins_over_them():
    best = {"upgan": {"model.dim": 48, "pretrain.lr": 0.25}}
    table = plan(Request("table4"), best)
    assert [(config_of(run).model.dim, config_of(run).pretrain.lr == 0.25) for run in table] == [
        (100, False), (100, False), (48, True),
    ]  # fmt: skip
    assert [config_of(run).model.dim for run in plan(Request("fig3-dim"), best)] == [16, 32, 64, 128, 256]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Request("table3", systems=("nope",)), "'nope' is not a system"),
        (Request("table6", systems=("transe",)), "variants of upgan"),
        (Request("table4", preset="best"), "demo, paper, quality"),
        (Request("table4", assignments=("model.dim=x",)), "model.dim"),
        (Request("table4", assignments=("dim=8",)), "whole name"),
        (Request("table4", assignments=("seed=8",)), "option of its own"),
        (Request("table4", assignments=("transe.lr=1",)), "none of distmult, convtranse, upgan"),
        (Request("table3", seeds=(2**31,)), "seed"),
        (Request("table3", systems=("conve",), assignments=("model.dim=7",)), "kernel"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_trained(asked, said):
    with pytest.raises(ConfigError, match=said):
        plan(asked)


def test_the_folder_follows_from_settings_and_data_alone():
    (first,) = plan(Request("table3", systems=("transe",)))
    again = plan(Request("fig3a", systems=("transe",)))[-1]  # all of the triples: the same settings
    name = first.folder_name("toy", "abc")
    assert again.row != first.row
    assert again.folder_name("toy", "abc") == name
    others = [
        first.folder_name("toy", "abd"),
        *(plan(Request("table3", systems=("transe",), **other))[0].folder_name("toy", "abc") for other in (
            {"seeds": (1,)}, {"budget": 60.0}, {"assignments": ("transe.lr=0.5",)},
        )),
    ]  # fmt: skip
    assert len({name, *others}) == 5


@pytest.mark.parametrize(
    ("text", "seconds"), [("600", 600), ("90s", 90), ("10m", 600), ("1.5h", 5400), (None, 0), ("0.5", 0.5)]
)
def test_a_budget_has_a_unit(text, seconds):
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "m", "10 minutes", "nan", "inf", "1e9", "10d", "0s"])
def test_a_budget_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=r"10m or 1\.5h"):
        parse_budget(text)


def test_every_model_has_a_name():
    assert MODEL_NAMES.keys() == set(MODELS)


@pytest.mark.parametrize(
    "system", [*(name for name in MODEL_NAMES if name != "upgan"), *(f"upgan-{p}" for p in PRESETS)]
)
def test_every_space_holds_the_defaults_which_are_the_first_trial(system):
    name, _, preset = system.partition("-")
    space = space_of(name, preset)
    assert 3 <= len(space) <= 5
    defaults = flat_settings(settings_of(Request("table3", preset=preset), name, 0, {}))
    for key, drawn in distributions(space).items():
        assert applies(key, name)
        inside = drawn._contains(drawn.to_internal_repr(defaults[key]))
        assert inside, f"{key} = {defaults[key]} is not in {drawn}"


def test_what_the_user_sets_is_not_searched_and_numbers_are_short():
    assert space_of("transe", "").keys() - space_of("transe", "", ["transe.lr"]).keys() == {"transe.lr"}
    assert settings_of_trial({"b": 0.00123456, "a": "l1", "c": 256}) == {"a": "l1", "b": 0.00123, "c": 256}
