"""The first pass over a Freebase dump (RDF, the format of 2015): what joins two topics, and the topics' names.

A line is ``subject<TAB>predicate<TAB>object<TAB>.``; addresses stand in angle brackets. Of a line is kept

* a fact: subject and object are topics (``<http://rdf.freebase.com/ns/m.…>`` or ``g.…``), and the predicate is a
  property of Freebase. Written to ``facts-*.parquet``: head, relation, tail.
* a name: the predicate is ``type.object.name``. Written to ``names-*.parquet``: id, name, language.

Everything else is counted by what it is, and per property: a property that only ends in strings, in addresses of other
sites or in terms of Freebase's schema leaves no relation. Properties of Freebase's own housekeeping (``type``,
``common``, ``freebase``, ``user``, …) are no facts about topics and are left out as well. A line that is no statement
is counted with the first examples; more than ``MALFORMED_SHARE`` of them, and the file is refused.

The pass writes a part every ``LINES_PER_PART`` lines and records where it was. A killed pass goes on behind its last
whole part: what lies before is decompressed again, not parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.dump.passes import Say, WorkFolder, followed, write_part
from upgan.data.dump.statements import Statements, split_statements
from upgan.data.dump.stream import Block, DumpStream, identity_of
from upgan.errors import DataError

NAMESPACE = "<http://rdf.freebase.com/ns/"
NAME = "type.object.name"
#: First parts of properties that describe Freebase's own objects: their types, keys, permissions, images.
HOUSEKEEPING = ("type", "common", "freebase", "user", "dataworld", "pipeline", "kg", "kp_lw")
#: Lines per part: what a killed pass loses, and what is held in memory before it is written.
LINES_PER_PART = 5_000_000
MALFORMED_SHARE = 0.01
#: So few wrong lines are never too many: a short file with one of them is still read.
MALFORMED_FREE = 10
EXAMPLES = 5
PASS = "freebase"
OTHER_NAMESPACES = "(not Freebase's)"

FACT, NAMED, LITERAL, ELSEWHERE, SCHEMA, NO_TOPIC, HOUSE, FOREIGN = range(8)
#: What a line is, in the order of the codes above.
KINDS = (
    "facts between two topics",
    "names",
    "object is a string, number or date",
    "object is an address outside Freebase",
    "object is a term of Freebase's schema, not a topic",
    "subject is not a topic",
    "property of Freebase's housekeeping",
    "property is not Freebase's",
)


@dataclass
class Tally:
    """Counts of a pass so far; kept in the journal of the work folder."""

    lines: int = 0
    offset: int = 0
    parts: int = 0
    blank: int = 0
    malformed: int = 0
    examples: list[str] = field(default_factory=list)
    #: Property -> number of lines of each kind.
    properties: dict[str, list[int]] = field(default_factory=dict)
    finished: bool = False
    sha256: str = ""

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Tally:
        properties = {name: [int(count) for count in counts.split()] for name, counts in state["properties"].items()}
        return cls(**{**state, "properties": properties})

    def to_state(self) -> dict[str, Any]:
        """Plain values; the counts of a property as one string, because there are tens of thousands of properties."""
        return {**vars(self), "properties": {name: " ".join(map(str, row)) for name, row in self.properties.items()}}

    def counts(self) -> dict[str, int]:
        """Lines by kind, in words."""
        total = np.sum([*self.properties.values(), [0] * len(KINDS)], axis=0)
        return {name: int(count) for name, count in zip(KINDS, total, strict=True) if count}

    def only_strings(self) -> list[str]:
        """Properties of Freebase all of whose lines end in a string, a number or an address outside Freebase."""
        outside = [LITERAL, ELSEWHERE]
        return sorted(
            name
            for name, counts in self.properties.items()
            if sum(counts[kind] for kind in outside) == sum(counts) and name != OTHER_NAMESPACES
        )


def read_dump(dump: Path, work: WorkFolder, say: Say, on_part: Callable[[Tally], None] | None = None) -> Tally:
    """Pass over ``dump`` once, or go on with a pass that was cut off; a finished one is not repeated.

    The parts lie in ``work.folder_of(PASS)``. ``on_part`` is called after each of them. Raises DataError for a file
    that is truncated, damaged or no dump of statements, naming the file and what was read so far.
    """
    key = identity_of(dump)
    state = work.state(PASS, key)
    tally = Tally.of_state(state) if state else Tally()
    if tally.finished:
        say(f"{dump.name}: {tally.lines:,} lines, read before (kept in {work.path})")
        return tally
    folder = work.folder_of(PASS)
    facts: list[pa.Table] = []
    names: list[pa.Table] = []
    since = tally.lines

    def record_part(offset: int) -> None:
        for kind, tables in (("facts", facts), ("names", names)):
            if tables:
                write_part(folder / f"{kind}-{tally.parts:05d}.parquet", tables)
                tables.clear()
        tally.parts, tally.offset = tally.parts + 1, offset
        work.record(PASS, key, tally.to_state())
        if on_part:
            on_part(tally)

    with DumpStream(dump) as stream:
        for block in followed(stream, tally.offset, tally.lines, say):
            fact, name = _read_block(block, dump, tally)
            facts.append(fact)
            names.append(name)
            if tally.lines - since >= LINES_PER_PART:
                since = tally.lines
                _refuse_malformed(dump, tally)
                record_part(block.end)
        _refuse_malformed(dump, tally)
        if not tally.lines:
            raise DataError(f"{dump} is empty; a Freebase dump has one statement a line")
        tally.finished, tally.sha256 = True, stream.sha256()
        record_part(tally.offset)
    counts = tally.counts()
    say(f"{dump.name}: {tally.lines:,} lines, {counts.get(KINDS[FACT], 0):,} facts between topics")
    return tally


def _read_block(block: Block, dump: Path, tally: Tally) -> tuple[pa.Table, pa.Table]:
    """Facts and names of a block; everything is counted in ``tally``."""
    statements = split_statements(block.data)
    tally.lines += block.lines
    tally.blank += statements.blank
    tally.malformed += len(statements.malformed)
    for line, text in statements.malformed[: max(EXAMPLES - len(tally.examples), 0)]:
        tally.examples.append(f"{dump.name}, line {block.first_line + line - 1}: {text[:200]!r}")
    encoded = pc.dictionary_encode(statements.predicates)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    properties = [_property(value) for value in encoded.dictionary.to_pylist()]
    kinds = _kinds(statements, np.array([kind for _, kind in properties], dtype=np.int64)[codes])
    table = np.bincount(codes * len(KINDS) + kinds, minlength=len(properties) * len(KINDS)).reshape(-1, len(KINDS))
    for (name, kind), row in zip(properties, table.tolist(), strict=True):
        # The hundreds of thousands of properties that users made, and foreign ones, are counted together.
        name = OTHER_NAMESPACES if kind == FOREIGN else "user.*" if name.startswith("user.") else name
        before = tally.properties.get(name)
        tally.properties[name] = [a + b for a, b in zip(before, row, strict=True)] if before else row
    relation = pa.DictionaryArray.from_arrays(encoded.indices, pa.array([name for name, _ in properties], pa.string()))
    return _facts(statements, relation, kinds == FACT), _names(statements, kinds == NAMED)


def _kinds(statements: Statements, by_property: np.ndarray) -> np.ndarray:
    """The kind of each statement, int64 (N,), from its parts and what its property tells (see ``_property``)."""
    foreign, naming, house = (by_property == kind for kind in (FOREIGN, NAMED, HOUSE))
    topic, other = _is_topic(statements.subjects), _is_topic(statements.objects)
    inside = _starts(statements.objects, NAMESPACE.encode())
    address = _starts(statements.objects, b"<")
    # The first condition that holds decides.
    return np.select(
        [foreign, ~topic, naming & ~address, ~address, ~inside, ~other, house],
        [FOREIGN, NO_TOPIC, NAMED, LITERAL, ELSEWHERE, SCHEMA, HOUSE],
        default=FACT,
    )


def _facts(statements: Statements, relation: pa.DictionaryArray, mask: np.ndarray) -> pa.Table:
    chosen = pa.array(mask)
    start, stop = len(NAMESPACE), -1
    columns = {
        "head": _text(pc.binary_slice(statements.subjects.filter(chosen), start, stop)),
        # As plain strings: parquet keeps them as a dictionary, and the parts need not agree about it.
        "relation": relation.filter(chosen).cast(pa.string()),
        "tail": _text(pc.binary_slice(statements.objects.filter(chosen), start, stop)),
    }
    return pa.table(columns)


def _names(statements: Statements, mask: np.ndarray) -> pa.Table:
    chosen = pa.array(mask)
    parts = pc.extract_regex(
        _text(statements.objects.filter(chosen)), r'^"(?P<name>(?s:.*))"(?:@(?P<language>[A-Za-z0-9-]+))?[^"]*$'
    )
    ids = _text(pc.binary_slice(statements.subjects.filter(chosen), len(NAMESPACE), -1))
    table = pa.table({"id": ids, "name": parts.field("name"), "language": parts.field("language")})
    return table.filter(pc.is_valid(parts))


@lru_cache(maxsize=1 << 16)
def _property(value: bytes) -> tuple[str, int]:
    """``film.film.genre`` of a property of Freebase, any other predicate as it is, and what that tells of a line:
    FOREIGN, NAMED, HOUSE, or FACT where the object decides."""
    text = value.decode("utf-8", errors="replace")
    if not (text.startswith(NAMESPACE) and text.endswith(">")):
        return text, FOREIGN
    name = text[len(NAMESPACE) : -1]
    return name, NAMED if name == NAME else HOUSE if name.split(".")[0] in HOUSEKEEPING else FACT


def _is_topic(values: pa.Array) -> np.ndarray:
    letters = [_starts(values, f"{NAMESPACE}{letter}.".encode()) for letter in ("m", "g")]
    topic: np.ndarray = letters[0] | letters[1]
    return topic


def _starts(values: pa.Array, prefix: bytes) -> np.ndarray:
    mask: np.ndarray = pc.starts_with(values, prefix).to_numpy(zero_copy_only=False)
    return mask


def _text(values: pa.Array) -> pa.Array:
    """Bytes as text; where they are no UTF-8 the wrong bytes become U+FFFD, so that no line is lost for a name."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([value.decode("utf-8", errors="replace") for value in values.to_pylist()], pa.string())


def _refuse_malformed(dump: Path, tally: Tally) -> None:
    if tally.malformed <= max(MALFORMED_FREE, MALFORMED_SHARE * tally.lines):
        return
    examples = "; ".join(tally.examples)
    raise DataError(
        f"{dump} is not a Freebase dump, or is damaged: {tally.malformed:,} of {tally.lines:,} lines are no statements "
        f"(more than {MALFORMED_SHARE:.0%}). A line is subject, predicate, object and a full stop, between tabs. "
        f"First examples: {examples}"
    )


def manifest_of(tally: Tally) -> dict[str, Any]:
    """What the dataset's manifest says about the pass."""
    return {
        "lines": tally.lines,
        "blank_lines": tally.blank,
        "malformed_lines": tally.malformed,
        "malformed_examples": tally.examples,
        "lines_by_kind": tally.counts(),
        "properties_ending_in_strings": len(tally.only_strings()),
        "properties_ending_in_strings_examples": tally.only_strings()[:20],
    }
