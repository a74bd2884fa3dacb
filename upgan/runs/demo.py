"""The demo checkpoint: a small trained run of the book catalogue, with its data, to ask before anything is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from upgan.errors import RunError
from upgan.files import folder_written_whole

NAME = "demo"
#: Where it stands: in an installed package the build has put it beside this file (setup.py); in a checkout it is there.
PLACES = (
    Path(__file__).with_name("demo_checkpoint"),
    Path(__file__).resolve().parents[2] / "checkpoints" / NAME,
)


def demo_run() -> Path:
    """The demo checkpoint that came with the package; read it, do not write to it. RunError where it is left out."""
    for place in PLACES:
        if (place / "run.json").is_file():
            return place
    raise RunError("this build of upgan has no demo checkpoint; `upgan data demo` and `upgan train` make one")


def copy_demo(folder: Path) -> None:
    """Copy the demo checkpoint to a folder, as a whole or not at all. RunError where something is there."""
    source = demo_run()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise RunError(f"{folder}: something is there already; choose another folder")
    with folder_written_whole(folder) as building:
        # What resuming needs may stand beside it in a checkout, and is not part of it.
        left_out = shutil.ignore_patterns("resume*", ".*")
        shutil.copytree(source, building, ignore=left_out, copy_function=shutil.copyfile, dirs_exist_ok=True)
