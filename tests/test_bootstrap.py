"""make app and make test on a machine that lacks something: what is said, and that nothing half-done stays behind."""

from __future__ import annotations

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
import missing

ROOT = Path(__file__).resolve().parents[1]
PROJECT = bootstrap.read_project(ROOT / "pyproject.toml")

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def script(path: Path, text: str) -> Path:
    """A command that does as told."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the first minutes of a new checkout need."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def pip_calls(monkeypatch) -> list[tuple[str, ...]]:
    """An environment whose pip only notes what it was asked for, and whose Python is this one."""
    calls: list[tuple[str, ...]] = []

    def create(env, reason):
        env.folder.mkdir(exist_ok=True)
        for path in (env.stamp, env.begun):
            path.unlink(missing_ok=True)
        script(env.python, f'exec "{sys.executable}" "$@"')

    def pip(env, *arguments, attempt=False):
        calls.append(arguments)
        return 0, ""

    monkeypatch.setattr(bootstrap, "create", create)
    monkeypatch.setattr(bootstrap.Environment, "pip", pip)
    monkeypatch.setattr(bootstrap.Environment, "check_imports", lambda env: None)
    monkeypatch.setattr(bootstrap, "wants_cpu_torch", lambda: False)
    return calls


# What can be missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bootstrap.py", "missing.py"])
def test_an_old_python_can_read_the_scripts(name):
    ast.parse((ROOT / "scripts" / name).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_an_old_python_is_refused_with_a_way_out():
    with pytest.raises(missing.BootstrapError, match=r"needs Python 3\.11 or newer.* is 3\.10\.13") as error:
        missing.check_python((3, 10, 13))
    assert "PYTHON=" in str(error.value)


def test_the_minimum_is_that_of_the_package():
    assert PROJECT["project"]["requires-python"] == ">=" + ".".join(map(str, missing.MINIMUM))


def test_a_python_without_venv_names_the_package_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(missing.BootstrapError, match=r"apt-get install python3\.12-venv"):
        missing.check_python((3, 12, 1))


def test_a_small_disk_is_refused_before_the_download(tmp_path):
    with pytest.raises(missing.BootstrapError, match=r"GB free; the environment needs about 1000000000 GB"):
        missing.check_disk(tmp_path, 1e9)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        (
            "Failed to establish a new connection: [Errno 111] Connection refused\nNo matching distribution",
            "no network",
        ),
        ("Could not find a version that satisfies the requirement setuptools>=77 (from versions: none)", "no network"),
        ("[Errno -3] Temporary failure in name resolution", "no network"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT"),
        ("ERROR: No matching distribution found for torch<2.14,>=2.6", "no build for Python 3.19.0"),
        ("something new", "could not install"),
    ],
)
def test_what_pip_says_becomes_one_clear_sentence(tmp_path, monkeypatch, output, says):
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    assert says in missing.explain_pip_failure(output, tmp_path, python="3.19.0")


def test_a_pip_without_index_is_not_called_a_missing_network(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert "PIP_NO_INDEX" in missing.explain_pip_failure("No matching distribution found for numpy", tmp_path)


# What is installed, and when ----------------------------------------------------------------------------------------


def test_torch_is_read_from_pyproject():
    requirement = bootstrap.torch_requirement(PROJECT)
    assert requirement in PROJECT["project"]["dependencies"]
    assert requirement.startswith("torch")
    assert "," in requirement


def test_other_packages_named_like_torch_are_not_taken_for_it():
    project = {"project": {"dependencies": ["torchmetrics>=1", "torch-ppr", "torch >=2.6"]}}
    assert bootstrap.torch_requirement(project) == "torch >=2.6"


def test_the_fingerprint_follows_dependencies_and_not_lint_settings(tmp_path):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    copy = tmp_path / "pyproject.toml"

    def fingerprint_of(changed: str) -> str:
        assert changed != text
        copy.write_text(changed, encoding="utf-8")
        return bootstrap.fingerprint(bootstrap.read_project(copy))

    before = bootstrap.fingerprint(PROJECT)
    assert fingerprint_of(text.replace("line-length = 120", "line-length = 99")) == before
    assert fingerprint_of(text.replace("Development Status :: 4 - Beta", "Topic :: Text Processing")) == before
    assert fingerprint_of(text.replace('"numpy>=', '"numpy>=0')) != before


def test_the_second_call_installs_nothing(checkout, pip_calls):
    bootstrap.bootstrap(checkout, [], python_given=False)
    assert pip_calls == [("--editable", ".")]
    bootstrap.bootstrap(checkout, [], python_given=False)
    bootstrap.bootstrap(checkout, [], python_given=True)
    assert len(pip_calls) == 1


def test_extras_are_added_once_and_kept(checkout, pip_calls):
    bootstrap.bootstrap(checkout, [], python_given=False)
    bootstrap.bootstrap(checkout, ["test"], python_given=False)
    bootstrap.bootstrap(checkout, [], python_given=False)
    bootstrap.bootstrap(checkout, ["test"], python_given=False)
    assert pip_calls == [("--editable", "."), ("--editable", ".[test]")]


def test_a_changed_dependency_is_installed_with_the_extras_that_were_there(checkout, pip_calls):
    bootstrap.bootstrap(checkout, ["test"], python_given=False)
    pyproject = checkout / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8").replace('"numpy>=', '"numpy>=0'), encoding="utf-8")
    bootstrap.bootstrap(checkout, [], python_given=False)
    assert pip_calls == [("--editable", ".[test]")] * 2


def test_a_failed_install_leaves_no_stamp_and_the_next_call_tries_again(checkout, pip_calls, monkeypatch):
    working = bootstrap.Environment.pip
    monkeypatch.setattr(bootstrap.Environment, "pip", lambda env, *arguments: (1, "Installing collected packages: a"))
    with pytest.raises(missing.BootstrapError, match=r"upgan-install\.log"):
        bootstrap.bootstrap(checkout, [], python_given=False)
    env = bootstrap.Environment(checkout)
    assert not env.stamp.exists()
    assert env.reason_to_recreate(None) == "an earlier install was interrupted"
    monkeypatch.setattr(bootstrap.Environment, "pip", working)
    bootstrap.bootstrap(checkout, [], python_given=False)
    assert env.stamp.exists()
    assert not env.begun.exists()


def test_an_environment_that_cannot_be_used_is_made_anew(checkout, pip_calls):
    bootstrap.bootstrap(checkout, [], python_given=False)
    assert bootstrap.Environment(checkout).reason_to_recreate(None) is None
    assert bootstrap.Environment(checkout).reason_to_recreate(platform.python_version()) is None
    assert "is wanted" in str(bootstrap.Environment(checkout).reason_to_recreate("3.99.0"))
    stamp = bootstrap.Environment(checkout).stamp
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "root": "/elsewhere"}), encoding="utf-8")
    assert "another folder" in str(bootstrap.Environment(checkout).reason_to_recreate(None))
    script(bootstrap.Environment(checkout).python, "exit 1")
    assert "does not run" in str(bootstrap.Environment(checkout).reason_to_recreate(None))


def test_torch_without_cuda_is_put_in_place_first(checkout, pip_calls, monkeypatch):
    monkeypatch.setattr(bootstrap, "wants_cpu_torch", lambda: True)
    bootstrap.bootstrap(checkout, [], python_given=False)
    requirement = bootstrap.torch_requirement(PROJECT)
    # One of pip's own folders has it here; where none has, the public CPU index is asked.
    assert pip_calls == [("--no-index", "--no-deps", requirement), ("--editable", ".")]


@pytest.mark.parametrize(("answers", "asked"), [(True, [bootstrap.CPU_INDEX]), (False, [])])
def test_the_cpu_index_is_used_where_it_answers(checkout, monkeypatch, answers, asked):
    calls: list[tuple[str, ...]] = []

    def pip(env, *arguments, attempt=False):
        calls.append(arguments)
        return (1 if "--no-index" in arguments else 0), ""

    monkeypatch.setattr(bootstrap.Environment, "pip", pip)
    monkeypatch.setattr(bootstrap, "index_answers", lambda url: answers)
    bootstrap.install_torch(bootstrap.Environment(checkout), "torch>=2.6")
    assert [call[call.index("--index-url") + 1] for call in calls if "--index-url" in call] == asked


def test_an_index_that_is_not_there_is_noticed_at_once():
    assert not bootstrap.index_answers("http://127.0.0.1:9", seconds=2)


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")
def test_a_second_call_waits_for_the_first(checkout):
    code = "import bootstrap, pathlib\nwith bootstrap.only_one(pathlib.Path('.')): print('mine', flush=True)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    with bootstrap.only_one(checkout):
        second = subprocess.Popen(
            [sys.executable, "-c", code], cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert second.stdout is not None
        assert "waiting" in second.stdout.readline()
        assert second.poll() is None
    output, _ = second.communicate(timeout=20)
    assert output == "mine\n"


# The Makefile -------------------------------------------------------------------------------------------------------


def make(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PIP_"))}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env={**clean, **environment}, capture_output=True, text=True, timeout=100
    )


@needs_make
def test_make_alone_lists_the_targets(checkout):
    done = make(checkout)
    assert done.returncode == 0
    for target in ("app", "test", "lint", "hooks", "wheel", "clean", "help"):
        assert f"make {target} " in done.stdout


@needs_make
def test_make_with_an_old_python_says_so(checkout):
    old = script(checkout / "bin" / "old", 'if [ "$1" = --version ]; then echo Python 3.9.1; else exit 1; fi')
    done = make(checkout, "app", f"PYTHON={old}")
    assert done.returncode != 0
    assert "Python 3.9.1" in done.stderr
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (checkout / ".venv").exists()


@needs_make
def test_make_takes_a_python_that_runs_and_not_a_shim_that_fails(checkout):
    script(checkout / "bin" / "python3", "exit 127")
    script(checkout / "bin" / "python3.13", f'exec "{sys.executable}" "$@"')
    (checkout / "scripts" / "bootstrap.py").write_text("import sys\nprint('started', *sys.argv[1:])\n")
    done = make(checkout, "env-test", PATH=f"{checkout / 'bin'}:/usr/bin:/bin")
    assert done.stdout == "started --extra test\n", done.stderr


@needs_make
def test_make_without_network_says_so_and_leaves_no_stamp(checkout):
    done = make(
        checkout,
        "env",
        f"PYTHON={sys.executable}",
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="1",
        # No way out for the look at PyTorch's index either.
        https_proxy="http://127.0.0.1:9",
    )
    assert done.returncode != 0
    assert "The package index cannot be reached: no network" in done.stderr
    assert not (checkout / ".venv" / "upgan-installed.json").exists()
