"""Files are written whole or not at all, and named by the hash of what they hold."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from upgan.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

#: Bytes that a JSON file of a run or a dataset has at most; those with tables are far below.
LONGEST_JSON = 64_000_000
#: And a settings file.
LONGEST_TOML = 1_000_000
Shape = TypeVar("Shape")


def write_atomic(
    path: Path, write: Callable[[Path], object], *, durable: bool = False, make_folder: bool = True
) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it over ``path`` in one step.

    A reader sees the old file or the new one, never a part. On any error the temporary file is removed and ``path``
    is left as it was. ``durable``: the content is on the disk before the name is, so that this holds through a power
    failure too. ``make_folder``: the folder is made where it is missing; otherwise FileNotFoundError, so that a folder
    that somebody deletes under a training stays deleted.

    What stands there and is neither a file nor a folder (a pipe, /dev/stdout) is not replaced: it gets the bytes.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        _pour(path, write)
        return
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path, "tmp")
    try:
        write(temporary)
        if durable:
            _force_to_disk(temporary)
        temporary.replace(path)
        if durable:
            _force_to_disk(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _pour(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file of the same name elsewhere, and write its bytes into what stands at ``path``."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / path.name
        write(made)
        with made.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)


def _beside(path: Path, what: str) -> Path:
    """A hidden name of its own; made there, a file is as readable as any other that its user writes."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{what}")


def _force_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes, *, make_folder: bool = True) -> None:
    """Write bytes atomically."""
    write_atomic(path, lambda temporary: temporary.write_bytes(content), make_folder=make_folder)


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write several files into a folder, made if need be: all of them, or none where one does not fit on the disk."""
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    written = {name: _beside(folder / name, "tmp") for name in contents}
    try:
        for name, temporary in written.items():
            temporary.write_bytes(contents[name])
        for name, temporary in written.items():
            temporary.replace(folder / name)
    except BaseException:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def write_text(path: Path, text: str, *, make_folder: bool = True) -> None:
    """Write UTF-8 text atomically, with the same line ends on every system.

    A name of a file whose bytes are no UTF-8 stands there with escapes, which in JSON lead back to it.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"), make_folder=make_folder)


def write_json(path: Path, value: Any, *, make_folder: bool = True) -> None:
    """Write ``value`` as indented JSON, atomically. NaN is refused: it is not JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", make_folder=make_folder)


@contextlib.contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends without an error, and vanishes otherwise.

    A folder already at ``path`` is replaced only at that moment.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    building = _beside(path, "building")
    building.mkdir()
    try:
        yield building
        if path.exists():
            previous = _beside(path, "old")
            path.replace(previous)
            building.replace(path)
            shutil.rmtree(previous)
        else:
            building.replace(path)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


@contextlib.contextmanager
def spelled_in_utf8(path: Path) -> Iterator[Path]:
    """A path to the same file for libraries that take text alone: names of files are bytes, and may be no UTF-8.

    Such a file is opened, and Linux has a name for what is open; elsewhere the path is given as it is.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        if not Path("/proc/self/fd").is_dir():
            yield path
            return
        with path.open("rb") as file:
            yield Path(f"/proc/self/fd/{file.fileno()}")
        return
    yield path


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks so that size does not matter."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_object(path: Path, longest: int = LONGEST_JSON) -> dict[str, Any]:
    """A JSON file that holds an object, of bounded length and depth (200).

    Raises ValueError, saying what is wrong in a few words that follow the file's name; FileNotFoundError and OSError.
    """
    from pydantic_core import from_json

    if (size := path.stat().st_size) > longest:
        raise ValueError(f"{size:,} bytes, more than the {longest:,} that such a file has at most")
    try:
        value = from_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"not readable as JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"an object is expected, found {type(value).__name__}")
    return value


def checked(value: object, shape: TypeAdapter[Shape], *, strict: bool = True) -> Shape:
    """``value``, which came out of a file, if it has the types and bounds of ``shape``; ValueError naming the place.

    ``strict``: no number is read from text, and no dataclass from an object.
    """
    from pydantic import ValidationError

    try:
        return shape.validate_python(value, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) if isinstance(part, int) else ascii(part[:60])[1:-1] for part in first["loc"])
        raise ValueError(f"{place or 'the whole'}: {first['msg']}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as nested tables; ConfigError names the file and the place of a mistake."""
    try:
        with path.open("rb") as stream:
            text = stream.read(LONGEST_TOML + 1)
        if len(text) > LONGEST_TOML:
            raise ConfigError(f"{path}: longer than a settings file can be ({LONGEST_TOML:,} bytes)")
        return tomllib.loads(text.decode("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such settings file") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: nested too deep") from None
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
