"""The paper's sources: KB4Rec's links (item, Freebase topic), a domain's ratings, and a Freebase dump.

The order is the paper's (5.1): ratings of linked items within the time window, k-core, breadth-first search from the
topics that are left. What comes out is filtered and split by ``upgan.data.prepare.prepare`` like any other source; it
takes the k-core again, on the same interactions, and so with the same result.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from upgan.data.dump.freebase import HOUSEKEEPING, Tally, manifest_of, read_dump
from upgan.data.dump.freebase_graph import Subgraph, names_of, search
from upgan.data.dump.passes import connect, work_folder
from upgan.data.dump.ratings import RatingFile, Ratings, read_ratings, recognise_ratings
from upgan.data.dump.stream import DumpStream, first_lines, identity_of
from upgan.data.prepare.filters import k_core
from upgan.data.raw.format import DumpReading, Format, Sources
from upgan.data.raw.source import RawSource, SourceFile
from upgan.errors import DataError
from upgan.files import sha256_of_file

_DUMP_LINE = re.compile(r"<http://rdf\.freebase\.com/\S+>\s+<\S+>\s+\S.*")
_TOPIC = re.compile(r"/?([mg])[./]([0-9A-Za-z_\-]+)")
#: Some releases of the links write the domain before the item's id: movie_25991.
_ITEM_PREFIX = r"^(?:movie|music|book)_(?=.)"
NEEDS = (
    "links (item and Freebase topic, such as m.0bth54, on each line), ratings (ratings.csv of MovieLens or Amazon, "
    "LFM-1b_LEs.txt) and a Freebase dump (lines of <http://rdf.freebase.com/ns/...>, usually .gz)"
)


@dataclass(frozen=True)
class Kb4RecFiles:
    links: Path
    ratings: RatingFile
    dump: Path


def find_files(paths: Sequence[Path]) -> Kb4RecFiles | None:
    """The three files among ``paths`` and in folders of them, by their first lines; None without a dump and links.

    Raises DataError where a dump and links are there but no ratings, where two files have one role, or where a file
    that was named has none.
    """
    by_role: dict[str, list[Any]] = {"links": [], "ratings": [], "dump": []}
    files = {
        file: path.is_dir()
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file.is_file() and not file.name.startswith(".")
    }
    heads = {file: [line for line in first_lines(file) if line.strip()] for file in files}
    if not any(_is_dump(head) for head in heads.values()):
        return None
    unknown = []
    for file, in_folder in files.items():
        role, value = _role_of(file, heads[file])
        if role:
            by_role[role].append(value)
        elif not in_folder:
            unknown.append(file)
    if not by_role["links"]:
        return None
    if unknown:
        raise DataError(f"{unknown[0]}: neither links, ratings nor a Freebase dump; needed are {NEEDS}")
    for role, those in by_role.items():
        names = ", ".join(str(getattr(file, "path", file)) for file in those)
        if len(those) > 1:
            raise DataError(f"{len(those)} files look like {role}: {names}; name the one to read")
        if not those:
            raise DataError(f"no file of ratings beside {by_role['dump'][0]}; needed are {NEEDS}")
    return Kb4RecFiles(by_role["links"][0], by_role["ratings"][0], by_role["dump"][0])


def _is_dump(lines: Sequence[str]) -> bool:
    return any(_DUMP_LINE.match(line) for line in lines)


def _role_of(file: Path, lines: Sequence[str]) -> tuple[str, Any]:
    """The role of a file and what stands for it, or "" for a file of another kind."""
    if _is_dump(lines):
        return "dump", file
    rows = [re.split(r"[\t, ]+", line.strip()) for line in lines[1:] or lines]
    if rows and all(len(row) == 2 and _TOPIC.fullmatch(row[1]) for row in rows):
        return "links", file
    ratings = recognise_ratings(file)
    return ("ratings", ratings) if ratings else ("", None)


def read_kb4rec(sources: Sources) -> RawSource:
    """Read the three files. Raises DataError for one that is missing or malformed, naming file, line and value."""
    paths, settings = sources.named, sources.dump or DumpReading()
    say = settings.say or (lambda message: None)
    files = find_files(paths)
    if files is None:
        raise DataError(f"no KB4Rec source in {', '.join(map(str, paths))}; needed are {NEEDS}")
    links, bad_links = read_links(files.links)
    with work_folder(settings.work) as folder:
        with connect(folder.path) as connection:
            ratings = read_ratings(
                connection,
                files.ratings,
                links["item"],
                min_rating=settings.min_rating,
                since=settings.since,
                until=settings.until,
                say=say,
            )
        say(f"{files.ratings.path.name}: {len(ratings.interactions):,} interactions of linked items")
        seeds = seeds_of(ratings.interactions, links, settings.min_interactions)
        if not len(seeds):
            raise DataError(
                f"no linked item has {settings.min_interactions} interactions of users who have as many "
                "(--min-interactions); use a smaller limit"
            )
        say(f"{len(seeds):,} linked topics after the k-core")
        tally = read_dump(files.dump, folder, say)
        graph = search(folder, identity_of(files.dump), seeds.tolist(), settings.relations, settings.max_hops, say)
        names = names_of(folder, pd.unique(pd.concat([graph.triples["head"], graph.triples["tail"]])).tolist())
    return _assembled(sources.name, files, links, bad_links, ratings, graph, names, tally, settings, len(seeds))


def read_links(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Links as item, entity (``m.0bth54``), in file order, and the lines that are none, as messages.

    A first line that is no link is a header. Raises DataError where more than a few lines are no links.
    """
    with DumpStream(path) as stream:
        text = b"".join(block.data for block in stream.blocks()).decode("utf-8-sig", errors="replace")
    lines = pd.Series(text.splitlines(), dtype=str)
    parts = lines.str.extract(r"^\s*([^\s,]+)[\t, ]+/?([mg])[./]([0-9A-Za-z_\-]+)\s*$")
    wrong = parts[0].isna() & (lines.str.strip() != "")
    if len(wrong) and wrong.iloc[0]:
        wrong.iloc[0] = False
    bad = [f"{path.name}, line {place + 1}: {lines[place][:100]!r}" for place in wrong[wrong].index]
    if len(bad) > max(10, 0.01 * len(lines)):
        raise DataError(
            f"{path}: {len(bad):,} of {len(lines):,} lines do not link an item to a Freebase topic (item, tab, "
            f"m.0bth54). First examples: {'; '.join(bad[:5])}"
        )
    parts = parts.dropna()
    frame = pd.DataFrame(
        {"item": parts[0].str.replace(_ITEM_PREFIX, "", regex=True), "entity": parts[1] + "." + parts[2]}, dtype=str
    )
    return frame.reset_index(drop=True), bad


def seeds_of(interactions: pd.DataFrame, links: pd.DataFrame, minimum: int) -> pd.Series:
    """The topics of the items left after the k-core; items of one topic are one item, an item's first link counts."""
    first = links.drop_duplicates("item").set_index("item")["entity"]
    pairs = pd.DataFrame({"user": interactions["user"], "entity": interactions["item"].map(first)}).drop_duplicates()
    users, items = pd.factorize(pairs["user"])[0], pd.factorize(pairs["entity"])[0]
    return pd.Series(pairs["entity"][k_core(users, items, minimum)].unique(), dtype=str)


def _assembled(
    name: str,
    files: Kb4RecFiles,
    links: pd.DataFrame,
    bad_links: list[str],
    ratings: Ratings,
    graph: Subgraph,
    names: pd.DataFrame,
    tally: Tally,
    settings: DumpReading,
    seeds: int,
) -> RawSource:
    dropped = {**ratings.dropped}
    for text, count in tally.counts().items():
        if text not in ("facts between two topics", "names"):
            dropped[f"lines of the dump: {text}"] = count
    dropped["lines of the dump: no statement (malformed)"] = tally.malformed
    dropped["triples: the same triple again"] = graph.repeated
    dropped["links: line without an item and a topic"] = len(bad_links)
    reading = {
        "ratings_columns": list(files.ratings.columns),
        "ratings_malformed_examples": ratings.examples,
        "interactions_kept_without_timestamp": ratings.without_timestamp,
        "links_malformed_examples": bad_links[:5],
        "dump": manifest_of(tally),
        "search": {
            "seeds": seeds,
            "seeds_in_no_fact_of_the_dump": graph.absent,
            "topics_by_hop": {str(hop): count for hop, count in graph.hops.items()},
            "relations": list(settings.relations) or f"all but {', '.join(HOUSEKEEPING)}",
            "rule": "facts are read either way; a property with objects of several kinds keeps those that are topics",
        },
    }
    return RawSource(
        name=name,
        format="kb4rec",
        triples=graph.triples.assign(split=""),
        interactions=ratings.interactions,
        links=links,
        labels=names,
        kinds=pd.DataFrame({"id": [], "kind": []}, dtype=str),
        files=(
            SourceFile(files.links.name, sha256_of_file(files.links), len(links), files.links),
            SourceFile(files.ratings.path.name, sha256_of_file(files.ratings.path), ratings.rows, files.ratings.path),
            SourceFile(files.dump.name, tally.sha256, tally.lines, files.dump),
        ),
        dropped={reason: count for reason, count in dropped.items() if count},
        reading=reading,
    )


FORMAT = Format(
    name="kb4rec",
    place=6,
    needs=NEEDS,
    recognised=lambda sources: "a Freebase dump and links into it" if find_files(sources.named) else "",
    read=read_kb4rec,
    takes=lambda path: True,
    layout=None,
    # A dump may be named like N-Triples, and ratings like a plain table.
    precedence=2,
)
