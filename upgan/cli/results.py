"""What `upgan explain` compares the answer with: another candidate, a changed graph, fewer users."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from upgan.errors import ConfigError
from upgan.explain.results import Changes

if TYPE_CHECKING:
    from upgan.explain.explanation import Explanation
    from upgan.explain.results import Contrast, FlipSet, WhatIf
    from upgan.predict.predictor import Predictor

Against = Annotated[str | None, typer.Option("--contrast", help="Why the answer and not this one (id or label).")]
BaselineName = Annotated[
    str, typer.Option("--baseline", help="What contributions are counted from: none (p = 0) or mean (the mean user).")
]
SortName = Annotated[
    str, typer.Option("--sort", help="Which users come first: weight, or contribution (the larger, the earlier).")
]
PathsPerUser = Annotated[int, typer.Option("--paths", min=0, help="Heaviest paths listed for each shown user.")]
EvidencePerUser = Annotated[int, typer.Option("--evidence", min=0, help="Ways of evidence listed for each shown user.")]
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
SmallestSet = Annotated[
    bool, typer.Option("--smallest-set", help="A small set of users without whom the answer loses its rank.")
]


Question = dict[str, str | None]


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


@dataclass(frozen=True)
class Alternatives:
    """What was asked for beside the explanation, computed; ``documents`` as JSON, users named as they are shown."""

    contrast: Contrast | None
    what_if: WhatIf | None
    smallest_set: FlipSet | None
    documents: dict[str, Any]
    names: dict[str, str]

    def added_to(self, content: bytes, format: str) -> bytes:
        """An explanation's json or table with these added; other formats as they are."""
        if format == "json" and self.documents:
            whole = {**json.loads(content), **self.documents}
            return (json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
        if format == "table" and self.documents:
            return b"\n".join([content, *(block.encode("utf-8", "replace") + b"\n" for block in self._blocks())])
        return content

    def _blocks(self) -> list[str]:
        """One block of text for each."""
        from upgan.render.results_text import contrast_table, flip_table, what_if_table

        blocks = [contrast_table(self.contrast, self.names)] if self.contrast else []
        blocks += [what_if_table(self.what_if, self.names)] if self.what_if else []
        return blocks + ([flip_table(self.smallest_set, self.names)] if self.smallest_set else [])


def changes_of(
    users: list[str] | None, interactions: list[str] | None, facts: list[str] | None, added: list[str] | None
) -> Changes:
    """The changes that the options name. Raises ConfigError where one has not the values it needs."""
    return Changes(
        tuple(users or ()),
        tuple((user, item) for user, item in _values("--remove-interaction", interactions, "USER,ITEM")),
        tuple((h, r, t) for h, r, t in _values("--remove-fact", facts, "HEAD,RELATION,TAIL")),
        tuple((user, item) for user, item in _values("--add-interaction", added, "USER,ITEM")),
    )


def _values(option: str, given: list[str] | None, form: str) -> list[list[str]]:
    """Each value as the fields of one CSV line."""
    found = []
    for text in given or ():
        rows = list(csv.reader([text], skipinitialspace=True))
        fields = rows[0] if len(rows) == 1 else []
        if len(fields) != form.count(",") + 1 or not all(field.strip() for field in fields):
            raise ConfigError(f"{option} {text!r}: write {form}; a name that holds a comma goes in double quotes")
        found.append(fields)
    return found


def explained(
    predictor: Predictor, question: Question, shown: dict[str, int], wanted: Wanted
) -> tuple[Explanation, Alternatives]:
    """The explanation and what it is compared with. ``question``: head, relation, tail and answer as given."""
    # Their values are checked there: the choices are the predictor's to name.
    asked: Any = question
    counted: Any = {"baseline": wanted.baseline}
    explanation = predictor.explain(**asked, **counted, **cast(Any, shown), sort=cast(Any, wanted.sort))
    contrast = what_if = smallest = None
    if wanted.against is not None:
        contrast = predictor.contrast(**asked, against=wanted.against, **counted)
    if not wanted.changes.empty:
        what_if = predictor.what_if(**asked, changes=wanted.changes)
    if wanted.smallest_set:
        smallest = predictor.smallest_set(**question)
    found = {"contrast": contrast, "what_if": what_if, "smallest_set": smallest}
    documents = {key: value.to_dict() for key, value in found.items() if value is not None}
    if contrast is not None:
        documents["contrast"]["against_label"] = contrast.against.label
    return explanation, Alternatives(contrast, what_if, smallest, documents, {})


def named(explanation: Explanation, found: Alternatives, *, hidden: bool) -> tuple[Explanation, Alternatives]:
    """Both with users under pseudonyms, the same ones, where they are to be ``hidden``."""
    if not hidden:
        return explanation, found
    from upgan.case.results import renamed as renamed_document
    from upgan.case.results import users_of
    from upgan.render.pseudonyms import pseudonyms_of, renamed

    names = pseudonyms_of(explanation, users_of(found.documents))
    return renamed(explanation, names), replace(found, documents=renamed_document(found.documents, names), names=names)
