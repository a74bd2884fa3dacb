"""Fig. 4 on a dataset: the paper's two cases, asked and explained with a run, whatever it really answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from upgan.case import make_case, write_bundle
from upgan.data.dataset import KGDataset
from upgan.data.query import Query
from upgan.errors import DataError
from upgan.explain.explanation import Explanation
from upgan.explain.results import CandidateRow, Contrast
from upgan.files import write_text
from upgan.predict.predictor import Predictor
from upgan.render.templates import template
from upgan.render.words import sentence, user_noun
from upgan.reproduce.paper_cases import PAPER_CASES, FoundCase, find_cases

#: The paper draws five users, "selected users for illustration".
TOP_USERS = 5


@dataclass(frozen=True)
class Candidate:
    """A candidate of a case: its ranks, and who of the users related to the target read it."""

    id: str
    label: str
    explanation: Explanation
    #: Place among the entities that training does not already hold as an answer, with users and without. The filtered
    #: rank would leave the right answer out where the rival is ranked.
    place: int
    place_without_users: int
    #: Users who read it, of those related to the target and of all.
    readers: int
    all_readers: int
    #: Of those readers, summed over the target's users: their share of p_h, and of this candidate's score.
    readers_weight: float
    readers_contribution: float


@dataclass(frozen=True)
class Answered:
    """One way to ask a case, and both candidates' places."""

    question: str
    answer: Candidate
    rival: Candidate | None
    #: What the model puts first, and whether the dataset already knows it.
    first: str
    first_known: str | None


@dataclass(frozen=True)
class Bridge:
    """What should join the target's users to the answer, and how many of them read it."""

    label: str
    readers: int
    #: The heaviest two users: how many of them read both this and the answer.
    heaviest_two: int


@dataclass(frozen=True)
class CaseResult:
    """One case of the paper, answered."""

    found: FoundCase
    target: str
    #: Users that a search from the target reaches, by counting alone.
    related: int
    answered: tuple[Answered, ...]
    bridges: tuple[Bridge, ...]
    #: Filtered rank of the answer with and without users, by run, for all runs.
    by_run: tuple[tuple[str, float, float], ...]


def found_cases(dataset: KGDataset) -> list[FoundCase]:
    """The paper's cases in the dataset; DataError where it holds neither."""
    found = find_cases(dataset)
    if not found:
        wanted = " or ".join(f"“{case.entity[0]}” with “{case.answer[0]}”" for case in PAPER_CASES)
        raise DataError(
            f"dataset {dataset.name} holds neither case of Fig. 4: no entities labelled {wanted}; the embedded "
            "catalogue does (`upgan data demo --out DIR`), and `upgan explain RUN --mine` finds cases of your own"
        )
    return found


def fig4_page(results: Sequence[CaseResult], predictors: Sequence[Predictor], command: str) -> str:
    """What the paper reports beside what a run answers, in numbers and then in words; ``command`` made it."""
    there = {result.found.case.key for result in results}
    page = template("upgan.reproduce", "fig4.md.j2").render(
        main=predictors[0],
        results=results,
        missing=[case.key for case in PAPER_CASES if case.key not in there],
        noun=user_noun(predictors[0].dataset.simulated_users),
        command=command,
    )
    return page.strip() + "\n"


def write_files(results: list[CaseResult], predictor: Predictor, out: Path, page: str) -> list[Path]:
    """Exports of every case in a folder of its own, users under pseudonyms, and the page beside them."""
    paths = []
    for result in results:
        case = make_case(result.answered[0].answer.explanation, predictor, contrast=_contrast(result, predictor))
        paths += write_bundle(out / result.found.case.key, case)
    write_text(out / "fig4.md", page)
    return [out / "fig4.md", *paths]


def _contrast(result: CaseResult, predictor: Predictor) -> Contrast | None:
    """Why the answer and not the rival, for cases that have one."""
    found, query = result.found, result.answered[0].answer.explanation.query
    if found.rival is None:
        return None
    return predictor.contrast(**query.names, answer=found.answer, against=found.rival)


def answer_case(found: FoundCase, predictors: Sequence[Predictor]) -> CaseResult:
    """Ask a case of the first run, and its first question of the others too."""
    main = predictors[0]
    readers = main.explainer().users_below
    related = readers(found.entity)
    answered = tuple(_answered(found, query, main, related) for query in found.questions)
    explanation = answered[0].answer.explanation
    heaviest = {share.id for share in explanation.users[:2]}
    both = heaviest & readers(found.answer)
    bridges = []
    for bridge in found.bridges:
        who = readers(bridge)
        label = main.dataset.entity_labels[main.dataset.entity_index[bridge]]
        bridges.append(Bridge(label, len(related & who), len(both & who)))
    by_run = []
    for predictor in predictors:
        again = predictor.explain(**found.questions[0].names, answer=found.answer, top_users=TOP_USERS)
        by_run.append((predictor.run_path.resolve().name, again.filtered_rank, again.filtered_rank_without_users))
    return CaseResult(found, explanation.target.label, len(related), answered, tuple(bridges), tuple(by_run))


def _answered(found: FoundCase, query: Query, predictor: Predictor, related: set[str]) -> Answered:
    rows = predictor.predict(**query.names, k=len(predictor.entities))
    places = _places((row["rank"], row) for row in rows)
    without = _places((row["rank_without_users"], row) for row in rows)

    def candidate(entity: str) -> Candidate:
        explanation = predictor.explain(**query.names, answer=entity, top_users=TOP_USERS)
        everyone = predictor.explainer().users_below(entity)
        who = related & everyone
        shares = [share for share in explanation.users if share.id in who]
        return Candidate(
            id=entity,
            label=explanation.answer.label,
            explanation=explanation,
            place=places[entity],
            place_without_users=without[entity],
            readers=len(who),
            all_readers=len(everyone),
            readers_weight=sum(share.weight for share in shares),
            readers_contribution=sum(share.contribution for share in shares),
        )

    answer = candidate(found.answer)
    return Answered(
        question=sentence(answer.explanation.target.label, answer.explanation.relation_label, inverse=query.inverse),
        answer=answer,
        rival=None if found.rival is None else candidate(found.rival),
        first=rows[0]["label"],
        first_known=rows[0]["known"],
    )


def _places(ranked: Iterable[tuple[int, CandidateRow]]) -> dict[str, int]:
    """Entity -> how many stand before it, and one, the answers that training holds not counted."""
    places, passed = {}, 0
    for _, row in sorted(ranked, key=lambda pair: pair[0]):
        places[row["id"]] = passed + 1
        passed += row["known"] != "train"
    return places
