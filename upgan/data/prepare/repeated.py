"""Rows of the same user and the same item: which of them counts.

People correct a rating, so the last row counts: by time, then by place in the files. A row without a time is taken to
be earlier than one with a time, and a row without a rating does not replace one that has a rating.
"""

from __future__ import annotations

import numpy as np

from upgan.data.tables import row_order, same_as_before

RULE = (
    "of the rows of one user and one item the last counts, by time and then by place in the files; a row without a "
    "rating does not replace one with a rating"
)


def rows_that_count(pairs: np.ndarray, ratings: np.ndarray | None, times: np.ndarray | None) -> np.ndarray:
    """Places int64 of the rows of ``pairs`` (M, 2) that count, each pair once and sorted by pair.

    ``ratings`` and ``times`` float64 (M,), NaN where unknown; None where the source has none.
    """
    order = row_order(pairs)
    again = same_as_before(pairs[order])
    if not again.any():
        return order
    last = ~np.append(again[1:], False)
    # Only rows of repeated pairs are put into order; mostly they are few.
    places = np.flatnonzero(again | ~last)
    rows = order[places]
    unknown = np.zeros(len(rows))
    rated = unknown if ratings is None else ~np.isnan(ratings[rows])
    when = unknown if times is None else np.nan_to_num(times[rows], nan=-np.inf)
    pair = np.cumsum(~again)[places]
    order[places] = rows[np.lexsort((rows, when, rated, pair))]
    counting: np.ndarray = order[last]
    return counting
