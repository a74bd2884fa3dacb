"""`upgan predict` and `upgan explain`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.options import JsonFlag, RunFolder
from upgan.cli.output import check_choice, note, print_result, refuse_file, refuse_folder
from upgan.cli.results import (
    AddFact,
    AddInteraction,
    Against,
    BaselineName,
    EvidencePerUser,
    PathsPerUser,
    RemoveFact,
    RemoveInteraction,
    RemoveUser,
    SmallestSet,
    SortName,
    TopPaths,
    Wanted,
    changes_of,
    explained,
    pseudonymous,
)
from upgan.errors import ConfigError
from upgan.escapes import json_for_terminal, terminal

if TYPE_CHECKING:
    from upgan.explain.explanation import Explanation
    from upgan.explain.results import Results
    from upgan.predict.predictor import Predictor

Head = Annotated[str | None, typer.Option(help="Known head (id or label): ask for the tail.")]
Tail = Annotated[str | None, typer.Option(help="Known tail (id or label): ask for the head.")]
Relation = Annotated[str, typer.Option(help="Relation id or label.")]


Format = Annotated[
    str | None, typer.Option(help="table (default), json, html, svg, png, users.csv, paths.csv or caption.")
]
Out = Annotated[Path | None, typer.Option(help="Write to this file instead of stdout (with --mine: a folder).")]
Case = Annotated[Path | None, typer.Option(help="Write a case file, for `upgan case open`.")]
Export = Annotated[Path | None, typer.Option(help="Write case file, page, figures, tables and caption here.")]
Pseudonyms = Annotated[
    bool, typer.Option("--pseudonyms", help="Name users U1, U2, … in json and table too, as exports always do.")
]
RealIds = Annotated[
    bool, typer.Option("--real-ids", help="Real user ids in exports (html, svg, png, csv, case file) too.")
]
Mine = Annotated[
    bool, typer.Option("--mine", help="List the queries where users moved the right answer most, up and down.")
]


def predict(
    run: RunFolder,
    relation: Relation,
    head: Head = None,
    tail: Tail = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many candidates.")] = 10,
    json: JsonFlag = False,
) -> None:
    """Rank the candidates for a missing head or tail.

    <head, relation, ?> where --head is given, <?, relation, tail> where --tail is.
    """
    from upgan.predict.predictor import load
    from upgan.render.text_tables import candidates_table

    predictor = load(run)
    query = predictor.query(head=head, relation=relation, tail=tail)
    candidates = predictor.predict(**query.names, k=k)
    print_result(json, {"query": query.to_dict(), "candidates": candidates}, candidates_table(candidates))


def explain(
    run: RunFolder,
    relation: Annotated[str | None, typer.Option(help="Relation id or label.")] = None,
    answer: Annotated[str | None, typer.Option(help="The answer to explain (id or label).")] = None,
    head: Head = None,
    tail: Tail = None,
    top_users: Annotated[int, typer.Option(min=0, help="Users whose paths are shown.")] = 5,
    baseline: BaselineName = "none",
    sort: SortName = "weight",
    paths: PathsPerUser = 2,
    evidence: EvidencePerUser = 1,
    top_paths: TopPaths = 0,
    contrast: Against = None,
    remove_user: RemoveUser = None,
    remove_interaction: RemoveInteraction = None,
    remove_fact: RemoveFact = None,
    add_interaction: AddInteraction = None,
    add_fact: AddFact = None,
    smallest_set: SmallestSet = False,
    format: Format = None,
    out: Out = None,
    case: Case = None,
    export: Export = None,
    pseudonyms: Pseudonyms = False,
    real_ids: RealIds = False,
    mine: Mine = False,
    n: Annotated[int | None, typer.Option("-n", min=1, help="With --mine: how many each way.  [default: 10]")] = None,
    split: Annotated[str | None, typer.Option(help="With --mine: test or valid.  [default: test]")] = None,
    json: JsonFlag = False,
) -> None:
    """Say why an answer has its rank: users, paths, evidence.

    Contributions are exact. What is passed on (html, svg, png, csv, case file) names users U1, U2, …, simulated ones
    too; table and json, which answer here, name them by their ids. Other files and folders written say so on stderr.
    """
    _one_of_both(pseudonyms, real_ids)
    changes = changes_of(remove_user, remove_interaction, remove_fact, add_interaction, add_fact)
    if mine:
        from upgan.cli.mine import mine_cases

        options = {
            "--relation": relation, "--answer": answer, "--head": head, "--tail": tail, "--format": format,
            "--case": case, "--export": export, "--contrast": contrast, "--smallest-set": smallest_set or None,
            "--remove-… and --add-…": None if changes.empty else changes,
        }  # fmt: skip
        _refuse(options, "with --mine, which asks every query of the split")
        mine_cases(run, split or "test", n or 10, out, real_ids=real_ids, top_users=top_users, json=json)
        return
    _refuse({"-n": n, "--split": split}, "without --mine")
    if relation is None or answer is None:
        raise ConfigError("name --relation and --answer (and --head or --tail), or --mine to find cases")
    counts = {"top_users": top_users, "paths_per_user": paths, "evidence_per_user": evidence, "top_paths": top_paths}
    wanted = Wanted(contrast, changes, smallest_set, baseline, sort)
    output = Output(_format(format, json), out, case, export, pseudonyms, real_ids, json or format is not None)
    _check_written(wanted, output)
    from upgan.predict.predictor import load

    predictor = load(run)
    query = predictor.query(head=head, relation=relation, tail=tail)
    _write(predictor, *explained(predictor, query, answer, counts, wanted), output)


@dataclass(frozen=True)
class Output:
    """In which form the explanation goes where."""

    format: str
    out: Path | None
    case: Path | None
    export: Path | None
    pseudonyms: bool
    real_ids: bool
    #: Whether the format was asked for: then it is printed beside the files too.
    explicit: bool

    @property
    def files(self) -> bool:
        """Whether a case file or the folder of exports is to be written."""
        return self.case is not None or self.export is not None


def _check_written(wanted: Wanted, output: Output) -> None:
    """ConfigError where something is asked that no output of this call shows, or a file's place is taken."""
    from upgan.render.export import WITH_RESULTS

    if wanted.any and output.format not in WITH_RESULTS and not output.files:
        raise ConfigError(
            f"--format {output.format} shows the explanation alone; contrast, what-if and smallest set are in table, "
            "json, html and caption, and kept by --case"
        )
    refuse_folder("--out", output.out)
    refuse_folder("--case", output.case)
    refuse_file("--export", output.export)
    if output.out is None and output.format == "png" and sys.stdout.isatty():
        raise ConfigError("--format png: name a file with --out, a terminal shows no picture")


def _one_of_both(pseudonyms: bool, real_ids: bool) -> None:
    if pseudonyms and real_ids:
        raise ConfigError("--pseudonyms and --real-ids: choose one of them")


def _refuse(options: Mapping[str, object], why: str) -> None:
    """ConfigError for options that have no meaning here."""
    named = [name for name, value in options.items() if value is not None]
    if named:
        raise ConfigError(f"{', '.join(named)}: no meaning {why}; leave {'it' if len(named) == 1 else 'them'} out")


def _format(name: str | None, json: bool) -> str:
    from upgan.render.export import FORMATS

    if name is not None:
        check_choice("--format", name, FORMATS)
    if json and name not in (None, "json"):
        raise ConfigError(f"--json and --format {name}: choose one of them")
    return "json" if json else name or "table"


def _write(predictor: Predictor, explanation: Explanation, results: Results, output: Output) -> None:
    """--case and --export, then the answer itself to --out or stdout."""
    from upgan.files import write_bytes
    from upgan.render.export import ANSWERS, rendered

    if output.files:
        _write_files(predictor, explanation, results, output)
        if output.out is None and not output.explicit:
            return
    if output.pseudonyms or (output.format not in ANSWERS and not output.real_ids):
        explanation, results = pseudonymous(explanation, results)
    labels = dict(zip(predictor.relations, predictor.dataset.relation_labels, strict=True))
    content = rendered(explanation, labels, output.format, results)
    if output.out is not None:
        write_bytes(output.out, content)
        note(f"wrote {output.out}")
    elif output.format == "png":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        safe = {"json": json_for_terminal, "table": terminal, "caption": terminal}.get(output.format, str)
        sys.stdout.write(safe(content.decode("utf-8")))


def _write_files(predictor: Predictor, explanation: Explanation, results: Results, output: Output) -> None:
    from upgan.case import make_case, write_bundle, write_case

    made = make_case(explanation, predictor, **vars(results), real_ids=output.real_ids)
    if output.case is not None:
        write_case(output.case, made)
        note(f"wrote {output.case}")
    if output.export is not None:
        files = write_bundle(output.export, made)
        note(f"wrote {', '.join(path.name for path in files)} to {output.export}")
