"""What is shipped to look at before anything is trained: three runs of the book catalogue, and Table 3 made of them.

`make demo` (scripts/make_demo.py) makes all of it anew.
"""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

from upgan.errors import RunError
from upgan.files import folder_written_whole
from upgan.runs.files import (
    GENERATOR_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    SEAL_FILE,
    SQUARES_FILE,
    TABLE_FILES,
    TENSORBOARD_FOLDER,
)

#: The run that is asked first, with the default settings, and those of other systems to compare it with.
NAME = "demo"
RUNS = {NAME: "upgan", "demo-complex": "complex", "demo-distmult": "distmult"}
#: Where they and their table stand: in an installed package the build has put them beside this file (setup.py), in a
#: checkout in its own folders. Both have ``checkpoints`` and ``results`` inside.
PLACES = (Path(__file__).with_name("shipped"), Path(__file__).resolve().parents[2])
#: What answers are made of: a run in which these are the demo's is the demo.
ITSELF = (MODEL_FILE, SEAL_FILE, MANIFEST_FILE, *TABLE_FILES)
#: What a run has for going on with its training, and not for answering.
NOT_SHIPPED = ("resume*", ".*", GENERATOR_FILE, SQUARES_FILE, TENSORBOARD_FOLDER)


def _shipped() -> Path:
    for place in PLACES:
        if (place / "checkpoints" / NAME / "run.json").is_file():
            return place
    raise RunError("this build of upgan has no demo checkpoint; `upgan data demo` and `upgan train` make one")


def copy_demo(folder: Path) -> None:
    """Copy the demo checkpoint to a folder, as a whole or not at all. RunError where something else is there."""
    source = _shipped() / "checkpoints" / NAME
    # A checkout has it where the documentation puts it.
    if not all(_equal(source / name, folder / name) for name in ITSELF):
        _copy(source, folder)


def _equal(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def copy_all(checkpoints: Path, results: Path) -> None:
    """Copy every shipped run below ``checkpoints``, their table below ``results`` unless there is one.

    RunError where a run of that name is there.
    """
    place = _shipped()
    for name in RUNS:
        _copy(place / "checkpoints" / name, checkpoints / name)
    table = results / NAME
    if (place / "results" / NAME).is_dir() and not table.exists():
        _copy(place / "results" / NAME, table)


def _copy(source: Path, folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise RunError(f"{folder}: something is there already; choose another folder")
    with folder_written_whole(folder) as building:
        left_out = shutil.ignore_patterns(*NOT_SHIPPED)
        shutil.copytree(source, building, ignore=left_out, copy_function=shutil.copyfile, dirs_exist_ok=True)
