"""Relations that repeat each other, and would leak test answers into training.

The rule. For two relations, overlap = |pairs(r1) ∩ pairs(r2)| / min(|r1|, |r2|), once with pairs(r2) as they are
(``same``) and once turned round (``reversed``).

* A reverse pair has reversed >= 0.5: half of what one says can be read off the other.
* A duplicate pair has same >= 0.9 and relations of comparable size (the smaller at least half the larger). A small
  relation inside a far larger one (an award won, among the awards nominated for) says something of its own: it stays.

Of such a pair one relation is dropped: the smaller where it is less than half the larger; otherwise the one that
starts at fewer catalogue items (share of heads minus share of tails that are items, where the two differ by more than
1); otherwise the one whose name sorts last. Pairs are taken strongest first; a pair that has already lost a relation
is left alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

REVERSE_OVERLAP = 0.5
DUPLICATE_OVERLAP = 0.9
COMPARABLE_SIZE = 0.5
#: Of 2: one relation then starts, and the other ends, at items for more than half of their triples, net. Below that
#: (a film's sequels and prequels, where the catalogue merely holds more of the older films) neither "starts at items".
ITEM_SHARE_MARGIN = 1.0


@dataclass(frozen=True)
class RelationPair:
    """Two relations that share at least one pair of entities; ``first`` sorts before ``second``."""

    first: str
    second: str
    size_first: int
    size_second: int
    same: float
    reversed: float
    kind: Literal["reverse", "duplicate", ""]
    #: The relation left out, or "" where both stay; ``reason`` says why in words.
    dropped: str
    reason: str


@dataclass(frozen=True)
class RelationReport:
    """Every pair that shares entities, what was dropped, and the share of mirrored triples within each relation."""

    pairs: tuple[RelationPair, ...]
    symmetric: dict[str, float]

    @property
    def dropped(self) -> tuple[str, ...]:
        return tuple(sorted({pair.dropped for pair in self.pairs if pair.dropped}))

    def partners(self) -> list[tuple[str, str]]:
        """The reverse and duplicate pairs, whether or not one of them was dropped."""
        return [(pair.first, pair.second) for pair in self.pairs if pair.kind]

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": " ".join((__doc__ or "").split("\n\n", 1)[1].split()),
            "dropped": list(self.dropped),
            "pairs": [asdict(pair) for pair in self.pairs],
            "symmetric": self.symmetric,
        }


def compare_relations(
    triples: np.ndarray, relations: list[str], items: np.ndarray, keep_reverse: bool = False
) -> RelationReport:
    """Find reverse and duplicate relations and decide which to drop (see the module's rule).

    ``triples``: unique rows (N, 3) of numbers; ``relations``: names by number, sorted; ``items``: entity numbers that
    are catalogue items. With ``keep_reverse`` pairs are found, none is dropped.
    """
    sizes = np.bincount(triples[:, 1], minlength=len(relations))
    shared, symmetric = _shared_pairs(triples, len(relations))
    smaller = np.minimum(sizes[shared["a"]], sizes[shared["b"]])
    shared = shared.assign(same=shared["same"] / smaller, mirrored=shared["mirrored"] / smaller)
    shared = shared.assign(strength=-shared[["same", "mirrored"]].max(axis=1)).sort_values(["strength", "a", "b"])
    share = _item_share(triples, len(relations), items)
    gone: set[int] = set()
    pairs = []
    columns = (shared[name].tolist() for name in ("a", "b", "same", "mirrored"))
    for a, b, same, mirrored in zip(*columns, strict=True):
        kind = _kind(same, mirrored, sizes[a], sizes[b])
        drop, reason = -1, ""
        if kind and keep_reverse:
            reason = "both kept on request; partner triples share a split"
        elif kind and gone.isdisjoint((a, b)):
            drop, reason = _which_to_drop(a, b, sizes, share)
            gone.add(drop)
        elif kind:
            reason = "one of them was dropped for another pair already"
        pairs.append(
            RelationPair(
                first=relations[a],
                second=relations[b],
                size_first=int(sizes[a]),
                size_second=int(sizes[b]),
                same=round(same, 4),
                reversed=round(mirrored, 4),
                kind=kind,
                dropped=relations[drop] if drop >= 0 else "",
                reason=reason,
            )
        )
    shares = {relations[r]: round(float(symmetric[r] / sizes[r]), 4) for r in np.flatnonzero(symmetric)}
    return RelationReport(tuple(pairs), shares)


def partner_classes(relations: list[str], partners: list[tuple[str, str]]) -> np.ndarray:
    """Number of the group of partner relations that each relation belongs to, int64 (R,); partners chain."""
    number = {name: place for place, name in enumerate(relations)}
    group = np.arange(len(relations))
    for first, second in partners:
        if first in number and second in number:
            low, high = sorted((int(group[number[first]]), int(group[number[second]])))
            group[group == high] = low
    return group


def _shared_pairs(triples: np.ndarray, num_relations: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Relations that share entity pairs: a frame a < b, same, mirrored (counts); and mirrored triples by relation (R,).

    One join on the entity pair instead of a set per pair of relations. A triple whose head is its tail is left out
    of the mirrored counts: it is its own mirror.
    """
    span = int(triples[:, [0, 2]].max()) + 1 if len(triples) else 1
    frame = pd.DataFrame({"key": triples[:, 0] * span + triples[:, 2], "r": triples[:, 1]})
    turned = pd.DataFrame({"key": triples[:, 2] * span + triples[:, 0], "r": triples[:, 1]})
    turned = turned[triples[:, 0] != triples[:, 2]]

    def joined(other: pd.DataFrame) -> pd.Series:
        both = frame[frame["key"].isin(other["key"])].merge(other, on="key", suffixes=("", "_other"))
        codes = both["r"].to_numpy() * num_relations + both["r_other"].to_numpy()
        pairs, counts = np.unique(codes, return_counts=True)
        return pd.Series(counts, index=pairs)

    # Only pairs that several relations hold can be shared; the others need not enter the join.
    same = joined(frame[frame["key"].duplicated(keep=False)])
    mirrored = joined(turned)
    shared = pd.DataFrame({"same": same, "mirrored": mirrored}).fillna(0.0)
    codes = shared.index.to_numpy(dtype=np.int64)
    shared = shared.assign(a=codes // num_relations, b=codes % num_relations)
    symmetric = np.zeros(num_relations, dtype=np.int64)
    own = shared[shared["a"] == shared["b"]]
    symmetric[own["a"]] = own["mirrored"]
    return shared[shared["a"] < shared["b"]], symmetric


def _item_share(triples: np.ndarray, num_relations: int, items: np.ndarray) -> np.ndarray:
    """For each relation, the share of its heads that are items minus the share of its tails, float (R,)."""
    is_item = np.zeros(int(triples[:, [0, 2]].max()) + 1 if len(triples) else 1, dtype=bool)
    is_item[items[items < len(is_item)]] = True
    difference = is_item[triples[:, 0]].astype(np.int64) - is_item[triples[:, 2]]
    sizes = np.bincount(triples[:, 1], minlength=num_relations)
    return np.bincount(triples[:, 1], weights=difference, minlength=num_relations) / np.maximum(sizes, 1)


def _kind(same: float, mirrored: float, size_a: int, size_b: int) -> Literal["reverse", "duplicate", ""]:
    comparable = min(size_a, size_b) >= COMPARABLE_SIZE * max(size_a, size_b)
    if same >= DUPLICATE_OVERLAP and comparable:
        return "duplicate"
    return "reverse" if mirrored >= REVERSE_OVERLAP else ""


def _which_to_drop(a: int, b: int, sizes: np.ndarray, share: np.ndarray) -> tuple[int, str]:
    """The relation of a pair to leave out, and the reason in words; ``a`` sorts before ``b``."""
    small, large = (a, b) if sizes[a] < sizes[b] else (b, a)
    if sizes[small] < COMPARABLE_SIZE * sizes[large]:
        return small, f"less than half as many triples ({sizes[small]} against {sizes[large]})"
    if abs(share[a] - share[b]) > ITEM_SHARE_MARGIN:
        drop, keep = (a, b) if share[a] < share[b] else (b, a)
        return drop, f"the other starts at catalogue items (share of heads minus tails {share[keep]:.2f})"
    return b, "the other's name sorts first"
