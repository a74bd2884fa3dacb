"""PyKEEN beside this project's evaluation: python scripts/bench_pykeen.py [--data demo] [--triples 500] [--repeat 3]

Both rank the same test triples, filtered, both directions, one thread, in turn; PyKEEN with its DistMult, this project
with the preset's discriminator. PyKEEN is never imported by the package, so this stands here.
"""

from __future__ import annotations

import argparse
import json
import logging

import torch
from pykeen.evaluation import RankBasedEvaluator
from pykeen.models import DistMult
from pykeen.training import LCWATrainingLoop
from pykeen.triples import CoreTriplesFactory

from upgan.bench.measure import Work
from upgan.bench.suite import Bench
from upgan.bench.workload import Workload, open_dataset
from upgan.data.dataset import KGDataset
from upgan.training.initialise import train_factorisation
from upgan.training.loop import Silent


def pykeen_works(dataset: KGDataset, work: Workload, triples: int) -> tuple[Work, Work]:
    """Its evaluation of the same triples, and one of its 1-N epochs with the same batch and width."""
    sizes = dataset.num_entities, dataset.num_relations
    train, valid, test = (
        CoreTriplesFactory(torch.tensor(rows).long(), *sizes)
        for rows in (dataset.train, dataset.valid, work.test(triples).triples)
    )
    # Inverse relations, so that both directions are trained as here.
    train = CoreTriplesFactory(train.mapped_triples, *sizes, create_inverse_triples=True)
    model = DistMult(triples_factory=train, embedding_dim=work.config.model.dim, random_seed=0)
    evaluator = RankBasedEvaluator(filtered=True)
    known = [train.mapped_triples, valid.mapped_triples, torch.tensor(dataset.test).long()]
    loop = LCWATrainingLoop(model=model, triples_factory=train, optimizer="adagrad")
    size = work.config.initialisation.batch

    def evaluate() -> None:
        evaluator.evaluate(model, test.mapped_triples, additional_filter_triples=known, use_tqdm=False, batch_size=256)

    def epoch() -> None:
        loop.train(train, num_epochs=1, batch_size=size, use_tqdm=False)

    return evaluate, epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="demo")
    parser.add_argument("--triples", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    dataset = open_dataset(given.data, seed=0)
    work = Workload.of(dataset, "paper", threads=1, seed=0)
    bench = Bench(work, given.repeat)
    evaluate, epoch = pykeen_works(dataset, work, given.triples)
    test, unasked = work.test(given.triples), work.test(1)
    once = work.config.initialisation.model_copy(update={"epochs": 1, "eval_every": 2})

    def own_epoch() -> None:
        train_factorisation(work.start, work.prepared.train, unasked, once, work.prepared.random, Silent())

    lines = [
        bench.line("filtered evaluation", f"{len(test.triples):,} triples", lambda: test.rank(work.scorer.scores),
                   ("PyKEEN DistMult", evaluate)),
        bench.line("1-N training", "epoch", own_epoch, ("PyKEEN DistMult LCWA", epoch)),
    ]  # fmt: skip
    print(json.dumps([line.to_dict() for line in lines], indent=2))


if __name__ == "__main__":
    main()
