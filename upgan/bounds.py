"""How much a file from elsewhere may hold, told before it is decoded, and what raises each bound.

A few bytes can state millions of rows, or one long text in each of them. What a catalogue never is is refused by the
numbers in the file's own header, or counted while a packed file is unpacked; an environment variable lets through what
is meant.
"""

from __future__ import annotations

import os

from upgan.errors import ConfigError, DataError

#: Environment variables that raise (or lower) a bound; both are whole numbers.
ROWS_VARIABLE, MEGABYTES_VARIABLE = "UPGAN_MAX_ROWS", "UPGAN_MAX_MEGABYTES"
#: Rows of one table. A smaller file may hold fewer: so many a byte once there are more than a few, because rows that
#: take less than that are the same one again and again.
MOST_ROWS, ROWS_A_BYTE, FREE_ROWS = 250_000_000, 8, 10_000_000
#: What one file may hold unpacked, in megabytes, and how often its own size that may be beyond the first few. Tables
#: of text shrink to a tenth or a fiftieth; a file made to fill a memory grows a thousandfold.
MOST_MEGABYTES, RATIO, FREE_MEGABYTES = 32_000, 200, 64
#: Bytes of UTF-8 of one id or label. The longest abstracts of encyclopaedias are half of it.
LONGEST_TEXT = 65_536
MB = 1_000_000


class EndlessError(DataError):
    """A file that holds more than any catalogue: rows, bytes, or a line longer than any row."""


def check_rows(name: str, rows: int, size: int) -> None:
    """DataError where a file of ``size`` bytes holds more ``rows`` than it may; ``name`` is how a message calls it."""
    chosen = _chosen(ROWS_VARIABLE)
    allowed = chosen or min(MOST_ROWS, max(FREE_ROWS, ROWS_A_BYTE * size))
    if rows > allowed:
        raise EndlessError(
            f"{name} holds {rows:,} rows in {size:,} bytes; at most {allowed:,} are read from a file of this size. "
            f"If that is intended, {ROWS_VARIABLE}={rows} allows it"
        )


def check_bytes(
    name: str, unpacked: int, size: int, what: str = "unpacked", *, ratio: int = RATIO, free: int = FREE_MEGABYTES
) -> None:
    """DataError where ``size`` bytes of a file hold more ``unpacked`` bytes than they may.

    That is ``ratio`` times as many once there are more than ``free`` megabytes.
    """
    chosen = _chosen(MEGABYTES_VARIABLE)
    allowed = chosen or min(MOST_MEGABYTES, max(free, ratio * size // MB))
    if unpacked > allowed * MB:
        raise EndlessError(
            f"{name} holds {unpacked:,} bytes {what} in {size:,}; at most {allowed:,} MB are read from a file of this "
            f"size. If that is intended, {MEGABYTES_VARIABLE}={-(-unpacked // MB)} allows it"
        )


def _chosen(variable: str) -> int | None:
    """What the environment says, None where it says nothing; ConfigError where that is no whole number above 0."""
    value = os.environ.get(variable, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and int(value[:19]) > 0 and len(value) < 19):
        raise ConfigError(f"{variable}={value[:40]!r}: a whole number above 0 is allowed")
    return int(value)
