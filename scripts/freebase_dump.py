"""Writes a synthetic source in the format of the paper's data, for scale tests: links, ratings and a Freebase dump.

    python scripts/freebase_dump.py --out DIR --lines 20000000 --items 20000 --users 5000

The dump has the shapes of the dump of March 2015: gzipped lines ``subject<TAB>predicate<TAB>object<TAB>.`` grouped by
subject, of which about a third join two topics. The rest are types (objects of the schema), names in several
languages, long descriptions, keys, dates, numbers and addresses of other sites. Topics are popular by a power law,
films' relations have their reverse on the other topic. Nothing in it is real.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NS = "<http://rdf.freebase.com/ns/"
ALPHABET = np.frombuffer(b"0123456789bcdfghjklmnpqrstvwxyz_", dtype="S1")
FILM = [("directed_by", "director"), ("produced_by", "producer"), ("written_by", "writer"), ("genre", "film_genre")]
FILM += [("country", ""), ("language", ""), ("cinematography", "cinematographer"), ("production_companies", "")]
LANGUAGES = ["en", "de", "fr", "ja", "pt-PT"]
#: Shares of the kinds of lines that are no fact between two topics, in the order of ``_other_objects``.
OTHERS = (0.3, 0.18, 0.08, 0.2, 0.12, 0.12)
CHUNK = 400_000


def mids(numbers: np.ndarray) -> pa.Array:
    """``m.0`` and six base-32 characters for each number."""
    places = (numbers[:, None] >> np.arange(25, -1, -5)) & 31
    tails = np.ascontiguousarray(ALPHABET[places]).view("S6").ravel()
    return pc.binary_join_element_wise("m.0", pa.array(tails, type=pa.binary()).cast(pa.string()), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=20_000_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    items, users = options.items, options.users
    topics = items + max(options.lines // 40, 1000)
    _write_links_and_ratings(options.out, items, users, rng)
    words = pa.array([f"word{number}" for number in range(5000)])
    domains = [f"domain{number}" for number in range(60)]
    predicates = pa.array([f"{d}.type{t}.property_{p}" for d in domains for t in range(8) for p in range(6)])
    written, subject = 0, 0
    with gzip.open(options.out / "freebase-rdf.gz", "wb", compresslevel=1) as stream:
        while written < options.lines:
            count = min(CHUNK, options.lines - written)
            step = max(1, round(topics * count / options.lines))
            lines = _chunk(np.arange(subject, subject + step), items, topics, predicates, words, count, rng)
            stream.write(b"\n".join(lines.slice(0, count).cast(pa.binary()).to_pylist()) + b"\n")
            written += count
            subject += step
    print(f"{written} lines, {topics} topics, {(options.out / 'freebase-rdf.gz').stat().st_size} bytes compressed")


def _chunk(
    block: np.ndarray,
    items: int,
    topics: int,
    predicates: pa.Array,
    words: pa.Array,
    count: int,
    rng: np.random.Generator,
) -> pa.Array:
    """Lines of the topics in ``block``, in the order of their subjects; films (the first ``items``) have film facts."""
    facts = int(count * 0.36)
    heads = rng.choice(block, facts)
    tails = (topics * rng.random(facts) ** 3).astype(np.int64)
    film = heads < items
    kind = rng.integers(0, len(FILM), facts)
    names = predicates.take(pa.array(len(predicates) * rng.random(facts) ** 4).cast(pa.int64(), safe=False))
    forward = pa.array([f"film.film.{name}" for name, _ in FILM]).take(pa.array(kind))
    names = pc.if_else(pa.array(film), forward, names)
    tails = np.where(film, items + tails % (topics // 50), tails)
    turned = np.flatnonzero(film & np.array([bool(other) for _, other in FILM])[kind])
    back = pa.array([f"film.{other}.film" for _, other in FILM]).take(pa.array(kind[turned]))
    subjects = np.concatenate([heads, tails[turned]])
    objects = np.concatenate([tails, heads[turned]])
    uris = pc.binary_join_element_wise(NS, mids(objects), ">", "")
    names = pa.concat_arrays([names, back])
    others = max(count - len(subjects), 0)
    other_names, other_objects = _other_objects(others, words, predicates, rng)
    subjects = np.concatenate([subjects, rng.choice(block, others)])
    order = pa.array(np.argsort(subjects, kind="stable"))
    names = pa.concat_arrays([pc.binary_join_element_wise(NS, names, ">", ""), other_names]).take(order)
    whole = pa.concat_arrays([uris, other_objects]).take(order)
    starts = pc.binary_join_element_wise(NS, mids(subjects), ">", "").take(order)
    return pc.binary_join_element_wise(starts, names, whole, ".", "\t")


def _other_objects(
    count: int, words: pa.Array, predicates: pa.Array, rng: np.random.Generator
) -> tuple[pa.Array, pa.Array]:
    """Predicates and objects of ``count`` lines that join no two topics: types, names, descriptions, keys, ..."""

    def text(size: int, length: int) -> pa.Array:
        return pc.binary_join_element_wise(
            *[words.take(pa.array(rng.integers(0, len(words), size))) for _ in range(length)], " "
        )

    sizes = np.diff([0, *np.floor(np.cumsum(OTHERS) * count).astype(int)[:-1], count])
    language = pa.array(LANGUAGES).take(pa.array(rng.integers(0, len(LANGUAGES), sizes[1])))
    number = pa.array(rng.integers(1, 10**6, int(sizes.max()))).cast(pa.string())
    join = pc.binary_join_element_wise
    schema = predicates.take(pa.array(rng.integers(0, len(predicates), sizes[0])))
    parts = [
        (f"{NS}type.object.type>", join(NS, schema, ">", "")),
        (f"{NS}type.object.name>", join('"', text(sizes[1], 3), '"@', language, "")),
        (f"{NS}common.topic.description>", join('"', text(sizes[2], 70), '"@en', "")),
        ("<http://rdf.freebase.com/key/wikipedia.en>", join('"', text(sizes[3], 2), '"', "")),
        (f"{NS}common.topic.topic_equivalent_webpage>", join("<http://example.org/", number[: sizes[4]], ">", "")),
        (f"{NS}film.film.initial_release_date>", join('"', number[: sizes[5]], '"^^<http://example.org/date>', "")),
    ]
    names = pa.concat_arrays([pa.repeat(pa.scalar(name), len(objects)) for name, objects in parts])
    return names, pa.concat_arrays([objects for _, objects in parts])


def _write_links_and_ratings(out: Path, items: int, users: int, rng: np.random.Generator) -> None:
    """KB4Rec's link file of most items, and ratings as MovieLens-20M writes them, 1995 to 2015."""
    linked = np.flatnonzero(rng.random(items) < 0.95)
    pairs = zip(linked.tolist(), mids(linked).to_pylist(), strict=True)
    (out / "ml2fb.txt").write_text("".join(f"{item + 1}\t{mid}\n" for item, mid in pairs), encoding="utf-8")
    size = users * 60
    rows = zip(
        np.sort(rng.integers(1, users + 1, size)).tolist(),
        (1 + items * rng.random(size) ** 2).astype(int).tolist(),
        (rng.integers(1, 11, size) / 2).tolist(),
        rng.integers(789_652_009, 1_427_784_002, size).tolist(),
        strict=True,
    )
    text = "".join(f"{user},{item},{rating},{when}\n" for user, item, rating, when in rows)
    (out / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + text, encoding="utf-8")


if __name__ == "__main__":
    main()
