"""Rules about the code itself: who imports whom, how long things get, and what must never be called."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for folder in ("upgan", "ui") for path in (ROOT / folder).rglob("*.py"))
SOURCES += [path for path in (ROOT / "streamlit_app.py",) if path.exists()]

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
#: Reading with these can run code that came with the data.
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
UNSAFE_BUILTINS = {"eval", "exec", "compile", "__import__"}
UNSAFE_METHODS = {("torch", "load"), ("torch", "save"), ("os", "system"), ("os", "popen"), ("pd", "read_pickle")}
UNSAFE_KEYWORDS = {"shell", "allow_pickle"}


def source_ids() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in SOURCES]


def test_imports_follow_the_contracts():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    output = done.stdout + done.stderr
    assert done.returncode == 0, (
        "An import goes against the contracts in pyproject.toml ([tool.importlinter]), or a new module has no place in"
        f" them yet. lint-imports says:\n{output}"
    )
    assert re.search(r"[1-9]\d* kept, 0 broken", output), output


def test_importing_upgan_does_not_import_torch():
    code = "import sys, upgan; print(','.join(n for n in ('torch', 'streamlit', 'pandas') if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "", f"import upgan also imports {done.stdout.strip()}: every command pays for that"


def test_no_file_is_a_drawer_for_odds_and_ends():
    drawers = [name for name in source_ids() if Path(name).stem in {"utils", "util", "helpers", "misc", "common"}]
    assert drawers == [], f"give the functions of {drawers} a home that says what they are for"


@pytest.mark.parametrize("path", SOURCES, ids=source_ids())
def test_files_and_functions_stay_short(path: Path):
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= LONGEST_FILE, f"{path.name} has {lines} lines; {LONGEST_FILE} are allowed: split it by what it does"
    long = [
        f"{node.name} (line {node.lineno}, {node.end_lineno - node.lineno + 1} lines)"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == [], f"functions of more than {LONGEST_FUNCTION} lines: {long}"


def unsafe_uses(tree: ast.AST) -> Iterator[str]:
    """Imports and calls that run code found in data, or a shell. A syntax tree: ``model.eval()`` is not ``eval()``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").split(".")[0]]
        else:
            names = []
        yield from (f"line {node.lineno}: import {name}" for name in names if name in UNSAFE_MODULES)  # type: ignore[attr-defined]
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in UNSAFE_BUILTINS:
                yield f"line {node.lineno}: {name}()"
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in UNSAFE_METHODS:
                yield f"line {node.lineno}: {module}.{name}()"
        for keyword in node.keywords:
            if keyword.arg in UNSAFE_KEYWORDS and getattr(keyword.value, "value", None) is not False:
                yield f"line {node.lineno}: {keyword.arg}="


@pytest.mark.parametrize("path", SOURCES, ids=source_ids())
def test_nothing_runs_code_from_data(path: Path):
    found = list(unsafe_uses(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == [], f"{path.name}: {found}; tensors are read with safetensors, the rest as JSON, TOML or parquet"


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from pickle import loads", "torch.load(f)", "eval('1')", "run(c, shell=True)", "exec(s)"],
)
def test_the_check_sees_what_it_should(code: str):
    assert list(unsafe_uses(ast.parse(code))) != []


@pytest.mark.parametrize("code", ["model.eval()", "re.compile('a')", "run(c, shell=False)", "'no pickle'"])
def test_the_check_lets_the_harmless_pass(code: str):
    assert list(unsafe_uses(ast.parse(code))) == []


def test_the_hooks_before_a_commit_are_the_checks_of_make_lint():
    yaml = pytest.importorskip("yaml")
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(VENV_PYTHON)", ".venv/bin/python")
    checks = dict(re.findall(r'echo "== (.+?)"; +(\.venv/bin/.+?) \|\|', text))
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"], "tools of their own would have other versions"
    assert {hook["name"]: hook["entry"] for hook in hooks[0]["hooks"]} == checks
    assert len(checks) == 4
