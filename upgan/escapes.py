"""Names are data: one escape for each medium that they enter.

A text from a file may be anything: escape codes of a terminal, Markdown with an image from elsewhere, a formula. It is
made harmless where it enters the medium, not where it is read: ``line`` and ``terminal`` for a terminal,
``spreadsheet`` for CSV and TSV, ``markdown`` for documents. HTML is escaped by the templates (autoescape), JSON by
``json``, words of a shell by ``shlex``.
"""

from __future__ import annotations

import re

_LINE_ENDS = re.compile("[\t\n\r\u2028\u2029]")
# Embeddings, overrides and isolates of the bidirectional algorithm: one left open would mirror all that follows.
# Of the rest XML forbids what is no character.
_DROPPED = re.compile("[\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
# Controls and surrogates draw nothing or change what follows. Unassigned ones are left alone: a font may be newer.
_UNDRAWABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: The same in a text of several lines, which may have tabs and line ends. The name of a file may hold surrogates, which
#: the stream writes down with a backslash.
_OF_TERMINALS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# A spreadsheet runs a cell that begins with one of these as a formula. A cell begins at the start of a text, and, where
# the file is opened with another separator than it was written with, after that.
_SIGNS = "=+\\-@\t\r＝＋－＠"
_FORMULA = re.compile(rf"(^|[;\t|])(?=[\s'\u200b\ufeff]*[{_SIGNS}])")
_GUARDED = re.compile(rf"(^|[;\t|])'(?=[\s'\u200b\ufeff]*[{_SIGNS}])")
_NUMBER = re.compile(r"[-+]?[\d.,]+(?:[eE][-+]?\d+)?%?")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#|!~$&])")


def line(text: str) -> str:
    """A label on one line, without control characters (terminal escapes, bidi overrides, what XML forbids)."""
    kept = _UNDRAWABLE.sub("\ufffd", _DROPPED.sub("", _LINE_ENDS.sub(" ", text)))
    return " ".join(kept.split())


def terminal(text: str) -> str:
    """A text of several lines for a terminal: what would move its cursor or colour it is U+FFFD."""
    return _OF_TERMINALS.sub("\ufffd", text)


def json_for_terminal(text: str) -> str:
    """JSON that says the same and holds no such character, which in it stand in strings alone."""
    return re.sub(r"[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", lambda sign: f"\\u{ord(sign[0]):04x}", text)


def spreadsheet(text: str, mark: str = "'") -> str:
    """A cell of CSV or TSV that no spreadsheet takes for a formula: ``mark`` before what would begin one.

    A number stays one.
    """
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub(rf"\1{mark}", text)


def from_spreadsheet(text: str) -> str:
    """A cell as it was before ``spreadsheet``."""
    return _GUARDED.sub(r"\1", text)


def markdown(text: str) -> str:
    """A label as plain text of one line of Markdown: no link, image, tag, emphasis or cell."""
    return _MARKDOWN.sub(r"\\\1", line(text))
