"""The files of a source that no reader took: each is named, with what it looks like and how it would be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from upgan.data.raw.roles import LABELS, SPLIT_NAMES, TRIPLES, Role, role_of_content, role_of_stem
from upgan.data.raw.source import Notice
from upgan.data.raw.text_tables import TABLES, first_rows, table_stem, table_suffix
from upgan.errors import DataError, listed
from upgan.escapes import line

#: Files that accompany data and hold none.
DOCUMENTS = frozenset(
    (".md", ".rst", ".html", ".pdf", ".py", ".sh", ".ipynb", ".log", ".png", ".jpg", ".svg", ".toml", ".yaml", ".yml")
)
_DOCUMENT_NAMES = ("readme", "license", "licence", "copying", "citation", "changelog", "makefile")
#: What is said of files by their extension.
_KINDS = {
    ".xlsx": "an Excel workbook: read it by `upgan data import`, or save its sheet as CSV",
    ".xls": "an Excel workbook: save its sheet as CSV",
    ".jsonld": "JSON-LD is not read: convert it to N-Triples",
    ".hdt": "HDT is not read: convert it to N-Triples",
    ".zip": "a zip archive deeper than files are looked for: unpack it and give the folder",
    ".7z": "a 7z archive: unpack it and give the folder",
    ".rar": "a rar archive: unpack it and give the folder",
    ".tar": "a tar archive: unpack it and give the folder",
    ".tgz": "a tar archive: unpack it and give the folder",
}
#: Files below a source that are looked for at most.
_MOST = 10_000


def files_below(paths: Sequence[Path]) -> list[Path]:
    """Every file that was named or lies at any depth in a named folder; hidden files and folders are left out."""
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        stack = [path]
        while stack and len(files) < _MOST:
            entries = sorted(entry for entry in stack.pop().iterdir() if not entry.name.startswith("."))
            files += [entry for entry in entries if entry.is_file()]
            # A link to a folder may lead back to it.
            stack += [entry for entry in reversed(entries) if entry.is_dir() and not entry.is_symlink()]
    return list(dict.fromkeys(files))


def unread_of(
    named: Sequence[Path], read: Collection[Path], others: dict[Path, str]
) -> tuple[tuple[str, ...], list[Notice]]:
    """The files of a source that were not read, as paths in it, and what to say of them.

    ``others``: for some of the files, the name of a format that reads such files.
    """
    taken = {path.resolve() for path in read}
    left = [path for path in files_below(named) if path.resolve() not in taken]
    names = {path: _inside(named, path) for path in left}
    documents = [path for path in left if is_document(path)]
    rest = [path for path in left if path not in documents]
    texts = [f"not read: {line(names[path])} ({_hint(path, others.get(path, ''))})" for path in rest]
    notices = [Notice("unread-files", text, 1, examples=(text,)) for text in texts]
    if documents:
        those = tuple(line(names[path]) for path in documents)
        notices.append(Notice("unread-documents", f"not read (documents): {listed(those)}", len(those), examples=those))
    return tuple(names[path] for path in left), notices


def is_document(path: Path) -> bool:
    stem = path.name.lower().split(".")[0]
    return path.suffix.lower() in DOCUMENTS or stem.startswith(_DOCUMENT_NAMES)


def _inside(named: Sequence[Path], path: Path) -> str:
    """A file's path in the folder that was named, or its name."""
    for folder in named:
        if folder.is_dir() and path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return path.name


def _hint(path: Path, other: str) -> str:
    """What a file looks like, and how it would be read."""
    if other:
        return f"did you mean --format {other}?"
    suffix = table_suffix(path)
    if suffix in _KINDS:
        return _KINDS[suffix]
    names = any(word in table_stem(path) for word in ("label", "name", "title", "text"))
    role = role_of_stem(path) or (LABELS if names and first_rows(path) else _looks_like(path))
    if role is None:
        return "no table of a known form"
    split = next((word for word in SPLIT_NAMES if word in table_stem(path)), "") if role is TRIPLES else ""
    if split:
        ending = suffix if suffix in TABLES else ".tsv"
        return f"it looks like triples of the {SPLIT_NAMES[split]} split: name it {SPLIT_NAMES[split]}{ending}"
    name = f"{min(role.stems, key=lambda stem: (stem != role.name, stem))}{suffix if suffix in TABLES else '.tsv'}"
    also = ", or give it by --labels" if role is LABELS else ""
    return f"it looks like {role.name}: name it {name}{also}, or give the file itself as a source"


def _looks_like(path: Path) -> Role | None:
    table = first_rows(path)
    if table is None or len(table.lines) < 2:
        return None
    try:
        return role_of_content(table)
    except DataError:
        return None
