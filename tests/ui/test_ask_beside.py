"""Beside the answer: another candidate, users left out, and the smallest set that overturns it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

import upgan
from tests.ui.driving import address, checked, run_page, said
from ui.components.text import plain
from ui.panels.contrast import AGAINST
from ui.panels.contrast import _sentence as sentence
from ui.services.aliases import Aliases
from ui.services.edits import WITHOUT
from ui.services.questions import Question
from ui.services.view import View
from upgan.data.query import Query
from upgan.explain.results import Changes
from upgan.render.words import score_text


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

    def test_the_same_rank_twice_is_explained(self, checkpoints):
        found = upgan.load(checkpoints / "demo").contrast(
            head="book:part-of-the-bargain", relation="author", answer="author:linda-lael-miller",
            against="author:feist",
        )  # fmt: skip
        mine, theirs = (replace(each, filtered_rank=1.0) for each in (found.answer_standing, found.against_standing))
        alike = replace(found, answer_standing=mine, against_standing=theirs)
        assert "because known answers are left out of the ranks of others" in sentence(alike, "A", "B", "users")
        other = replace(found, answer_standing=mine, against_standing=replace(theirs, filtered_rank=2.0))
        assert "known answers" not in sentence(other, "A", "B", "users")

    def test_a_user_unticked_is_left_out_and_can_come_back(self):
        app = run_page("ask", **self.BARGAIN, tab="whatif")
        boxes = [box for box in app.checkbox if box.label.startswith("r")]
        assert len(boxes) == 3
        assert all(box.value for box in boxes)
        checked(app, boxes[0].uncheck())
        assert app.query_params["without"] == "U1", "the heaviest, by its pseudonym"
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
        assert app.query_params["without"] == "U2"
        checked(app, app.button(key="upgan_swap").click())
        assert "without" not in app.query_params
        question = Question("demo", Query.about(self.BARGAIN["entity"], "author"), self.BARGAIN["answer"])
        view = View(question).put(AGAINST, "author:feist").put(WITHOUT, ("r1",))
        other = view.ask(replace(question, answer="author:jordan"))
        assert (other[AGAINST], other[WITHOUT]) == (None, ("r1",))
        other = view.choose("author:jordan")
        assert (other[AGAINST], other[WITHOUT]) == ("author:feist", ("r1",)), "the list of candidates is the same"


@pytest.mark.usefixtures("checkpoints")
class TestEditingTheGraph:
    BARGAIN = TestComparing.BARGAIN
    LINK: ClassVar = {**BARGAIN, "tab": "whatif"}

    def ask(self, checkpoints, changes):
        """What the predictor says of a changed graph."""
        asked: Any = {"head": self.BARGAIN["entity"], "relation": "author", "answer": self.BARGAIN["answer"]}
        return upgan.load(checkpoints / "demo").what_if(**asked, changes=changes)

    def test_a_fact_is_taken_out_and_its_link_reopens_it_and_it_can_come_back(self, checkpoints):
        app = run_page("ask", **self.LINK)
        facts = app.selectbox(key="upgan_edit_fact")
        assert facts.options == ["Part of the Bargain — genre — Romance"]
        checked(app, facts.select_index(0))
        checked(app, app.button(key="upgan_edit_apply").click())
        assert app.query_params["remove_fact"] == "book:part-of-the-bargain,genre,genre:romance"
        told = self.ask(checkpoints, Changes(remove_triples=[("book:part-of-the-bargain", "genre", "genre:romance")]))
        assert {m.label: m.value for m in app.metric}["score"] == score_text(told.after.score)
        again = run_page("ask", **address(app))
        assert [m.value for m in again.metric] == [m.value for m in app.metric]
        (undo,) = [button for button in again.button if str(button.key).startswith("upgan_undo_")]
        assert plain("without the fact Part of the Bargain — genre — Romance") == undo.label
        checked(again, undo.click())
        assert "remove_fact" not in again.query_params

    def test_a_fact_is_put_in(self, checkpoints):
        app = run_page("ask", **self.LINK)
        checked(app, app.segmented_control(key="upgan_edit_action").set_value("Put in a fact"))
        checked(app, app.selectbox(key="upgan_edit_head").select("book:part-of-the-bargain"))
        checked(app, app.selectbox(key="upgan_edit_relation").select("author"))
        checked(app, app.selectbox(key="upgan_edit_tail").select("author:linda-lael-miller"))
        checked(app, app.button(key="upgan_edit_apply").click())
        fact = ("book:part-of-the-bargain", "author", "author:linda-lael-miller")
        assert app.query_params["add_fact"] == ",".join(fact)
        told = self.ask(checkpoints, Changes(add_triples=[fact]))
        assert told.after.score != told.before.score
        assert {m.label: m.value for m in app.metric}["score"] == score_text(told.after.score)

    def test_choices_are_put_in_and_taken_out_under_pseudonyms(self, checkpoints):
        app = run_page("ask", **self.LINK)
        checked(app, app.segmented_control(key="upgan_edit_action").set_value("Put in a choice"))
        checked(app, app.selectbox(key="upgan_edit_user").select("r2"))
        checked(app, app.selectbox(key="upgan_edit_item").select("book:just-kate"))
        checked(app, app.button(key="upgan_edit_apply").click())
        checked(app, app.segmented_control(key="upgan_edit_action").set_value("Take out a choice"))
        checked(app, app.selectbox(key="upgan_edit_user").select("r1"))
        checked(app, app.selectbox(key="upgan_edit_chosen").select("book:just-kate"))
        checked(app, app.button(key="upgan_edit_apply").click())
        chosen = "book:just-kate"
        told = self.ask(checkpoints, Changes(add_interactions=[("r2", chosen)], remove_interactions=[("r1", chosen)]))
        metrics = {m.label: m.value for m in app.metric}
        assert metrics["score"] == score_text(told.after.score)
        assert metrics["simulated users who reach the target"] == str(len(told.users_after))
        link = address(app)
        assert str(link["remove_interaction"]).split(",") == ["U2", "book:just-kate"]
        assert not {"r1", "r2"} & {part for text in link.values() for part in str(text).split(",")}
        again = run_page("ask", **link)
        assert [m.value for m in again.metric] == [m.value for m in app.metric]

    def test_a_change_that_the_graph_does_not_allow_is_told(self):
        app = run_page("ask", **self.LINK, add_fact="book:part-of-the-bargain,genre,genre:romance")
        assert "the fact to add is there already" in said(app)

    def test_paths_are_only_those_through_an_entity(self):
        app = run_page("ask", **self.BARGAIN, tab="evidence")
        every = app.dataframe[1].value
        chosen = app.selectbox(key="upgan_widget_through")
        checked(app, chosen.select("book:just-kate"))
        kept = app.dataframe[1].value
        assert 0 < len(kept) < len(every)
        assert all("Just Kate" in path for path in kept["path"])
        assert len(kept) == sum("Just Kate" in path for path in every["path"])
        assert app.query_params["through"] == "book:just-kate"


def test_links_name_users_by_pseudonyms_that_no_id_can_be_taken_for(checkpoints):
    dataset = upgan.load(checkpoints / "demo").dataset
    odd = replace(dataset, users=["U1", "ann@example.org", *dataset.users[2:]])
    aliases = Aliases(["ann@example.org", "U1"], odd)
    assert [aliases.name(user) for user in odd.users[:2]] == ["U2", "~U1"]
    assert [aliases.user(aliases.name(user)) for user in odd.users] == odd.users
    assert len({aliases.name(user) for user in odd.users}) == len(odd.users)
    assert aliases.user("U1") == "U1", "an id as it is"
    assert (aliases.user("U99"), aliases.user("nobody")) == ("U99", "nobody")
