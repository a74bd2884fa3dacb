"""What the files of a run hold, checked wherever they are read back: a run may come from anywhere.

Types and bounds only; keys that are not listed are left alone, as other versions write others. A file that is not so
is said to be so, by its name and the place in it, and concerns its own run alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import (
    Annotated,
    Any,
    NotRequired,  # of pydantic, which reads typing's own from Python 3.12 on
    cast,
)

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from upgan.files import checked, read_object

#: Characters of a name, and of a message.
NAME, MESSAGE = 1_000, 100_000
#: Bytes of a status, and of a line of metrics.jsonl.
LONGEST_STATUS, LONGEST_LINE = 1_000_000, 1_000_000

Name = Annotated[str, Field(max_length=NAME)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, le=1e11)]
Share = Annotated[float, Field(ge=0, le=1)]
#: What a model in float32 can give.
LARGEST = 1e39
Figure = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
_OPEN = with_config(ConfigDict(extra="allow", allow_inf_nan=False))


def _first(version: int) -> int:
    if type(version) is not int or version != 1:
        raise ValueError("1 is expected")
    return version


@_OPEN
class ProcessShape(TypedDict):
    """A process (upgan.runs.process)."""

    pid: Annotated[int, Field(gt=0, le=2**31)]
    start: Name
    boot: Name
    host: Name


@_OPEN
class StatusShape(TypedDict, total=False):
    """status.json."""

    state: Name
    message: Annotated[str, Field(max_length=MESSAGE)] | None
    dataset: Name
    model: Name
    preset: Name
    seed: Count | None
    device: Name | None
    phases: Annotated[list[Name], Field(max_length=100)] | None
    phase: Name | None
    epoch: Count | None
    epochs: Count | None
    epoch_share: Share | None
    step: Count | None
    best_valid_mrr: Share | None
    test_mrr: Share | None
    started: Name | None
    ended: Name | None
    seconds: Seconds | None
    phase_seconds: Seconds | None
    pid: Count | None
    process: ProcessShape | None
    heartbeat: Seconds | None
    heartbeat_monotonic: Seconds | None


@_OPEN
class FiguresShape(TypedDict, total=False):
    """The metrics of one ranking."""

    mr: Annotated[float, Field(ge=0, le=1e12)] | None
    mrr: Share | None
    queries: Count


@_OPEN
class StageShape(TypedDict, total=False):
    """What one phase reached."""

    valid: FiguresShape | None
    test: FiguresShape
    epochs: Count
    best_epoch: Count
    ended: Name
    seconds: Seconds


@_OPEN
class ResultShape(FiguresShape, total=False):
    """metrics.json."""

    valid: FiguresShape | None
    stages: dict[str, StageShape]
    groups: dict[str, dict[str, FiguresShape]]
    seconds: Seconds
    peak_memory_mb: Seconds
    device: Name
    hardware: dict[str, Any]
    threads: Count
    seed: Count
    started_from: Name | None


@_OPEN
class LineShape(TypedDict, total=False):
    """A line of metrics.jsonl; its other keys are losses and other means of an epoch."""

    t: Name
    phase: Name
    epoch: Count
    step: Count
    seconds: Seconds
    valid: dict[str, float | None] | None


@_OPEN
class UserShape(TypedDict):
    """A user of the pinned query."""

    id: Name
    weight: Figure


@_OPEN
class NegativeShape(TypedDict):
    """An entity that the generator offers for it."""

    id: Name
    probability: Share


@_OPEN
class LookShape(LineShape, total=False):
    """A line of pinned.jsonl."""

    rank: Annotated[float, Field(ge=1, le=1e12)]
    score: Figure
    users: Annotated[list[UserShape], Field(max_length=1000)]
    negatives: Annotated[list[NegativeShape], Field(max_length=1000)]


@_OPEN
class SealShape(TypedDict):
    """run.json."""

    format_version: Annotated[int, AfterValidator(_first)]
    dataset_fingerprint: Name
    model_sha256: Name
    config_sha256: Name
    #: Of squares.safetensors, where there is one; runs of before sealed neither it nor the sizes.
    squares_sha256: NotRequired[Name]
    sizes: NotRequired[dict[str, Count]]


@_OPEN
class StartShape(TypedDict):
    """start.json."""

    run: Annotated[str, Field(max_length=10_000)]


STATUS: TypeAdapter[StatusShape] = TypeAdapter(StatusShape)
RESULT: TypeAdapter[ResultShape] = TypeAdapter(ResultShape)
LINE: TypeAdapter[LineShape] = TypeAdapter(LineShape)
LOOK: TypeAdapter[LookShape] = TypeAdapter(LookShape)
SEAL: TypeAdapter[SealShape] = TypeAdapter(SealShape)
START: TypeAdapter[StartShape] = TypeAdapter(StartShape)


def read_as(path: Path, shape: TypeAdapter[Any], longest: int | None = None) -> dict[str, Any]:
    """An object of a file with the types and bounds of ``shape``; errors as upgan.files.read_object."""
    value = read_object(path) if longest is None else read_object(path, longest)
    return cast("dict[str, Any]", checked(value, shape))
