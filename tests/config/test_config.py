"""Settings: where values come from, what is refused and how, and that they survive being written."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from upgan.config.presets import PRESETS
from upgan.config.section import NEUTRAL
from upgan.config.sections import Activation, PinnedConfig
from upgan.config.settings import (
    Config,
    applies,
    config_from_dict,
    flat_settings,
    make_config,
    setting_keys,
    system_settings,
    to_toml,
)
from upgan.errors import ConfigError
from upgan.files import read_toml

#: Settings as a run wrote them before there was a product, a score, or a graph section.
OLDER = """
model_name = "upgan"
preset = "demo"
seed = 0
device = "auto"
threads = 1
max_seconds = 0.0

[model]
dim = 48
use_users = true
preference_init = 1.0
item_dropout = 0.5
entity_norm = "free"
propagation = {activation = "none", user_activation = "none", attention_slope = 0.2, user_embedding = false}

[initialisation]
epochs = 60
batch = 1024
optimizer = "adam"
lr = 0.005
l2 = 0.0001
n3 = 0.0
scale = 0.1
eval_every = 5
patience = 2
min_steps = 200

[pretrain]
epochs = 50
batch = 512
lr = 0.003
l2 = 0.0003
n3 = 0.0
clip = 1.0
eval_every = 2
patience = 6

[adversarial]
epochs = 3
batch = 1024
"""


def write(tmp_path, text):
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


# Where values come from ----------------------------------------------------------------------------------------------


def test_the_default_is_the_best_preset_whatever_the_model(tmp_path):
    for model in ("upgan", "complex", "transe"):
        assert make_config(overrides={"model_name": model}).preset == "quality"
    assert make_config(file=write(tmp_path, "seed = 3\n")) == make_config("quality", assignments=["seed=3"])


def test_the_papers_preset_has_the_papers_settings():
    config = make_config("paper")
    assert (config.preset, config.model.dim, config.adversarial.batch) == ("paper", 100, 4096)
    assert (config.adversarial.n_c, config.adversarial.n_g, config.adversarial.hidden_layers) == (1024, 200, 2)
    assert config.adversarial.l2 == config.adversarial.l2_g == 1e-5
    assert config.model.item_dropout == 0, "which is not in the paper"


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_each_preset_is_valid_and_changes_exactly_what_it_lists(preset):
    base, config = Config(preset=preset).model_dump(), make_config(preset).model_dump()
    for key in setting_keys():
        default, found = base, config
        for part in key.split("."):
            default, found = default[part], found[part]
        assert found == PRESETS[preset].get(key, preset if key == "preset" else default), key


def test_later_sources_win_preset_file_overrides_assignments(tmp_path):
    path = write(tmp_path, "seed = 1\n[model]\ndim = 20\n[pretrain]\nlr = 0.5\n[adversarial]\nlr = 0.5\n")
    config = make_config(
        "demo", file=path, overrides={"seed": 2, "adversarial.lr": 0.25}, assignments=["adversarial.lr=0.125"]
    )
    assert config.model.dim == 20
    assert config.pretrain.lr == 0.5
    assert config.seed == 2
    assert config.adversarial.lr == 0.125
    assert config.pretrain.batch == PRESETS["demo"]["pretrain.batch"], "the preset holds where nothing else speaks"


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("model.dim=64", "model.dim", 64),
        ("dim=64", "model.dim", 64),
        ("dim = 64 ", "model.dim", 64),
        ("n_c=7", "adversarial.n_c", 7),
        ("pretrain.lr=1e-3", "pretrain.lr", 0.001),
        ("use_users=false", "model.use_users", False),
        ("model.entity_norm=at_most_one", "model.entity_norm", "at_most_one"),
        ('entity_norm="at_least_one"', "model.entity_norm", "at_least_one"),
        ("user_activation=tanh", "model.propagation.user_activation", "tanh"),
        ("device=cpu", "device", "cpu"),
        ("max_seconds=1_000", "max_seconds", 1000.0),
        ('walks.hears=["order", "together"]', "walks.hears", ("together", "order")),
        ("walks.hears=[]", "walks.hears", ()),
    ],
)
def test_assignments_are_read_as_toml_or_text_and_their_last_part_is_enough(assignment, key, value):
    found = make_config(assignments=[assignment]).model_dump()
    for part in key.split("."):
        found = found[part]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("model", ["distmult", "complex"])
def test_a_product_is_trained_with_the_default_preset_unless_another_is_named(tmp_path, model):
    """By --model as by a settings file."""
    config = make_config(overrides={"model_name": model})
    assert (config.preset, config.model.product) == ("quality", model)
    assert make_config(file=write(tmp_path, f'model_name = "{model}"\n')) == config
    for preset in PRESETS:
        assert make_config(preset, overrides={"model_name": model}).preset == preset


@pytest.mark.parametrize("model_name", ["distmult", "complex"])
@pytest.mark.parametrize("preset", [None, *sorted(PRESETS)])
def test_a_factorisation_has_the_product_of_its_name_whatever_the_preset(preset, model_name, tmp_path):
    by_option = make_config(preset, overrides={"model_name": model_name})
    by_assignment = make_config(preset, assignments=[f"model_name={model_name}"])
    by_file = make_config(preset, file=write(tmp_path, f'model_name = "{model_name}"\n'))
    for config in (by_option, by_assignment, by_file):
        assert (config.model_name, config.model.product) == (model_name, model_name)


@pytest.mark.parametrize(("product", "width"), [("distmult", 6), ("complex", 12)])
def test_a_complex_embedding_holds_two_values_for_each_of_its_numbers(product, width):
    assert make_config(assignments=["dim=6", f"product={product}"]).model.width == width


def test_the_last_assignment_wins():
    assert make_config(assignments=["dim=8", "model.dim=16"]).model.dim == 16


def test_settings_cannot_be_changed_afterwards():
    config = make_config()
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3  # type: ignore[misc]


# What is refused -----------------------------------------------------------------------------------------------------


def test_an_unknown_preset_names_the_presets():
    with pytest.raises(ConfigError, match=r"'fast'.*demo, paper, quality") as caught:
        make_config("fast")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("assignment", ["preset=fast", 'preset="demo"'])
def test_a_preset_set_as_a_setting_is_applied_or_refused_but_not_just_noted(assignment):
    """Otherwise config.toml and the card say "demo" of a run that was trained with the paper's settings."""
    try:
        config = make_config(assignments=[assignment])
    except ConfigError:
        return
    assert config == make_config(config.preset)


@pytest.mark.parametrize("assignment", ["dims=3", "model.dimension=3", "Model.dim=3", "=3", "model=3", "model.=3"])
def test_an_unknown_key_lists_every_setting(assignment):
    with pytest.raises(ConfigError) as caught:
        make_config(assignments=[assignment])
    assert all(key in str(caught.value) for key in setting_keys() if applies(key, "upgan"))
    assert repr(assignment.partition("=")[0]) in str(caught.value)


def test_an_unknown_key_in_a_file_lists_every_setting(tmp_path):
    for text in ("colour = 1\n", "[model]\ncolour = 1\n", "[model.propagation]\ncolour = 1\n", "[models]\ndim = 3\n"):
        with pytest.raises(ConfigError, match="unknown setting") as caught:
            make_config(file=write(tmp_path, text))
        assert "adversarial.n_c" in str(caught.value)


def test_an_ambiguous_key_lists_what_it_could_be():
    with pytest.raises(ConfigError) as caught:
        make_config(assignments=["lr=0.1"])
    for key in ("initialisation.lr", "pretrain.lr", "adversarial.lr"):
        assert key in str(caught.value)


def test_an_assignment_without_a_value_shows_how_to_write_one():
    with pytest.raises(ConfigError, match=r"--set 'model\.dim'.*key=value"):
        make_config(assignments=["model.dim"])


@pytest.mark.parametrize(
    "assignment",
    [
        "dim=1",
        "dim=",
        "dim=abc",
        "dim=3.5",
        "dim=[3]",
        "pretrain.lr=0",
        "pretrain.lr=nan",
        "pretrain.lr=-1",
        "adversarial.label_smoothing=1",
        "seed=-1",
        "n_c=1",
        "hidden_layers=0",
        "use_users=maybe",
        "device=tpu",
        "model_name=gpt",
        "entity_norm=2",
        "activation=gelu",
        "init_noise=nan",
        "max_seconds=nan",
        "clip.x=1",
        "product=rescal",
        "score=dot",
        "form=gcn",
        "rgcn_layers=0",
        "interactions=none",
        "triple_share=0",
        "triple_share=1.1",
        "interaction_share=-0.1",
        "pretrain.loss=hinge",
        "initialisation.loss=mse",
        "batch_by=users",
        "pretrain.optimizer=sgd",
        "relax_epochs=-1",
    ],
)
def test_a_value_out_of_bounds_or_of_another_type_is_refused(assignment):
    with pytest.raises(ConfigError) as caught:
        make_config(assignments=[assignment])
    assert caught.value.exit_code == 2


CONTRADICTIONS = {
    "a complex run with another product": ("paper", ["model_name=complex", "product=distmult"], "model.product"),
    "a distmult run with another product": ("paper", ["model_name=distmult", "product=complex"], "model.product"),
    "another form than the bilinear score reads": ("quality", ["form=rgcn"], "model.propagation.form"),
    "dropped items that the bilinear score has not": ("quality", ["item_dropout=0.5"], "model.item_dropout"),
    "dropped items of a preset": ("demo", ["score=bilinear"], "model.item_dropout"),
    "evidence without the bilinear score": ("paper", ["fusion.enabled=true"], "fusion.enabled"),
    "evidence asked for without it": ("quality", ["score=mlp", "fusion.enabled=true"], "fusion.enabled"),
    "walks asked for without it": ("quality", ["score=mlp", "walks.enabled=true"], "walks.enabled"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_settings_that_contradict_each_other_are_refused_with_the_key_to_change(case):
    """In one sentence, without the whole of the settings in it."""
    preset, assignments, key = CONTRADICTIONS[case]
    with pytest.raises(ConfigError) as caught:
        make_config(preset, assignments=assignments)
    assert caught.value.exit_code == 2
    assert key in str(caught.value)
    assert "{" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_wrong_value_is_reported_with_its_key_its_value_and_what_is_allowed():
    with pytest.raises(ConfigError) as caught:
        make_config(assignments=["activation=gelu"])
    message = str(caught.value)
    assert "model.propagation.activation" in message
    assert "'gelu'" in message
    assert all(name in message for name in get_args(Activation))


def test_every_problem_is_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        make_config(assignments=["dim=0", "seed=-3", "device=tpu"])
    message = str(caught.value)
    assert all(key in message for key in ("model.dim", "seed", "device"))


@pytest.mark.parametrize("overrides", [{}, {"model.dim": 3}])
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_value_where_a_table_belongs_is_a_config_error(tmp_path, preset, overrides):
    with pytest.raises(ConfigError, match="model"):
        make_config(preset, file=write(tmp_path, "model = 3\n"), overrides=overrides)


def test_a_table_where_a_value_belongs_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="seed"):
        make_config(file=write(tmp_path, "[seed]\nvalue = 3\n"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml: no such settings file"):
        make_config(file=tmp_path / "absent.toml")


def test_a_folder_for_a_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=str(tmp_path)):
        read_toml(tmp_path)


@pytest.mark.parametrize("content", [b"model = ", b"[model\ndim = 3", b"\xff\xfe\x00"])
def test_a_damaged_file_is_named_with_the_place_of_the_mistake(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.toml: not valid TOML"):
        make_config(file=path)


# Written and read back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_settings_survive_being_written_and_read(preset, tmp_path):
    config = make_config(preset, assignments=["seed=7", "pretrain.lr=0.00123", "use_users=false", "activation=tanh"])
    path = write(tmp_path, to_toml(config))
    assert config_from_dict(read_toml(path)) == config
    assert make_config(preset, file=path) == config


def test_settings_written_before_a_key_existed_still_open_and_mean_what_they_meant(tmp_path):
    """The product, the losses and the samplers that those runs were trained with."""
    config = config_from_dict(read_toml(write(tmp_path, OLDER)))
    assert (config.preset, config.model.dim, config.model.width) == ("demo", 48, 48)
    assert (config.model.product, config.model.score, config.model.propagation.form) == ("distmult", "mlp", "layered")
    assert config.initialisation.loss == config.pretrain.loss == "cross_entropy_filtered"
    assert (config.pretrain.batch_by, config.pretrain.optimizer) == ("triples", "adam")
    assert (config.graph.interactions, config.graph.triple_share, config.graph.interaction_share) == ("real", 1, 1)
    assert not config.fusion.enabled
    assert make_config(file=write(tmp_path, OLDER)).model == config.model


def test_no_time_limit_can_be_written_and_read(tmp_path):
    config = make_config(assignments=["max_seconds=inf"])
    assert math.isinf(config_from_dict(read_toml(write(tmp_path, to_toml(config)))).max_seconds)


def test_every_setting_says_what_it_is_and_its_default_obeys_its_own_bounds():
    assert all(description for description in setting_keys().values())
    assert config_from_dict(Config().model_dump()) == Config()


NEUTRAL_CHANGES = {
    "preset": "quality",
    "seed": 7,
    "device": "cpu",
    "threads": 3,
    "max_seconds": 60.0,
    "checkpoint_seconds": 5.0,
    "pinned": PinnedConfig(relation="by", head="a", answer="b"),
}


def test_what_makes_a_system_is_said_once_beside_the_settings():
    """Every top-level setting either makes another system or is marked, and then its whole section is left out."""
    plain = Config()
    for name, field in Config.model_fields.items():
        neutral = field.json_schema_extra == NEUTRAL
        assert neutral == (name in NEUTRAL_CHANGES), name
        if neutral:
            other = plain.model_copy(update={name: NEUTRAL_CHANGES[name]})
            assert flat_settings(other) != flat_settings(plain), name
            assert system_settings(other) == system_settings(plain), name
    for key in ("model.dim=7", "graph.triple_share=0.5", "pretrain.epochs=1"):
        assert system_settings(make_config(assignments=[key])) != system_settings(make_config()), key
