"""The paper's five groups of queries by how often their answer occurs in training (section 5.4.1)."""

from __future__ import annotations

import numpy as np

#: From the rarest answers to the most frequent ones.
GROUPS = tuple("ABCDE")


def answer_frequencies(train: np.ndarray, answers: np.ndarray, num_entities: int) -> np.ndarray:
    """In how many triples of ``train`` (N, 3) each of ``answers`` (Q,) is head or tail, int64 (Q,)."""
    ends = np.bincount(train[:, 0], minlength=num_entities) + np.bincount(train[:, 2], minlength=num_entities)
    frequencies: np.ndarray = ends[answers]
    return frequencies


def frequency_groups(frequencies: np.ndarray) -> np.ndarray:
    """The group of each query, places (Q,) in GROUPS: five equal parts by frequency.

    Queries of equal frequency stay together, so groups differ in size where frequencies tie.
    """
    bounds = np.quantile(frequencies, [0.2, 0.4, 0.6, 0.8]) if len(frequencies) else np.zeros(4)
    return np.searchsorted(bounds, frequencies, side="left")
