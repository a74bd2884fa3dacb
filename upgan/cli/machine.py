"""`upgan app` and `upgan doctor`."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from upgan.cli.output import JsonFlag, note, print_json
from upgan.errors import RunError


def register(app: typer.Typer) -> None:
    """Add the commands to the main application."""
    app.command("app")(open_app)
    app.command()(doctor)


def open_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8501,
    checkpoints: Annotated[Path, typer.Option(envvar="UPGAN_CHECKPOINTS", help="Folder with the run folders.")] = Path(
        "checkpoints"
    ),
    data: Annotated[
        Path, typer.Option(envvar="UPGAN_DATA", help="Folder of prepared datasets; imported ones go there.")
    ] = Path("data"),
    results: Annotated[
        Path, typer.Option(envvar="UPGAN_RESULTS", help="Folder with what `upgan reproduce` wrote.")
    ] = Path("results"),
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window.")] = True,
    training: Annotated[
        bool,
        typer.Option("--training/--no-training", help="Whether runs can be started, stopped and deleted in the app."),
    ] = True,
) -> None:
    """Open the app at http://localhost:PORT, reachable from this machine only.

    Where the environment variable UPGAN_PASSWORD is set, the app asks for that password first.
    """
    script = _app_script()
    folders = {"UPGAN_CHECKPOINTS": checkpoints, "UPGAN_DATA": data, "UPGAN_RESULTS": results}
    environment = {**os.environ, **{name: str(folder.expanduser().resolve()) for name, folder in folders.items()}}
    if not training:
        environment["UPGAN_NO_TRAINING"] = "1"
    note(f"the app opens at http://localhost:{port} (Ctrl-C ends it)")
    command = [sys.executable, "-m", "ui.serve", "run", str(script)]
    # Headless: otherwise its first start on a machine stops to ask for an email address.
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    # The app does not change while it is used; watching a whole checkout costs more than it tells.
    options.append("--server.fileWatcherType=none")
    process = subprocess.Popen([*command, *options], env=environment, cwd=script.parent)
    if browser and _has_display():
        threading.Thread(target=_open_when_ready, args=(port, process), daemon=True).start()
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    if code:
        raise RunError(f"the app ended with code {code}; is port {port} taken? Try --port {port + 1}")


def _open_when_ready(port: int, app: subprocess.Popen[bytes]) -> None:
    """Open a browser window once the app listens, or not at all if it does not come up."""
    for _ in range(100):
        if app.poll() is not None:
            return
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            webbrowser.open(f"http://localhost:{port}")
            return
        time.sleep(0.2)


def _app_script() -> Path:
    """streamlit_app.py of the working tree, or of the checkout this package is installed from."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "streamlit_app.py").is_file():
            return folder / "streamlit_app.py"
    raise RunError("streamlit_app.py is not here: start the app from a checkout of the project")


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def doctor(
    checkpoints: Annotated[Path, typer.Option(help="Folder with the run folders.")] = Path("checkpoints"),
    json: JsonFlag = False,
) -> None:
    """What this machine has and what is missing."""
    from upgan.doctor import diagnose

    report = diagnose(checkpoints)
    if json:
        print_json(report.to_dict())
    else:
        typer.echo(report.to_text())
