"""Whether what a finished run rests on is still there and as it was sealed, as far as a list of runs can look.

Names, sizes and fingerprints only; who opens the run checks the content (upgan.training.checkpoint.load_run).
"""

from __future__ import annotations

from pathlib import Path

from upgan.files import read_object
from upgan.runs.files import MANIFEST_FILE, MODEL_FILE, SEAL_FILE, TABLE_FILES
from upgan.runs.schema import SEAL, read_as


def unsound(run: Path) -> str:
    """Why a sealed run cannot be opened any more, in a sentence; empty where nothing is seen, or nothing sealed."""
    try:
        seal = read_as(run / SEAL_FILE, SEAL)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return f"{SEAL_FILE} is damaged ({error}); restore it, or train again"
    for name in (MODEL_FILE, MANIFEST_FILE, *TABLE_FILES):
        if not (run / name).is_file():
            return f"{name} was removed since it was trained; restore it, or train again"
    try:
        fingerprint = read_object(run / MANIFEST_FILE).get("fingerprint")
    except (OSError, ValueError) as error:
        return f"{MANIFEST_FILE} is damaged ({error}); restore it, or train again"
    if fingerprint not in (None, seal["dataset_fingerprint"]):
        return "its dataset folder holds another dataset than it was trained on; restore the folder, or train again"
    for name, size in seal.get("sizes", {}).items():
        if (run / name).is_file() and (run / name).stat().st_size != size:
            return f"{name} was changed since it was trained; restore it, or train again"
    return ""


def sizes(run: Path) -> dict[str, int]:
    """What the seal says of the files that a list of runs looks at: file -> bytes."""
    return {name: (run / name).stat().st_size for name in (MODEL_FILE, *TABLE_FILES) if (run / name).is_file()}
