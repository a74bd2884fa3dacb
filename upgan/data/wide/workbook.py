"""The rows of a workbook, decoded in a process of its own, because a small one can state more than any memory holds.

A text stands in a workbook once, and each cell that refers to it gets a copy; two cells at the ends of a sheet make all
between them. What the library takes for it is bounded by the system, whatever kind of workbook it is: the process
(decode_workbook.py) may have so much memory and no more, and ends alone. It writes the rows as it goes, and how much
that is is bounded too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from upgan.bounds import check_bytes
from upgan.errors import DataError

_PROGRAM = Path(__file__).with_name("decode_workbook.py")
#: Memory of the process, in megabytes: for Python and the library, and for each megabyte of the file.
BASE, A_MEGABYTE, MOST = 512, 64, 8_192
_MB = 1_000_000
#: Seconds that it may take to end after its last line.
_A_WHILE = 60


def memory_for(size: int) -> int:
    """The bytes of memory that a workbook of ``size`` bytes may take."""
    return min(MOST, BASE + A_MEGABYTE * size // _MB) * _MB


def rows_of(path: Path, sheet: str, name: str) -> tuple[list[str], str, Iterator[tuple[int, list[str]]]]:
    """All sheets, the one that is read (the first with rows where none is given), and its rows by their numbers from 1.

    Rows without a cell are left out. ``name``: how messages call the file. Raises DataError where it is no workbook, is
    damaged or protected, has no such sheet, or holds too much.
    """
    _check_unpacked(path, name)
    lines = _lines(path, sheet, name)
    sheets, title = next(lines)
    return sheets, title, ((number, cells) for number, cells in lines)


def _check_unpacked(path: Path, name: str) -> None:
    """Most workbooks are zip archives, whose list says what they unpack to."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # an old .xls is none; another fault is the reader's to name
    check_bytes(name, size, path.stat().st_size)


def _lines(path: Path, sheet: str, name: str) -> Iterator[Any]:
    """What the process writes, a line at a time; what went wrong in it is a DataError here."""
    size, taken = path.stat().st_size, 0
    asked = [sys.executable, "-P", str(_PROGRAM), json.dumps(str(path)), json.dumps(sheet), str(memory_for(size))]
    pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(asked, **pipes) as process:
        try:
            for line in process.stdout or ():
                if not line.endswith(b"\n"):
                    break  # it ended in the middle of it
                taken += len(line)
                check_bytes(name, taken, size, "of cells", ratio=500, free=256)
                document = json.loads(line)
                if document is None:
                    return
                if isinstance(document, str):
                    raise DataError(name + document)
                yield document
            process.wait(_A_WHILE)
        finally:
            process.kill()
    raise DataError(
        f"{name} cannot be read as a workbook: it is damaged, or takes more than {memory_for(size) // _MB:,} MB of "
        f"memory (the reader ended with {process.returncode}); save the sheet that is meant as CSV"
    )
