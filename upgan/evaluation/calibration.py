"""From scores to estimated precision: monotone curves fitted to proposals whose truth is known.

A proposal has a share x in [0, 1] (its part of the softmax over all answers that are not known already) and an outcome
y in {0, 1}. A curve is the isotonic regression of y on x, the non-decreasing step function with the least squared
error, read as straight lines between the middles of its steps. A group with few examples leans on a curve of many:
every example counts once with its own outcome and ``LEAN / n`` times with what the larger curve says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from upgan.types import Document, FloatArray

#: How many examples' worth the larger curve has in a group's own.
LEAN = 50.0


@dataclass(frozen=True)
class Curve:
    """Estimated precision of a share, non-decreasing."""

    #: (S,) shares, ascending from 0 to 1, and the precision at each.
    share: FloatArray
    precision: FloatArray
    #: How many questions of its own it was fitted to.
    examples: int

    def at(self, share: FloatArray) -> FloatArray:
        """The precision of each share."""
        read: FloatArray = np.interp(share, self.share, self.precision)
        return read

    def least(self, precision: float) -> float:
        """The smallest share with at least this precision; above 1 where there is none."""
        if self.precision[-1] < precision:
            return 2.0
        above = int(np.searchsorted(self.precision, precision))
        if above == 0:
            return 0.0
        low, high = self.precision[above - 1], self.precision[above]
        part = (precision - low) / (high - low)
        return float(self.share[above - 1] + part * (self.share[above] - self.share[above - 1]))

    def most(self, precision: float) -> float:
        """The largest share with at most this precision."""
        return float(self.share[max(int(np.searchsorted(self.precision, precision, side="right")) - 1, 0)])

    @staticmethod
    def fit(share: FloatArray, right: FloatArray, larger: Curve | None = None) -> Curve:
        """Fit (N, K) shares and outcomes of N questions; without any the ``larger`` curve, or the straight line."""
        questions, share, right = len(share), share.ravel(), right.ravel()
        count = len(share)
        if not count:
            told = larger or Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0)
            return Curve(told.share, told.precision, 0)
        order = np.argsort(share, kind="stable")
        x, y = share[order], right[order].astype(np.float64)
        if larger is None:
            # One failure with the largest share, so that no curve says "always".
            x, y = np.append(x, x[-1]), np.append(y, 0.0)
        else:
            y = (y + LEAN / count * larger.at(x)) / (1.0 + LEAN / count)
        fitted = isotonic_regression(y)
        middle = np.add.reduceat(x, fitted.blocks[:-1]) / np.diff(fitted.blocks)
        precision = fitted.x[fitted.blocks[:-1]]
        return Curve(*_whole(middle, precision), examples=questions)


def _whole(share: FloatArray, precision: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A curve from (0, 0) to 1 with one precision for each share."""
    share, first = np.unique(np.concatenate([[0.0], share, [1.0]]), return_index=True)
    return share, np.concatenate([[0.0], precision, precision[-1:]])[first]


@dataclass(frozen=True)
class Bin(Document):
    """Proposals whose promised precision lies between two bounds: how many, what was promised, what came true."""

    low: float
    high: float
    count: int
    promised: float
    right: float


@dataclass(frozen=True)
class Reliability(Document):
    """A reliability diagram: bins, and the expected calibration error, the mean of |promised - right| over examples."""

    examples: int
    error: float
    #: Of proposals promised at 0.9 or more: how many, and the share that was right (None: there are none).
    sure: int
    sure_right: float | None
    bins: tuple[Bin, ...]

    @staticmethod
    def of(promised: FloatArray, right: FloatArray, bins: int = 10, accept: float = 0.9) -> Reliability:
        """(N,) promises in [0, 1] and outcomes, in ``bins`` of equal width (Naeini et al., AAAI 2015)."""
        place = np.minimum((promised * bins).astype(np.int64), bins - 1)
        count = np.bincount(place, minlength=bins)
        sums = [np.bincount(place, weights=value, minlength=bins) for value in (promised, right.astype(np.float64))]
        means = [np.divide(one, count, out=np.zeros(bins), where=count > 0) for one in sums]
        error = float(np.abs(means[0] - means[1]) @ count / max(len(promised), 1))
        high = promised >= accept
        filled = tuple(
            Bin(
                number / bins, (number + 1) / bins, int(count[number]), float(means[0][number]), float(means[1][number])
            )
            for number in np.flatnonzero(count).tolist()
        )
        return Reliability(
            len(promised), error, int(high.sum()), float(right[high].mean()) if high.any() else None, filled
        )
