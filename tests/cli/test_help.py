"""Help, version, and what is said of a mistyped word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

import upgan
from tests.command_line import DEMO, here, refused
from tests.command_line import upgan as run
from upgan.cli.main import app

TRAIN = ("train", DEMO / "dataset", "--run", DEMO / "never-made")


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group of commands below one, with the words that lead there."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(app)))


def words(path: tuple[str, ...]) -> str:
    return " ".join(path) or "upgan"


def test_the_walk_reaches_the_commands_of_the_contract():
    contract = "train resume stop status evaluate predict explain complete reproduce bench app doctor delete demo"
    assert {(name,) for name in contract.split()} <= COMMANDS.keys()
    assert {("data", name) for name in ("demo", "prepare", "check", "describe")} <= COMMANDS.keys()
    assert {("trash", name) for name in ("list", "restore", "empty")} <= COMMANDS.keys()


@pytest.mark.parametrize("path", COMMANDS, ids=words)
def test_every_command_has_help_by_both_names(path: tuple[str, ...]):
    long, short = here(*path, "--help"), here(*path, "-h")
    assert (long.returncode, long.stderr) == (0, "")
    assert long.stdout == short.stdout
    assert long.stdout.startswith(" ".join(("Usage: upgan", *path)))


@pytest.mark.parametrize("path", COMMANDS, ids=words)
def test_every_command_and_option_says_what_it_is_for(path: tuple[str, ...]):
    command = COMMANDS[path]
    assert command.help
    silent = [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]
    assert silent == [], f"upgan {words(path)}: give these a help text: {silent}"


def test_lists_of_commands_show_whole_short_sentences():
    for path, group in COMMANDS.items():
        text = here(*path, "--help").stdout
        for name, command in getattr(group, "commands", {}).items():
            first = command.help.split(".\n")[0].split(". ")[0].rstrip(".")
            assert len(first) <= 62, f"upgan {words((*path, name))}: {first}"
            assert first in " ".join(text.split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["train", "--help"], ["predict", "--hlep"]])
def test_the_command_line_starts_without_what_computes(arguments: list[str]):
    program = (
        "import sys; from upgan.cli.main import run; run(sys.argv[1:]); "
        "heavy = {'numpy', 'pandas', 'pyarrow', 'scipy', 'torch', 'plotly', 'duckdb', 'optuna'} & set(sys.modules); "
        "sys.exit(f'loaded: {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version_is_said_as_a_module_and_in_python():
    assert run("--version").stdout == f"upgan {upgan.__version__}\n"


def test_what_is_loaded_on_first_use_is_listed():
    assert {"load", "load_dataset", "__version__"} <= set(dir(upgan))


# Mistyped words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["trian"], "Did you mean 'train'"),
        (["data", "prepar"], "Did you mean 'prepare'?"),
        (["trash", "lst"], "Did you mean 'list'?"),
        (["train", "data", "--sed", "3"], "Did you mean '--seed'"),
        (["predict", "run", "--releation=author"], "Did you mean '--relation'?"),
        (["--verson"], "Did you mean '--version'?"),
        ([*TRAIN, "--set", "model.dmi=3"], "Did you mean 'model.dim'"),
        ([*TRAIN, "--set", "modle.dim=3"], "Did you mean 'model.dim'"),
        ([*TRAIN, "--set", "patiance=3"], "Did you mean 'patience'?"),
        ([*TRAIN, "--preset", "qualty"], "Did you mean 'quality'?"),
    ],
)
def test_a_mistyped_word_is_answered_by_the_one_that_was_meant(arguments: list[Any], meant: str):
    refused(here(*arguments), meant)
    assert not (DEMO / "never-made").exists()


def test_a_mistyped_key_of_a_settings_file_is_answered_too(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[pretrain]\nbatsh = 3\n", encoding="utf-8")
    refused(here(*TRAIN, "--config", file), "'pretrain.batsh'", "Did you mean 'pretrain.batch'")


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["qqqq"], "No such command 'qqqq'.\n"),
        (["train", "data", "--qqqq"], "No such option: --qqqq.\n"),
        ([*TRAIN, "--set", "qqqq=1"], "The settings are model_name, "),
        ([*TRAIN, "--set", "model.qqqq=1"], "The settings are model_name, "),
        ([*TRAIN, "--preset", "qqqq"], "'qqqq'. Choose one of demo, paper, quality."),
    ],
)
def test_what_resembles_nothing_is_not_guessed_at(arguments: list[Any], allowed: str):
    result = here(*arguments)
    refused(result, allowed)
    assert "Did you mean" not in result.stderr
