"""What if some users were not there: untick them, and the question is asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ui.components.text import plain
from upgan.render.words import MINUS, clean, coefficient, rank_text, score_text, shorten, signed, user_noun

if TYPE_CHECKING:
    from upgan.explain.explanation import Explanation
    from upgan.explain.results import FlipSet, WhatIf


def untick(explanation: Explanation, without: Sequence[str], on_change: Callable[[tuple[str, ...]], None]) -> None:
    """A box for each of the heaviest users, ticked where it counts; ``on_change`` hears of those left out."""
    users = explanation.users or explanation.answer_users
    noun = user_noun(explanation.simulated_users)
    shown = [share for share in users[: explanation.top_users] if share.id not in without]
    shown += [share for share in users if share.id in without]
    shown.sort(key=lambda share: -share.weight)
    st.caption(
        f"Untick {noun} to leave them out. The question is then computed again on the graph without them; the weights "
        "stay frozen, nothing is trained again. More of them can be shown under Options."
    )
    with st.container(horizontal=True):
        for number, share in enumerate(shown):
            key = f"upgan_widget_keep_{number}"
            st.session_state[key] = share.id not in without
            st.checkbox(
                plain(f"{shorten(clean(share.id), 24)}, w = {coefficient(share.weight)}"),
                key=key,
                on_change=_toggle,
                args=(share.id, tuple(without), on_change),
                help=f"Part of the score: {signed(share.contribution)}",
            )
    gone = [user for user in without if user not in {share.id for share in users}]
    if gone:
        st.caption(plain(f"Left out too, though not among the {noun} of this question: {', '.join(map(clean, gone))}"))
    if without:
        st.button("Count all again", key="upgan_whatif_reset", on_click=on_change, args=((),), icon=":material/undo:")


def _toggle(user: str, without: tuple[str, ...], on_change: Callable[[tuple[str, ...]], None]) -> None:
    left = tuple(other for other in without if other != user)
    on_change(left if user in without else (*without, user))


def outcome(found: WhatIf, *, simulated: bool) -> None:
    """Rank and score before and after, and the list as it would be."""
    before, after = found.before, found.after
    noun = user_noun(simulated)
    with st.container(horizontal=True):
        st.metric(
            "rank", rank_text(after.rank), delta=_moved(before.rank, after.rank), delta_color="inverse",
            help="Among all candidates, after the change; the small number is the change.",
        )  # fmt: skip
        st.metric("score", score_text(after.score), delta=_change(signed(after.score - before.score)))
        st.metric(f"{noun} who reach the target", f"{len(found.users_after):,}", delta_color="off",
                  delta=_moved(len(found.users_before), len(found.users_after)))  # fmt: skip
    if found.target_layer_after < 0 <= found.target_layer_before:
        st.info("No user reaches the target any more: only the knowledge graph speaks.", icon=":material/person_off:")
    places = {row.id: row.rank for row in found.candidates_before}
    st.dataframe(
        pd.DataFrame(
            {
                "rank": [row.rank for row in found.candidates_after],
                "answer": [clean(row.label) or clean(row.id) for row in found.candidates_after],
                "score": [row.score for row in found.candidates_after],
                "before": [str(places.get(row.id, "lower")) for row in found.candidates_after],
            }
        ),
        hide_index=True,
        column_config={
            "rank": st.column_config.NumberColumn("#", width=40),
            "score": st.column_config.NumberColumn(format="%.3f"),
            "before": st.column_config.TextColumn("# before", help="“lower”: not among those listed before."),
        },
        alt="The first candidates after the change, with their rank before",
    )
    st.caption(plain(found.label.capitalize() + ": the graph was changed, not the model."))


def _moved(before: int, after: int) -> str:
    return f"{after - before:+,}" if after != before else "0"


def _change(words: str) -> str:
    """With the hyphen, by which Streamlit tells which way the arrow points."""
    return words.replace(MINUS, "-")


def smallest(found: FlipSet, *, simulated: bool) -> None:
    """The users without whom the answer loses its place."""
    noun = user_noun(simulated, len(found.users))
    if not found.found:
        st.info(plain(clean(found.reason)), icon=":material/shield:")
        return
    names = ", ".join(shorten(clean(user), 24) for user in found.users[:20])
    more = f" and {len(found.users) - 20:,} more" if len(found.users) > 20 else ""
    needed = "; leaving any one of them in keeps the rank" if found.minimal else ""
    st.success(
        plain(
            f"Without {len(found.users):,} {noun} ({names}{more}) the answer falls from rank "
            f"{rank_text(found.before.filtered_rank)} to {rank_text(found.after.filtered_rank)}{needed}. Found "
            f"greedily, checked by {found.checks:,} passes; {found.label}."
        ),
        icon=":material/group_remove:",
    )
