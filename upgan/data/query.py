"""A query: a relation and one of its ends, by the ids of a dataset; the other end is what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from upgan.types import Document

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset

#: The end that is missing: "tail" is <entity, relation, ?>.
Direction = Literal["tail", "head"]


class Names(TypedDict):
    """A query as keyword arguments of the predictor."""

    head: str | None
    relation: str
    tail: str | None


@dataclass(frozen=True)
class Query(Document):
    """<head, relation, ?> (``tail`` is None) or <?, relation, tail> (``head`` is None)."""

    head: str | None
    relation: str
    tail: str | None

    @staticmethod
    def about(entity: str, relation: str, direction: Direction = "tail") -> Query:
        """The query with ``entity`` at its known end."""
        return Query(entity, relation, None) if direction == "tail" else Query(None, relation, entity)

    @property
    def inverse(self) -> bool:
        """Whether the head is what is missing."""
        return self.head is None

    @property
    def direction(self) -> Direction:
        """The end that is missing."""
        return "head" if self.inverse else "tail"

    @property
    def entity(self) -> str:
        """The known end."""
        return self.head or self.tail or ""

    @property
    def names(self) -> Names:
        """For ``predictor.explain(**query.names, answer=…)``."""
        return {"head": self.head, "relation": self.relation, "tail": self.tail}

    def numbers(self, dataset: KGDataset) -> tuple[int, int]:
        """(known entity, relation 0 .. 2R-1) as models take them; KeyError for ids of another dataset."""
        relation = dataset.relation_index[self.relation]
        return dataset.entity_index[self.entity], relation + self.inverse * dataset.num_relations
