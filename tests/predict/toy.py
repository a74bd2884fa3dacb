"""Runs of the toy catalogue with weights that were never trained, and what is asked of them."""

from __future__ import annotations

import torch

from upgan.config.settings import make_config
from upgan.systems.build import build_model
from upgan.training.checkpoint import save_weights, seal_run, start_run

ENTITIES = ["a1", "a2", "b1", "b2", "b3", "c1", "c2", "s", "x"]
RELATIONS = ["by", "from", "linked"]
SPLITS = ("train", "valid", "test")
#: Smoothing of the evidence.
EPSILON = 0.7


def make_run(folder, dataset, *assignments, constant=False):
    """A run with random weights, or with all scores equal."""
    torch.manual_seed(1)
    config = make_config("paper", assignments=["model.dim=4", "model.propagation.activation=tanh", *assignments])
    return _sealed(folder, dataset, config, 0.0 if constant else 0.7)


def make_quality_run(folder, dataset, *assignments):
    """A run of the bilinear score with random weights, evidence weights included."""
    torch.manual_seed(3)
    given = ["model.dim=3", "model.co_interaction.neighbours=2", f"fusion.smoothing={EPSILON}", "seed=0", *assignments]
    return _sealed(folder, dataset, make_config("quality", assignments=given), 0.7)


def _sealed(folder, dataset, config, deviation):
    """A finished run whose weights are drawn around 0."""
    model = build_model(config, dataset)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, deviation)
    start_run(folder, config, dataset)
    save_weights(model, folder / "model.safetensors")
    seal_run(folder, dataset)
    return folder


def known_splits(data, entity, relation):
    """Answer -> split of a query (relation 0 .. 2R-1)."""
    found = {}
    for split in SPLITS:
        for h, r, t in data.triples(split).tolist():
            if relation < 3 and (h, r) == (entity, relation):
                found[t] = split
            if relation >= 3 and (t, r + 3) == (entity, relation):
                found[h] = split
    return found


QUERIES = [(entity, relation) for entity in range(9) for relation in range(6)]


def ask(entity, relation):
    """A query's numbers as the arguments a user gives."""
    if relation < 3:
        return {"head": ENTITIES[entity], "relation": RELATIONS[relation]}
    return {"tail": ENTITIES[entity], "relation": RELATIONS[relation - 3]}


def explain(predictor, entity, relation, answer, **more):
    return predictor.explain(**ask(entity, relation), answer=ENTITIES[answer], **more)
