"""Which triples are for training, validation and test.

Triples that say the same thing (a mirrored triple of a symmetric relation, the partner triple of a reverse relation)
form one unit, and a unit is never torn apart: otherwise training would hold the answer.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from upgan.types import SPLITS

TRAIN, VALID, TEST = range(3)
#: The code of a triple whose split is still to be drawn.
OPEN = -1


def units_of(triples: np.ndarray, relation_class: np.ndarray, together: bool) -> np.ndarray:
    """The unit of each triple, int64 (N,), numbered by first appearance.

    ``relation_class`` (R,): equal for partner relations. With ``together``, (h, r, t) and (t, r, h) are one unit.
    In a class of several relations direction is always ignored: reverse partners are each other's mirror.
    """
    heads, tails = triples[:, 0], triples[:, 2]
    classes = relation_class[triples[:, 1]]
    unordered = (np.bincount(relation_class)[classes] > 1) | together
    frame = pd.DataFrame(
        {
            "class": classes,
            "a": np.where(unordered, np.minimum(heads, tails), heads),
            "b": np.where(unordered, np.maximum(heads, tails), tails),
        }
    )
    return frame.groupby(["class", "a", "b"], sort=False).ngroup().to_numpy(dtype=np.int64)


def draw_split(
    units: np.ndarray, preset: np.ndarray, fractions: tuple[float, float, float], rng: np.random.Generator
) -> np.ndarray:
    """Split codes int64 (N,): ``preset`` where it is not OPEN, else drawn by unit.

    An open triple whose unit holds preset ones goes with them (the lowest split of theirs). The other units are
    shuffled and cut where the triples before them reach ``fractions[0]`` and ``fractions[0] + fractions[1]`` of all.
    """
    codes = preset.astype(np.int64).copy()
    frame = pd.DataFrame({"unit": units, "code": np.where(codes == OPEN, len(SPLITS), codes)})
    by_unit = frame.groupby("unit")["code"].min().to_numpy(dtype=np.int64).copy()
    undecided = np.flatnonzero(by_unit == len(SPLITS))
    order = rng.permutation(undecided)
    sizes = np.bincount(units, minlength=len(by_unit))[order]
    before = np.cumsum(sizes) - sizes
    # The small addition keeps 0.7 + 0.2 of 10 at 9.
    cuts = np.floor(np.cumsum(fractions)[:2] * sizes.sum() + 1e-9)
    by_unit[order] = np.searchsorted(cuts, before, side="right")
    return np.where(codes == OPEN, by_unit[units], codes)


def unseen_in_training(triples: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Which triples (N,) of validation and test have an entity or relation that no training triple has."""
    train = triples[codes == TRAIN]
    known_entities = np.unique(train[:, [0, 2]])
    known = (
        np.isin(triples[:, 0], known_entities)
        & np.isin(triples[:, 2], known_entities)
        & np.isin(triples[:, 1], np.unique(train[:, 1]))
    )
    unseen: np.ndarray = (codes != TRAIN) & ~known
    return unseen


def answers_in_training(units: np.ndarray, codes: np.ndarray) -> int:
    """Number of validation and test triples whose unit has a training triple too: answers a model could read off."""
    in_training = np.zeros(int(units.max()) + 1 if len(units) else 0, dtype=bool)
    in_training[units[codes == TRAIN]] = True
    return int(((codes != TRAIN) & in_training[units]).sum())
