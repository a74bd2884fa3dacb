"""Models and data: every checkpoint with its metrics, comparisons, datasets with their check, one's own files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import checkpoint, dataset, importer, metrics, say
from ui.components.controls import Choices
from ui.components.text import plain
from ui.services import datasets, evaluation
from ui.services.access import training_allowed
from ui.services.runs import RunEntry, card_text, checkpoint_root, list_runs, written
from ui.services.view import Several, one_of
from ui.session import cache, state
from ui.session.registry import Page
from upgan.errors import UpganError
from upgan.render.words import clean

if TYPE_CHECKING:
    from upgan.data.check import CheckReport
    from upgan.data.prepare.prepare import PrepareSettings
    from upgan.evaluation.evaluator import Ranking
    from upgan.predict.predictor import Predictor

PAGE = Page("Models & data", ":material/table:", 50)
PARTS = {"models": "Models", "compare": "Compare", "data": "Datasets", "import": "Import"}
#: Checkpoints that are compared without being chosen.
_MOST_COMPARED = 3
_REPORT = "upgan_check_report"
_UPLOAD = "upgan_upload"
_OUTCOME = "upgan_upload_outcome"


def models(choices: Choices, ready: Mapping[str, RunEntry]) -> None:
    """One checkpoint: metrics, breakdown, card."""
    checkpoint.choice_table(list(ready.values()))
    name = choices.one("Checkpoint", one_of("run", list(ready)))
    entry = ready[name]
    metrics.tiles(written(entry.path / "metrics.json"))
    titles = {key: title for key, (title, _) in evaluation.BREAKDOWNS.items()}
    by = choices.one("Break down by", one_of("by", list(titles), titles))
    title, meaning = evaluation.BREAKDOWNS[by]
    st.caption(meaning)
    opened = say.attempt(lambda: cache.predictor(entry))
    rankings = {} if opened is None else ranked({name: opened})
    if opened is not None and name in rankings:
        metrics.breakdown(evaluation.breakdown(opened, rankings[name], by), title)
    card = card_text(entry.path)
    if card:
        with st.expander("Model card", icon=":material/description:"):
            # As text: a card names the dataset, and a name must not be read as Markdown.
            st.code(card, language=None, wrap_lines=True)


def compare(choices: Choices, ready: Mapping[str, RunEntry]) -> None:
    """Several checkpoints on the same held-out facts."""
    chosen = choices.several(
        "Checkpoints to compare, the baseline first",
        Several("compare", alike(ready), lasts="session", options=list(ready)),
        help="All must be trained on the same dataset. The first is what the others are compared with.",
    )
    if len(chosen) < 2:
        st.info("Choose two or more.", icon=":material/info:")
        return
    attempts = {name: say.attempt(partial(cache.predictor, ready[name])) for name in chosen}
    opened = {name: run for name, run in attempts.items() if run is not None}
    same, skipped = evaluation.comparable({name: run.dataset.fingerprint for name, run in opened.items()})
    rankings = ranked({name: opened[name] for name in same})
    # Without the baseline there is nothing to compare the others with.
    if same and set(same[:1]) <= set(rankings):
        with st.spinner("Computing the intervals (bootstrap over the test facts) …"):
            metrics.comparison(rankings, skipped)


def alike(ready: Mapping[str, RunEntry]) -> tuple[str, ...]:
    """The first checkpoint and the next few of the same data: what is compared until something is chosen."""
    data = next(iter(ready.values())).dataset
    found = [name for name, entry in ready.items() if entry.dataset == data]
    return tuple(found[:_MOST_COMPARED]) if len(found) > 1 else ()


def data(choices: Choices) -> None:
    """One dataset: Table 1, layers, relations, and its check when asked for."""
    from upgan.data.check import check_dataset

    entry = dataset.choose(choices)
    if entry is None:
        say.notices(state.unread("dataset"))
        dataset.none_at_all()
        return
    description = say.attempt(lambda: cache.description(str(entry.path), entry.fingerprint))
    if description is None:
        return
    dataset.table_one(description)
    if st.button("Check this dataset", icon=":material/fact_check:", help="Looks for what is wrong or suspicious."):
        opened = cache.dataset(str(entry.path), entry.fingerprint)
        result = with_progress(lambda progress: check_dataset(opened, progress=progress))
        st.session_state[_REPORT] = (entry.key, result)
    key, result = st.session_state.get(_REPORT, ("", None))
    if key == entry.key:
        dataset.report(result)
    dataset.layers(description)
    dataset.relations(description)


def own() -> None:
    """Files from the browser: checked, then prepared."""
    files = importer.ask_for_files()
    if not files:
        forget_upload()
    elif st.session_state.get(_UPLOAD, (None,))[0] != files:
        check_upload(files)
    stored = st.session_state.get(_UPLOAD)
    if stored is not None:
        dataset.report(stored[2])
        importer.ask_how(lambda name, settings: prepare(stored[1], name, settings))
    result = st.session_state.get(_OUTCOME)
    if isinstance(result, Path):
        importer.done(result, lambda: undo(result))
    elif result is not None:
        say.error(result)


@contextlib.contextmanager
def outcome() -> Iterator[None]:
    """An error of what is done inside is the outcome, in place of the one before."""
    st.session_state.pop(_OUTCOME, None)
    try:
        yield
    except UpganError as error:
        st.session_state[_OUTCOME] = str(error)


def check_upload(files: Mapping[str, bytes]) -> None:
    """Put the files into a folder and check them; what is wrong with them as files is the outcome."""
    forget_upload()
    with outcome():
        upload = datasets.Upload(files)
        st.session_state[_UPLOAD] = (dict(files), upload, with_progress(upload.check))


def forget_upload() -> None:
    """Remove the files and what was said about them."""
    stored = st.session_state.pop(_UPLOAD, None)
    if stored is not None:
        stored[1].close()
    st.session_state.pop(_OUTCOME, None)


def prepare(upload: datasets.Upload, name: str, settings: PrepareSettings) -> None:
    """Make the dataset; what came of it is the outcome."""
    with outcome(), st.spinner("Preparing …"):
        st.session_state[_OUTCOME] = upload.prepare(name, settings)


def undo(prepared: Path) -> None:
    """Remove what was prepared (a callback: before the page runs); a reason why not is the outcome."""
    with outcome():
        datasets.remove(prepared)


def ranked(opened: Mapping[str, Predictor]) -> dict[str, Ranking]:
    """The test part ranked by each run: at once where that is quick, otherwise when asked for, with progress."""
    rankings: dict[str, Ranking | None] = {name: cache.known_ranking(run) for name, run in opened.items()}
    for name, run in opened.items():
        if not len(run.dataset.test):
            st.info(f"{plain(clean(name))}: its dataset has no test part to rank.", icon=":material/info:")
    left = [name for name, run in opened.items() if rankings[name] is None and len(run.dataset.test)]
    if sum(evaluation.scores_needed(opened[name]) for name in left) > evaluation.QUICK:
        place, what = st.empty(), clean(left[0]) if len(left) == 1 else f"{len(left)} checkpoints"
        if not place.button(f"Rank the test part with {plain(what)}", icon=":material/leaderboard:", key="upgan_rank"):
            left = []
        else:
            place.empty()
    for name in left:
        rankings[name] = rank(opened[name], clean(name))
    return {name: ranking for name, ranking in rankings.items() if ranking is not None}


def rank(opened: Predictor, name: str) -> Ranking:
    """The test part ranked by one run, with progress."""
    bar = st.progress(0.0)

    def progress(done: int, of: int) -> None:
        bar.progress(done / max(of, 1), text=f"Ranking the test part of {plain(name)} …")

    ranking = cache.ranking(opened, progress)
    bar.empty()
    return ranking


def with_progress(check: Callable[[datasets.Progress], CheckReport]) -> CheckReport:
    """What a check finds, a line that says how far it is meanwhile."""
    with st.status("Checking …", expanded=False) as line:

        def progress(what: str, done: int, of: int) -> None:
            count = f", {done:,} of {of:,}" if of > 1 else ""
            line.update(label=f"Checking: {clean(what)}{count} …")

        report = check(progress)
        line.update(label="Checked.")
    return report


def main() -> None:
    """The page."""
    st.header("Models & data", anchor=False)
    entries = list_runs(checkpoint_root())
    ready = {entry.name: entry for entry in entries if entry.problem is None}
    choices = Choices()
    parts = [name for name in PARTS if name != "import" or training_allowed()]
    part = choices.bar("Part", one_of("part", parts, PARTS))
    if part == "data":
        data(choices)
    elif part == "import":
        own()
    elif not ready:
        say.notices(state.unread("run", "compare"))
        checkpoint.none_at_all(entries)
    else:
        (models if part == "models" else compare)(choices, ready)
        checkpoint.broken(entries)
    state.write_address(choices.named)


if __name__ == "__main__":
    main()
