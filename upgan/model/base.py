"""What a model is: it scores every entity as the answer of a query, and says how users are in its scores.

UPGAN's discriminators, the factorisations they start from and every compared system are models. Who scores, explains
or saves one asks nothing else of it; what training asks of a discriminator besides is in upgan.model.guided.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from upgan.evaluation.evaluator import Scorer
from upgan.graph.candidates import Candidates
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph

#: How users are in a model's scores, which is how they can be told apart:
#: none      interactions do not change the scores
#: vectors   interactions were learned from, but no user has a term of its own
#: mixed     users and entities are mixed in every step of the propagation
#: layers    p_h is a weighted mean of users, along the layers of the graph (Eq. 5)
#: paths     sums over paths item - user - item, on both sides of the score
UsersIn = Literal["none", "vectors", "mixed", "layers", "paths"]


@dataclass(frozen=True)
class Reused:
    """What a graph much like this one has computed: its table, and the (N,) items whose rows differ here."""

    table: Tensor
    items: Tensor


@dataclass(frozen=True)
class FullScorer:
    """How a model scores every entity on one graph; valid until its parameters change.

    Both are (B,) heads and relations (0 .. 2R-1) -> (B, E). What all queries share is computed already.
    """

    with_users: Scorer
    #: The same with the users switched off: p = 0 for every query and candidate, no evidence.
    without_users: Scorer
    #: (E, ...) what queries are multiplied with, where that is more than the entities' vectors.
    table: Tensor | None = None
    #: ``with_users`` for some candidates, (B, C), where that costs less than scoring every entity.
    among: Callable[[Tensor, Tensor, Candidates], Tensor] | None = None

    @torch.no_grad()
    def scores(
        self, heads: Tensor, relations: Tensor, *, users: bool = True, among: Candidates | None = None
    ) -> Tensor:
        """(B,) heads and relations (0 .. 2R-1) -> (B, E), or (B, C) for the candidates ``among``."""
        if among is not None and users and self.among is not None:
            return self.among(heads, relations, among)
        scores = (self.with_users if users else self.without_users)(heads, relations)
        return scores if among is None else scores.index_select(1, among.entities)

    def width(self, among: Candidates) -> int:
        """How many scores are held for each query where these are asked for."""
        return len(among.column) if self.among is None else len(among)


class Model(nn.Module, ABC):
    """A model of entities and of relations in both directions: <?, r, t> is asked as <t, r + R, ?>."""

    users_in: ClassVar[UsersIn] = "none"
    #: Whether UPGAN's parts can start from its vectors (5.2.3).
    starts_others: ClassVar[bool] = False

    @property
    def has_users(self) -> bool:
        """Whether users can be switched off: where they cannot, the scores without users are the scores."""
        return False

    def vector_tables(self) -> dict[str, Tensor]:
        """Learned vectors: "entity" (E, W), "relation" (R or 2R, W'), and what else there is of them; may be empty."""
        names = ("entity", "relation", "target_relation", "answer_relation")
        own = dict(self.named_parameters(recurse=False))
        return {name: own[name] for name in names if name in own}

    @abstractmethod
    def on(self, graph: LayeredGraph, facts: Facts | None = None, reused: Reused | None = None) -> FullScorer:
        """The scores on a graph; ``facts``: the training triples, where the score has evidence to read from them."""
