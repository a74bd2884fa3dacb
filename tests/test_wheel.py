"""The wheel, as a stranger installs it: into an empty environment, used in an empty folder, without the checkout.

The packages upgan needs are lent by this environment; the checkout and its editable install are not to be seen.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from upgan.runs.demo import RUNS
from upgan.version import __version__

# Builds, an install and a server in one: on a busy machine more than a single test has.
pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).resolve().parents[1]
#: What the build reads.
SOURCES = ("upgan", "ui", *(f"checkpoints/{name}" for name in RUNS), "results/demo", ".streamlit")
QUESTION = ("--head", "book:part-of-the-bargain", "--relation", "author")
ANSWER = "Linda Lael Miller"
#: Names in the working folder that nothing may be imported from.
DECOYS = ("ui.py", "upgan.py", "streamlit.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build leaves files behind, and an older one's would get into the next wheel."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for folder in SOURCES:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(out), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    environment: Path
    home: Path

    def variables(self, **more: str) -> dict[str, str]:
        """As in a new shell: nothing points to the checkout, and what is written to the home folder is thrown away."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("UPGAN_", "PYTHON"))}
        locks = {"UPGAN_LOCKS": str(self.home), "HOME": str(self.home), "CUDA_VISIBLE_DEVICES": ""}
        path = f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**kept, **locks, "PATH": path, **more}

    def run(self, *words: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """One command of the environment."""
        command = [str(self.environment / "bin" / words[0]), *map(str, words[1:])]
        return subprocess.run(command, cwd=cwd, env=self.variables(**more), capture_output=True, text=True, timeout=110)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own. A .pth line lends it a folder of packages, but no editable install."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--no-deps", "--no-index", str(wheel)]
    # A checkout that PYTHONPATH names would count as installed already.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(pip, env=clean, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    (packages,) = folder.glob("lib/python*/site-packages")
    lent = {sysconfig.get_paths()[name] for name in ("purelib", "platlib")}
    (packages / "lent.pth").write_text("\n".join(sorted(lent)) + "\n", encoding="utf-8")
    return Installed(folder, tmp_path_factory.mktemp("home"))


def test_the_wheel_holds_what_it_should(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        demo = {name: archive.read(name) for name in names if name.startswith("upgan/runs/shipped/")}
        metadata = archive.read(f"upgan-{__version__}.dist-info/METADATA").decode()
    folders = [ROOT / "checkpoints" / name for name in RUNS] + [ROOT / "results" / "demo"]
    expected = {
        f"upgan/runs/shipped/{path.relative_to(ROOT)}": path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("resume")
    }
    assert demo == expected
    code = {str(path.relative_to(ROOT)) for folder in ("upgan", "ui") for path in (ROOT / folder).rglob("*.py")}
    assert code <= names
    assert {"upgan/py.typed", "ui/py.typed", "ui/app.py", "ui/.streamlit/config.toml"} <= names
    assert {f"upgan-{__version__}.dist-info/licenses/{name}" for name in ("LICENSE", "NOTICE")} <= names
    assert {name.split("/")[0] for name in names} == {"upgan", "ui", f"upgan-{__version__}.dist-info"}
    assert "License-Expression: MIT" in metadata
    assert wheel.stat().st_size < 6e6


def test_every_file_beside_the_code_is_in_the_wheel(wheel: Path) -> None:
    """A template or table of a new kind would be missed by the patterns of pyproject.toml, and only there."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    beside = {
        str(path.relative_to(ROOT))
        for folder in ("upgan", "ui")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert beside <= names


def test_the_installed_package_is_not_the_checkout(installed: Installed, tmp_path: Path) -> None:
    code = "import sys, ui, upgan; print(upgan.__file__); print(ui.__file__); print('torch' in sys.modules)"
    upgan, ui, torch = installed.run("python", "-c", code, cwd=tmp_path).stdout.splitlines()
    for file in (upgan, ui):
        assert Path(file).is_relative_to(installed.environment)
    assert torch == "False"
    assert installed.run("upgan", "--version", cwd=tmp_path).stdout == f"upgan {__version__}\n"


def test_the_demo_checkpoint_answers_in_an_empty_folder(installed: Installed, tmp_path: Path) -> None:
    made = installed.run("upgan", "demo", cwd=tmp_path)
    assert made.stdout == "checkpoints/demo\n", made.stderr
    predicted = installed.run("upgan", "predict", "checkpoints/demo", *QUESTION, "--json", cwd=tmp_path)
    assert json.loads(predicted.stdout)["candidates"][0]["label"] == ANSWER, predicted.stderr
    assert installed.run("upgan", "demo", cwd=tmp_path).stdout == "checkpoints/demo\n"


def test_completion_is_installed_by_one_command(installed: Installed, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    # The shell is known by the process that runs the command.
    shell = [bash, "--norc", "-c", "upgan --install-completion; echo done"]
    done = subprocess.run(shell, cwd=tmp_path, env=installed.variables(), capture_output=True, text=True, timeout=60)
    assert "bash completion installed" in done.stdout, done.stderr
    assert "upgan" in (installed.home / ".bashrc").read_text(encoding="utf-8")
    # What the installed lines do when Tab is pressed after `upgan data pr` and `upgan train --se`.
    for words, word in (("upgan data pr", "prepare"), ("upgan train --se", "--seed")):
        asked = {"_UPGAN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        assert word in installed.run("upgan", cwd=tmp_path, **asked).stdout.split()


# The app ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    """`upgan app` at work."""

    address: str
    folder: Path


@pytest.fixture(scope="module")
def served(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`upgan app` as it is started in a folder without anything of upgan's."""
    folder = tmp_path_factory.mktemp("empty")
    for name in DECOYS:
        (folder / name).write_text("raise SystemExit('imported from the working folder')\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "app.log"
    command = [str(installed.environment / "bin" / "upgan"), "app", "--no-browser", f"--port={port}"]
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=folder, env=installed.variables(), stdout=stream, stderr=stream)
    try:
        wait_for_health(port, process, log)
        yield Served(f"http://127.0.0.1:{port}", folder)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=20)
    assert code == 130, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


def wait_for_health(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as answer:
                assert answer.read() == b"ok"
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"no answer within a minute: {log.read_text()}")


def test_the_app_opens_in_an_empty_folder_with_the_demo(served: Served) -> None:
    with urllib.request.urlopen(served.address, timeout=10) as page:
        assert b"<html" in page.read()
    assert sorted(path.name for path in served.folder.iterdir()) == sorted([*DECOYS, "checkpoints", "results"])
    assert {path.name for path in (served.folder / "checkpoints").iterdir()} == set(RUNS)
    assert (served.folder / "results" / "demo" / "table3.json").is_file()


def test_the_app_answers(installed: Installed, served: Served) -> None:
    """Its script run as the server runs it, on the demo that the server found."""
    code = f"""
from pathlib import Path
from streamlit.testing.v1 import AppTest
import ui
script = Path(ui.__file__).with_name("app.py")
(page,) = script.parent.glob("*/ask.py")
app = AppTest.from_file(str(script), default_timeout=100)
app.switch_page(str(page.relative_to(script.parent)))
app.query_params.update(entity={QUESTION[1]!r}, relation={QUESTION[3]!r})
app.run()
assert not app.exception, app.exception
print(*(each.value for each in app.subheader))
"""
    asked = installed.run(
        "python", "-c", code, cwd=served.folder.parent, UPGAN_CHECKPOINTS=str(served.folder / "checkpoints")
    )
    assert ANSWER in asked.stdout, asked.stderr


@pytest.mark.browser
def test_the_app_answers_in_a_browser(browser_path: str, served: Served) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=browser_path, args=["--headless", "--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(served.address)
        page.get_by_role("link", name="Ask this").first.click()
        page.get_by_role("heading", name=f"— {ANSWER}").first.wait_for()
        # Streamlit's own button is there unless the app's settings, which are in the wheel too, were read.
        assert page.get_by_role("button", name="Deploy").count() == 0
        assert page.get_by_text("Deploy", exact=True).count() == 0
        browser.close()
