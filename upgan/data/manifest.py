"""The manifest of a prepared dataset, checked where it is read: a dataset may come from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict  # of pydantic, which reads typing's own from Python 3.12 on

from upgan.errors import DataError
from upgan.files import checked, read_object

FORMAT_VERSION = 1
Name = Annotated[str, Field(max_length=1_000)]


@with_config(ConfigDict(extra="allow"))
class ManifestShape(TypedDict, total=False):
    """What is read of a manifest; all else in it is for people."""

    name: Name | None
    counts: dict[str, Annotated[int, Field(ge=0, le=2**53)]]
    fingerprint: Name | None
    catalogue: Name | None
    simulated_users: bool
    sources: list[dict[str, Any]]
    versions: list[dict[str, Any]]
    extended: list[dict[str, Any]]


_SHAPE: TypeAdapter[ManifestShape] = TypeAdapter(ManifestShape)


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a folder. Raises DataError where it is missing, damaged, of another version or no manifest."""
    path = folder / "manifest.json"
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; a prepared dataset is a folder with manifest.json and four tables")
    if not path.is_file():
        raise DataError(
            f"{folder} has no manifest.json, so it is not a prepared dataset; "
            f"make one with `upgan data prepare {folder} --out DIR`"
        )
    try:
        manifest = read_object(path)
        version = manifest.get("format_version")
        if type(version) is not int or version != FORMAT_VERSION:
            raise DataError(f"{path}: format_version {version!r:.100}; this version of upgan reads {FORMAT_VERSION}")
        return cast("dict[str, Any]", checked(manifest, _SHAPE))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} does not hold a manifest ({error}); prepare the dataset again") from error
