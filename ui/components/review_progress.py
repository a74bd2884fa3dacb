"""How far a list is judged, whether its promises were kept, what can be taken away, and the way back into the data."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import files, links, say
from ui.components.table import number, table, text
from ui.components.text import plain
from ui.services import reviews
from ui.services.datasets import fingerprint, key_of
from upgan.render.words import clean, percent
from upgan.review.agreement import Agreement, agreement
from upgan.review.export import exported, report
from upgan.review.store import VERDICTS, ReviewList, ReviewStore

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

#: How often others' decisions are looked for, in seconds.
EVERY = 5.0


@st.fragment(run_every=EVERY)
def show(store: ReviewStore, chosen: ReviewList) -> None:
    """A fragment: what others decide meanwhile is counted without a touch."""
    found = agreement(store.outcomes(chosen))
    words = f"{found.judged:,} of {found.lines:,} judged: {found.yes:,} yes, {found.no:,} no, {found.unsure:,} unsure"
    differ = f" · people differ on {found.disputed:,}" if found.disputed else ""
    people = ", ".join(f"{clean(who)} {count:,}" for who, count in store.people(chosen.catalogue).items())
    st.progress(found.judged / max(found.lines, 1), text=plain(words + differ))
    if people:
        st.caption(plain(f"Decisions in this catalogue: {people}"))
    table(
        _rows(found), "Promised and found, by how sure the lines are",
        {
            "how sure": text("How sure", help="As in the column “Sure” of the list."),
            "lines": number("Lines"),
            "judged": number("Judged", help="Yes or no; “unsure” is no verdict on the promise."),
            "promised": number(
                "Promised right", format="%.0f%%",
                help="The mean of “Sure”: of the lines judged, or of all where nobody judged one yet."),
            "found": number("Found right", format="%.0f%%", help="Of the lines judged, the share of yes."),
        },
        placeholder="none judged yet",
    )  # fmt: skip
    _promise(chosen)


def _rows(found: Agreement) -> list[dict[str, object]]:
    return [
        {
            "how sure": f"{percent(level.low)} to {percent(level.high)}",
            "lines": level.lines,
            "judged": level.judged,
            "promised": 100 * (level.promised if level.promised is not None else level.promised_of_all or 0.0),
            "found": 100 * level.right / level.judged if level.judged else None,
        }
        for level in found.levels
        if level.lines
    ]


def _promise(chosen: ReviewList) -> None:
    """How the promises did on facts that were hidden from the model."""
    told = chosen.promise.get("empty") or {}
    if not told.get("examples"):
        st.caption("No held-out facts were there to try the promises on.")
        return
    words = (
        f"Tried on {told['examples']:,} questions about gaps, on hidden facts and where there is nothing to find: "
        f"promises and what came true lie {percent(told['error'])} apart on average"
    )
    chance = told.get("by_chance")  # lists made before do not say it
    words += f", where chance alone makes {percent(chance)}." if chance is not None else "."
    if told["sure_right"] is not None:
        words += f" Of the {told['sure']:,} promised at 90% or more, {percent(told['sure_right'])} were right."
    st.caption(plain(words), help="Technically: the expected calibration error over ten bins, on the test facts.")


def take_away(store: ReviewStore, chosen: ReviewList) -> None:
    """Accepted facts and all decisions as files, with their reasons."""

    def made(format: str, verdicts: tuple[str, ...]) -> str:
        return exported(store.decisions(chosen.catalogue, verdicts), format)

    def page() -> str:
        decisions, people = store.decisions(chosen.catalogue), store.people(chosen.catalogue)
        return report(chosen.name, decisions, agreement(store.outcomes(chosen)), people)

    yes = ("yes",)
    files.downloads(
        {
            "Accepted (CSV)": ("accepted-facts.csv", partial(made, "csv", yes)),
            "Accepted (TSV)": ("accepted-facts.tsv", partial(made, "tsv", yes)),
            "Accepted (N-Triples)": ("accepted-facts.nt", partial(made, "nt", yes)),
            "All decisions (CSV)": ("decisions.csv", partial(made, "csv", VERDICTS)),
            "Report to print": ("review.html", page),
        }
    )


def into_data(predictor: Predictor) -> None:
    """A new version of the dataset with the decisions in it."""
    with st.form("upgan_review_apply", border=False):
        name = st.text_input(
            "Name of the new version", max_chars=40, help="A folder's name: a to z, 0 to 9, - and _, a letter first."
        )
        sent = st.form_submit_button("Put the decisions into the data", icon=":material/merge:")
    if sent:
        with say.problems_said():
            out, applied = reviews.apply(predictor, name)
            st.success(
                plain(
                    f"{out.name}: {applied.accepted:,} facts joined, {applied.rejected:,} are known to be wrong and "
                    "will not be proposed again."
                ),
                icon=":material/check_circle:",
            )
            links.link("train", "Train on it", "model_training", {"dataset": key_of(fingerprint(out))})
            command = f"upgan train {out.name} --start {predictor.run_path.name}"
            st.caption("Or go on from this checkpoint at a terminal, which is quicker:")
            st.code(command, language=None)
