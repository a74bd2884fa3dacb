"""Case files: those beside a run, one from elsewhere, and whether a run still gives a file's numbers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upgan.errors import CaseError

if TYPE_CHECKING:
    from upgan.case.reproduction import Reproduction
    from upgan.case.schema import CaseFile
    from upgan.explain.explanation import Explanation
    from upgan.predict.predictor import Predictor

#: Megabytes of a case file that the app takes from a browser.
MOST_MEGABYTES = 20
_FOLDER = "cases"
_MOST_LISTED = 200


def list_cases(run: Path) -> list[str]:
    """Names of the case files that lie beside a run, in its folder ``cases``; links out of it are no case files."""
    folder = run / _FOLDER
    try:
        files = [path for path in folder.glob("*.json") if path.is_file() and _inside(path, folder)]
    except OSError:
        return []
    return sorted(path.name for path in files)[:_MOST_LISTED]


def open_listed(run: Path, name: str) -> CaseFile:
    """A case file beside the run by its name. Raises CaseError where there is none of that name, or it is not one."""
    if name not in list_cases(run):
        raise CaseError("there is no case file of that name beside this checkpoint")
    return _read(run / _FOLDER / name)


def open_uploaded(content: bytes) -> CaseFile:
    """A case file that a browser sent. Raises CaseError for whatever is not one."""
    if len(content) > MOST_MEGABYTES * 1_000_000:
        raise CaseError(f"{len(content) / 1e6:,.0f} MB: the app opens case files of at most {MOST_MEGABYTES} MB")
    with tempfile.TemporaryDirectory(prefix="upgan-case-") as folder:
        path = Path(folder) / "case.json"
        path.write_bytes(content)
        return _read(path)


def case_of(explanation: Explanation, predictor: Predictor, *, real_ids: bool, **beside: Any) -> CaseFile:
    """The case of an explanation that the predictor gave, with what was asked beside it, as `make_case` takes it."""
    from upgan.case.documents import make_case

    return make_case(explanation, predictor, real_ids=real_ids, **beside)


def pseudonymous(case: CaseFile) -> CaseFile:
    """The case with its users under pseudonyms."""
    from upgan.case.documents import pseudonymous

    return pseudonymous(case)


def text_of(case: CaseFile) -> str:
    """The file that holds the case."""
    from upgan.case.documents import case_json

    return case_json(case)


def reproduced(case: CaseFile, predictor: Predictor) -> Reproduction:
    """The case computed again by a run, compared with the file."""
    from upgan.case.reproduction import reproduce

    return reproduce(case, predictor)


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().parent == folder.resolve()


def _read(path: Path) -> CaseFile:
    from upgan.case.documents import read_case

    try:
        return read_case(path)
    except CaseError as error:
        # Where the file lies is nobody's business in a browser.
        raise CaseError(str(error).replace(str(path), path.name)) from None
