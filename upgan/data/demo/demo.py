"""The demo: the embedded catalogue as a knowledge graph, with simulated readers.

Relations: a book's author, series, genre, publisher, language and award, and a cycle's sub-series
(``has_sub_series``, the larger cycle first). There is no relation from a series to its author: a book's series and that
relation would spell out the book's author, and no query about authors would be left to answer.

What is held out on purpose:

* The two cases of the paper (section 5.6), both in test: (Part of the Bargain, author, Linda Lael Miller), a book of
  which training knows only genre, publisher and language; and (The Riftwar Cycle, has_sub_series, The Serpentwar
  Saga), while the other sub-series of that cycle are in training.
* Sparse books, SPARSE_SHARE of all (one in eight): their author is held out (two thirds test, one third valid), and
  so is the series, because its other volumes would name the author, and every fact that would narrow the author
  down: what training keeps of them (language, mostly one genre) fits books by at least SPARSE_COMPANY authors. Who
  reads them decides. Drawn by seed among books with enough readers and an author with enough other books.

Everything else is split by preparation, except that language is wholly in training (who knows that a book is English
knows nothing) and that each entity keeps a training triple, so that no answer is unheard of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from upgan.data.dataset import KGDataset
from upgan.data.demo.catalogue import SEPARATOR, load_books, load_series, source_files
from upgan.data.demo.simulated_users import simulate_readers
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.data.raw.source import RawSource
from upgan.errors import DataError

#: Arguments of PrepareSettings that keep the cases: the catalogue is clean, so that nothing has to be filtered hard.
DEMO_SETTINGS: dict[str, Any] = {"min_interactions": 3, "min_triples": 1, "max_hops": 4}

#: Share of books whose author only their readers can tell.
SPARSE_SHARE = 0.125
#: A sparse book has at least so many readers ...
SPARSE_READERS = 6
#: ... and its author so many other books that are not sparse themselves.
SPARSE_SIBLINGS = 3
#: What training knows of a sparse book, taken together, fits books by at least so many authors.
SPARSE_COMPANY = 8

CASE_BOOK = "book:part-of-the-bargain"
CASE_AUTHOR = "author:linda-lael-miller"
CASE_CYCLE = "series:the-riftwar-cycle"
CASE_SUB_SERIES = "series:the-serpentwar-saga"

#: Column of the table of books -> the relation that it holds, which is also the kind of what it names.
BOOK_RELATIONS = {
    "author": "author",
    "series": "series",
    "genres": "genre",
    "publisher": "publisher",
    "language": "language",
    "awards": "award",
}
RELATION_LABELS = {relation: relation for relation in BOOK_RELATIONS.values()} | {"has_sub_series": "has sub-series"}

#: Letters that Unicode does not take apart into a base letter and an accent.
_LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "æ": "ae", "Æ": "Ae", "ß": "ss"})


def demo_source(seed: int = 0) -> RawSource:
    """The catalogue as triples and simulated readers; the readers, the sparse books and their split depend on seed."""
    books = demo_books()
    readers = simulate_readers(books, seed)
    triples, labels = _triples(books)
    triples["split"] = _splits(triples, books, readers, seed)
    entity_labels = labels.assign(kind=labels["id"].str.partition(":")[0])
    relation_labels = pd.DataFrame(RELATION_LABELS.items(), columns=["id", "label"])
    return RawSource(
        name="demo",
        format="demo",
        triples=triples,
        interactions=readers,
        links=None,
        labels=pd.concat([entity_labels[["id", "label"]], relation_labels], ignore_index=True),
        kinds=entity_labels[["id", "kind"]],
        files=source_files(),
        simulated_users=True,
    )


def write_demo(out: Path, seed: int = 0) -> KGDataset:
    """Prepare the demo and write it to ``out``."""
    return prepare(demo_source(seed), out, PrepareSettings(**DEMO_SETTINGS, seed=seed))


def demo_books() -> pd.DataFrame:
    """The book table with two more columns: id, and cycle, the largest cycle of the book's series (or the series)."""
    books = load_books()
    series = load_series()
    parent = dict(zip(series["series"], series["parent"], strict=True))

    def largest(name: str) -> str:
        while parent.get(name):
            name = parent[name]
        return name

    return books.assign(id=_ids("book", books["title"]), cycle=books["series"].map(largest))


def sparse_books(books: pd.DataFrame, readers: pd.DataFrame, vague: pd.Series[int], seed: int) -> list[str]:
    """The ids of the sparse books, sorted; the book of the case is always among them.

    One author, at least SPARSE_READERS readers, no award, and two vague facts at least (``vague``: their number by
    book id). No author loses so many books that fewer than SPARSE_SIBLINGS are left, and no series or publisher
    its last two: it would be unknown in training. The case's cycle is spared: its test is the cycle.
    """
    counts = books["id"].map(readers["item"].value_counts()).fillna(0)
    together = books["author"].str.contains(SEPARATOR, regex=False)
    eligible = (counts >= SPARSE_READERS) & (books["awards"] == "") & ~together
    eligible &= books["id"].map(vague).fillna(0) >= 2
    case = books["id"] == CASE_BOOK
    spared = books["cycle"] == "The Riftwar Cycle"
    pool = books[eligible & ~case & ~spared]
    left = books["author"].str.split(SEPARATOR, regex=False).explode().value_counts().to_dict()
    # The case's author gives the case's book away by her other books only: none of them is sparse as well.
    left[books.loc[case, "author"].iloc[0]] = SPARSE_SIBLINGS
    # How many books still name each series and publisher; "" stands for none and never runs out.
    named = {**books["series"].value_counts(), **books["publisher"].value_counts(), "": len(books)}
    wanted = round(SPARSE_SHARE * len(books))
    chosen = [CASE_BOOK]
    order = np.random.default_rng([seed, 0x5BA5]).permutation(len(pool))
    columns = ["id", "author", "series", "publisher"]
    for identifier, author, *names in pool.iloc[order][columns].itertuples(index=False):
        if len(chosen) < wanted and left[author] > SPARSE_SIBLINGS and min(named[name] for name in names) > 2:
            chosen.append(identifier)
            left[author] -= 1
            for name in names:
                named[name] -= name != ""
    return sorted(chosen)


def vague_facts(triples: pd.DataFrame) -> pd.Series[bool]:
    """For each triple whether it may stay when its book is sparse: what a book's vague facts say fits many authors.

    The language stays; then genres and publisher are taken from the most to the least common, and a fact is vague if
    at least SPARSE_COMPANY authors have a book with it and all facts taken before. One by one they would all look
    harmless: a publisher and two genres together often name the author. The case's book keeps all of its few facts.
    """
    wrote = triples[triples["relation"] == "author"].groupby("head")["tail"].agg(set).to_dict()
    facts = triples[triples["relation"].isin(["language", "genre", "publisher"])]
    size = facts.groupby(["relation", "tail"])["head"].transform("size")
    facts = facts.assign(size=size.mask(facts["relation"] == "language", len(triples)))
    holders = facts.groupby(["relation", "tail"])["head"].agg(set).to_dict()
    # Many books say the same: what a set of facts fits is worked out once. Facts -> (books, number of authors).
    fits: dict[tuple[tuple[str, str], ...], tuple[set[Hashable], int]] = {(): (set(wrote), len(wrote))}
    vague: list[int] = []
    taken: tuple[tuple[str, str], ...] = ()
    last = ""
    # One pass over all rows: a pandas group for each book would take many times as long.
    facts = facts.sort_values(["head", "size"], ascending=[True, False], kind="stable")
    for row, book, relation, tail in facts[["head", "relation", "tail"]].itertuples(name=None):
        if book != last:
            taken, last = (), book
        longer = (*taken, (relation, tail))
        if longer not in fits:
            alike = fits[taken][0] & holders[relation, tail]
            fits[longer] = (alike, len(set().union(*(wrote[other] for other in alike))))
        if relation == "language" or book == CASE_BOOK or fits[longer][1] >= SPARSE_COMPANY:
            vague.append(row)
            taken = longer
    return pd.Series(triples.index.isin(vague), index=triples.index)


def _splits(triples: pd.DataFrame, books: pd.DataFrame, readers: pd.DataFrame, seed: int) -> pd.Series[str]:
    """The split of each triple: train, valid or test; empty where preparation draws."""
    rng = np.random.default_rng([seed, 0x5B11])
    split = pd.Series("", index=triples.index)
    head, relation, tail = triples["head"], triples["relation"], triples["tail"]
    split[relation == "language"] = "train"
    split[(relation == "has_sub_series") & (head == CASE_CYCLE)] = "train"
    vague = vague_facts(triples)
    sparse = sparse_books(books, readers, vague.astype(int).groupby(head).sum(), seed)
    drawn = np.where(rng.random(len(sparse)) < 2 / 3, "test", "valid").tolist()
    held_out = {**dict(zip(sparse, drawn, strict=True)), CASE_BOOK: "test"}
    of_sparse = head.isin(sparse)
    split[of_sparse] = np.where(vague[of_sparse], "train", head[of_sparse].map(held_out))
    split[(relation == "has_sub_series") & (head == CASE_CYCLE) & (tail == CASE_SUB_SERIES)] = "test"
    # Each entity keeps one triple in training: the first of its open ones in a random order.
    known = set(head[split == "train"]) | set(tail[split == "train"])
    ends = list(zip(head, tail, strict=True))
    pinned = []
    for row in rng.permutation(np.flatnonzero(split == "")).tolist():
        if not known.issuperset(ends[row]):
            pinned.append(row)
            known.update(ends[row])
    split.iloc[pinned] = "train"
    return split


def _triples(books: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Triples (head, relation, tail) of the two tables, and the entities' labels (id, label)."""
    names: dict[str, str] = dict(zip(books["id"], books["title"], strict=True))
    parts = []
    for column, relation in BOOK_RELATIONS.items():
        cells = books[["id", column]].assign(value=books[column].str.split(SEPARATOR, regex=False)).explode("value")
        cells = cells[cells["value"] != ""]
        identifiers = _name(relation, cells["value"], names)
        parts.append(pd.DataFrame({"head": cells["id"].to_list(), "relation": relation, "tail": identifiers}))
    series = load_series()
    series = series[series["parent"] != ""]
    cycles = _name("series", series["parent"], names)
    parts.append(
        pd.DataFrame({"head": cycles, "relation": "has_sub_series", "tail": _name("series", series["series"], names)})
    )
    return pd.concat(parts, ignore_index=True), pd.DataFrame(names.items(), columns=["id", "label"])


def _name(kind: str, values: pd.Series[str], names: dict[str, str]) -> list[str]:
    """The ids of ``values``; what they stand for is noted in ``names`` (id -> label)."""
    unique = list(dict.fromkeys(values))
    identifiers = dict(zip(unique, _ids(kind, unique), strict=True))
    names.update((identifier, value) for value, identifier in identifiers.items())
    return [identifiers[value] for value in values]


def _ids(kind: str, names: Iterable[str]) -> list[str]:
    """Ids such as book:part-of-the-bargain; two names with one id are a DataError."""
    seen: dict[str, str] = {}
    identifiers = []
    for name in names:
        identifier = f"{kind}:{_slug(name)}"
        if seen.setdefault(identifier, name) != name or identifier in identifiers:
            raise DataError(f"two {kind} names of the catalogue are {identifier!r}: {seen[identifier]!r}, {name!r}")
        identifiers.append(identifier)
    return identifiers


def _slug(name: str) -> str:
    """Lower-case ASCII words joined by hyphens; an apostrophe joins what it stands between."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"['\u2019]", "", plain).lower()).strip("-")
