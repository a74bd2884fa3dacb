"""Run folders made for the app's tests: the real format, a small catalogue, weights that were never trained."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import torch

from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.files import write_json
from upgan.runs.files import MODEL_FILE
from upgan.runs.status import write_status
from upgan.systems.build import build_model
from upgan.training.checkpoint import save_weights, seal_run, start_run

_BARGAIN = "book:part-of-the-bargain"
_MILLER = "author:linda-lael-miller"

#: id, label, kind
ENTITIES = [
    (_BARGAIN, "Part of the Bargain", "book"),
    ("book:snowflakes", "Snowflakes on the Sea", "book"),
    ("book:just-kate", "Just Kate", "book"),
    ("book:magician", "Magician", "book"),
    ("book:silverthorn", "Silverthorn", "book"),
    ("book:dark-queen", "Shadow of a Dark Queen", "book"),
    ("book:eye", "The Eye of the World", "book"),
    ("book:lonely", "A Lonely Book", "book"),
    (_MILLER, "Linda Lael Miller", "author"),
    ("author:feist", "Raymond E. Feist", "author"),
    ("author:jordan", "Robert Jordan", "author"),
    ("author:nobody", "Nobody", "author"),
    ("series:riftwar", "The Riftwar Cycle", "series"),
    ("series:serpentwar", "The Serpentwar Saga", "series"),
    ("series:saga", "The Riftwar Saga", "series"),
    ("series:wheel", "The Wheel of Time", "series"),
    ("genre:romance", "Romance", "genre"),
    ("genre:fantasy", "Fantasy", "genre"),
]
TRIPLES = [
    (_BARGAIN, "genre", "genre:romance", "train"),
    (_BARGAIN, "author", _MILLER, "test"),
    ("book:snowflakes", "author", _MILLER, "train"),
    ("book:just-kate", "author", _MILLER, "train"),
    ("book:snowflakes", "genre", "genre:romance", "train"),
    ("book:magician", "author", "author:feist", "train"),
    ("book:silverthorn", "author", "author:feist", "valid"),
    ("book:dark-queen", "author", "author:feist", "train"),
    ("book:eye", "author", "author:jordan", "train"),
    ("book:magician", "series", "series:saga", "train"),
    ("book:silverthorn", "series", "series:saga", "train"),
    ("book:dark-queen", "series", "series:serpentwar", "train"),
    ("book:eye", "series", "series:wheel", "train"),
    ("series:riftwar", "has_sub_series", "series:saga", "train"),
    ("series:riftwar", "has_sub_series", "series:serpentwar", "test"),
    ("book:magician", "genre", "genre:fantasy", "train"),
    ("book:eye", "genre", "genre:fantasy", "train"),
    ("book:lonely", "author", "author:nobody", "train"),
]
RELATIONS = [("author", "author"), ("genre", "genre"), ("series", "series"), ("has_sub_series", "has sub-series")]
READS = {
    "r1": [_BARGAIN, "book:snowflakes", "book:just-kate"],
    "r2": [_BARGAIN, "book:snowflakes"],
    "r3": [_BARGAIN, "book:just-kate", "book:eye"],
    "r4": ["book:magician", "book:silverthorn", "book:dark-queen"],
    "r5": ["book:magician", "book:eye"],
    "r6": ["book:dark-queen", "book:silverthorn"],
}


def make_run(
    run: Path,
    *,
    model: str = "upgan",
    labels: dict[str, str] | None = None,
    mrr: float = 0.5,
    seed: int = 3,
) -> None:
    """A run folder that opens and answers; ``labels`` replaces some entity or relation labels, ``seed`` the weights."""
    labels = labels or {}
    dataset = build_dataset(
        name="tiny books",
        triples=pd.DataFrame(TRIPLES, columns=["head", "relation", "tail", "split"]),
        interactions=pd.DataFrame(
            [(user, item) for user, items in READS.items() for item in items], columns=["user", "item"]
        ),
        entities=pd.DataFrame(
            [(name, labels.get(name, label), kind) for name, label, kind in ENTITIES], columns=["id", "label", "kind"]
        ),
        relations=pd.DataFrame([(name, labels.get(name, label)) for name, label in RELATIONS], columns=["id", "label"]),
        manifest={"simulated_users": True},
    )
    config = make_config("demo", overrides={"model_name": model, "model.dim": 8, "device": "cpu"})
    start_run(run, config, dataset)
    torch.manual_seed(seed)
    weights = build_model(config, dataset)
    save_weights(weights, run / MODEL_FILE)
    seal_run(run, dataset)
    write_json(run / "metrics.json", {"mrr": mrr, "split": "test"})
    write_json(run / "status.json", {"state": "finished"})


def written(run: Path, points: int = 6, **values: object) -> Path:
    """A run with a status, curves and a log."""
    run.mkdir(parents=True, exist_ok=True)
    status = {"phases": ["initialisation", "pretrain", "adversarial"], "phase": "adversarial", "epoch": 1, "epochs": 4,
              "phase_seconds": 30.0, "device": "cpu", "dataset": "tiny", "state": "running"}  # fmt: skip
    write_status(run, status | values)
    with (run / "metrics.jsonl").open("w") as stream:
        for step in range(points):
            phase = "initialisation" if step < points / 2 else "adversarial"
            line = {"t": "2026-01-01T00:00:00+00:00", "phase": phase, "epoch": step, "step": step}
            line |= {"loss": 1 / (step + 1)} if phase == "initialisation" else {"loss_d": 8.0, "reward": 0.1}
            stream.write(json.dumps(line | {"valid": {"mrr": step / points, "hits@1": 0.0, "mr": 3.0}}) + "\n")
    (run / "log.txt").write_text("first words\nlast words\n")
    return run
