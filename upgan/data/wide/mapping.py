"""What each column of an export is: guessed, corrected by a person, kept as map.toml and used again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from upgan.data.raw.no_value import NO_VALUES
from upgan.errors import ConfigError, listed
from upgan.files import read_toml

#: What a column of items may be.
Use = Literal["relation", "leave out"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Column(_Part):
    """A column of items beside id and title."""

    use: Use = Field(description="a relation, whose cells are what an item has, or left out")
    kind: str = Field("", description="what its values are: a person, a genre; columns of one kind share values")
    split: str = Field("", description="the sign at which a cell is split into several values; empty: one value")
    why: str = Field("", description="why it was guessed so; of no effect")


class File(_Part):
    """Where a table is and how it is read."""

    file: str = Field(description="the file's name")
    sheet: str = Field("", description="of a workbook")
    encoding: str = Field("", description="of a text table, such as utf-8 or cp1252")
    separator: str = Field("", description="what stands between cells of a text table")


class Items(File):
    """A table with a row for each item."""

    id: str = Field(description="the column that names each item, once")
    title: str = Field("", description="the column that people know an item by; empty: its id")
    kind: str = Field(description="what an item is: a film, a book")
    columns: dict[str, Column] = Field(default_factory=dict)


class Interactions(File):
    """A table of who chose which item."""

    user: str
    item: str
    rating: str = ""
    time: str = ""


class Mapping(_Part):
    """What the tables of an export are."""

    items: list[Items] = Field(min_length=1)
    interactions: list[Interactions] = Field(default_factory=list)
    no_value: list[str] = Field(
        default_factory=lambda: list(NO_VALUES), description="cells that say there is no value, whatever their case"
    )

    def to_toml(self) -> str:
        """As map.toml holds it."""
        return "# What each column of the export is; `upgan data import FILES --map map.toml` uses it again.\n" + (
            tomli_w.dumps(self.model_dump(), multiline_strings=False)
        )

    def of_file(self, name: str) -> File | None:
        """The part of a file by its name, or None."""
        return next((part for part in (*self.items, *self.interactions) if part.file == name), None)


def load_mapping(path: Path) -> Mapping:
    """Read a map.toml. Raises ConfigError naming the file, the key and what is allowed."""
    return mapping_of(read_toml(path), str(path))


def mapping_of(document: dict[str, Any], where: str) -> Mapping:
    """A mapping of plain values; ConfigError for a key that is unknown, missing or of another type."""
    try:
        return Mapping.model_validate(document)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg'].lower()}" for each in error.errors())
        raise ConfigError(f"{where}: {'; '.join(list(faults)[:5])}") from None


def check_mapping(mapping: Mapping, columns: dict[str, list[str]]) -> None:
    """Whether a mapping fits tables of these ``columns`` by file name.

    Raises ConfigError for a column that is not there or is mapped twice, naming file and column.
    """
    files = Counter(part.file for part in (*mapping.items, *mapping.interactions))
    for part in (*mapping.items, *mapping.interactions):
        if part.file not in columns:
            raise ConfigError(f"the mapping is of {part.file}, which was not given; given: {listed(columns)}")
        if files[part.file] > 1:
            raise ConfigError(f"{part.file} is mapped {files[part.file]} times; a table is one thing")
        named = _named_columns(part)
        there = columns[part.file]
        for column, uses in named.items():
            if column not in there:
                raise ConfigError(f"{part.file} has no column {column!r}; it has: {listed(there, 30)}")
            if len(uses) > 1:
                raise ConfigError(f"{part.file}: the column {column} is mapped twice, as {' and '.join(uses)}")
    kinds = Counter(part.kind for part in mapping.items)
    if twice := [kind for kind, count in kinds.items() if count > 1]:
        raise ConfigError(f"{listed(twice)} is the kind of more than one table of items; give each its own")


def _named_columns(part: File) -> dict[str, list[str]]:
    """Each column that a part names, and as what."""
    uses: dict[str, list[str]] = {}
    for field in ("id", "title", "user", "item", "rating", "time"):
        if column := getattr(part, field, ""):
            uses.setdefault(column, []).append(field)
    for column, role in getattr(part, "columns", {}).items():
        if role.use == "relation":
            uses.setdefault(column, []).append("a relation")
        else:
            uses.setdefault(column, [])
    return uses
