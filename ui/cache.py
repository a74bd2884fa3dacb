"""The app's only caches. Keys are what decides the content: the run's files and fingerprints, never a name alone."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from ui.services import answers, casefiles, examples, questions
from ui.services.answers import Candidates
from ui.services.estimates import Rehearsal
from ui.services.examples import Example
from ui.services.following import Followed
from ui.services.runs import RunEntry
from ui.services.search import SearchIndex
from ui.services.view import Settings, View
from upgan.data.query import Query
from upgan.errors import UpganError
from upgan.explain.explanation import Explanation
from upgan.render.figure.build import Drawing, figures
from upgan.render.figure.graph_html import frame_height, graph_html
from upgan.render.figure.styles import Theme

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile
    from upgan.config.settings import Config
    from upgan.data.dataset import KGDataset
    from upgan.data.describe import Description
    from upgan.evaluation.evaluator import Ranking
    from upgan.explain.results import Contrast, FlipSet, WhatIf
    from upgan.predict.predictor import Predictor

Stamp = tuple[tuple[int, int], ...]
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class DrawnGraph:
    """The figure as a document, the height of its frame, and its nodes: id -> name."""

    document: str
    height: int
    nodes: dict[str, str]


def predictor(entry: RunEntry) -> Predictor:
    """The opened run; at most two stay in memory. Raises UpganError where it cannot be opened."""
    return _predictor(str(entry.path), entry.stamp)


@st.cache_resource(max_entries=2, show_spinner="Opening the checkpoint …")
def _predictor(path: str, stamp: Stamp) -> Predictor:
    # torch comes in here, not when the page's script is read: the first paint need not wait for it.
    import upgan

    _warm_up()
    opened = upgan.load(path)
    _set_aside()
    return opened


def _set_aside() -> None:
    """Tell the garbage collector that what is loaded by now stays.

    Streamlit collects garbage after every run of a page. torch and the datasets are hundreds of thousands of objects
    that live as long as the app: looked through each time, they cost more than all the rest of a choice together.
    """
    gc.unfreeze()  # a checkpoint that was let go since the last time is garbage now
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def _warm_up() -> None:
    """Import what the drawings need (over half a second) beside the import of torch, once."""
    threading.Thread(target=_import_drawing, name="upgan-warm-up", daemon=True).start()


def _import_drawing() -> None:
    with contextlib.suppress(ImportError):  # the drawing itself will say what is missing
        import pyvis.network  # noqa: F401


def search_index(opened: Predictor) -> SearchIndex:
    """Names of the dataset's entities, ready for the live search."""
    return _search_index(opened.dataset.fingerprint, opened)


@st.cache_resource(max_entries=2, show_spinner=False)
def _search_index(fingerprint: str, _opened: Predictor) -> SearchIndex:
    return questions.search_index(_opened.dataset)


def nearest(opened: Predictor, typed: str) -> list[str]:
    """Names that an unknown id resembles."""
    return questions.nearest(search_index(opened), opened.dataset, typed)


def cards(opened: Predictor, checkpoint: str) -> list[Example]:
    """Questions for a first visit."""
    return _cards(opened.fingerprint, opened.dataset.fingerprint, checkpoint, opened)


@st.cache_resource(max_entries=8, show_spinner="Looking for examples among the held-out facts …")
def _cards(run: str, data: str, checkpoint: str, _opened: Predictor) -> list[Example]:
    return examples.cards(_opened, checkpoint)


def candidates(opened: Predictor, query: Query, k: int, *, hide_known: bool) -> Candidates:
    """Ranked candidates of a question."""
    return _candidates(opened.fingerprint, opened.dataset.fingerprint, query, k, hide_known, opened)


@st.cache_resource(max_entries=64, show_spinner=False)
def _candidates(run: str, data: str, query: Query, k: int, hide_known: bool, _opened: Predictor) -> Candidates:
    return answers.candidates(_opened, query, k, hide_known=hide_known)


def explanation(opened: Predictor, query: Query, answer: str, top_users: int) -> Explanation:
    """Why an answer stands where it does. Raises QueryError where the run cannot say."""
    return _explanation(opened.fingerprint, opened.dataset.fingerprint, query, answer, top_users, opened)


@st.cache_resource(max_entries=64, show_spinner="Tracing the users' paths …")
def _explanation(run: str, data: str, query: Query, answer: str, top_users: int, _opened: Predictor) -> Explanation:
    return answers.explain(_opened, query, answer, top_users)


def contrast(opened: Predictor, query: Query, answer: str, against: str) -> Contrast:
    """Why one candidate and not another. Raises QueryError where the run cannot say."""
    return _contrast(opened.fingerprint, opened.dataset.fingerprint, query, answer, against, opened)


@st.cache_resource(max_entries=32, show_spinner="Comparing …")
def _contrast(run: str, data: str, query: Query, answer: str, against: str, _opened: Predictor) -> Contrast:
    return answers.contrast(_opened, query, answer, against)


def what_if(opened: Predictor, query: Query, answer: str, without: tuple[str, ...]) -> WhatIf:
    """The question without some users. Raises QueryError where the run cannot say."""
    return _what_if(opened.fingerprint, opened.dataset.fingerprint, query, answer, without, opened)


@st.cache_resource(max_entries=32, show_spinner="Asking again without them …")
def _what_if(run: str, data: str, query: Query, answer: str, without: tuple[str, ...], _opened: Predictor) -> WhatIf:
    return answers.what_if(_opened, query, answer, without)


def case(opened: Predictor, view: View, shown: Explanation, *, real_ids: bool) -> CaseFile:
    """The view as a case: its explanation, and the contrast, the what-if and the fewest users that it shows."""
    query, answer = view.question.query, shown.answer.id
    against = view.contrast if view.contrast != answer else None
    return casefiles.case_of(
        shown,
        opened,
        contrast=None if against is None else _shown(lambda: contrast(opened, query, answer, against)),
        what_if=_shown(lambda: what_if(opened, query, answer, view.without)) if view.without else None,
        smallest_set=_shown(lambda: smallest_set(opened, query, answer)) if view.fewest else None,
        real_ids=real_ids,
    )


def _shown(part: Callable[[], _Part]) -> _Part | None:
    """What the page shows of a part: nothing where it tells why this run cannot say."""
    try:
        return part()
    except UpganError:
        return None


def smallest_set(opened: Predictor, query: Query, answer: str) -> FlipSet:
    """The users without whom the answer loses its place. Raises QueryError where the run cannot say."""
    return _smallest_set(opened.fingerprint, opened.dataset.fingerprint, query, answer, opened)


@st.cache_resource(max_entries=32, show_spinner="Looking for the smallest set …")
def _smallest_set(run: str, data: str, query: Query, answer: str, _opened: Predictor) -> FlipSet:
    return answers.smallest_set(_opened, query, answer)


def graph(opened: Predictor, shown: Explanation, settings: Settings, theme: Theme) -> DrawnGraph:
    """The interactive figure as a document."""
    key = (shown.query, shown.answer.id)
    how = (shown.top_users, settings.drawing, theme)
    return _graph(opened.fingerprint, opened.dataset.fingerprint, key, how, opened, shown)


@st.cache_resource(max_entries=32, show_spinner=False)
def _graph(
    run: str,
    data: str,
    key: tuple[Query, str],
    how: tuple[int, Drawing, Theme],
    _opened: Predictor,
    _shown: Explanation,
) -> DrawnGraph:
    spec, narrow = figures(_shown, how[1], questions.relation_labels(_opened.dataset))
    document = graph_html(spec, how[2], narrow=narrow)
    # What the narrow figure has no room for can be chosen all the same.
    names = {node.id: " ".join(node.title.split("\n")[:1]) for node in spec.nodes if node.role != "more"}
    return DrawnGraph(document, frame_height(spec), names)


class _Slot:
    """A place for one ranking, filled by the first who needs it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ranking: Ranking | None = None


@st.cache_resource(max_entries=16, show_spinner=False)
def _slot(run: str, data: str) -> _Slot:
    return _Slot()


def known_ranking(opened: Predictor) -> Ranking | None:
    """The ranking of the run's test part where it was made already."""
    return _slot(opened.fingerprint, opened.dataset.fingerprint).ranking


def ranking(opened: Predictor, progress: Callable[[int, int], None]) -> Ranking:
    """Filtered ranks of the run's test part, made once; ``progress`` hears (questions done, of all)."""
    slot = _slot(opened.fingerprint, opened.dataset.fingerprint)
    with slot.lock:
        if slot.ranking is None:
            slot.ranking = opened.rank("test", progress)
        return slot.ranking


@st.cache_resource(max_entries=4, show_spinner="Reading the dataset …")
def dataset(path: str, fingerprint: str) -> KGDataset:
    """A prepared dataset; at most four stay in memory."""
    from upgan.data.dataset import load_dataset

    return load_dataset(path)


@st.cache_resource(max_entries=16, show_spinner="Counting …")
def description(path: str, fingerprint: str) -> Description:
    """What a prepared dataset holds."""
    from upgan.data.describe import describe

    return describe(dataset(path, fingerprint))


def followed(run: Path) -> Followed:
    """What a run wrote while it trained, one reader for all sessions; those not looked at for long are let go."""
    return _followed(str(run))


@st.cache_resource(max_entries=16, show_spinner=False)
def _followed(run: str) -> Followed:
    return Followed(Path(run))


@st.cache_resource(show_spinner=False)
def _rehearsals() -> dict[str, Rehearsal]:
    return {}


def rehearsal(key: str) -> Rehearsal | None:
    """The estimate of that key, where one was asked for."""
    return _rehearsals().get(key)


def rehearse(key: str, dataset: Path, config: Config) -> None:
    """Begin an estimate; the last few are kept, and one that is there is made again."""
    made = _rehearsals()
    for old in [key, *list(made)[:-8]]:
        made.pop(old, None)
    made[key] = Rehearsal(dataset, config)
