"""Users who chose so much that it says little about them: a bot, a shop's own account, a collector of everything."""

from __future__ import annotations

import numpy as np

#: Items beyond which a user is heard on some of them only, where users' choices are compared (upgan.graph.heavy).
MOST_ITEMS = 1000
#: Who chose this share of all items, and at least so many, chose nearly blindly.
BLIND_SHARE, BLIND_LEAST = 0.5, 100


def chosen_by_user(interactions: np.ndarray, num_users: int) -> np.ndarray:
    """(M, 2) distinct interactions of (user, item) -> int64 (U,) items of each user."""
    return np.bincount(interactions[:, 0], minlength=num_users)


def heavy_users(interactions: np.ndarray, num_users: int) -> np.ndarray:
    """Numbers of the users with more than ``MOST_ITEMS`` items, or half of all, those with most items first."""
    chosen = chosen_by_user(interactions, num_users)
    items = len(np.unique(interactions[:, 1]))
    heavy = np.flatnonzero((chosen > MOST_ITEMS) | ((chosen >= BLIND_SHARE * items) & (chosen >= BLIND_LEAST)))
    ordered: np.ndarray = heavy[np.argsort(-chosen[heavy], kind="stable")]
    return ordered
