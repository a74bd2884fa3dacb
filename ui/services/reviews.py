"""Proposed facts and decisions about them, as the page shows them; lists in the making."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ui.services import datasets
from ui.services.access import require_training, training_allowed
from ui.services.background import Background
from upgan.data.query import Query
from upgan.errors import RunError
from upgan.render.reasons import asked_words, slot_words
from upgan.render.words import clean, wrap
from upgan.review.store import FILE_NAME, Filter, Line, Place, ReviewList, ReviewStore

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor
    from upgan.review.apply import Applied

#: Lines that are seen at once.
PAGE_LINES = 6
#: Signs that stand beside each other in the cells of the narrowest table, and how many rows of text a line has at most.
ACROSS = {"item": 13, "relation": 9, "answer": 13, "reason": 30}
MOST_ROWS = 10
#: Sureness from which lines are shown, as a filter.
LEVELS = {"0": "any", "0.5": "50% and more", "0.7": "70% and more", "0.9": "90% and more"}
STATES = {
    "open": "not judged yet", "all": "all", "judged": "judged", "yes": "accepted", "no": "rejected", "unsure": "unsure",
}  # fmt: skip
MARKS = {"yes": "✓", "no": "✗", "unsure": "?", None: ""}


def open_store() -> ReviewStore:
    """The reviews of the data folder; in a read-only app to be looked at only, and RunError where there are none."""
    path = datasets.data_root() / FILE_NAME
    if not training_allowed() and not path.is_file():
        raise RunError("there is no list of missing facts yet, and this app is read-only (--no-training)")
    return ReviewStore(path, writable=training_allowed())


def list_words(shown: ReviewList) -> str:
    """A list in a list of lists."""
    asked = [shown.options.get("kind"), shown.options.get("relation")]
    parts = [f"{shown.id}", datetime.fromisoformat(shown.made).strftime("%d %b %H:%M"), *asked, shown.run]
    return " · ".join(clean(str(part)) for part in parts if part)


def query_of(line: Line) -> tuple[Query, str]:
    """The question that a line answers, and its answer."""
    if line.asked == "head":
        return Query.about(line.tail, line.relation, "head"), line.head
    return Query.about(line.head, line.relation, "tail"), line.tail


def ends(line: Line) -> tuple[str, str, str]:
    """Item, relation and proposed answer in words."""
    turned = line.asked == "head"
    item, answer = (line.tail_label, line.head_label) if turned else (line.head_label, line.tail_label)
    return clean(item), asked_words(line.relation_label, turned=turned), clean(answer)


def filled(chosen: ReviewList, line: Line) -> float | None:
    """Of a gap: the share of its kind that has something there; None where the list does not say."""
    key = [line.relation, line.asked, line.kind]
    told = (share for *which, share in chosen.promise.get("filled", []) if which == key)
    return next(told, None) if line.slot == "empty" else None


def row(line: Line) -> dict[str, object]:
    """A line of the table."""
    texts = {name: " ".join(rows) for name, rows in _texts(line).items()}
    reason = texts.pop("reason")
    return {
        "place": line.place,
        "verdict": MARKS[line.verdict] + (" ≠" if line.against else ""),
        **texts,
        # Rounded down: nothing is promised for certain.
        "sure": None if line.sure is None else int(100 * line.sure),
        "users": 100 * line.users,
        "slot": slot_words(empty=line.slot == "empty"),
        "reason": reason,
    }


def text_rows(lines: Sequence[Line]) -> int:
    """How many rows of text the highest of these lines has in the table, so that nothing is cut at a cell's edge."""
    return max(len(rows) for line in lines for rows in _texts(line).values())


def _texts(line: Line) -> dict[str, list[str]]:
    """The cells of a line that hold text, broken into rows; what is longer than MOST_ROWS ends in an ellipsis."""
    item, relation, answer = ends(line)
    texts = {"item": item, "relation": relation, "answer": answer, "reason": clean(line.reason)}
    return {name: wrap(text, ACROSS[name], MOST_ROWS) for name, text in texts.items()}


@dataclass(frozen=True)
class Shown:
    """Where the lines stand that a filter leaves, and those of the page that holds the one looked at."""

    places: Sequence[Place]
    #: The one looked at: its place among ``places``.
    at: int
    visible: Sequence[Line]

    @property
    def line(self) -> Line:
        return self.visible[self.at % PAGE_LINES]

    @property
    def page(self) -> int:
        return self.at // PAGE_LINES

    @property
    def pages(self) -> int:
        return -(-len(self.places) // PAGE_LINES)

    def moved(self, by: int) -> int:
        """The list's place of another line, at most the first or last one."""
        return self.places[min(max(self.at + by, 0), len(self.places) - 1)].place

    def turned(self, by: int) -> int:
        """The list's place of the first line of another page, at most the first or last one."""
        return self.places[min(max(self.page + by, 0), self.pages - 1) * PAGE_LINES].place

    def following(self) -> int:
        """The next line that nobody judged, from the top again after the last; the same where there is none."""
        around = [*self.places[self.at + 1 :], *self.places[: self.at]]
        return next((each.place for each in around if each.verdict is None), self.line.place)


def shown(store: ReviewStore, chosen: ReviewList, filtered: Filter, place: int) -> Shown | None:
    """The lines that are left, and the one at the list's ``place``, or the first after it; None where none is."""
    places = store.places(chosen, filtered)
    if not places:
        return None
    at = bisect_left(places, place, key=lambda each: each.place) % len(places)
    first = at - at % PAGE_LINES
    visible = store.lines(chosen, places=[each.place for each in places[first : first + PAGE_LINES]])
    return Shown(places, at, visible)


class Making(Background[int]):
    """A list in the making; the result is its number."""

    told_as_is = (OSError, MemoryError)

    def __init__(self, predictor: Predictor, top: int, kind: str | None, relation: str | None) -> None:
        require_training()
        self.what, self.done, self.total = "learning how sure the scores are", 0, 1
        super().__init__("upgan-review", lambda: self._make(predictor, top, kind, relation))

    def _make(self, predictor: Predictor, top: int, kind: str | None, relation: str | None) -> int:
        from upgan.predict.sureness import report, sureness
        from upgan.review.listing import make_list

        sure = sureness(predictor, self._progress("learning how sure the scores are"))
        promise = report(predictor, sure, progress=self._progress("trying the promises on held-out facts"))
        progress = self._progress("asking every question")
        return make_list(
            open_store(), predictor, sure, promise, top=top, kind=kind, relation=relation, progress=progress
        )

    def _progress(self, what: str) -> Callable[[int, int], None]:
        def told(done: int, total: int) -> None:
            self.what, self.done, self.total = what, done, max(total, 1)

        return told


def apply(predictor: Predictor, name: str) -> tuple[Path, Applied]:
    """Put the decisions into a new dataset of that name in the data folder."""
    from upgan.review.apply import apply as apply_review

    require_training()
    out = datasets.new_folder(name)
    return out, apply_review(open_store().path, predictor.dataset, out)
