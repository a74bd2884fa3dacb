"""The paper's sources in miniature: every thing that is dropped is counted by hand, through the command line too.

Films 1 to 4 are linked (m.0f1 ... m.0f4), film 5 is not, film 6 is linked to the topic of film 1. k = 2:

    u1: 1 2      u2: 1 2      u3: 2 4 (so 4 falls below k, and u3 with it)      u4: 5 (not linked)

so the search starts from m.0f1 and m.0f2. Facts:  f1, f2 -directed_by-> p1;  p1 -film-> f1, f2 (the reverse);
p1 -place_of_birth-> c1 -contains-> c2 -contains-> c3 -contains-> c4: c3 is four hops from the films, c4 is five.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.command_line import upgan
from tests.data.sources import _NS as NS
from tests.data.sources import dump_of
from upgan.cli.main import run as run_command
from upgan.data.dataset import load_dataset
from upgan.data.formats import read_sources
from upgan.data.prepare.domains import DOMAINS
from upgan.data.raw.format import DumpReading
from upgan.data.read.kb4rec import find_files
from upgan.errors import DataError, InputError

LINKS = "1\tm.0f1\n2\tm.0f2\n3\tm.0f3\n4\tm.0f4\n6\t/m/0f1\n"
IN_2006, IN_1999 = 1_150_000_000, 920_000_000
RATINGS = f"""userId,movieId,rating,timestamp
u1,1,4.0,{IN_2006}
u1,2,3.5,{IN_2006}
u2,6,1.0,{IN_2006}
u2,2,5.0,
u3,2,4.0,{IN_2006}
u3,4,4.0,{IN_2006}
u4,5,4.0,{IN_2006}
u3,1,4.0,{IN_1999}
u1,1,2.0,{IN_2006}
"""
FACTS = """f1 film.film.directed_by p1, f2 film.film.directed_by p1, p1 film.director.film f1, p1 film.director.film f2,
p1 people.person.place_of_birth c1, c1 location.location.contains c2, c2 location.location.contains c3,
c3 location.location.contains c4, x1 film.film.directed_by x2, f1 film.film.directed_by p1,
f1 common.topic.notable_for p1"""
OTHER = f"""<{NS}m.0f1>	<{NS}type.object.type>	<{NS}film.film>	.
<{NS}m.0f1>	<{NS}type.object.name>	"Der Film"@de	.
<{NS}m.0f1>	<{NS}type.object.name>	"The \\"Film\\" \\u00e9"@en	.
<{NS}m.0f2>	<{NS}type.object.name>	"Deux"@fr	.
<{NS}m.0f2>	<{NS}film.film.rottentomatoes_id>	"two"	.
<{NS}m.0f2>	<{NS}film.film.runtime>	90.5	.
<{NS}m.0f2>	<{NS}common.topic.official_website>	<http://example.org/>	.
<{NS}film.film>	<{NS}type.object.name>	"Film"@en	.
<{NS}m.0f2>	<http://www.w3.org/2000/01/rdf-schema#label>	"Deux"@fr	.
this is no statement
"""
#: What the file above says, by the reason in the manifest.
DROPPED_LINES = {
    "object is a string, number or date": 2,
    "object is an address outside Freebase": 1,
    "object is a term of Freebase's schema, not a topic": 1,
    "subject is not a topic": 1,
    "property of Freebase's housekeeping": 1,
    "property is not Freebase's": 1,
    "no statement (malformed)": 1,
}


def write_source(folder: Path, links: str = LINKS, ratings: str = RATINGS, dump: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ml2fb.txt").write_text(links, encoding="utf-8")
    (folder / "ratings.csv").write_text(ratings, encoding="utf-8")
    text = dump_of(FACTS, OTHER) if dump is None else dump
    (folder / "freebase-rdf.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "README.txt").write_text("The files of this folder.\n", encoding="utf-8")
    return folder


def named(dataset):
    rows = [*dataset.train.tolist(), *dataset.valid.tolist(), *dataset.test.tolist()]
    return {(dataset.entities[h], dataset.relations[r], dataset.entities[t]) for h, r, t in rows}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The miniature prepared as a movie source, with k = 2 in the place of 5 and 10, and all for training."""
    folder = tmp_path_factory.mktemp("kb4rec")
    source = write_source(folder / "movies")
    options = ("--preset", "movie", "--min-interactions", "2", "--min-triples", "1", "--split", "1,0,0")
    result = upgan("data", "prepare", source, "--out", folder / "out", *options)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    return folder, json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))


def test_what_is_left_is_what_the_paper_s_rules_leave(prepared):
    folder, _ = prepared
    dataset = load_dataset(folder / "out")
    assert named(dataset) == {
        ("m.0f1", "film.film.directed_by", "m.0p1"),
        ("m.0f2", "film.film.directed_by", "m.0p1"),
        ("m.0p1", "people.person.place_of_birth", "m.0c1"),
        ("m.0c1", "location.location.contains", "m.0c2"),
        ("m.0c2", "location.location.contains", "m.0c3"),
    }
    pairs = {(dataset.users[u], dataset.entities[i]) for u, i in dataset.interactions.tolist()}
    assert pairs == {("u1", "m.0f1"), ("u1", "m.0f2"), ("u2", "m.0f1"), ("u2", "m.0f2")}


def test_names_of_the_dump_are_labels_english_ones_first(prepared):
    folder, _ = prepared
    dataset = load_dataset(folder / "out")
    labels = dict(zip(dataset.entities, dataset.entity_labels, strict=True))
    assert labels["m.0f1"] == 'The "Film" é'
    assert labels["m.0f2"] == "Deux"
    assert labels["m.0p1"] == "m.0p1"


def test_everything_dropped_is_counted(prepared):
    _, manifest = prepared
    counts = {entry["reason"].split(":")[-1].strip(): entry["count"] for entry in manifest["dropped"]}
    for reason, count in DROPPED_LINES.items():
        assert counts[reason] == count, reason
    assert counts["outside the time window 2005-01-01..2015-12-31 (from, until)"] == 1
    by = {(entry["what"], entry["reason"]): entry["count"] for entry in manifest["dropped"]}
    assert by["rows", "interactions: item without a link to an entity"] == 1
    assert by["rows", "interactions: the same user and item again"] == 1
    assert by["rows", "triples: the same triple again"] == 1
    assert by["items", "another item is linked to the same entity: they became one node"] == 1
    assert by["interactions", "user or item with fewer than 2 interactions (min_interactions)"] == 2
    assert by["triples", "relation film.director.film: reverse of film.film.directed_by"] == 2


def test_the_manifest_tells_how_it_was_made(prepared):
    _, manifest = prepared
    assert manifest["format"] == "kb4rec"
    assert manifest["settings"]["preset"] == "movie"
    assert (manifest["settings"]["since"], manifest["settings"]["until"]) == ("2005-01-01", "2015-12-31")
    assert manifest["window"]["kept_without_timestamp"] == 1
    reading = manifest["reading"]
    assert reading["dump"]["lines"] == 11 + 10
    assert reading["dump"]["malformed_examples"] == ["freebase-rdf.gz, line 21: 'this is no statement'"]
    assert reading["dump"]["lines_by_kind"]["facts between two topics"] == 10
    assert reading["search"]["seeds"] == 2
    assert reading["search"]["topics_by_hop"] == {"0": 2, "1": 1, "2": 1, "3": 1, "4": 1}
    assert [file["name"] for file in manifest["sources"]] == ["ml2fb.txt", "ratings.csv", "freebase-rdf.gz"]
    assert [file["rows"] for file in manifest["sources"]] == [5, 9, 21]


def test_a_second_dataset_of_the_same_dump_reuses_the_pass_and_overrides_the_preset(prepared):
    folder, _ = prepared
    out = folder / "film-only"
    options = ("--preset=movie", "--min-interactions=2", "--min-triples=1", "--split=1,0,0", "--relations=film")
    result = upgan(
        "data",
        "prepare",
        folder / "movies",
        "--out",
        out,
        *options,
        "--until=2020-01-01",
        "--work",
        folder / "out.work",
    )
    assert result.returncode == 0, result.stderr
    assert "21 lines, read before" in result.stderr
    dataset = load_dataset(out)
    assert {relation for _, relation, _ in named(dataset)} == {"film.film.directed_by"}
    assert dataset.manifest["settings"]["until"] == "2020-01-01"


def test_files_may_be_named_and_hops_cut(tmp_path):
    source = write_source(tmp_path / "movies")
    files = [source / name for name in ("freebase-rdf.gz", "ml2fb.txt", "ratings.csv")]
    raw = read_sources(files, format="kb4rec", dump=DumpReading(min_interactions=2, max_hops=2))
    assert set(raw.triples["tail"]) == {"m.0f1", "m.0f2", "m.0p1", "m.0c1"}
    # Without the time window u3 has film 1 as well: then film 4 is still alone, and u3 stays.
    assert raw.reading["search"]["seeds"] == 2
    assert set(raw.interactions["user"]) == {"u1", "u2", "u3"}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("LFM-1b_LEs.txt", [f"{user}\t9\t8\t{track}\t1340000000" for user in (1, 2) for track in (1, 2)]),
        ("ratings_Books.csv", [f"{user},{item},5.0,1340000000" for user in ("A1", "A2") for item in (1, 2)]),
        ("ratings.dat", [f"{user}::{item}::5::1340000000" for user in (1, 2) for item in (1, 2)]),
        ("events.tsv", ["user\titem\tplayed", *(f"{user}\t{item}\tx" for user in (1, 2) for item in (1, 2))]),
    ],
)
def test_ratings_of_every_domain_are_told_by_their_content(tmp_path, name, lines):
    source = write_source(tmp_path / "source")
    (source / "ratings.csv").unlink()
    (source / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    raw = read_sources([source], dump=DumpReading(min_interactions=2, since="2012-01-01", until="2012-12-31"))
    assert len(raw.interactions) == 4
    assert set(raw.interactions["item"]) == {"1", "2"}


def test_presets_hold_the_paper_s_values():
    assert {name: values["min_interactions"] for name, values in DOMAINS.items()} == {
        "movie": 5,
        "music": 10,
        "book": 5,
    }
    assert {name: values["min_triples"] for name, values in DOMAINS.items()} == {"movie": 10, "music": 10, "book": 3}
    assert {values["max_hops"] for values in DOMAINS.values()} == {4}
    assert DOMAINS["music"]["since"] == "2012-01-01"
    assert "since" not in DOMAINS["book"]


BAD_TIME = RATINGS.replace(str(IN_1999), "yesterday")


@pytest.mark.parametrize(
    ("files", "options", "words"),
    [
        ({"ratings": BAD_TIME}, (), ["ratings.csv, line 9", "timestamp 'yesterday'", "ISO 8601"]),
        ({"ratings": RATINGS.replace("3.5", "good")}, (), ["ratings.csv, line 3", "rating 'good'"]),
        ({}, ("--from", "2030-01-01"), ["no linked item has 2 interactions"]),
        ({"ratings": RATINGS.replace("u2,2,5.0,\n", "")}, ("--from", "2030-01-01"), ["time window", "8"]),
        ({}, ("--from", "last year"), ["'last year'", "2005-01-01"]),
        ({}, ("--from", "2012-01-01", "--until", "2011-01-01"), ["ends before it begins"]),
        ({}, ("--preset", "games"), ["unknown preset 'games'", "movie, music, book"]),
        ({"links": "9\tm.0f1\n"}, (), ["no interaction is left", "without a link"]),
        ({"links": "1\tm.0zz\n2\tm.0zy\n"}, (), ["none of the 2 linked topics", "m.0zy"]),
        ({"dump": dump_of(FACTS, "bad line\n" * 11)}, (), ["freebase-rdf.gz", "11 of 22 lines", "line 12", "bad line"]),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(tmp_path, capsys, files, options, words):
    source = write_source(tmp_path / "source", **files)
    arguments = ["data", "prepare", source, "--out", tmp_path / "out", "--min-interactions", "2", *options]
    assert run_command([str(argument) for argument in arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    for word in words:
        assert word in told.err
    left = {path.name for path in tmp_path.iterdir()}
    # A pass over the dump that was finished is kept, whatever is wrong with the rest.
    assert left == ({"source", "out.work"} if "linked topics" in words[0] else {"source"})


def test_what_stands_in_the_way_of_the_result_is_said_before_reading(tmp_path, capsys):
    source = write_source(tmp_path / "source")
    assert run_command(["data", "prepare", str(source), "--out", str(source)]) == 2
    assert "is not overwritten" in capsys.readouterr().err
    assert not (tmp_path / "source.work").exists()


def test_a_source_without_ratings_and_one_with_two_dumps_are_refused(tmp_path):
    source = write_source(tmp_path / "source")
    (source / "copy.gz").write_bytes((source / "freebase-rdf.gz").read_bytes())
    with pytest.raises(DataError, match="2 files look like dump"):
        find_files([source])
    (source / "copy.gz").unlink()
    (source / "ratings.csv").unlink()
    with pytest.raises(DataError, match="no file of ratings"):
        find_files([source])
    assert find_files([source / "ml2fb.txt"]) is None


def test_a_truncated_dump_is_said_by_the_command_line(tmp_path):
    source = write_source(tmp_path / "source")
    dump = source / "freebase-rdf.gz"
    dump.write_bytes(dump.read_bytes()[:-9])
    result = upgan("data", "prepare", source, "--out", tmp_path / "out", "--min-interactions", "2")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "freebase-rdf.gz ends in the middle" in result.stderr
    assert "read so far" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_foreign_folder_is_not_taken_for_a_work_folder(tmp_path):
    source = write_source(tmp_path / "source")
    with pytest.raises(DataError, match="not a work folder"):
        read_sources([source], dump=DumpReading(min_interactions=2, work=source))
    assert len(list(source.iterdir())) == 4


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["ml2fb.txt", "ratings.csv", "freebase-rdf.gz", "text of the dump"]),
    st.floats(0, 1),
    st.integers(0, 40),
    st.one_of(
        st.binary(max_size=6), st.sampled_from([b"\0", b"\r", b"\n", b"\t", b",", b'"', b"1e999", b"\xef\xbb\xbf"])
    ),
)
def test_a_damaged_source_is_read_or_refused_by_name(tmp_path, name, place, length, put):
    source = write_source(tmp_path / "source")
    file = source / ("freebase-rdf.gz" if name.startswith("text") else name)
    data = file.read_bytes()
    data = gzip.decompress(data) if name.startswith("text") else data
    at = int(place * len(data))
    data = data[:at] + put + data[at + length :]
    file.write_bytes(gzip.compress(data) if name.startswith("text") else data)
    try:
        raw = read_sources([source], format="kb4rec", dump=DumpReading(min_interactions=1))
    except InputError:  # any other error fails the test
        return
    assert len(raw.triples)
    assert len(raw.interactions)
