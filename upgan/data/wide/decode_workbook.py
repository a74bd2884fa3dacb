"""Run as a file: the process that decodes a workbook and writes its rows, within the memory that it is given.

It imports the library and nothing of this package: ``upgan.data.wide.workbook`` starts it and reads what it writes, one
JSON value a line: the names of all sheets and of the one that is read; each row that has a cell, with its number; and
in the end null, or what is wrong, to be read after the file's name.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TextIO


def text_of(cell: Any) -> str:
    """A cell as text: whole numbers without a point, dates as ISO 8601."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell).strip()


def _rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows that have a cell, without the empty cells at their ends."""
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [text_of(cell) for cell in row]
        while cells and not cells[-1]:
            del cells[-1]
        if cells:
            yield number, cells


def decode(path: str, wanted: str, out: TextIO) -> str:
    """Write the names of all sheets and of the one that is read, and its rows; what is wrong, "" where nothing is."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        with Path(path).open("rb") as file:
            book = CalamineWorkbook.from_filelike(file)
            titles = book.sheet_names
            if wanted and wanted not in titles:
                return f" has no sheet {wanted!r}; it has: {', '.join(titles[:12])}"
            for title in [wanted] if wanted else titles:
                rows = _rows(book.get_sheet_by_name(title))
                if (row := next(rows, None)) is not None:
                    lines = chain([[titles, title], row], rows)
                    out.writelines(json.dumps(line) + "\n" for line in lines)
                    return ""
        return f", sheet {', '.join([wanted] if wanted else titles[:12])} has no rows; row 1 names the columns"
    except PasswordError:
        return " is protected by a password: save it without one"
    except (CalamineError, OSError, ValueError) as error:
        return f" cannot be read as a workbook ({error}); save it again, or as CSV"


def main(path: str, wanted: str, memory: str) -> None:
    """The process: it takes no more ``memory`` than so many bytes, on systems that can bound it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps(decode(json.loads(path), json.loads(wanted), sys.stdout) or None), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
