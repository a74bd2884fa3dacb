"""The registry of models: every file of upgan/config/systems is found, and each has what is needed to train it."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import upgan.config.systems
from upgan.config.settings import Config, make_config, setting_keys
from upgan.config.systems import MODEL_NAMES, MODELS, OWN, REGISTERED, SYSTEMS
from upgan.errors import ConfigError
from upgan.systems.base import System

FOLDER = Path(upgan.config.systems.__file__).parent


def test_every_settings_file_is_registered_under_its_own_name():
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "base"}
    assert files == REGISTERED.keys() == MODEL_NAMES.keys() == set(MODELS)
    assert all(import_module(f"upgan.config.systems.{key}").SYSTEM is REGISTERED[key] for key in files)


def test_the_order_is_the_papers_and_upgan_is_offered_first():
    paper = ["transe", "distmult", "conve", "convtranse", "rgcn", "kbgan", "cofm", "ktup", "kgat", "upgan"]
    assert list(REGISTERED)[: len(paper)] == paper
    places = [system.place for system in REGISTERED.values()]
    assert places == sorted(set(places))
    assert MODELS[0] == "upgan"
    assert set(OWN).isdisjoint(SYSTEMS)
    assert len(MODELS) == len(OWN) + len(SYSTEMS)


@pytest.mark.parametrize("key", SYSTEMS)
def test_a_compared_system_has_a_section_and_a_class_of_its_name(key):
    assert Config.model_fields[key].annotation is SYSTEMS[key]
    assert type(make_config(overrides={"model_name": key}).system) is SYSTEMS[key]
    assert any(name.startswith(f"{key}.") for name in setting_keys())
    code = import_module(f"upgan.systems.{key}")
    assert issubclass(code.SYSTEM, System)
    assert code.SYSTEM.__module__ == code.__name__


def test_an_unknown_model_is_answered_with_those_that_there_are():
    with pytest.raises(ConfigError) as refused:
        make_config(overrides={"model_name": "nothing"})
    assert all(f"'{key}'" in str(refused.value) for key in MODELS)


def test_settings_and_registry_need_no_torch():
    program = "import sys, upgan.config.settings; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
