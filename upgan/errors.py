"""Every error the package raises on purpose, and the exit code each one means.

A message says what was wrong, where (file, line), the value received, what is allowed and what to do next.
The command line prints it as one message without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Characters of a longer message that are kept at both ends.
_BEGINNING, _END = 2_000, 500


class UpganError(Exception):
    """Base of all intended errors: something failed while running (exit code 1)."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        """A message that quotes what a library says of a file is cut in the middle where it would fill the screen."""
        much = len(message) > _BEGINNING + _END
        super().__init__(f"{message[:_BEGINNING]} … {message[-_END:]}" if much else message)


class InputError(UpganError):
    """The caller gave something wrong: a file, a value, an argument (exit code 2)."""

    exit_code = 2


class DataError(InputError):
    """A raw file or a prepared dataset is missing, malformed or inconsistent."""


class ConfigError(InputError):
    """A setting, preset or key is unknown, out of bounds or contradicts another."""


class RunError(InputError):
    """A run folder is missing, incomplete, truncated or of another version."""


class QueryError(InputError):
    """A query names an entity, relation or answer that the dataset does not hold, or holds more than once."""


class CaseError(InputError):
    """A case file is missing, damaged, of another version, or no case file."""


class TrainingError(UpganError):
    """Training could not go on: a loss became NaN, a device ran out of memory."""


class DownloadError(UpganError):
    """A public file could not be fetched: no network, or the server refuses."""


class BusyError(UpganError):
    """A device or a run folder is in use by another training."""


class Stopped(UpganError):
    """Training was asked to stop; its state is saved."""

    exit_code = 130


def shown(value: object, longest: int = 100) -> str:
    """A value from a file as a message shows it: quoted, and cut where it is long."""
    text = str(value)
    return repr(text) if len(text) <= longest else f"{text[:longest]!r}… ({len(text)} characters)"


def listed(values: Iterable[object], most: int = 12) -> str:
    """Names from a file or folder as a message lists them: the first dozen, each cut where it is long."""
    names = [str(value) for value in values]
    cut = [name if len(name) <= 100 else name[:100] + "…" for name in names[:most]]
    return ", ".join(cut) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"


def did_you_mean(text: str, names: Iterable[str], alike: float = 0.6) -> str:
    """What a message adds about a name that is not there: " Did you mean 'a', 'b'?", or nothing where none is close.

    ``alike``: the least share of letters that a name must have in common with ``text``, 0 to 1.
    """
    close = difflib.get_close_matches(text, list(names), cutoff=alike)
    return f" Did you mean {', '.join(map(repr, close))}?" if close else ""
