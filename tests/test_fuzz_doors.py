"""Fuzzing of every way in beside raw sources: tables, mappings, datasets, archives, cases, settings, decisions.

Whatever lies in a file, it is read or refused by one of the package's own errors with a message, and nothing stays of
what was refused. The raw sources have their own (tests/data/test_fuzz_readers.py). A long run:

    UPGAN_FUZZ=10000 .venv/bin/python -m pytest -m slow tests/test_fuzz_doors.py -s
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.command_line import here
from tests.data import workbooks
from tests.data.damaged import PIECES
from upgan.case.documents import read_case
from upgan.data.dataset import load_dataset
from upgan.data.extend import extend
from upgan.data.named_columns import read_named
from upgan.data.raw.text_tables import TABLES
from upgan.data.wide.mapping import load_mapping
from upgan.data.wide.run import read_import, write_import
from upgan.data.wide.tables import EXCEL
from upgan.errors import InputError
from upgan.files import read_toml
from upgan.review.apply import read_decisions
from upgan.runs.archive import export_run, import_run
from upgan.runs.history import read_history
from upgan.runs.status import list_runs, run_state

DEMO = Path(__file__).resolve().parents[1] / "checkpoints" / "demo"
FILMS = [f"film{n},Title {n},{['drama', 'comedy'][n % 2]},Director {n % 4},{1990 + n}" for n in range(20)]
RATINGS = [f"user{n % 6},film{n * 7 % 20},{n % 5 + 1}" for n in range(40)]
DECISIONS = "head,relation,tail,verdict,who,when,run,model,score,sure,reason\n"


def mutated(draw: random.Random, content: bytes) -> bytes:
    """One to three changes of a file's bytes: cut, doubled, flipped, foreign pieces, nested or extreme values."""
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(content) + 1)
        end = min(len(content), place + draw.randint(0, 40))
        kind = draw.randrange(8)
        if kind == 0:
            content = content[:place]
        elif kind == 1:
            content = content[:place] + content[end:]
        elif kind == 2:
            content = content[:place] + draw.choice(PIECES) + content[place:]
        elif kind == 3 and content:
            flipped = bytearray(content)
            flipped[place % len(content)] ^= 1 << draw.randrange(8)
            content = bytes(flipped)
        elif kind == 4:
            content = content[:place] + content[place:end] * draw.choice((2, 50)) + content[end:]
        elif kind == 5:
            content = content[:place] + draw.randbytes(end - place) + content[end:]
        elif kind == 6:
            old, new = draw.choice(VALUES), draw.choice(VALUES)
            content = content.replace(old, new, draw.choice((1, -1)))
        else:
            lines = content.splitlines(keepends=True)
            draw.shuffle(lines)
            content = b"".join(lines)
    return content


VALUES = [
    *(b"1", b"0", b'"', b"{", b"[", b"]", b"}", b":", b",", b"=", b"\n", b"true", b"null", b"[]", b"{}", b'""'),
    *(b"-1", b"1e400", b"NaN", b"-0.0", b"10" * 200, b"[" * 3000, b'{"a":' * 3000, b"1.5", b'"\\ud800"', b"\xff"),
]


def catalogue(folder: Path) -> dict[str, bytes]:
    """The content that each way in takes, as it should be."""
    entities = load_dataset(DEMO / "dataset")
    head, relation, tail = entities.entities[0], entities.relations[0], entities.entities[1]
    films = "id,title,genre,director,year\n" + "\n".join(FILMS) + "\n"
    ratings = "user,item,rating\n" + "\n".join(RATINGS) + "\n"
    (folder / "films.csv").write_text(films)
    (folder / "ratings.csv").write_text(ratings)
    mapping = read_import([folder / "films.csv", folder / "ratings.csv"]).mapping.to_toml()
    frame = pd.read_csv(folder / "films.csv")
    frame.to_parquet(folder / "films.parquet")
    cells = [list(frame.columns), *frame.to_numpy().tolist()]
    workbooks.xlsx(folder / "films.xlsx", cells)
    workbooks.ods(folder / "films.ods", cells)
    export_run(DEMO, folder / "run.zip")
    asked = ("--head", "Part of the Bargain", "--relation", "author", "--answer", "Linda Lael Miller")
    explained = here("explain", DEMO, *asked, "--case", folder / "case" / "case.json")
    assert explained.returncode == 0, explained.stderr
    records = json.dumps(frame.to_dict("records"))
    lines = "".join(json.dumps(row) + "\n" for row in frame.to_dict("records")).encode()
    decisions = f"{DECISIONS}{head},{relation},{tail},yes,a,2026-01-01T00:00:00,r,m,1,0.5,because\n"
    return {
        "films.csv": films.encode(),
        "films.json": records.encode(),
        "films.jsonl": lines,
        "films.ndjson": lines,
        "films.txt": films.replace(",", "|").encode("cp1252"),
        "films.tsv": films.replace(",", "\t").encode("utf-16"),
        **{name: (folder / name).read_bytes() for name in ("films.parquet", "films.xlsx", "films.ods")},
        # What these hold no library here writes: the reader is told by the content, and bounded whatever that is.
        **{f"films{ending}": (folder / "films.xlsx").read_bytes() for ending in (".xlsm", ".xlsb", ".xls")},
        "more.csv": ratings.replace("film1,", "N/A,").encode(),
        "map.toml": mapping.encode(),
        "named.csv": ratings.encode(),
        "decisions.csv": decisions.encode(),
        "config.toml": (DEMO / "config.toml").read_bytes(),
        "case.json": (folder / "case" / "case.json").read_bytes(),
        "run.zip": (folder / "run.zip").read_bytes(),
        "entities.parquet": (DEMO / "dataset" / "entities.parquet").read_bytes(),
        "manifest.json": (DEMO / "dataset" / "manifest.json").read_bytes(),
        "status.json": (DEMO / "status.json").read_bytes(),
        "metrics.jsonl": (DEMO / "metrics.jsonl").read_bytes()[:5000],
    }


def in_archive(content: bytes, draw: random.Random) -> bytes:
    """An archive whose entries are damaged, not its packing: one of them, or a name."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as written:
        chosen = draw.choice(whole.namelist())
        for name in whole.namelist():
            data = whole.read(name)
            written.writestr(name, mutated(draw, data) if name == chosen else data)
    return out.getvalue()


def ways(scratch: Path) -> dict[str, Callable[[Path, Path], object]]:
    """How each file is read: its path, and a place where something may be written."""
    data = load_dataset(DEMO / "dataset")

    def inside(path: Path, work: Path, folder: Path) -> Path:
        """A copy of the demo's run in which this one file is another."""
        copy = scratch / "copy"
        for file in DEMO.rglob("*"):
            if file.is_file() and file.suffix != ".safetensors":
                to = copy / file.relative_to(DEMO)
                to.parent.mkdir(parents=True, exist_ok=True)
                if not to.is_file() or to.read_bytes() != file.read_bytes():
                    to.write_bytes(file.read_bytes())
        (copy / folder / path.name).write_bytes(path.read_bytes())
        return copy

    def imported(path: Path, work: Path) -> object:
        read = read_import([path])
        counted = len(read.source.triples)
        assert counted > 0, "an import that is silently empty"
        return write_import(read, work / "out")

    def runs(path: Path, work: Path) -> object:
        copy = inside(path, work, Path())
        listed = list_runs(copy.parent)
        assert [run.folder.name for run in listed] == ["copy"], "one bad run is one row"
        return run_state(copy), read_history(copy)

    return {
        **{f"films{ending}": imported for ending in (*TABLES, *EXCEL)},
        "more.csv": lambda path, work: extend(data, path),
        "map.toml": lambda path, work: load_mapping(path),
        "named.csv": lambda path, work: read_named(path, ["user", "item"], ["rating"]),
        "decisions.csv": lambda path, work: read_decisions(path, data),
        "config.toml": lambda path, work: read_toml(path),
        "case.json": lambda path, work: read_case(path),
        "run.zip": lambda path, work: import_run(path, work / "out", work),
        "entities.parquet": lambda path, work: load_dataset(inside(path, work, Path("dataset")) / "dataset"),
        "manifest.json": lambda path, work: load_dataset(inside(path, work, Path("dataset")) / "dataset"),
        "status.json": runs,
        "metrics.jsonl": runs,
    }


def fuzz(folder: Path, inputs: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Try so many inputs; what became of them, and what went wrong."""
    (folder / "made").mkdir(parents=True)
    content, read = catalogue(folder / "made"), ways(folder / "runs")
    (folder / "runs").mkdir()
    draw, seen, faults = random.Random(seed), Counter[str](), []
    for number in range(inputs):
        name = list(content)[number % len(content)]
        whole = content[name]
        packed = name == "run.zip" or name.endswith(EXCEL)
        bad = in_archive(whole, draw) if packed and draw.random() < 0.7 else mutated(draw, whole)
        place, work = folder / "in", folder / "work"
        place.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        (place / name).write_bytes(bad)
        began = time.perf_counter()
        try:
            read[name](place / name, work)
            outcome = "accepted"
        except InputError as error:
            outcome = "refused"
            message = str(error)
            if not message or "\0" in message or len(message) > 5000 or list(work.iterdir()):
                faults.append(f"{name} {number}: half-written, or a message of {len(message)} characters")
        except Exception as error:
            outcome = "broken"
            faults.append(f"{name} {number}: {type(error).__name__}: {str(error)[:200]}")
            (folder / f"fault-{number}-{name}").write_bytes(bad)
        if time.perf_counter() - began > 20:
            faults.append(f"{name} {number}: {time.perf_counter() - began:.0f} s")
        seen[f"{name} {outcome}"] += 1
        shutil.rmtree(work)
    return seen, faults


def test_every_kind_of_table_that_is_imported_is_fuzzed(tmp_path: Path) -> None:
    """A kind that is added has to be added to the catalogue, which is read whole here."""
    (tmp_path / "made").mkdir()
    content, read = catalogue(tmp_path / "made"), ways(tmp_path)
    assert content.keys() == read.keys() >= {f"films{ending}" for ending in (*TABLES, *EXCEL)}
    for name in content.keys() - {"config.toml", "entities.parquet", "manifest.json", "status.json", "metrics.jsonl"}:
        (tmp_path / name).write_bytes(content[name])
        (tmp_path / name.replace(".", "-")).mkdir()
        read[name](tmp_path / name, tmp_path / name.replace(".", "-"))


def test_a_damaged_file_is_read_or_refused(tmp_path: Path) -> None:
    seen, faults = fuzz(tmp_path, 66, seed=1)
    assert not faults
    assert sum(count for key, count in seen.items() if key.endswith("refused")) > 10


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_many_damaged_files(tmp_path: Path) -> None:
    inputs, seed = int(os.environ.get("UPGAN_FUZZ", "2000")), int(os.environ.get("UPGAN_FUZZ_SEED", "2"))
    seen, faults = fuzz(tmp_path, inputs, seed)
    told: Any = dict(sorted(seen.items()))
    print(f"\n{seen.total()} inputs: {told}\n" + "\n".join(faults))
    assert not faults
