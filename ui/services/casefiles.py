"""Case files: those beside a run, one from elsewhere, and whether a run still gives a file's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from upgan.errors import CaseError

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile

#: Megabytes of a case file that the app takes from a browser.
MOST_MEGABYTES = 20
_FOLDER = "cases"
_MOST_LISTED = 200


def list_cases(run: Path) -> list[str]:
    """Names of the case files that lie beside a run, in its folder ``cases``; links out of it are no case files."""
    folder = run / _FOLDER
    try:
        inside = [path for path in folder.glob("*.json") if path.resolve().parent == folder.resolve()]
        files = [path for path in inside if path.is_file()]
    except OSError:
        return []
    return sorted(path.name for path in files)[:_MOST_LISTED]


def open_listed(run: Path, name: str) -> CaseFile:
    """A case file beside the run by its name. Raises CaseError where there is none of that name, or it is not one."""
    from upgan.case.documents import read_case

    if name not in list_cases(run):
        raise CaseError("there is no case file of that name beside this checkpoint")
    try:
        return read_case(run / _FOLDER / name)
    except CaseError as error:
        # Where the file lies is nobody's business in a browser.
        raise CaseError(str(error).replace(str(run / _FOLDER / name), name)) from None


def open_uploaded(content: bytes) -> CaseFile:
    """A case file that a browser sent. Raises CaseError for whatever is not one."""
    if len(content) > MOST_MEGABYTES * 1_000_000:
        raise CaseError(f"{len(content) / 1e6:,.0f} MB: the app opens case files of at most {MOST_MEGABYTES} MB")
    from upgan.case.documents import parsed
    from upgan.case.schema import from_document

    return from_document(parsed(content))
