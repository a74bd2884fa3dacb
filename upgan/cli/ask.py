"""`upgan predict` and `upgan explain`."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.output import JsonFlag, note, print_json
from upgan.errors import ConfigError

if TYPE_CHECKING:
    from upgan.explanation import Explanation

FORMATS = ("json", "html", "svg", "table")

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
    relation: Relation,
    answer: Annotated[str, typer.Option("--answer", help="The answer to explain (id or label).", show_default=False)],
    head: Head = None,
    tail: Tail = None,
    top_users: Annotated[int, typer.Option(min=0, help="Users whose paths are shown.")] = 5,
    format: Annotated[str, typer.Option("--format", help="json, html, svg or table.")] = "table",
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of stdout.")] = None,
    json: JsonFlag = False,
) -> None:
    """Why the model ranks the answer where it does: users, paths, evidence, exact contributions."""
    if format not in FORMATS:
        raise ConfigError(f"--format {format!r}: choose one of {', '.join(FORMATS)}")
    from upgan.files import write_text
    from upgan.predictor import load

    predictor = load(run)
    explanation = predictor.explain(head=head, relation=relation, answer=answer, tail=tail, top_users=top_users)
    labels = dict(zip(predictor.relations, predictor.dataset.relation_labels, strict=True))
    text = _rendered(explanation, labels, "json" if json else format)
    if out is None:
        typer.echo(text)
    else:
        write_text(out, text + "\n")
        note(f"wrote {out}")


def _rendered(explanation: Explanation, labels: dict[str, str], format: str) -> str:
    """The explanation in one of FORMATS; ``labels``: relation id -> its words."""
    if format == "json":
        return dumps(explanation.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    if format == "html":
        from upgan.render.page import page

        return page(explanation, relation_labels=labels)
    if format == "svg":
        from upgan.render.figure import figure
        from upgan.render.svg import svg

        return svg(figure(explanation, relation_labels=labels))
    from upgan.render.table import explanation_table

    return explanation_table(explanation, relation_labels=labels)
