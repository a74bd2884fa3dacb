"""The interactive figure, and a look at one of its nodes: by a click, or by a list for keyboard and screen reader."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from ui.components.text import plain
from ui.services.nodes import NodeFacts
from upgan.render.words import shorten

_KEY = "upgan_graph"
_NODE = "upgan_widget_node"
_HERE = Path(__file__).parent
_FRAME = st.components.v2.component(
    "upgan_graph",
    html="<div class='upgan-graph'>\n</div>",
    css=".upgan-graph iframe {\n display: block; width: 100%; border: 0;\n}",
    js=(_HERE / "graph.js").read_text(encoding="utf-8"),
)


def show(document: str, height: int, alt: str, node: str | None, on_node: Callable[[str], None]) -> None:
    """The figure's document in a frame of its own; a click on a node calls ``on_node`` with its id."""

    def take() -> None:
        chosen = getattr(st.session_state.get(_KEY), "node", None)
        if isinstance(chosen, str):
            on_node(chosen)

    digest = hashlib.sha256(document.encode("utf-8", "replace")).hexdigest()
    _FRAME(
        key=_KEY,
        data={"document": document, "digest": digest, "height": height, "alt": alt, "node": node},
        on_node_change=take,
    )


def node_list(names: Mapping[str, str], node: str | None, on_node: Callable[[str | None], None]) -> None:
    """The figure's nodes as a list; a choice calls ``on_node``."""
    st.session_state[_NODE] = node if node in names else None

    def take() -> None:
        chosen = st.session_state[_NODE]
        on_node(chosen if chosen in names else None)

    st.selectbox(
        "Look at a node",
        list(names),
        format_func=lambda name: names.get(name, name),
        key=_NODE,
        on_change=take,
        placeholder="Look at a node: click it in the graph, or choose it here",
        label_visibility="collapsed",
    )


def node_panel(found: NodeFacts, on_ask: Callable[[str], None], on_close: Callable[[], None]) -> None:
    """What the dataset says about the node; each neighbour, and the node itself, can be asked about."""
    with st.container(border=True, key="upgan_node", gap="small"):
        st.markdown(f"**{plain(found.title)}**  \n{plain(found.summary)}")
        with st.container(horizontal=True, gap="small"):
            if found.entity is not None:
                st.button(
                    "Ask about this",
                    key="upgan_node_ask",
                    icon=":material/help:",
                    on_click=on_ask,
                    args=(found.entity,),
                )
            st.button("Close", key="upgan_node_close", icon=":material/close:", on_click=on_close)
        with st.container(key="upgan_node_facts", gap="xxsmall"):
            for number, fact in enumerate(found.facts):
                st.button(
                    plain(fact.text),
                    key=f"upgan_node_fact_{number}",
                    type="tertiary",
                    help=f"Ask about {plain(shorten(fact.name, 80))}.",
                    on_click=on_ask,
                    args=(fact.neighbour,),
                )
        if found.more:
            st.caption(f"{found.more:,} more")
