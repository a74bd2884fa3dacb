"""Create .venv and install the package into it; do nothing when that has been done before.

Called by the Makefile. Standard library only, and written so that Python 3.8 can read it and say what is wrong.

A stamp in .venv records what was installed (dependencies, extras, Python, folder). Another file marks an install that
has begun: an interrupted one leaves that mark and no stamp, and the next call starts from an empty .venv.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from missing import MINIMUM, BootstrapError, check_disk, check_python, explain_pip_failure

ROOT = Path(__file__).resolve().parents[1]
#: PyTorch's own wheels without CUDA: 200 MB instead of several gigabytes.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_INDEX_SECONDS = 3.0
#: What an installed environment takes, in gigabytes, with some room for unpacking.
NEEDED_GB = {"cpu": 3.0, "cuda": 10.0}
#: The keys of [project] that decide what is installed; others describe it (licence, classifiers).
DECIDING = ("name", "requires-python", "dependencies", "optional-dependencies", "scripts")
#: The lines of pip that say how far it is (of the downloads only those of megabytes); all go to the log.
PROGRESS = re.compile(r"\s*(Downloading .* MB|Installing collected packages)")
ERRORS = re.compile(r"\s*ERROR")


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(f"[setup] {text}", flush=True)


def read_project(path: Path) -> dict[str, Any]:
    """The parts of pyproject.toml that decide what is installed."""
    import tomllib  # Python 3.11 or newer: imported only after check_python.

    with path.open("rb") as file:
        document: dict[str, Any] = tomllib.load(file)
    tools = document.get("tool", {})
    return {
        "build-system": document["build-system"],
        "project": {key: value for key, value in document["project"].items() if key in DECIDING},
        "setuptools": tools.get("setuptools", {}).get("packages"),
    }


def torch_requirement(project: dict[str, Any]) -> str:
    """The torch line of the dependencies, for example ``torch>=2.6,<2.14``."""
    for requirement in project["project"]["dependencies"]:
        if requirement.replace(" ", "").startswith(("torch>", "torch=", "torch<", "torch~")) or requirement == "torch":
            return str(requirement)
    raise BootstrapError("pyproject.toml names no torch dependency.")


def has_nvidia_gpu() -> bool:
    """True where the default torch wheels, with CUDA, are of use."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def wants_cpu_torch() -> bool:
    """Only Linux has CUDA wheels as its default; elsewhere the default is small already."""
    return platform.system() == "Linux" and not has_nvidia_gpu()


def index_answers(url: str, seconds: float = CPU_INDEX_SECONDS) -> bool:
    """Whether a package index can be reached, decided quickly."""
    request = urllib.request.Request(f"{url}/torch/", headers={"User-Agent": "upgan-bootstrap"}, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except (urllib.error.URLError, OSError, ValueError):
        return False


class Environment:
    """The virtual environment of this checkout and what is known about it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "upgan-installed.json"
        self.begun = self.folder / "upgan-install-begun"
        self.log = self.folder / "upgan-install.log"

    @functools.cached_property
    def version(self) -> str | None:
        """The version of the environment's Python; None where it, or its pip, is not in order."""
        probe = "import importlib.util, platform; print(importlib.util.find_spec('pip') and platform.python_version())"
        try:
            done = subprocess.run([str(self.python), "-c", probe], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return None
        version = done.stdout.strip()
        return version if done.returncode == 0 and version != "None" else None

    def installed(self) -> dict[str, Any]:
        """What the stamp says; empty where there is none."""
        try:
            content: dict[str, Any] = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content

    def reason_to_recreate(self, wanted_python: str | None) -> str | None:
        """Why an existing environment cannot be used; None where it can."""
        version = self.version
        if version is None:
            return "its Python or its pip does not run"
        if self.begun.exists():
            return "an earlier install was interrupted"
        if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM:
            return f"it has Python {version}"
        if wanted_python is not None and version.split(".")[:2] != wanted_python.split(".")[:2]:
            return f"it has Python {version} and {wanted_python} is wanted"
        root = self.installed().get("root", str(self.root))
        if root != str(self.root):
            return f"it was made in another folder ({root})"
        return None

    def check_imports(self) -> None:
        """Start what was installed once: a wheel may need a system library that is not there."""
        command = [str(self.python), "-c", "import torch, upgan"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.root)
        if done.returncode != 0:
            raise BootstrapError(f"{done.stderr.strip()}\nThe packages are installed but do not start (above: why).")

    def pip(self, *arguments: str, attempt: bool = False) -> tuple[int, str]:
        """Run pip install, show the lines that tell progress, log all; returns its status and its output.

        The errors of an attempt are not shown: another way follows.
        """
        # pip compiles the packages, which takes half of the install: left to the first import it would be done at every
        # start wherever PYTHONDONTWRITEBYTECODE is set, as it often is in containers.
        options = ["--no-input", "--disable-pip-version-check"]
        command = [str(self.python), "-m", "pip", "install", *options, *arguments]
        # A user's own settings must not send the packages elsewhere, nor another environment's be used for them.
        environment = {
            k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"}
        }
        environment["PIP_USER"] = "0"
        lines = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            with subprocess.Popen(
                command,
                cwd=self.root,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                errors="replace",
            ) as process:
                for line in process.stdout or ():
                    log.write(line)
                    lines.append(line)
                    if PROGRESS.match(line) or (ERRORS.match(line) and not attempt):
                        text = line.strip()
                        print(f"  {text[:117]}..." if len(text) > 120 else f"  {text}", flush=True)
        return process.returncode, "".join(lines)


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Wait while another call installs into the same folder. The lock dies with its process, so it is never stale."""
    try:
        import fcntl
    except ImportError:  # No such locks on this system: two calls at once are then the caller's concern.
        yield
        return
    with (root / ".bootstrap.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another make is installing into this folder; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install_torch(env: Environment, requirement: str) -> None:
    """Where no GPU is, put a torch without CUDA in place before pip looks for one; an attempt, not a condition.

    Its own dependencies come with the main install, from the index the user has configured.
    """
    status, _ = env.pip("--no-index", "--no-deps", requirement, attempt=True)
    if status == 0:
        return  # There already, or a wheel in one of pip's own folders (find-links).
    if index_answers(CPU_INDEX):
        say(f"no NVIDIA GPU here: torch without CUDA from {CPU_INDEX} (about 200 MB)")
        status, _ = env.pip("--no-deps", "--index-url", CPU_INDEX, requirement, attempt=True)
        if status == 0:
            return
    say(f"{CPU_INDEX} does not answer: torch comes from your package index, probably with CUDA (several GB)")
    check_disk(env.root, NEEDED_GB["cuda"])


def install(env: Environment, extras: list[str], project: dict[str, Any]) -> None:
    """Bring the environment to what pyproject.toml asks for; the stamp is written last."""
    started = time.monotonic()
    env.begun.write_text("", encoding="utf-8")
    if wants_cpu_torch():
        install_torch(env, torch_requirement(project))
    target = f".[{','.join(extras)}]" if extras else "."
    say(f"installing {target} (log: {env.log.relative_to(env.root)}); the first time takes some minutes")
    status, output = env.pip("--editable", target)
    if status != 0:
        if "Installing collected packages" not in output:
            env.begun.unlink()  # Nothing was changed: the next call need not start from an empty .venv.
        raise BootstrapError(f"{explain_pip_failure(output, env.root)}\nThe whole log: {env.log}")
    env.check_imports()
    stamp = {"fingerprint": fingerprint(project), "python": env.version, "root": str(env.root), "extras": extras}
    temporary = env.stamp.with_suffix(".tmp")
    temporary.write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
    temporary.replace(env.stamp)
    env.begun.unlink()
    say(f"done in {time.monotonic() - started:.0f} s")


def fingerprint(project: dict[str, Any]) -> str:
    """Changes with everything that decides what is installed, and with nothing else (not with lint settings)."""
    return hashlib.sha256(json.dumps(project, sort_keys=True).encode("utf-8")).hexdigest()


def create(env: Environment, reason: str | None) -> None:
    """Make an empty environment, in place of one that cannot be used."""
    check_disk(env.root, NEEDED_GB["cpu" if wants_cpu_torch() or platform.system() != "Linux" else "cuda"])
    if reason is None:
        say(f"creating .venv with {sys.executable} (Python {platform.python_version()})")
    else:
        say(f"creating .venv anew with Python {platform.python_version()}: {reason}")
    # Symlinks as `python -m venv` makes them; clear empties a folder that is there.
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", str(env.folder)], capture_output=True, text=True)
    if done.returncode != 0:
        message = (done.stdout + done.stderr).strip()
        raise BootstrapError(f"{message}\nThe virtual environment could not be created (above: why).")


def bootstrap(root: Path, extras: list[str], python_given: bool) -> None:
    """Make sure that .venv holds the package and the extras; quick when it does."""
    check_python()
    env = Environment(root)
    project = read_project(root / "pyproject.toml")
    with only_one(root):
        reason = (
            env.reason_to_recreate(platform.python_version() if python_given else None) if env.folder.exists() else None
        )
        if reason is not None or not env.folder.exists():
            create(env, reason)
            env = Environment(root)  # Forgets what was known about the one before.
        installed = env.installed()
        present = installed.get("extras", [])
        same = installed.get("fingerprint") == fingerprint(project) and installed.get("python") == env.version
        if not same or not set(extras) <= set(present):
            install(env, sorted({*extras, *present}), project)


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, do the work, turn what is missing into one message and exit status 2."""
    parser = argparse.ArgumentParser(description="Create .venv and install upgan into it.")
    parser.add_argument("--extra", action="append", default=[], help="an extra of pyproject.toml, such as test")
    parser.add_argument(
        "--python-given", action="store_true", help="this Python was asked for: rebuild an environment of another"
    )
    options = parser.parse_args(arguments)
    try:
        bootstrap(ROOT, options.extra, options.python_given)
    except BootstrapError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    except OSError as error:
        hint = "The disk is full: free some space and run again." if error.errno == 28 else "Setting up .venv failed."
        print(f"\n{error}\n{hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; run the same command again to start over.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
