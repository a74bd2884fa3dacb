"""The Markdown page of Fig. 4: what the paper reports beside what a run answers, in numbers and then in words."""

from __future__ import annotations

from collections.abc import Sequence

from upgan.predict.predictor import Predictor
from upgan.render.templates import template
from upgan.render.words import user_noun
from upgan.reproduce.fig4 import CaseResult
from upgan.reproduce.paper_cases import PAPER_CASES


def fig4_page(results: Sequence[CaseResult], predictors: Sequence[Predictor], command: str) -> str:
    """The whole page; ``command`` is what made it."""
    there = {result.found.case.key for result in results}
    page = template("upgan.reproduce", "fig4.md.j2").render(
        main=predictors[0],
        results=results,
        missing=[case.key for case in PAPER_CASES if case.key not in there],
        noun=user_noun(predictors[0].dataset.simulated_users),
        command=command,
    )
    return page.strip() + "\n"
