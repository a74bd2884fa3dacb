"""Parquet files from elsewhere, within bounds: what the footer states is looked at before a row is decoded.

Columns of text are decoded as places in a list of their different values, so that a long text that stands in every row
is in memory once; what the column would take spelled out is then a sum, not an allocation.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from upgan.bounds import check_bytes, check_rows

#: What a file with flipped bits raises where it is decoded: whatever the bits say.
UNREADABLE = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, ArithmeticError, MemoryError)


def check_footer(path: Path, name: str = "") -> None:
    """DataError where the footer states too much; ArrowException, OSError or ValueError where there is none."""
    with path.open("rb") as file:
        _check(pq.ParquetFile(file), name or str(path), path.stat().st_size)


def read_bounded(path: Path, columns: Collection[str] | None = None, most: int | None = None) -> pa.Table:
    """A file's table (of ``columns``, those that are there; of the first ``most`` rows), texts as dictionaries.

    Pages that have a checksum are checked. Raises DataError naming the file, the number found and what is allowed, and
    one of UNREADABLE where it is no parquet file or a damaged one.
    """
    # A file object: a path with a colon in it would be taken for an address.
    with path.open("rb") as file:
        size = path.stat().st_size
        schema = pq.read_schema(file)
        texts = [field.name for field in schema if _is_text(field.type)]
        file.seek(0)
        opened = pq.ParquetFile(file, read_dictionary=texts, page_checksum_verification=True)
        _check(opened, str(path), size)
        wanted = None if columns is None else [name for name in schema.names if name in columns]
        table = opened.read(columns=wanted) if most is None else _first(opened, most)
    table.validate(full=True)  # texts that are no UTF-8 among them
    # Sorted rows of long ids take a byte or two each.
    check_bytes(str(path), sum(map(_text_bytes, table.columns)), size, "of text", ratio=500, free=256)
    return table


def _first(opened: pq.ParquetFile, most: int) -> pa.Table:
    batches = opened.iter_batches(batch_size=most)
    return pa.Table.from_batches(list(islice(batches, 1)), schema=opened.schema_arrow).slice(0, most)


def _check(opened: pq.ParquetFile, name: str, size: int) -> None:
    footer = opened.metadata
    check_rows(name, footer.num_rows, size)
    groups = (footer.row_group(number) for number in range(footer.num_row_groups))
    check_bytes(name, sum(max(group.total_byte_size, 0) for group in groups), size)


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Bytes that the rows of a column of text take spelled out; 0 of other columns."""
    if not (pa.types.is_dictionary(column.type) and _is_text(column.type.value_type)):
        return 0
    taken = 0
    for chunk in column.chunks:
        lengths = pc.fill_null(pc.binary_length(chunk.dictionary), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        taken += int(lengths[chunk.indices.drop_null().to_numpy(zero_copy_only=False)].sum())
    return taken


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
