"""Missing facts: a ranked list of what a catalogue lacks, judged line by line, by one person or several at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import links, review_line, review_progress, say
from ui.components.checkpoint import open_checkpoint
from ui.components.controls import Choices
from ui.components.table import number, table, text
from ui.components.text import plain
from ui.services import reviews
from ui.services.access import training_allowed
from ui.services.reviews import LEVELS, STATES, Making, Shown
from ui.services.view import Number, one_of
from ui.session import person, state
from ui.session.registry import Page
from upgan.errors import UpganError
from upgan.render.words import clean
from upgan.review.store import Filter, ReviewList, ReviewStore

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

PAGE = Page(
    "Missing facts",
    ":material/fact_check:",
    15,
    keys={
        "Y": "yes",
        "N": "no",
        "U": "unsure",
        "Z": "undo",
        "J": "next line",
        "K": "line before",
        "Page up": "page before",
        "Page down": "next page",
    },
)
LINE = Number("line", 1, "session", low=1, high=1_000_000)
_MAKING = "upgan_review_making"
_SAID = "upgan_review_said"
_ANY = ""
#: A row of text in the table, what is around it, and the least that a line is high, in pixels.
_TEXT, _AROUND, _LEAST = 19, 8, 46


def new_list(predictor: Predictor) -> None:
    """What to ask for, one button, and its progress."""
    making: Making | None = st.session_state.get(_MAKING)
    if making is not None:
        st.fragment(wait, run_every=1.0 if making.running else None)(making)
        return
    data = predictor.dataset
    with st.form("upgan_review_new", border=False):
        kinds = [_ANY, *sorted(set(data.kinds) - {""})]
        kind = st.selectbox("Of which things", kinds, format_func=lambda name: clean(name) or "all")
        labels = dict(zip(data.relations, data.relation_labels, strict=True))
        relation = st.selectbox(
            "Which facts", [_ANY, *labels], format_func=lambda name: clean(labels.get(name, "")) or "all"
        )
        top = st.number_input("How many lines", 10, 100_000, 1000, step=100)
        sent = st.form_submit_button("Make the list", icon=":material/playlist_add:", type="primary")
    st.caption(
        "Gaps come first: where such things usually have an answer and this one has none. What was accepted or "
        "rejected before is not asked again."
    )
    if sent:
        st.session_state[_MAKING] = Making(predictor, int(top), kind or None, relation or None)
        st.rerun()


def wait(making: Making) -> None:
    """How far the list is; a fragment that asks for the whole page when it is there."""
    if making.running:
        share = making.done / making.total
        left = f", about {making.seconds * (1 - share) / share:.0f} s more of this step" if share > 0.05 else ""
        st.progress(min(share, 1.0), text=plain(f"{making.what}: {making.done:,} of {making.total:,}{left}"))
        return
    st.session_state.pop(_MAKING, None)
    try:
        number = making.result()
    except UpganError as problem:
        st.session_state[_SAID] = str(problem)
    else:
        state.put(LINE, 1)
        st.session_state[_SAID] = f"List {number} is ready."
    st.rerun()


def filters(choices: Choices, lists: list[ReviewList], store: ReviewStore) -> tuple[ReviewList, Filter]:
    """Which list, and which of its lines."""
    columns = st.columns(6, gap="small")
    with columns[0]:
        words = {str(shown.id): reviews.list_words(shown) for shown in lists}
        number = choices.one("List", one_of("list", list(words), words))
    chosen = next(shown for shown in lists if str(shown.id) == number)
    kinds, relations = store.kinds_and_relations(chosen)
    with columns[1]:
        state_ = choices.one("Decision", one_of("decision", list(STATES), STATES))
    with columns[2]:
        relation = choices.one("Relation", one_of("relation", [_ANY, *relations], {_ANY: "all", **relations}))
    with columns[3]:
        kind = choices.one(
            "Kind", one_of("kind", [_ANY, *kinds], {_ANY: "all", **{name: clean(name) for name in kinds}})
        )
    with columns[4]:
        level = choices.one("How sure", one_of("sure", list(LEVELS), LEVELS))
    with columns[5]:
        only = choices.one("Lines", one_of("lines", list(_LINES), _LINES))
    return chosen, Filter(
        kind=kind or None,
        relation=relation or None,
        slot={"gaps": "empty", "further": "further"}.get(only),
        least_sure=float(level),
        decides=only == "users",
        state=None if state_ == "all" else state_,
    )


_SURE = (
    "The share of such lines that were right on held-out facts. If only a part of a kind has an answer, a gap is less "
    "sure: it may rightly be empty."
)
_LINES = {"every": "all", "gaps": "gaps", "further": "one more", "users": "users decide it"}


def lines(shown: Shown) -> None:
    """The page of the table that holds the line looked at; choosing a row looks at it."""
    visible = shown.visible
    names = "\n".join([str(shown.line.place), *(f"{line.place} {line.verdict} {line.against}" for line in visible)])
    key = f"upgan_review_{hashlib.sha1(names.encode()).hexdigest()[:16]}"

    def take() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows and 0 <= rows[0] < len(visible):
            state.put(LINE, visible[rows[0]].place)

    table(
        [reviews.row(line) for line in visible],
        "Proposed facts with how sure each is, what users add, the reason and the decision",
        {
            # The narrowest window that has two columns is 1280 pixels wide; in a wider one all of these grow.
            "place": None,
            "verdict": text("✓", width=32, help="✓ yes, ✗ no, ? unsure; ≠: somebody else thinks otherwise."),
            "item": text("Item", width=98),
            "relation": text("Relation", width=78),
            "answer": text("Answer", width=98, help="What is proposed."),
            "sure": number("Sure", format="%d%%", width=48, help=_SURE),
            "users": number(
                "Users", format="%+.0f", width=50, help="By how many points in 100 users raise this answer's share."
            ),
            "slot": None,
            "reason": text("Reason", width=206),
        },
        highest=2 * _TEXT * reviews.MOST_ROWS * reviews.PAGE_LINES,  # never scrolled in itself
        row_height=max(_LEAST, _TEXT * reviews.text_rows(visible) + _AROUND),
        key=key,
        on_select=take,
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [shown.at % reviews.PAGE_LINES]}},
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Page up", key="upgan_review_page_up", icon=":material/keyboard_double_arrow_up:", shortcut="PageUp",
            disabled=shown.page == 0, on_click=lambda: state.put(LINE, shown.turned(-1)),
        )  # fmt: skip
        st.button(
            "Page down", key="upgan_review_page_down", icon=":material/keyboard_double_arrow_down:",
            shortcut="PageDown", disabled=shown.page == shown.pages - 1,
            on_click=lambda: state.put(LINE, shown.turned(1)),
        )  # fmt: skip
        st.caption(f"Page {shown.page + 1:,} of {shown.pages:,}, {len(shown.places):,} lines")


def who_decides() -> str:
    """The name that decisions are kept with; none, so that nothing can be decided, where the app is read-only."""
    if not training_allowed():
        st.caption("This app is read-only: decisions are shown here, not made.")
        return ""
    name = st.text_input(
        "Your name", key="upgan_widget_who", value=person.name(), max_chars=60,
        placeholder="name or initials, asked once in this browser",
        help="Each decision is kept with who made it, and when. This browser remembers the name.",
    )  # fmt: skip
    person.call(name)
    if not name.strip():
        st.caption("Type your name or initials first, then Yes, No and Unsure can be pressed.")
    return str(name)


def judge(predictor: Predictor, store: ReviewStore, chosen: ReviewList, shown: Shown) -> None:
    """The table, the line looked at, and its graph."""
    left, right = st.columns([25, 21], gap="small")
    with right:
        who = who_decides()
        review_line.say_line(chosen, shown)
        review_line.decide(
            store,
            chosen,
            shown,
            who,
            lambda place: state.put(LINE, place),
            lambda word: st.session_state.update({_SAID: word}),
        )
        review_line.draw(predictor, shown)
    with left:
        lines(shown)
        review_line.accept_all(store, chosen, who, lambda word: st.session_state.update({_SAID: word}))
    # Below both: on a telephone, where columns stand below each other, the line looked at follows its table.
    review_progress.show(store, chosen)


def main() -> None:
    """The page."""
    predictor = open_checkpoint("Missing facts")
    say.notices(state.notices())
    said = st.session_state.pop(_SAID, "")
    if said:
        say.info(said)
    store = say.attempt(reviews.open_store)
    if store is None:
        st.stop()
    lists = store.lists(predictor.dataset.catalogue)
    if not lists:
        say.notices(state.unread("list"))
        st.markdown("Which facts does this catalogue lack, which can be trusted, and why? A list shows it.")
        if training_allowed():
            new_list(predictor)
        st.stop()
    choices = Choices()
    chosen, filtered = filters(choices, lists, store)
    place = state.settled(LINE)
    shown = reviews.shown(store, chosen, filtered, place)
    if shown is None:
        say.info("No line is left by these filters. Choose others, for example all decisions.")
        review_progress.show(store, chosen)
    else:
        state.put(LINE, shown.line.place)
        judge(predictor, store, chosen, shown)
    named = {"checkpoint": predictor.run_path.name, **choices.named}
    named["line"] = str(state.settled(LINE))
    state.write_address(named)
    with st.container(key="upgan_review_away"):
        review_progress.take_away(store, chosen)
        if training_allowed():
            with st.expander("Put the decisions into the data", icon=":material/merge:"):
                review_progress.into_data(predictor)
            with st.expander("New list", icon=":material/playlist_add:", expanded=_MAKING in st.session_state):
                new_list(predictor)
        links.copyable(named, "review")


if __name__ == "__main__":
    main()
