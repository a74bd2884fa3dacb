"""What each column of a table is: guesses in a form, to be corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ui.components.table import editor
from ui.components.text import plain
from ui.services import tables
from upgan.render.words import clean

if TYPE_CHECKING:
    from upgan.data.wide.tables import WideTable

WHAT = {"items": "Items: a row for each", "interactions": "Who chose what", "": "Leave it out"}
_USES = {"relation": "a fact about the item", "leave out": "leave it out"}


def how_read(name: str, chosen: dict[str, str]) -> dict[str, str]:
    """How a text table is read: its encoding and what stands between cells."""
    with st.expander("Letters or columns look wrong?", icon=":material/translate:"):
        left, right = st.columns(2)
        encoding = left.selectbox(
            "Encoding", tables.ENCODINGS, key=f"upgan_tables_{name}_encoding",
            format_func=lambda each: each or "as the file says",
        )  # fmt: skip
        separator = right.selectbox(
            "Between cells", list(tables.SEPARATORS), key=f"upgan_tables_{name}_separator",
            format_func=lambda each: tables.SEPARATORS.get(each, each),
        )  # fmt: skip
    return {
        "sheet": chosen.get("sheet", ""),
        "encoding": encoding or chosen.get("encoding", ""),
        "separator": separator or chosen.get("separator", ""),
    }


def what(name: str, guess: str) -> str:
    """Whether a table holds items or interactions, or is left out."""
    return str(
        st.segmented_control(
            "What is in it?", list(WHAT), default=guess, format_func=WHAT.__getitem__, required=True,
            key=f"upgan_tables_{name}_what",
        )
        or ""
    )  # fmt: skip


def items(table: WideTable, guess: dict[str, Any]) -> dict[str, Any]:
    """A table of items: id, title, kind, and what every other column is."""
    names, key = list(table.columns), f"upgan_tables_{table.name}"
    left, middle, right = st.columns(3)
    id_column = left.selectbox(
        "Its id", names, index=_place(names, guess["id"]), key=f"{key}_id",
        help="The column with another value in each row; who chose what names items by it.",
    )  # fmt: skip
    title = middle.selectbox(
        "Its title", ["", *names], index=_place(["", *names], guess["title"]), key=f"{key}_title",
        format_func=lambda each: clean(each) or "none: the id is shown",
        help="What people know an item by.",
    )  # fmt: skip
    kind = right.text_input("A row is a", value=guess["kind"], key=f"{key}_kind", max_chars=60,
                            help="One word for what the items are: film, book, artist.")  # fmt: skip
    rest = [name for name in names if name not in (id_column, title)]
    columns = guess["columns"]
    frame = pd.DataFrame(
        {
            "column": rest,
            "it is": [_USES[columns.get(name, {}).get("use", "leave out")] for name in rest],
            "split at": [columns.get(name, {}).get("split", "").replace("\n", "line break") for name in rest],
            "its values are": [columns.get(name, {}).get("kind", "") or name for name in rest],
            "for example": [tables.examples(table.columns[name]) for name in rest],
            "why so": [columns.get(name, {}).get("why", "") for name in rest],
        }
    )
    if len(frame):
        edited = editor(
            frame, f"What each column of {plain(clean(table.name))} is", key=f"{key}_columns_{id_column}_{title}",
            disabled=["column", "for example", "why so"],
            columns={
                "it is": st.column_config.SelectboxColumn(options=list(_USES.values()), required=True,
                                                          help="A fact about the item, or nothing that is learned."),
                "split at": st.column_config.TextColumn(
                    max_chars=12, help="The sign between several values in one cell; empty: one value a cell."),
                "its values are": st.column_config.TextColumn(
                    max_chars=60, required=True,
                    help="Columns of one word share values: a director who also acts is then one person."),
            },
        )  # fmt: skip
    else:
        edited = frame
    uses = {words: use for use, words in _USES.items()}
    return {
        "id": id_column,
        "title": title,
        "kind": kind.strip() or guess["kind"],
        "columns": {
            row["column"]: {
                "use": uses[row["it is"]],
                "split": (row["split at"] or "").replace("line break", "\n"),
                "kind": row["its values are"] or row["column"],
                "why": row["why so"] if row["it is"] == _USES["leave out"] else "",
            }
            for row in edited.to_dict("records")
        },
    }


def interactions(table: WideTable, guess: dict[str, Any]) -> dict[str, Any]:
    """A table of interactions: who, what, how liked, when."""
    names, key = list(table.columns), f"upgan_tables_{table.name}"
    words = {
        "user": ("Who", names, "The column that names a user: a number or a name, shown as it is."),
        "item": ("Chose what", names, "The column with the ids of the items."),
        "rating": ("How liked (rating)", ["", *names], "Numbers; a cell may be empty."),
        "time": ("When", ["", *names], "A date, or seconds since 1970."),
    }
    chosen = {}
    for place, (field, (label, options, help_text)) in zip(st.columns(4), words.items(), strict=True):
        chosen[field] = place.selectbox(
            label, options, index=_place(options, guess[field]), key=f"{key}_{field}", help=help_text,
            format_func=lambda each: clean(each) or "none",
        )  # fmt: skip
    return chosen


def nothing_words(words: list[str]) -> list[str]:
    """The words that say a cell holds no value."""
    text = st.text_input(
        "Cells that say there is nothing", value=", ".join(words), key="upgan_tables_nothing",
        help="Between commas; capitals do not matter. An empty cell always holds nothing.",
    )  # fmt: skip
    return [word.strip() for word in text.split(",") if word.strip()]


def _place(options: list[str], value: str) -> int:
    return options.index(value) if value in options else 0
