"""The page and the CSV of a reproduced table or figure, from its document alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from upgan.config.systems import MODEL_NAMES
from upgan.render.markdown import code, escaped, table
from upgan.reproduce.paper import PAPER_DATASETS, PAPER_METRICS

NAMES = {"mr": "MR", "mrr": "MRR", "hits@1": "H@1", "hits@3": "H@3", "hits@10": "H@10"}
Document = Mapping[str, Any]


def markdown(document: Document) -> str:
    """The whole page."""
    data = document["dataset"]
    limit = f"{document['budget_seconds']:g} s per run" if document["budget_seconds"] else "none"
    blocks = [
        f"# {document['title']}, on {escaped(data['name'])}",
        f"UPGAN is preset {escaped(document['preset'])}; seeds {', '.join(map(str, document['seeds']))}; time limit "
        f"{limit}. Dataset fingerprint `{data['fingerprint'][:12]}`. Made by {code(document['command'])}.",
        "Test metrics, filtered, both directions pooled; all but MR in percent; ± is the standard deviation over "
        "seeds. **The paper's datasets are other ones** (Freebase with Amazon book, LastFM and MovieLens): its figures "
        "stand here for the order of the systems, not to be met.",
    ]
    if data["simulated_users"]:
        blocks.append("**The users of this dataset are simulated**: what they are worth says nothing of real ones.")
    if document["by"]:
        blocks.append(_grouped(document))
    elif document["axis"]:
        blocks += [_varied(document), "The paper draws these curves without printing their numbers."]
    else:
        blocks += [
            _whole(document),
            _order(document),
            _below_simplest(document),
            "The paper's figures:",
            _paper(document),
        ]
    blocks += [escaped(fitted(document)), *_search(document), *_failures(document), *_out_of_time(document)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def percent(metric: str, mean: Any, std: Any = None) -> str:
    """A mean with its deviation, as the tables show it."""
    if mean is None:
        return "–"
    scale, digits = (1, 0) if metric == "mr" else (100, 2)
    return f"{scale * mean:,.{digits}f}" + (f" ± {scale * std:,.{digits}f}" if std is not None else "")


def cells(mean: Any, std: Any) -> list[str]:
    """The five metrics of the paper's tables; a failed row has none."""
    return [percent(key, (mean or {}).get(key), (std or {}).get(key)) for key in PAPER_METRICS]


def interval(change: Any) -> str:
    """Percentage points with their 95% interval."""
    if not change or change["value"] is None:
        return "–"
    if change["low"] is None:
        return f"{100 * change['value']:+.2f}"
    return f"{100 * change['value']:+.2f} [{100 * change['low']:+.2f}, {100 * change['high']:+.2f}]"


def _whole(document: Document) -> str:
    head = ["system", "runs", *NAMES.values(), "UPGAN − it, MRR", *(f"paper: {name}, MRR" for name in PAPER_DATASETS)]
    rows = []
    for row in document["rows"]:
        paper = [percent("mrr", row["paper"].get(name, {}).get("mrr")) for name in PAPER_DATASETS]
        change = interval((row["upgan_minus"] or {}).get("mrr"))
        rows.append([_label(row), run_count(row), *cells(row["mean"], row["std"]), change, *paper])
    return table(head, rows)


def _order(document: Document) -> str:
    """Whether UPGAN is above each other row, by the intervals."""
    verdicts: dict[str, list[str]] = {"above": [], "below": [], "not told apart from": []}
    for row in document["rows"]:
        change = (row["upgan_minus"] or {}).get("mrr")
        if change and change["low"] is not None:
            word = "above" if change["low"] > 0 else "below" if change["high"] < 0 else "not told apart from"
            verdicts[word].append(escaped(row["label"]))
    said = [f"{word} {', '.join(names)}" for word, names in verdicts.items() if names]
    if not said:
        return ""
    return f"By the 95% intervals (paired bootstrap over test triples, MRR), UPGAN is {'; '.join(said)}."


def _below_simplest(document: Document) -> str:
    """Systems below TransE, which needs an explanation: whether their time limit is one."""
    known = {row["row"]: row for row in document["rows"] if row["mean"] and row["mean"]["mrr"] is not None}
    simplest = known.pop("transe", None)
    if simplest is None:
        return ""
    below = [row for row in known.values() if row["mean"]["mrr"] < simplest["mean"]["mrr"]]
    said = []
    for row in below:
        stopped = sum(bool(run.get("out_of_time")) for run in row["runs"])
        why = (
            f"the time limit ended {stopped} of {len(row['runs'])} runs" if stopped else "its runs ended by themselves"
        )
        said.append(f"{escaped(row['label'])} ({why})")
    return (
        f"Below TransE, the simplest system: {'; '.join(said)}." if said else "No system is below TransE, the simplest."
    )


def _paper(document: Document) -> str:
    head = ["system", *(f"{name} {NAMES[metric]}" for name in PAPER_DATASETS for metric in PAPER_METRICS)]
    rows = [
        [escaped(row["label"])]
        + [percent(key, row["paper"].get(name, {}).get(key)) for name in PAPER_DATASETS for key in PAPER_METRICS]
        for row in document["rows"]
        if row["paper"]
    ]
    return table(head, rows) if rows else "none for these systems."


def _grouped(document: Document) -> str:
    """Hits@3 by group; below each other the measured and the paper's rows."""
    names = group_names(document)
    rows = []
    for row in document["rows"]:
        found = row["groups"].get(document["by"], {})
        told = [_group_cell(found.get(name)) for name in names]
        rows.append([_label(row), "here", *told])
        for paper, values in row["paper"].items():
            rows.append(["", f"paper: {paper}", *(percent("hits@3", values.get(name)) for name in names)])
    first: Mapping[str, Any] = next((row["groups"][document["by"]] for row in document["rows"] if row["groups"]), {})
    counts = [f"{first[name]['mean']['queries']:,}" if name in first else "–" for name in names]
    heads = [name.replace(">", "\\>") for name in names]
    return table(["system", "H@3", *heads], [["queries", "here", *counts], *rows])


def group_names(document: Document) -> list[str]:
    """Groups of the document's breakdown, in order."""
    return sorted({name for row in document["rows"] for name in row["groups"].get(document["by"], {})}, key=_group_key)


def _group_key(name: str) -> tuple[bool, bool, str]:
    return name == "unreachable", name.startswith(">"), name


def _group_cell(found: Any) -> str:
    if not found:
        return "–"
    return percent("hits@3", found["mean"]["hits@3"], (found["std"] or {}).get("hits@3"))


def _varied(document: Document) -> str:
    head = ["system", document["axis_title"], "runs", *NAMES.values()]
    rows = [
        [_label(row), f"{row['x']:g}", run_count(row), *cells(row["mean"], row["std"])]
        for row in document["rows"]
    ]  # fmt: skip
    return table(head, rows)


def _label(row: Mapping[str, Any]) -> str:
    return escaped(row["label"]) + ("" if row["mean"] else " (failed)")


def run_count(row: Mapping[str, Any]) -> str:
    """How many of a row's runs have a result."""
    done = sum(run["problem"] is None for run in row["runs"])
    return str(done) if done == len(row["runs"]) else f"{done} of {len(row['runs'])}"


def fitted(document: Document) -> str:
    """Which rows learned from the validation split too, and what they reached before; empty where none did."""
    known = [row for row in document["rows"] if row.get("mrr_before_fusion") is not None]
    places = ["" if row["x"] is None else f" at {row['x']:g}" for row in known]
    told = [
        f"{row['label']}{place} {percent('mrr', row['mrr_before_fusion'])}"
        for row, place in zip(known, places, strict=True)
    ]
    if not told:
        return ""
    return (
        "The last phase of preset quality fits how much evidence counts on the validation triples, which every other "
        f"phase and system uses only to choose and to stop. Test MRR before it: {', '.join(told)}."
    )


def _failures(document: Document) -> Iterator[str]:
    for row in document["rows"]:
        for run in row["runs"]:
            if run["problem"]:
                yield f"**Failed**: {escaped(row['row'])}, seed {run['seed']}: {escaped(run['problem'])}"


def _out_of_time(document: Document) -> Iterator[str]:
    stopped = [(row["row"], run) for row in document["rows"] for run in row["runs"] if run.get("out_of_time")]
    names = [f"{escaped(name)} s{run['seed']}{_not_begun(run)}" for name, run in stopped]
    if names:
        yield (
            "The time limit ended these runs, so that they say what the time gives and not what the system can reach: "
            f"{'; '.join(names) if len(names) < 8 else f'{len(names)} runs (out_of_time in the JSON)'}."
        )


def _not_begun(run: Mapping[str, Any]) -> str:
    """Phases of which no epoch was trained: without them a run is hardly the system that it is named after."""
    phases = run.get("not_begun") or []
    return f" (no time for {', '.join(map(escaped, phases))})" if phases else ""


#: Heads of ``search_rows``.
SEARCHED = (
    "system", "trials", "failed", "defaults' valid MRR", "best valid MRR", "both with the final time", "settings",
)  # fmt: skip


def searched(document: Document) -> str:
    """How the settings were searched, in a sentence or three; "" where they were not."""
    found = document.get("search")
    if not found:
        return ""
    time = f" of at most {found['trial_seconds']:g} s" if found["trial_seconds"] else ""
    return (
        f"Settings were searched on the validation split, {found['trials']} trials{time} for each system, with seed "
        f"{found['seed']}; the first trial is the defaults. Where another one was better and the final runs have "
        "another limit, both were trained with that, and validation chose between them. The test split chose nothing."
    )


def search_rows(document: Document) -> list[tuple[str, ...]]:
    """What a search found, a row for each system, under ``SEARCHED``."""
    found = document.get("search") or {"systems": {}}
    return [
        (
            MODEL_NAMES.get(name, name),
            str(of["trials"]),
            str(of["failed"]),
            percent("mrr", of["default_valid_mrr"]),
            percent("mrr", of["valid_mrr"]),
            _final(of.get("final")),
            ", ".join(f"{key}={value}" for key, value in of["settings"].items()) or "the defaults",
        )
        for name, of in found["systems"].items()
    ]


def _final(reached: Mapping[str, Any] | None) -> str:
    """Validation MRR of the defaults and of the best trial's settings, trained as long as the final runs."""
    if reached is None:
        return "–"
    return ", ".join(percent("mrr", reached[key]) for key in ("default_valid_mrr", "valid_mrr"))


def _search(document: Document) -> Iterator[str]:
    if document.get("search"):
        yield searched(document)
        yield table(SEARCHED, [[escaped(cell) for cell in row] for row in search_rows(document)])


def to_csv(document: Document) -> str:
    """Fractions, one line per row and group ("all": every query), the paper's figures in columns of their own."""
    paper = [f"paper_{name}_{key}" for name in PAPER_DATASETS for key in PAPER_METRICS]
    fields = ["row", "system", "x", "by", "group", "runs", "failed", "queries", *PAPER_METRICS,
              *(f"{key}_std" for key in PAPER_METRICS), "upgan_minus_mrr", "low", "high", *paper]  # fmt: skip
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fields, lineterminator="\n")
    writer.writeheader()
    for row in document["rows"]:
        failed = sum(run["problem"] is not None for run in row["runs"])
        common = {"row": row["row"], "system": row["system"], "x": row["x"],
                  "runs": len(row["runs"]) - failed, "failed": failed}  # fmt: skip
        change = (row["upgan_minus"] or {}).get("mrr") or {}
        ends = {"upgan_minus_mrr": change.get("value"), "low": change.get("low"), "high": change.get("high")}
        theirs = {} if document["by"] else {
            f"paper_{name}_{key}": value for name, of in row["paper"].items() for key, value in of.items()
        }  # fmt: skip
        writer.writerow(common | _numbers(row["mean"], row["std"]) | ends | theirs | {"by": "", "group": "all"})
        for by, groups in row["groups"].items():
            for name, found in groups.items():
                beside = {f"paper_{data}_hits@3": of[name] for data, of in row["paper"].items()
                          if by == document["by"] and name in of}  # fmt: skip
                line = common | _numbers(found["mean"], found["std"]) | beside
                writer.writerow(line | {"by": by, "group": name})
    return stream.getvalue()


def _numbers(mean: Any, std: Any) -> dict[str, Any]:
    return {**(mean or {}), **{f"{key}_std": value for key, value in (std or {}).items()}}
