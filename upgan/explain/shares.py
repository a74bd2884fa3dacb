"""The users behind a score as a sequence of shares: arrays inside, because a target may have tens of thousands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, overload

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


class Shares(Sequence[UserShare]):
    """(N,) ids, weights and contributions; a ``UserShare`` is made only where one is asked for.

    Equal to any sequence of the same shares in the same order.
    """

    def __init__(self, ids: npt.NDArray[np.object_], weights: FloatArray, contributions: FloatArray) -> None:
        self.ids = ids
        self.weights = weights
        self.contributions = contributions

    @staticmethod
    def of(shares: Sequence[UserShare]) -> Shares:
        """Shares that stand one by one, as arrays."""
        if isinstance(shares, Shares):
            return shares
        ids = np.empty(len(shares), dtype=object)
        ids[:] = [share.id for share in shares]
        return Shares(
            ids,
            np.array([share.weight for share in shares], dtype=np.float64),
            np.array([share.contribution for share in shares], dtype=np.float64),
        )

    def renamed(self, names: Mapping[str, str]) -> Shares:
        """The same numbers under other ids."""
        ids = np.empty(len(self), dtype=object)
        ids[:] = [names[user] for user in self.ids]
        return Shares(ids, self.weights, self.contributions)

    def to_list(self) -> list[dict[str, Any]]:
        """The shares as JSON objects."""
        columns = (self.ids.tolist(), self.weights.tolist(), self.contributions.tolist())
        return [{"id": user, "weight": w, "contribution": c} for user, w, c in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> UserShare: ...
    @overload
    def __getitem__(self, index: slice) -> Shares: ...
    def __getitem__(self, index: int | slice) -> UserShare | Shares:
        if isinstance(index, slice):
            return Shares(self.ids[index], self.weights[index], self.contributions[index])
        return UserShare(self.ids[index], float(self.weights[index]), float(self.contributions[index]))

    def __iter__(self) -> Iterator[UserShare]:
        return map(UserShare, self.ids.tolist(), self.weights.tolist(), self.contributions.tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Shares):
            return (
                bool(np.array_equal(self.ids, other.ids))
                and bool(np.array_equal(self.weights, other.weights))
                and bool(np.array_equal(self.contributions, other.contributions))
            )
        if isinstance(other, Sequence) and not isinstance(other, str):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Shares({len(self):,} users)"


#: How a field holds shares: any sequence of them, read from and written to JSON as a list.
UserShares = Annotated[Sequence[UserShare], AfterValidator(tuple), PlainSerializer(list, return_type=list[UserShare])]
