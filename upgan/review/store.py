"""The database of a review: one SQLite file in WAL mode, read and written by several people at once.

Every operation is a transaction on a connection of its own, so that threads, sessions and processes need not know of
each other: a writer waits for the one before it, readers wait for nobody, and what was answered is on the disk.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from itertools import starmap
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BeforeValidator, TypeAdapter
from pydantic_core import from_json

from upgan.errors import ConfigError, DataError
from upgan.files import Shape, checked
from upgan.render.words import clean, shorten

#: The file's name in the data folder.
FILE_NAME = "reviews.sqlite"
VERSION = 1
#: How long a writer waits for another, in seconds.
PATIENCE = 30.0
Verdict = Literal["yes", "no", "unsure"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
LONGEST_NAME = 60
_FACT = ("head", "relation", "tail")
_LABELS = ("head_label", "relation_label", "tail_label")
#: The levels of sureness that people are shown, by their lower bounds.
LEVELS = (0.9, 0.7, 0.5, 0.3, 0.0)
_LINE = ("place", *_FACT, *_LABELS, "asked", "kind", "slot", "sure", "score", "users", "decides", "reason")
#: Lines ``l`` of a list with the decision ``d`` that stands of each, looked up line by line: joined with the view each
#: line would be held against every decision.
_STANDING = (
    "FROM lines l LEFT JOIN decisions d ON d.id = (SELECT max(s.id) FROM decisions s WHERE s.undone IS NULL AND "
    "s.catalogue = ? AND s.head = l.head AND s.relation = l.relation AND s.tail = l.tail) WHERE l.list = ?"
)
#: How many people think otherwise: their own last decision is another one.
_AGAINST = (
    "CASE WHEN d.id IS NOT NULL THEN (SELECT count(*) FROM decisions o WHERE o.undone IS NULL AND o.catalogue = "
    "d.catalogue AND o.head = d.head AND o.relation = d.relation AND o.tail = d.tail AND o.verdict <> d.verdict AND "
    "o.id = (SELECT max(p.id) FROM decisions p WHERE p.undone IS NULL AND p.catalogue = o.catalogue AND "
    "p.head = o.head AND p.relation = o.relation AND p.tail = o.tail AND p.who = o.who)) END"
)


#: A column of JSON that holds an object.
Object = Annotated[dict[str, Any], BeforeValidator(lambda text: from_json(text) if isinstance(text, str) else text)]


@dataclass(frozen=True)
class ReviewList:
    """A list of proposed facts: whose data, which run, when, what was asked for and what was promised."""

    id: int
    catalogue: str
    dataset: str
    name: str
    run: str
    model: str
    made: str
    options: Object
    promise: Object


class Line(NamedTuple):
    """One proposed fact of a list and what stands of it; ``against``: how many people think otherwise."""

    place: int
    head: str
    relation: str
    tail: str
    head_label: str
    relation_label: str
    tail_label: str
    asked: str
    kind: str
    slot: str
    sure: float | None
    score: float
    users: float
    decides: int
    reason: str
    verdict: Verdict | None = None
    who: str | None = None
    against: int | None = None


_LISTS: TypeAdapter[list[ReviewList]] = TypeAdapter(list[ReviewList])
_LINES: TypeAdapter[list[Line]] = TypeAdapter(list[Line])


class Place(NamedTuple):
    """Where a line stands in its list, and what stands of it."""

    place: int
    verdict: Verdict | None


class Outcome(NamedTuple):
    """Lines of one level and one verdict: how many, the sum of their sureness, and on how many people differ."""

    #: The level's lower bound; None: it is not known how sure they are.
    low: float | None
    verdict: Verdict | None
    lines: int
    sure: float
    disputed: int


@dataclass(frozen=True)
class Filter:
    """Which lines are looked at; what is None or empty does not count."""

    kind: str | None = None
    relation: str | None = None
    slot: str | None = None
    least_sure: float = 0.0
    decides: bool = False
    #: "open", "judged", or a verdict.
    state: str | None = None
    text: str = ""

    def where(self) -> tuple[str, list[object]]:
        """The condition on lines ``l`` and what stands of them ``d``, and its values."""
        parts: list[tuple[str, list[object]]] = []
        for column, value in (("kind", self.kind), ("relation", self.relation), ("slot", self.slot)):
            if value is not None:
                parts.append((f"l.{column} = ?", [value]))
        if self.least_sure > 0:
            parts.append(("l.sure >= ?", [self.least_sure]))
        if self.decides:
            parts.append(("l.decides", []))
        if self.state == "open":
            parts.append(("d.verdict IS NULL", []))
        elif self.state == "judged":
            parts.append(("d.verdict IS NOT NULL", []))
        elif self.state is not None:
            parts.append(("d.verdict = ?", [self.state]))
        if self.text:
            like = "%" + self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            parts.append(("(l.head_label LIKE ? ESCAPE '\\' OR l.tail_label LIKE ? ESCAPE '\\')", [like, like]))
        values = [value for _, given in parts for value in given]
        return "".join(f" AND {condition}" for condition, _ in parts), values


def _read_only(path: Path) -> str:
    """SQLite's address of a file that is only read; beside one that nobody has open it would make files of its own."""
    busy = path.with_name(f"{path.name}-wal").exists()
    return f"{path.resolve().as_uri()}?mode=ro{'' if busy else '&immutable=1'}"


class ReviewStore:
    """Lists, decisions and what stands, in one file."""

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        """Opens ``path``, and makes it where it is missing. DataError where it is something else.

        Not ``writable``: it is there, nothing is written, and what would write is a DataError.
        """
        self.path, self.writable = path, writable
        if not writable:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            with _transaction(connection):
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    for statement in _statements():
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {VERSION}")
                elif version != VERSION:
                    raise DataError(f"{path}: not a review of this version of upgan ({VERSION}), but {version}")

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        connection: sqlite3.Connection | None = None
        try:
            place, uri = (str(self.path), False) if self.writable else (_read_only(self.path), True)
            connection = sqlite3.connect(place, timeout=PATIENCE, isolation_level=None, uri=uri)
            connection.row_factory = sqlite3.Row
            yield connection
        except sqlite3.OperationalError as error:
            raise DataError(f"{self.path}: the review cannot be read or written ({error})") from None
        except sqlite3.DatabaseError as error:
            raise DataError(f"{self.path}: not a review, or damaged ({error})") from None
        finally:
            if connection is not None:
                connection.close()

    # Lists -----------------------------------------------------------------------------------------------------------

    def add_list(
        self, *, catalogue: str, dataset: str, name: str, run: str, model: str,
        options: Mapping[str, Any], promise: Mapping[str, Any], lines: Iterable[Mapping[str, Any]],
    ) -> int:  # fmt: skip
        """A new list with its lines (all of ``_LINE`` but the place), best first; whole or not at all."""
        columns = ", ".join(_LINE)
        with self._connected() as connection, _transaction(connection):
            added = connection.execute(
                "INSERT INTO lists (catalogue, dataset, name, run, model, made, options, promise) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (catalogue, dataset, name, run, model, _now(), json.dumps(dict(options)), json.dumps(dict(promise))),
            ).lastrowid
            assert added is not None
            connection.executemany(
                f"INSERT INTO lines (list, {columns}) VALUES (?{', ?' * len(_LINE)})",
                ((added, place, *(line[key] for key in _LINE[1:])) for place, line in enumerate(lines, start=1)),
            )
            return added

    def lists(self, catalogue: str | None = None) -> list[ReviewList]:
        """All lists, or those of one catalogue; the newest first."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT * FROM lists WHERE ? IS NULL OR catalogue = ? ORDER BY id DESC", (catalogue, catalogue)
            ).fetchall()
        return self._checked([dict(row) for row in rows], _LISTS)

    def _checked(self, rows: list[Any], shape: TypeAdapter[Shape]) -> Shape:
        """Rows as what they should be; DataError where another program, or a damage, made something else of them."""
        try:
            return checked(rows, shape, strict=False)
        except ValueError as error:
            raise DataError(f"{self.path}: damaged, or changed by another program (row {error})") from None

    def lines(self, shown: ReviewList, chosen: Filter | None = None, places: Sequence[int] | None = None) -> list[Line]:
        """The lines of a list that a filter leaves, best first, each with what stands of its fact.

        ``places``: of these places alone.
        """
        condition, values = (chosen or Filter()).where()
        if places is not None:
            condition, values = f"{condition} AND l.place IN ({', '.join('?' * len(places))})", [*values, *places]
        columns = ", ".join(f"l.{name}" for name in _LINE)
        query = f"SELECT {columns}, d.verdict, d.who, {_AGAINST} {_STANDING}{condition} ORDER BY l.place"
        with self._connected() as connection:
            rows = connection.execute(query, (shown.catalogue, shown.id, *values)).fetchall()
        return self._checked([tuple(row) for row in rows], _LINES)

    def places(self, shown: ReviewList, chosen: Filter | None = None) -> list[Place]:
        """Where the lines stand that a filter leaves, best first, and which are judged: what turning pages needs."""
        condition, values = (chosen or Filter()).where()
        query = f"SELECT l.place, d.verdict {_STANDING}{condition} ORDER BY l.place"
        with self._connected() as connection:
            return list(starmap(Place, connection.execute(query, (shown.catalogue, shown.id, *values))))

    def outcomes(self, shown: ReviewList) -> list[Outcome]:
        """The lines of a list counted by LEVELS and by what stands of them."""
        level = " ".join(f"WHEN l.sure >= {low} THEN {low}" for low in LEVELS)
        query = (
            "SELECT level, verdict, count(*), coalesce(sum(sure), 0.0), coalesce(sum(against > 0), 0) FROM (SELECT "
            f"l.sure, d.verdict, CASE {level} END AS level, {_AGAINST} AS against {_STANDING}) GROUP BY level, verdict"
        )
        with self._connected() as connection:
            return list(starmap(Outcome, connection.execute(query, (shown.catalogue, shown.id))))

    def waiting(self, shown: ReviewList, least: float) -> tuple[int, float]:
        """How many lines that are at least so sure nobody judged yet, and how sure they are on average."""
        query = f"SELECT count(*), coalesce(avg(l.sure), 0.0) {_STANDING} AND l.sure >= ? AND d.id IS NULL"
        with self._connected() as connection:
            count, promised = connection.execute(query, (shown.catalogue, shown.id, least)).fetchone()
        return int(count), float(promised)

    def kinds_and_relations(self, shown: ReviewList) -> tuple[list[str], dict[str, str]]:
        """The kinds of a list's lines, and their relations with what these are called."""
        with self._connected() as connection:
            kinds = connection.execute(
                "SELECT DISTINCT kind FROM lines WHERE list = ? AND kind <> '' ORDER BY 1", (shown.id,)
            ).fetchall()
            relations = connection.execute(
                "SELECT DISTINCT relation, relation_label FROM lines WHERE list = ? ORDER BY 2", (shown.id,)
            ).fetchall()
        return [row[0] for row in kinds], {relation: clean(label) for relation, label in map(tuple, relations)}

    # Decisions -------------------------------------------------------------------------------------------------------

    def decide(self, shown: ReviewList, place: int, verdict: str, who: str) -> int:
        """Write down that somebody judged a line; the decision's number. ConfigError for another verdict or no name.

        DataError where the list has no such line.
        """
        if verdict not in VERDICTS:
            raise ConfigError(f"verdict {verdict!r}: allowed are {', '.join(VERDICTS)}")
        named = person(who)
        copied = ", ".join((*_FACT, *_LABELS, "slot", "sure", "score", "users", "reason"))
        with self._connected() as connection, _transaction(connection):
            added = connection.execute(
                f'INSERT INTO decisions (catalogue, verdict, who, "when", list, place, run, model, {copied}) '
                f"SELECT ?, ?, ?, ?, ?, ?, ?, ?, {copied} FROM lines WHERE list = ? AND place = ?",
                (shown.catalogue, verdict, named, _now(), shown.id, place, shown.run, shown.model, shown.id, place),
            )
            if added.rowcount != 1 or added.lastrowid is None:
                raise DataError(f"{self.path}: list {shown.id} has no line {place}")
            return added.lastrowid

    def accept_all(self, shown: ReviewList, least: float, who: str) -> int:
        """Accept every line that nobody judged and that is at least so sure, as one decision; how many."""
        named, now = person(who), _now()
        copied = (*_FACT, *_LABELS, "slot", "sure", "score", "users", "reason")
        with self._connected() as connection, _transaction(connection):
            last = connection.execute("SELECT coalesce(max(id), 0) FROM decisions").fetchone()[0]
            connection.execute(
                f'INSERT INTO decisions (catalogue, verdict, who, "when", list, place, run, model, batch, '
                f"{', '.join(copied)}) SELECT ?, 'yes', ?, ?, l.list, l.place, ?, ?, ?, "
                f"{', '.join(f'l.{name}' for name in copied)} {_STANDING} AND l.sure >= ? AND d.id IS NULL "
                "ORDER BY l.place",
                (shown.catalogue, named, now, shown.run, shown.model, last + 1, shown.catalogue, shown.id, least),
            )
            return int(connection.execute("SELECT count(*) FROM decisions WHERE id > ?", (last,)).fetchone()[0])

    def undo(self, catalogue: str, who: str) -> dict[str, Any] | None:
        """Take back somebody's last decision that stands, with all that were made together with it.

        The decision, with ``together`` (how many are taken back); None where there is none.
        """
        with self._connected() as connection, _transaction(connection):
            last = connection.execute(
                "SELECT * FROM decisions WHERE catalogue = ? AND who = ? AND undone IS NULL ORDER BY id DESC LIMIT 1",
                (catalogue, person(who)),
            ).fetchone()
            if last is None:
                return None
            together = connection.execute(
                "UPDATE decisions SET undone = ? WHERE undone IS NULL AND (id = ? OR batch = ?)",
                (_now(), last["id"], last["batch"]),
            ).rowcount
            return {**dict(last), "together": together}

    def decisions(self, catalogue: str, verdicts: Iterable[str] = VERDICTS) -> list[dict[str, Any]]:
        """What stands of each judged fact, in the order of the decisions."""
        wanted = tuple(verdicts)
        with self._connected() as connection:
            rows = connection.execute(
                f"SELECT * FROM standing WHERE catalogue = ? AND verdict IN ({', '.join('?' * len(wanted))}) "
                "ORDER BY id",
                (catalogue, *wanted),
            ).fetchall()
        return [dict(row) for row in rows]

    def people(self, catalogue: str) -> dict[str, int]:
        """Who judged, and how many decisions of each stand."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT who, count(*) FROM decisions WHERE catalogue = ? AND undone IS NULL GROUP BY who ORDER BY who",
                (catalogue,),
            ).fetchall()
        return dict(map(tuple, rows))


def person(who: str) -> str:
    """A name as it is kept; ConfigError for none."""
    name = shorten(clean(who), LONGEST_NAME)
    if not name:
        raise ConfigError("say who decides: give a name or initials")
    return name


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Begun as a writer, so that it waits at its start and never fails between reading and writing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements() -> list[str]:
    """The statements of the schema, one by one: ``executescript`` would end the transaction."""
    text = (files("upgan.review") / "schema.sql").read_text(encoding="utf-8")
    plain = "\n".join(line.split("--")[0] for line in text.splitlines())
    return [part.strip() for part in plain.split(";") if part.strip()]
