"""Tables and figures that `upgan reproduce` wrote: which there are, and their rows as they are shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ui.services.runs import checkpoint_root, read_small
from upgan.evaluation.cells import HEADS, interval, percent
from upgan.reproduce.document import FORMAT_VERSION, TARGET_NAMES, Document, Row
from upgan.reproduce.paper import PAPER_METRICS, domain_of
from upgan.reproduce.tables import (
    LEAD,
    SEARCHED,
    cells,
    fitted,
    group_names,
    hits3_cell,
    run_count,
    search_rows,
    searched,
    to_csv,
    value_cell,
)

#: Environment variable that names the folder of results.
ROOT_VARIABLE = "UPGAN_RESULTS"
_NOTHING = cast(Document, {})
#: In place of a dataset of the paper's: none of its figures is shown.
NO_PAPER = "none"
_LARGEST = 20_000_000
#: Folders below a root that are looked into: results/NAME/TARGET.json, results/A/B/TARGET.json.
_DEPTH = 2


@dataclass(frozen=True)
class Board:
    """One TARGET.json. ``problem`` is None where it can be shown."""

    #: Its path below its root, without the ending: what an address names.
    key: str
    path: Path
    problem: str | None
    document: Document

    def words(self) -> str:
        """One line for a list."""
        return f"{self.document['title']} — {self.document['dataset']['name']} ({self.key})"


def results_roots() -> list[Path]:
    """Folders that are searched: the environment's or ``results`` beside the checkpoints, and the checkpoints."""
    checkpoints = checkpoint_root()
    chosen = os.environ.get(ROOT_VARIABLE)
    return [Path(chosen).expanduser() if chosen else checkpoints.parent / "results", checkpoints]


def list_boards(roots: Sequence[Path]) -> list[Board]:
    """Every table and figure there is, those of the first root first; each key once."""
    boards: dict[str, Board] = {}
    for root in roots:
        for path in _files(root):
            key = path.relative_to(root).with_suffix("").as_posix()
            if key not in boards:
                boards[key] = _read(key, path)
    return list(boards.values())


def _files(root: Path) -> Iterator[Path]:
    """TARGET.json in the folder, then in those below it, by name; links to folders are not followed."""
    for folder, inside, names in os.walk(root):
        here = Path(folder)
        deep = len(here.relative_to(root).parts) >= _DEPTH
        inside[:] = [] if deep else sorted(name for name in inside if not name.startswith("."))
        files = (here / f"{target}.json" for target in sorted(TARGET_NAMES) if f"{target}.json" in names)
        yield from (path for path in files if path.is_file())


def _read(key: str, path: Path) -> Board:
    try:
        content = read_small(path, largest=_LARGEST)
        if content.get("format_version") != FORMAT_VERSION:
            raise ValueError(f"not of format version {FORMAT_VERSION}")
        document = cast(Document, content)
        board = Board(key, path, None, document)
        # Whatever is needed to show it is there, or it is not shown.
        board.words()
        table_rows(document, NO_PAPER)
        for part in (to_csv, made_how, fitted, failures, searched, settings_found):
            part(document)
    except (OSError, ValueError) as error:
        return Board(key, path, str(error), _NOTHING)
    except (LookupError, TypeError, AttributeError) as error:
        return Board(key, path, f"not as `upgan reproduce` writes it ({type(error).__name__}: {error})", _NOTHING)
    return board


# One of them --------------------------------------------------------------------------------------------------------


def paper_choices(document: Document) -> list[str]:
    """The paper's datasets with figures for this table, and NO_PAPER; first the one that suits the measured dataset.

    Empty where the paper has no figures at all.
    """
    there = list(dict.fromkeys(name for row in document["rows"] for name in row["paper"]))
    suits = domain_of(str(document["dataset"]["name"])) or NO_PAPER
    return sorted([*there, NO_PAPER], key=lambda name: name != suits) if there else []


def ordered_rows(document: Document) -> list[Row]:
    """Rows as table and chart show them: in a table of whole systems the best first, those without an MRR last."""
    if document["by"] or document["axis"]:
        return list(document["rows"])
    return sorted(document["rows"], key=lambda row: -(_mrr(row) or 0.0))


def _mrr(row: Row) -> float | None:
    return row["mean"]["mrr"] if row["mean"] else None


def table_rows(document: Document, paper: str) -> list[dict[str, str]]:
    """Rows as texts, in percent. ``paper``: whose figures stand beside, NO_PAPER for nobody's."""
    rows = ordered_rows(document)
    if document["by"]:
        return [_grouped(row, document, paper) for row in rows]
    if document["axis"]:
        return [_system(row) | {document["axis_title"] or "": f"{row['x']:g}"} | _metrics(row) for row in rows]
    beside = PAPER_METRICS if paper != NO_PAPER else ()
    return [
        {"place": "–" if _mrr(row) is None else str(place)}
        | _system(row)
        | _metrics(row)
        | {LEAD: interval((row["upgan_minus"] or {}).get("mrr"))}
        | {f"paper {HEADS[key]}": value_cell(key, row["paper"].get(paper, {}).get(key)) for key in beside}
        for place, row in enumerate(rows, 1)
    ]


def _system(row: Row) -> dict[str, str]:
    return {"system": str(row["label"]), "runs": run_count(row)}


def _metrics(row: Row) -> dict[str, str]:
    return dict(zip(HEADS.values(), cells(row["mean"], row["std"]), strict=True))


def _grouped(row: Row, document: Document, paper: str) -> dict[str, str]:
    groups, theirs = row["groups"].get(document["by"] or "", {}), row["paper"].get(paper, {})
    texts = _system(row)
    for name in group_names(document):
        texts[name] = hits3_cell(groups.get(name))
        if name in theirs:
            texts[f"paper {name}"] = percent(theirs[name])
    return texts


def made_how(document: Document) -> str:
    """How it was made, in a sentence."""
    seeds = ", ".join(str(seed) for seed in document["seeds"])
    limit = f", at most {document['budget_seconds']:g} s a run" if document["budget_seconds"] else ""
    return (
        f"Dataset {document['dataset']['name']}, UPGAN of preset {document['preset']}, "
        f"{'seeds' if len(document['seeds']) > 1 else 'seed'} {seeds}{limit}."
    )


def settings_found(document: Document) -> list[dict[str, str]]:
    """What the search found, a row for each system; empty without a search."""
    return [dict(zip(SEARCHED, row, strict=True)) for row in search_rows(document)]


def failures(document: Document) -> list[str]:
    """A line for each run that failed, with its reason."""
    return [
        f"{row['row']}, seed {run['seed']}: {run['problem']}"
        for row in document["rows"]
        for run in row["runs"]
        if run["problem"]
    ]


def out_of_time(document: Document) -> int:
    """How many runs their time limit ended."""
    return sum(bool(run.get("out_of_time")) for row in document["rows"] for run in row["runs"])


def chart_words(document: Document) -> str:
    """The figure's takeaway for who cannot see it."""
    known = [row for row in document["rows"] if _mrr(row) is not None]
    if not known:
        return "No run has finished."
    best = max(known, key=lambda row: _mrr(row) or 0.0)
    at = f" at {document['axis_title']} {best['x']:g}" if document["axis"] else ""
    return f"{document['title']}: the highest MRR is {percent(_mrr(best))}, of {best['label']}{at}."
