"""Why this answer and not another: two candidates side by side, user by user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ui.charts.bars import differences_chart
from ui.components import controls, say
from ui.components.answered import Answered, Panel
from ui.components.table import chart, number, table, text
from ui.components.text import plain
from ui.services import questions
from ui.services.view import Named, known_entity
from ui.session import state
from ui.session.cache import kept
from upgan.render.results_sections import contrast_caption
from upgan.render.words import clean, coefficient, place_text, rank_text, score_text, shorten, signed, user_noun

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile
    from upgan.data.dataset import KGDataset
    from upgan.data.query import Query
    from upgan.explain.results import CandidateRow, Contrast
    from upgan.predict.predictor import Predictor

#: A second candidate to compare the answer with.
AGAINST = Named("contrast", lasts="list", known=known_entity)
_MOST_ROWS = 500


@kept("Comparing …")
def compared(predictor: Predictor, query: Query, answer: str, against: str) -> Contrast:
    """Why one candidate and not another. Raises QueryError where the run cannot say."""
    return predictor.contrast(**query.names, answer=answer, against=against)


def draw(answered: Answered) -> None:
    """The answer set against another candidate."""
    dataset, against = answered.predictor.dataset, answered.view[AGAINST]
    others = {row["id"]: _listed(row, dataset) for row in answered.candidates.rows}
    if against is not None:
        others.setdefault(against, questions.label_of(dataset, against))
    others.pop(answered.answer, None)
    controls.select(
        "Compare with",
        others,
        against,
        lambda chosen: state.put(AGAINST, chosen),
        "upgan_widget_against",
        placeholder="Choose another candidate",
    )
    if against in others and against is not None:
        with say.problems_said(as_info=True):
            _show(compared(answered.predictor, answered.query, answered.answer, against), answered)


def _listed(row: CandidateRow, dataset: KGDataset) -> str:
    place = place_text(row["filtered_rank"], known=row["known"] is not None)
    return f"{place}  {questions.label_of(dataset, row['id'])}"


def _show(contrast: Contrast, answered: Answered) -> None:
    """Both candidates, what the popular one is worth, and the difference user by user."""
    noun, one = user_noun(answered.simulated), user_noun(answered.simulated, 1)
    answer = clean(answered.explanation.answer.label) or clean(contrast.answer)
    against = clean(contrast.against_label) or clean(contrast.against)
    st.markdown(plain(_sentence(contrast, answer, against, noun)))
    _both(contrast, answer, against, noun)
    differences = contrast.users[:_MOST_ROWS]
    if not differences:
        st.caption(f"No {one} reaches the target, so there is nothing to compare.")
    else:
        chart(
            differences_chart(differences, answer, against),
            "contrast",
            f"Difference of each {one}'s part of the two scores; the largest, "
            f"{clean(differences[0].id)}, is {signed(differences[0].difference)}.",
            users=True,
        )
        table(
            [replace(user, id=clean(user.id)) for user in differences],
            f"Each {one}'s part of both scores and their difference",
            {
                "id": text(one),
                "weight": number(format="%.4f"),
                "contribution": number(f"for {shorten(answer, 24)}", format="%+.4f"),
                "contribution_against": number(f"for {shorten(against, 24)}", format="%+.4f"),
                "difference": number(format="%+.4f"),
            },
            highest=320,
            users="differences",
        )
    st.caption(
        f"Σ differences = {signed(contrast.difference)} = what users add to {plain(shorten(answer, 60))} minus what "
        f"they add to {plain(shorten(against, 60))} (left over by rounding: {contrast.residual:.0e})".replace("-", "−")
    )


def _sentence(contrast: Contrast, answer: str, against: str, noun: str) -> str:
    mine, theirs = contrast.answer_standing, contrast.against_standing
    ranks = [rank_text(side.filtered_rank) for side in (mine, theirs)]
    without = [rank_text(side.filtered_rank_without_users) for side in (mine, theirs)]
    first = (
        f"“{answer}” is ranked {ranks[0]}, “{against}” {ranks[1]}; without {noun} they would be {without[0]} and "
        f"{without[1]}."
    )
    if ranks[0] == ranks[1] and mine.score != theirs.score:
        first += " Both have this rank because known answers are left out of the ranks of others."
    popular, other = contrast.popularity.against, contrast.popularity.answer
    if popular.touched > other.touched and popular.contribution < other.contribution:
        return (
            f"{first} A popularity trap avoided: {popular.touched:,} of the target's {noun} touched “{against}” and "
            f"{other.touched:,} “{answer}”, yet those add {signed(popular.contribution)} to the one score and "
            f"{signed(other.contribution)} to the other."
        )
    if popular.touched < other.touched and popular.contribution > other.contribution:
        return f"{first} Fewer {noun} touched “{against}”, yet they add more to its score."
    return first


def _both(contrast: Contrast, answer: str, against: str, noun: str) -> None:
    standings = contrast.answer_standing, contrast.against_standing
    popularities = contrast.popularity.answer, contrast.popularity.against
    rows: dict[str, list[str]] = {
        "rank": [rank_text(side.filtered_rank) for side in standings],
        f"rank without {noun}": [rank_text(side.filtered_rank_without_users) for side in standings],
        "score": [score_text(side.score) for side in standings],
        f"score without {noun}": [score_text(side.score_without_users) for side in standings],
        f"the target's {noun} who chose it": [f"{side.interacted:,}" for side in popularities],
        "… or something one fact away": [f"{side.touched:,}" for side in popularities],
        "… their weight together": [coefficient(side.weight) for side in popularities],
        "… what they add to its score": [signed(side.contribution) for side in popularities],
        f"all {noun} who did": [f"{side.all_touched:,}" for side in popularities],
    }
    table(
        pd.DataFrame.from_dict(rows, orient="index", columns=["answer", "against"]).reset_index(names=""),
        f"Ranks, scores and popularity of {answer} and {against}",
        {
            "": text(width=182),  # on a phone, too, there is room for the numbers
            "answer": text(shorten(answer, 40), width=84, alignment="right"),
            "against": text(shorten(against, 40), width=84, alignment="right"),
        },
    )


def results(answered: Answered) -> Mapping[str, Callable[[], object]]:
    """The contrast that is shown."""
    against = answered.view[AGAINST]
    if against is None or against == answered.answer:
        return {}
    return {"contrast": lambda: compared(answered.predictor, answered.query, answered.answer, against)}


def words(case: CaseFile) -> Iterable[str]:
    """The contrast of a case file in a sentence."""
    if case.contrast is not None:
        noun = user_noun(case.explanation.simulated_users)
        caption = contrast_caption(case.contrast, case.explanation.answer.label, noun)
        yield f"**Why not another?** {plain(caption)}"


PANEL = Panel("Why not another?", 40, draw, (AGAINST,), results, words)
