"""What a reader of a format gathers, table by table, and the one source that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from upgan.data.raw.headers import Columns
from upgan.data.raw.packing import plain_name
from upgan.data.raw.roles import (
    INTERACTIONS,
    KINDS,
    LABELS,
    LINKS,
    ROLES,
    SPLIT_NAMES,
    TRIPLES,
    Role,
    role_columns,
    role_frame,
    role_of_content,
    role_of_stem,
)
from upgan.data.raw.source import Notice, RawSource, SourceFile
from upgan.data.raw.text_stream import STRICT, ReadOptions
from upgan.data.raw.text_tables import MOVIELENS, TextTable, read_table, table_stem


def gather_table(gathered: Gathered, path: Path, options: ReadOptions = STRICT) -> None:
    """Read one text table into ``gathered``, by the role that its name, header or column count tells."""
    table = _table(path, options)
    role = role_of_stem(path) or role_of_content(table)
    columns = role_columns(table, role)
    frame = role_frame(table, role, columns)
    gathered.note(path.name, columns)
    if not columns.named:
        gathered.unnamed.add((role.name, len(gathered.parts[role.name])))
    if role is TRIPLES and "split" not in frame:
        frame["split"] = SPLIT_NAMES.get(table_stem(path), "")
    gathered.add(role, frame, table)


def _table(path: Path, options: ReadOptions) -> TextTable:
    """The cells of a file; MovieLens' own are divided as they are, whatever other files of their extension are."""
    for separator in MOVIELENS.get(plain_name(path), ()):
        table = read_table(path, separator, options)
        if len(table.cells) > 1:
            return table
    return read_table(path, options=options)


@dataclass
class Gathered:
    """What a reader has read so far: tables by role, files, what was left out, and how columns were understood."""

    parts: dict[str, list[pd.DataFrame]] = field(default_factory=lambda: {role.name: [] for role in ROLES})
    files: list[SourceFile] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    #: id of an item, label: titles from lists of items, which also name the linked entities.
    titles: list[pd.DataFrame] = field(default_factory=list)
    #: What the user should know.
    notices: list[Notice] = field(default_factory=list)
    #: Role and place in its parts of tables whose columns no header names.
    unnamed: set[tuple[str, int]] = field(default_factory=set)

    def note(self, name: str, columns: Columns) -> None:
        """Keep how the columns of the file ``name`` were understood."""
        if columns.notes:
            self.reading[f"columns_of_{name}"] = list(columns.notes)
        for code, texts in (
            ("columns-told", columns.notes),
            ("column-order", [columns.doubt] if columns.doubt else []),
        ):
            self.notices += [Notice(code, f"{name}: {text}", 1, examples=(f"{name}: {text}",)) for text in texts]

    def add(self, role: Role, frame: pd.DataFrame, table: TextTable) -> None:
        """One table, read from its file."""
        self.parts[role.name].append(frame)
        self.files.append(table.file(len(frame)))
        self.drop(f"{table.path.name}: another number of cells than the first row (--skip-bad-lines)", table.skipped)

    def drop(self, reason: str, count: int) -> None:
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count


def assemble(name: str, format_name: str, gathered: Gathered) -> RawSource:
    """One RawSource of the tables read, by role; a row that stands there again is dropped and counted."""
    parts, dropped = gathered.parts, gathered.dropped
    turn_columns(gathered)
    whole: dict[str, pd.DataFrame] = {"interactions": _interactions(parts["interactions"])}
    for role in (TRIPLES, LINKS, LABELS, KINDS):
        columns = [*role.columns, "split"] if role is TRIPLES else list(role.columns)
        frames = [frame[columns] for frame in parts[role.name]]
        table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
        table = table.astype(str)
        # Of labels and kinds the later counts, so their order must stay as it is.
        once = table.drop_duplicates(ignore_index=True, keep="last" if role in (LABELS, KINDS) else "first")
        if len(once) < len(table):
            dropped[f"{role.name}: the same row again"] = len(table) - len(once)
        whole[role.name] = once
    return RawSource(
        name=name,
        format=format_name,
        triples=whole["triples"],
        interactions=whole["interactions"],
        links=whole["links"] if parts["links"] else None,
        labels=whole["labels"],
        kinds=whole["kinds"],
        files=tuple(gathered.files),
        dropped=dropped,
        reading=gathered.reading,
        titles=_titles(gathered.titles),
        notices=tuple(gathered.notices),
    )


def turn_columns(gathered: Gathered) -> None:
    """Turn tables without a header whose two columns stand the other way round, as the ids of the other tables show.

    Of interactions the items, of links the entities, of labels and kinds the ids are known: turned where hardly any of
    them is known, and half or more of the other column are.
    """
    if not {role for role, _ in gathered.unnamed} - {TRIPLES.name}:
        return
    triples, links = gathered.parts[TRIPLES.name], gathered.parts[LINKS.name]
    entities = _ids(triples, ("head", "tail"))
    known = {
        LINKS.name: (entities, "entity", "item"),
        INTERACTIONS.name: (_ids(links, ("item",)) if links else entities, "item", "user"),
        LABELS.name: (entities | _ids(triples, ("relation",)), "id", "label"),
        KINDS.name: (entities, "id", "kind"),
    }
    for role, (ids, column, other) in known.items():
        for place, frame in enumerate(gathered.parts[role]):
            if (role, place) not in gathered.unnamed or not ids:
                continue
            share, turned = (frame[each].drop_duplicates().isin(ids).mean() for each in (column, other))
            if share <= 0.02 and turned >= 0.5:
                gathered.parts[role][place] = frame.rename(columns={column: other, other: column})
                text = (
                    f"{role}: of what would be the {other} {turned:.0%} are known as {column}, and of what would be "
                    f"the {column} {share:.0%}: the two columns are read the other way round (a header row decides it)"
                )
                gathered.notices.append(Notice("column-order", text, 1, examples=(text,)))


def _ids(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> set[str]:
    return {value for frame in frames for column in columns for value in frame[column].unique()}


def _titles(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """item, title: the last title that a list gives each item."""
    titles = pd.concat([pd.DataFrame({"id": [], "label": []}, dtype=object), *frames], ignore_index=True).astype(str)
    titles = titles[titles["label"] != ""].drop_duplicates("id", keep="last", ignore_index=True)
    return titles[["id", "label"]].set_axis(["item", "title"], axis=1)


def entity_labels(links: pd.DataFrame, titles: pd.DataFrame) -> pd.DataFrame:
    """Titles as labels of the linked entities; of several items of one entity the first in the link file names it.

    ``links``: item, entity; ``titles``: id (of an item), label.
    """
    first = links[["item", "entity"]].drop_duplicates("item").drop_duplicates("entity")
    named = first.merge(titles.drop_duplicates("id"), left_on="item", right_on="id", how="inner")
    return pd.DataFrame({"id": named["entity"], "label": named["label"]})


def _interactions(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All interactions, repeated pairs too: which of them count is decided by rating and time, later.

    Where one file has ratings and another none, those of the other are unknown (NaN).
    """
    kept = [
        frame[[name for name in (*INTERACTIONS.columns, *INTERACTIONS.optional) if name in frame]] for frame in frames
    ]
    table = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=list(INTERACTIONS.columns))
    return table.astype(dict.fromkeys(INTERACTIONS.columns, str))
