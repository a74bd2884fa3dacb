"""Labels of Freebase topics through a Wikidata dump: property P646 names the topic, ``rdfs:label@en`` the item.

Read are the "truthy" dump in N-Triples and the JSON dump (one item a line), compressed or not. One pass writes what it
finds to the work folder, so that another dataset need not read the dump again. Each line is first searched for P646 or
for an English label; only what has one is looked at further.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.dump.freebase_graph import unescaped
from upgan.data.dump.passes import Say, WorkFolder, connect, followed, quoted, work_folder, write_part
from upgan.data.dump.stream import Block, DumpStream, first_lines, identity_of
from upgan.data.raw.source import RawSource, SourceFile
from upgan.errors import DataError

PASS = "wikidata"
ITEM = r"^<http://www\.wikidata\.org/entity/(?P<item>[QLP]\d+)>\s+"
FREEBASE_ID = ITEM + r'<http://www\.wikidata\.org/prop/direct/P646>\s+"/(?P<value>[mg]/[0-9A-Za-z_\-]+)"'
LABEL = ITEM + r'<http://www\.w3\.org/2000/01/rdf-schema#label>\s+"(?P<value>.*)"@en\s*\.\s*$'
_TOPIC = re.compile(r"/([mg])/([0-9A-Za-z_\-]+)")
ROWS_PER_PART = 1_000_000

#: Rows of (kind, item, value): kind "topic" with a value such as m.0bth54, kind "label" with the English label.
_SCHEMA = pa.schema([("kind", pa.string()), ("item", pa.string()), ("value", pa.string())])


def with_wikidata_labels(source: RawSource, dump: Path, work: Path, say: Say) -> RawSource:
    """``source`` with labels from ``dump`` for those of its topics (``m.…``, ``g.…``) that have none.

    Raises DataError where ``dump`` is missing, truncated or no Wikidata dump.
    """
    if not dump.is_file():
        raise DataError(f"{dump}: no such file; --wikidata names a Wikidata dump")
    ids = pd.concat([source.triples["head"], source.triples["tail"]]).drop_duplicates()
    ids = ids[ids.str.match(r"[mg]\.") & ~ids.isin(source.labels["id"])]
    with work_folder(work) as folder:
        state = read_wikidata(dump, folder, say)
        labels = _labels_of(folder, ids)
    say(f"{dump.name}: {len(labels):,} of {len(ids):,} topics without a name are named by Wikidata")
    return source.with_labels(labels, SourceFile(dump.name, state["sha256"], state["lines"]))


def read_wikidata(dump: Path, work: WorkFolder, say: Say) -> dict[str, Any]:
    """Pass over the dump, unless the work folder has its result; what it holds lies in parts in the folder."""
    key = identity_of(dump)
    state = work.state(PASS, key) or {"finished": False, "lines": 0, "offset": 0, "parts": 0}
    if state["finished"]:
        say(f"{dump.name}: {state['lines']:,} lines, read before (kept in {work.path})")
        return state
    rows: list[pa.Table] = [_SCHEMA.empty_table()]

    def record_part(lines: int, offset: int) -> None:
        write_part(work.folder_of(PASS) / f"part-{state['parts']:05d}.parquet", rows)
        rows[:] = [_SCHEMA.empty_table()]
        state.update(parts=state["parts"] + 1, lines=lines, offset=offset)
        work.record(PASS, key, state)

    of_block = _json_rows if _is_json(dump) else _statement_rows
    with DumpStream(dump) as stream:
        lines, offset = state["lines"], state["offset"]
        for block in followed(stream, offset, lines, say):
            rows.append(of_block(block, dump))
            lines, offset = lines + block.lines, block.end
            if sum(map(len, rows)) >= ROWS_PER_PART:
                record_part(lines, offset)
        state.update(finished=True, sha256=stream.sha256())
        record_part(lines, offset)
    return state


def _is_json(dump: Path) -> bool:
    lines = [line.strip() for line in first_lines(dump) if line.strip()]
    if lines and lines[0].startswith(("[", "{")):
        return True
    if lines and lines[0].startswith(("<", "#")):
        return False
    start = lines[0][:80] if lines else ""
    raise DataError(
        f"{dump}, line 1: {start!r}; a Wikidata dump is N-Triples (<http://www.wikidata.org/entity/Q42> ...) or the "
        "JSON dump (one item a line)"
    )


def _statement_rows(block: Block, path: Path) -> pa.Table:
    lines = pa.array(block.data.decode("utf-8", errors="replace").split("\n"), pa.string())
    tables = [_SCHEMA.empty_table()]
    for kind, word, pattern in (("topic", "/P646>", FREEBASE_ID), ("label", '"@en', LABEL)):
        matches = pc.extract_regex(lines.filter(pc.match_substring(lines, word)), pattern)
        matches = matches.filter(pc.is_valid(matches))
        value = matches.field("value")
        value = pc.replace_substring(value, "/", ".", max_replacements=1) if kind == "topic" else value
        tables.append(pa.table([pa.repeat(pa.scalar(kind), len(matches)), matches.field("item"), value], _SCHEMA))
    return pa.concat_tables(tables)


def _json_rows(block: Block, path: Path) -> pa.Table:
    rows: list[tuple[str, str, str]] = []
    # Four of a hundred items have P646; a line without it is not parsed.
    for place, line in enumerate(block.data.split(b"\n")):
        if b'"P646"' not in line:
            continue
        try:
            item = json.loads(line.strip().rstrip(b","))
            topics = [_TOPIC.fullmatch(claim["mainsnak"]["datavalue"]["value"]) for claim in _claims(item)]
            label = (item.get("labels") or {}).get("en", {}).get("value", "")
            named = str(item["id"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{path}, line {block.first_line + place}: not an item of Wikidata's JSON dump ({error}): {line[:80]!r}"
            ) from error
        rows += [("topic", named, f"{topic[1]}.{topic[2]}") for topic in topics if topic]
        rows += [("label", named, json.dumps(label, ensure_ascii=False)[1:-1])] if label else []
    return pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)] or [[], [], []], _SCHEMA)


def _claims(item: dict[str, Any]) -> list[Any]:
    """The P646 statements that have a value."""
    return [claim for claim in item["claims"]["P646"] if claim["mainsnak"]["snaktype"] == "value"]


def _labels_of(work: WorkFolder, ids: pd.Series) -> pd.DataFrame:
    """id, label of those of ``ids`` that an item with an English label names; of several items the lowest number."""
    files = ", ".join(quoted(file) for file in sorted(work.folder_of(PASS).glob("part-*.parquet")))
    with connect(work.path) as connection:
        connection.register("wanted", pa.table({"id": pa.array(ids.tolist(), pa.string())}))
        labels = connection.execute(
            f"""WITH parts AS (SELECT * FROM read_parquet([{files}])),
                    topics AS (SELECT item, value AS id FROM parts SEMI JOIN wanted ON value = wanted.id
                        WHERE kind = 'topic'),
                    labels AS (SELECT item, min(value) AS label FROM parts SEMI JOIN topics USING (item)
                        WHERE kind = 'label' GROUP BY item)
                SELECT id, arg_min(label, (length(item), item)) AS label FROM topics JOIN labels USING (item)
                GROUP BY id ORDER BY id"""
        ).df()
    return labels.astype(str).assign(label=unescaped(labels["label"]))
