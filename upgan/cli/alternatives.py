"""What `upgan explain` compares the answer with: another candidate, a changed graph, fewer users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from upgan.alternatives import Changes, Contrast, FlipSet, WhatIf
    from upgan.predictor import Predictor

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
    list[tuple[str, str]] | None,
    typer.Option(
        "--remove-interaction", metavar="U I", help="What if: user U had not chosen item I (two values). Repeatable."
    ),
]
RemoveFact = Annotated[
    list[tuple[str, str, str]] | None,
    typer.Option(
        "--remove-fact", metavar="H R T", help="What if: without this training fact (three values). Repeatable."
    ),
]
AddInteraction = Annotated[
    list[tuple[str, str]] | None,
    typer.Option(
        "--add-interaction", metavar="U I", help="What if: user U had chosen item I (two values). Repeatable."
    ),
]
SmallestSet = Annotated[
    bool, typer.Option("--smallest-set", help="A small set of users without whom the answer loses its rank.")
]


@dataclass(frozen=True)
class Alternatives:
    """What was asked for, computed."""

    contrast: Contrast | None = None
    what_if: WhatIf | None = None
    smallest_set: FlipSet | None = None

    def to_dict(self) -> dict[str, Any]:
        """The keys that ``upgan explain --format json`` gains."""
        named = {"contrast": self.contrast, "what_if": self.what_if, "smallest_set": self.smallest_set}
        return {key: value.to_dict() for key, value in named.items() if value is not None}

    def to_text(self) -> list[str]:
        """One block of text for each."""
        from upgan.render.compared import contrast_table, flip_table, what_if_table

        blocks = [contrast_table(self.contrast)] if self.contrast else []
        blocks += [what_if_table(self.what_if)] if self.what_if else []
        return blocks + ([flip_table(self.smallest_set)] if self.smallest_set else [])


def changes_of(
    users: list[str] | None,
    interactions: list[tuple[str, str]] | None,
    facts: list[tuple[str, str, str]] | None,
    added: list[tuple[str, str]] | None,
) -> Changes:
    """The changes that the options name."""
    from upgan.alternatives import Changes

    return Changes(tuple(users or ()), tuple(interactions or ()), tuple(facts or ()), tuple(added or ()))


def alternatives(
    predictor: Predictor,
    question: dict[str, str | None],
    against: str | None,
    changes: Changes,
    *,
    smallest: bool,
    baseline: str,
) -> Alternatives:
    """``question``: head, relation, tail and answer as they were given."""
    found: Any = baseline
    return Alternatives(
        contrast=predictor.contrast(**question, against=against, baseline=found) if against is not None else None,
        what_if=None if changes.empty else predictor.what_if(**question, changes=changes),
        smallest_set=predictor.smallest_set(**question) if smallest else None,
    )
