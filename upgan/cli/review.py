"""`upgan review` and `upgan data apply`: proposed facts judged by people, and their decisions in the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.options import JsonFlag, RunFolder
from upgan.cli.output import check_choice, note, print_result, refuse_folder
from upgan.errors import ConfigError

if TYPE_CHECKING:
    from upgan.review.store import ReviewList, ReviewStore

app = typer.Typer(help="Review proposed facts.", no_args_is_help=True, rich_markup_mode=None)

Review = Annotated[Path, typer.Argument(help="A review's database, reviews.sqlite in the data folder.")]
ListNumber = Annotated[int | None, typer.Option("--list", help="Which list; default the newest.")]


@app.command()
def make(
    run: RunFolder,
    to: Annotated[Path, typer.Option(help="The review's database; it is made if it is missing.")],
    top: Annotated[int, typer.Option(min=1, max=100_000, help="How many lines.")] = 1000,
    kind: Annotated[str | None, typer.Option(help="Only what is missing of this kind of entity.")] = None,
    relation: Annotated[str | None, typer.Option(help="Only this relation (id or label).")] = None,
) -> None:
    """Make a list of proposed facts to be judged in the app.

    Its page is Missing facts. What was accepted or rejected before is not asked again.
    """
    refuse_folder("--to", to)
    from upgan.cli.progress import CountProgress
    from upgan.predict.predictor import load
    from upgan.predict.sureness import report, sureness
    from upgan.review.listing import make_list
    from upgan.review.store import ReviewStore

    predictor = load(run)
    store = ReviewStore(to)
    sure = sureness(predictor, CountProgress("learning how sure the scores are, questions"))
    promise = report(predictor, sure, progress=CountProgress("trying the promises on held-out facts, questions"))
    progress = CountProgress("scoring questions")
    number = make_list(store, predictor, sure, promise, top=top, kind=kind, relation=relation, progress=progress)
    shown = next(each for each in store.lists() if each.id == number)
    lines = f"{len(store.places(shown)):,} lines"
    note(f"wrote list {number} with {lines} to {to}; the app shows it on Missing facts, checkpoint {shown.run}")


@app.command()
def promises(
    run: RunFolder,
    split: Annotated[
        str, typer.Option(help="Facts to judge by: test, or valid, which the promises are made from.")
    ] = "test",
    json: JsonFlag = False,
) -> None:
    """Set what a run promises beside what came true.

    Promises are learned on validation. Gaps are judged on questions of which a fact is hidden; further values on all.
    """
    check_choice("--split", split, ("test", "valid"))
    from upgan.cli.progress import CountProgress
    from upgan.predict.predictor import load
    from upgan.predict.sureness import report, sureness
    from upgan.render.promises import promises_text

    predictor = load(run)
    sure = sureness(predictor, CountProgress("learning how sure the scores are, questions"))
    found = report(predictor, sure, split, CountProgress(f"trying the promises on {split}, questions"))  # type: ignore[arg-type]
    print_result(json, found.to_dict(), promises_text(found.to_dict()))


@app.command()
def status(review: Review, listed: ListNumber = None, json: JsonFlag = False) -> None:
    """How far a list is judged, and whether the promises were kept."""
    from upgan.render.words import percent
    from upgan.review.agreement import agreement

    store, shown = _opened(review, listed)
    found = agreement(store.outcomes(shown))
    text = [
        f"list {shown.id}: {shown.name}, run {shown.run}, made {shown.made[:19]}",
        f"{found.judged:,} of {found.lines:,} judged: {found.yes:,} accepted, {found.no:,} rejected, "
        f"{found.unsure:,} unsure; people differ on {found.disputed:,}",
    ]
    for level in found.levels:
        text.append(
            f"  sure {percent(level.low)} to {percent(level.high)}: {level.lines:,} lines, {level.judged:,} judged"
        )
        if level.judged and level.promised is not None:
            text[-1] += f", promised {percent(level.promised)}, right {percent(level.right / level.judged)}"
    print_result(json, {"list": shown.id, **found.to_dict()}, "\n".join(text))


@app.command()
def export(
    review: Review,
    out: Annotated[Path, typer.Option(help="File to write: .csv, .tsv, .nt (N-Triples) or .html (a report to print).")],
    listed: ListNumber = None,
    everything: Annotated[bool, typer.Option("--all", help="Rejected and unsure ones too.")] = False,
) -> None:
    """Write accepted facts, or all decisions, with their reasons."""
    from upgan.files import write_text
    from upgan.review.agreement import agreement
    from upgan.review.export import FORMATS, exported, report
    from upgan.review.store import VERDICTS

    format = out.suffix.lower().removeprefix(".")
    check_choice("--out: the ending", format, (*FORMATS, "html"))
    refuse_folder("--out", out)
    store, shown = _opened(review, listed)
    decisions = store.decisions(shown.catalogue, VERDICTS if everything else ("yes",))
    if format == "html":
        people = store.people(shown.catalogue)
        write_text(out, report(shown.name, decisions, agreement(store.outcomes(shown)), people))
    else:
        write_text(out, exported(decisions, format))
    note(f"wrote {len(decisions):,} decisions to {out}")


def _opened(review: Path, listed: int | None) -> tuple[ReviewStore, ReviewList]:
    """The database and one of its lists."""
    from upgan.review.store import ReviewStore

    if not review.is_file():
        raise ConfigError(f"{review}: no such file; `upgan review make RUN --to {review}` makes one")
    store = ReviewStore(review)
    lists = {each.id: each for each in store.lists()}
    if not lists:
        raise ConfigError(f"{review}: holds no list; `upgan review make RUN --to {review}` makes one")
    if listed is not None and listed not in lists:
        raise ConfigError(f"--list {listed}: there is no such list; there are {', '.join(map(str, sorted(lists)))}")
    return store, lists[listed or max(lists)]


def apply(
    review: Annotated[Path, typer.Argument(help="A review's database, or a .csv or .tsv exported from one.")],
    to: Annotated[Path, typer.Option(help="The prepared dataset that was reviewed.")],
    out: Annotated[Path, typer.Option(help="Folder of the new version.")],
    json: JsonFlag = False,
) -> None:
    """Put a review's decisions into a new version of the dataset.

    Accepted facts join it with their provenance; rejected ones are known to be wrong and not proposed again.
    """
    from upgan.data.dataset import load_dataset
    from upgan.review.apply import apply as apply_review

    applied = apply_review(review, load_dataset(to), out)
    text = (
        f"wrote {out}: {applied.accepted:,} facts joined, {applied.rejected:,} known to be wrong; "
        f"{applied.already:,} were there already, {applied.unsettled:,} unsure ones were left out"
        + (f"; {applied.repeated:,} occur twice" if applied.repeated else "")
    )
    print_result(json, applied.to_dict(), text)
