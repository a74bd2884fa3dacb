"""RDF: N-Triples and N-Quads (.nt, .nq: one statement a line), Turtle and TriG (.ttl, .trig), RDF/XML (.rdf, .owl).

Parsed by pyoxigraph.

Statements about a literal are no edges of the graph: they are dropped and counted, and of those that name something
(rdfs:label, skos:prefLabel, schema:name) the best becomes its label: English or without a language before others,
then in the order of the predicates, then in that of the file. Ids are the IRIs without their brackets and the blank
nodes as they stand ("_:b0"). Statements of named graphs are put together with the others; those in formulas of N3 are
left out and counted.

Wikidata names a property at its own entity (entity/P57), and ties that to the predicates made of it (prop/direct/P57)
by wikibase:directClaim and the like: the predicates take its label, and those ties are no edges.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast
from xml.parsers import expat

import pandas as pd
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple, parse

from upgan.data.raw.format import Format, Sources, is_table
from upgan.data.raw.gathered import Gathered, assemble, gather_table
from upgan.data.raw.roles import LABELS, TRIPLES
from upgan.data.raw.source import RawSource, SourceFile
from upgan.data.raw.text_stream import ReadOptions, TextStream
from upgan.data.raw.text_tables import table_suffix
from upgan.errors import DataError, shown

#: Extension -> how pyoxigraph calls it, and whether each line is a statement of its own.
SYNTAXES = {
    ".nt": (RdfFormat.N_TRIPLES, True),
    ".nq": (RdfFormat.N_QUADS, True),
    ".ttl": (RdfFormat.TURTLE, False),
    ".n3": (RdfFormat.N3, False),
    ".trig": (RdfFormat.TRIG, False),
    ".rdf": (RdfFormat.RDF_XML, False),
    ".owl": (RdfFormat.RDF_XML, False),
}
#: Ties of Wikidata's properties to their predicates.
_WIKIBASE = "http://wikiba.se/ontology#"
_CLAIMS = frozenset(
    f"{_WIKIBASE}{name}"
    for name in (
        *("directClaim", "directClaimNormalized", "claim", "statementProperty", "statementValue", "qualifier"),
        *("qualifierValue", "reference", "referenceValue", "novalue", "statementValueNormalized"),
        *("qualifierValueNormalized", "referenceValueNormalized"),
    )
)
#: A predicate made of a property of Wikidata, and where the property's own label stands.
_PREDICATE = re.compile(r"^(https?://www\.wikidata\.org)/prop/(?:[a-z-]+/)*(P\d+)$")
#: Predicates whose literal names the subject, best first.
NAMING = (
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://schema.org/name",
    "https://schema.org/name",
)
#: How the parser names a node that has no name.
_DRAWN = re.compile(r"[0-9a-f]{24,32}")
#: What no IRI holds, spelled with escapes or not.
_NO_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')


def is_ntriples(path: Path) -> bool:
    """Whether a file's name says that it is RDF of a syntax that is read."""
    return table_suffix(path) in SYNTAXES


def read_ntriples(sources: Sources) -> RawSource:
    """Read a catalogue whose graph is in RDF files; interactions, links and labels are text tables beside them."""
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
    syntax, by_line = SYNTAXES[table_suffix(path)]
    statements = _Statements(suffix)
    if by_line:
        bad = _read_lines(statements, stream, syntax, options)
    else:
        bad = 0
        _read_document(statements, stream, syntax)
    triples, names = statements.frames()
    if not len(triples) and not statements.literals:
        raise DataError(f"{path} holds no statement; an RDF file has some: <head> <relation> <tail> .")
    gathered.parts[TRIPLES.name].append(triples)
    labels = _best_names(names)
    gathered.parts[LABELS.name].insert(0, pd.concat([labels, statements.labels_of_predicates(labels)]))
    rows = len(triples) + statements.literals + len(statements.claims) + statements.supposed
    gathered.files.append(SourceFile(path.name, stream.sha256, rows, path))
    gathered.drop(f"{path.name}: statements about a literal", statements.literals)
    gathered.drop(f"{path.name}: statements in formulas, which say no fact", statements.supposed)
    gathered.drop(f"{path.name}: ties of Wikidata's properties to predicates", len(statements.claims))
    gathered.drop(f"{path.name}: lines that are no statement (--skip-bad-lines)", bad)
    if statements.graphs:
        gathered.reading[f"named_graphs_in_{path.name}"] = len(statements.graphs)


class _Statements:
    """Statements while they come in: edges, names, ties of properties."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self.edges: list[tuple[str, str, str]] = []
        self.named: list[tuple[str, str, int]] = []
        #: Predicate -> the property it is made of.
        self.claims: list[tuple[str, str]] = []
        self.graphs: set[str] = set()
        self.literals = 0
        #: Statements in formulas of N3, { … }, which says them of somebody or under a condition.
        self.supposed = 0
        #: Names of nodes that a document does not name, in the order of their appearance: the parser draws its own.
        self._anonymous: dict[str, str] = {}
        self._frames: list[pd.DataFrame] = []

    def add(self, each: Quad) -> None:
        """One statement; SyntaxError for a part that is neither an IRI nor a blank node."""
        head, relation = self._id(each.subject), _id(each.predicate)
        if isinstance(each.graph_name, (NamedNode, BlankNode)):
            self.graphs.add(each.graph_name.value)
        if isinstance(each.object, Literal):
            self.literals += 1
            if relation in NAMING:
                self.named.append((head, each.object.value, NAMING.index(relation) + _foreign(each.object)))
        elif relation in _CLAIMS:
            self.claims.append((self._id(each.object), head))
        else:
            self.edges.append((head, relation, self._id(each.object)))

    def _id(self, node: NamedNode | BlankNode | Triple) -> str:
        if isinstance(node, BlankNode) and _DRAWN.fullmatch(node.value):
            name = self._anonymous.setdefault(node.value, f"anonymous{len(self._anonymous) + 1}")
            return f"_:{name}{self.suffix}"
        return _id(node, self.suffix)

    def flush(self) -> None:
        """Edges as a frame: a list of tuples takes ten times the memory."""
        self._frames.append(pd.DataFrame(self.edges, columns=["head", "relation", "tail"], dtype=str))
        self.edges = []

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The triples, and the names as id, label, order."""
        self.flush()
        triples = pd.concat(self._frames, ignore_index=True).assign(split="")
        return triples, pd.DataFrame(self.named, columns=["id", "label", "order"])

    def labels_of_predicates(self, labels: pd.DataFrame) -> pd.DataFrame:
        """id, label of predicates whose property is labelled: by the ties, or else by Wikidata's addresses."""
        name_of = dict(zip(labels["id"], labels["label"], strict=True))
        relations = {relation for frame in self._frames for relation in frame["relation"].unique()}
        claimed = dict(self.claims)
        rows = []
        for relation in sorted(relations - name_of.keys()):
            parts = _PREDICATE.match(relation)
            made_of = claimed.get(relation) or (f"{parts[1]}/entity/{parts[2]}" if parts else "")
            rows += [(relation, name_of[made_of])] if made_of in name_of else []
        return pd.DataFrame(rows, columns=["id", "label"], dtype=str)


def _read_lines(statements: _Statements, stream: TextStream, syntax: RdfFormat, options: ReadOptions) -> int:
    """Read statements a line each; the number of lines that are none, where they are left out."""
    bad = 0
    for block in stream.blocks():
        for number, line in enumerate(block.lines.to_pylist(), block.first):
            try:
                # Lenient: ids need not be absolute IRIs.
                for each in list(parse(line, syntax, lenient=True)):
                    statements.add(each)
            except SyntaxError:
                if not options.skip_bad_lines:
                    raise _no_statement(stream.path, number, line.strip()) from None
                bad += 1
        statements.flush()
    return bad


def _read_document(statements: _Statements, stream: TextStream, syntax: RdfFormat) -> None:
    """Read a document whose statements may span lines; DataError naming the line where it breaks the syntax."""
    try:
        for number, each in enumerate(
            parse(
                cast(IO[bytes], _Bytes(stream, syntax is RdfFormat.RDF_XML)), syntax, lenient=True, base_iri="file:///"
            )
        ):
            if syntax is RdfFormat.N3 and isinstance(each.graph_name, BlankNode):
                statements.supposed += 1
                continue
            statements.add(each)
            if number % 500_000 == 0:
                statements.flush()
    except SyntaxError as error:
        raise DataError(f"{stream.path}, line {error.lineno or '?'}: {error.msg}") from None


class _Bytes(io.RawIOBase):
    """The text of a stream as a file that can be read."""

    def __init__(self, stream: TextStream, xml: bool) -> None:
        super().__init__()
        blocks = ("\n".join(block.lines.to_pylist()).encode() + b"\n" for block in stream.blocks())
        self._blocks = _without_bombs(blocks) if xml else blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._blocks, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _without_bombs(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Blocks of an XML document; SyntaxError where entities in it grow without end, which pyoxigraph would let them.

    Expat, which reads each block first, bounds how much a document may grow by its entities. Entities of entities are
    none of what such files abbreviate, the addresses of their vocabularies; pyoxigraph spells them out where they are
    declared.
    """
    guard = expat.ParserCreate("utf-8")

    def declared(name: str, parameter: bool, value: str | None, *_: object) -> None:
        if value is not None and (parameter or "&" in value):
            raise SyntaxError(f"the entity {name[:60]} is made of others", ("", guard.CurrentLineNumber, 0, ""))

    guard.EntityDeclHandler = declared
    try:
        for block in blocks:
            guard.Parse(block)
            yield block
        guard.Parse(b"", True)  # a document that is cut off has no end
    except expat.ExpatError as error:
        raise SyntaxError(str(error), ("", error.lineno, error.offset, "")) from None


def _id(node: NamedNode | BlankNode | Triple, suffix: str = "") -> str:
    """An IRI without its brackets, or a blank node with the ``suffix`` of its file; SyntaxError for anything else."""
    if isinstance(node, BlankNode):
        return f"_:{node.value}{suffix}"
    if not isinstance(node, NamedNode) or _NO_IRI.search(node.value):
        raise SyntaxError(f"{shown(node)} is no IRI")
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
    needs="RDF as NAME.nt, .nq, .ttl, .trig or .rdf (packed too); with users also interactions.tsv and links.tsv",
    recognised=lambda sources: min((file.name for file in sources.files if is_ntriples(file)), default=""),
    read=read_ntriples,
    takes=lambda path: is_table(path) or is_ntriples(path),
    tables=True,
)
