"""Workbooks of a few cells, as little of each format as is read: .xlsx and .ods."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Rows = Sequence[Sequence[object]]
_MAIN, _OFFICE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
_KINDS = f"{_OFFICE}/officeDocument/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"


def xlsx(path: Path, rows: Rows | str, name: str = "Sheet 1", *, shared: str = "", **others: Rows | str) -> Path:
    """A workbook of a sheet and ``others`` by their names: rows, or XML of rows; ``shared``: XML of shared strings."""
    sheets = {name: rows, **others}
    numbered = list(enumerate(sheets.items(), 1))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_OFFICE}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxml'
        'formats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": _related({"r1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_KINDS}"><sheets>'
        + "".join(f'<sheet name="{escape(title)}" sheetId="{n}" r:id="r{n}"/>' for n, (title, _) in numbered)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": _related(
            {f"r{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n, _ in numbered}
            | ({"s": ("sharedStrings", "sharedStrings.xml")} if shared else {})
        ),
        **{f"xl/worksheets/sheet{n}.xml": _sheet(body) for n, (_, body) in numbered},
    }
    if shared:
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{_MAIN}">{shared}</sst>'
    return packed(path, parts)


def _related(ties: Mapping[str, tuple[str, str]]) -> str:
    body = "".join(
        f'<Relationship Id="{name}" Type="{_KINDS}/{kind}" Target="{target}"/>' for name, (kind, target) in ties.items()
    )
    return f'<Relationships xmlns="{_OFFICE}/package/2006/relationships">{body}</Relationships>'


def _sheet(rows: Rows | str) -> str:
    if not isinstance(rows, str):
        rows = "".join(
            f'<row r="{n}">' + "".join(_cell(place, n, value) for place, value in enumerate(row)) + "</row>"
            for n, row in enumerate(rows, 1)
        )
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def _cell(place: int, row: int, value: object) -> str:
    at = f"{chr(65 + place)}{row}"
    if isinstance(value, int | float):
        return f'<c r="{at}"><v>{value}</v></c>'
    return f'<c r="{at}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>' if str(value) else ""


def ods(path: Path, rows: Rows | str) -> Path:
    """A sheet of OpenDocument: rows, or XML of rows."""
    if not isinstance(rows, str):
        rows = "".join(
            "<table:table-row>"
            + "".join(
                f'<table:table-cell office:value-type="float" office:value="{value}"/>'
                if isinstance(value, int | float)
                else f'<table:table-cell office:value-type="string"><text:p>{escape(str(value))}</text:p>'
                "</table:table-cell>"
                for value in row
            )
            + "</table:table-row>"
            for row in rows
        )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    document = (
        f'<office:document-content xmlns:office="{_ODF}:office:1.0" xmlns:table="{_ODF}:table:1.0" '
        f'xmlns:text="{_ODF}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Sheet 1">{rows}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        f'<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0"><manifest:file-entry manifest:full-path="/" '
        f'manifest:media-type="{kind}"/></manifest:manifest>'
    )
    return packed(path, {"mimetype": kind, "META-INF/manifest.xml": manifest, "content.xml": document})


def packed(path: Path, parts: Mapping[str, str]) -> Path:
    """A zip archive of texts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path
