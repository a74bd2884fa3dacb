"""Slow, obvious reference versions of the paper's equations: loops over single edges, pairs and paths.

Written from the equations (He et al., WWW 2020), not from the package, and sharing no code with it: numpy and plain
Python only, one float64 number after the other. Nodes are the entities 0 .. E-1 and the users E .. E+U-1. Relation
types: r as seen from a triple's head, r + R from its tail, 2R from a user, 2R + 1 from an item.
"""

from __future__ import annotations

from tests.oracles.graph import Edge, Facts, facts_of, hops, layered_edges, random_facts
from tests.oracles.ranking import better, filtered_rank, known_answers, metrics, place
from tests.oracles.scores import (
    discriminator_loss,
    discriminator_score,
    generator_distribution,
    one_to_n,
    rewards,
    sigmoid,
    softmax,
    times,
)
from tests.oracles.stages import Path, States, Weights, activate, paths_down, propagate, user_weights

__all__ = [
    "Edge",
    "Facts",
    "Path",
    "States",
    "Weights",
    "activate",
    "better",
    "discriminator_loss",
    "discriminator_score",
    "facts_of",
    "filtered_rank",
    "generator_distribution",
    "hops",
    "known_answers",
    "layered_edges",
    "metrics",
    "one_to_n",
    "paths_down",
    "place",
    "propagate",
    "random_facts",
    "rewards",
    "sigmoid",
    "softmax",
    "times",
    "user_weights",
]
