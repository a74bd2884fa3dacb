"""The toy catalogue as its queries and their answers."""

from __future__ import annotations

import pytest

from tests.training.initialised import ENTITIES, RELATIONS
from upgan.graph.queries import QueryIndex


@pytest.fixture
def index(toy_dataset):
    return QueryIndex.build(toy_dataset.train, ENTITIES, RELATIONS)
