"""From scores to estimated precision: monotone curves fitted to proposals whose truth is known.

A proposal of group g has a share x in (0, 1) and an outcome y in {0, 1}. Its precision is estimated by Platt scaling
(Platt, 1999) in log-odds z = log(x / (1 - x)), where groups share what they have in common:

    P(y = 1) = m / (1 + exp(-((a + d_g) z + b + c_g)))

m is known of each proposal: no more than this share of its like can be right at all (1 where nothing is known). a and b
are those of all groups; c_g and d_g are what one group differs by, held near 0 by a ridge: a group with few examples
keeps to what all have, one with many goes its own way. In cross-validation on nine runs' validation this (with m = 1)
has a log-loss of 0.416; beta calibration (Kull et al., 2017) 0.419, and isotonic regression of cross-fitted curves with
interpolation 0.423, whose steps follow the noise of few examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from upgan.types import BoolArray, Document, FloatArray, IntArray

#: The ridge of the groups' offsets (they differ by about 1 in log-odds), and how much more strongly their slopes are
#: held: chosen by that cross-validation, of 0.5 to 3 and 4 to 24.
STRENGTH, SLOPE = 1.0, 24.0
#: Shares are kept within these bounds, and slopes above this one, so that a curve always rises.
LOWEST, HIGHEST, FLATTEST = 1e-30, 1 - 1e-7, 0.02


@dataclass(frozen=True)
class Curve:
    """Estimated precision of a share, strictly increasing within the bounds of shares."""

    slope: float = 1.0
    offset: float = 0.0
    #: How many examples of its own group it was fitted to.
    examples: int = 0

    def at(self, share: FloatArray, most: FloatArray | float = 1.0) -> FloatArray:
        """The precision of each share, where at ``most`` so much of its like can be right."""
        precision: FloatArray = most * expit(self.slope * log_odds(share) + self.offset)
        return precision

    def least(self, precision: float, most: float = 1.0) -> float:
        """A share below which none has this precision, by a rounding error too small rather than too large."""
        if precision <= 0:
            return 0.0
        if precision >= most:
            return HIGHEST
        return float(expit((logit(precision / most) - self.offset) / self.slope)) * (1 - 1e-5)


def log_odds(share: FloatArray) -> FloatArray:
    """log(x / (1 - x)) of shares within their bounds."""
    odds: FloatArray = logit(np.clip(np.asarray(share, dtype=np.float64), LOWEST, HIGHEST))
    return odds


def fit_curves(
    group: IntArray,
    share: FloatArray,
    right: BoolArray,
    weight: FloatArray | None = None,
    most: FloatArray | None = None,
) -> dict[int, Curve]:
    """A curve for each group of (N,) examples, and under -1 what all have in common; none where there is no example.

    ``weight``: for how many examples each stands; ``most``: how much of its like can be right. None: 1 for each.
    """
    if not len(group):
        return {}
    groups, number = np.unique(group, return_inverse=True)
    each = np.ones(len(group))
    given = (each if weight is None else weight), (each if most is None else most)
    slope, offset = _fit(number, log_odds(share), right.astype(np.float64), *given, groups=len(groups))
    counts = np.bincount(number, minlength=len(groups))
    curves = {-1: Curve(max(slope[-1], FLATTEST), offset[-1], len(group))}
    for place, name in enumerate(groups.tolist()):
        curves[name] = Curve(max(slope[place], FLATTEST), offset[place], int(counts[place]))
    return curves


def _fit(
    number: IntArray, odds: FloatArray, right: FloatArray, weight: FloatArray, most: FloatArray, *, groups: int
) -> tuple[FloatArray, FloatArray]:
    """(groups + 1,) slopes and offsets, those of all groups last."""
    with np.errstate(divide="ignore"):
        rest = np.log1p(-most)

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        (slope, offset), own_offset, own_slope = values[:2], values[2 : 2 + groups], values[2 + groups :]
        told = (slope + own_slope[number]) * odds + offset + own_offset[number]
        ridge = STRENGTH * ((own_offset**2).sum() + SLOPE * (own_slope**2).sum()) + (slope - 1) ** 2
        # log(1 - p) of p = most * expit(told) and of expit(told) itself, also where they are all but 1.
        wrong, never = np.logaddexp(rest, -told) - np.logaddexp(0, -told), -np.logaddexp(0, told)
        residual = weight * (most * expit(told) - right) * np.exp(never - wrong)
        gradient = np.concatenate(
            [
                [(residual * odds).sum() + slope - 1, residual.sum()],
                np.bincount(number, residual, groups) + STRENGTH * own_offset,
                np.bincount(number, residual * odds, groups) + SLOPE * STRENGTH * own_slope,
            ]
        )
        return float(ridge / 2 - weight @ (right * -np.logaddexp(0, -told) + (1 - right) * wrong)), gradient

    start = np.concatenate([[1.0], np.zeros(1 + 2 * groups)])
    found: FloatArray = minimize(loss, start, jac=True, method="L-BFGS-B").x
    (slope, offset), own_offset, own_slope = found[:2], found[2 : 2 + groups], found[2 + groups :]
    return np.append(slope + own_slope, slope), np.append(offset + own_offset, offset)


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
    #: About the error that promises would have by chance alone if every one of them were the true probability.
    by_chance: float
    #: Of proposals promised at 0.9 or more: how many, and the share that was right (None: there are none).
    sure: int
    sure_right: float | None
    bins: tuple[Bin, ...]

    @staticmethod
    def of(
        promised: FloatArray, right: BoolArray, weight: FloatArray | None = None, bins: int = 10, accept: float = 0.9
    ) -> Reliability:
        """(N,) promises in [0, 1] and outcomes, in ``bins`` of equal width (Naeini et al., AAAI 2015).

        ``weight``: for how many examples each stands; None: for one. Counts are those of the examples themselves.
        """
        stands_for = np.ones(len(promised)) if weight is None else weight
        place = np.minimum((promised * bins).astype(np.int64), bins - 1)
        count = np.bincount(place, minlength=bins)
        size, *sums = (
            np.bincount(place, weights=stands_for * value, minlength=bins)
            for value in (np.ones(len(promised)), promised, right.astype(np.float64))
        )
        told, true = (np.divide(one, size, out=np.zeros(bins), where=size > 0) for one in sums)
        whole = max(float(size.sum()), 1e-300)
        filled = tuple(
            Bin(at / bins, (at + 1) / bins, int(count[at]), float(told[at]), float(true[at]))
            for at in np.flatnonzero(count).tolist()
        )
        # The mean of a normal variable's size is sqrt(2 / pi) of its deviation; here that of each bin's share.
        spread = np.bincount(place, weights=stands_for**2 * promised * (1 - promised), minlength=bins)
        high = promised >= accept
        return Reliability(
            examples=len(promised),
            error=float(np.abs(told - true) @ size / whole),
            by_chance=float(np.sqrt(2 / np.pi * spread).sum() / whole),
            sure=int(high.sum()),
            sure_right=float(np.average(right[high], weights=stands_for[high])) if high.any() else None,
            bins=filled,
        )
