"""Checks of the triples: repeats, relations that repeat each other, splits that leak, shapes of relations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from upgan.data.check.catalogue import Catalogue
from upgan.data.check.report import Finding, finding
from upgan.data.describe import cardinalities
from upgan.data.prepare.relations import (
    DUPLICATE_OVERLAP,
    REVERSE_OVERLAP,
    RelationPair,
    RelationReport,
    compare_relations,
)
from upgan.data.prepare.split import TRAIN
from upgan.errors import listed
from upgan.types import SPLITS

#: Overlap from which a pair that preparation leaves alone is worth a look.
NEAR_OVERLAP = 0.1
#: A relation is symmetric from this share of mirrored triples on.
SYMMETRIC_SHARE = 0.1
#: A relation with fewer triples than this has no more than a test triple or two.
TINY = 50
#: An answer is "one" up to this mean number of answers.
ONE = 1.5
#: A relation's shape as it is said.
ENDS = {"1-1": "one to one", "1-N": "one to many", "N-1": "many to one", "N-N": "many to many"}


def relations_of(catalogue: Catalogue) -> RelationReport:
    """Every pair of relations that share entity pairs, with the rule that preparation goes by."""
    linked = np.unique(catalogue.entity_of_item[catalogue.entity_of_item >= 0])
    return compare_relations(catalogue.facts, catalogue.relations.tolist(), linked)


def repeated(catalogue: Catalogue, examples: dict[str, list[str]]) -> list[Finding]:
    """Rows that stand there again; ``examples`` by role ("triples", "interactions"), from the scan of the files."""
    return [
        finding(f"duplicate-{role}", catalogue.repeated.get(role, 0), examples=examples.get(role, ()))
        for role in ("triples", "interactions")
    ]


def alike_relations(catalogue: Catalogue, report: RelationReport, limit: int) -> list[Finding]:
    """Reverse and duplicate pairs, near ones below the rule's thresholds, and symmetric relations."""
    gone = set(report.dropped)
    alike: dict[str, list[RelationPair]] = {
        "reverse": [pair for pair in report.pairs if pair.kind == "reverse"],
        "duplicate": [pair for pair in report.pairs if pair.kind == "duplicate"],
        "near": [
            pair
            for pair in report.pairs
            if not pair.kind
            and max(pair.same, pair.reversed) >= NEAR_OVERLAP
            and gone.isdisjoint((pair.first, pair.second))
        ],
    }
    least = {"reverse": REVERSE_OVERLAP, "duplicate": DUPLICATE_OVERLAP, "near": NEAR_OVERLAP}
    findings = [
        finding(
            f"{kind}-relations",
            len(pairs),
            examples=(_pair_words(pair) for pair in pairs[:limit]),
            details={"pairs": [_pair_details(pair) for pair in pairs]},
            variant=catalogue.kind,
            share=least[kind],
        )
        for kind, pairs in alike.items()
    ]
    findings.append(_containing(catalogue, report, limit))
    symmetric = {name: share for name, share in report.symmetric.items() if share >= SYMMETRIC_SHARE}
    strongest = sorted(symmetric.items(), key=lambda entry: -entry[1])[:limit]
    examples = (f"{name}: {share:.0%} of its triples also stand turned round" for name, share in strongest)
    details = {"share_mirrored": symmetric}
    return [*findings, finding("symmetric-relations", len(symmetric), examples=examples, details=details)]


def _containing(catalogue: Catalogue, report: RelationReport, limit: int) -> Finding:
    """Relations that hold the pairs of smaller ones, and what preparation does with them."""
    held: dict[str, list[str]] = {}
    for pair in report.pairs:
        if pair.kind == "contained":
            small, large = sorted(
                ((pair.size_first, pair.first), (pair.size_second, pair.second)), key=lambda each: each[0]
            )
            held.setdefault(large[1], []).append(small[1])
    reasons = report.drops()
    examples = (
        f"{large}: prepare drops it: {reasons[large]}"
        if large in reasons
        else f"{large} holds {listed(smaller, 6)}: both stay, and triples of one pair share a split"
        for large, smaller in list(held.items())[:limit]
    )
    return finding(
        "containing-relations", len(held), examples=examples, details={"holds": held}, variant=catalogue.kind
    )


def held_out(catalogue: Catalogue, report: RelationReport, limit: int) -> list[Finding]:
    """What only validation or test has, and held-out triples whose answer stands in training; [] without splits."""
    if not catalogue.has_splits:
        return []
    training = catalogue.split == TRAIN
    held = catalogue.split > TRAIN
    known = np.unique(catalogue.triples[training][:, [0, 2]])
    entities = np.setdiff1d(catalogue.triples[held][:, [0, 2]], known)
    relations = np.setdiff1d(catalogue.triples[held, 1], catalogue.triples[training, 1])
    lost = held & (
        np.isin(catalogue.triples[:, [0, 2]], entities).any(axis=1) | np.isin(catalogue.triples[:, 1], relations)
    )
    findings = [
        finding(
            f"{what}-only-in-heldout",
            len(numbers),
            total=len(names),
            examples=names[numbers[:limit]].tolist(),
            details={"triples": int(lost.sum())},
        )
        for what, numbers, names in (
            ("entities", entities, catalogue.entities),
            ("relations", relations, catalogue.relations),
        )
    ]
    return [*findings, *_leaks(catalogue, report, held, limit)]


def _leaks(catalogue: Catalogue, report: RelationReport, held: np.ndarray, limit: int) -> list[Finding]:
    """Held-out triples that training holds as they are, or through a reverse, duplicate or symmetric relation."""
    same = np.zeros(len(held), dtype=bool)
    mirrored = np.zeros(len(held), dtype=bool)
    columns = ["h", "r", "t"]
    train = pd.DataFrame(catalogue.triples[catalogue.split == TRAIN], columns=columns)
    rows = pd.DataFrame(catalogue.triples, columns=columns)
    same[held] = _stands_in(rows[held], train)
    for first, second, turned in _equivalents(report, catalogue.relations.tolist()):
        # What training would have to hold for a held-out triple of `first` to be known through `second`.
        of_first = held & (catalogue.triples[:, 1] == first)
        form = {"h": "t", "t": "h"} if turned else {}
        mirrored[of_first] |= _stands_in(rows[of_first].rename(columns=form)[columns].assign(r=second), train)
    mirrored &= ~same
    return [
        finding(
            code,
            int(leaking.sum()),
            total=int(held.sum()),
            examples=(
                f"{SPLITS[catalogue.split[row]]}: {catalogue.words(catalogue.triples[row])}"
                for row in np.flatnonzero(leaking)[:limit]
            ),
            variant=catalogue.kind,
        )
        for code, leaking in (("heldout-in-training", same), ("heldout-mirrored-in-training", mirrored))
    ]


def _equivalents(report: RelationReport, relations: list[str]) -> list[tuple[int, int, bool]]:
    """(relation, the relation that says the same, whether turned round), both ways."""
    number = {name: place for place, name in enumerate(relations)}
    result = []
    for pair in report.pairs:
        if pair.kind:
            first, second = number[pair.first], number[pair.second]
            turns = {"reverse": (True,), "duplicate": (False,), "contained": (False, True)}[pair.kind]
            result += [each for turned in turns for each in ((first, second, turned), (second, first, turned))]
    symmetric = [number[name] for name, share in report.symmetric.items() if share >= SYMMETRIC_SHARE]
    return result + [(relation, relation, True) for relation in symmetric]


def _stands_in(rows: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Which of ``rows`` (h, r, t) are among ``others``, bool."""
    origin = rows.merge(others.drop_duplicates(), on=["h", "r", "t"], how="left", indicator=True)["_merge"]
    result: np.ndarray = (origin == "both").to_numpy()
    return result


def shapes(catalogue: Catalogue, limit: int) -> list[Finding]:
    """Cardinalities of all relations, and relations too small to measure anything on."""
    table = cardinalities(catalogue.facts)
    many_tails, many_heads = table["tails_per_head"] > ONE, table["heads_per_tail"] > ONE
    kinds = np.where(many_heads, "N", "1").astype(object) + "-" + np.where(many_tails, "N", "1").astype(object)
    rows = [
        {
            "relation": catalogue.relations[number],
            "triples": size,
            "kind": kind,
            "tails_per_head": round(tails, 2),
            "heads_per_tail": round(heads, 2),
        }
        for number, size, tails, heads, kind in table.assign(kind=kinds).itertuples(name=None)
    ]
    tiny = [row for row in rows if row["triples"] < TINY]
    by_kind = pd.Series(kinds).value_counts().to_dict()
    return [
        finding(
            "relation-cardinalities",
            len(rows),
            examples=(
                f"{row['relation']}: {row['kind']}, {row['tails_per_head']} tails a head, "
                f"{row['heads_per_tail']} heads a tail, {row['triples']:,} triples"
                for row in sorted(rows, key=lambda row: -row["triples"])[:limit]
            ),
            details={"relations": rows},
            kinds=", ".join(f"{count} {ENDS[str(kind)]}" for kind, count in sorted(by_kind.items())),
            one=ONE,
        ),
        finding(
            "tiny-relations",
            len(tiny),
            total=len(rows),
            examples=(f"{row['relation']}: {row['triples']}" for row in tiny[:limit]),
            least=TINY,
        ),
    ]


def _pair_words(pair: RelationPair) -> str:
    what = f"{pair.reversed:.0%} turned round" if pair.reversed >= pair.same else f"{pair.same:.0%} the same"
    dropped = f"; prepare drops {pair.dropped} ({pair.reason})"
    return f"{pair.first} ({pair.size_first:,}) and {pair.second} ({pair.size_second:,}): {what}{dropped}"


def _pair_details(pair: RelationPair) -> dict[str, object]:
    return {
        "first": pair.first,
        "second": pair.second,
        "same": pair.same,
        "reversed": pair.reversed,
        "dropped": pair.dropped,
    }
