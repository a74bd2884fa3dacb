"""Ask and explain: one question, its ranked candidates, and why the chosen one stands where it does."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ui import cache, services, state
from ui.components import candidates, case_study, checkpoint, entity_picker, evidence, question
from ui.components.text import plain
from ui.runs import checkpoint_root, list_runs
from upgan.errors import UpganError
from upgan.render.words import clean, shorten

root = checkpoint_root()
entries = list_runs(root)
ready = {entry.name: entry for entry in entries if entry.problem is None}

if not ready:
    st.header("Ask the graph", anchor=False)
    checkpoint.none_at_all(str(root))
    checkpoint.broken(entries)
    st.stop()

name = state.link_checkpoint() or next(iter(ready))
if name not in ready:
    reason = next((entry.problem for entry in entries if entry.name == name), None)
    said = f"cannot be opened: {clean(reason)}" if reason else "is not here"
    notice = f"The checkpoint “{shorten(clean(name), 60)}” {said}. Showing another one."
    name = next(iter(ready))
    state.choose_checkpoint(name, notice)

left, right = st.columns([6, 9], gap="medium")

with left, st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    st.header("Ask the graph", anchor=False, width="content")
    chip = st.popover(plain(shorten(ready[name].chip(), 32)), icon=":material/database:")
with chip:
    checkpoint.choose(entries, name, state.choose_checkpoint)
try:
    opened = cache.predictor(ready[name])
except UpganError as error:
    st.error(plain(clean(str(error))), icon=":material/error:")
    with chip:
        checkpoint.broken(entries)
    st.stop()

dataset = opened.dataset
asked = state.question(opened, name)
state.write_link(asked)

k, hide_known = candidates.settings()
found = cache.candidates(opened, asked, k, hide_known=hide_known)
answer = asked.answer or (found.rows[0]["id"] if found.rows else None)
explanation, unexplained = None, ""
if answer is not None:
    try:
        explanation = cache.explanation(opened, asked, answer, case_study.top_users())
    except UpganError as error:
        unexplained = clean(str(error))

with left:
    entity_picker.choose(
        cache.search_index(opened), dataset, lambda entity: state.ask(services.about(opened, name, entity, asked))
    )
    question.choose(
        services.choices(opened, asked, everything=question.everything()),
        (asked.relation, asked.direction),
        lambda key: state.ask(replace(asked, relation=key[0], direction=key[1], answer=None)),
    )
    for notice in state.notices():
        st.warning(plain(notice), icon=":material/link_off:")
    shown = services.with_answer(found, explanation)
    candidates.table(shown, f"{opened.fingerprint} {state.turn()}", answer, state.choose_answer)
    with st.expander("Options", icon=":material/tune:"):
        candidates.controls()
        case_study.users_control(simulated=dataset.simulated_users)
        question.switch_everything()

with right:
    question.cases(
        cache.cases(opened, name),
        lambda case: state.ask(case.question),
        lambda: state.ask(services.random_question(opened, name)),
    )
    if unexplained:
        st.info(plain(unexplained), icon=":material/info:")

if explanation is not None:
    labels = services.relation_labels(dataset)
    with right:
        case_study.heading(explanation)
        case_study.graph(*cache.graph(opened, asked, explanation, case_study.theme()), explanation)
    by_path, by_evidence, by_user = st.tabs(
        ["Paths to the target", "How the answer reached the users", "Users"], key="upgan_tabs", on_change="rerun"
    )
    if by_path.open:
        with by_path:
            evidence.paths(explanation, labels)
    if by_evidence.open:
        with by_evidence:
            evidence.evidence(explanation, labels)
    # Drawn when asked for: until a browser has read the chart library, it shows nothing else of the page either.
    if by_user.open:
        with by_user:
            evidence.users(explanation)
    evidence.downloads(explanation, labels)
    case_study.proof_lines(explanation)

with chip:
    checkpoint.facts(dataset)
    checkpoint.broken(entries)
