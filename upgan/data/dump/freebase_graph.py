"""The sub-graph of a Freebase dump around given topics, and the names of its topics: out of core, by DuckDB.

Breadth-first search over the facts of the first pass (``upgan.data.dump.freebase``), read either way. Hop by hop the
topics that are new are written to ``hop-N.parquet``, so a killed search goes on with the hop it was in. At the end the
facts between reached topics are written once each to ``triples.parquet``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from rich.filesize import decimal

from upgan.data.dump.freebase import PASS as DUMP_PASS
from upgan.data.dump.passes import Say, WorkFolder, connect, copy_to, quoted, run_saying
from upgan.errors import DataError

#: Memory that preparation needs per triple of the sub-graph, measured on nine million of them. The dump itself never
#: has to fit: this is about what is left of it.
BYTES_PER_TRIPLE = 800


@dataclass(frozen=True, eq=False)
class Subgraph:
    """Unique triples (head, relation, tail), repeated lines of them, and topics by hop (0: the seeds)."""

    triples: pd.DataFrame
    repeated: int
    hops: dict[int, int]
    #: Seeds that stand in no fact of the dump.
    absent: int


def search(
    work: WorkFolder, dump: dict[str, Any], seeds: Sequence[str], relations: Sequence[str], max_hops: int, say: Say
) -> Subgraph:
    """The facts between topics at most ``max_hops`` facts away from ``seeds``.

    ``dump``: the key of the dump that the work folder's first pass read. ``relations``: first parts of the properties
    that are walked and kept (``film`` for ``film.film.genre``, or longer: ``film.film``); none means all. Raises
    DataError where no seed is in the dump, or where the result is too large to be prepared.
    """
    ids = sorted(set(seeds))
    name = "search-" + hashlib.sha256(json.dumps([dump, ids, sorted(relations)]).encode()).hexdigest()[:12]
    state = work.state(name, {"dump": dump}) or {"hops": {}, "triples": {}}
    folder = work.folder_of(name)
    with connect(work.path) as connection:
        _facts_view(connection, work, relations)
        connection.register("given", pa.table({"id": pa.array(ids, pa.string())}))
        for hop in range(max_hops + 1):
            if str(hop) not in state["hops"]:
                state["hops"][str(hop)] = _hop(connection, folder, hop, say)
                work.record(name, {"dump": dump}, state)
            say(f"hop {hop}: {state['hops'][str(hop)]:,} topics")
        absent = len(ids) - state["hops"]["0"]
        if not state["hops"]["0"]:
            raise DataError(
                f"none of the {len(ids)} linked topics (first: {ids[0] if ids else 'none'}) stands in a fact of "
                f"{dump['name']}; do the links belong to this dump?"
            )
        file = folder / f"triples-{max_hops}.parquet"
        if str(max_hops) not in state["triples"]:
            state["triples"][str(max_hops)] = _induced(connection, folder, file, max_hops, say)
            work.record(name, {"dump": dump}, state)
        counts = state["triples"][str(max_hops)]
        say(f"sub-graph: {counts['kept']:,} triples")
        _refuse_too_many(counts["kept"], len(ids), max_hops)
    # Read after the connection has given its memory back; the order does not matter, preparation sorts.
    triples = pq.read_table(file, columns=["head", "relation", "tail"]).to_pandas()
    hops = {hop: int(state["hops"][str(hop)]) for hop in range(max_hops + 1)}
    return Subgraph(triples, counts["all"] - counts["kept"], hops, absent)


def _refuse_too_many(triples: int, seeds: int, max_hops: int) -> None:
    """DataError where the sub-graph cannot be prepared in the memory of this machine."""
    needed, there = triples * BYTES_PER_TRIPLE, psutil.virtual_memory().total
    if needed > there:
        raise DataError(
            f"{triples:,} triples lie within {max_hops} hops of the {seeds:,} linked topics; preparing them needs "
            f"about {decimal(needed)} of memory, and this machine has {decimal(there)}. Walk fewer properties "
            "(--relations film, for example) or fewer hops (--max-hops); what was read from the dump is kept"
        )


def names_of(work: WorkFolder, ids: Sequence[str]) -> pd.DataFrame:
    """Names from the dump (``type.object.name``) as id, label: English ones first, then en-XX, then any other."""
    files = sorted(work.folder_of(DUMP_PASS).glob("names-*.parquet"))
    if not files or not len(ids):
        return pd.DataFrame({"id": [], "label": []}, dtype=str)
    with connect(work.path) as connection:
        connection.register("wanted", pa.table({"id": pa.array(sorted(set(ids)), pa.string())}))
        names = connection.execute(
            f"""SELECT id, arg_min(name, (rank, language, name)) AS label FROM (
                    SELECT id, name, coalesce(language, '') AS language, CASE WHEN language = 'en' THEN 0
                        WHEN starts_with(language, 'en') THEN 1 WHEN language IS NULL THEN 2 ELSE 3 END AS rank
                    FROM {_parquet(*files)} SEMI JOIN wanted USING (id) WHERE name <> '')
                GROUP BY id ORDER BY id"""
        ).df()
    return names.astype(str).assign(label=unescaped(names["label"]))


def unescaped(literals: pd.Series) -> pd.Series:
    r"""Strings of N-Triples as text: ``\"``, ``\\``, ``\n``, ``\uXXXX`` and the like; white space becomes one blank."""
    named = {"t": " ", "n": " ", "r": " ", "b": " ", "f": " "}

    def one(match: re.Match[str]) -> str:
        code = match.group(1) or match.group(2)
        if code:
            number = int(code, 16)
            return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else "\ufffd"
        letter: str = match.group(3)
        return named.get(letter, letter)

    text = literals.astype(str).str.replace(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", one, regex=True)
    result: pd.Series = text.str.replace(r"\s+", " ", regex=True).str.strip()
    return result


def _facts_view(connection: duckdb.DuckDBPyConnection, work: WorkFolder, relations: Sequence[str]) -> None:
    files = sorted(work.folder_of(DUMP_PASS).glob("facts-*.parquet"))
    chosen = " OR ".join(
        f"relation = {quoted(name)} OR starts_with(relation, {quoted(name + '.')})" for name in relations
    )
    connection.execute(f"CREATE VIEW facts AS SELECT * FROM {_parquet(*files)} WHERE {chosen or 'true'}")


def _hop(connection: duckdb.DuckDBPyConnection, folder: Path, hop: int, say: Say) -> int:
    """Write the topics first reached at ``hop``; their number."""
    target = folder / f"hop-{hop}.parquet"
    if hop == 0:
        ends = "SELECT head AS id FROM facts UNION ALL SELECT tail AS id FROM facts"
        return _run(connection, f"SELECT id FROM given SEMI JOIN ({ends}) AS ends USING (id)", target, "hop 0", say)
    last = _parquet(folder / f"hop-{hop - 1}.parquet")
    # What a fact joins to the last hop is in the last two hops already, or new: nothing older can be adjacent to it.
    known = _parquet(*(folder / f"hop-{before}.parquet" for before in range(max(hop - 2, 0), hop)))
    query = f"""
        SELECT DISTINCT id FROM (
            SELECT tail AS id FROM facts SEMI JOIN {last} AS last ON facts.head = last.id
            UNION ALL
            SELECT head AS id FROM facts SEMI JOIN {last} AS last ON facts.tail = last.id
        ) AS met ANTI JOIN {known} AS known USING (id)"""
    return _run(connection, query, target, f"hop {hop}", say)


def _induced(
    connection: duckdb.DuckDBPyConnection, folder: Path, target: Path, max_hops: int, say: Say
) -> dict[str, int]:
    """Write the facts between reached topics; how many there are, and how many different ones."""
    reached = _parquet(*(folder / f"hop-{hop}.parquet" for hop in range(max_hops + 1)))
    query = f"""
        SELECT head, relation, tail, count(*) AS times FROM facts
        SEMI JOIN {reached} AS heads ON facts.head = heads.id
        SEMI JOIN {reached} AS tails ON facts.tail = tails.id
        GROUP BY ALL"""
    kept = _run(connection, query, target, "collecting triples", say)
    row = connection.execute(f"SELECT coalesce(sum(times), 0) FROM {_parquet(target)}").fetchone()
    return {"kept": kept, "all": int(row[0]) if row else 0}


def _run(connection: duckdb.DuckDBPyConnection, query: str, target: Path, what: str, say: Say) -> int:
    return run_saying(connection, lambda: copy_to(connection, query, target), what, say)


def _parquet(*files: Path) -> str:
    return f"read_parquet([{', '.join(quoted(file) for file in files)}])"
