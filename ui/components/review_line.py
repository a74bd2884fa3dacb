"""One proposed fact: what is proposed and why, the decision by mouse or key, and the graph behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import graph, links, say
from ui.components.text import plain
from ui.services import reviews
from ui.services.questions import Question
from ui.services.reviews import Shown
from ui.session import cache
from upgan.render.reasons import sure_sentence
from upgan.render.words import clean, percent
from upgan.review.store import ReviewList, ReviewStore

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

_BUTTONS = (
    ("yes", "Yes", "check", "Y", "It is right: accept it."),
    ("no", "No", "close", "N", "It is wrong: reject it."),
    ("unsure", "Unsure", "question_mark", "U", "It cannot be told: leave it to somebody else."),
)
#: From which sureness on lines can be accepted all at once.
ENOUGH = 0.9
#: So many users in the figure beside the list: enough to see who, few enough to read.
_USERS = 5


def decide(
    store: ReviewStore,
    chosen: ReviewList,
    shown: Shown,
    who: str,
    go: Callable[[int], None],
    said: Callable[[str], None],
) -> None:
    """The buttons. A decision is written down before the next line is looked at."""

    def judge(verdict: str) -> None:
        with say.problems_said():
            store.decide(chosen, shown.line.place, verdict, who)
            go(shown.following())
            said("")

    def undo() -> None:
        with say.problems_said():
            back = store.undo(chosen.catalogue, who)
            if back is None:
                said("You have no decision to take back.")
            else:
                label = f"{clean(back['head_label'])} — {clean(back['relation_label'])} — {clean(back['tail_label'])}"
                many = f"{back['together']:,} decisions made at once"
                said(f"Taken back: {many if back['together'] > 1 else back['verdict'] + ' to ' + label}")
                if back["list"] == chosen.id:
                    go(int(back["place"]))

    ready = bool(who.strip())
    with st.container(horizontal=True, key="upgan_review_buttons"):
        for verdict, label, icon, key, help in _BUTTONS:
            st.button(
                label, key=f"upgan_review_{verdict}", icon=f":material/{icon}:", shortcut=key, help=help,
                disabled=not ready, on_click=judge, args=(verdict,),
            )  # fmt: skip
        st.button(
            "Undo", key="upgan_review_undo", icon=":material/undo:", shortcut="Z", disabled=not ready, on_click=undo,
            help="Take back your last decision; once more, the one before it.",
        )  # fmt: skip
        for label, icon, key, by in (("Previous", "arrow_upward", "K", -1), ("Next", "arrow_downward", "J", 1)):
            st.button(
                label, key=f"upgan_review_{label.lower()}", icon=f":material/{icon}:", shortcut=key, type="tertiary",
                on_click=lambda by=by: go(shown.moved(by)),
            )  # fmt: skip


def accept_all(store: ReviewStore, chosen: ReviewList, who: str, said: Callable[[str], None]) -> None:
    """One button for all lines that are sure enough, with what was promised of such; one Undo takes all of it back."""
    waiting, promised = store.waiting(chosen, ENOUGH)

    def accept() -> None:
        with say.problems_said():
            count = store.accept_all(chosen, ENOUGH, who)
            said(f"Accepted {count:,} lines at once. Undo takes all of them back.")

    st.button(
        f"Accept all {waiting:,} above {percent(ENOUGH)}",
        key="upgan_review_accept_all",
        icon=":material/done_all:",
        disabled=not waiting or not who.strip(),
        on_click=accept,
        help=f"All lines that nobody judged yet and that are at least that sure; about {percent(promised)} of them "
        "are right. Undo takes them back together.",
    )


def say_line(chosen: ReviewList, shown: Shown) -> None:
    """The fact, the reason in a sentence, and how sure it is."""
    line = shown.line
    st.subheader(plain(" — ".join(reviews.ends(line))), anchor=False)
    st.markdown(plain(clean(line.reason)))
    empty = line.slot == "empty"
    facts = ["This fills a gap." if empty else "There are answers already: one more."]
    facts.append(sure_sentence(line.sure, empty=empty, filled=reviews.filled(chosen, line)))
    if line.decides:
        facts.append("Users decide it: without them another answer would stand first.")
    if line.verdict:
        judged = f"Judged {line.verdict} by {clean(line.who or '')}"
        facts.append(f"{judged}; {line.against} think otherwise." if line.against else f"{judged}.")
    st.caption(plain(" ".join(facts)))


def draw(predictor: Predictor, shown: Shown) -> None:
    """The users and facts behind the line, by the checkpoint that is open."""
    query, answer = reviews.query_of(shown.line)
    known = predictor.dataset
    if (
        not all(name in known.entity_index for name in (query.entity, answer))
        or query.relation not in known.relation_index
    ):
        say.info("The data of this checkpoint do not hold this fact's names any more, so nothing can be drawn.")
        return
    with say.problems_said(as_info=True):
        graph.still(predictor, query, answer, _USERS, cache.explanation(predictor, query, answer, _USERS))
    question = Question(predictor.run_path.name, query, answer)
    links.link("ask", "Ask and explain this", "hub", question.parameters(), help="All candidates, users and paths.")
