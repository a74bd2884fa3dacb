"""Relations that repeat or contain each other, and would leak test answers into training.

The rule. For two relations, overlap = |pairs(r1) ∩ pairs(r2)| / min(|r1|, |r2|), once with pairs(r2) as they are
(``same``) and once turned round (``reversed``).

* A reverse pair has reversed >= 0.5: half of what one says can be read off the other.
* A duplicate pair has same >= 0.9 and relations of comparable size (the smaller at least half the larger). A small
  relation inside a far larger one (an award won, among the awards nominated for) says something of its own: it stays.
* A link relation holds, read either way, at least 0.9 of the pairs of two or more relations that are each at most 0.9
  of its size and lead to different things (authors and publishers; a page links to whatever it names). It says only
  that there is some relation, so it is the one to drop, before any pair is looked at, and the relations that say which
  stay. "Different things": of two of them, less than half of either's tails are tails of the other. Relations with
  fewer than 10 triples do not count here.
* A relation inside one that is far larger and largely its own mirror (same >= 0.9 and reversed >= 0.5) is not its
  reverse: both stay, and triples of one pair share a split.

Of a reverse or duplicate pair one relation is dropped: the smaller where it is less than half the larger; otherwise the
one that starts at fewer catalogue items (share of heads minus share of tails that are items, where the two differ by
more than 1); otherwise the one whose name sorts last. Pairs are taken strongest first; a pair that has already lost a
relation is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from upgan.errors import listed

REVERSE_OVERLAP = 0.5
DUPLICATE_OVERLAP = 0.9
COMPARABLE_SIZE = 0.5
#: A relation is inside a larger one when that holds so much of its pairs, read either way.
CONTAINED = 0.9
#: One that is nearly as large says the same; it is no part among others.
PART = 0.9
#: Relations with fewer triples than this say nothing about what a larger one is: they may lie in it by chance.
LEAST_CONTAINED = 10
#: Of 2: one relation then starts, and the other ends, at items for more than half of their triples, net. Below that
#: (a film's sequels and prequels, where the catalogue merely holds more of the older films) neither "starts at items".
ITEM_SHARE_MARGIN = 1.0


Kind = Literal["reverse", "duplicate", "contained", ""]


@dataclass(frozen=True)
class RelationPair:
    """Two relations that share at least one pair of entities; ``first`` sorts before ``second``."""

    first: str
    second: str
    size_first: int
    size_second: int
    same: float
    reversed: float
    kind: Kind
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
        """The pairs that say the same of two entities, of which both stay: their triples share a split."""
        gone = set(self.dropped)
        return [
            (pair.first, pair.second) for pair in self.pairs if pair.kind and gone.isdisjoint((pair.first, pair.second))
        ]

    def drops(self) -> dict[str, str]:
        """Each relation that was dropped, and why, in words."""
        reasons: dict[str, str] = {}
        for pair in self.pairs:
            if pair.dropped and pair.kind == "contained":
                reasons[pair.dropped] = pair.reason
            elif pair.dropped:
                partner = pair.first if pair.dropped == pair.second else pair.second
                reasons[pair.dropped] = f"{pair.kind} of {partner}"
        return reasons

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
    inside = _contained(triples, sizes, shared)
    links = {link: _link_reason(link, those, relations, triples) for link, those in _link_relations(triples, inside)}
    shared = shared.assign(same=shared["same"] / smaller, mirrored=shared["mirrored"] / smaller)
    shared = shared.assign(strength=-shared[["same", "mirrored"]].max(axis=1)).sort_values(["strength", "a", "b"])
    share = _item_share(triples, len(relations), items)
    gone: set[int] = set() if keep_reverse else set(links)
    pairs = []
    columns = (shared[name].tolist() for name in ("a", "b", "same", "mirrored"))
    for a, b, same, mirrored in zip(*columns, strict=True):
        small, large = (a, b) if sizes[a] < sizes[b] else (b, a)
        kind = _kind(same, mirrored, sizes[a], sizes[b])
        drop, reason = -1, ""
        if large in links and small in inside.get(large, ()):
            kind, drop, reason = "contained", large, links[large]
        if kind and keep_reverse:
            drop, reason = -1, "both kept on request; partner triples share a split"
        elif drop >= 0:
            pass
        elif kind == "contained" and gone.isdisjoint((a, b)):
            reason = "the larger is largely its own mirror; both stay, and triples of one pair share a split"
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


def _contained(triples: np.ndarray, sizes: np.ndarray, shared: pd.DataFrame) -> dict[int, list[int]]:
    """The relations inside each larger one: at least CONTAINED of their pairs stand there, read either way."""
    a, b = shared["a"].to_numpy(dtype=np.int64), shared["b"].to_numpy(dtype=np.int64)
    small, large = np.where(sizes[a] < sizes[b], a, b), np.where(sizes[a] < sizes[b], b, a)
    seen = (shared["same"] + shared["mirrored"]).to_numpy()
    possible = (
        (sizes[small] >= LEAST_CONTAINED) & (sizes[small] <= PART * sizes[large]) & (seen >= CONTAINED * sizes[small])
    )
    inside: dict[int, list[int]] = {}
    if not possible.any():
        return inside
    span = int(triples[:, [0, 2]].max()) + 1
    low, high = triples[:, [0, 2]].min(axis=1), triples[:, [0, 2]].max(axis=1)
    keys = low * span + high
    of_relation = {r: keys[triples[:, 1] == r] for r in np.unique(np.concatenate([small[possible], large[possible]]))}
    for r, larger in zip(small[possible].tolist(), large[possible].tolist(), strict=True):
        if np.isin(of_relation[r], of_relation[larger]).mean() >= CONTAINED:
            inside.setdefault(larger, []).append(r)
    return inside


def _link_relations(triples: np.ndarray, inside: dict[int, list[int]]) -> Iterator[tuple[int, list[int]]]:
    """The relations that hold others which lead to different things, with those."""
    for larger, those in sorted(inside.items()):
        tails = {r: np.unique(triples[triples[:, 1] == r, 2]) for r in those}
        for a, b in combinations(those, 2):
            common = len(np.intersect1d(tails[a], tails[b], assume_unique=True))
            if common < COMPARABLE_SIZE * min(len(tails[a]), len(tails[b])):
                yield larger, those
                break


def _link_reason(link: int, those: list[int], relations: list[str], triples: np.ndarray) -> str:
    """Why a link relation goes, in words: what it holds, how large it is, and what it holds alone."""
    span = int(triples[:, [0, 2]].max()) + 1
    keys = triples[:, [0, 2]].min(axis=1) * span + triples[:, [0, 2]].max(axis=1)
    own = triples[:, 1] == link
    alone = int((~np.isin(keys[own], keys[~own])).sum())
    return (
        f"it holds the pairs of {listed((relations[r] for r in those), 8)}, so it says only that there is some "
        f"relation ({own.mean():.0%} of all triples; {alone} of its {int(own.sum())} pairs stand nowhere else)"
    )


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


def _kind(same: float, mirrored: float, size_a: int, size_b: int) -> Kind:
    comparable = min(size_a, size_b) >= COMPARABLE_SIZE * max(size_a, size_b)
    if same >= DUPLICATE_OVERLAP and comparable:
        return "duplicate"
    if same >= CONTAINED and mirrored >= REVERSE_OVERLAP and min(size_a, size_b) >= LEAST_CONTAINED:
        return "contained"
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
