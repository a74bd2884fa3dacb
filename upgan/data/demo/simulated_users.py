"""Simulated readers: who read which book, drawn from a documented model. No real person is behind any of them.

The model, for B books, A authors, G genres and U readers:

1. Popularity. Books are put in a seeded random order and get Zipf weights ``rank ** -zipf``; the first volume of a
   series counts ``first_volume`` times as much, and the names in ``boosts`` (series, cycles, authors) are multiplied.
   This is where the popularity trap of the case study comes from: The Wheel of Time is read by nearly everybody who
   likes epic fantasy, The Serpentwar Saga only by those who follow its cycle.
2. Favourite authors (1 to 3). The first is dealt out evenly over the authors, so that each has readers who can give
   one of their books away. The taste of the reader is a Dirichlet draw centred on the first favourite's genres, and
   the further favourites are drawn by popularity and taste. Of a favourite a reader reads most books.
3. Favourite series (0 to 2), drawn by popularity and taste: read volume by volume, most parts. A reader who likes a
   series that belongs to a larger cycle often goes on with others of that cycle.
4. The rest of the list, up to its length, are books drawn by popularity and taste, and a share of uniform noise.

So co-reading favours books of one author and series of one cycle, while raw counts favour what everybody reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from upgan.data.demo.catalogue import SEPARATOR


@dataclass(frozen=True)
class ReaderSettings:
    """Parameters of the simulated readers; the defaults are those of the demo."""

    #: How many readers (U).
    readers: int = 1000
    #: Fewest and most books of a reader, before repeats are merged.
    shortest: int = 12
    longest: int = 26
    #: Probabilities of 1, 2 and 3 favourite authors.
    favourite_authors: tuple[float, ...] = (0.45, 0.35, 0.2)
    #: Probabilities of 0, 1 and 2 favourite series.
    favourite_series: tuple[float, ...] = (0.35, 0.45, 0.2)
    #: Share of a favourite author's books that is read, and the most books of one favourite.
    author_share: float = 0.5
    author_limit: int = 6
    #: Chance that a part of a favourite series is read, and the most parts of one series.
    series_completion: float = 0.85
    series_limit: int = 6
    #: Chance that a favourite series is followed by another series of its cycle, again and again up to the limit.
    cycle_follow: float = 0.8
    cycle_limit: int = 2
    #: Dirichlet weight of every genre, and the weight shared out over the genres of the first favourite author.
    taste_base: float = 0.05
    taste_focus: float = 6.0
    #: Zipf exponent of the books' popularity; 0 makes all equal.
    zipf: float = 0.7
    #: How many times more popular the first volume of a series is.
    first_volume: float = 2.0
    #: Share of a reader's list drawn uniformly over all books.
    noise: float = 0.1
    #: Series, cycle or author names whose books are this many times more (or less) popular.
    boosts: tuple[tuple[str, float], ...] = (
        ("The Wheel of Time", 5.0),
        ("A Song of Ice and Fire", 3.0),
        ("Harry Potter", 3.0),
        ("The Lord of the Rings", 3.0),
        ("Linda Lael Miller", 3.0),
        ("The Riftwar Cycle", 1.0),
    )


@dataclass(frozen=True, eq=False)
class _Shelf:
    """The books in numbers. B books, A authors, G genres, S series; a series is in exactly one cycle (maybe itself)."""

    popularity: np.ndarray  # (B,) sums to 1
    genres: np.ndarray  # (B, G) rows sum to 1
    books_of_author: list[np.ndarray]  # per author, its book numbers
    author_popularity: np.ndarray  # (A,)
    author_genres: np.ndarray  # (A, G)
    books_of_series: list[np.ndarray]  # per series, its book numbers in reading order
    series_popularity: np.ndarray  # (S,)
    series_genres: np.ndarray  # (S, G)
    cycle: np.ndarray  # (S,) the number of the series' largest cycle


def simulate_readers(books: pd.DataFrame, seed: int, settings: ReaderSettings | None = None) -> pd.DataFrame:
    """Draw the readers of ``books`` (columns id, author, series, cycle, part, genres; several values split by ``|``).

    ``cycle`` is the largest cycle a book's series belongs to, or that series itself. Returns one row per reader and
    book, columns user ("reader-0001") and item (the book's id), sorted, without repeats; the same seed gives the same.
    """
    settings = settings or ReaderSettings()
    rng = np.random.default_rng([seed, 0x5EAD])
    shelf = _shelve(books, settings, rng)
    authors = len(shelf.books_of_author)
    # Dealt out like cards: every author is somebody's first favourite about readers / authors times.
    rounds = -(-settings.readers // authors)
    first = np.concatenate([rng.permutation(authors) for _ in range(rounds)])[: settings.readers]
    rows = [_one_reader(shelf, int(favourite), settings, rng) for favourite in first]
    width = max(4, len(str(settings.readers)))
    names = [f"reader-{number:0{width}d}" for number in range(1, settings.readers + 1)]
    users = np.repeat(names, [len(books_read) for books_read in rows])
    frame = pd.DataFrame({"user": users, "item": books["id"].to_numpy()[np.concatenate(rows)]})
    return frame.sort_values(["user", "item"], ignore_index=True)


def _one_reader(shelf: _Shelf, first: int, settings: ReaderSettings, rng: np.random.Generator) -> np.ndarray:
    """The numbers of the books one reader has read, (n,), each once."""
    length = int(rng.integers(settings.shortest, settings.longest + 1))
    taste = rng.dirichlet(settings.taste_base + settings.taste_focus * shelf.author_genres[first])
    read: set[int] = set()

    authors = [first]
    more = int(rng.choice(len(settings.favourite_authors), p=settings.favourite_authors))
    authors += _draw(shelf.author_popularity * (shelf.author_genres @ taste), more, rng).tolist()
    for author in authors:
        theirs = shelf.books_of_author[author]
        count = min(settings.author_limit, max(2, round(settings.author_share * len(theirs))), len(theirs))
        # The square root flattens popularity: who likes an author also reads the lesser known books.
        read.update(theirs[_draw(np.sqrt(shelf.popularity[theirs]), count, rng)].tolist())

    if len(shelf.books_of_series):
        some = int(rng.choice(len(settings.favourite_series), p=settings.favourite_series))
        liking = shelf.series_popularity * (shelf.series_genres @ taste)
        for series in _draw(liking, some, rng).tolist():
            read.update(_read_series(shelf, series, settings, rng))

    noise = rng.random(length) < settings.noise
    match = shelf.popularity * (shelf.genres @ taste + 1e-6)
    by_taste = _draw(match, length, rng)
    for place, is_noise in enumerate(noise):
        if len(read) >= length:
            break
        if is_noise or place >= len(by_taste):
            read.add(int(rng.integers(len(shelf.popularity))))
        else:
            read.add(int(by_taste[place]))
    return np.array(sorted(read), dtype=np.int64)


def _read_series(shelf: _Shelf, series: int, settings: ReaderSettings, rng: np.random.Generator) -> list[int]:
    """Most parts of a series and, often, of one or two others of the same cycle."""
    siblings = np.flatnonzero((shelf.cycle == shelf.cycle[series]) & (np.arange(len(shelf.cycle)) != series))
    # How many more series follow: as many heads as come before the first tails.
    tosses = rng.random(settings.cycle_limit) < settings.cycle_follow
    more = int(np.argmin(np.append(tosses, False)))
    chosen = [series, *rng.permutation(siblings)[:more].tolist()]
    parts: list[int] = []
    for number in chosen:
        volumes = shelf.books_of_series[number][: settings.series_limit]
        parts += volumes[rng.random(len(volumes)) < settings.series_completion].tolist()
    return parts


def _draw(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` different numbers, drawn one after the other by ``weights`` (N,); fewer where fewer have weight.

    Exponential races: the smallest of independent Exp(weight) is the first of such a draw, and so on.
    """
    with np.errstate(divide="ignore"):
        finish = rng.exponential(size=len(weights)) / weights
    order = np.argsort(finish, kind="stable")[:count]
    drawn: np.ndarray = order[np.isfinite(finish[order])]
    return drawn


def _shelve(books: pd.DataFrame, settings: ReaderSettings, rng: np.random.Generator) -> _Shelf:
    """Number everything and draw the books' popularity."""
    books = books.reset_index(drop=True)
    popularity = _popularity(books, settings, rng)
    genres = books["genres"].str.get_dummies(sep=SEPARATOR).to_numpy(dtype=float)
    genres = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1)
    by_author = books["author"].str.split(SEPARATOR, regex=False).explode()
    books_of_author = [np.sort(rows.to_numpy()) for rows in _groups(by_author)]
    in_order = books.assign(part=pd.to_numeric(books["part"], errors="coerce")).sort_values("part", kind="stable")
    named = in_order[in_order["series"] != ""]
    books_of_series = [rows.to_numpy() for rows in _groups(named["series"])]
    cycles = books["cycle"].to_numpy()
    cycle = pd.factorize(np.array([cycles[rows[0]] for rows in books_of_series], dtype=object))[0]
    return _Shelf(
        popularity=popularity,
        genres=genres,
        books_of_author=books_of_author,
        # The mean, not the sum: that an author wrote many books does not make them liked by more readers.
        author_popularity=np.array([popularity[rows].mean() for rows in books_of_author]),
        author_genres=np.array([genres[rows].mean(axis=0) for rows in books_of_author]),
        books_of_series=books_of_series,
        series_popularity=np.array([popularity[rows].mean() for rows in books_of_series]),
        series_genres=np.array([genres[rows].mean(axis=0) for rows in books_of_series]),
        cycle=cycle,
    )


def _groups(names: pd.Series[str]) -> list[pd.Index[int]]:
    """The row labels of each name, names in alphabetical order."""
    return [group.index for _, group in names.groupby(names, sort=True)]


def _popularity(books: pd.DataFrame, settings: ReaderSettings, rng: np.random.Generator) -> np.ndarray:
    """Weights (B,) that sum to 1: Zipf in a random order, first volumes and the boosted names raised."""
    weights = (1.0 + rng.permutation(len(books))) ** -settings.zipf
    weights[((books["part"] == "1") & (books["series"] != "")).to_numpy()] *= settings.first_volume
    authors = [cell.split(SEPARATOR) for cell in books["author"]]
    for name, factor in settings.boosts:
        wrote = np.array([name in names for names in authors], dtype=bool)
        weights[((books["series"] == name) | (books["cycle"] == name)).to_numpy() | wrote] *= factor
    weights /= weights.sum()
    return weights
