"""The page and the CSV of a reproduced table or figure, from its document alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upgan.config.systems import MODEL_NAMES
from upgan.evaluation.cells import HEADS, UNKNOWN, csv_text, interval, percent
from upgan.render.templates import escaped, template
from upgan.reproduce.document import Document, Row, Run, Values
from upgan.reproduce.paper import PAPER_DATASETS, PAPER_METRICS

#: A table's head and its rows.
Table = tuple[list[str], list[list[str]]]
#: Head of UPGAN's MRR minus that of a system.
LEAD = "UPGAN's lead, MRR"
#: Heads of ``search_rows``.
SEARCHED = (
    "system", "trials", "failed", "defaults' valid MRR", "best valid MRR", "both with the final time", "settings",
)  # fmt: skip


def markdown(document: Document) -> str:
    """The whole page."""
    page = template("upgan.reproduce", "table.md.j2").render(
        document=document,
        by_group=_by_group,
        along_axis=_along_axis,
        whole=_whole,
        papers=_papers,
        verdicts_on_upgan=_verdicts_on_upgan,
        below_transe=_below_transe,
        fitted=fitted,
        searched=searched,
        search_heads=SEARCHED,
        search_rows=search_rows,
        out_of_time=_out_of_time,
    )
    return page.rstrip() + "\n"


# Cells ---------------------------------------------------------------------------------------------------------------


def value_cell(metric: str, mean: float | None, std: float | None = None) -> str:
    """A mean with its deviation, as the tables show it: in percent, but MR."""
    if mean is None:
        return UNKNOWN
    scale, digits = (1, 0) if metric == "mr" else (100, 2)
    return f"{scale * mean:,.{digits}f}" + (f" ± {scale * std:,.{digits}f}" if std is not None else "")


def cells(mean: Values | None, std: Values | None) -> list[str]:
    """The five metrics of the paper's tables; a failed row has none."""
    return [value_cell(key, (mean or {}).get(key), (std or {}).get(key)) for key in PAPER_METRICS]


def run_count(row: Row) -> str:
    """How many of a row's runs have a result."""
    done = sum(run["problem"] is None for run in row["runs"])
    return str(done) if done == len(row["runs"]) else f"{done} of {len(row['runs'])}"


def group_names(document: Document) -> list[str]:
    """Groups of the document's breakdown, in order."""
    names = {name for row in document["rows"] for name in row["groups"].get(document["by"] or "", {})}
    return sorted(names, key=lambda name: (name == "unreachable", name.startswith(">"), name))


def _label(row: Row) -> str:
    return escaped(row["label"]) + ("" if row["mean"] else " (failed)")


def _mrr_change(row: Row) -> dict[str, Any] | None:
    """UPGAN's MRR minus the row's."""
    return (row["upgan_minus"] or {}).get("mrr")


# Tables --------------------------------------------------------------------------------------------------------------


def _whole(document: Document) -> Table:
    head = ["system", "runs", *HEADS.values(), LEAD, *(f"paper: {name}, MRR" for name in PAPER_DATASETS)]
    return head, [
        [_label(row), run_count(row), *cells(row["mean"], row["std"]), interval(_mrr_change(row))]
        + [percent(row["paper"].get(name, {}).get("mrr")) for name in PAPER_DATASETS]
        for row in document["rows"]
    ]


def _papers(document: Document) -> Table:
    """What the paper prints, without a row where it has none for the systems."""
    head = ["system", *(f"{name} {HEADS[metric]}" for name in PAPER_DATASETS for metric in PAPER_METRICS)]
    return head, [
        [escaped(row["label"])]
        + [value_cell(key, row["paper"].get(name, {}).get(key)) for name in PAPER_DATASETS for key in PAPER_METRICS]
        for row in document["rows"]
        if row["paper"]
    ]


def _by_group(document: Document) -> Table:
    """Hits@3 by group; below each other the measured and the paper's rows."""
    names, by = group_names(document), document["by"] or ""
    rows = []
    for row in document["rows"]:
        groups = row["groups"].get(by, {})
        rows.append([_label(row), "here", *(hits3_cell(groups.get(name)) for name in names)])
        for paper, values in row["paper"].items():
            rows.append(["", f"paper: {paper}", *(percent(values.get(name)) for name in names)])
    first = next((row["groups"][by] for row in document["rows"] if row["groups"]), {})
    counts = [f"{(first[name]['mean'] or {})['queries']:,}" if name in first else UNKNOWN for name in names]
    heads = [name.replace(">", "\\>") for name in names]
    return ["system", HEADS["hits@3"], *heads], [["queries", "here", *counts], *rows]


def hits3_cell(group: Mapping[str, Any] | None) -> str:
    """Hits@3 of a group with its deviation."""
    return value_cell("hits@3", group["mean"]["hits@3"], (group["std"] or {}).get("hits@3")) if group else UNKNOWN


def _along_axis(document: Document) -> Table:
    return ["system", document["axis_title"] or "", "runs", *HEADS.values()], [
        [_label(row), f"{row['x']:g}", run_count(row), *cells(row["mean"], row["std"])] for row in document["rows"]
    ]


def search_rows(document: Document) -> list[tuple[str, ...]]:
    """What a search found, a row for each system, under ``SEARCHED``."""
    search = document.get("search")
    return [
        (
            MODEL_NAMES.get(name, name),
            str(of["trials"]),
            str(of["failed"]),
            percent(of["default_valid_mrr"]),
            percent(of["valid_mrr"]),
            ", ".join(percent(value) for value in (of.get("final") or {}).values()) or UNKNOWN,
            ", ".join(f"{key}={value}" for key, value in of["settings"].items()) or "the defaults",
        )
        for name, of in (search["systems"] if search else {}).items()
    ]


# Sentences -----------------------------------------------------------------------------------------------------------


def _verdicts_on_upgan(document: Document) -> list[str]:
    """Whether UPGAN is above each other row, by the intervals; nothing where there is no interval."""
    verdicts: dict[str, list[str]] = {"above": [], "below": [], "not told apart from": []}
    for row in document["rows"]:
        change = _mrr_change(row)
        if change and change["low"] is not None:
            word = "above" if change["low"] > 0 else "below" if change["high"] < 0 else "not told apart from"
            verdicts[word].append(escaped(row["label"]))
    return [f"{word} {', '.join(names)}" for word, names in verdicts.items() if names]


def _below_transe(document: Document) -> list[str] | None:
    """Systems below TransE, which needs an explanation: whether their time limit is one. None without TransE."""
    known = {row["row"]: (row, mean["mrr"]) for row in document["rows"] if (mean := row["mean"])}
    _, simplest = known.pop("transe", (None, None))
    if simplest is None:
        return None
    below = []
    for row, mrr in known.values():
        if mrr is not None and mrr < simplest:
            stopped, count = sum(bool(run.get("out_of_time")) for run in row["runs"]), len(row["runs"])
            why = f"the time limit ended {stopped} of {count} runs" if stopped else "its runs ended by themselves"
            below.append(f"{escaped(row['label'])} ({why})")
    return below


def fitted(document: Document) -> str:
    """Which rows learned from the validation split too, and what they reached before; empty where none did."""
    before = [
        row["label"] + ("" if row["x"] is None else f" at {row['x']:g}") + f" {percent(row['mrr_before_fusion'])}"
        for row in document["rows"]
        if row.get("mrr_before_fusion") is not None
    ]
    if not before:
        return ""
    return (
        "The last phases of preset quality fit how much evidence and walks count on the validation triples, which "
        f"every other phase and system uses only to choose and to stop. Test MRR before them: {', '.join(before)}."
    )


def searched(document: Document) -> str:
    """How the settings were searched, in a sentence or three; "" where they were not."""
    search = document.get("search")
    if not search:
        return ""
    time = f" of at most {search['trial_seconds']:g} s" if search["trial_seconds"] else ""
    return (
        f"Settings were searched on the validation split, {search['trials']} trials{time} for each system, with seed "
        f"{search['seed']}; the first trial is the defaults. Where another one was better and the final runs have "
        "another limit, both were trained with that, and validation chose between them. The test split chose nothing."
    )


def _out_of_time(document: Document) -> list[str]:
    """The runs that their time limit ended."""
    stopped = [(row["row"], run) for row in document["rows"] for run in row["runs"] if run.get("out_of_time")]
    return [f"{escaped(name)} s{run['seed']}{_not_begun(run)}" for name, run in stopped]


def _not_begun(run: Run) -> str:
    """Phases of which no epoch was trained: without them a run is hardly the system that it is named after."""
    phases = run.get("not_begun") or []
    return f" (no time for {', '.join(map(escaped, phases))})" if phases else ""


# CSV -----------------------------------------------------------------------------------------------------------------


def to_csv(document: Document) -> str:
    """Fractions, one line per row and group ("all": every query), the paper's figures in columns of their own."""
    paper = [f"paper_{name}_{key}" for name in PAPER_DATASETS for key in PAPER_METRICS]
    columns = ["row", "system", "x", "by", "group", "runs", "failed", "queries", *PAPER_METRICS,
               *(f"{key}_std" for key in PAPER_METRICS), "upgan_minus_mrr", "low", "high", *paper]  # fmt: skip
    lines = []
    for row in document["rows"]:
        failed = sum(run["problem"] is not None for run in row["runs"])
        common = {"row": row["row"], "system": row["system"], "x": row["x"],
                  "runs": len(row["runs"]) - failed, "failed": failed}  # fmt: skip
        change = _mrr_change(row) or {}
        ends = {"upgan_minus_mrr": change.get("value"), "low": change.get("low"), "high": change.get("high")}
        theirs = {} if document["by"] else {
            f"paper_{name}_{key}": value for name, of in row["paper"].items() for key, value in of.items()
        }  # fmt: skip
        lines.append(common | _numbers(row["mean"], row["std"]) | ends | theirs | {"by": "", "group": "all"})
        for by, groups in row["groups"].items():
            for name, group in groups.items():
                beside = {f"paper_{data}_hits@3": of[name] for data, of in row["paper"].items()
                          if by == document["by"] and name in of}  # fmt: skip
                figures = _numbers(group["mean"], group["std"])
                lines.append(common | figures | beside | {"by": by, "group": name})
    return csv_text(lines, columns)


def _numbers(mean: Values | None, std: Values | None) -> dict[str, Any]:
    return {**(mean or {}), **{f"{key}_std": value for key, value in (std or {}).items()}}
