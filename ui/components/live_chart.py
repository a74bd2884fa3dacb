"""A plotly chart that takes new points without being made anew, so that zoom and hidden lines outlive a refresh.

Streamlit's own chart is another one as soon as its data is. This one is known by its key; plotly.js is that of the
plotly package, sent over the app's own connection: nothing is fetched from elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_CHART = st.components.v2.component(
    "upgan_live_chart",
    html="<div class='upgan-live-chart' role='figure'>\n</div>",
    css=".upgan-live-chart {\n width: 100%;\n}",
    js=Path(__file__).with_name("live_chart.js").read_text(encoding="utf-8"),
    # plotly writes its styles into the document, and looks for the pointer there.
    isolate_styles=False,
)


@functools.cache
def _library_component() -> Callable[..., Any]:
    """The library as a module that is evaluated once a page; 4.8 MB, so that only pages with such charts read it."""
    source = (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    ready = "dispatchEvent(new Event('upgan-plotly'));\nexport default () => {};\n"
    js = f"if (!globalThis.Plotly) {{\n{source}\n}}\n{ready}"
    return st.components.v2.component("upgan_plotly", html="<span hidden>\n</span>", js=js)


def library() -> None:
    """Bring plotly.js to the page: to be called once, outside of what refreshes itself."""
    _library_component()(key="upgan_plotly", height=1)


def show(figure: Figure, key: str, config: dict[str, Any], alt: str) -> None:
    """The figure, ``figure.layout.height`` high. ``layout.uirevision`` says how long zoom and hidden lines stay."""
    _CHART(
        key=key,
        data={
            "figure": figure.to_json(),
            "height": figure.layout.height,
            "config": {"responsive": True, **config},
            "alt": alt,
        },
    )
