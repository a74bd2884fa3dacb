"""The Markdown page of Fig. 4: what the paper reports beside what a run answers, in numbers and then in words."""

from __future__ import annotations

from collections.abc import Sequence

from upgan.predict.predictor import Predictor
from upgan.render.markdown import code, escaped, table
from upgan.render.words import coefficient, rank_text, signed, user_noun
from upgan.reproduce.fig4 import Answered, Candidate, CaseResult

#: What section 5.6 says in numbers: users reached, then readers of the rival and of the answer among them.
PAPER_RELATED, PAPER_RIVAL, PAPER_ANSWER = 128, 33, 17

_HOW = {
    "linked": "The dataset links the two with a triple of its {split} part.",
    "asked": "No triple of this dataset links the two, so there is no right answer here: the question is asked all the "
    "same, over every relation that could join them.",
    "stand-in": "This dataset does not hold the series asked about. A book of that series, whose own series is missing "
    "here, stands in for it; the answer named is the paper's, and not a fact of this dataset.",
}


def fig4_page(results: Sequence[CaseResult], predictors: Sequence[Predictor], command: str) -> str:
    """The whole page; ``command`` is what made it."""
    main = predictors[0]
    blocks = [
        f"# Fig. 4 on {escaped(main.dataset.name)}",
        f"Run {escaped(main.run_path.resolve().name)} ({escaped(main.config.model_name)}, preset "
        f"{escaped(main.config.preset)}), fingerprint `{main.fingerprint[:12]}`; dataset fingerprint "
        f"`{main.dataset.fingerprint[:12]}`. Made by {code(command)}.",
    ]
    if main.dataset.simulated_users:
        blocks.append(
            "**The readers of this dataset are simulated** so that they know something of authors and series. What "
            "follows shows that the mechanism works, and not what real readers carry."
        )
    missing = {"case1", "case2"} - {result.found.case.key for result in results}
    for key in sorted(missing):
        blocks.append(f"Case {key[-1]} of the paper is not in this dataset: its entities are missing.")
    for result in results:
        blocks += _case(result, main)
    return "\n\n".join(blocks) + "\n"


def _case(result: CaseResult, main: Predictor) -> list[str]:
    found, asked = result.found, result.answered[0]
    blocks = [
        f"## Case {found.case.key[-1]}: {escaped(asked.question)}",
        f"{found.case.why} {_HOW[found.how].format(split=found.split)}",
        f"![The case study]({found.case.key}/figure.svg)",
        table(("", "paper", "here"), _rows(result, main)),
        _verdict(result, main),
    ]
    if len(result.answered) > 1:
        blocks.append("Every way to ask it; places with users / without:")
        blocks.append(table(("question", "first", "answer", "rival"), [_other(one) for one in result.answered]))
    if len(result.by_run) > 1:
        blocks.append("The answer's filtered rank in each run:")
        rows = [(escaped(name), rank_text(rank), rank_text(without)) for name, rank, without in result.by_run]
        blocks.append(table(("run", "with users", "without"), rows))
    blocks.append(
        f"Files: `{found.case.key}/case.json` (check it with `upgan case open`), `page.html`, `figure.svg`, "
        "`figure.png`, `users.csv`, `paths.csv`, `caption.txt`."
    )
    return blocks


def _rows(result: CaseResult, main: Predictor) -> list[tuple[str, str, str]]:
    """One row for each thing that the paper says, and what is so here."""
    asked, second = result.answered[0], result.found.case.key == "case2"
    noun = user_noun(main.dataset.simulated_users)
    answer, rival = asked.answer, asked.rival
    shares = answer.explanation.users
    rows = [(f"{noun} related to the target", str(PAPER_RELATED) if second else "–", f"{result.related:,}")]
    if rival is not None:
        rows.append((_read(rival), str(PAPER_RIVAL), _readers(rival)))
    rows.append((_read(answer), str(PAPER_ANSWER) if second else "–", _readers(answer)))
    for bridge in result.bridges:
        said = "–" if second else "several"
        rows.append((f"of them read {escaped(bridge.label)}", said, f"{bridge.readers:,}"))
    rows.append((f"place of {escaped(answer.label)}", "found", _places(answer)))
    if rival is not None:
        rows.append((f"place of {escaped(rival.label)}", "not chosen", _places(rival)))
    for one in (rival, answer):
        if one is not None and (one.explanation.users or one.explanation.answer_users):
            told = one.explanation
            rows.append(
                (
                    f"users change the score of {escaped(one.label)} by",
                    "–",
                    signed(told.score - told.score_without_users),
                )
            )
    rows.append(("first of all entities", escaped(answer.label), _first(asked)))
    if shares:
        heaviest = " + ".join(coefficient(share.weight) for share in shares[:2])
        even = coefficient(1 / len(shares))
        rows.append(("weights of the two heaviest", "very large" if second else "–", f"{heaviest} (even: {even} each)"))
        for name in [rival, answer] if rival is not None else [answer]:
            summed = f"{coefficient(name.weight)}; {signed(name.contribution)}"
            rows.append((f"readers of {escaped(name.label)}: weight; part of its score", "–", summed))
    rows += [
        (f"the two heaviest who read both {escaped(bridge.label)} and the answer", "2", str(bridge.heaviest_two))
        for bridge in result.bridges
        if second and shares
    ]
    return rows


def _read(candidate: Candidate) -> str:
    return f"of them read {escaped(candidate.label)}, or an item of it"


def _readers(candidate: Candidate) -> str:
    return f"{candidate.readers:,} (of {candidate.all_readers:,} in all)"


def _places(candidate: Candidate) -> str:
    return f"{candidate.place:,} (without users {candidate.place_without_users:,})"


def _first(asked: Answered) -> str:
    return escaped(asked.first) + (f" (known: {asked.first_known})" if asked.first_known else "")


def _other(asked: Answered) -> tuple[str, str, str, str]:
    def places(one: Candidate | None) -> str:
        return "–" if one is None else f"{one.place:,} / {one.place_without_users:,}"

    return escaped(asked.question), _first(asked), places(asked.answer), places(asked.rival)


def _verdict(result: CaseResult, main: Predictor) -> str:
    """What is as in the paper and what is not, from the numbers alone."""
    asked = result.answered[0]
    answer, rival = asked.answer, asked.rival
    said = [] if rival is None else [_counting(answer, rival), _choosing(answer, rival)]
    said.append(_moved(answer, main))
    if result.found.how == "linked":
        said.append(
            "The right answer comes first of all that training does not hold, as in the paper."
            if answer.place == 1
            else f"The right answer is not found, unlike in the paper: its place is {answer.place:,}."
        )
    return " ".join(said)


def _moved(answer: Candidate, main: Predictor) -> str:
    """What the users do to the answer's place: better, worse or nothing."""
    noun, told = user_noun(main.dataset.simulated_users), answer.explanation
    if not (told.users or told.answer_users):
        why = ": the model reads them for items only, and neither end of the question is one"
        told_of = f"No {noun} enter this score{why if main.config.reads == 'co-interactions' else ''}."
        if answer.place == answer.place_without_users:
            return told_of
        places = f"from place {answer.place_without_users:,} to {answer.place:,}"
        return f"{told_of} Those of other candidates move the answer {places} all the same."
    if answer.place == answer.place_without_users:
        return f"The {noun} leave the answer at its place, {answer.place:,}."
    way = "up" if answer.place < answer.place_without_users else "down"
    return f"The {noun} move the answer {way}, from place {answer.place_without_users:,} to {answer.place:,}."


def _counting(answer: Candidate, rival: Candidate) -> str:
    """Whom the raw count of readers would choose."""
    names = escaped(rival.label), escaped(answer.label)
    counts = f"{rival.readers:,} of the related users read {names[0]}, {answer.readers:,} {names[1]}"
    if rival.readers > answer.readers:
        return f"As in the paper, counting readers would choose {names[0]}: {counts}."
    return f"Unlike in the paper, counting readers would not choose {names[0]}: {counts}."


def _choosing(answer: Candidate, rival: Candidate) -> str:
    """Which of the two scores higher, with users and without."""
    names = escaped(answer.label), escaped(rival.label)
    told, other = answer.explanation, rival.explanation
    ahead, ahead_without = told.score > other.score, told.score_without_users > other.score_without_users
    gap = f"by {abs(told.score - other.score):.3f}"
    gains = [one.score - one.score_without_users for one in (told, other)]
    more = f" Yet the users add more to {names[1]} than to {names[0]}." if gains[1] > gains[0] else ""
    if ahead:
        rest = "and does so without users too" if ahead_without else "and only with users: without them it would not"
        return f"The model prefers {names[0]} to {names[1]} {gap}, {rest}.{more}"
    rest = "without them it would not" if ahead_without else "without them too"
    return f"With users the model prefers {names[1]} to {names[0]} {gap}, {rest}: not what the paper reports."
