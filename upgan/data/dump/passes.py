"""A work folder: the results of long passes over large files, kept so that a killed run goes on where it was.

``passes.json`` names every pass with the file it read (name, size, time, hash of its head) and how far it got. It is
written in one step, after the files it speaks of, so what it says is there is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from pydantic import TypeAdapter
from rich.filesize import decimal
from typing_extensions import TypedDict

from upgan.data.dump.stream import Block, DumpStream
from upgan.errors import DataError, UpganError
from upgan.files import checked, read_object, write_atomic, write_json

FORMAT = 1


class _Pass(TypedDict):
    """What is recorded of a finished pass."""

    key: dict[str, Any]
    state: dict[str, Any]


_PASSES: TypeAdapter[dict[str, _Pass]] = TypeAdapter(dict[str, _Pass])
#: Seconds between two lines of progress.
SAY_EVERY = 2.0
#: What DuckDB may hold in memory; what does not fit goes to the work folder. The rest of 2 GB is for the blocks read.
MEMORY = "1GB"
THREADS = 2

Say = Callable[[str], None]
Result = TypeVar("Result")


class WorkFolder:
    """The folder and its journal. Raises DataError where the folder holds something else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal_file = path / "passes.json"
        if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not self.journal_file.is_file())):
            raise DataError(
                f"{path} is not a work folder (it has no passes.json); --work names an empty or a new folder"
            )
        self._made_here = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        self._journal: dict[str, Any] = {"format": FORMAT, "passes": {}}
        if self.journal_file.is_file():
            try:
                journal = read_object(self.journal_file)
                if journal["format"] == FORMAT:
                    self._journal = {"format": FORMAT, "passes": checked(journal["passes"], _PASSES)}
            except (ValueError, KeyError) as error:
                raise DataError(f"{self.journal_file} cannot be read ({error}); delete {path} to start over") from error
        else:
            write_json(self.journal_file, self._journal)

    def remove_if_useless(self) -> None:
        """Take the folder away again where it was made here and nothing was finished in it: after bad input."""
        if self._made_here and not self._journal["passes"]:
            shutil.rmtree(self.path, ignore_errors=True)

    def folder_of(self, name: str) -> Path:
        return self.path / name

    def state(self, name: str, key: dict[str, Any]) -> dict[str, Any] | None:
        """What was recorded for pass ``name``; None, and its files are gone, where it was of another ``key``."""
        entry = self._journal["passes"].get(name)
        if entry is not None and entry["key"] == key and self.folder_of(name).is_dir():
            state: dict[str, Any] = entry["state"]
            return state
        # First the journal: whatever happens now, it never speaks of files that are gone.
        if self._journal["passes"].pop(name, None) is not None:
            write_json(self.journal_file, self._journal)
        shutil.rmtree(self.folder_of(name), ignore_errors=True)
        self.folder_of(name).mkdir()
        return None

    def record(self, name: str, key: dict[str, Any], state: dict[str, Any]) -> None:
        self._journal["passes"][name] = {"key": key, "state": state}
        write_json(self.journal_file, self._journal)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Refuse a second run in the same folder; the lock goes with the process, however it ends."""
        try:
            with FileLock(self.path / "lock", timeout=0):
                yield
        except Timeout as error:
            raise UpganError(f"another run works in {self.path}; wait for it, or give another --work") from error


@contextlib.contextmanager
def work_folder(work: Path | None) -> Iterator[WorkFolder]:
    """The work folder under its lock, or a temporary one; bad input leaves none behind."""
    if work is None:
        with tempfile.TemporaryDirectory(prefix="upgan-work-") as path:
            yield WorkFolder(Path(path))
        return
    folder = WorkFolder(work)
    try:
        with folder.locked():
            yield folder
    except UpganError:
        folder.remove_if_useless()
        raise


def followed(stream: DumpStream, offset: int, lines: int, say: Say) -> Iterator[Block]:
    """The blocks of a dump behind its first ``lines`` (``offset`` bytes of text).

    Says how far the pass is: share of the file's bytes, lines, lines per second and the time that is left.
    """
    name, size = stream.path.name, stream.size
    if offset:
        say(f"{name}: going on after line {lines:,}; what is before it is only decompressed")
    began = said = time.monotonic()

    def passed_over(at: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= SAY_EVERY:
            said = now
            left = duration((now - began) / at * (offset - at))
            say(f"{name}: skipping what was read before, {at / offset:.1%}, ETA {left}")

    first: tuple[float, int, int] | None = None
    for block in stream.blocks(offset, lines, passed_over):
        yield block
        now, count, line = time.monotonic(), stream.bytes_read, block.first_line + block.lines - 1
        first = first or (now, count, line)
        if now - said < SAY_EVERY:
            continue
        said = now
        spent, done, rate = now - first[0], count - first[1], (line - first[2]) / max(now - first[0], 1e-9)
        left = duration(spent / done * (size - count)) if done > 0 else "not known yet"
        share = f"{count / max(size, 1):.1%} of {decimal(size)}"
        say(f"reading {name}: {share}, {line:,} lines, {rate:,.0f} lines/s, ETA {left}")


def write_part(path: Path, tables: list[pa.Table]) -> None:
    """The tables as one parquet file, whole or not at all."""
    whole = pa.concat_tables(tables)
    write_atomic(path, lambda temporary: pq.write_table(whole, temporary, compression="zstd"))


def connect(work: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that keeps to MEMORY and spills to ``work``."""
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    connection.execute(f"SET threads = {min(THREADS, os.cpu_count() or 1)}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET temp_directory = {quoted(work / 'spill')}")
    return connection


def copy_to(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Write the rows of ``query`` to a parquet file, whole or not at all; their number."""
    building = path.with_name(f".{path.name}.building")
    connection.execute(f"COPY ({query}) TO {quoted(building)} (FORMAT parquet, COMPRESSION zstd)")
    building.replace(path)
    return count_rows(connection, f"read_parquet({quoted(path)})")


def run_saying(
    connection: duckdb.DuckDBPyConnection, job: Callable[[], Result], what: str, say: Say, size: int = 0
) -> Result:
    """Run ``job``, a query on ``connection``, saying how long it has run; an interrupt stops the query.

    With the ``size`` of the file that it reads, also the share of it that this process has read, and the time left.
    (DuckDB's own progress stands at 100% from the start where rows are grouped.)
    """
    with ThreadPoolExecutor(1, thread_name_prefix="duckdb") as pool:
        running = pool.submit(job)
        began, before = time.monotonic(), _bytes_read()
        try:
            while wait([running], SAY_EVERY).not_done:
                spent, share = time.monotonic() - began, (_bytes_read() - before) / size if size else 0.0
                progress = f"running for {duration(spent)}"
                if 0 < share < 1:
                    progress = f"{share:.1%} of {decimal(size)}, ETA {duration(spent / share * (1 - share))}"
                say(f"{what}: {progress}")
        except BaseException:
            connection.interrupt()
            raise
    return running.result()


def _bytes_read() -> int:
    """Bytes that this process has read from files so far; 0 where the system does not tell."""
    try:
        return int(psutil.Process().io_counters().read_chars)
    except (AttributeError, psutil.Error):
        return 0


def count_rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def quoted(value: object) -> str:
    """``value`` as a string of SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: 1:02:03."""
    return str(timedelta(seconds=round(seconds)))
