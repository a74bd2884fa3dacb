"""Your tables: an export of one's own (a row for each item, and who chose what), mapped and made into a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.components import importer, links, mapping_form, say
from ui.components.table import table, text
from ui.components.text import plain
from ui.services import datasets, tables
from ui.session.registry import Page
from upgan.errors import UpganError
from upgan.render.words import clean

if TYPE_CHECKING:
    from upgan.data.wide.run import Import
    from upgan.data.wide.tables import WideTable

PAGE = Page("Your tables", ":material/table_view:", 55, trains=True)
_SENT, _OUTCOME = "upgan_tables_sent", "upgan_tables_outcome"


def ask_for_files() -> dict[str, bytes]:
    """The files sent: name -> content."""
    st.markdown(
        "Bring a table with **one row for each item** (films, books, products) and, if there is one, a table of **who "
        "chose what**. What each column is will be guessed and can be corrected; nothing is written until you say so. "
        "The files stay on the machine that runs this app."
    )
    sent = st.file_uploader(
        "Tables", type=[*tables.ENDINGS, tables.MAP_ENDING], accept_multiple_files=True,
        key="upgan_widget_tables_files", max_upload_size=tables.MOST_MEGABYTES,
        help="CSV, TSV, Excel (xlsx, xls, ods), parquet or JSON lines, packed too. The map.toml of an earlier import "
        "beside them says again what each column is.",
    )  # fmt: skip
    if not sent:
        left, right = st.columns(2)
        left.markdown("**Items**, a row for each")
        left.code("Film ID;Title;Director;Genre;Actors\nF1;Brazil;Terry Gilliam;Satire;Jonathan Pryce | Kim Greist",
                  language=None, wrap_lines=True)  # fmt: skip
        right.markdown("**Who chose what**, a row for each choice")
        right.code("user,film,rating,date\nu17,F1,4.5,2025-02-12", language=None, wrap_lines=True)
        links.link("models", "Triples, RecBole, N-Triples: import them there", "table", {"part": "import"})
    return {file.name: file.getvalue() for file in sent or []}


def sent_of(files: Mapping[str, bytes]) -> tables.Sent | None:
    """The files in a folder; kept while they are the same ones."""
    stored = st.session_state.get(_SENT)
    if stored is not None and stored[0] == files:
        return stored[1]  # type: ignore[no-any-return]
    forget()
    if not files:
        return None
    sent = say.attempt(lambda: tables.Sent(files))
    if sent is not None:
        st.session_state[_SENT] = (dict(files), sent)
    return sent


def forget() -> None:
    """Remove the files, and what was corrected about them."""
    stored = st.session_state.pop(_SENT, None)
    if stored is not None:
        stored[1].close()
    for key in [key for key in st.session_state if str(key).startswith("upgan_tables_")]:
        del st.session_state[key]


def mapped(sent: tables.Sent) -> tuple[list[WideTable], dict[str, Any]] | None:
    """The tables and what a person says they are; None where one of them cannot be read."""
    with st.spinner("Reading the tables …", show_time=True):
        first = {name: say.attempt(partial(sent.table, name, **_told(sent, name))) for name in sent.paths}
    readable = [each for each in first.values() if each is not None]
    guess = sent.mapping or (say.attempt(lambda: tables.guessed(readable), as_info=True) if readable else None)
    kinds = {part.file: "items" for part in guess.items} if guess else {}
    kinds |= {part.file: "interactions" for part in guess.interactions} if guess else {}
    document: dict[str, Any] = {"items": [], "interactions": []}
    kept: list[WideTable] = []
    places: dict[str, Any] = {}
    for name in sent.paths:
        with st.container(border=True):
            st.subheader(plain(clean(name)), anchor=False)
            opened = first[name]
            told = mapping_form.how_read(name, _told(sent, name))
            if opened is None or told != _told(sent, name):
                opened = say.attempt(partial(sent.table, name, **told))
            if opened is None:
                continue
            sheet = f", sheet “{opened.sheet}”" if opened.sheet else ""
            st.caption(plain(f"{len(opened):,} rows, {len(opened.columns)} columns{clean(sheet)}"))
            places[name] = (opened, mapping_form.what(name, kinds.get(name, "")), st.container())
    if len(places) < len(sent.paths):
        return None
    ids: set[str] = set()
    for wanted in ("items", "interactions"):
        for name, (opened, role, place) in places.items():
            if role != wanted:
                continue
            part = guess.of_file(name) if guess and kinds.get(name) == role else None
            with place:
                if role == "items":
                    form = mapping_form.items(opened, part.model_dump() if part else tables.guessed_items(opened))
                    ids |= set(opened.columns[form["id"]])
                else:
                    known = part.model_dump() if part else tables.guessed_interactions(opened, ids)
                    form = mapping_form.interactions(opened, known)
            how = {"sheet": opened.sheet, "encoding": opened.encoding, "separator": opened.separator}
            document[role].append({"file": name, **how, **form})
            kept.append(opened)
    document["no_value"] = mapping_form.nothing_words(guess.no_value if guess else list(_nothing()))
    return kept, document


def _told(sent: tables.Sent, name: str) -> dict[str, str]:
    """How the mapping that was sent reads a file."""
    part = sent.mapping.of_file(name) if sent.mapping else None
    return {field: getattr(part, field, "") if part else "" for field in ("sheet", "encoding", "separator")}


def _nothing() -> tuple[str, ...]:
    from upgan.data.raw.no_value import NO_VALUES

    return NO_VALUES


def look(imported: Import) -> None:
    """Ten rows as facts, and what will be left out and why."""
    st.subheader("The first ten rows as facts", anchor=False)
    facts = imported.preview()
    table(
        facts.map(lambda cell: clean(str(cell))), "The first ten rows as facts", highest=420,
        columns={"where": text("from"), "subject": text("item"), "relation": text("has"), "object": text("value")},
    )  # fmt: skip
    source = imported.source
    st.caption(
        plain(
            f"In all {len(source.triples):,} facts of {len(source.triples['head'].unique()):,} items, and "
            f"{len(source.interactions):,} choices of {source.interactions['user'].nunique():,} users."
        )
    )
    if source.notices:
        st.subheader("What is left out, and why", anchor=False)
        st.markdown("\n".join(f"- {plain(clean(notice.text))}" for notice in source.notices))
    with st.expander("Look for what is suspicious", icon=":material/fact_check:"):
        if st.button("Check these tables", key="upgan_tables_check"):
            found = tables.findings(imported.check())
            if found:
                table(found, "What the check found")
            else:
                st.success("Nothing suspicious was found.", icon=":material/check_circle:")


def order(imported: Import) -> None:
    """The name, the one button, and the mapping to keep."""
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    name = left.text_input("Name of the dataset", value="mine", help="1 to 40 of a-z, 0-9, - and _.",
                           key="upgan_tables_name")  # fmt: skip
    if right.button("Make the dataset", type="primary", icon=":material/play_arrow:", key="upgan_tables_make"):
        try:
            with st.spinner("Writing …"):
                st.session_state[_OUTCOME] = tables.make(imported, name)
        except UpganError as error:
            st.session_state[_OUTCOME] = str(error)
    st.download_button(
        "Keep this mapping (map.toml)", imported.mapping.to_toml(), "map.toml", "application/toml",
        icon=":material/download:", on_click="ignore",
        help="Send it beside the next export, or give it by `upgan data import --map map.toml`.",
    )  # fmt: skip


def main() -> None:
    """The page."""
    st.header("Your tables", anchor=False)
    sent = sent_of(ask_for_files())
    if sent is None:
        return
    answer = mapped(sent)
    if answer is None:
        return
    kept, document = answer
    if not document["items"]:
        st.info("Say which table has a row for each item.", icon=":material/info:")
        return
    imported = say.attempt(lambda: tables.import_of(kept, document, "mine"))
    if imported is None:
        return
    look(imported)
    order(imported)
    result = st.session_state.get(_OUTCOME)
    if isinstance(result, Path):
        importer.done(result, lambda: undo(result))
    elif result is not None:
        say.error(result)


def undo(made: Path) -> None:
    """Remove the dataset (a callback: before the page runs); a reason why not is the outcome."""
    st.session_state.pop(_OUTCOME, None)
    try:
        datasets.remove(made)
    except UpganError as error:
        st.session_state[_OUTCOME] = str(error)


if __name__ == "__main__":
    main()
