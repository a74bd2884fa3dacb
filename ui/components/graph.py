"""The interactive figure, and a look at one of its nodes: by a click, or by a list for keyboard and screen reader."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import controls
from ui.components.answered import Answered
from ui.components.reason import theme
from ui.components.text import plain
from ui.services import questions
from ui.services.nodes import node_facts
from ui.services.questions import Question
from ui.services.view import NODE, TOP_USERS, View, known_node
from ui.session import cache, state
from upgan.data.query import Query
from upgan.explain.explanation import Explanation
from upgan.render.figure.build import Drawing
from upgan.render.words import question, shorten

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

_KEY = "upgan_graph"
_FRAME = st.components.v2.component(
    "upgan_graph",
    html="<div class='upgan-graph'>\n</div>",
    css=".upgan-graph iframe {\n display: block; width: 100%; border: 0;\n}",
    js=Path(__file__).with_name("graph.js").read_text(encoding="utf-8"),
)


def show(answered: Answered) -> None:
    """The figure in a frame of its own, and the list of its nodes; a click or a choice there looks at a node."""
    predictor, view = answered.predictor, answered.view
    drawn = cache.graph(
        predictor, answered.query, answered.answer, view[TOP_USERS], view.drawing, theme(), real_ids=state.real_ids()
    )

    def look(node: object) -> None:
        if node is None or (isinstance(node, str) and known_node(predictor.dataset, node)):
            state.put(NODE, node)

    _FRAME(
        key=_KEY,
        data={
            "document": drawn.document,
            "digest": hashlib.sha256(drawn.document.encode("utf-8", "replace")).hexdigest(),
            "height": drawn.height,
            "alt": f"Graph: {question(answered.explanation)}",
            "node": view[NODE],
        },
        on_node_change=lambda: look(getattr(st.session_state.get(_KEY), "node", "")),
    )
    controls.select(
        "Look at a node",
        drawn.nodes,
        view[NODE],
        look,
        "upgan_widget_node",
        placeholder="Look at a node: click it in the graph, or choose it here",
        label_visibility="collapsed",
    )


def still(predictor: Predictor, query: Query, answer: str, users: int, explanation: Explanation) -> None:
    """The figure of one answer beside a list: the same drawing, no node to look at."""
    drawn = cache.graph(predictor, query, answer, users, Drawing(), theme(), real_ids=state.real_ids())
    _FRAME(
        key="upgan_still",
        data={
            "document": drawn.document,
            "digest": hashlib.sha256(drawn.document.encode("utf-8", "replace")).hexdigest(),
            "height": drawn.height,
            "alt": f"Graph: {question(explanation)}",
            "node": None,
        },
    )


def node_panel(predictor: Predictor, view: View) -> None:
    """What the dataset says about the chosen node; each neighbour, and the node itself, can be asked about."""
    node = view[NODE]
    if node is None:
        return
    facts = node_facts(predictor, node)

    def ask(entity: str) -> None:
        current = view.question
        state.ask(Question(current.checkpoint, questions.about(predictor, entity, current.query)))

    with st.container(border=True, key="upgan_node", gap="small"):
        st.markdown(f"**{plain(facts.title)}**  \n{plain(facts.summary)}")
        with st.container(horizontal=True, gap="small"):
            if facts.entity is not None:
                st.button(
                    "Ask about this",
                    key="upgan_node_ask",
                    icon=":material/help:",
                    on_click=ask,
                    args=(facts.entity,),
                )
            st.button(
                "Close",
                key="upgan_node_close",
                shortcut="Z",
                icon=":material/close:",
                on_click=state.put,
                args=(NODE, None),
            )
        with st.container(key="upgan_node_facts", gap="xxsmall"):
            for number, fact in enumerate(facts.facts):
                st.button(
                    plain(fact.text),
                    key=f"upgan_node_fact_{number}",
                    type="tertiary",
                    help=f"Ask about {plain(shorten(fact.name, 80))}.",
                    on_click=ask,
                    args=(fact.neighbour,),
                )
        if facts.more:
            st.caption(f"{facts.more:,} more")
