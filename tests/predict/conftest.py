"""A checkpoint of the toy catalogue, and its scores by loops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests import oracles
from tests.predict.toy import make_run
from upgan.predict.predictor import Predictor
from upgan.training.checkpoint import load_run


@pytest.fixture(scope="session")
def run(toy_dataset, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "run", toy_dataset)


@pytest.fixture(scope="session")
def predictor(run):
    """In float64, to be compared to the last digits."""
    loaded = load_run(run)
    return Predictor(dataclasses.replace(loaded, model=loaded.model.double()))


@pytest.fixture(scope="session")
def tables(predictor):
    """(9, 6, 9) scores with and without users, Eq. 2 - 8 by loops."""
    model, data = predictor._run.model, predictor.dataset
    part = model.propagation
    weights = oracles.Weights(
        own=part.own.numpy(),
        relation=part.relation.numpy(),
        attention=part.attention.numpy().reshape(-1),
        activation="tanh",
    )
    entity, relation = model.entity.numpy(), model.relation.numpy()
    states = oracles.propagate(oracles.facts_of(data), entity, weights)
    matrices = (model.w1.numpy(), model.b1.numpy(), model.w2.numpy(), model.b2.numpy())

    def scores(preference):
        return np.array(
            [
                [
                    [oracles.discriminator_score(entity[h], v_r, preference[h], v_t, matrices) for v_t in entity]
                    for v_r in relation
                ]
                for h in range(len(entity))
            ]
        )

    return scores(states.preference), scores({node: np.zeros(4) for node in range(len(entity))})
