"""Everything about one case in one folder: case file, page, figure, tables, caption."""

from __future__ import annotations

from pathlib import Path

from upgan.case.documents import case_json
from upgan.case.schema import CaseFile
from upgan.files import write_bytes
from upgan.render.export import FILES, rendered

CASE_FILE = "case.json"


def write_bundle(folder: Path, case: CaseFile) -> list[Path]:
    """Write every export of a case into ``folder``, made if need be; other files there stay. Returns the paths.

    All are made before the first is written: an error leaves no half of them behind.
    """
    files = {CASE_FILE: case_json(case).encode()}
    for name, format in FILES.items():
        files[name] = rendered(case.explanation, case.relation_labels, format, case.results)
    for name, content in files.items():
        write_bytes(folder / name, content)
    return [folder / name for name in files]
