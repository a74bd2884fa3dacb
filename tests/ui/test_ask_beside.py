"""Beside the answer: another candidate, users left out, and the smallest set that overturns it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

import upgan
from tests.ui.driving import checked, run_page, said
from ui.panels.contrast import AGAINST
from ui.panels.whatif import WITHOUT
from ui.services.questions import Question
from ui.services.view import View
from upgan.data.query import Query
from upgan.explain.results import Changes


@pytest.mark.usefixtures("checkpoints")
class TestComparing:
    BARGAIN: ClassVar = {
        "checkpoint": "demo", "entity": "book:part-of-the-bargain", "relation": "author", "direction": "tail",
        "answer": "author:linda-lael-miller",
    }  # fmt: skip

    def test_another_candidate_is_set_against_the_answer(self):
        app = run_page("ask", **self.BARGAIN, tab="contrast")
        assert "Σ differences" not in said(app)
        checked(app, app.selectbox(key="upgan_widget_against").select_index(1))
        against = app.query_params["contrast"]
        assert against != self.BARGAIN["answer"]
        assert "Σ differences =" in said(app)
        assert len(app.get("plotly_chart")) == 1
        both = app.dataframe[1].value
        assert list(both.columns) == ["", "answer", "against"]
        differences = app.dataframe[2].value
        assert (differences["contribution"] - differences["contribution_against"]).to_numpy() == pytest.approx(
            differences["difference"]
        )

    def test_a_user_unticked_is_left_out_and_can_come_back(self):
        app = run_page("ask", **self.BARGAIN, tab="whatif")
        boxes = [box for box in app.checkbox if box.label.startswith("r")]
        assert len(boxes) == 3
        assert all(box.value for box in boxes)
        checked(app, boxes[0].uncheck())
        (left_out,) = [app.query_params["without"]]
        assert left_out == boxes[0].label.split("\\")[0]
        counts = {metric.label: metric.value for metric in app.metric}
        assert counts["simulated users who reach the target"] == "2"
        assert "Weights frozen" in said(app)
        checked(app, app.button(key="upgan_whatif_reset").click())
        assert "without" not in app.query_params

    def test_the_smallest_set_is_told_or_why_there_is_none_and_its_link_reopens_it(self):
        app = run_page("ask", **self.BARGAIN, tab="whatif")
        checked(app, app.button(key="upgan_smallest").click())
        (told,) = app.success
        assert "falls from rank 5 to 6" in told.value
        assert app.query_params["fewest"] == "yes"
        again = run_page("ask", **self.BARGAIN, tab="whatif", fewest="yes")
        assert [box.value for box in again.success] == [box.value for box in app.success]
        checked(app, app.button(key="upgan_swap").click())
        assert "fewest" not in app.query_params, "another question was not asked it"

    def test_arrows_point_where_the_numbers_went(self, checkpoints):
        app = run_page("ask", **self.BARGAIN, tab="whatif", without="r1")
        changes = {metric.label: metric.delta for metric in app.metric}
        assert changes["simulated users who reach the target"] == "-1", "a hyphen: Streamlit reads the sign"
        found = upgan.load(checkpoints / "demo").what_if(
            head=self.BARGAIN["entity"], relation="author", answer=self.BARGAIN["answer"],
            changes=Changes(remove_users=["r1"]),
        )  # fmt: skip
        assert found.after.score < found.before.score
        assert changes["score"] == f"{found.after.score - found.before.score:+.4f}"
        assert (found.after.filtered_rank - found.before.filtered_rank, changes["rank"]) == (1, "+1")

    def test_what_if_stays_with_another_answer_and_goes_with_another_question(self):
        app = run_page("ask", **self.BARGAIN, tab="whatif", without="r1")
        assert app.query_params["without"] == "r1"
        checked(app, app.button(key="upgan_swap").click())
        assert "without" not in app.query_params
        question = Question("demo", Query.about(self.BARGAIN["entity"], "author"), self.BARGAIN["answer"])
        view = View(question).put(AGAINST, "author:feist").put(WITHOUT, ("r1",))
        other = view.ask(replace(question, answer="author:jordan"))
        assert (other[AGAINST], other[WITHOUT]) == (None, ("r1",))
        other = view.choose("author:jordan")
        assert (other[AGAINST], other[WITHOUT]) == ("author:feist", ("r1",)), "the list of candidates is the same"
