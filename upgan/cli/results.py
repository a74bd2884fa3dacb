"""What `upgan explain` compares the answer with: another candidate, a changed graph, fewer users."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from upgan.errors import ConfigError

if TYPE_CHECKING:
    from upgan.data.query import Query
    from upgan.explain.explanation import Explanation
    from upgan.explain.results import Changes, Results
    from upgan.predict.predictor import Predictor

Against = Annotated[str | None, typer.Option("--contrast", help="Why the answer and not this one (id or label).")]
BaselineName = Annotated[
    str, typer.Option(help="What contributions are counted from: none (p = 0) or mean (the mean user).")
]
SortName = Annotated[
    str, typer.Option(help="Which users come first: weight, or contribution (the larger, the earlier).")
]
PathsPerUser = Annotated[int, typer.Option("--paths", min=0, help="Heaviest paths listed for each shown user.")]
EvidencePerUser = Annotated[
    int, typer.Option("--evidence", min=0, help="Paths of evidence listed for each shown user.")
]
TopPaths = Annotated[int, typer.Option("--top-paths", min=0, help="Also list this many heaviest paths of all users.")]
RemoveUser = Annotated[
    list[str] | None, typer.Option("--remove-user", metavar="U", help="What if: without this user. Repeatable.")
]
RemoveInteraction = Annotated[
    list[str] | None,
    typer.Option(
        "--remove-interaction",
        metavar="USER,ITEM",
        help="What if: USER had not chosen ITEM; a name with a comma in double quotes, as in CSV. Repeatable.",
    ),
]
RemoveFact = Annotated[
    list[str] | None,
    typer.Option(
        "--remove-fact", metavar="HEAD,RELATION,TAIL", help="What if: without this training fact. Repeatable."
    ),
]
AddInteraction = Annotated[
    list[str] | None,
    typer.Option("--add-interaction", metavar="USER,ITEM", help="What if: USER had chosen ITEM. Repeatable."),
]
AddFact = Annotated[
    list[str] | None,
    typer.Option("--add-fact", metavar="HEAD,RELATION,TAIL", help="What if: this were a training fact. Repeatable."),
]
SmallestSet = Annotated[
    bool, typer.Option("--smallest-set", help="A small set of users without whom the answer loses its rank.")
]


@dataclass(frozen=True)
class Wanted:
    """What the answer is to be compared with, and how contributions are counted and sorted."""

    against: str | None
    changes: Changes
    smallest_set: bool
    baseline: str
    sort: str

    @property
    def any(self) -> bool:
        return self.against is not None or self.smallest_set or not self.changes.empty


def changes_of(
    users: list[str] | None,
    interactions: list[str] | None,
    facts: list[str] | None,
    added: list[str] | None,
    added_facts: list[str] | None,
) -> Changes:
    """The changes that the options name. Raises ConfigError where one has not the values it needs."""
    from upgan.explain.results import Changes

    return Changes(
        tuple(users or ()),
        tuple((user, item) for user, item in _values("--remove-interaction", interactions, "USER,ITEM")),
        tuple((h, r, t) for h, r, t in _values("--remove-fact", facts, "HEAD,RELATION,TAIL")),
        tuple((user, item) for user, item in _values("--add-interaction", added, "USER,ITEM")),
        tuple((h, r, t) for h, r, t in _values("--add-fact", added_facts, "HEAD,RELATION,TAIL")),
    )


def _values(option: str, texts: list[str] | None, form: str) -> list[list[str]]:
    """Each value as the fields of one CSV line."""
    values = []
    for text in texts or ():
        rows = list(csv.reader([text], skipinitialspace=True))
        fields = rows[0] if len(rows) == 1 else []
        if len(fields) != form.count(",") + 1 or not all(field.strip() for field in fields):
            raise ConfigError(f"{option} {text!r}: write {form}; a name that holds a comma goes in double quotes")
        values.append(fields)
    return values


def explained(
    predictor: Predictor, query: Query, answer: str, counts: Mapping[str, Any], wanted: Wanted
) -> tuple[Explanation, Results]:
    """The explanation, and what was asked beside it."""
    from upgan.explain.results import Results

    # The predictor checks the values: the choices are its own to name.
    baseline, sort = cast(Any, wanted.baseline), cast(Any, wanted.sort)
    question: Any = {**query.names, "answer": answer}
    explanation = predictor.explain(**question, **counts, baseline=baseline, sort=sort)
    contrast = what_if = smallest = None
    if wanted.against is not None:
        contrast = predictor.contrast(**question, against=wanted.against, baseline=baseline)
    if not wanted.changes.empty:
        what_if = predictor.what_if(**question, changes=wanted.changes)
    if wanted.smallest_set:
        smallest = predictor.smallest_set(**question)
    return explanation, Results(contrast, what_if, smallest)


def pseudonymous(explanation: Explanation, results: Results) -> tuple[Explanation, Results]:
    """Both with users under pseudonyms, the same ones."""
    from upgan.render.pseudonyms import pseudonyms_of, renamed

    return renamed((explanation, results), pseudonyms_of(explanation, results))
