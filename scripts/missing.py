"""What a machine can lack for the environment, and one clear message for each case.

Standard library only, and written so that Python 3.8 can read it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path

#: The oldest Python the package runs on; the same as requires-python in pyproject.toml.
MINIMUM = (3, 11)


class BootstrapError(Exception):
    """Something is missing that whoever runs it has to provide; the message says what and how."""


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> None:
    """Refuse a Python that is too old, or one that cannot make virtual environments."""
    if tuple(version[:2]) < MINIMUM:
        current = ".".join(str(part) for part in version)
        raise BootstrapError(
            f"upgan needs Python {MINIMUM[0]}.{MINIMUM[1]} or newer; {sys.executable} is {current}.\n"
            "Install a newer one and run again, or name it: make app PYTHON=/path/to/python3.12"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        package = f"python{version[0]}.{version[1]}-venv"
        raise BootstrapError(
            f"{sys.executable} has no '{error.name}' module, so it cannot create a virtual environment.\n"
            f"On Debian and Ubuntu: sudo apt-get install {package}   (then run again)"
        ) from None


def check_disk(folder: Path, needed_gb: float) -> None:
    """Say before a long download that it will not fit."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < needed_gb:
        raise BootstrapError(
            f"The disk of {folder} has {free_gb:.1f} GB free; the environment needs about {needed_gb:.0f} GB.\n"
            "Free some space (pip cache purge may help) and run again."
        )


def explain_pip_failure(output: str, folder: Path, python: str = platform.python_version()) -> str:
    """One clear sentence or two for what pip said in forty lines."""
    low = output.lower()
    if "no space left on device" in low or "[errno 28]" in low:
        free = shutil.disk_usage(folder).free / 1e9
        return f"The disk is full ({free:.1f} GB free at {folder}). Free some space and run again."
    if os.environ.get("PIP_NO_INDEX") and "no matching distribution found" in low:
        return "pip is told to use no package index (PIP_NO_INDEX is set), and its folders lack a package (see above)."
    unreachable = (
        "failed to establish a new connection",
        "name resolution",
        "name or service not known",
        "getaddrinfo failed",
        "connection refused",
        "connecttimeout",
        "read timed out",
        "network is unreachable",
        "connection reset",
        "cannot connect to proxy",
    )
    # setuptools is on every index and runs everywhere: where pip finds none, it sees no index at all.
    if any(sign in low for sign in unreachable) or re.search(r"requirement setuptools\S* \(from versions: none", low):
        return (
            "The package index cannot be reached: no network, or a proxy or mirror that pip does not know.\n"
            "The first install needs one (pip config list shows what pip uses); later runs need none."
        )
    if "certificate_verify_failed" in low:
        return (
            "The package index's certificate was not accepted. Behind a company proxy set PIP_CERT to its certificate."
        )
    if "no matching distribution found" in low:
        return (
            f"The package index has no build for Python {python} on {platform.system()} {platform.machine()}.\n"
            "A very new Python often lacks wheels: try make app PYTHON=python3.12"
        )
    return "pip could not install the package (see above)."
