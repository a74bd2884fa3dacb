"""The app's only caches. Keys are what decides the content: the run's files and fingerprints, never a name alone."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import streamlit as st

from ui.services import answers, examples, questions
from ui.services.estimates import Rehearsal
from ui.services.following import Followed
from ui.services.runs import RunEntry
from upgan.data.query import Query
from upgan.render.figure.build import Drawing
from upgan.render.figure.graph_html import forms_of, frame_height, graph_html
from upgan.render.figure.styles import Theme

if TYPE_CHECKING:
    from upgan.config.settings import Config
    from upgan.data.dataset import KGDataset
    from upgan.data.describe import Description
    from upgan.evaluation.evaluator import Ranking
    from upgan.predict.predictor import Predictor

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


# A checkpoint -------------------------------------------------------------------------------------------------------


@st.cache_resource(
    max_entries=2,
    show_spinner="Opening the checkpoint …",
    hash_funcs={RunEntry: lambda entry: (str(entry.path), entry.stamp)},
)
def predictor(entry: RunEntry) -> Predictor:
    """The opened run; at most two stay in memory. Raises UpganError where it cannot be opened."""
    # torch comes in here, not when the page's script is read: the first paint need not wait for it.
    import upgan

    _warm_up()
    opened = upgan.load(entry.path)
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


# What it answers ----------------------------------------------------------------------------------------------------


def kept(spinner: str | bool = False, most: int = 32) -> Callable[[Callable[_Given, _Made]], Callable[_Given, _Made]]:
    """Decorator: keep what a function of a checkpoint gives, the last ``most`` of them.

    The key is the fingerprints of the run and of its data, and all other arguments.
    """

    def prints(opened: Predictor) -> tuple[str, str]:
        return opened.fingerprint, opened.dataset.fingerprint

    # By its name: the class itself would bring torch.
    return st.cache_resource(
        max_entries=most, show_spinner=spinner, hash_funcs={"upgan.predict.predictor.Predictor": prints}
    )


search_index = kept(most=2)(questions.search_index)
cards = kept("Looking for examples among the held-out facts …", most=8)(examples.cards)
candidates = kept(most=64)(answers.candidates)
explanation = kept("Tracing the users' paths …", most=64)(answers.explain)


@dataclass(frozen=True)
class DrawnGraph:
    """The figure as a document, the height of its frame, and its nodes: id -> name."""

    document: str
    height: int
    nodes: dict[str, str]


@kept()
def graph(
    opened: Predictor, query: Query, answer: str, top_users: int, drawing: Drawing, theme: Theme, *, real_ids: bool
) -> DrawnGraph:
    """The interactive figure of an explanation; what it saves names users by ``real_ids`` or pseudonyms."""
    explained = explanation(opened, query, answer, top_users)
    drawings = forms_of(explained, drawing, questions.relation_labels(opened.dataset), aliases=not real_ids)
    spec = drawings[0].spec
    # What the narrow figure has no room for can be chosen all the same.
    names = {node.id: " ".join(node.title.split("\n")[:1]) for node in spec.nodes if node.role != "more"}
    return DrawnGraph(graph_html(spec, theme, drawings=drawings), frame_height(spec), names)


@kept(most=16)
def _slot(opened: Predictor) -> tuple[threading.Lock, list[Ranking]]:
    """A place for one ranking, filled by the first who needs it."""
    return threading.Lock(), []


def known_ranking(opened: Predictor) -> Ranking | None:
    """The ranking of the run's test part where it was made already."""
    return next(iter(_slot(opened)[1]), None)


def ranking(opened: Predictor, progress: Callable[[int, int], None]) -> Ranking:
    """Filtered ranks of the run's test part, made once; ``progress`` hears (questions done, of all)."""
    lock, made = _slot(opened)
    with lock:
        if not made:
            made.append(opened.rank("test", progress))
        return made[0]


# Datasets and runs --------------------------------------------------------------------------------------------------


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


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs={type(Path()): str})
def followed(run: Path) -> Followed:
    """What a run wrote while it trained, one reader for all sessions; those not looked at for long are let go."""
    return Followed(run)


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
