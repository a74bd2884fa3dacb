"""Results on stdout: one JSON document, or text for a person."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from json import dumps
from pathlib import Path
from typing import Any

import typer

from upgan.errors import ConfigError
from upgan.escapes import json_for_terminal, terminal


def print_json(value: Any) -> None:
    """One JSON document, UTF-8, keys in the order given."""
    sys.stdout.write(json_for_terminal(dumps(value, indent=2, ensure_ascii=False, allow_nan=False)) + "\n")


def print_result(json: bool, document: Any, text: str) -> None:
    """A command's result: for a program where --json is given, else for a person."""
    if json:
        print_json(document)
    else:
        say(text)


def say(text: str) -> None:
    """A result for a person, on stdout; names in it move no cursor and colour nothing."""
    typer.echo(terminal(text))


def note(text: str) -> None:
    """A line for the person at the terminal, on stderr."""
    # The name of a file may be no text; it is shown with escapes.
    print(terminal(text).encode("utf-8", "backslashreplace").decode("utf-8"), file=sys.stderr, flush=True)


def check_choice(option: str, value: str, allowed: Iterable[str]) -> None:
    """ConfigError where the value is none of those that the option takes."""
    if value not in allowed:
        raise ConfigError(f"{option} {value!r}: choose one of {', '.join(allowed)}")


def refuse_file(option: str, path: Path | None) -> None:
    """ConfigError where a file has the name of a folder that is to be written to."""
    if path is not None and path.exists() and not path.is_dir():
        raise ConfigError(f"{option} {path}: a file is in the way of the folder; choose another name")


def refuse_folder(option: str, path: Path | None) -> None:
    """ConfigError where a file is to be written to a folder's name: said before the work, not after it."""
    if path is not None and path.is_dir():
        raise ConfigError(f"{option} {path}: a folder is in the way of the file; choose another name")
