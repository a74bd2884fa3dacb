"""Tables of a page: every text escaped, every number right, no writing direction that leaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from upgan.render.words import clean


def html_table(head: Sequence[object], body: Iterable[Sequence[object]]) -> Markup:
    """A table; a cell given as a 1-tuple is a number and stands right."""
    header = Markup("").join(_cell(cell, "th") for cell in head)
    rows = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(_cell(cell, "td") for cell in row)) for row in body
    )
    return Markup("<div class='table'><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>").format(
        header, rows
    )


def _cell(cell: object, tag: str) -> Markup:
    is_number = isinstance(cell, tuple)
    text = bdi(clean(str(cell[0] if isinstance(cell, tuple) else cell)))
    css = Markup(" class='number'") if is_number else Markup("")
    scope = Markup(" scope='col'") if tag == "th" else Markup("")
    return Markup("<{}{}{}>{}</{}>").format(Markup(tag), css, scope, text, Markup(tag))


def bdi(text: str) -> Markup:
    """Text whose writing direction stays its own and does not turn its neighbours round."""
    return Markup("<bdi>") + escape(text) + Markup("</bdi>")


def cell_text(text: str) -> Markup:
    """A name or a sentence with names in it, on one line."""
    return bdi(clean(text))
