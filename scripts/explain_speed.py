"""How long explanations take: python scripts/explain_speed.py DATASET_OR_RUN [--preset paper] [--queries 40] [--seed 0]

Of a prepared dataset an untrained run (random weights of the preset's size) is made beside it first: the arithmetic is
the same as a trained one's. For random test queries, both directions, the true answer against the best other candidate:
median and 95th percentile of an explanation with 50 users, their paths and contributions, plus the contrast; of a
what-if (the heaviest user removed, and one training fact of the target or answer); and the memory used.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import upgan
from measuring import options, timed
from upgan.config.settings import make_config
from upgan.explain.results import Changes
from upgan.model.bilinear import BilinearDiscriminator
from upgan.predict.predictor import Predictor
from upgan.systems.build import build_model
from upgan.training.checkpoint import save_weights, seal_run, start_run

TOP_USERS = 50


def untrained_run(data: Path, preset: str, seed: int) -> Path:
    """A run folder with random weights, beside the dataset."""
    dataset = upgan.load_dataset(data)
    folder = data.parent / f"{data.name}-untrained-{preset}"
    torch.manual_seed(seed)
    config = make_config(preset)
    start_run(folder, config, dataset)
    model = build_model(config, dataset)
    if isinstance(model, BilinearDiscriminator):
        model.fusion.gamma.data.uniform_(0.0, 0.1)  # a new model's evidence is silent, a trained one's is read
    save_weights(model, folder / "model.safetensors")
    seal_run(folder, dataset)
    return folder


def questions(predictor: Predictor, count: int, random: np.random.Generator) -> list[dict[str, str]]:
    """Test triples as questions, every second one the other way round, each with its answer."""
    data = predictor.dataset
    rows = data.test[random.permutation(len(data.test))[:count]].tolist()
    asked = []
    for place, (head, relation, tail) in enumerate(rows):
        ends = ("head", head, tail) if place % 2 == 0 else ("tail", tail, head)
        asked.append(
            {ends[0]: data.entities[ends[1]], "relation": data.relations[relation], "answer": data.entities[ends[2]]}
        )
    return asked


def explained(predictor: Predictor, question: dict[str, str], against: str) -> None:
    """What the bar is about: users, paths, contributions and contrast."""
    ends: Any = question
    predictor.explain(**ends, top_users=TOP_USERS)
    predictor.contrast(**ends, against=against)


def changed(predictor: Predictor, question: dict[str, str]) -> None:
    """Without the heaviest user and one training fact of the target or the answer."""
    ends: Any = question
    told = predictor.explain(**ends, top_users=1)
    data = predictor.dataset
    number = data.entity_index[question.get("head") or question["tail"]]
    mine = data.train[(data.train[:, 0] == number) | (data.train[:, 2] == number)][:1]
    facts = tuple((data.entities[h], data.relations[r], data.entities[t]) for h, r, t in mine.tolist())
    users = tuple(share.id for share in told.users[:1])
    predictor.what_if(**ends, changes=Changes(remove_users=users, remove_triples=facts))


def times(work: Callable[[dict[str, str]], None], asked: list[dict[str, str]]) -> str:
    """Median and 95th percentile, wall and CPU."""
    walls, processor = 1000 * np.array([timed(partial(work, question)) for question in asked]).T
    return (
        f"median {np.median(walls):7.1f} ms, p95 {np.percentile(walls, 95):7.1f} ms "
        f"(CPU: median {np.median(processor):7.1f} ms, p95 {np.percentile(processor, 95):7.1f} ms, "
        f"most {max(processor):7.1f} ms)"
    )


def main() -> None:
    """Make the run where a dataset is given, time both kinds of questions, print the memory."""
    parser = options(__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--what-ifs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run = arguments.source
    if not (run / "run.json").is_file():
        run = untrained_run(run, arguments.preset, arguments.seed)
    start = time.perf_counter()
    predictor = upgan.load(run)
    asked = questions(predictor, arguments.queries, np.random.default_rng(arguments.seed))
    rivals = {}
    for question in asked:
        ends = {key: question.get(key) for key in ("head", "relation", "tail")}
        rows = predictor.predict(**ends, k=2)
        rivals[id(question)] = next(row["id"] for row in rows if row["id"] != question["answer"])
    explained(predictor, asked[0], rivals[id(asked[0])])  # the first one makes what all later ones read
    print(f"{run}: {predictor.dataset!r}, loaded and first answer in {time.perf_counter() - start:.1f} s")
    print("explanation and contrast:", times(lambda one: explained(predictor, one, rivals[id(one)]), asked))
    print("what if:                 ", times(lambda one: changed(predictor, one), asked[: arguments.what_ifs]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"memory: {peak:.2f} GiB at most")


if __name__ == "__main__":
    main()
