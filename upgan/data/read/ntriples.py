"""N-Triples (.nt, .nt.gz): one statement a line, parsed by pyoxigraph.

Statements about a literal are no edges of the graph: they are dropped and counted, and of those that name something
(rdfs:label, skos:prefLabel, schema:name) the best becomes its label: English or without a language before others,
then in the order of the predicates, then in that of the file. Ids are the IRIs without their brackets and the blank
nodes as they stand ("_:b0").
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

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
#: What no IRI holds, spelled with escapes or not.
_NO_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')


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
    suffix = f"@{path.name}" if own_nodes else ""
    triples: list[pd.DataFrame] = []
    names: list[pd.DataFrame] = []
    literals = bad = 0
    for block in stream.blocks():
        edges: list[tuple[str, str, str]] = []
        named: list[tuple[str, str, int]] = []
        for number, line in enumerate(block.lines.to_pylist(), block.first):
            try:
                # Lenient: ids need not be absolute IRIs.
                for each in list(parse(line, RdfFormat.N_TRIPLES, lenient=True)):
                    head, relation = _id(each.subject, suffix), _id(each.predicate)
                    if not isinstance(each.object, Literal):
                        edges.append((head, relation, _id(each.object, suffix)))
                        continue
                    literals += 1
                    if relation in NAMING:
                        named.append((head, each.object.value, NAMING.index(relation) + _foreign(each.object)))
            except SyntaxError:
                if not options.skip_bad_lines:
                    raise _no_statement(path, number, line.strip()) from None
                bad += 1
        triples.append(pd.DataFrame(edges, columns=["head", "relation", "tail"], dtype=str))
        names.append(pd.DataFrame(named, columns=["id", "label", "order"]))
    rows = sum(map(len, triples)) + literals
    if not rows:
        raise DataError(f"{path} holds no statement; an .nt file has one a line: <head> <relation> <tail> .")
    gathered.parts[TRIPLES.name].append(pd.concat(triples, ignore_index=True).assign(split=""))
    gathered.parts[LABELS.name].insert(0, _best_names(pd.concat(names, ignore_index=True)))
    gathered.files.append(SourceFile(path.name, stream.sha256, rows))
    gathered.drop(f"{path.name}: statements about a literal", literals)
    gathered.drop(f"{path.name}: lines that are no statement (--skip-bad-lines)", bad)


def _id(node: NamedNode | BlankNode | Triple, suffix: str = "") -> str:
    """An IRI without its brackets, or a blank node with the ``suffix`` of its file; SyntaxError for anything else."""
    if isinstance(node, BlankNode):
        return f"_:{node.value}{suffix}"
    if not isinstance(node, NamedNode) or _NO_IRI.search(node.value):
        raise SyntaxError(f"{node} is no IRI")
    return node.value


def _foreign(name: Literal) -> int:
    """0 for English and for no language; other languages come behind all predicates."""
    return 0 if (name.language or "en").partition("-")[0] == "en" else len(NAMING)


def _best_names(names: pd.DataFrame) -> pd.DataFrame:
    """The best label of each id; empty ones name nothing."""
    label = names["label"].astype(str).str.replace(r"\s+", " ", regex=True).str.strip()
    names = names.assign(label=label)[label != ""]
    return names.sort_values("order", kind="stable").drop_duplicates("id")[["id", "label"]].reset_index(drop=True)


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
