"""A 1-N epoch of ComplEx and DistMult here and in PyKEEN: same data, width, batch, loss and optimiser, in turn.

    python scripts/epoch_speed.py DATASET [--repeat 3]

Both go once through the distinct queries of the training triples in both directions, with the binary cross-entropy of
every entity, Adam, and no regularisation, on one thread. Processor seconds of an epoch, the first one of each left out
as a warm-up. PyKEEN's are taken between the ends of two epochs of one training: it counts epochs over all calls of
train(), so that a second call for one epoch would train nothing. That its loss changes in every epoch is checked.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykeen.models
import torch
from pykeen.training import LCWATrainingLoop
from pykeen.training.callbacks import TrainingCallback
from pykeen.triples import CoreTriplesFactory

from measuring import options
from upgan.config.settings import make_config
from upgan.data.dataset import KGDataset, load_dataset
from upgan.experiment.inputs import prepare_training
from upgan.model.build import build_factorisation
from upgan.objectives.losses import one_to_n
from upgan.objectives.optimizers import make_optimizer

DIM, BATCH, RATE = 100, 1024, 0.003


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    dataset = load_dataset(given.dataset)
    print("| system | PyKEEN, CPU s | here, CPU s | times as fast |")
    print("|---|---|---|---|")
    for name, model in (("ComplEx", "complex"), ("DistMult", "distmult")):
        turns = Turns(own_epoch(dataset, model))
        losses = pykeen_training(dataset, name, 1 + given.repeat, turns)
        if len(set(losses)) != 1 + given.repeat or len(turns.theirs) != given.repeat:
            raise SystemExit(f"PyKEEN's {name} did not train in every epoch: {losses}")
        their, our = statistics.median(turns.theirs), statistics.median(turns.ours)
        print(f"| {name} | {their:.2f} | {our:.2f} | {their / our:.2f} |", flush=True)


class Turns(TrainingCallback):
    """After each epoch of PyKEEN's one of ours; the first of each only warms up."""

    def __init__(self, own: Callable[[], object]) -> None:
        super().__init__()
        self.own = own
        self.theirs: list[float] = []
        self.ours: list[float] = []
        self._began: float | None = None

    def post_epoch(self, epoch: int, epoch_loss: float, **kwargs: Any) -> None:
        ended = time.process_time()
        if self._began is not None:
            self.theirs.append(ended - self._began)
        self.own()
        if self._began is not None:
            self.ours.append(time.process_time() - ended)
        self._began = time.process_time()


def pykeen_training(dataset: KGDataset, name: str, epochs: int, turns: Turns) -> list[float]:
    """Its loop over queries with all their answers, constraints and regularisers off; every epoch's loss."""
    triples = torch.tensor(dataset.train).long()
    factory = CoreTriplesFactory(triples, dataset.num_entities, dataset.num_relations, create_inverse_triples=True)
    plain = {"entity_constrainer": None} if name == "DistMult" else {}
    model = getattr(pykeen.models, name)(
        triples_factory=factory, embedding_dim=DIM, random_seed=0, loss="bcewithlogits", regularizer=None, **plain
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    loop = LCWATrainingLoop(model=model, triples_factory=factory, optimizer=optimizer)
    losses = loop.train(factory, num_epochs=epochs, batch_size=BATCH, use_tqdm=False, callbacks=[turns])
    return losses or []


def own_epoch(dataset: KGDataset, model: str) -> Callable[[], object]:
    """The step of upgan.training.initialise over the same queries, without its validation."""
    config = make_config("paper", assignments=[f"model_name={model}", f"model.dim={DIM}", "device=cpu", "threads=1"])
    index = prepare_training(dataset, config).train
    made = build_factorisation(config, dataset.num_entities, dataset.num_relations)
    optimizer = make_optimizer(made, "adam", RATE)

    def epoch() -> None:
        for rows in torch.randperm(len(index)).split(BATCH):
            position, answer = index.answers_of(rows)
            vectors = made.queries(index.heads[rows], index.relations[rows])
            loss = one_to_n("bce", vectors, made.entity, position, answer, position, answer)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return epoch


if __name__ == "__main__":
    main()
