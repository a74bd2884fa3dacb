"""Checks of the triples: repeats, relations that repeat each other, splits that leak, shapes of relations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from upgan.data.check.catalogue import Catalogue
from upgan.data.check.report import Finding, counted
from upgan.data.prepare.relations import (
    DUPLICATE_OVERLAP,
    REVERSE_OVERLAP,
    RelationPair,
    RelationReport,
    compare_relations,
)
from upgan.data.prepare.split import TRAIN
from upgan.types import SPLITS

#: Overlap from which a pair that preparation leaves alone is worth a look.
NEAR_OVERLAP = 0.1
#: A relation is symmetric from this share of mirrored triples on.
SYMMETRIC_SHARE = 0.1
#: A relation with fewer triples than this has no more than a test triple or two.
TINY = 50
#: An answer is "one" up to this mean number of answers.
ONE = 1.5


def relations_of(catalogue: Catalogue) -> RelationReport:
    """Every pair of relations that share entity pairs, with the rule that preparation goes by."""
    linked = np.unique(catalogue.entity_of_item[catalogue.entity_of_item >= 0])
    return compare_relations(catalogue.facts, catalogue.relations.tolist(), linked)


def repeated(catalogue: Catalogue, examples: dict[str, list[str]]) -> list[Finding]:
    """Rows that stand there again; ``examples`` by role ("triples", "interactions"), from the scan of the files."""
    findings = []
    for role in ("triples", "interactions"):
        count = catalogue.repeated.get(role, 0)
        findings.append(
            counted(
                f"duplicate-{role}",
                "note",
                f"{role} that stand there again",
                count,
                examples=tuple(examples.get(role, ())),
                meaning=f"The same {role[:-1]} in several rows counts once.",
                advice="Nothing to do: `upgan data prepare` keeps the first. Many of them hint at files joined twice.",
            )
        )
    return findings


def alike_relations(catalogue: Catalogue, report: RelationReport, limit: int) -> list[Finding]:
    """Reverse and duplicate pairs, near ones below the rule's thresholds, and symmetric relations."""
    gone = set(report.dropped)
    found: dict[str, list[RelationPair]] = {
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
    prepared = catalogue.kind == "dataset"
    leak = "A split over both leaks: the answer of a test triple can be read off the other relation's training triple."
    advice = (
        "Prepare the dataset again without --keep-reverse; one relation of each pair is then dropped."
        if prepared
        else "`upgan data prepare` drops one of each pair (as listed); --keep-reverse keeps both in one split."
    )
    meanings = {
        "reverse": (f"At least {REVERSE_OVERLAP:.0%} of one relation is the other one turned round. {leak}", advice),
        "duplicate": (f"At least {DUPLICATE_OVERLAP:.0%} of one relation is the other one again. {leak}", advice),
        "near": (
            f"From {NEAR_OVERLAP:.0%} of the smaller relation's pairs on, below the rule for dropping one: it stays.",
            "Leave one out of the triples file if it says nothing of its own.",
        ),
    }
    findings = [
        counted(
            f"{kind}-relations",
            "note" if kind == "near" else "warning",
            f"pairs of {'nearly ' if kind == 'near' else ''}{'alike' if kind == 'near' else kind} relations",
            len(pairs),
            examples=tuple(_pair_words(pair) for pair in pairs[:limit]),
            meaning=meanings[kind][0],
            advice=meanings[kind][1],
            details={"pairs": [_pair_details(pair) for pair in pairs]},
        )
        for kind, pairs in found.items()
    ]
    symmetric = {name: share for name, share in report.symmetric.items() if share >= SYMMETRIC_SHARE}
    shown = sorted(symmetric.items(), key=lambda entry: -entry[1])
    findings.append(
        counted(
            "symmetric-relations",
            "note",
            "symmetric relations",
            len(symmetric),
            examples=tuple(
                f"{name}: {share:.0%} of its triples also stand turned round" for name, share in shown[:limit]
            ),
            meaning="(h, r, t) and (t, r, h) say the same; torn apart by a split, training holds the answer.",
            advice="`upgan data prepare` keeps the two in one split (--symmetric together, the default).",
            details={"share_mirrored": symmetric},
        )
    )
    return findings


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
    unseen = "Nothing can be learned about it, so its test triples measure chance."
    advice = "`upgan data prepare` drops such triples and counts them; move one triple of each to train to keep them."
    findings = [
        counted(
            f"{what}-only-in-heldout",
            "warning",
            f"{what} that stand in valid or test only",
            len(numbers),
            total=len(names),
            examples=tuple(names[numbers[:limit]].tolist()),
            meaning=unseen,
            advice=advice,
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
        asked = held & (catalogue.triples[:, 1] == first)
        form = {"h": "t", "t": "h"} if turned else {}
        mirrored[asked] |= _stands_in(rows[asked].rename(columns=form)[columns].assign(r=second), train)
    mirrored &= ~same
    advice = (
        "Prepare the dataset again: preparation keeps such triples in one split."
        if catalogue.kind == "dataset"
        else "Leave the split to `upgan data prepare` (give the triples in one file), or repair the split's files."
    )
    return [
        counted(
            code,
            "error",
            title,
            int(found.sum()),
            total=int(held.sum()),
            examples=tuple(
                f"{SPLITS[catalogue.split[row]]}: {catalogue.words(catalogue.triples[row])}"
                for row in np.flatnonzero(found)[:limit]
            ),
            meaning=meaning,
            advice=advice,
        )
        for code, title, found, meaning in (
            (
                "heldout-in-training",
                "valid or test triples that stand in train too",
                same,
                "The model has seen the answer in training; what is measured on these triples is memory.",
            ),
            (
                "heldout-mirrored-in-training",
                "valid or test triples that train holds through a reverse, duplicate or symmetric relation",
                mirrored,
                "The answer can be read off another training triple; results look better than they are.",
            ),
        )
    ]


def _equivalents(report: RelationReport, relations: list[str]) -> list[tuple[int, int, bool]]:
    """(relation, the relation that says the same, whether turned round), both ways."""
    number = {name: place for place, name in enumerate(relations)}
    result = []
    for pair in report.pairs:
        if pair.kind:
            first, second = number[pair.first], number[pair.second]
            result += [(first, second, pair.kind == "reverse"), (second, first, pair.kind == "reverse")]
    symmetric = [number[name] for name, share in report.symmetric.items() if share >= SYMMETRIC_SHARE]
    return result + [(relation, relation, True) for relation in symmetric]


def _stands_in(rows: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Which of ``rows`` (h, r, t) are among ``others``, bool."""
    found = rows.merge(others.drop_duplicates(), on=["h", "r", "t"], how="left", indicator=True)["_merge"]
    result: np.ndarray = (found == "both").to_numpy()
    return result


def shapes(catalogue: Catalogue, limit: int) -> list[Finding]:
    """Cardinalities of all relations, and relations too small to measure anything on."""
    frame = pd.DataFrame(catalogue.facts, columns=["h", "r", "t"])
    table = frame.groupby("r").agg(heads=("h", "nunique"), tails=("t", "nunique"), size=("h", "size"))
    table = table.assign(tails_per_head=table["size"] / table["heads"], heads_per_tail=table["size"] / table["tails"])
    names = catalogue.relations[table.index.to_numpy()]
    many_tails, many_heads = table["tails_per_head"] > ONE, table["heads_per_tail"] > ONE
    kinds = np.where(many_heads, "N", "1").astype(object) + "-" + np.where(many_tails, "N", "1").astype(object)
    rows = [
        {
            "relation": name,
            "triples": size,
            "kind": kind,
            "tails_per_head": round(tails, 2),
            "heads_per_tail": round(heads, 2),
        }
        for name, size, kind, tails, heads in zip(
            names,
            table["size"].tolist(),
            kinds,
            table["tails_per_head"].tolist(),
            table["heads_per_tail"].tolist(),
            strict=True,
        )
    ]
    tiny = [row for row in rows if row["triples"] < TINY]
    by_kind = pd.Series(kinds).value_counts().to_dict()
    return [
        counted(
            "relation-cardinalities",
            "note",
            "relations by cardinality: " + ", ".join(f"{count} {kind}" for kind, count in sorted(by_kind.items())),
            len(rows),
            examples=tuple(
                f"{row['relation']}: {row['kind']}, {row['tails_per_head']} tails a head, "
                f"{row['heads_per_tail']} heads a tail, {row['triples']:,} triples"
                for row in sorted(rows, key=lambda row: -row["triples"])[:limit]
            ),
            meaning=f"A side is N where a query has more than {ONE:g} answers in the mean.",
            details={"relations": rows},
        ),
        counted(
            "tiny-relations",
            "note",
            f"relations with fewer than {TINY} triples",
            len(tiny),
            total=len(rows),
            examples=tuple(f"{row['relation']}: {row['triples']}" for row in tiny[:limit]),
            meaning="A tenth of that is no more than a few test triples: metrics by relation are noise there.",
            advice="Leave them out of the triples file, or read their metrics with their counts.",
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
