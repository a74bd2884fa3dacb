"""Everything that an address names: question, candidate, and what the page and its panels show; read and checked.

A link comes from anywhere. What it names is looked up, never trusted; what is unknown is said and left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from ui.services import questions
from ui.services.aliases import Aliases
from ui.services.questions import Question
from upgan.data.query import Direction, Query
from upgan.render.figure.build import Drawing
from upgan.render.figure.spec import Arrangement
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset
    from upgan.predict.predictor import Predictor

#: An address bar: each name with all its values.
Link = Mapping[str, Sequence[str]]
#: The pseudonyms that users have in links to a question's answer.
People = Callable[[Question], Aliases]
#: An id that is not known -> names that resemble it.
Near = Callable[[str], Sequence[str]]
#: How long a value of a view stays: for this answer, this list of candidates, this question, or always. A page's own
#: choice belongs to no view: it stays for the session.
Lasts = Literal["answer", "list", "question", "always", "session"]
#: A link that names more at once than this is nobody's.
MOST_NAMED = 200
#: A message lists no more words that might have been meant.
_MOST_WORDS = 8
_Value = TypeVar("_Value")
_Word = TypeVar("_Word", bound=str)


# Parameters ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter(ABC, Generic[_Value]):
    """One value of a view or of a page, under its name in the address; of a view only what is not as usual."""

    name: str
    usual: _Value = field(compare=False)
    lasts: Lasts = field(compare=False, default="always")
    #: What it is about, where each such thing has a choice of its own.
    about: str = field(default="", kw_only=True)

    @property
    def key(self) -> str:
        """The key of its widget."""
        return f"upgan_widget_{self.name}"

    @property
    def place(self) -> str:
        """Where the session keeps a page's own choice."""
        return f"upgan_chosen_{self.name}_{self.about}"

    @abstractmethod
    def read(self, texts: Sequence[str], dataset: KGDataset | None = None) -> tuple[_Value, str]:
        """The value that a link names, and what is wrong with it: the usual value then; empty where nothing is."""

    def write(self, value: _Value) -> str | list[str]:
        """The value as the address has it."""
        return str(value)

    def renamed(self, text: str, name: Callable[[str], str]) -> str:
        """One text of the address with the user that it names, where it names one, called as ``name`` says."""
        return text


@dataclass(frozen=True)
class Number(Parameter[_Value]):
    """A whole or a real number (as ``usual`` is one) between two bounds."""

    low: float = field(compare=False, default=0)
    high: float = field(compare=False, default=0)
    step: float = field(compare=False, default=1)

    def read(self, texts: Sequence[str], dataset: KGDataset | None = None) -> tuple[_Value, str]:
        try:
            number = float(texts[-1])
        except ValueError:
            number = float("nan")
        if self.low <= number <= self.high:
            return self.of(number), ""
        return self.usual, f"{_named(self.name, texts[-1])} is not a number from {self.low:g} to {self.high:g}."

    def of(self, number: float) -> _Value:
        """A number as a value, moved within the bounds."""
        within = min(self.high, max(self.low, number))
        return int(within) if isinstance(self.usual, int) else within  # type: ignore[return-value]

    def write(self, value: _Value) -> str:
        return f"{value:g}"


@dataclass(frozen=True)
class Choice(Parameter[_Value]):
    """One of several words; each with what it is called on the page."""

    words: Mapping[_Value, str] = field(compare=False, default_factory=dict)
    #: Whether the address has a code for each that says nothing to a reader.
    coded: bool = field(compare=False, default=False)

    def read(self, texts: Sequence[str], dataset: KGDataset | None = None) -> tuple[_Value, str]:
        for word in self.words:
            if word == texts[-1]:
                return word, ""
        few = len(self.words) <= _MOST_WORDS and not self.coded
        allowed = f"none of {', '.join(map(str, self.words))}" if few else "not here"
        return self.usual, f"{_named(self.name, texts[-1])} is {allowed}."


@dataclass(frozen=True)
class Named(Parameter[str | None]):
    """Something of the dataset by its id."""

    usual: str | None = field(compare=False, default=None)
    #: Whether the dataset holds it.
    known: Callable[[KGDataset, str], bool] = field(compare=False, kw_only=True)

    def read(self, texts: Sequence[str], dataset: KGDataset | None = None) -> tuple[str | None, str]:
        known = dataset is not None and self.known(dataset, texts[-1])
        return (texts[-1], "") if known else (None, _unknown(self.name, texts[-1]))


@dataclass(frozen=True)
class Node(Named):
    """A node of a figure: "e:…" an entity, "u:…" a user."""

    def renamed(self, text: str, name: Callable[[str], str]) -> str:
        return f"u:{name(text[2:])}" if text.startswith("u:") else text


@dataclass(frozen=True)
class Several(Parameter[tuple[str, ...]]):
    """Any of ``options``, for a view of the dataset's users by their ids, in the order they were named."""

    usual: tuple[str, ...] = field(compare=False, default=())
    options: Sequence[str] = field(compare=False, default=())
    #: What a message calls one of them.
    called: str = field(compare=False, default="user")

    def read(self, texts: Sequence[str], dataset: KGDataset | None = None) -> tuple[tuple[str, ...], str]:
        known = self.options if dataset is None else dataset.user_index
        named = list(dict.fromkeys(texts[:MOST_NAMED]))
        unknown = next((_unknown(self.called, name) for name in named if name not in known), "")
        return tuple(name for name in named if name in known), unknown

    def write(self, value: tuple[str, ...]) -> list[str]:
        return list(value)

    def renamed(self, text: str, name: Callable[[str], str]) -> str:
        return text if self.options else name(text)


def one_of(
    name: str,
    options: Sequence[_Word],
    words: Mapping[_Word, str] | None = None,
    about: str = "",
    *,
    coded: bool = False,
) -> Choice[_Word]:
    """What a page lets choose: one of ``options``, the first until another is chosen."""
    named = {option: (words or {}).get(option, clean(option)) for option in options}
    return Choice(name, options[0], "session", words=named, about=about, coded=coded)


def known_entity(dataset: KGDataset, entity: str) -> bool:
    """Whether the dataset has this entity."""
    return entity in dataset.entity_index


def known_node(dataset: KGDataset, node: str) -> bool:
    """Whether a figure could name this node: "e:…" an entity, "u:…" a user."""
    kind, name = node[:2], node[2:]
    return (kind == "e:" and name in dataset.entity_index) or (kind == "u:" and name in dataset.user_index)


#: The parts of a question.
ENTITY, ANSWER = (Named(name, known=known_entity) for name in ("entity", "answer"))
RELATION = Named("relation", known=lambda dataset, relation: relation in dataset.relation_index)
DIRECTION = Choice[Direction]("direction", "tail", words={"tail": "", "head": ""})
K = Number("k", 10, low=5, high=50, step=5)
KNOWN = Choice[Literal["mark", "show", "hide"]](
    "known", "mark", words={"mark": "marked", "show": "shown unmarked", "hide": "hidden"}
)
TOP_USERS = Number("users", 5, low=1, high=20)
WEIGHT = Number("weight", 0.0, low=0.0, high=0.5, step=0.01)
LAYOUT = Choice[Arrangement](
    "layout", "auto", words={"auto": "automatic", "columns": "left to right", "rows": "top to bottom"}
)
NODE = Node("node", lasts="answer", known=known_node)
#: What every view has, whatever panels there are.
OWN: tuple[Parameter[Any], ...] = (K, KNOWN, TOP_USERS, WEIGHT, LAYOUT, NODE)


# A view -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """What one session looks at. ``view[K]`` is the value of a parameter."""

    question: Question
    #: What is not as usual.
    values: Mapping[Parameter[Any], Any] = field(default_factory=dict)

    def __getitem__(self, parameter: Parameter[_Value]) -> _Value:
        value: _Value = self.values.get(parameter, parameter.usual)
        return value

    def put(self, parameter: Parameter[_Value], value: _Value) -> View:
        """The view with another value for one parameter."""
        values = {**self.values, parameter: value}
        return replace(self, values={key: one for key, one in values.items() if one != key.usual})

    @property
    def drawing(self) -> Drawing:
        """How the figure is drawn, on the page and in every file."""
        return Drawing(self[WEIGHT], self[LAYOUT])

    def parameters(self, name: Callable[[str], str] = str) -> dict[str, str | list[str]]:
        """For the address bar; users are called as ``name`` says."""
        written: dict[str, str | list[str]] = {**self.question.parameters()}
        for key, value in self.values.items():
            texts = key.write(value)
            if isinstance(texts, str):
                written[key.name] = key.renamed(texts, name)
            else:
                written[key.name] = [key.renamed(text, name) for text in texts]
        return written

    def ask(self, question: Question) -> View:
        """Another question: what belonged to the old one is gone, what always lasts stays."""
        same = (question.checkpoint, question.query) == (self.question.checkpoint, self.question.query)
        return View(question, self._lasting("always", "question") if same else self._lasting("always"))

    def choose(self, answer: str) -> View:
        """Another answer from the same list of candidates."""
        return View(replace(self.question, answer=answer), self._lasting("always", "question", "list"))

    def _lasting(self, *lasts: Lasts) -> dict[Parameter[Any], Any]:
        return {key: value for key, value in self.values.items() if key.lasts in lasts}


# Reading a link -----------------------------------------------------------------------------------------------------


def read_view(
    predictor: Predictor,
    checkpoint: str,
    link: Link,
    first: Question,
    parameters: Sequence[Parameter[Any]],
    near: Near | None = None,
    people: People | None = None,
) -> tuple[View, list[str]]:
    """The view that a link names, and what in it this dataset does not know (said, not guessed).

    Its question is ``first`` where the link names no entity that is known; ``near`` gives names that an unknown one's
    id resembles, ``people`` whom a pseudonym stands for.
    """
    problems: list[str] = []
    question = first

    def user(text: str) -> str:
        if people is None or text in predictor.dataset.user_index:
            return text
        return people(question).user(text)

    def read(parameter: Parameter[_Value]) -> _Value:
        texts = [parameter.renamed(text, user) for text in link.get(parameter.name, ())]
        value, problem = parameter.read(texts, predictor.dataset) if texts else (parameter.usual, "")
        problems.extend([problem] if problem else [])
        return value

    entity, relation, answer, direction = read(ENTITY), read(RELATION), read(ANSWER), read(DIRECTION)
    if entity is None:
        if "relation" in link and "entity" not in link:
            problems.append("The link names no entity.")
        if near is not None and link.get("entity") and (names := near(link["entity"][-1])):
            problems.append(f"Similar names: {', '.join(shorten(name, 60) for name in names)}.")
        problems += ["Showing the first example instead."] if problems else []
    elif relation is None:
        question = Question(checkpoint, questions.about(predictor, entity))
    else:
        question = Question(checkpoint, Query.about(entity, relation, direction), answer)
    view = View(question)
    for parameter in parameters:
        view = view.put(parameter, read(parameter))
    return view, problems


def _named(name: str, text: str) -> str:
    return f"The link's {name} “{shorten(clean(text), 60)}”"


def _unknown(name: str, text: str) -> str:
    return f"{_named(name, text)} is not in this dataset."
