"""The embedded catalogue is clean, its demo holds out what it should, and its simulated readers carry the answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from upgan.data.dataset import KGDataset
from upgan.data.demo import demo
from upgan.data.demo.catalogue import SEPARATOR, load_books, load_series
from upgan.data.demo.simulated_users import ReaderSettings, simulate_readers
from upgan.data.raw.source import RawSource

RIFTWAR = "The Riftwar Cycle"
RIFTWAR_SUB_SERIES = {
    "The Riftwar Saga",
    "The Empire Trilogy",
    "Krondor's Sons",
    "The Serpentwar Saga",
    "The Riftwar Legacy",
    "Legends of the Riftwar",
    "Conclave of Shadows",
    "The Darkwar Saga",
    "The Demonwar Saga",
    "The Chaoswar Saga",
}

#: The only genres a book may have; a controlled list, so that a genre is a fact that many books share.
GENRES = """
Adventure, Alternate history, Children's, Classic, Comic fantasy, Crime, Cyberpunk, Dark fantasy, Detective, Dystopia,
Epic fantasy, Fantasy, Gothic, Hard science fiction, Historical fantasy, Historical fiction, Historical romance,
Horror, Legal thriller, Literary fiction, Magical realism, Military science fiction, Post-apocalyptic, Romance,
Satire, Science fiction, Space opera, Spy, Sword and sorcery, Thriller, Urban fantasy, War, Western, Young adult
"""


@pytest.fixture(scope="module")
def books() -> pd.DataFrame:
    return load_books()


@pytest.fixture(scope="module")
def source() -> RawSource:
    return demo.demo_source(0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> KGDataset:
    return demo.write_demo(tmp_path_factory.mktemp("demo") / "demo")


@dataclass(frozen=True)
class Oracle:
    """Rank authors of a book by co-reading: its readers' books by each author, over the root of the author's total."""

    counts: np.ndarray  # (users, authors) how many books by the author the user has read, held-out ones not counted
    authors: list[str]
    users: dict[str, int]
    readers_of: dict[str, list[str]]

    @classmethod
    def of(cls, source: RawSource, interactions: pd.DataFrame) -> Oracle:
        wrote = source.triples[source.triples["relation"] == "author"]
        known = wrote[~wrote["split"].isin(["valid", "test"])]
        authors = sorted(set(wrote["tail"]))
        column = {author: number for number, author in enumerate(authors)}
        users = {user: number for number, user in enumerate(sorted(set(interactions["user"])))}
        read = interactions.merge(known[["head", "tail"]], left_on="item", right_on="head")
        counts = np.zeros((len(users), len(authors)))
        np.add.at(counts, (read["user"].map(users).to_numpy(), read["tail"].map(column).to_numpy()), 1)
        readers_of = {str(book): list(rows) for book, rows in interactions.groupby("item")["user"]}
        return cls(counts, authors, users, readers_of)

    def rank(self, book: str, author: str) -> float:
        rows = [self.users[user] for user in self.readers_of.get(book, [])]
        scores = self.counts[rows].sum(axis=0) / np.sqrt(self.counts.sum(axis=0) + 1)
        own = scores[self.authors.index(author)]
        return float(1 + (scores > own).sum() + ((scores == own).sum() - 1) / 2)


def held_out_authors(source: RawSource) -> list[tuple[str, str]]:
    triples = source.triples
    rows = triples[(triples["relation"] == "author") & triples["split"].isin(["valid", "test"])]
    return list(rows[["head", "tail"]].itertuples(index=False, name=None))


def oracle_mrr(source: RawSource, interactions: pd.DataFrame) -> float:
    oracle = Oracle.of(source, interactions)
    return float(np.mean([1 / oracle.rank(book, author) for book, author in held_out_authors(source)]))


# The tables


def test_the_catalogue_is_large_enough(books: pd.DataFrame) -> None:
    per_author = books["author"].str.split(SEPARATOR, regex=False).explode().value_counts()
    assert len(books) >= 600
    assert len(per_author) >= 120
    assert per_author.min() >= 2
    assert (per_author >= 3).mean() > 0.9
    assert books["language"].nunique() >= 8


def test_no_cell_is_untidy(books: pd.DataFrame) -> None:
    for table in (books, load_series()):
        cells = pd.Series(table.to_numpy().ravel())
        assert (cells == cells.str.strip()).all()
        parts = cells[cells != ""].str.split(SEPARATOR, regex=False).explode()
        assert ((parts != "") & (parts == parts.str.strip())).all()
        assert not cells.str.split(SEPARATOR, regex=False).map(lambda names: len(set(names)) < len(names)).any()


def test_books_are_complete_and_not_repeated(books: pd.DataFrame) -> None:
    assert books["title"].is_unique
    assert (books[["title", "author", "genres", "language", "year"]] != "").all(axis=None)
    assert books["year"].str.fullmatch(r"1[4-9]\d\d|20[0-2]\d").all()
    assert books["part"].str.fullmatch(r"|[1-9]\d?").all()
    numbered = books[books["part"] != ""]
    assert (numbered["series"] != "").all()
    assert not numbered.duplicated(["series", "part"]).any()


def test_later_parts_are_not_older(books: pd.DataFrame) -> None:
    numbered = books[books["part"] != ""].assign(order=books["part"].replace("", "0").astype(int))
    for _, parts in numbered.sort_values("order").groupby("series"):
        assert parts["year"].astype(int).is_monotonic_increasing, parts[["title", "part", "year"]]


def test_genres_are_from_the_list(books: pd.DataFrame) -> None:
    genres = books["genres"].str.split(SEPARATOR, regex=False)
    assert genres.map(len).between(1, 3).all()
    assert set(genres.explode()) <= set(GENRES.replace("\n", " ").strip().split(", "))


def test_every_series_is_listed_with_its_authors(books: pd.DataFrame) -> None:
    series = load_series()
    assert series["series"].is_unique
    listed = set(series["series"])
    assert set(books["series"]) - {""} <= listed
    assert set(series["parent"]) - {""} <= listed
    # No series is there for nothing: it has a book, or a sub-series.
    assert listed == (set(books["series"]) | set(series["parent"])) - {""}
    authors_of = series.set_index("series")["author"]
    for name, author in books.loc[books["series"] != "", ["series", "author"]].itertuples(index=False):
        assert set(author.split(SEPARATOR)) <= set(authors_of[name].split(SEPARATOR)), name


def test_no_series_contains_itself() -> None:
    parent = load_series().set_index("series")["parent"].to_dict()
    for name in parent:
        seen = {name}
        while name := parent[name]:
            assert name not in seen
            seen.add(name)


def test_the_books_of_the_cases_are_there(books: pd.DataFrame) -> None:
    hers = books.loc[books["author"] == "Linda Lael Miller", "title"]
    assert {"Part of the Bargain", "Snowflakes on the Sea", "Just Kate"} <= set(hers)
    series = load_series()
    assert set(series.loc[series["parent"] == RIFTWAR, "series"]) == RIFTWAR_SUB_SERIES <= set(books["series"])
    wheel = books[books["series"] == "The Wheel of Time"]
    assert set(wheel["part"]) >= {str(part) for part in range(1, 15)}


# The source


def test_ids_and_labels_are_unique(source: RawSource) -> None:
    assert source.labels["id"].is_unique
    entities = source.labels[source.labels["id"].str.contains(":")]
    # A label that two entities share could not be asked for by name.
    assert entities["label"].is_unique
    assert source.kinds["id"].is_unique
    used = set(source.triples["head"]) | set(source.triples["tail"])
    assert used == set(source.kinds["id"]) == set(entities["id"])
    assert set(source.kinds["kind"]) == {"book", "author", "series", "genre", "publisher", "language", "award"}
    assert set(source.triples["relation"]) == set(demo.RELATION_LABELS)
    assert not source.triples.duplicated(["head", "relation", "tail"]).any()
    assert set(source.interactions["item"]) <= set(source.triples["head"])
    assert source.simulated_users
    assert [file.name for file in source.files] == ["books.tsv", "series.tsv"]


def test_slugs_are_readable(source: RawSource) -> None:
    ids = dict(source.labels[["label", "id"]].itertuples(index=False, name=None))
    assert ids["'Salem's Lot"] == "book:salems-lot"
    assert ids["Jo Nesbø"] == "author:jo-nesbo"
    assert ids["Stanisław Lem"] == "author:stanislaw-lem"
    assert source.labels["id"].str.fullmatch(r"[a-z_]+(:[a-z0-9]+(-[a-z0-9]+)*)?").all()


def test_what_training_knows_of_sparse_books_fits_many_authors(source: RawSource) -> None:
    held = held_out_authors(source)
    sparse = {book for book, _ in held}
    assert 0.10 <= len(sparse) / len(load_books()) <= 0.15
    triples = source.triples
    of_sparse = triples[triples["head"].isin(sparse)]
    assert set(of_sparse["split"]) == {"train", "valid", "test"}
    # All that is held out of a book is in one split.
    assert (of_sparse[of_sparse["split"] != "train"].groupby("head")["split"].nunique() == 1).all()
    kept = of_sparse[of_sparse["split"] == "train"]
    assert set(kept["relation"]) <= {"genre", "publisher", "language"}
    assert set(kept["head"]) == sparse
    wrote = triples.loc[triples["relation"] == "author", ["head", "tail"]].rename(columns={"tail": "author"})
    holders = triples.groupby("tail")["head"].agg(set)
    for book, facts in kept.groupby("head")["tail"]:
        alike = set.intersection(*holders[facts])
        authors = wrote.loc[wrote["head"].isin(alike), "author"].nunique()
        assert authors >= (4 if book == demo.CASE_BOOK else demo.SPARSE_COMPANY), book


def test_other_seeds_draw_other_sparse_books_and_the_same_cases() -> None:
    first, second = demo.demo_source(1), demo.demo_source(2)
    assert set(held_out_authors(first)) != set(held_out_authors(second))
    cases = {(demo.CASE_BOOK, demo.CASE_AUTHOR), (demo.CASE_CYCLE, demo.CASE_SUB_SERIES)}
    for source in (first, second):
        held = source.triples[source.triples["split"] == "test"]
        assert cases <= set(held[["head", "tail"]].itertuples(index=False, name=None))


# The prepared dataset


def test_the_cases_are_in_test_and_their_answers_in_training(dataset: KGDataset) -> None:
    number, relation = dataset.entity_index, dataset.relation_index
    cases = {
        (number[demo.CASE_BOOK], relation["author"], number[demo.CASE_AUTHOR]),
        (number[demo.CASE_CYCLE], relation["has_sub_series"], number[demo.CASE_SUB_SERIES]),
    }
    assert cases <= set(map(tuple, dataset.test.tolist()))
    trained = set(dataset.train[:, [0, 2]].ravel().tolist())
    # Not only the answers of the cases: each entity of the dataset.
    assert trained == set(range(dataset.num_entities))
    book = dataset.train[(dataset.train == number[demo.CASE_BOOK])[:, [0, 2]].any(axis=1)]
    assert {dataset.relations[r] for r in book[:, 1]} == {"genre", "publisher", "language"}
    assert len(book) <= 4
    known = dataset.train[(dataset.train[:, 0] == number[demo.CASE_CYCLE]), 2]
    assert {dataset.entity_labels[n] for n in known} == RIFTWAR_SUB_SERIES - {"The Serpentwar Saga"}


def test_preparation_keeps_the_catalogue(dataset: KGDataset, source: RawSource) -> None:
    assert dataset.simulated_users
    assert set(dataset.entities) == set(source.kinds["id"])
    assert len(dataset.train) + len(dataset.valid) + len(dataset.test) == len(source.triples)
    assert len(dataset.interactions) > 0.99 * len(source.interactions)
    assert min(len(dataset.valid), len(dataset.test)) > 0.07 * len(source.triples)


def test_the_same_seed_writes_the_same_dataset(dataset: KGDataset, tmp_path: Path) -> None:
    assert demo.write_demo(tmp_path / "again").fingerprint == dataset.fingerprint
    assert demo.write_demo(tmp_path / "other", seed=1).fingerprint != dataset.fingerprint


# The simulated readers


def test_readers_have_lists_of_their_length(source: RawSource) -> None:
    lists = source.interactions.groupby("user").size()
    assert len(lists) == ReaderSettings().readers
    assert 14 <= lists.mean() <= 25
    assert lists.between(10, 50).all()
    assert not source.interactions.duplicated().any()
    assert source.interactions["user"].str.fullmatch(r"reader-\d{4}").all()


def test_readers_depend_on_the_seed_only() -> None:
    books = demo.demo_books()
    settings = ReaderSettings(readers=50)
    first = simulate_readers(books, 3, settings)
    pd.testing.assert_frame_equal(first, simulate_readers(books, 3, settings))
    assert not first.equals(simulate_readers(books, 4, settings))


def test_a_catalogue_without_series_has_readers_too() -> None:
    books = demo.demo_books().assign(series="", cycle="", part="").head(40)
    assert simulate_readers(books, 0, ReaderSettings(readers=20))["user"].nunique() == 20


def test_readers_give_away_the_authors_of_sparse_books(source: RawSource) -> None:
    assert oracle_mrr(source, source.interactions) > 0.5
    rng = np.random.default_rng(0)
    shuffled = source.interactions.assign(item=rng.permutation(source.interactions["item"].to_numpy()))
    assert oracle_mrr(source, shuffled.drop_duplicates()) < 0.15


def test_readers_of_part_of_the_bargain_point_to_its_author(source: RawSource) -> None:
    oracle = Oracle.of(source, source.interactions)
    assert oracle.rank(demo.CASE_BOOK, demo.CASE_AUTHOR) == 1
    hers = {"book:snowflakes-on-the-sea", "book:just-kate"}
    readers = set(oracle.readers_of[demo.CASE_BOOK])
    assert all(readers & set(oracle.readers_of[book]) for book in hers)


def test_the_popularity_trap_of_the_riftwar_cycle(source: RawSource) -> None:
    books = demo.demo_books()
    read = source.interactions.merge(books[["id", "series", "cycle"]], left_on="item", right_on="id")
    sub = read["series"] == "The Serpentwar Saga"
    related = set(read.loc[(read["cycle"] == RIFTWAR) & ~sub, "user"])
    wheel, serpentwar = set(read.loc[read["series"] == "The Wheel of Time", "user"]), set(read.loc[sub, "user"])
    # Counting misleads, the share of a series' readers who know the cycle does not.
    assert len(related & wheel) > len(related & serpentwar) > 0
    assert len(related & serpentwar) / len(serpentwar) > len(related & wheel) / len(wheel)
