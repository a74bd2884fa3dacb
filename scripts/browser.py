"""Find a browser for the tests of the app, or install one; prints what it does and the path.

Run with the Python of the environment. Exit status 1 where there is none: the browser tests are then skipped.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys

from upgan.doctor import find_browser

#: A package manager or a download that hangs must not hang the tests.
INSTALL_SECONDS = 300


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(f"[browser] {text}", flush=True)


def attempt(command: list[str]) -> bool:
    """Run one step of an install; of its output the telling lines are shown where it fails."""
    say(" ".join(command))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=INSTALL_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        say(f"did not work: {error}")
        return False
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        telling = [line for line in lines if "error" in line.lower() or line.startswith("E:")] or lines
        say("did not work: " + " / ".join(telling[:2])[:300])
    return done.returncode == 0


def as_root() -> list[str] | None:
    """What to put before a command that needs root: nothing, sudo, or None where neither works without a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def install_by_system() -> None:
    """Debian's and Ubuntu's own package, with all libraries the browser needs."""
    prefix = as_root()
    if platform.system() != "Linux" or shutil.which("apt-get") is None or prefix is None:
        return
    # An update may fail for one of several sources and still do for this package: its status is not decisive.
    attempt([*prefix, "apt-get", "update", "-qq"])
    attempt([*prefix, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"])


def install_by_playwright() -> None:
    """Playwright's own build, into the user's cache folder."""
    attempt([sys.executable, "-m", "playwright", "install", "chromium"])


def main() -> int:
    """Try the cheapest way first; verify each by starting the browser."""
    path = find_browser()
    for install in (install_by_system, install_by_playwright):
        if path is None:
            install()
            path = find_browser()
    if path is None:
        say("none found and none could be installed: the browser tests will be skipped")
        say("install Chromium or Google Chrome, or name one: UPGAN_BROWSER=/path/to/chrome")
        return 1
    say(f"using {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
