"""What if the graph were another one: users unticked, facts and choices in or out; and the fewest who change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from ui.components import graph_edits, say
from ui.components.answered import Answered, Panel
from ui.components.table import number, table, text
from ui.components.text import plain
from ui.services.edits import EDITS, WITHOUT, changes_of
from ui.services.view import Choice, Parameter
from ui.session import state
from ui.session.cache import kept
from upgan.explain.results import Changes
from upgan.render.results_sections import changes_words
from upgan.render.words import MINUS, clean, coefficient, rank_text, score_text, shorten, signed, user_noun

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile
    from upgan.data.query import Query
    from upgan.explain.results import FlipSet, WhatIf
    from upgan.predict.predictor import Predictor

#: Whether the fewest users that change the answer's place were asked for.
FEWEST = Choice[Literal["no", "yes"]]("fewest", "no", "answer", words={"no": "", "yes": ""})


@kept("Asking again on the changed graph …")
def asked_again(predictor: Predictor, query: Query, answer: str, changes: Changes) -> WhatIf:
    """The question on a changed graph. Raises QueryError where the run cannot say, or the graph does not allow it."""
    return predictor.what_if(**query.names, answer=answer, changes=changes)


@kept("Looking for the smallest set …")
def smallest_set(predictor: Predictor, query: Query, answer: str) -> FlipSet:
    """The users without whom the answer loses its place. Raises QueryError where the run cannot say."""
    return predictor.smallest_set(**query.names, answer=answer)


def draw(answered: Answered) -> None:
    """The question on the graph as it is changed here, and the fewest users it takes to change the answer."""
    explanation, view = answered.explanation, answered.view
    has_users, changes = bool(explanation.users or explanation.answer_users), changes_of(view)
    st.caption(
        "Untick users, take facts and choices out or put them in: the question is computed again on that graph. The "
        "weights stay frozen, nothing is trained again, and nothing is written."
    )
    if has_users:
        _untick(answered, view[WITHOUT])
    else:
        st.caption("There are no users behind this answer to leave out.")
    graph_edits.show(answered)
    if not changes.empty:
        st.button("Back to the graph as it is", key="upgan_whatif_reset", on_click=_reset, icon=":material/undo:")
    with say.problems_said(as_info=True):
        if not changes.empty:
            _outcome(asked_again(answered.predictor, answered.query, answered.answer, changes), answered)
    if not has_users:
        return
    with say.problems_said(as_info=True):
        st.button(
            "Fewest users that change the answer's place",
            key="upgan_smallest",
            icon=":material/group_remove:",
            disabled=view[FEWEST] == "yes",
            help="Leaves users out one after the other, the most influential first, until the answer loses its rank; "
            "the model is run again at each step.",
            on_click=lambda: state.put(FEWEST, "yes"),
        )
        if view[FEWEST] == "yes":
            _smallest(smallest_set(answered.predictor, answered.query, answered.answer), answered.simulated)


def _untick(answered: Answered, without: tuple[str, ...]) -> None:
    """A box for each of the heaviest users, ticked where it counts."""
    explanation, noun = answered.explanation, user_noun(answered.simulated)
    users = explanation.users or explanation.answer_users
    offered = [share for share in users[: explanation.top_users] if share.id not in without]
    offered += [share for share in users if share.id in without]
    offered.sort(key=lambda share: -share.weight)
    with st.container(horizontal=True):
        for place, share in enumerate(offered):
            key = f"upgan_widget_keep_{place}"
            st.session_state[key] = share.id not in without
            st.checkbox(
                plain(f"{shorten(clean(share.id), 24)}, w = {coefficient(share.weight)}"),
                key=key,
                on_change=_toggle,
                args=(share.id, without),
                help=f"Part of the score: {signed(share.contribution)}",
            )
    others = [user for user in without if user not in {share.id for share in users}]
    if others:
        st.caption(
            plain(f"Left out too, though not among the {noun} of this question: {', '.join(map(clean, others))}")
        )


def _reset() -> None:
    parameters: tuple[Parameter[Any], ...] = (WITHOUT, *EDITS)
    for parameter in parameters:
        state.put(parameter, ())


def _toggle(user: str, without: tuple[str, ...]) -> None:
    left = tuple(other for other in without if other != user)
    state.put(WITHOUT, left if user in without else (*without, user))


def _outcome(result: WhatIf, answered: Answered) -> None:
    """Rank and score before and after, and the list as it would be."""
    before, after = result.before, result.after
    with st.container(horizontal=True):
        st.metric(
            "rank", rank_text(after.filtered_rank), delta=_moved(before.filtered_rank, after.filtered_rank),
            delta_color="inverse",
            help="After the change, the other known answers left out; the small number is the change.",
        )  # fmt: skip
        # With the hyphen, by which Streamlit tells which way the arrow points.
        st.metric("score", score_text(after.score), delta=signed(after.score - before.score).replace(MINUS, "-"))
        st.metric(f"{user_noun(answered.simulated)} who reach the target", f"{len(result.users_after):,}",
                  delta=_moved(len(result.users_before), len(result.users_after)), delta_color="off")  # fmt: skip
    if result.target_layer_after < 0 <= result.target_layer_before:
        st.info(
            "No user reaches the target any more: the answer comes from the knowledge graph alone.",
            icon=":material/person_off:",
        )
    places = {row.id: row.rank for row in result.candidates_before}
    table(
        [
            {"rank": row.rank, "answer": clean(row.label) or clean(row.id), "score": row.score,
             "before": str(places.get(row.id, "lower"))} for row in result.candidates_after
        ],
        "The first candidates after the change, known ones among them, with their place before",
        {
            "rank": number("place", width=60, help="In this list, known answers counted too."),
            "score": number(format="%.3f"),
            "before": text("place before", help="“lower”: not among those listed before."),
        },
    )  # fmt: skip
    for limit in result.limits:
        st.caption(plain(clean(limit)))
    st.caption(
        plain(
            result.label.capitalize() + ": only the graph was changed, the model was not trained again. "
            "Places count known answers too; the rank above leaves the others out."
        )
    )


def _moved(before: float, after: float) -> str:
    return f"{after - before:+,g}" if after != before else "0"


def _smallest(result: FlipSet, simulated: bool) -> None:
    """The users without whom the answer loses its place."""
    if not result.found:
        st.info(plain(clean(result.reason)), icon=":material/shield:")
        return
    names = ", ".join(shorten(clean(user), 24) for user in result.users[:20])
    more = f" and {len(result.users) - 20:,} more" if len(result.users) > 20 else ""
    needed = "; keeping any one of them keeps the rank" if result.minimal else ""
    st.success(
        plain(
            f"Without {len(result.users):,} {user_noun(simulated, len(result.users))} ({names}{more}) the answer falls "
            f"from rank {rank_text(result.before.filtered_rank)} to {rank_text(result.after.filtered_rank)}{needed}. "
            f"Found one user at a time (another set may be smaller), checked by {result.checks:,} runs of the model; "
            f"{result.label}."
        ),
        icon=":material/group_remove:",
    )


def results(answered: Answered) -> Mapping[str, Callable[[], object]]:
    """What was asked for of the two."""
    answer = (answered.predictor, answered.query, answered.answer)
    changes = changes_of(answered.view)
    results: dict[str, Callable[[], object]] = {}
    if not changes.empty:
        results["what_if"] = lambda: asked_again(*answer, changes)
    if answered.view[FEWEST] == "yes":
        results["smallest_set"] = lambda: smallest_set(*answer)
    return results


def words(case: CaseFile) -> Iterable[str]:
    """What a case file holds of the two, a sentence each."""
    if case.what_if is not None:
        before, after = (rank_text(side.filtered_rank) for side in (case.what_if.before, case.what_if.after))
        yield f"**What if** ({plain(changes_words(case.what_if.changes))}): rank {before} becomes {after}."
    if case.smallest_set is not None:
        yield f"**Fewest users that change it**: {plain(clean(case.smallest_set.reason))}"


PANEL = Panel("What if", 50, draw, (WITHOUT, *EDITS, FEWEST), results, words)
