"""Figures in pages come from records: python scripts/records.py [--check]

A record (docs/records, DATE-NAME.json) holds what was run, where, when, and tables of numbers. A page names a table
between two comments, and this script writes what stands between them; the newest record of a name counts:

    <!-- record: accuracy-music overall -->
    <!-- end of record -->

--check changes nothing and ends with 1 where a page is not what its records say.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from measuring import ROOT, options
from upgan.evaluation.cells import interval, percent
from upgan.files import write_json, write_text
from upgan.version import __version__

FOLDER = ROOT / "docs/records"
#: Names under which datasets are known; what they call themselves is the name of a folder of sources.
KNOWN = {"lastfm": "music", "librarything": "book", "ml-100k": "movie"}
#: The domains of the paper.
PAPERS = ("music", "book", "movie")
TITLES = {
    "music": "Music (Last.FM)",
    "book": "Book (LibraryThing)",
    "movie": "Movie (MovieLens-100K)",
    "rkge-ml100k": "RKGE's MovieLens-100K, its own split",
    "dbbook": "DBbook",
    "ktup-dbbook2014": "KTUP's DBbook2014",
}
BLOCK = re.compile(r"(<!-- record: (\S+)(?: (\S+))? -->\n).*?(<!-- end of record -->)", re.DOTALL)

Cell = str | int | float | None | dict[str, Any]


def _spread(cell: Any, digits: int) -> str:
    """A share of 1 in percent, with its deviation over seeds where there is one."""
    if not isinstance(cell, Mapping):
        return percent(cell, f".{digits}f")
    deviation = f" ± {percent(cell['std'], f'.{digits}f')}" if cell["std"] is not None else ""
    return percent(cell["mean"], f".{digits}f") + deviation


#: How a column's cells are written. Shares of 1 in percent; "change" is a difference with its interval.
FORMS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "count": "{:,}".format,
    "percent": lambda cell: _spread(cell, 1),
    "percent2": lambda cell: _spread(cell, 2),
    "change": interval,
    "relative": lambda cell: f"{100 * cell:+.1f}%",
    "gain": lambda cell: f"{100 * cell:+.1f}",
    "seconds": "{:.3g}".format,
    "times": "{:.2f}".format,
}


@dataclass(frozen=True)
class Table:
    """Columns (head -> one of FORMS) and rows of cells; None is an empty cell."""

    columns: Mapping[str, str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """As it stands in a page."""
        lines = [list(self.columns), ["---"] * len(self.columns)]
        forms = [FORMS[form] for form in self.columns.values()]
        lines += [["" if c is None else form(c) for form, c in zip(forms, row, strict=True)] for row in self.rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_record(
    folder: Path,
    name: str,
    *,
    title: str,
    command: str,
    data: Mapping[str, Any],
    seeds: Sequence[int],
    tables: Mapping[str, Table],
    notes: Mapping[str, Any] | None = None,
) -> Path:
    """A new record of today, with the command that a reader can run and the machine it ran on."""
    import torch

    from upgan.machine import hardware

    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    path = folder / f"{day}-{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "name": name,
        "title": title,
        "date": day,
        "command": command,
        "data": dict(data),
        "seeds": list(seeds),
        "machine": hardware(torch.device("cpu")) | {"load": round(os.getloadavg()[0], 1), "upgan": __version__},
        **(notes or {}),
        "tables": {key: asdict(table) for key, table in tables.items()},
    }
    write_json(path, _rounded(document))
    return path


def _rounded(value: Any) -> Any:
    """Six digits behind the point: what a table shows never depends on more. NaN is null."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def newest(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Name -> its newest record."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {document["name"]: document for document in documents}


def table_of(record: Mapping[str, Any], name: str) -> Table:
    """A table of a record as it was written."""
    return Table(**record["tables"][name])


def filled(text: str, records: Mapping[str, Mapping[str, Any]]) -> str:
    """A page with the tables that its comments name. Raises KeyError for a record or table that is not there."""

    def table(match: re.Match[str]) -> str:
        start, name, key, end = match.groups()
        made = VIEWS[name](records) if name in VIEWS else table_of(records[name], key).markdown()
        return f"{start}{made}{end}"

    return BLOCK.sub(table, text)


def pages() -> list[Path]:
    """Every page that may name a record."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


# What several records say together -----------------------------------------------------------------------------------


Records = Mapping[str, Mapping[str, Any]]


def _accuracies(records: Records) -> dict[str, Mapping[str, Any]]:
    """Dataset -> its record of accuracy, those of the paper's domains first."""
    found = {name.removeprefix("accuracy-"): each for name, each in records.items() if name.startswith("accuracy-")}
    order = [*(name for name in TITLES if name in found), *sorted(found.keys() - TITLES.keys())]
    return {name: found[name] for name in order}


def _headline(records: Records) -> str:
    """What the preset reaches beside its strongest rivals, and what users are worth, by dataset."""
    columns = {
        "test MRR": "text", "ComplEx-N3": "percent", "NBFNet": "percent", "upgan": "percent",
        "minus ComplEx-N3": "change", "relative": "relative", "users: minus permuted": "change",
    }  # fmt: skip
    rows = []
    for name in PAPERS:
        table = table_of(records[f"accuracy-{name}"], "overall")
        of = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
        ours, rival, permuted = (of.get(system, {}) for system in ("quality", "NBFNet", "permuted users"))
        base = of.get("ComplEx-N3", {})
        rows.append(
            [
                *(name, _mean(base.get("MRR")), _mean(rival.get("MRR")), _mean(ours.get("MRR"))),
                *(ours.get("minus ComplEx-N3"), ours.get("relative"), permuted.get("quality minus it")),
            ]
        )
    # A rival that no record has yet gets no column.
    kept = [place for place, _ in enumerate(columns) if any(row[place] is not None for row in rows)]
    heads = list(columns.items())
    return Table(dict(heads[place] for place in kept), [[row[place] for place in kept] for row in rows]).markdown()


def _mean(cell: Cell) -> Cell:
    return cell["mean"] if isinstance(cell, Mapping) else cell


def _of_each(*names: str) -> Callable[[Records], str]:
    """Those tables of every dataset, each under its title."""

    def view(records: Records) -> str:
        parts = []
        for data, record in _accuracies(records).items():
            tables = [table_of(record, name).markdown() for name in names if name in record["tables"]]
            if tables:
                parts.append("\n".join([f"**{TITLES.get(data, data)}**, {record['date']}\n", *tables]))
        return "\n".join(parts)

    return view


def _speed(records: Records) -> str:
    """One sentence on speed."""
    record = records["speed"]
    seconds = FORMS["seconds"]
    beside = [
        f"{what}: PyKEEN {seconds(theirs)}, upgan {seconds(ours)}"
        for what, theirs, ours, _ in record["tables"]["pykeen"]["rows"]
    ]
    times = ", ".join(f"{name} {ratio:.2f}" for name, _, _, ratio in record["tables"]["bare"]["rows"] if ratio)
    return (
        f"Processor seconds of one thread on {KNOWN.get(record['data']['name'], record['data']['name'])}: "
        f"{'; '.join(beside)}. As multiples of the bare matrix products: {times}.\n"
    )


def _index(records: Records) -> str:
    """The newest record of each name."""
    rows = [
        [each["title"], each["date"], each["machine"]["cpu"], f"[`{file}`]({file})"]
        for each in sorted(records.values(), key=lambda each: str(each["name"]))
        for file in [f"{each['date']}-{each['name']}.json"]
    ]
    return Table({"what": "text", "date": "text", "machine": "text", "record": "text"}, rows).markdown()


#: Tables of several records.
VIEWS: dict[str, Callable[[Records], str]] = {
    "headline": _headline,
    "index": _index,
    "speed-line": _speed,
    "accuracy": _of_each("overall", "groups"),
    "relations": _of_each("relations"),
}


def main() -> int:
    """Fill the pages, or say which differ."""
    parser = options(__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    records, different = newest(), []
    for path in pages():
        before = path.read_text(encoding="utf-8")
        after = filled(before, records)
        if before != after:
            different.append(path.relative_to(ROOT))
            if not check:
                write_text(path, after)
    for path in different:
        print(f"{path}: {'not what its records say' if check else 'written'}")
    return int(bool(different) and check)


if __name__ == "__main__":
    sys.exit(main())
