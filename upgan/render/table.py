"""Sections and tables of a report: made once, written for the terminal here and for a page by its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from rich.cells import cell_len

from upgan.render.words import clean, shorten


@dataclass(frozen=True)
class Table:
    """Rows of text under a head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    #: Columns of numbers, which stand right.
    right: frozenset[int] = frozenset()
    #: A last row that stands for those left out: how many, and their sums.
    more: Sequence[str] = ()

    @property
    def body(self) -> list[Sequence[str]]:
        """All rows."""
        return [*self.rows, *([self.more] if self.more else [])]

    def text(self, widest: int | None = None) -> str:
        """Columns aligned, no control characters from labels; cells longer than ``widest`` are cut."""
        more = [(f"({self.more[0]})", *self.more[1:])] if self.more else []
        lines = [[_cell(cell, widest) for cell in row] for row in (self.head, *self.rows, *more)]
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]

        def aligned(row: Sequence[str]) -> str:
            padded = []
            for index, cell in enumerate(row):
                space = " " * (widths[index] - cell_len(cell))
                padded.append(space + cell if index in self.right else cell + space)
            return "  ".join(padded).rstrip()

        rule = "  ".join("─" * width for width in widths if width)
        return "\n".join([aligned(lines[0]), rule, *map(aligned, lines[1:])])


@dataclass(frozen=True)
class Words:
    """A paragraph; ``faint``: said in passing."""

    words: str | Markup
    faint: bool = False

    def text(self, widest: int | None = None) -> str:
        """On one line, names as plain text."""
        return plain(self.words)


@dataclass(frozen=True)
class Section:
    """A part of a report; names in its texts stand in Markup (``isolated``)."""

    title: str | Markup
    parts: Sequence[Table | Words] = ()

    def text(self, widest: int | None = None) -> str:
        """For the terminal: one block below the other."""
        return "\n\n".join([plain(self.title), *(part.text(widest) for part in self.parts)])


def isolated(text: str) -> Markup:
    """Text in HTML whose writing direction stays its own and does not turn its neighbours round."""
    return Markup("<bdi>{}</bdi>").format(clean(text))


def plain(words: str | Markup) -> str:
    """The text of a line of HTML."""
    return clean(words.striptags() if isinstance(words, Markup) else words)


def _cell(text: str, widest: int | None) -> str:
    return clean(text) if widest is None else shorten(clean(text), widest)
