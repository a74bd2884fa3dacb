"""Paths as rows of a table, one of their nodes after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from ui.components.table import number, table, text

_MOST_ROWS = 500


def chains(rows: Sequence[dict[str, Any]], factors: str, meaning: str, alt: str) -> None:
    """``factors``: what the numbers along a path are called, and ``meaning`` what one of them is."""
    table(
        rows[:_MOST_ROWS],
        alt,
        {
            "user": None,
            "pattern": None,
            "path": text("path", width="large"),
            "factors": text(factors, help=meaning),
            "weight": number("weight", format="%.4f", help="The product of the numbers along the path."),
        },
    )
    if len(rows) > _MOST_ROWS:
        st.caption(f"{len(rows) - _MOST_ROWS:,} more in the files.")
