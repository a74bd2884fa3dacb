"""The reference pages are what the code gives, and name all that `--help` names."""

from __future__ import annotations

import re

import pytest

from tests.command_line import ROOT, here

pytest.importorskip("sphinx")
from reference import pages

FOLDER = ROOT / "docs/reference"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_every_page_is_what_the_code_gives(made):
    different = [name for name, text in made.items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    assert different == [], "python scripts/reference.py writes them again"


def command_names() -> list[str]:
    """Told by the help itself."""
    names = []
    for name in listed("--help"):
        below = listed(name, "--help")
        names += [f"{name} {each}" for each in below] or [name]
    return names


def listed(*arguments: str) -> list[str]:
    _, _, commands = here(*arguments).stdout.partition("Commands:\n")
    return re.findall(r"^  ([\w-]+)", commands, re.MULTILINE)


def test_the_commands_are_those_of_the_help_with_all_their_options(made):
    """The help is written by typer, the page by us: each is the other's oracle."""
    sections = dict(re.findall(r"^## upgan (.+?)\n(.*?)(?=^## |\Z)", made["commands.md"], re.DOTALL | re.MULTILINE))
    assert sorted(sections) == sorted(command_names()) != []
    for name, section in sections.items():
        shown = here(*name.split(), "--help").stdout
        options = set(re.findall(r"^\s+(?:-\w, )?(--[a-z-]+)", shown, re.MULTILINE)) - {"--help"}
        written = set(re.findall(r"--[a-z-]+", re.sub(r"(?m)^\|[^|]*\|[^|]*\|.*$", _first_cell, section)))
        assert options <= written, f"upgan {name}: {sorted(options - written)} are not on the page"


def _first_cell(row: re.Match[str]) -> str:
    return row[0].split("|")[1]


def test_what_a_docstring_says_is_shown_as_text(made):
    """`<head, relation, ?>` would be a tag, and vanish."""
    assert re.findall(r"^(?!<!--|    )[^`\n]*(?<!\\)<\w", made["python.md"], re.MULTILINE) == []
