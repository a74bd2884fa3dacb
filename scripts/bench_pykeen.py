"""PyKEEN's filtered evaluation beside this project's: python scripts/bench_pykeen.py [--data demo] [--triples 500]

Both rank the same test triples, filtered, both directions, one thread, in turn; PyKEEN with its DistMult, this project
with the preset's discriminator. PyKEEN is never imported by the package, so this stands here. Training is set side by
side in scripts/epoch_speed.py: PyKEEN counts epochs over all calls of train(), so that a second call trains nothing.
"""

from __future__ import annotations

import json
import logging

import torch
from pykeen.evaluation import RankBasedEvaluator
from pykeen.models import DistMult
from pykeen.triples import CoreTriplesFactory

from measuring import options
from upgan.bench.measure import Work
from upgan.bench.suite import Bench
from upgan.bench.workload import Workload, open_dataset
from upgan.data.dataset import KGDataset


def pykeen_evaluation(dataset: KGDataset, work: Workload, triples: int) -> Work:
    """Its evaluation of the same triples with the same width."""
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

    def evaluate() -> None:
        evaluator.evaluate(model, test.mapped_triples, additional_filter_triples=known, use_tqdm=False, batch_size=256)

    return evaluate


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--data", default="demo")
    parser.add_argument("--triples", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    dataset = open_dataset(given.data, seed=0)
    work = Workload.of(dataset, "paper", threads=1, seed=0)
    bench = Bench(work, given.repeat)
    test, rival = work.test(given.triples), ("PyKEEN DistMult", pykeen_evaluation(dataset, work, given.triples))
    unit = f"{len(test.triples):,} triples"
    line = bench.line("filtered evaluation", unit, lambda: test.rank(work.scorer.scores), rival)
    print(json.dumps(line.to_dict(), indent=2))


if __name__ == "__main__":
    main()
