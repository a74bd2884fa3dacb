"""Checks of what joins users and graph: links, items, ratings, the k-core, how far the graph reaches from the users."""

from __future__ import annotations

import numpy as np
import pandas as pd

from upgan.data.check.catalogue import Catalogue
from upgan.data.check.report import Finding, finding
from upgan.data.heavy import MOST_ITEMS, chosen_by_user, heavy_users
from upgan.data.marks import range_words
from upgan.data.prepare.filters import bfs_hops, k_core
from upgan.data.prepare.split import TRAIN

#: Preparation keeps entities up to this many triples from an item (the default of --max-hops).
MAX_HOPS = 4
#: Unreachable from this share on is a warning.
MANY_UNREACHABLE = 0.1
#: An entity is a hub when its degree is an outlier of the logarithms and it holds this share of all triples.
HUB_DEVIATIONS, HUB_SHARE = 4.0, 0.01


def links(catalogue: Catalogue, limit: int) -> list[Finding]:
    """Items without an entity, entities without an item or a triple, links that disagree."""
    chosen = np.bincount(catalogue.interactions[:, 1], minlength=len(catalogue.items))
    in_graph = catalogue.degrees > 0
    entity = catalogue.entity_of_item
    linked = entity >= 0
    outside = linked & ~in_graph[entity]
    unlinked = ~linked & (chosen > 0)
    rows = len(catalogue.interactions)
    findings = []
    if catalogue.links is not None:
        silent = linked & (chosen == 0)
        findings += [
            finding(
                "items-without-entity",
                int(unlinked.sum()),
                total=int((chosen > 0).sum()),
                examples=catalogue.items[unlinked][:limit].tolist(),
                share=_share(chosen[unlinked].sum(), rows),
            ),
            finding(
                "entities-without-interactions",
                int(silent.sum()),
                total=int(linked.sum()),
                examples=(
                    f"{item} -> {name}"
                    for item, name in zip(
                        catalogue.items[silent][:limit], catalogue.entities[entity[silent][:limit]], strict=True
                    )
                ),
            ),
            *_disagreeing_links(catalogue, limit),
        ]
    places = np.flatnonzero(outside)[:limit]
    findings.append(
        finding(
            "items-outside-graph",
            int(outside.sum()),
            total=int(linked.sum()),
            examples=(_item_words(catalogue, int(item)) for item in places),
            share=_share(chosen[outside].sum(), rows),
        )
    )
    return findings


def _disagreeing_links(catalogue: Catalogue, limit: int) -> list[Finding]:
    """Several items on one entity, and items with several entities."""
    assert catalogue.links is not None
    table = catalogue.links.drop_duplicates()
    per_item = table.groupby("item", sort=False)["entity"].agg(["size", " | ".join])
    per_item = per_item[per_item["size"] > 1]
    first = table.drop_duplicates("item")
    first = first[first["entity"].duplicated(keep=False)]
    per_entity = first.groupby("entity", sort=False)["item"].agg(["size", " | ".join])
    return [
        finding(
            "items-with-several-entities",
            len(per_item),
            examples=(f"{item} -> {names}" for item, names in per_item["join"].head(limit).items()),
        ),
        finding(
            "shared-entities",
            len(per_entity),
            examples=(f"{entity} <- {names}" for entity, names in per_entity["join"].head(limit).items()),
            details={"items": len(first)},
        ),
    ]


def core(catalogue: Catalogue, minimum: int, limit: int) -> list[Finding]:
    """Users and items with fewer than ``minimum`` interactions, and what the k-core leaves of everything."""
    users, items = catalogue.interactions[:, 0], catalogue.interactions[:, 1]
    if not len(users):
        return []
    keep = k_core(users, items, minimum)
    findings = []
    for what, numbers, names in (("users", users, catalogue.users), ("items", items, catalogue.items)):
        counts = np.bincount(numbers, minlength=len(names))
        few = (counts > 0) & (counts < minimum)
        places = np.flatnonzero(few)[:limit]
        kept = len(np.unique(numbers[keep]))
        findings.append(
            finding(
                f"{what}-below-core",
                int(few.sum()),
                total=int((counts > 0).sum()),
                examples=(f"{names[number]}: {counts[number]}" for number in places),
                details={"minimum": minimum, "kept": kept, "interactions_kept": int(keep.sum())},
                severity=None if keep.any() else "error",
                minimum=minimum,
                share=_share(keep.sum(), len(keep)),
                kept=kept,
            )
        )
    return findings


def heavy(catalogue: Catalogue, limit: int) -> list[Finding]:
    """Users with very many items, or half of all."""
    pairs = catalogue.interactions
    if not len(pairs):
        return []
    chosen, users = chosen_by_user(pairs, len(catalogue.users)), heavy_users(pairs, len(catalogue.users))
    items = len(np.unique(pairs[:, 1]))
    return [
        finding(
            "heavy-users",
            len(users),
            total=int((chosen > 0).sum()),
            examples=(f"{catalogue.users[user]}: {chosen[user]:,} of {items:,} items" for user in users[:limit]),
            details={"items": items, "users": {str(catalogue.users[user]): int(chosen[user]) for user in users[:100]}},
            most=MOST_ITEMS,
        )
    ]


def marks(catalogue: Catalogue) -> list[Finding]:
    """Whether interactions are rated and dated, how many, and from where to where."""
    total = len(catalogue.interactions)
    words = range_words(catalogue.marks, total)
    most = max((found["rows"] for found in catalogue.marks.values()), default=0)
    return [
        finding(
            "ratings-and-times",
            most,
            total=total,
            details=dict(catalogue.marks),
            ratings=words["ratings"],
            times=words["times"],
        )
    ]


def layers(catalogue: Catalogue, limit: int) -> list[Finding]:
    """How many hops every entity is from the users, and what no user reaches; a dataset's by training triples."""
    facts = catalogue.facts
    if catalogue.kind == "dataset":
        facts = catalogue.triples[catalogue.split == TRAIN]
    chosen = np.unique(catalogue.entity_of_item[np.unique(catalogue.interactions[:, 1])])
    hops = bfs_hops(facts[:, 0], facts[:, 2], len(catalogue.entities), chosen[chosen >= 0])
    in_graph = catalogue.degrees > 0
    by_layer = {str(hop + 1): int(count) for hop, count in enumerate(np.bincount(hops[(hops >= 0) & in_graph]))}
    lost = in_graph & (hops < 0)
    far = in_graph & (hops > MAX_HOPS)
    total = int(in_graph.sum())
    many = lost.sum() > MANY_UNREACHABLE * total
    return [
        finding(
            "layers",
            len(by_layer),
            details={"layers": by_layer, "beyond_max_hops": int(far.sum())},
            variant="far" if far.any() else "near",
            layers=", ".join(f"{count:,} at {layer}" for layer, count in by_layer.items()),
            far=far.sum(),
            hops=MAX_HOPS,
        ),
        finding(
            "unreachable-entities",
            int(lost.sum()),
            total=total,
            examples=catalogue.entities[lost][:limit].tolist(),
            severity="warning" if many else None,
            variant=catalogue.kind,
        ),
    ]


def hubs(catalogue: Catalogue, limit: int) -> list[Finding]:
    """Entities of outstanding degree: more than HUB_DEVIATIONS deviations in log and HUB_SHARE of triples."""
    degrees = catalogue.degrees
    logs = np.log(degrees[degrees > 0])
    middle = np.median(logs)
    # Half of all entities stand in one or two triples: their spread is 0, and log 2 is then the least step.
    spread = max(1.4826 * float(np.median(np.abs(logs - middle))), float(np.log(2)) / 2)
    triples = len(catalogue.facts)
    hub = (degrees >= max(HUB_SHARE * triples, 10)) & (
        np.log(np.maximum(degrees, 1)) > middle + HUB_DEVIATIONS * spread
    )
    places = np.flatnonzero(hub)
    places = places[np.argsort(-degrees[places], kind="stable")][:limit]
    return [
        finding(
            "hubs",
            int(hub.sum()),
            total=int((degrees > 0).sum()),
            examples=(f"{catalogue.entities[number]}: {degrees[number]:,} triples" for number in places),
            share=HUB_SHARE,
        )
    ]


def missing_labels(catalogue: Catalogue, labelled: pd.Series, limit: int) -> list[Finding]:
    """Entities whose name is unknown; ``labelled`` holds the ids that have one."""
    in_graph = np.flatnonzero(catalogue.degrees > 0)
    ids = pd.Series(catalogue.entities[in_graph], dtype=object)
    missing = ids[~ids.isin(labelled)]
    return [finding("missing-labels", len(missing), total=len(ids), examples=missing.head(limit))]


def _item_words(catalogue: Catalogue, item: int) -> str:
    entity = catalogue.entities[catalogue.entity_of_item[item]]
    return str(entity) if catalogue.items[item] == entity else f"{catalogue.items[item]} -> {entity}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0%"
