"""N-Triples (.nt, .nt.gz): one statement a line, taken apart by one regular expression over whole blocks.

Statements about a literal are no edges of the graph: they are dropped and counted, and of those that name something
(rdfs:label, skos:prefLabel, schema:name) the best becomes its label: English or without a language before others,
then in the order of the predicates, then in that of the file. Ids are the IRIs without their brackets and the blank
nodes as they stand ("_:b0").
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.format import Format, Sources, is_table
from upgan.data.raw.gathered import Gathered, assemble, gather_table
from upgan.data.raw.roles import LABELS, TRIPLES
from upgan.data.raw.source import RawSource, SourceFile
from upgan.data.raw.text_stream import ReadOptions, TextStream
from upgan.errors import DataError, shown

EXTENSIONS = (".nt", ".nt.gz")
#: Predicates whose literal names the subject, best first.
NAMING = (
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://schema.org/name",
    "https://schema.org/name",
)
_IRI = r"<[^<>\"{}|^`\x00-\x20]*>"
_NODE = r"_:[0-9A-Za-z_\x{80}-\x{10ffff}][0-9A-Za-z_.\x{80}-\x{10ffff}-]*"
_STATEMENT = (
    rf"^[ \t]*(?P<head>{_IRI}|{_NODE})[ \t]*(?P<relation>{_IRI})[ \t]*"
    rf"(?:(?P<tail>{_IRI}|{_NODE})|\"(?P<literal>(?:[^\"\\]|\\.)*)\"(?P<kind>@[A-Za-z0-9-]+|\^\^{_IRI})?)"
    r"[ \t]*\.[ \t]*(?:#.*)?$"
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_LETTERS = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


def is_ntriples(path: Path) -> bool:
    return path.name.lower().endswith(EXTENSIONS)


def read_ntriples(sources: Sources) -> RawSource:
    """Read a catalogue whose graph is in .nt files; interactions, links and labels are text tables beside them."""
    gathered = Gathered()
    graphs = [path for path in sources.files if is_ntriples(path)]
    for path in graphs:
        gather_graph(gathered, path, sources.options, own_nodes=len(graphs) > 1)
    for path in sources.files:
        if path not in graphs:
            gather_table(gathered, path, sources.options)
    return assemble(sources.name, "ntriples", gathered)


def gather_graph(gathered: Gathered, path: Path, options: ReadOptions, own_nodes: bool = False) -> None:
    """Read one .nt file into ``gathered``; labels of tables read before count more.

    ``own_nodes``: add the file's name to its blank nodes, whose names mean nothing in another file. Raises DataError
    naming file, line and text for a line that is no statement.
    """
    stream = TextStream(path, options)
    triples: list[pd.DataFrame] = []
    names: list[pd.DataFrame] = []
    counts = {"statements about a literal": 0, "lines that are no statement (--skip-bad-lines)": 0}
    for block in stream.blocks():
        text = pc.utf8_trim_whitespace(block.lines)
        filled = pc.and_(pc.not_equal(text, ""), pc.invert(pc.starts_with(text, "#")))
        lines = text.filter(filled)
        parts = pc.extract_regex(lines, _STATEMENT)
        bad = parts.is_null().to_numpy(zero_copy_only=False)
        if bad.any():
            if not options.skip_bad_lines:
                place = int(np.flatnonzero(filled.to_numpy(zero_copy_only=False))[bad.argmax()])
                raise _no_statement(path, block.first + place, lines[int(bad.argmax())].as_py())
            counts["lines that are no statement (--skip-bad-lines)"] += int(bad.sum())
            parts = parts.filter(pc.is_valid(parts))
        edges, named, literals = _edges_and_names(parts)
        triples.append(edges)
        names.append(named)
        counts["statements about a literal"] += literals
    rows = sum(map(len, triples)) + counts["statements about a literal"]
    if not rows:
        raise DataError(f"{path} holds no statement; an .nt file has one a line: <head> <relation> <tail> .")
    node = f"@{path.name}" if own_nodes else ""
    whole = _with_own_nodes(pd.concat(triples, ignore_index=True), node)
    labels = _with_own_nodes(_best_names(pd.concat(names, ignore_index=True)), node)
    gathered.parts[TRIPLES.name].append(whole.assign(split=""))
    gathered.parts[LABELS.name].insert(0, labels)
    gathered.files.append(SourceFile(path.name, stream.sha256, rows))
    for reason, count in counts.items():
        gathered.drop(f"{path.name}: {reason}", count)


def _edges_and_names(parts: pa.StructArray) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Edges (head, relation, tail); names (id, label, order: the smaller the better); the number of literals."""
    head, relation, tail, literal, kind = (
        pc.struct_field(parts, name) for name in ("head", "relation", "tail", "literal", "kind")
    )
    edge = pc.not_equal(tail, "")
    edges = pd.DataFrame(
        {
            name: _unescaped(_bare(column.filter(edge)))
            for name, column in (("head", head), ("relation", relation), ("tail", tail))
        }
    )
    predicate = _bare(relation)
    if pc.any(pc.match_substring(predicate, "\\")).as_py():
        # Spelled with escapes a predicate is the same.
        predicate = pa.array(_unescaped(predicate), type=pa.large_string())
    order = pc.index_in(predicate, pa.array(NAMING, type=pa.large_string()))
    naming = pc.and_(pc.invert(edge), pc.is_valid(order))
    language = pc.utf8_lower(kind.filter(naming))
    plain = pc.match_substring_regex(language, r"^(?:@en(?:-.*)?|\^\^.*|)$").to_numpy(zero_copy_only=False)
    names = pd.DataFrame(
        {
            "id": _unescaped(_bare(head.filter(naming))),
            "label": _unescaped(literal.filter(naming)),
            "order": order.filter(naming).to_numpy(zero_copy_only=False) + np.where(plain, 0, len(NAMING)),
        }
    )
    return edges, names, len(parts) - len(edges)


def _bare(terms: pa.Array) -> pa.Array:
    """IRIs without their brackets; blank nodes as they are."""
    return pc.replace_substring_regex(terms, r"^<(.*)>$", r"\1")


def _unescaped(terms: pa.Array) -> pd.Series:
    """Terms as strings, \\u0041 and \\n decoded; an escape that means no character stays as it is."""
    series: pd.Series = terms.to_pandas()
    escaped = np.flatnonzero(pc.match_substring(terms, "\\").to_numpy(zero_copy_only=False))
    if len(escaped):
        series = series.astype(object)
        series.iloc[escaped] = [_ESCAPE.sub(_character, text) for text in series.iloc[escaped]]
    return series.astype(str)


def _character(escape: re.Match[str]) -> str:
    code, letter = escape.group(1) or escape.group(2), escape.group(3)
    if code is None:
        return _LETTERS.get(letter, escape.group())
    value = int(code, 16)
    # A surrogate is half a character, and NUL has no place in an id.
    return escape.group() if value == 0 or 0xD800 <= value < 0xE000 or value > 0x10FFFF else chr(value)


def _best_names(names: pd.DataFrame) -> pd.DataFrame:
    """The best label of each id; empty ones name nothing."""
    label = names["label"].str.replace(r"\s+", " ", regex=True).str.strip()
    names = names.assign(label=label)[label != ""]
    return names.sort_values("order", kind="stable").drop_duplicates("id")[["id", "label"]].reset_index(drop=True)


def _with_own_nodes(frame: pd.DataFrame, suffix: str) -> pd.DataFrame:
    if suffix:
        for column in frame.columns.intersection(["head", "tail", "id"]):
            frame[column] = frame[column].where(~frame[column].str.startswith("_:"), frame[column] + suffix)
    return frame


def _no_statement(path: Path, line: int, text: str) -> DataError:
    return DataError(
        f"{path}, line {line}: {shown(text)} is not an N-Triples statement; one is <head> <relation> <tail> . or "
        '<head> <relation> "literal" . (--skip-bad-lines counts such lines instead)'
    )


FORMAT = Format(
    name="ntriples",
    place=7,
    needs="NAME.nt or NAME.nt.gz; with users also interactions.tsv and links.tsv",
    recognised=lambda sources: min((file.name for file in sources.files if is_ntriples(file)), default=""),
    read=read_ntriples,
    takes=lambda path: is_table(path) or is_ntriples(path),
)
