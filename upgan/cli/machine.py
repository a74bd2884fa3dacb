"""`upgan app`, `upgan demo` and `upgan doctor`."""

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

from upgan.cli.options import RUNS, JsonFlag
from upgan.cli.output import note, print_result, say
from upgan.errors import RunError
from upgan.runs import demo as demo_checkpoint

#: The app's package stands beside this one, in a checkout and where it was installed.
UI = Path(__file__).resolve().parents[2] / "ui"


def open_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the app.")] = 8501,
    checkpoints: Annotated[Path, typer.Option(envvar="UPGAN_CHECKPOINTS", help="Folder with the run folders.")] = RUNS,
    data: Annotated[
        Path, typer.Option(envvar="UPGAN_DATA", help="Folder of prepared datasets; those made in the app go there.")
    ] = Path("data"),
    results: Annotated[
        Path, typer.Option(envvar="UPGAN_RESULTS", help="Folder with what `upgan reproduce` wrote.")
    ] = Path("results"),
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window too.")] = True,
    training: Annotated[
        bool,
        typer.Option("--training/--no-training", help="Let the app change runs, data and reviews, or only show them."),
    ] = True,
    address: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in: then set UPGAN_PASSWORD.")
    ] = "127.0.0.1",
    host: Annotated[
        list[str] | None,
        typer.Option(help="A further name by which it is reached, such as that of a proxy; may repeat."),
    ] = None,
) -> None:
    """Open the app in the browser.

    It answers at http://localhost:PORT, to this machine only, and to no page from elsewhere. Where there are no runs
    yet, it starts with the demo checkpoint, two runs to compare it with, and their table. Where the environment
    variable UPGAN_PASSWORD is set, the app asks for that password first.
    """
    script = _app_script()
    if checkpoints != RUNS and not checkpoints.expanduser().is_dir():
        raise RunError(f"--checkpoints {checkpoints}: no such folder; name the folder that holds the run folders")
    if training:
        _offer_demo(checkpoints, results)
    environment = _environment(checkpoints, data, results, host or [], training=training)
    options = _server_options(address, port)
    note(f"the app opens at http://localhost:{port} (Ctrl-C ends it)")
    checkout = UI.parent if (UI.parent / ".streamlit").is_dir() else None
    # A checkout's .streamlit is read from there, and its modules are found there. An installed app has its own
    # .streamlit beside its script, and -P keeps whatever is called ui in the working folder out of its way.
    command = [sys.executable, *([] if checkout else ["-P"]), "-m", "ui.serve", "run", str(script), *options]
    process = subprocess.Popen(command, env=environment, cwd=checkout)
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


def _server_options(address: str, port: int) -> list[str]:
    """Streamlit's options; says where everybody who reaches the address is let in."""
    local = address in ("127.0.0.1", "localhost", "::1")
    if not local and not os.environ.get("UPGAN_PASSWORD"):
        note(f"whoever reaches {address} can use this app: set UPGAN_PASSWORD, or --no-training")
    return [
        *(f"--server.port={port}", f"--server.address={address}"),
        # Said, it need not be found out: Streamlit would ask a service on the internet.
        f"--browser.serverAddress={'localhost' if local or address in ('0.0.0.0', '::') else address}",
        # Otherwise its first start on a machine stops to ask for an email address.
        "--server.headless=true",
        # The app does not change while it is used; watching a whole checkout costs more than it tells.
        "--server.fileWatcherType=none",
    ]


def _environment(checkpoints: Path, data: Path, results: Path, host: list[str], *, training: bool) -> dict[str, str]:
    """What the app's process is told."""
    folders = {"UPGAN_CHECKPOINTS": checkpoints, "UPGAN_DATA": data, "UPGAN_RESULTS": results}
    told = {name: str(folder.expanduser().resolve()) for name, folder in folders.items()}
    told |= {} if training else {"UPGAN_NO_TRAINING": "1"}
    told |= {"UPGAN_HOSTS": ",".join(host)} if host else {}
    return {**os.environ, **told}


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
    """The app's script in the package that is installed, or in the checkout."""
    script = UI / "app.py"
    if not script.is_file():
        raise RunError(f"{script}: the app is not installed beside upgan; install the package again")
    return script


def _offer_demo(checkpoints: Path, results: Path) -> None:
    """Where there is no run at all yet, the demo and what it is compared with, so that every page has something."""
    root = checkpoints.expanduser()
    if root.is_dir() and any(root.iterdir()):
        return
    try:
        demo_checkpoint.copy_all(root, results.expanduser())
    except (OSError, RunError) as error:  # a folder that cannot be written to can still be looked at
        note(f"no demo checkpoint: {error}")
    else:
        names = ", ".join(demo_checkpoint.RUNS)
        note(f"there are no runs yet, so the demo checkpoint was put into {root} ({names}), its table into {results}")


def demo(
    out: Annotated[Path, typer.Option(help="The run folder to make.")] = RUNS / demo_checkpoint.NAME,
) -> None:
    """Make a run folder with the demo checkpoint.

    It is a small trained model of books with its data, ready to answer. Its readers are simulated. A folder that holds
    it already stays as it is.
    """
    demo_checkpoint.copy_demo(out)
    note(f"its readers are simulated; try: upgan predict {out} --head 'Part of the Bargain' --relation author")
    say(str(out))


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def doctor(
    checkpoints: Annotated[Path, typer.Option(help="Folder with the run folders.")] = RUNS,
    json: JsonFlag = False,
) -> None:
    """Say what this machine has and what is missing."""
    from upgan.doctor import diagnose

    report = diagnose(checkpoints)
    print_result(json, report.to_dict(), report.to_text())
