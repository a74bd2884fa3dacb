"""What preset "quality" does otherwise where there are many entities, so that a training still ends.

An exact step scores its queries against all entities, and every evaluation ranks the whole validation split: both grow
with queries times entities. Beyond ``MANY`` entities steps draw candidates, and a part of the validation split decides
when a phase stops. docs/records/performance.md has the measurements that the numbers come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Entities beyond which the values below replace the preset's.
MANY = 10_000
#: Larger batches gain little once a step reads no more than it needs, and converge more slowly: the preset's stays.
SIZED: Mapping[str, Any] = {
    "validation_triples": 4000,
    "initialisation.candidates": 2048,
    "initialisation.candidates_by": "popularity",  # half the variance of an even draw, at no cost
    "pretrain.candidates": 2048,
    "pretrain.candidates_by": "popularity",
}
#: Products of these phases in half the bytes, where the machine has instructions for them.
NARROW: Mapping[str, Any] = {"initialisation.precision": "bfloat16", "pretrain.precision": "bfloat16"}


@dataclass(frozen=True)
class Size:
    """What of the data and the machine a preset depends on."""

    entities: int
    #: Whether the machine multiplies numbers of bfloat16 (upgan.machine.has_bfloat16).
    bfloat16: bool = False


def sized(preset: str, size: Size | None) -> dict[str, Any]:
    """Dotted key -> value of what replaces the preset's; nothing for few entities and for other presets."""
    if size is None or preset != "quality" or size.entities <= MANY:
        return {}
    return {**SIZED, **(NARROW if size.bfloat16 else {})}


def told(values: Mapping[str, Any], size: Size | None, preset: str) -> str:
    """One line on what was chosen by size, of a run's flat settings; empty where nothing was."""
    chosen = {key: value for key, value in sized(preset, size).items() if values.get(key) == value}
    # How candidates are drawn says something only beside how many are.
    chosen = {key: value for key, value in chosen.items() if not key.endswith("_by") or key[:-3] in chosen}
    if not chosen or size is None:
        return ""
    words = [f"{key}={value}" for key, value in chosen.items()]
    return (
        f"{size.entities:,} entities, more than {MANY:,}: trained with {', '.join(words)}; test metrics are on "
        "everything (--set changes each, 0 is all)"
    )
