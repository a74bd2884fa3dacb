"""Everything that an address names: question, candidate, contrast, users left out, settings; read and checked, by ids.

A link comes from anywhere. What it names is looked up, never trusted; what is unknown is said and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from ui.services import questions
from ui.services.questions import Question
from upgan.data.query import Direction, Query
from upgan.render.figure.build import Drawing
from upgan.render.figure.spec import Arrangement
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

Known = Literal["mark", "show", "hide"]
Order = Literal["weight", "contribution"]
Tab = Literal["paths", "users", "evidence", "contrast", "whatif", "files"]

#: An address bar: each name with all its values.
Link = Mapping[str, Sequence[str]]
#: An id that is not known -> names that resemble it.
Near = Callable[[str], Sequence[str]]
#: A link with more than these is nobody's.
_MOST_LEFT_OUT = 200
_YES = "yes"


@dataclass(frozen=True)
class Settings:
    """How a view is shown. Each has bounds; a link that leaves them is corrected and told so."""

    k: int = 10
    known: Known = "mark"
    users: int = 5
    weight: float = 0.0
    layout: Arrangement = "auto"
    order: Order = "weight"
    tab: Tab = "paths"

    def parameters(self) -> dict[str, str]:
        """For the address bar: only what is not as usual."""
        usual = Settings()
        changed = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: f"{value:g}" if isinstance(value, float) else str(value)
                for name, value in changed.items() if value != getattr(usual, name)}  # fmt: skip

    @property
    def drawing(self) -> Drawing:
        """How the figure is drawn, on the page and in every file."""
        return Drawing(self.weight, self.layout)


#: Smallest and largest value of each setting that is a number.
FEWEST_CANDIDATES, MOST_CANDIDATES = 5, 50
FEWEST_USERS, MOST_USERS = 1, 20
LEAST_WEIGHT, LARGEST_WEIGHT = 0.0, 0.5
BOUNDS: dict[str, tuple[float, float]] = {
    "k": (FEWEST_CANDIDATES, MOST_CANDIDATES),
    "users": (FEWEST_USERS, MOST_USERS),
    "weight": (LEAST_WEIGHT, LARGEST_WEIGHT),
}
#: The words of each setting that is not a number.
CHOICES: dict[str, tuple[str, ...]] = {
    "known": get_args(Known), "layout": get_args(Arrangement), "order": get_args(Order), "tab": get_args(Tab)
}  # fmt: skip
#: All names that the address of a view may hold.
PARAMETERS = (*questions.PARTS, "contrast", "without", "fewest", "node", *(each.name for each in fields(Settings)))


@dataclass(frozen=True)
class View:
    """What one session looks at."""

    question: Question
    settings: Settings = field(default_factory=Settings)
    #: A second candidate to compare the answer with.
    contrast: str | None = None
    #: Users of the target that the what-if leaves out.
    without: tuple[str, ...] = ()
    #: Whether the fewest users that change the answer's place were asked for.
    fewest: bool = False
    #: A node of the figure whose facts are shown, as the figure names it ("e:…" or "u:…").
    node: str | None = None

    def parameters(self) -> dict[str, str | list[str]]:
        """For the address bar."""
        named: dict[str, str | list[str]] = dict(self.question.parameters())
        if self.contrast is not None:
            named["contrast"] = self.contrast
        if self.without:
            named["without"] = list(self.without)
        if self.fewest:
            named["fewest"] = _YES
        if self.node is not None:
            named["node"] = self.node
        return named | dict(self.settings.parameters())

    def ask(self, question: Question) -> View:
        """Another question: what belonged to the old one is gone, the settings stay."""
        same = (question.checkpoint, question.query) == (self.question.checkpoint, self.question.query)
        return View(question, self.settings, without=self.without if same else ())


def read_view(
    predictor: Predictor, checkpoint: str, link: Link, first: Question, near: Near | None = None
) -> tuple[View, list[str]]:
    """The view that a link names, and what in it this dataset does not know (said, not guessed).

    ``near`` gives names that an unknown entity's id resembles.
    """
    question, problems = read_question(predictor, checkpoint, link, first, near)
    settings, wrong = read_settings(link)
    problems += wrong
    dataset = predictor.dataset
    contrast, node = _one(link, "contrast"), _one(link, "node")
    if contrast is not None and contrast not in dataset.entity_index:
        problems.append(_unknown("contrast", contrast))
        contrast = None
    users = list(link.get("without", ()))[:_MOST_LEFT_OUT]
    strangers = [user for user in users if user not in dataset.user_index]
    problems += [_unknown("left-out user", user) for user in strangers[:1]]
    if node is not None and not known_node(predictor, node):
        problems.append(_unknown("node", node))
        node = None
    fewest = _one(link, "fewest")
    if fewest not in (None, _YES):
        problems.append(f"The link's fewest “{shorten(clean(fewest), 60)}” is not “{_YES}”.")
    left_out = tuple(dict.fromkeys(user for user in users if user in dataset.user_index))
    return View(question, settings, contrast, left_out, fewest == _YES, node), problems


def known_node(predictor: Predictor, node: str) -> bool:
    """Whether a figure could name this node."""
    dataset = predictor.dataset
    return node.removeprefix("e:") in dataset.entity_index if node.startswith("e:") else (
        node.startswith("u:") and node.removeprefix("u:") in dataset.user_index
    )  # fmt: skip


def read_settings(link: Link) -> tuple[Settings, list[str]]:
    """The settings that a link names, each within its bounds."""
    values: dict[str, Any] = {}
    problems = []
    for name, usual in ((each.name, each.default) for each in fields(Settings)):
        text = _one(link, name)
        if text is None:
            continue
        if name in CHOICES:
            words = ", ".join(CHOICES[name])
            if text in CHOICES[name]:
                values[name] = text
            else:
                problems.append(f"The link's {name} “{shorten(clean(text), 60)}” is none of {words}.")
            continue
        low, high = BOUNDS[name]
        try:
            number = float(text)
            inside = low <= number <= high
        except ValueError:
            inside = False
        if inside:
            values[name] = int(number) if isinstance(usual, int) else number
        else:
            problems.append(f"The link's {name} “{shorten(clean(text), 60)}” is not a number from {low:g} to {high:g}.")
    return Settings(**values), problems


def read_question(
    predictor: Predictor, checkpoint: str, link: Link, first: Question, near: Near | None = None
) -> tuple[Question, list[str]]:
    """The question that a link names; ``first`` where it names no entity that is known."""
    dataset, problems = predictor.dataset, []

    def known(name: str, index: Mapping[str, int]) -> str | None:
        value = _one(link, name)
        if value is not None and value not in index:
            problems.append(_unknown(name, value))
            return None
        return value

    entity, relation = known("entity", dataset.entity_index), known("relation", dataset.relation_index)
    answer = known("answer", dataset.entity_index)
    direction = _one(link, "direction") or "tail"
    if direction not in get_args(Direction):
        problems.append(f"The link's direction “{shorten(clean(direction), 60)}” is neither “tail” nor “head”.")
        direction = "tail"
    if entity is None:
        if "relation" in link and "entity" not in link:
            problems.append("The link names no entity.")
        unknown = _one(link, "entity")
        if unknown is not None and near is not None and (names := near(unknown)):
            problems.append(f"Similar names: {', '.join(shorten(name, 60) for name in names)}.")
        return first, [*problems, "Showing the first example instead."] if problems else []
    if relation is None:
        return Question(checkpoint, questions.about(predictor, entity)), problems
    query = Query.about(entity, relation, "head" if direction == "head" else "tail")
    return Question(checkpoint, query, answer), problems


def _one(link: Link, name: str) -> str | None:
    values = link.get(name, ())
    return values[-1] if values else None


def _unknown(name: str, value: str) -> str:
    return f"The link's {name} “{shorten(clean(value), 60)}” is not in this dataset."
