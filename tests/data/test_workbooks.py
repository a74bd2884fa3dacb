"""Workbooks: which cells are read and where they are said to stand, what is refused, and that none fills a memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.data import workbooks
from upgan.cli.main import run
from upgan.data.dataset import load_dataset
from upgan.data.wide.run import read_import
from upgan.data.wide.tables import read_wide
from upgan.errors import DataError, InputError

ROWS = [["id", "made by"], ["r1", "Ann"], ["r2", "Bo"], ["r3", "Ann"]]


@pytest.mark.parametrize("kind", ["empty", "header", "wrong", "locked"])
def test_a_bad_sheet_is_one_sentence(tmp_path, kind):
    path = tmp_path / "records.xlsx"
    if kind == "wrong":
        path.write_bytes(b"PK\x03\x04 no workbook")
    elif kind == "locked":
        path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600)
    else:
        workbooks.xlsx(path, [] if kind == "empty" else [["id", "tag"]], "Films")
    with pytest.raises(InputError) as error:
        read_wide(path)
    assert "records.xlsx" in str(error.value)
    if kind in ("empty", "header"):
        assert "sheet Films has no row" in str(error.value)


def test_a_cell_is_said_to_stand_where_it_stands(tmp_path):
    """Also in a table that begins further down and to the right, with blank rows in it."""
    text = 't="inlineStr"><is><t>{}</t></is></c>'
    cells = {"C4": "id", "D4": "made by", "C6": "r1", "D6": "Ann", "C9": "r1", "D9": "Bo"}
    rows: dict[str, str] = {}
    for at, value in cells.items():
        rows[at[1:]] = rows.get(at[1:], "") + f'<c r="{at}" {text.format(value)}'
    body = "".join(f'<row r="{number}">{row}</row>' for number, row in rows.items())
    with pytest.raises(DataError, match=r"b.xlsx, sheet Sheet 1, row 9, column id: the id 'r1' is that of row 6 too"):
        read_import([workbooks.xlsx(tmp_path / "b.xlsx", body)])


def test_cells_beyond_the_header_are_a_column(tmp_path):
    rows = [[*row, *(["more"] if row[0] == "r2" else [])] for row in ROWS]
    for kind in ("xlsx", "ods"):
        table = read_wide(getattr(workbooks, kind)(tmp_path / f"b.{kind}", rows))
        assert table.columns["column 3"].tolist() == ["", "more", ""]


def test_sheets_that_are_not_read_are_named_and_can_be_chosen(tmp_path, capsys):
    path = workbooks.xlsx(tmp_path / "b.xlsx", ROWS, "Records", Plays=[["user", "item"], ["u", "r1"], ["u", "r2"]])
    assert run(["data", "import", str(path), "--out", str(tmp_path / "out")]) == 0
    assert "b.xlsx: of its sheets Records is read; not read: Plays" in capsys.readouterr().err
    manifest = load_dataset(tmp_path / "out").manifest
    assert manifest["unread"] == ["b.xlsx, sheet Plays"]
    assert read_wide(path, sheet="Plays").columns["item"].tolist() == ["r1", "r2"]
    with pytest.raises(DataError, match=r"b\.xlsx has no sheet 'Else'; it has: Records, Plays"):
        read_wide(path, sheet="Else")


LONG = "x" * 1_000_000
HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c></row>'
IN_ODS = (
    '<table:table-row {}><table:table-cell {} office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    "</table:table-row>"
)


def shared_text(path: Path) -> Path:
    """A text of a megabyte, and 20,000 cells that refer to it: 20 GB."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 20_002))
    return workbooks.xlsx(path, HEAD + rows, shared=f"<si><t>{LONG}</t></si>")


def far_cells(path: Path) -> Path:
    """A cell in the last column of the last row: 17 thousand million cells."""
    return workbooks.xlsx(path, HEAD + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


def endless_xml(path: Path) -> Path:
    """Three hundred million bytes in a cell, which take a thousandth of that packed."""
    workbooks.xlsx(path, [["id"]])
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as member,
    ):
        member.write(b"<sst><si><t>")
        for _ in range(300):
            member.write(LONG.encode())
    return path


def repeated_cells(path: Path) -> Path:
    """One cell of OpenDocument that says it stands in 16,384 columns of 1,048,576 rows."""
    rows, columns = 'table:number-rows-repeated="1048576"', 'table:number-columns-repeated="16384"'
    return workbooks.ods(path, IN_ODS.format(rows, columns, "x" * 1_000))


BOMBS = {
    "b1.xlsx": (shared_text, r"more than 5\d\d MB of memory"),
    "b2.xlsx": (far_cells, "more than 512 MB of memory"),
    "b3.xlsx": (endless_xml, r"holds 300,\d+,\d+ bytes unpacked"),
    "b4.ods": (repeated_cells, "b4.ods cannot be read as a workbook"),
}


READ = """
import json, resource, sys
from pathlib import Path
from upgan.data.wide.tables import read_wide
from upgan.errors import DataError

peak = lambda who: resource.getrusage(who).ru_maxrss
before = peak(resource.RUSAGE_SELF)
try:
    read_wide(Path(sys.argv[1]))
    message = "read"
except DataError as error:
    message = str(error)
own, children = peak(resource.RUSAGE_SELF) - before, peak(resource.RUSAGE_CHILDREN)
print(json.dumps({"message": message, "own": own, "children": children}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system bounds the memory of a process")
@pytest.mark.parametrize("name", BOMBS)
def test_a_small_workbook_fills_no_memory(tmp_path, name):
    make, words = BOMBS[name]
    path = make(tmp_path / name)
    assert path.stat().st_size < 4_000_000
    # In a process of its own: the peaks of this one and of its children are those of the tests before.
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, timeout=100)
    answer = json.loads(done.stdout)
    assert re.search(words, answer["message"])
    assert answer["own"] >> 10 < 50
    assert answer["children"] >> 10 < 1_000


def test_what_is_written_of_a_workbook_is_bounded(tmp_path, monkeypatch):
    """Cells that fit the memory of the process that decodes them, but are more than a table of that size holds."""
    from upgan.bounds import check_bytes

    def strict(name, taken, size, what="", **_):
        if what == "of cells":
            check_bytes(name, taken, size, what, ratio=1, free=1)

    monkeypatch.setattr("upgan.data.wide.workbook.check_bytes", strict)
    rows = [[f"r{n}", "x" * 1_000] for n in range(2_000)]
    with pytest.raises(DataError, match=r"b.xlsx holds 1,00\d,\d+ bytes of cells in .* UPGAN_MAX_MEGABYTES=2 allows"):
        read_wide(workbooks.xlsx(tmp_path / "b.xlsx", [["id", "text"], *rows]))


def test_a_large_workbook_that_is_meant_is_read(tmp_path):
    """Some more cells than a person types: a text that all rows share, and no two rows alike."""
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}" t="s"><v>{n % 2}</v></c></row>' for n in range(2, 30_002)
    )
    texts = "".join(f"<si><t>{text * 50}</t></si>" for text in "ab")
    table = read_wide(workbooks.xlsx(tmp_path / "b.xlsx", HEAD + rows, shared=texts))
    assert table.columns["id"].tolist() == [str(n) for n in range(2, 30_002)]
    assert table.columns["column 2"].value_counts().to_dict() == {"a" * 50: 15_000, "b" * 50: 15_000}
    assert json.loads(json.dumps(table.rows.tolist())) == list(range(2, 30_002))
