"""Measure a table of the paper here: what of it, on which data, with how much time; and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from ui.components import dataset, say
from ui.components.controls import Choices
from ui.components.text import plain
from ui.services import reproductions
from ui.services.access import training_allowed
from ui.services.view import Several, one_of
from upgan.errors import UpganError
from upgan.render.words import clean
from upgan.reproduce.job import Job

#: Seconds between looks while something is being measured, and while nothing is.
EVERY, IDLE = 2.0, 4.0
_SAID = "upgan_reproduce_said"
_SIGNS = {"running": "▶", "finished": "✔", "cancelled": "❚❚", "failed": "✖"}
#: Jobs that are listed: those at work, and so many others.
_MOST = 5


def order(choices: Choices, *, opened: bool) -> None:
    """The form, in an expander; nothing where the app is read-only."""
    if not training_allowed():
        return
    with st.expander("Measure a table here", icon=":material/science:", expanded=opened):
        st.caption(
            "Trains every chosen system with the same time limit, measures all of them on the same held-out facts, and "
            "sets the paper's figures beside. It goes on when this page is closed; runs that are there are used again."
        )
        entry = dataset.choose(choices)
        if entry is None:
            dataset.none_at_all()
            return
        target = choices.one("What to measure", one_of("target", list(reproductions.TITLES), reproductions.TITLES))
        names = reproductions.systems_of(target)
        wanted = Several("systems", tuple(names), "session", options=tuple(names), about=target)
        systems = choices.several(
            "Systems", wanted, help="Each is trained on its own, one after the other.", words=names
        )
        left, middle, right = st.columns(3)
        with left:
            budget = choices.one(
                "Time limit of each run", one_of("budget", list(reproductions.BUDGETS), reproductions.BUDGETS)
            )
        seeds = middle.number_input(
            "Seeds", 1, 10, 1, key="upgan_reproduce_seeds", persist_state="session",
            help="Runs of each system; with three or more the spread says how much is chance.",
        )  # fmt: skip
        typed = right.text_input(
            "Name of the result", key="upgan_reproduce_name", placeholder=_usual(entry.name), persist_state="session",
            max_chars=40, help="1 to 40 of a-z, 0-9, - and _. The same name and order go on with what is there.",
        )  # fmt: skip
        name = (typed or "").strip() or _usual(entry.name)
        if not systems:
            st.info("Choose one system or more.", icon=":material/info:")
            return
        asked = reproductions.order_of(target, entry, systems, int(seeds), budget)
        runs = say.attempt(asked.check)
        command = None if runs is None else say.attempt(lambda: reproductions.command_line(name, asked))
        if command is None:
            return
        longest = f", at most {reproductions.BUDGETS[budget]} each" if budget else ", as long as each takes"
        st.caption(f"{runs:,} {'run' if runs == 1 else 'runs'}{longest}. The same from a terminal:")
        st.code(command, language=None, wrap_lines=True)
        st.button(
            "Start measuring", key="upgan_reproduce_start", type="primary", icon=":material/play_arrow:",
            on_click=_act, args=(lambda: reproductions.start(name, asked), f"{name} is being measured."),
        )  # fmt: skip


def _usual(name: str) -> str:
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return kept.strip("-")[:40] or "result"


def _act(action: Callable[[], Job], done: str) -> None:
    """Do something to a job (a callback), and remember what came of it."""
    try:
        action()
        st.session_state[_SAID] = ("done", done)
    except UpganError as error:
        st.session_state[_SAID] = ("problem", str(error))


def jobs() -> None:
    """What is being measured and what was, with progress; it refreshes itself, and the page when one has ended."""
    kind, text = st.session_state.pop(_SAID, ("", ""))
    if kind:
        (say.info if kind == "done" else say.error)(text)
    now = reproductions.jobs()
    at_work = [job.key for job in now if job.state == "running"]
    st.fragment(_jobs, run_every=EVERY if at_work else IDLE, key="upgan_reproductions")(_states(now))


def _states(listed: Sequence[Job]) -> list[tuple[str, str]]:
    return [(job.key, job.state) for job in listed]


def _jobs(before: list[tuple[str, str]]) -> None:
    now = reproductions.jobs()
    if _states(now) != before:
        st.rerun()
    shown = [job for job in now if job.state == "running"]
    shown += [job for job in now if job.state in ("cancelled", "failed")][:_MOST]
    for place, job in enumerate(shown):
        title = f"{reproductions.TITLES[job.order.target]}: {job.out.name}"
        with st.container(border=True):
            st.markdown(f"**{_SIGNS[job.state]} {plain(clean(title))}**, {job.state}")
            if job.state == "running":
                over = f"{job.done:,} of {job.total:,} runs are over" if job.total else "reading the data"
                st.progress(job.done / job.total if job.total else 0.0, text=over)
            if job.said:
                st.caption(plain(clean(job.said)))
            if not training_allowed():
                continue
            if job.state == "running":
                st.button(
                    "Cancel", key=f"upgan_reproduce_cancel_{place}", icon=":material/stop_circle:", on_click=_act,
                    args=(lambda job=job: reproductions.cancel(job), f"{job.out.name} saves its run and ends."),
                    help="What is being trained is saved; it can go on.",
                )  # fmt: skip
            else:
                st.button(
                    "Go on", key=f"upgan_reproduce_again_{place}", icon=":material/play_arrow:", on_click=_act,
                    args=(lambda job=job: reproductions.again(job), f"{job.out.name} goes on."),
                )  # fmt: skip
