"""What preset "quality" has for data of many entities: chosen by their number, and by nothing that is asked for."""

from __future__ import annotations

import pytest

from upgan import machine
from upgan.config.settings import config_from_dict, flat_settings, make_config, to_toml
from upgan.config.sized import MANY, NARROW, SIZED, Size, told
from upgan.files import read_toml

LARGE = Size(MANY + 1, bfloat16=True)


def test_few_entities_change_nothing() -> None:
    assert make_config("quality", size=Size(MANY, bfloat16=True)) == make_config("quality")


@pytest.mark.parametrize("preset", ["paper", "demo"])
def test_other_presets_are_what_they_are_at_any_size(preset: str) -> None:
    assert make_config(preset, size=LARGE) == make_config(preset)


def test_many_entities_have_the_values_for_them_and_the_rest_of_the_preset() -> None:
    plain, large = flat_settings(make_config()), flat_settings(make_config(size=LARGE))
    changed = {key: value for key, value in large.items() if plain[key] != value}
    assert changed == {**SIZED, **NARROW}
    slower = flat_settings(make_config(size=Size(MANY + 1)))
    assert {key for key, value in large.items() if slower[key] != value} == set(NARROW)


def test_what_is_asked_for_counts_at_any_size(tmp_path) -> None:
    (tmp_path / "mine.toml").write_text("[initialisation]\ncandidates = 7\n")
    asked = ["pretrain.candidates=0"]
    config = make_config(
        file=tmp_path / "mine.toml", size=LARGE, assignments=asked, overrides={"validation_triples": 9}
    )
    assert (config.initialisation.candidates, config.pretrain.candidates, config.validation_triples) == (7, 0, 9)
    line = told(flat_settings(config), LARGE, config.preset)
    assert "precision" in line
    assert "candidates" not in line


def test_what_was_chosen_is_told_in_one_line_and_written_down(tmp_path) -> None:
    config = make_config(size=LARGE)
    line = told(flat_settings(config), LARGE, config.preset)
    assert "\n" not in line
    assert all(f"{key}={value}" in line for key, value in {**SIZED, **NARROW}.items())
    (tmp_path / "config.toml").write_text(to_toml(config))
    assert make_config(file=tmp_path / "config.toml") == config
    assert make_config(file=tmp_path / "config.toml", size=Size(5)) == config, "what was decided stays decided"
    assert config_from_dict(read_toml(tmp_path / "config.toml")) == config
    assert told(flat_settings(make_config()), Size(MANY), "quality") == ""


@pytest.mark.parametrize("model", ["complex", "transe"])
def test_other_models_have_what_applies_to_them(model: str) -> None:
    config = make_config(overrides={"model_name": model}, size=LARGE)
    assert config.validation_triples == SIZED["validation_triples"]
    assert ("initialisation.candidates" in flat_settings(config)) == (model == "complex")


@pytest.mark.parametrize(("score", "evidence"), [("mlp", False), ("bilinear", True)])
def test_what_needs_the_bilinear_score_is_left_out_with_another(score: str, evidence: bool) -> None:
    config = make_config(assignments=[f"model.score={score}"])
    assert (config.fusion.enabled, config.walks.enabled) == (evidence, evidence)


@pytest.mark.parametrize(
    ("flags", "has"),
    [("fpu avx512_bf16 sse", True), ("fpu amx_bf16", True), ("fpu avx512_bf16x", False), ("fpu avx2", False)],
)
def test_a_processors_flags_say_whether_it_has_bfloat16(flags, has, tmp_path, monkeypatch) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t: avx512_bf16\n")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    assert machine.has_bfloat16("cpu") is has
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "absent")
    assert machine.has_bfloat16("cpu") is False
