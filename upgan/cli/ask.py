"""`upgan predict` and `upgan explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.mine import mine_cases
from upgan.cli.output import JsonFlag, note, print_json
from upgan.errors import ConfigError

if TYPE_CHECKING:
    from upgan.explanation import Explanation
    from upgan.predictor import Predictor

Run = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]
Head = Annotated[str | None, typer.Option("--head", help="Known head (id or label): ask for the tail.")]
Tail = Annotated[str | None, typer.Option("--tail", help="Known tail (id or label): ask for the head.")]
Relation = Annotated[str, typer.Option("--relation", help="Relation id or label.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to the main application."""
    app.command()(predict)
    app.command()(explain)


def predict(
    run: Run,
    relation: Relation,
    head: Head = None,
    tail: Tail = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many candidates.")] = 10,
    json: JsonFlag = False,
) -> None:
    """Ranked candidates for <head, relation, ?> or <?, relation, tail>."""
    from upgan.predictor import load
    from upgan.render.table import candidates_table

    predictor = load(run)
    query = predictor.query(head=head, relation=relation, tail=tail)
    candidates = predictor.predict(head=head, relation=relation, tail=tail, k=k)
    if json:
        print_json({"query": query.to_dict(), "candidates": candidates})
    else:
        typer.echo(candidates_table(candidates))


def explain(
    run: Run,
    relation: Annotated[str | None, typer.Option("--relation", help="Relation id or label.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", help="The answer to explain (id or label).")] = None,
    head: Head = None,
    tail: Tail = None,
    top_users: Annotated[int, typer.Option(min=0, help="Users whose paths are shown.")] = 5,
    format: Annotated[
        str | None,
        typer.Option("--format", help="table (default), json, html, svg, png, users.csv, paths.csv or caption."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write to this file instead of stdout (with --mine: a folder).")
    ] = None,
    case: Annotated[Path | None, typer.Option("--case", help="Also write a case file, for `upgan case open`.")] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Also write case file, page, figures, tables and caption here.")
    ] = None,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Name users U1, U2, … in json and table too, as exports always do.")
    ] = False,
    real_ids: Annotated[
        bool, typer.Option("--real-ids", help="Real user ids in exports (html, svg, png, csv, case file) too.")
    ] = False,
    mine: Annotated[
        bool, typer.Option("--mine", help="List the queries where users moved the right answer most, up and down.")
    ] = False,
    n: Annotated[int | None, typer.Option("-n", min=1, help="With --mine: how many each way.  [default: 10]")] = None,
    split: Annotated[str | None, typer.Option("--split", help="With --mine: test or valid.  [default: test]")] = None,
    json: JsonFlag = False,
) -> None:
    """Why the model ranks the answer where it does: users, paths, evidence, exact contributions.

    What is passed on (html, svg, png, csv, case file) names users U1, U2, …, simulated ones too; table and json, which
    answer on this machine, name them by their ids. Other files and folders written say so on stderr.
    """
    if pseudonyms and real_ids:
        raise ConfigError("--pseudonyms and --real-ids: choose one of them")
    if mine:
        given = {
            "--relation": relation, "--answer": answer, "--head": head, "--tail": tail, "--format": format,
            "--case": case, "--export": export,
        }  # fmt: skip
        _refuse(given, "with --mine, which asks every query of the split")
        mine_cases(run, split or "test", n or 10, out, real_ids=real_ids, top_users=top_users, json=json)
        return
    _refuse({"-n": n, "--split": split}, "without --mine")
    if relation is None or answer is None:
        raise ConfigError("name --relation and --answer (and --head or --tail), or --mine to find cases")
    format = _format(format, json)
    from upgan.predictor import load

    predictor = load(run)
    explanation = predictor.explain(head=head, relation=relation, answer=answer, tail=tail, top_users=top_users)
    _write_cases(explanation, predictor, case, export, real_ids=real_ids)
    if out is not None or case is export is None or json:
        _write(_shown(explanation, format, pseudonyms, real_ids), predictor, format, out)


def _refuse(given: dict[str, object], why: str) -> None:
    """ConfigError for options that have no meaning here."""
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise ConfigError(f"{', '.join(named)}: no meaning {why}; leave {'it' if len(named) == 1 else 'them'} out")


def _format(asked: str | None, json: bool) -> str:
    from upgan.render.export import FORMATS

    if asked is not None and asked not in FORMATS:
        raise ConfigError(f"--format {asked!r}: choose one of {', '.join(FORMATS)}")
    if json and asked not in (None, "json"):
        raise ConfigError(f"--json and --format {asked}: choose one of them")
    return "json" if json else asked or "table"


def _shown(explanation: Explanation, format: str, pseudonyms: bool, real_ids: bool) -> Explanation:
    """The explanation with users named as this format names them."""
    from upgan.render.export import EXPORTS
    from upgan.render.pseudonyms import pseudonymised

    return pseudonymised(explanation) if pseudonyms or (format in EXPORTS and not real_ids) else explanation


def _write(explanation: Explanation, predictor: Predictor, format: str, out: Path | None) -> None:
    from upgan.files import write_bytes
    from upgan.render.export import rendered

    if out is None and format == "png" and sys.stdout.isatty():
        raise ConfigError("--format png: name a file with --out, a terminal shows no picture")
    if out is not None and out.is_dir():
        raise ConfigError(f"--out {out}: a folder is in the way of the file; choose another name")
    labels = dict(zip(predictor.relations, predictor.dataset.relation_labels, strict=True))
    content = rendered(explanation, labels, format)
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_bytes(out, content)
        note(f"wrote {out}")


def _write_cases(
    explanation: Explanation, predictor: Predictor, case: Path | None, export: Path | None, *, real_ids: bool
) -> None:
    """--case and --export."""
    if case is export is None:
        return
    from upgan.case import make_case, write_bundle, write_case

    if case is not None and case.is_dir():
        raise ConfigError(f"--case {case}: a folder is in the way of the file; choose another name")
    if export is not None and export.exists() and not export.is_dir():
        raise ConfigError(f"--export {export}: a file is in the way of the folder; choose another name")
    made = make_case(explanation, predictor, real_ids=real_ids)
    if case is not None:
        write_case(case, made)
        note(f"wrote {case}")
    if export is not None:
        files = write_bundle(export, made)
        note(f"wrote {', '.join(path.name for path in files)} to {export}")
