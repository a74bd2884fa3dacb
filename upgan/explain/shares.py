"""Users behind a score, one by one: arrays inside, because a target may have tens of thousands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Self, TypeVar, overload

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, PlainSerializer

from upgan.types import FloatArray


@dataclass(frozen=True)
class UserShare:
    """One reached user: its weight in p_h and its signed part of the score."""

    id: str
    weight: float
    contribution: float


@dataclass(frozen=True)
class UserDifference:
    """One user of the target: what it adds to the answer's score, to the other candidate's, and the difference."""

    id: str
    weight: float
    contribution: float
    contribution_against: float
    difference: float


_Row = TypeVar("_Row", UserShare, UserDifference)


class _Columns(Sequence[_Row], Generic[_Row]):
    """(N,) an array for each field of the rows; a row is made only where one is asked for.

    Equal to any sequence of the same rows in the same order.
    """

    row: type[_Row]

    def __init__(self, ids: npt.NDArray[np.object_], *numbers: FloatArray) -> None:
        self.ids = ids
        self.numbers = numbers

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same numbers under other ids."""
        ids = np.empty(len(self), dtype=object)
        ids[:] = [names[user] for user in self.ids]
        return type(self)(ids, *self.numbers)

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> _Row: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> _Row | Self:
        if isinstance(index, slice):
            return type(self)(self.ids[index], *(column[index] for column in self.numbers))
        return self.row(self.ids[index], *(float(column[index]) for column in self.numbers))

    def __iter__(self) -> Iterator[_Row]:
        return map(self.row, self.ids.tolist(), *(column.tolist() for column in self.numbers))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} users)"


class Shares(_Columns[UserShare]):
    """Users with weight and contribution."""

    row = UserShare


class Differences(_Columns[UserDifference]):
    """Users with their contributions to two candidates."""

    row = UserDifference


#: How a field holds them: any sequence, read from and written to JSON as a list.
UserShares = Annotated[Sequence[UserShare], AfterValidator(tuple), PlainSerializer(list, return_type=list[UserShare])]
UserDifferences = Annotated[
    Sequence[UserDifference], AfterValidator(tuple), PlainSerializer(list, return_type=list[UserDifference])
]
