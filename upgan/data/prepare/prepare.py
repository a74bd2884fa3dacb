"""From raw files to a prepared dataset.

The steps, in this order; every one is counted in the manifest.

1. Interactions outside the time window (``since`` to ``until``, inclusive, UTC) are dropped, where it is given; one
   without a timestamp stays. Interactions rated below ``min_rating`` are dropped, where it is given; otherwise every
   interaction counts, whatever its rating. Repeated rows are dropped. Items become the entities they are linked to:
   the first link of an item in file order counts, items of one entity become one node, items without a link and their
   interactions are dropped.
2. Users with more than ``max_interactions`` interactions are dropped, where it is given. k-core: users and items with
   fewer than ``min_interactions`` interactions are dropped, until none is left. Items
   need not stand in the graph for this step.
3. Interactions of items that stand in no triple are dropped. Entities more than ``max_hops`` triples (read either way)
   away from every remaining item are dropped. A catalogue without interactions skips this step.
4. Reverse and duplicate relations, and those that hold the others, are dropped (by the rule in
   ``upgan.data.prepare.relations``), unless ``keep_reverse``.
5. Entities in fewer than ``min_triples`` triples are dropped, until none is left.
6. Split. Triples that came with a split keep it; the others are drawn (``upgan.data.prepare.split``). Validation and
   test triples with an entity or relation that no training triple has are dropped, or go to training (``unseen``).
7. Entities and relations are those of the remaining triples; interactions with other items are dropped. The k-core is
   not repeated after this: a user may have fewer than ``min_interactions`` in the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from upgan.data import tables
from upgan.data.dataset import KGDataset, build_dataset, check_replaceable, copy_dataset, load_dataset
from upgan.data.heavy import BLIND_LEAST, MOST_ITEMS, chosen_by_user, heavy_users
from upgan.data.lacking import lacking
from upgan.data.prepare.filters import bfs_hops, k_core, min_triples
from upgan.data.prepare.numbering import Catalogue, number_source
from upgan.data.prepare.readable import readable_labels, readable_relations
from upgan.data.prepare.relations import RelationReport, compare_relations, partner_classes
from upgan.data.prepare.repeated import RULE
from upgan.data.prepare.split import OPEN, answers_in_training, draw_split, units_of, unseen_in_training
from upgan.data.prepare.window import checked_window, within_window
from upgan.data.raw.joins import low_ratings
from upgan.data.raw.no_value import SAYS_NOTHING
from upgan.data.raw.ratings import rated_at_least
from upgan.data.raw.source import RawSource
from upgan.errors import ConfigError, DataError
from upgan.types import SPLITS


@dataclass(frozen=True)
class PrepareSettings:
    """How raw files become a dataset; all values are kept in the manifest. Raises ConfigError where out of bounds."""

    #: Users and items need at least this many interactions (k-core); 1 keeps all.
    min_interactions: int = 5
    #: Entities need to stand in at least this many triples; 1 keeps all.
    min_triples: int = 3
    #: Entities farther than this many triples from every item are dropped; None keeps all.
    max_hops: int | None = 4
    #: Keep reverse and duplicate relations; their partner triples then share a split.
    keep_reverse: bool = False
    #: Whether (h, r, t) and (t, r, h) share a split, or are drawn one by one.
    symmetric: Literal["together", "random"] = "together"
    #: Shares of train, valid and test; they sum to 1.
    split: tuple[float, float, float] = (0.8, 0.1, 0.1)
    seed: int = 0
    #: Interactions rated lower are dropped; None keeps all, whatever their rating.
    min_rating: float | None = None
    #: Interactions before and after these are dropped (ISO dates or times, UTC, both inclusive); None is unbounded.
    since: str | None = None
    until: str | None = None
    #: The domain whose preparation of the paper these settings began with (see upgan.data.prepare.domains), or "".
    preset: str = ""
    #: Users with more interactions are dropped, before the k-core; None keeps all.
    max_interactions: int | None = None
    #: What becomes of a validation or test triple with an entity or relation that training does not have: it is
    #: dropped, or it goes to training, so that no fact is lost.
    unseen: Literal["drop", "train"] = "drop"

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)!r}; allowed: a whole number from {low}"
            for name, low in (("min_interactions", 1), ("min_triples", 1), ("max_hops", 1), ("seed", 0))
            if not (name == "max_hops" and self.max_hops is None)
            and (type(getattr(self, name)) is not int or getattr(self, name) < low)
        ]
        if self.unseen not in ("drop", "train"):
            problems.append(f"unseen is {self.unseen!r}; allowed: drop, train")
        if self.max_interactions is not None and (type(self.max_interactions) is not int or self.max_interactions < 1):
            problems.append(f"max_interactions is {self.max_interactions!r}; allowed: a whole number from 1, or none")
        if self.min_rating is not None and not math.isfinite(self.min_rating):
            problems.append(f"min_rating is {self.min_rating!r}; allowed: a finite number, or none")
        try:
            checked_window(self.since, self.until)
        except ConfigError as error:
            problems.append(str(error))
        if self.symmetric not in ("together", "random"):
            problems.append(f"symmetric is {self.symmetric!r}; allowed: together, random")
        try:
            shares = tuple(float(share) for share in self.split)
        except (TypeError, ValueError):
            shares = ()
        if len(shares) != 3 or min(shares) < 0 or shares[0] == 0 or not abs(sum(shares) - 1) < 1e-6:
            problems.append(
                f"split is {self.split!r}; allowed: three shares of train, valid and test that sum to 1, "
                "train above 0, for example 0.8,0.1,0.1"
            )
        if problems:
            raise ConfigError("; ".join(problems))
        object.__setattr__(self, "split", shares)


def prepare(
    source: RawSource,
    out: Path,
    settings: PrepareSettings | None = None,
    progress: Callable[[str], None] | None = None,
    beside: Mapping[str, str] | None = None,
) -> KGDataset:
    """Filter, split and write ``source`` as a prepared dataset in ``out`` (see the module for the steps).

    ``beside``: names and texts of files that stand in the same folder. The same source and settings give the same
    bytes. Nothing is written on an error. Raises DataError where ``out`` holds something else than a prepared dataset,
    or where no triple, or no interaction of those given, is left.
    """
    settings = settings or PrepareSettings()
    say = progress or (lambda message: None)
    check_replaceable(out)
    if settings.min_rating is None:
        source = source.with_notices(*low_ratings(source))
    for notice in source.notices:
        say(f"warning: {notice.text}")
    raw = source
    source, window = within_window(source, settings.since, settings.until)
    source, ratings = rated_at_least(source, settings.min_rating)
    say("numbering ids and linking items")
    work = number_source(source)
    say("filtering")
    had_users = bool(len(work.interactions))
    _filter_interactions(work, settings)
    if had_users and settings.max_hops is not None:
        _filter_hops(work, settings.max_hops)
    report = _filter_relations(work, settings)
    keep = min_triples(work.triples[:, 0], work.triples[:, 2], len(work.entities), settings.min_triples)
    work.keep_triples(keep, f"entity in fewer than {settings.min_triples} triples (min_triples)")
    say("splitting")
    codes, split_facts = _split(work, report, settings)
    work.keep_interactions(
        work.in_graph()[work.interactions[:, 1]], "item no longer in the graph after the filters on triples"
    )
    say(f"writing {out}")
    facts = {"window": window, "ratings": ratings, "relations": report.to_dict(), "split": split_facts}
    heavy = heavy_users(work.interactions, len(work.users))
    if len(heavy):
        facts["heavy_users"] = _heavy_facts(work, heavy)
        say(f"{len(heavy)} users have very many items: training hears them on some (manifest.json, heavy_users)")
    if work.marks:
        merged = source.dropped.get("interactions: the same user and item again", 0)
        facts["repeated"] = {"rule": RULE, "rows": work.repeated + merged}
    notices = lacking(users=len(np.unique(work.interactions[:, 0])), **_held_out(codes))
    for notice in notices:
        say(f"warning: {notice.text}")
    facts["accounts"] = _accounts(raw, work)
    return _write(source.with_notices(*notices), out, settings, work, codes, facts, beside or {})


def _accounts(raw: RawSource, work: Catalogue) -> dict[str, dict[str, int]]:
    """What was read, what is left and what is not, each counted on its own: nothing goes without a word.

    Rows by table, and different ids; what became of rows stands in ``dropped``, ids go with their last row.
    """
    again = {name: raw.dropped.get(f"{name}: the same row again", 0) for name in ("triples", "interactions")}
    nothing = {name: raw.dropped.get(f"{name}: {SAYS_NOTHING}", 0) for name in again}
    ends = pd.concat([raw.triples["head"], raw.triples["tail"]])
    read = {
        "triples": len(raw.triples) + again["triples"] + nothing["triples"],
        "interactions": len(raw.interactions) + again["interactions"] + nothing["interactions"],
        "entities": ends.nunique(),
        "relations": raw.triples["relation"].nunique(),
        "users": raw.interactions["user"].nunique(),
        "labels": raw.labels["id"].nunique(),
    }
    named = pd.Index(raw.labels["id"].unique())
    kept = {
        "triples": len(work.triples),
        "interactions": len(work.interactions),
        "entities": len(np.unique(work.triples[:, [0, 2]])),
        "relations": len(np.unique(work.triples[:, 1])),
        "users": len(np.unique(work.interactions[:, 0])),
        "labels": int(named.isin(work.entities[np.unique(work.triples[:, [0, 2]])]).sum())
        + int(named.isin(work.relations[np.unique(work.triples[:, 1])]).sum()),
    }
    return {
        name: {"read": int(read[name]), "kept": kept[name], "dropped": int(read[name]) - kept[name]} for name in read
    }


def _held_out(codes: np.ndarray) -> dict[str, int]:
    """The numbers of validation and test triples."""
    return {split: int((codes == SPLITS.index(split)).sum()) for split in ("valid", "test")}


def _heavy_facts(work: Catalogue, heavy: np.ndarray) -> dict[str, Any]:
    """What the manifest says of users with very many items."""
    chosen = chosen_by_user(work.interactions, len(work.users))
    return {
        "rule": f"more than {MOST_ITEMS} items, or half of all and {BLIND_LEAST}; where users' choices are compared, a "
        f"user is heard on {MOST_ITEMS} of its items at most, drawn evenly (model.co_interaction.most_items)",
        "count": len(heavy),
        "most_items": {str(work.users[user]): int(chosen[user]) for user in heavy[:20]},
    }


def _filter_interactions(work: Catalogue, settings: PrepareSettings) -> None:
    """Step 2 and the first half of step 3."""
    if settings.max_interactions is not None:
        few = chosen_by_user(work.interactions, len(work.users)) <= settings.max_interactions
        reason = f"user with more than {settings.max_interactions} interactions (max_interactions)"
        work.keep_interactions(few[work.interactions[:, 0]], f"{int((~few).sum())} {reason}")
    keep = k_core(work.interactions[:, 0], work.interactions[:, 1], settings.min_interactions)
    work.keep_interactions(
        keep, f"user or item with fewer than {settings.min_interactions} interactions (min_interactions)"
    )
    work.keep_interactions(work.in_graph()[work.interactions[:, 1]], "item that stands in no triple")


def _filter_hops(work: Catalogue, max_hops: int) -> None:
    """The second half of step 3: drop what lies farther than max_hops from every item."""
    heads, tails = work.triples[:, 0], work.triples[:, 2]
    hops = bfs_hops(heads, tails, len(work.entities), work.interactions[:, 1])
    near = (hops >= 0) & (hops <= max_hops)
    reason = f"entity more than {max_hops} triples from an item (max_hops)"
    work.keep_triples(near[heads] & near[tails], reason)


def _filter_relations(work: Catalogue, settings: PrepareSettings) -> RelationReport:
    """Step 4; the report names every pair of relations that share entity pairs."""
    report = compare_relations(work.triples, work.relations.tolist(), work.linked, settings.keep_reverse)
    for relation, reason in report.drops().items():
        work.keep_triples(work.relations[work.triples[:, 1]] != relation, f"relation {relation}: {reason}")
    return report


def _split(work: Catalogue, report: RelationReport, settings: PrepareSettings) -> tuple[np.ndarray, dict[str, int]]:
    """Step 6: split codes (N,) of the triples that stay, and what the manifest says about the split."""
    classes = partner_classes(work.relations.tolist(), report.partners())
    units = units_of(work.triples, classes, settings.symmetric == "together")
    codes = draw_split(units, work.preset, settings.split, np.random.default_rng(settings.seed))
    if not (codes == SPLITS.index("train")).any():
        raise DataError(f"no training triple: the split {settings.split} of {len(codes)} triples leaves none for train")
    unseen = unseen_in_training(work.triples, codes)
    if settings.unseen == "train":
        codes = np.where(unseen, SPLITS.index("train"), codes)
        unseen = np.zeros(len(codes), dtype=bool)
    keep = ~unseen
    facts = {
        "kept_from_source": int((work.preset != OPEN).sum()),
        "drawn": int((work.preset == OPEN).sum()),
        # 0 unless the source's own split, or symmetric = "random", tears mirrored triples apart.
        "answers_mirrored_in_training": answers_in_training(units_of(work.triples, classes, True)[keep], codes[keep]),
    }
    work.keep_triples(keep, "validation or test triple with an entity or relation that training does not have")
    return codes[keep], facts


def _write(
    source: RawSource,
    out: Path,
    settings: PrepareSettings,
    work: Catalogue,
    codes: np.ndarray,
    facts: dict[str, Any],
    beside: Mapping[str, str],
) -> KGDataset:
    """Step 7: back to ids, with labels, kinds and the manifest."""
    rows = work.triples
    entities = pd.DataFrame({"id": work.entities[np.unique(rows[:, [0, 2]])]})
    relations = pd.DataFrame({"id": work.relations[np.unique(rows[:, 1])]})
    entity_labels = _looked_up(source.labels, "label", entities["id"])
    relation_labels = _looked_up(source.labels, "label", relations["id"])
    entities["label"] = entity_labels.where(entity_labels != "", readable_labels(entities["id"]))
    entities["kind"] = _looked_up(source.kinds, "kind", entities["id"])
    relations["label"] = relation_labels.where(relation_labels != "", readable_relations(relations["id"]))
    manifest = {
        "format": source.format,
        "sources": [file.to_dict() for file in source.files],
        "unread": list(source.unread),
        "warnings": [{"code": notice.code, "text": notice.text, "count": notice.count} for notice in source.notices],
        "reading": source.reading,
        "settings": asdict(settings),
        "rules": " ".join((__doc__ or "").split("\n\n", 1)[1].split()),
        "dropped": work.dropped,
        **facts,
        "labels_given": int((entity_labels != "").sum() + (relation_labels != "").sum()),
        "simulated_users": source.simulated_users,
    }
    pairs = tables.pair_columns(work.interactions, work.users, work.entities)
    dataset = build_dataset(
        name=source.name,
        triples=tables.triple_columns(rows, work.entities, work.relations) | {"split": tables.Coded(codes, SPLITS)},
        interactions={**pairs, **work.marks},
        entities=entities,
        relations=relations,
        manifest=manifest,
    )
    copy_dataset(dataset, out, beside)
    # What is returned is what stands in the folder; the rows it was written from need no memory beside it.
    work.interactions, work.marks = work.interactions[:0], {}
    del dataset, pairs
    return load_dataset(out)


def _looked_up(table: pd.DataFrame, column: str, ids: pd.Series) -> pd.Series:
    """The last value that ``table`` (id, ``column``) has for each of ``ids``, or "", with the index of ``ids``."""
    values = table.drop_duplicates("id", keep="last").set_index("id")[column].astype(object)
    return values.reindex(ids.to_numpy(), fill_value="").set_axis(ids.index)
