"""An export of one's own: what its columns are taken for, what a cell says, what is refused and with which words."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data import workbooks
from upgan.cli.main import run
from upgan.data.dataset import load_dataset
from upgan.data.wide.mapping import load_mapping, mapping_of
from upgan.data.wide.run import MAP_FILE, read_import
from upgan.data.wide.tables import MOST_BYTES, MOST_BYTES_OF_OBJECTS
from upgan.errors import InputError

#: Twelve records of a shop: two artists who also produce, cells with several values, and gaps of several kinds.
ARTISTS = ["Ann, the Lion", "Bo & Co.", "Çelik", "Dee"]
ROWS = [
    {
        "Record No": f"R{n:02d}",
        "Name": f"Record “{n}”; live" if n % 5 == 0 else f"Record {n}",
        "Released": str(1970 + n),
        "Artist": ["", "N/A", "Unknown", *ARTISTS][n % 7],
        "Producers": " / ".join(sorted({ARTISTS[n % 4], ARTISTS[(n + 1) % 4]})),
        "Label": ["Blue", "Red"][n % 2] if n % 3 else "",
        "Note": f"A long remark on record {n}",
    }
    for n in range(24)
]
PLAYS = [
    {"listener": f"l{u}", "record": f"R{(u * 7 + k) % 24:02d}", "plays": (u + k) % 4 or "", "day": "2024-05-01"}
    for u in range(12)
    for k in range(5)
]
#: The facts that these rows are, counted by hand: artist, producers, label of each record.
FACTS = {
    (row["Record No"], relation, value)
    for row in ROWS
    for relation, values in (
        ("Artist", [row["Artist"]]),
        ("Producers", row["Producers"].split(" / ")),
        ("Label", [row["Label"]]),
    )
    for value in values
    if value.casefold() not in ("", "n/a", "unknown")
}


def written(folder: Path, kind: str) -> list[Path]:
    """The two tables as files of that kind."""
    records, plays = pd.DataFrame(ROWS), pd.DataFrame(PLAYS)
    folder.mkdir(parents=True, exist_ok=True)
    if kind in ("xlsx", "ods"):
        paths = []
        for frame, name in ((records, "records"), (plays, "plays")):
            rows = [list(frame.columns), *frame.to_numpy().tolist()]
            paths.append((workbooks.xlsx if kind == "xlsx" else workbooks.ods)(folder / f"{name}.{kind}", rows))
        return paths
    if kind == "parquet":
        plays = plays.assign(plays=pd.to_numeric(plays["plays"]), day=datetime.date(2024, 5, 1))
        records.to_parquet(folder / "records.parquet")
        plays.to_parquet(folder / "plays.parquet")
    elif kind == "jsonl":
        # Several values are a list there, not a cell with a sign in it.
        split = records.assign(Producers=records["Producers"].str.split(" / "))
        split.to_json(folder / "records.jsonl", orient="records", lines=True)
        plays.to_json(folder / "plays.jsonl", orient="records", lines=True)
    else:
        sep, encoding = {
            "csv": (",", "utf-8"),
            "semicolon": (";", "cp1252"),
            "tsv": ("\t", "utf-16"),
            "bar": ("|", "utf-8-sig"),
        }[kind]
        for frame, name in ((records, "records"), (plays, "plays")):
            frame.to_csv(
                folder / f"{name}.{'tsv' if kind == 'tsv' else 'csv'}", index=False, sep=sep, encoding=encoding
            )
    return sorted(folder.iterdir(), reverse=True)


@pytest.mark.parametrize("kind", ["csv", "semicolon", "tsv", "bar", "xlsx", "ods", "parquet", "jsonl"])
def test_the_same_facts_come_of_every_kind_of_file(tmp_path, kind):
    imported = read_import(written(tmp_path / kind, kind))
    source = imported.source
    label = dict(zip(source.labels["id"], source.labels["label"], strict=True))
    triples = {(head, relation, label[tail]) for head, relation, tail in source.triples.iloc[:, :3].to_numpy().tolist()}
    assert triples == FACTS
    (part,) = imported.mapping.items
    assert (part.id, part.title, part.kind) == ("Record No", "Name", "Record")
    assert {name for name, column in part.columns.items() if column.use == "leave out"} == {"Released", "Note"}
    (chosen,) = imported.mapping.interactions
    assert (chosen.user, chosen.item, chosen.rating, chosen.time) == ("listener", "record", "plays", "day")
    pairs = {(row["listener"], row["record"]) for row in PLAYS}
    assert {tuple(pair) for pair in source.interactions[["user", "item"]].to_numpy().tolist()} == pairs
    expected = [float(row["plays"]) if row["plays"] else np.nan for row in PLAYS]
    np.testing.assert_array_equal(source.interactions["rating"].to_numpy(), expected)
    assert set(source.interactions["timestamp"]) == {datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC).timestamp()}


def test_kinds_follow_from_the_columns_and_people_in_two_columns_are_one(tmp_path):
    source = read_import(written(tmp_path, "csv")).source
    kinds = dict(zip(source.kinds["id"], source.kinds["kind"], strict=True))
    assert kinds["R00"] == "Record"
    assert kinds["Label:Red"] == "Label"
    # Who records also produces: one entity, whatever the column.
    tails = source.triples[source.triples["tail"].str.endswith("Dee")]
    assert set(tails["relation"]) == {"Artist", "Producers"}
    assert tails["tail"].unique().tolist() == ["Artist or Producers:Dee"]


def test_nothing_is_filtered_and_no_fact_is_lost_to_the_split(tmp_path, capsys):
    out = tmp_path / "out"
    files = [str(path) for path in written(tmp_path / "in", "csv")]
    assert run(["data", "import", *files, "--out", str(out)]) == 0
    said = capsys.readouterr().err
    dataset = load_dataset(out)
    facts = np.concatenate([dataset.train, dataset.valid, dataset.test])
    assert len(facts) == len(FACTS)
    assert len(dataset.test) > 0
    assert len(dataset.interactions) == len({(row["listener"], row["record"]) for row in PLAYS})
    # Held-out facts are about what training knows.
    assert set(np.concatenate([dataset.valid, dataset.test])[:, [0, 2]].ravel()) <= set(
        dataset.train[:, [0, 2]].ravel()
    )
    gaps = sum(row["Artist"] in ("", "N/A", "Unknown") for row in ROWS)
    assert f"{gaps} of {len(ROWS)} rows have no Artist" in said
    assert "'N/A'" in said
    assert "the column Released is left out" in said


def test_the_mapping_that_was_used_is_written_and_gives_the_same_again(tmp_path):
    files = [str(path) for path in written(tmp_path / "in", "semicolon")]
    assert run(["data", "import", *files, "--out", str(tmp_path / "one")]) == 0
    mapping = tmp_path / "one" / MAP_FILE
    assert run(["data", "import", *files, "--out", str(tmp_path / "two"), "--map", str(mapping)]) == 0
    one, two = load_dataset(tmp_path / "one"), load_dataset(tmp_path / "two")
    assert one.fingerprint == two.fingerprint
    assert mapping.read_text() == (tmp_path / "two" / MAP_FILE).read_text()
    assert load_mapping(mapping).items[0].encoding == "cp1252"


def test_a_corrected_mapping_is_followed(tmp_path):
    files = written(tmp_path / "in", "csv")
    mapping = read_import(files).mapping
    part = mapping.items[0]
    part.columns["Released"].use = "relation"
    part.columns["Producers"].split = ""
    part.columns["Label"].use = "leave out"
    part.title, part.kind = "", "LP"
    mapping.no_value = ["Dee"]
    source = read_import(files, mapping).source
    assert set(source.triples["relation"]) == {"Released", "Artist", "Producers"}
    assert "Artist:Dee" not in set(source.triples["tail"])
    assert any(tail.endswith(":N/A") for tail in source.triples["tail"])
    assert all(" / " in tail for tail in source.triples.loc[source.triples["relation"] == "Producers", "tail"])
    assert source.labels.set_index("id")["label"]["R00"] == "R00"
    assert source.kinds.set_index("id")["kind"]["R00"] == "LP"


def test_the_preview_is_the_first_ten_rows_as_facts(tmp_path, capsys):
    files = [str(path) for path in written(tmp_path, "csv")]
    assert run(["data", "import", *files, "--preview"]) == 0
    text = capsys.readouterr().out
    lines = [line for line in text.splitlines() if line.startswith("# ") and " | " in line]
    first = {row["Record No"] for row in ROWS[:10]}
    assert len(lines) == sum(head in first for head, _, _ in FACTS)
    assert "# records.csv, line 5: Record 3 | Artist | Ann, the Lion" in lines
    assert mapping_of(tomllib.loads(text), "x").items[0].id == "Record No"


def test_a_title_that_is_missing_is_the_id_and_items_without_facts_are_named(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text("id,name,colour\na,,red\nb,B,red\nc,C,\nd,D,blue\n")
    source = read_import([path]).source
    assert source.labels.set_index("id")["label"]["a"] == "a"
    assert any("1 of 4 items have no fact at all" in notice.text for notice in source.notices)


BAD = {
    "an empty id": ({"a.csv": "id,tag\nx,1a\n,2b\n"}, "a.csv, line 3, column id: the id is ''"),
    "an id that says nothing": ({"a.csv": "id,tag\nx,1a\nN/A,2b\n"}, "a.csv, line 3, column id: the id is 'N/A'"),
    "a repeated id": (
        {"a.csv": "id,tag\nx,a\ny,b\nx,c\nz,b\n" + "".join(f"n{n},b\n" for n in range(99))},
        "a.csv, line 4, column id: the id 'x' is that of line 2 too",
    ),
    "no rows": ({"a.csv": "id,tag\n"}, "a.csv has no row below row 1"),
    "nothing at all": ({"a.csv": ""}, "a.csv is empty"),
    "a ragged row": ({"a.csv": "id,tag\nx,a\ny,b,c\n"}, "a.csv, line 3: 3 column(s)"),
    "an empty user": (
        {"a.csv": "id,tag\nx,a\ny,a\nz,b\n", "b.csv": "user,item\nu,x\n,y\n"},
        "b.csv, line 3, column user: the user is ''",
    ),
    "a rating that is none": (
        {"a.csv": "id,tag\nx,a\ny,a\nz,b\n", "b.csv": "user,item,rating\nu,x,5\nu,y,good\n"},
        "b.csv, line 3, column rating: the rating 'good' is not a finite number",
    ),
    "items of another table": (
        {"a.csv": "id,tag\nx,a\ny,a\nz,b\n", "b.csv": "user,item\nu,1\nu,2\n"},
        "b.csv, line 2, column item: none of the 2 rows is of an item",
    ),
    "no items": ({"b.csv": "user,item\nu,x\nu,y\n"}, "none of b.csv is a table of items"),
    "no relation": ({"a.csv": "id,title\nx,A\ny,B\n"}, "no column is a relation"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_with_its_place_and_nothing_is_written(tmp_path, name, capsys):
    files, words = BAD[name]
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    out = tmp_path / "out"
    assert run(["data", "import", *(str(tmp_path / file) for file in files), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert words in said.split("upgan: ")[-1]
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"a.csv": "id,genre\nx,War\ny,War\ngenre:War,Love\n"},
            "'genre:War' would stand for two things: a 'genre:War' and genre 'War'",
        ),
        ({"a.csv": "id,a,a:b\nx,b:c,d\ny,e,c\nz,b:c,c\n"}, "'a:b:c' would stand for two things: a 'b:c' and a:b 'c'"),
        ({"a.csv": "id,made\n1,x\n2,x\n3,y\n", "b.csv": "id,made\n2,x\n3,x\n4,y\n"}, "a '2' and b '2' (2 such ids)"),
        (
            {"a.csv": ",".join(map(str, range(9_000))) + "\n" + ",".join(["x"] * 9_000) + "\n"},
            "names 9,000 columns; tables of",
        ),
    ],
)
def test_one_id_is_one_thing_and_a_matrix_is_no_table_of_items(tmp_path, files, words):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as error:
        read_import([tmp_path / name for name in files])
    assert words in str(error.value)


def test_users_who_chose_once_each_are_users(tmp_path):
    (tmp_path / "a.csv").write_text("id,genre\n" + "".join(f"f{n},g{n % 2}\n" for n in range(9)))
    (tmp_path / "b.csv").write_text("user,item,rating\n" + "".join(f"u{n},f{n},{n % 5}\n" for n in range(9)))
    mapping = read_import([tmp_path / "a.csv", tmp_path / "b.csv"]).mapping
    assert [(part.file, part.user, part.item, part.rating) for part in mapping.interactions] == [
        ("b.csv", "user", "item", "rating")
    ]


@pytest.mark.parametrize(("name", "size"), [("huge.csv", MOST_BYTES), ("huge.xlsx", MOST_BYTES_OF_OBJECTS)])
def test_a_table_beyond_the_limit_is_refused_before_it_is_read(tmp_path, name, size):
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(size + 1_000_000)  # a hole: no bytes on the disk
    with pytest.raises(InputError, match=rf"{name} is {size / 1e6 + 1:,.0f} MB; .*up to {size / 1e6:,.0f} MB"):
        read_import([path])
    assert MOST_BYTES > MOST_BYTES_OF_OBJECTS > 200_000_000


@pytest.mark.slow
def test_a_table_of_200_mb_is_read_with_progress_and_in_bounded_memory(tmp_path):
    path, note = tmp_path / "large.csv", "x" * 400
    with path.open("w") as file:
        file.write("id,director,note\n")
        file.writelines(f"f{n},Director {n % 5000},{note}{n}\n" for n in range(480_000))
    assert path.stat().st_size > 200_000_000
    done = subprocess.run([sys.executable, "-c", WATCHED, str(path)], capture_output=True, text=True, check=True)
    facts, calls, megabytes = map(float, done.stdout.split())
    assert facts == 480_000
    assert calls > 10
    assert megabytes < 1_500


#: Reads a table as an import does: how many facts, how often it told of progress, and the memory that it took.
WATCHED = """
import resource, sys
from pathlib import Path
from upgan.data.wide.run import read_import
told = []
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = read_import([Path(sys.argv[1])], progress=lambda *at: told.append(at)).source
print(len(source.triples), len(told), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_a_column_that_is_mapped_twice_is_refused(tmp_path):
    files = written(tmp_path / "in", "csv")
    mapping = read_import(files).mapping.model_dump()
    changes = {
        "records.csv: the column Name is mapped twice, as title and a relation": lambda part, _: part["columns"].update(
            Name={"use": "relation"}
        ),
        "records.csv: the column Record No is mapped twice, as id and title": lambda part, _: part.update(
            title="Record No"
        ),
        "plays.csv: the column record is mapped twice, as item and rating": lambda _, part: part.update(
            rating="record"
        ),
        "records.csv has no column 'Colour'": lambda part, _: part["columns"].update(Colour={"use": "relation"}),
        "of other.csv, which was not given": lambda part, _: part.update(file="other.csv"),
    }  # fmt: skip
    for words, change in changes.items():
        document = json.loads(json.dumps(mapping))
        change(document["items"][0], document["interactions"][0])
        with pytest.raises(InputError, match=words.replace(".", r"\.")):
            read_import(files, mapping_of(document, "map.toml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = ", "not valid TOML"),
        ("x = " + "9" * 5_000, "not valid TOML"),
        ("x = " + "[" * 5_000, "not valid TOML"),
        ("x = 1\n" * 300_000, "longer than a settings file can be"),
        ("items = 3", "items"),
        ("[[items]]\nfile = 'a'\nid = 'b'\nkind = 'c'\ncolour = 1", "colour"),
        ("[[items]]\nfile = 'a'\nid = 'b'\nkind = 'c'\n[items.columns.x]\nuse = 'edge'", "items.0.columns.x.use"),
    ],
)
def test_a_bad_mapping_names_the_file_and_the_key(tmp_path, text, words):
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as error:
        load_mapping(path)
    assert "map.toml" in str(error.value)
