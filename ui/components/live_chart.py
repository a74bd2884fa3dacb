"""A chart that is drawn again while someone looks at it, and keeps the zoom and the hidden lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st

from ui.run_charts import CONFIG

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def show(figure: Figure, *, key: str, alt: str) -> None:
    """Draw ``figure``; the same ``key`` is the same chart, however its data changes.

    st.plotly_chart makes the data a part of a chart's identity (its key notwithstanding): every new point is a new
    chart in the browser, drawn from nothing, and plotly's ``uirevision`` has nothing to keep. So its message is written
    here, with the key alone as identity. Where a version of Streamlit writes it otherwise, its own way is taken, and
    only the zoom is lost.
    """
    try:
        from streamlit.elements.lib.layout_utils import LayoutConfig
        from streamlit.proto.PlotlyChart_pb2 import PlotlyChart

        height = int(figure.layout.height)
        message = PlotlyChart(
            id=key, theme="streamlit", spec=figure.to_json(validate=False), config=json.dumps(CONFIG), alt=alt
        )
        place = st.container(gap=None)
        place._enqueue("plotly_chart", message, layout_config=LayoutConfig(width="stretch", height=height))
    except (ImportError, AttributeError, TypeError, ValueError):
        st.plotly_chart(figure, key=key, config=CONFIG, alt=alt)
