"""Runs: which there are and what they are doing; one in detail, several over each other; stop, resume, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from ui.components import files, links, live_chart, run_curves, run_list, say
from ui.components.controls import Choices
from ui.components.table import table
from ui.components.text import plain
from ui.services import datasets, following, pinning, trainings
from ui.services.access import training_allowed
from ui.services.questions import label_of, question_text
from ui.services.runs import checkpoint_root, list_runs
from ui.services.view import Several, one_of
from ui.session import cache, state
from ui.session.registry import Page
from upgan.data.dataset import KGDataset
from upgan.errors import BusyError, UpganError
from upgan.render.words import clean
from upgan.runs import trash
from upgan.runs.history import tail_log
from upgan.runs.settings import difference
from upgan.runs.status import RunStatus

PAGE = Page("Runs", ":material/monitoring:", 40)
#: Seconds between looks while something trains, and at a run that has written nothing yet.
EVERY, SOON = 2.0, 0.5
#: And while nothing does: another tab, or a terminal, may begin, resume or delete a run.
IDLE = 4.0
#: Lines of the log's end; what a run that broke said last.
LOG_LINES, LAST_LINES = 200, 20
_SAID = "upgan_runs_said"
_BUSY = "upgan_runs_busy"
_DELETED = "upgan_runs_deleted"
_LIVE = "upgan_runs_live"


def act(action: Callable[[], object], done: str) -> None:
    """Do something to a run (a callback: before the page runs), and remember what came of it."""
    st.session_state.pop(_BUSY, None)
    try:
        result = action()
        st.session_state[_SAID] = ("done", done)
        if isinstance(result, trash.Deleted):
            st.session_state[_DELETED] = result
    except UpganError as error:
        st.session_state[_SAID] = ("problem", str(error))
        if isinstance(error, BusyError):
            st.session_state[_BUSY] = True


def last_outcome() -> None:
    """What came of the last action, and its undoing."""
    kind, text = st.session_state.pop(_SAID, ("", ""))
    if kind == "problem":
        say.error(text)
    elif kind == "done":
        st.success(plain(text), icon=":material/check_circle:")
    gone = st.session_state.get(_DELETED)
    if gone is not None and gone.path.exists():
        st.button(f"Undo: bring back {plain(clean(gone.name))}", key="upgan_undo", icon=":material/undo:",
                  on_click=act, args=(lambda: trainings.restore(gone), f"{gone.name} is back."))  # fmt: skip


def actions(run: RunStatus) -> None:
    """What can be done to this run as it is."""
    name = run.name
    with st.container(horizontal=True):
        st.button("Refresh", key="upgan_refresh", icon=":material/refresh:")
        if run.active:
            st.toggle("Live", key=_LIVE, persist_state="session",
                      help="Off: nothing on the page changes until you press Refresh.")  # fmt: skip
        if not training_allowed():
            return
        if run.state in ("pending", "running"):
            st.button("Stop", key="upgan_stop", icon=":material/stop_circle:", on_click=act,
                      args=(lambda: trainings.stop(name), f"{name} finishes its step, saves and ends."),
                      help="Finishes the step, saves and ends; it can be resumed.")  # fmt: skip
        if run.state == "stopping":
            st.button("Force", key="upgan_force", icon=":material/dangerous:", on_click=act,
                      args=(lambda: trainings.kill(name), f"{name} was ended."),
                      help="Ends its process at once; it goes on from its last save.")  # fmt: skip
        if run.resumable:
            st.button("Resume", key="upgan_resume", icon=":material/play_arrow:", type="primary", on_click=act,
                      args=(lambda: trainings.resume(name, force=False), f"{name} goes on."))  # fmt: skip
            if st.session_state.get(_BUSY):
                st.button("Resume anyway", key="upgan_resume_anyway", icon=":material/warning:", on_click=act,
                          args=(lambda: trainings.resume(name, force=True), f"{name} goes on."))  # fmt: skip
        if not run.active:
            kept = f"It is kept for {trash.KEPT_DAYS} days: see Deleted runs below."
            st.button("Delete", key="upgan_delete", icon=":material/delete:", on_click=act,
                      args=(lambda: trainings.delete(name), f"{name} is deleted. {kept}"),
                      help="Moves it to the trash; it can be brought back.")  # fmt: skip


def overview(before: Sequence[RunStatus], chosen: str) -> None:
    """The list; a fragment, which asks for the whole page where a run is new, gone or in another state, by whoever's
    doing, or where another one is chosen."""
    now = trainings.overview()
    choice = one_of("run", [run.name for run in now] or [""])
    if trainings.states(now) != trainings.states(before) or state.settled(choice) != chosen:
        st.rerun()
    run_list.choose(now, chosen, lambda name: state.put(choice, name))


def first_run() -> None:
    """Asks for the whole page when there is a run; a fragment."""
    if trainings.overview():
        st.rerun()


def live(name: str, state_before: str, empty: bool) -> None:
    """One run's state, curves and log; a fragment, which asks for the whole page where the run changed its state.

    ``empty``: it had written nothing when the page was drawn, which is therefore looked at more often.
    """
    run = say.attempt(lambda: trainings.state_of(name), as_info=True)
    if run is None:
        return
    if run.state != state_before:
        st.rerun()
    followed = cache.followed(run.folder)
    curves, pinned = followed.update()
    if empty and curves:
        st.rerun()
    run_list.status(run)
    for file, count in followed.damaged.items():
        if count:
            st.caption(f"{file} has {count:,} damaged line{'s' * (count > 1)}, left out here.")
    if run.state in ("failed", "interrupted"):
        st.markdown("**Last lines of its log**")
        st.code("\n".join(tail_log(run.folder, LAST_LINES)) or "none", language=None, wrap_lines=True, height=220)
    run_curves.charts(following.charts(curves), following.phase_starts(curves), name)
    looks = following.looks(pinned)
    if looks:
        pinned_query(run, looks)
    with st.expander("End of the log", icon=":material/subject:"):
        st.code("\n".join(tail_log(run.folder, LOG_LINES)) or "Nothing yet.", language=None, height=300)


def pinned_query(run: RunStatus, looks: Sequence[dict[str, Any]]) -> None:
    """The followed question, by labels where the data can be read."""
    data = data_of(run.folder)
    pinned = pinning.pinned_of(run.folder, data)

    def name_of(entity: str) -> str:
        return label_of(data, entity) if data is not None and entity in data.entity_index else clean(entity)

    st.subheader("The question it follows", anchor=False)
    if pinned is not None and data is not None and pinned.query.entity in data.entity_index:
        text, answer = question_text(data, pinned.query), name_of(pinned.answer or "")
        st.markdown(f"**{plain(text)}**, answer: {plain(answer)}")
    run_curves.pinned(looks, run.name, name_of)


def data_of(run: Path) -> KGDataset | None:
    """The run's own copy of its data; None where it cannot be read (yet)."""
    fingerprint = datasets.fingerprint(run / "dataset")
    if not fingerprint:
        return None
    try:
        return cache.dataset(str(run / "dataset"), fingerprint)
    except (UpganError, OSError):
        return None


def ask_this(run: RunStatus) -> None:
    """The way to the page that asks this run, with the followed question where there is one."""
    entry = next((entry for entry in list_runs(checkpoint_root()) if entry.name == run.name), None)
    if entry is None or entry.problem is not None:
        st.caption("This run can be asked as soon as it has saved weights: after pre-training, or when it is finished.")
        return
    pinned = pinning.pinned_of(run.folder, data_of(run.folder))
    link: links.Query = {"checkpoint": run.name} if pinned is None else pinned.parameters()
    with st.container(horizontal=True):
        links.link("ask", "Ask this checkpoint", "arrow_forward", link)
        links.link("review", "See which facts are missing", "fact_check", {"checkpoint": run.name})


def tables(chosen: Mapping[str, Path], all_runs: Sequence[RunStatus]) -> None:
    """Everything as CSV, made when it is asked for."""
    of = "-and-".join(list(chosen)[:3])
    followed: dict[str, files.File] = {
        "Followed question (CSV)": (
            f"{of}-followed-question.csv", lambda: following.pinned_csv(chosen, real_ids=state.real_ids())
        )
    }  # fmt: skip
    files.downloads({
        "Curves (CSV)": (f"{of}-curves.csv", lambda: following.metrics_csv(chosen)),
        **(followed if any(pinning.pinned_of(folder, None) for folder in chosen.values()) else {}),
        "All runs (CSV)": ("all-runs.csv", lambda: following.table_csv([run.to_dict() for run in all_runs])),
        "Settings (CSV)": (f"{of}-settings.csv", lambda: following.settings_csv(chosen)),
    })  # fmt: skip


def beside(chosen: Mapping[str, Path], every: float | None) -> None:
    """Several runs: curves over each other, and the settings in which they differ."""
    st.subheader("Comparison", anchor=False)

    def drawn() -> None:
        run_curves.comparison({name: cache.followed(folder).update()[0] for name, folder in chosen.items()})

    st.fragment(drawn, run_every=every, key="upgan_beside")()
    st.markdown("**Settings in which they differ**")
    with say.problems_said():
        rows = [
            {"setting": row.key} | dict(zip(chosen, map(str, row.values), strict=True)) | {"meaning": row.meaning}
            for row in difference(list(chosen.values()))
        ]
        if rows:
            table(rows, "Settings in which the chosen runs differ")
        else:
            st.caption("None: they have the same settings.")


def trashed() -> None:
    """Deleted runs, each with its way back."""
    if not training_allowed() or not (gone := trash.deleted_runs(checkpoint_root())):
        return
    with st.expander(f"Deleted runs ({len(gone)})", icon=":material/delete:"):
        for number, each in enumerate(gone[:50]):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{plain(clean(each.name))} :gray[{plain(f'kept until {each.until:%Y-%m-%d}')}]")
                st.button("Bring back", key=f"upgan_restore_{number}", icon=":material/undo:", on_click=act,
                          args=(lambda each=each: trainings.restore(each), f"{each.name} is back."))  # fmt: skip


def main() -> None:
    """The page."""
    st.header("Runs", anchor=False)
    last_outcome()
    runs = trainings.overview()
    if not runs:
        say.notices(state.unread("run"))
        st.info("There are no runs yet.", icon=":material/monitoring:")
        st.fragment(first_run, run_every=IDLE, key="upgan_overview")()
        if training_allowed():
            links.link("train", "Train one", "model_training")
        trashed()
        return
    choices, at_work, names = Choices(), trainings.active(runs), [run.name for run in runs]
    one, more = one_of("run", names), Several("beside", lasts="session", options=names)
    name = state.settled(one)
    st.fragment(overview, run_every=EVERY if at_work else IDLE, key="upgan_overview")(runs, name)
    left, right = st.columns(2, gap="medium")
    with left:
        choices.one("Run", one)
    with right:
        others = choices.several("Compare with", more, help="Draws the curves of all chosen runs together, and lists "
                                 "the settings in which they differ.")  # fmt: skip
    run = next(run for run in runs if run.name == name)
    st.session_state.setdefault(_LIVE, True)
    actions(run)
    live_chart.library()  # below the table: the browser reads megabytes of script here
    every = EVERY if st.session_state[_LIVE] else None
    empty = run.active and not cache.followed(run.folder).update()[0]
    often = SOON if empty and every else every
    st.fragment(live, run_every=often if run.active else None, key="upgan_live")(name, run.state, empty)
    ask_this(run)
    chosen = {each: checkpoint_root() / each for each in dict.fromkeys([name, *others])}
    if len(chosen) > 1:
        beside(chosen, every if any(each in at_work for each in chosen) else None)
    tables(chosen, runs)
    trashed()
    state.write_address(choices.named)


if __name__ == "__main__":
    main()
