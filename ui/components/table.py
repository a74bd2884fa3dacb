"""Tables and charts: rows that may be sorted and copied, figures, each with words for who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ui.charts.bars import CONFIG
from ui.session import state
from upgan.escapes import spreadsheet

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

number, text = st.column_config.NumberColumn, st.column_config.TextColumn
_ROW, _HEAD = 35, 38
_NO_WIDTH = "\u2060"


def table(
    rows: pd.DataFrame | Sequence[object],
    alt: str,
    columns: Mapping[str, Any] | None = None,
    highest: int = 388,
    row_height: int = _ROW,
    *,
    users: str = "",
    **more: Any,
) -> None:
    """Rows, mappings or dataclasses, as a table of at most ``highest`` pixels; a column that is None is not shown.

    In rows higher than usual, text is broken into lines. ``users``: the name of a table that names users by their ids.
    It has no button of its own to be taken away by, as long as real ids are not switched on: the files have pseudonyms.
    """
    if users and not state.real_ids():
        with st.container(key=f"upgan_private_{users}"):
            table(rows, alt, columns, highest, row_height, **more)
        return
    frame = _guarded(rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows)))
    height = min(row_height * len(frame) + _HEAD, highest)
    if row_height != _ROW:
        more["row_height"] = row_height
    st.dataframe(frame, hide_index=True, height=height, column_config=dict(columns or {}), alt=alt, **more)


def editor(
    frame: pd.DataFrame, alt: str, columns: Mapping[str, Any], disabled: Sequence[str], key: str
) -> pd.DataFrame:
    """Rows whose cells can be changed, except those of the columns ``disabled``; the rows as they then are.

    They are shown as ``table`` shows its own; a cell that was not changed comes back as it was.
    """
    shown = _guarded(frame)
    edited = st.data_editor(
        shown, hide_index=True, num_rows="fixed", disabled=list(disabled), column_config=dict(columns), key=key, alt=alt
    )
    return as_it_was(frame, shown, edited)


def as_it_was(frame: pd.DataFrame, shown: pd.DataFrame, edited: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with the cells in which ``edited`` differs from what was ``shown`` of it, without their guards."""
    bare = edited.map(lambda value: value.replace(_NO_WIDTH, "") if isinstance(value, str) else value)
    changed = (edited != shown).to_numpy()
    return frame.mask(changed, bare.set_axis(frame.columns, axis="columns"))


def _guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts that a spreadsheet would run, behind a sign without width: the toolbar's own CSV is of what is shown."""
    guarded = frame.rename(columns=_cell)
    for name, cells in guarded.select_dtypes(["object", "string"]).items():
        guarded[name] = cells.map(_cell)
    return guarded


def _cell(value: Any) -> Any:
    return spreadsheet(value, _NO_WIDTH) if isinstance(value, str) else value


def chart(figure: Figure, name: str, alt: str, *, users: bool = False) -> None:
    """A figure of plotly's; ``alt`` is its takeaway. ``users``: it names users, so that it is not saved as a picture
    as long as real ids are not switched on."""
    config = saved_as(CONFIG, name)
    if users and not state.real_ids():
        config = config | {"modeBarButtonsToRemove": [*CONFIG["modeBarButtonsToRemove"], "toImage"]}
    st.plotly_chart(figure, key=f"upgan_{name}_chart", config=config, alt=alt)


def saved_as(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A chart's settings with the name of the file that its picture is saved as."""
    return {**config, "toImageButtonOptions": {"format": "svg", "filename": f"upgan-{name}"}}
