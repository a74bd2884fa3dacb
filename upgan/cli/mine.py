"""`upgan explain RUN --mine`: where users helped most and where they hurt most, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from upgan.case import make_case, write_case
from upgan.cli.output import check_choice, note, print_result, refuse_file
from upgan.cli.progress import CountProgress
from upgan.evaluation.cells import number
from upgan.predict.mining import Mined, MinedCase, mine
from upgan.predict.predictor import Predictor, load
from upgan.render.table import Table
from upgan.render.words import MINUS, clean, rank_text, sentence, shorten

_LABEL_WIDTH = 48


def mine_cases(run: Path, split: str, n: int, out: Path | None, *, real_ids: bool, top_users: int, json: bool) -> None:
    """List the cases, and write a case file of each into ``out`` where it is given."""
    check_choice("--split", split, ("test", "valid"))
    refuse_file("--out", out)
    predictor = load(run)
    if out is not None:
        predictor.explainer()  # a run that has no user weights says so before the ranking
    mined = mine(predictor, split, n, CountProgress(f"ranking {split} with and without users"))  # type: ignore[arg-type]
    if out is not None:
        _write_cases(mined, predictor, out, real_ids=real_ids, top_users=top_users)
    print_result(json, {"run": str(run), "run_fingerprint": predictor.fingerprint, **mined.to_dict()}, _text(mined))


def _write_cases(mined: Mined, predictor: Predictor, out: Path, *, real_ids: bool, top_users: int) -> None:
    """up-1.json, down-1.json, up-2.json, …: every listed case, the pairs together."""
    listed = [(name, place, case) for name in ("up", "down") for place, case in enumerate(getattr(mined, name), 1)]
    progress = CountProgress("writing cases")
    for done, (name, place, case) in enumerate(listed, start=1):
        explanation = predictor.explain(**case.query.names, answer=case.answer, top_users=top_users)
        write_case(out / f"{name}-{place}.json", make_case(explanation, predictor, real_ids=real_ids))
        progress(done, len(listed))
    note(f"wrote {len(listed)} case files to {out}")


def _text(mined: Mined) -> str:
    blocks = [
        f"{mined.queries:,} queries of {mined.split}, both directions: users moved the right answer up in "
        f"{mined.moved_up:,}, down in {mined.moved_down:,}; MRR {number(mined.mrr, '.4f')} with users, "
        f"{number(mined.mrr_without_users, '.4f')} without"
    ]
    if mined.up and mined.down:
        blocks.append("The pair: where users helped most, and where they hurt most\n" + _pair(mined))
    for title, cases in (("Moved up most", mined.up), ("Moved down most", mined.down)):
        blocks.append(f"{title}\n{_table(cases)}" if cases else f"{title}: none")
    return "\n\n".join(blocks)


def _pair(mined: Mined) -> str:
    return "\n".join(
        f"  {_question(case)}: “{clean(case.answer_label)}” at rank {rank_text(case.rank)}, without users "
        f"{rank_text(case.rank_without_users)}"
        for case in (mined.up[0], mined.down[0])
    )


def _table(cases: Sequence[MinedCase]) -> str:
    rows = [
        (
            f"{case.reciprocal_rank_difference:+.4f}".replace("-", MINUS),
            rank_text(case.rank),
            rank_text(case.rank_without_users),
            shorten(_question(case), 2 * _LABEL_WIDTH),
            shorten(clean(case.answer_label), _LABEL_WIDTH),
        )
        for case in cases
    ]
    head = ("1/rank difference", "rank", "without users", "question", "right answer")
    return Table(head, rows, frozenset({0, 1, 2})).text()


def _question(case: MinedCase) -> str:
    return sentence(case.entity_label, case.relation_label, inverse=case.query.inverse)
