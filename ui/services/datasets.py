"""Prepared datasets: those at hand, what one holds, and one's own files made into one, checked first."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ui.services.access import require_training
from ui.services.runs import RunEntry, checkpoint_root, folders, written
from upgan.errors import ConfigError, DataError

if TYPE_CHECKING:
    from upgan.data.check import CheckReport
    from upgan.data.prepare.prepare import PrepareSettings

#: Environment variable that names the folder of prepared datasets.
ROOT_VARIABLE = "UPGAN_DATA"
#: Limits of what a browser may send.
MOST_FILES, MOST_MEGABYTES = 40, 200
#: Of what is packed in them: a small file can unpack to more than this machine holds.
MOST_UNPACKED_MEGABYTES = 2_000
#: The kinds of files that `upgan data prepare` reads.
TABLES, GRAPHS = ("tsv", "csv", "txt", "dat", "parquet", "jsonl", "json"), ("nt", "nq", "ttl", "trig", "n3", "rdf")
PLAIN = (*TABLES, *GRAPHS, "inter", "kg", "link", "item", "user")
#: Each of them, and each compressed.
ENDINGS = (*PLAIN, *(f"{ending}.gz" for ending in PLAIN))
#: Hears (what is checked, how much of it is done, of how much).
Progress = Callable[[str, int, int], None]
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_FILE_NAME = re.compile(r"[\w][\w .+-]{0,99}")


@dataclass(frozen=True)
class DatasetEntry:
    """A prepared dataset at hand: a folder of its own, or the copy inside a run."""

    key: str
    name: str
    path: Path
    fingerprint: str
    where: str


def data_root() -> Path:
    """The folder of prepared datasets: as the environment says, or ``data`` beside the checkpoints."""
    chosen = os.environ.get(ROOT_VARIABLE)
    return Path(chosen).expanduser() if chosen else checkpoint_root().parent / "data"


def list_datasets(root: Path, runs: Sequence[RunEntry]) -> list[DatasetEntry]:
    """Datasets under ``root``, then those that only a run holds; each fingerprint once."""
    places = [(path, f"folder {path.name}") for path in folders(root)]
    places += [(run.path / "dataset", f"in checkpoint {run.name}") for run in runs if run.problem is None]
    entries: dict[str, DatasetEntry] = {}
    for path, where in places:
        manifest = written(path / "manifest.json")
        fingerprint = str(manifest.get("fingerprint", ""))
        if fingerprint and fingerprint not in entries:
            name = str(manifest.get("name") or path.name)
            entries[fingerprint] = DatasetEntry(key_of(fingerprint), name, path, fingerprint, where)
    return list(entries.values())


def key_of(fingerprint: str) -> str:
    """What a link calls a dataset."""
    return fingerprint[:16]


def fingerprint(folder: Path) -> str:
    """That of a prepared dataset; empty where it cannot be read."""
    return str(written(folder / "manifest.json").get("fingerprint", ""))


class Upload:
    """Files from a browser in a folder of their own, gone when this is."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Names without folders; DataError for a name, a number of files or a size out of bounds."""
        require_training()
        if not files:
            raise DataError("no file was sent")
        if len(files) > MOST_FILES:
            raise DataError(f"{len(files)} files: at most {MOST_FILES} at once")
        size = sum(map(len, files.values())) / 1e6
        if size > MOST_MEGABYTES:
            raise DataError(f"{size:,.0f} MB: at most {MOST_MEGABYTES} MB; prepare more with `upgan data prepare`")
        for name in files:
            if not _FILE_NAME.fullmatch(name) or not name.casefold().endswith(tuple(f".{end}" for end in ENDINGS)):
                raise DataError(f"{name[:60]!r}: a file name of letters, digits, blank and . + - _ with one of the "
                                f"endings {', '.join(ENDINGS)} is allowed")  # fmt: skip
        if len({name.casefold().removesuffix(".gz") for name in files}) < len(files):
            raise DataError("a file was sent twice, plain and packed (.gz): send one of them")
        self._folder = tempfile.TemporaryDirectory(prefix="upgan-upload-")
        self.path = Path(self._folder.name) / "source"
        self.path.mkdir()
        for name, content in files.items():
            (self.path / name).write_bytes(content)
        with self._as_named():
            refuse_large_inside(sorted(self.path.iterdir()))

    def check(self, progress: Progress) -> CheckReport:
        """What is wrong or suspicious in the files. Raises DataError where they are no source at all."""
        from upgan.data.check import check_source

        with self._as_named():
            return check_source([self.path], progress=progress)

    def prepare(self, name: str, settings: PrepareSettings) -> Path:
        """Make a dataset of the files, in the data folder under ``name``; nothing stays of one that fails."""
        from upgan.data.formats import read_sources
        from upgan.data.prepare.prepare import prepare

        require_training()
        out = new_folder(name)
        with self._as_named():
            prepare(replace(read_sources([self.path]), name=name), out, settings)
        return out

    def close(self) -> None:
        """Remove the files now."""
        self._folder.cleanup()

    @contextlib.contextmanager
    def _as_named(self) -> Iterator[None]:
        """Errors from within say a file's name, not where this machine keeps it."""
        try:
            yield
        except DataError as error:
            raise DataError(str(error).replace(f"{self.path}/", "").replace(str(self.path), "the files")) from None


def refuse_large_inside(files: Sequence[Path]) -> None:
    """DataError where packed files hold too much, or cannot be unpacked; told by their first bytes, as readers do."""
    from upgan.data.raw.packing import packing_of, unpacked

    room = MOST_UNPACKED_MEGABYTES * 1_000_000
    for path in files:
        with path.open("rb") as file:
            packing = packing_of(file.read(8))
            file.seek(0)
            for block in unpacked(path, file, packing) if packing else ():
                room -= len(block)
                if room < 0:
                    raise DataError(f"{path.name}: more than {MOST_UNPACKED_MEGABYTES:,} MB when unpacked")


def remove(prepared: Path) -> None:
    """Undo a preparation: its folder goes. ConfigError where there is no prepared dataset any more."""
    require_training()
    if prepared.parent != data_root() or prepared.is_symlink() or not written(prepared / "manifest.json"):
        raise ConfigError(f"{prepared.name!r}: there is no such dataset any more")
    shutil.rmtree(prepared)


def make_demo() -> None:
    """Write the embedded book catalogue into the data folder."""
    from upgan.data.demo.demo import write_demo

    require_training()
    write_demo(new_folder("demo"))


def new_folder(name: str) -> Path:
    """The place of a new dataset; ConfigError for a name that is taken or no plain word."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:60]!r}: a dataset's name here is 1 to 40 of a-z, 0-9, - and _, a letter or digit first"
        )
    out = data_root() / name
    if out.exists():
        raise ConfigError(f"{name!r}: there is a dataset of that name already")
    return out
