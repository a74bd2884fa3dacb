"""How well a refreshed run answers about items that it has never seen, through their users alone.

    .venv/bin/python scripts/new_items.py DATASET --out FOLDER [--full] [--set key=value]... [--seed 0]

Holds out 10% of the items entirely (facts and interactions), trains without them, gives back their interactions only
(`upgan refresh`), and ranks the known answers of their facts among all entities, other known answers left out. Beside
it: the relation's most frequent answers, and the same run with each new item given another new item's users. Intervals:
95%, bootstrap over items.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import upgan
from upgan.config.settings import make_config
from upgan.data import tables
from upgan.data.dataset import KGDataset, build_dataset, copy_dataset, load_dataset
from upgan.experiment.refresh import refresh
from upgan.experiment.train import prepare_training, train
from upgan.predict.predictor import Predictor
from upgan.types import SPLITS, FloatArray, IntArray

#: A training of minutes on two cores, unless the preset is asked for as it is.
SMALL = [
    "model.dim=32", "initialisation.epochs=24", "initialisation.relax_epochs=0", "pretrain.epochs=9",
    "pretrain.relax_epochs=0", "adversarial.epochs=0", "fusion.enabled=false", "walks.enabled=false",
]  # fmt: skip


def hold_out(data: KGDataset, out: Path, seed: int) -> tuple[KGDataset, IntArray]:
    """The dataset without a tenth of its items (``out``/data), and their facts; what users chose: ``out``/back.csv."""
    gone = np.zeros(data.num_entities, dtype=bool)
    gone[np.random.default_rng(seed).choice(data.items, len(data.items) // 10, replace=False)] = True
    triples = np.concatenate([data.triples(name) for name in SPLITS])
    split = np.repeat(np.arange(len(SPLITS)), [len(data.triples(name)) for name in SPLITS])
    of_gone = gone[triples[:, 0]] | gone[triples[:, 2]]
    back = gone[data.interactions[:, 1]]
    pairs = [{"user": data.users[user], "item": data.entities[item]} for user, item in data.interactions[back].tolist()]
    stays = np.flatnonzero(~gone).tolist()
    kept = build_dataset(
        name=f"{data.name}-without-a-tenth",
        triples={
            **tables.triple_columns(triples[~of_gone], data.entities, data.relations),
            "split": tables.Coded(split[~of_gone], SPLITS),
        },
        interactions=tables.pair_columns(data.interactions[~back], data.users, data.entities),
        entities=tables.plain_columns(
            {
                "id": [data.entities[n] for n in stays],
                "label": [data.entity_labels[n] for n in stays],
                "kind": [data.entity_kinds[n] for n in stays],
            }
        ),
        relations=tables.plain_columns({"id": data.relations, "label": data.relation_labels}),
    )
    copy_dataset(kept, out / "data")
    pd.DataFrame(pairs).to_csv(out / "back.csv", index=False)
    return load_dataset(out / "data"), triples[gone[triples[:, 0]] & ~gone[triples[:, 2]]]


def reciprocal_ranks(predictor: Predictor, data: KGDataset, facts: IntArray, seed: int) -> dict[str, FloatArray]:
    """(N,) of the facts, by who answers; ``data`` has the facts' numbers. And "item", whose facts they are."""
    own = predictor.dataset
    entity = np.array([own.entity_index.get(name, -1) for name in data.entities])
    relation_ = np.array([own.relation_index[name] for name in data.relations])
    numbers = np.stack([entity[facts[:, 0]], relation_[facts[:, 1]], entity[facts[:, 2]]], axis=1)
    numbers = numbers[(numbers >= 0).all(axis=1)]
    order = np.random.default_rng(seed).permutation(np.unique(numbers[:, 0]))
    another = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
    frequent = np.zeros((own.num_relations, own.num_entities))
    np.add.at(frequent, (own.train[:, 1], own.train[:, 2]), 1)
    answers: dict[tuple[int, int], list[int]] = {}
    for head, relation, tail in numbers.tolist():
        answers.setdefault((head, relation), []).append(tail)
    ranks: dict[str, list[float]] = {"refreshed": [], "popularity": [], "shuffled users": []}
    for head, relation, tail in numbers.tolist():
        asked = torch.tensor([head, another[head]]), torch.tensor([relation, relation])
        ours, shuffled = predictor.score_queries(*asked).double().numpy()
        others = [answer for answer in answers[head, relation] if answer != tail]
        scores = (ours, frequent[relation].copy(), shuffled)
        for listed, values in zip(ranks.values(), scores, strict=True):
            values[others] = -np.inf
            better, equal = (values > values[tail]).sum(), (values == values[tail]).sum() - 1
            listed.append(1 / (1 + better + equal / 2))
    return {"item": numbers[:, 0].astype(float), **{name: np.array(values) for name, values in ranks.items()}}


def interval(values: FloatArray, item: FloatArray, seed: int) -> str:
    """Mean and 95% interval, by bootstrap over items."""
    _, number = np.unique(item, return_inverse=True)
    sums, counts = np.bincount(number, values), np.bincount(number)
    random = np.random.default_rng(seed)
    drawn = [random.integers(len(counts), size=len(counts)) for _ in range(2000)]
    low, high = np.quantile([sums[one].sum() / counts[one].sum() for one in drawn], (0.025, 0.975))
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """One line for each who answers, and what the refreshed run is better by."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--full", action="store_true", help="train as the preset quality does, not a small one")
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    data = load_dataset(given.dataset)
    kept, facts = hold_out(data, given.out, given.seed)
    small = [] if given.full else SMALL
    config = make_config("quality", assignments=[*small, f"seed={given.seed}", *given.assignments])
    train(prepare_training(kept, config), config, given.out / "run")
    print(refresh(given.out / "run", given.out / "back.csv", given.out / "refreshed"))
    found = reciprocal_ranks(upgan.load(given.out / "refreshed"), data, facts, given.seed)
    item = found.pop("item")
    print(f"{len(item):,} facts of {len(np.unique(item)):,} new items, MRR with 95% intervals")
    for name, values in found.items():
        better = "" if name == "refreshed" else f", refreshed {interval(found['refreshed'] - values, item, 1)} better"
        print(f"  {name}: {interval(values, item, 1)}{better}")


if __name__ == "__main__":
    main()
