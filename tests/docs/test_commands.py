"""Every command of README and tutorials is run, page by page in a folder of its own, and gives what is shown.

A page's ``console`` blocks hold commands after ``$ `` and what they print below, where ``...`` is anything; what a
``python`` block prints stands in a ``text`` block behind it. Three comments are read before a block:
``<!-- not run: reason -->``, ``<!-- slow -->``, which leaves it to the slow tests, and ``<!-- in the test: Python -->``
for what a person does in the app.

Trainings are cut short (SHORT), after which what is printed is not compared; the slow tests run every page as it is.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import ROOT, here

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/tutorial").glob("*.md"))]
BLOCK = re.compile(
    r"<!-- in the test:(?P<test>.*?)-->|"
    r"(?:<!-- (?:not run: (?P<reason>.+?)|(?P<slow>slow)) -->\n+)?```(?P<kind>\w+)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
#: Settings of a training that is over in seconds.
SHORT = (
    "model.dim=8 initialisation.epochs=1 initialisation.relax_epochs=0 pretrain.epochs=1 pretrain.relax_epochs=0 "
    "adversarial.epochs=0 fusion.enabled=false walks.enabled=false"
)
OURS = re.compile(r"^\s*(?:\$ )?(?:upgan|python scripts/|\.venv/bin/upgan) ", re.MULTILINE)


@dataclass
class Shell:
    """Where a page's commands run; ``short`` cuts trainings short."""

    folder: Path
    short: bool
    #: Whether what is printed is still what the page shows.
    whole: bool = True

    def run(self, command: str) -> str:
        words = shlex.split(command, comments=True)
        name = words[1] if words[:1] == ["upgan"] and len(words) > 1 else ""
        if self.short and name in {"train", "reproduce"} and not {"--estimate", "--dry-run"} & {*words}:
            words += [word for setting in SHORT.split() for word in ("--set", setting)]
            self.whole = False
        if name:
            done = here(*words[1:])
        else:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            done = subprocess.run(
                ["bash", "-c", command.replace("scripts/", f"{ROOT}/scripts/")], capture_output=True, text=True,
                timeout=100, cwd=self.folder, env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    def python(self, code: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "<page>", "exec"), {})
        return out.getvalue()

    def shows(self, expected: str, printed: str, what: str) -> None:
        if self.whole and expected.strip():
            pattern = re.escape(tidy(expected)).replace(r"\.\.\.", ".*?")
            assert re.fullmatch(pattern, tidy(printed), re.DOTALL), (
                f"{what} printed\n{printed}\nand the page shows\n{expected}"
            )


def tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def commands_of(body: str) -> list[tuple[str, str]]:
    """A console block's commands (lines that end in a backslash go on), each with what stands below it."""
    parts = re.split(r"^\$ ((?:.*\\\n)*.*)$", body, flags=re.MULTILINE)
    assert not parts[0].strip(), f"a console block begins with a command after '$ ': {parts[0]}"
    return [(command.replace("\\\n", " "), shown) for command, shown in zip(parts[1::2], parts[2::2], strict=True)]


def run_page(page: Path, shell: Shell) -> int:
    """Run all of a page; how many commands and pieces of Python that were."""
    count, printed = 0, ""
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        kind, body = block["kind"], block["body"]
        if block["test"]:
            shell.python(block["test"].strip())
        elif block["reason"] or (block["slow"] and shell.short):
            printed = ""
        elif kind == "console":
            for command, shown in commands_of(body):
                shell.shows(shown, shell.run(command), command)
                count += 1
        elif kind == "python":
            printed = shell.python(body)
            count += 1
        elif kind == "text":
            shell.shows(body, printed, "the Python above")
    return count


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_is_what_happens(page, folder):
    assert run_page(page, Shell(folder, short=True)) > 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_same_with_whole_trainings(page, folder):
    shell = Shell(folder, short=False)
    assert run_page(page, shell) > 0
    assert shell.whole


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_command_stands_where_it_is_not_run(page):
    text = page.read_text(encoding="utf-8")
    outside = BLOCK.sub("", text)
    assert OURS.findall(outside) == []
    assert not re.search(r"^```(?!console|python|text|bibtex)\w+", text, re.MULTILINE)


def test_a_page_that_shows_something_else_fails(tmp_path, folder):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one\ntwo\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="echo one printed"):
        run_page(page, Shell(tmp_path, short=True))
    page.write_text("```console\n$ echo one; echo two\no...\ntwo\n```\n", encoding="utf-8")
    assert run_page(page, Shell(tmp_path, short=True)) == 1
    page.write_text("```console\n$ upgan predict nowhere --head a --relation b\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="nowhere"):
        run_page(page, Shell(tmp_path, short=True))
