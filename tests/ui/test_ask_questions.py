"""Asking on the page: search, directions, relations, candidates, links, and questions without a good answer."""

from __future__ import annotations

import json

import pytest

import upgan
from tests.ui.driving import QUESTION, SEARCH, address, checked, graphs, matches, run_page, said, table


@pytest.mark.usefixtures("checkpoints")
class TestAsking:
    def test_swapping_asks_from_the_other_end(self):
        app = run_page("ask")
        assert "What is the “author” of “" in said(app)
        checked(app, app.button(key="upgan_swap").click())
        assert app.query_params["entity"] == "author:linda-lael-miller"
        assert app.query_params["direction"] == "head"
        assert "“? — author — Linda Lael Miller”" in said(app)
        assert "Whose “author” is “" in said(app)
        checked(app, app.button(key="upgan_swap").click())
        assert "“Part of the Bargain — author — ?”" in said(app)

    def test_a_random_question_answers(self):
        app = run_page("ask")
        checked(app, app.button(key="upgan_random").click())
        assert "answer" not in app.query_params
        assert len(graphs(app)) == 1

    def test_search_and_choose_another_entity(self):
        app = run_page("ask")
        checked(app, app.text_input(key=SEARCH).set_value("feist"))
        (match,) = matches(app)
        assert "Raymond E" in match.label
        checked(app, match.click())
        assert app.query_params["entity"] == "author:feist"
        assert app.query_params["direction"] == "head"
        assert app.selectbox(key=QUESTION).value == ("author", "head")
        assert not matches(app)
        assert app.text_input(key=SEARCH).value == ""

    def test_search_without_a_match_says_so(self):
        app = run_page("ask")
        checked(app, app.text_input(key=SEARCH).set_value("zzz"))
        assert "No name contains “zzz”" in said(app)
        assert not matches(app)

    def test_a_slip_still_finds_the_name(self):
        app = run_page("ask")
        checked(app, app.text_input(key=SEARCH).set_value("riftwra cycel"))
        assert "No name contains “riftwra cycel”. Similar names:" in said(app)
        (match,) = matches(app)
        assert match.label.startswith("The Riftwar Cycle :gray[series")

    def test_both_directions(self):
        app = run_page("ask", checkpoint="demo", entity="author:feist", relation="author", direction="head")
        assert "“? — author — Raymond E. Feist”" in said(app)
        app = run_page("ask", checkpoint="demo", entity="book:magician", relation="author", direction="tail")
        assert "“Magician — author — ?”" in said(app)

    def test_switch_the_relation(self):
        app = run_page("ask")
        options = app.selectbox(key=QUESTION).options
        assert "Part of the Bargain — has sub-series — ?" not in options
        checked(app, app.selectbox(key=QUESTION).select_index(options.index("Part of the Bargain — genre — ?")))
        assert app.query_params["relation"] == "genre"
        assert "“Part of the Bargain — genre — ?”" in said(app)

    def test_all_relations(self):
        app = run_page("ask")
        checked(app, app.toggle(key="upgan_widget_all").set_value(True))
        assert "? — has sub-series — Part of the Bargain" in app.selectbox(key=QUESTION).options

    def test_another_candidate_is_explained(self):
        app = run_page("ask")
        link = {**address(app), "answer": "author:feist"}
        app = run_page("ask", **link)
        assert "“Raymond E. Feist” is ranked" in said(app)

    def test_more_and_fewer_candidates(self):
        app = run_page("ask")
        assert len(table(app)) == 10
        for count in (15, 5):
            checked(app, app.slider(key="upgan_widget_k").set_value(count))
            # The explained answer, fifth of all, is among them anyway.
            assert len(table(app)) == count
            assert table(app)["score"].is_monotonic_decreasing
            shown = table(app)
            new = shown[shown["known"] == ""]["rank"].astype(int)
            assert list(new) == list(range(1, len(new) + 1)), "of those that are not known, the rank is their order"
            assert shown[shown["known"] != ""]["rank"].str.fullmatch(r"\(\d+\)").all(), "the others count without them"

    def test_sentence_table_contrast_and_chart_have_the_same_rank(self, checkpoints):
        asked = {"entity": "author:feist", "relation": "author", "direction": "head"}
        rows = upgan.load(checkpoints / "demo").predict(tail="author:feist", relation="author", k=18)
        last = [row for row in rows if row["known"] is None][-1]
        assert last["rank"] > last["filtered_rank"], "known answers stand above it"
        app = run_page("ask", checkpoint="demo", **asked, answer=last["id"], tab="contrast", contrast=rows[0]["id"])
        rank = f"{last['filtered_rank']:g}"
        assert f"Rank {rank} " in said(app)
        assert f"is ranked {rank}, " in said(app)
        assert rank in list(table(app)["rank"])
        both = next(frame.value for frame in app.dataframe if "answer" in frame.value and "against" in frame.value)
        assert both.set_index("")["answer"]["rank"] == rank

    def test_hide_known_answers(self):
        app = run_page("ask", checkpoint="demo", entity="author:feist", relation="author", direction="head")
        assert "train" in list(table(app)["known"])
        checked(app, app.segmented_control(key="upgan_widget_known").set_value("hide"))
        assert not table(app)["known"].any()
        assert app.query_params["known"] == "hide"
        checked(app, app.segmented_control(key="upgan_widget_known").set_value("show"))
        assert "train" in list(table(app)["known"])

    def test_sorting_users_by_contribution(self):
        """r4 is the heavier of the two, r6 the more influential."""
        asked = {"entity": "book:silverthorn", "relation": "author", "direction": "tail", "answer": "book:magician"}
        app = run_page("ask", checkpoint="demo", **asked, tab="users")

        def bars() -> list[str]:
            (chart,) = app.get("plotly_chart")
            return list(json.loads(chart.proto.spec)["data"][0]["customdata"])

        assert bars() == ["r4", "r6"]
        checked(app, app.segmented_control(key="upgan_widget_order").set_value("contribution"))
        assert bars() == ["r6", "r4"]
        assert app.query_params["order"] == "contribution"

    def test_a_link_reopens_the_same_view(self):
        first = run_page(
            "ask", checkpoint="demo", entity="book:eye", relation="genre", direction="tail", answer="genre:fantasy"
        )
        again = run_page("ask", **address(first))
        assert said(first) == said(again)

    def test_the_back_button_brings_the_old_question_back(self):
        app = run_page("ask")
        before = address(app)
        checked(app, app.button(key="upgan_swap").click())
        for name, value in before.items():
            app.query_params[name] = value
        checked(app)
        assert "Part of the Bargain — author — Linda Lael Miller" in said(app)


@pytest.mark.usefixtures("checkpoints")
class TestOddQuestions:
    def test_an_unknown_id_gets_the_names_it_resembles(self):
        app = run_page("ask", checkpoint="demo", entity="book:part-of-the-bargian", relation="author")
        assert "“book:part-of-the-bargian” is not in this dataset." in said(app)
        assert "Similar names: Part of the Bargain." in said(app)

    def test_a_relation_that_such_things_never_have_is_told(self):
        link = {"checkpoint": "demo", "entity": "author:feist", "direction": "tail"}
        assert "expect a poor answer" in said(run_page("ask", **link, relation="genre"))
        assert "expect a poor answer" not in said(run_page("ask", **link | {"direction": "head"}, relation="author"))

    def test_a_model_that_hears_no_users_says_so_once_and_has_no_rank_without_them(self):
        app = run_page("ask", checkpoint="plain", entity="book:magician", relation="author")
        assert said(app).count("so there are no user weights") == 2, "in the caption and in the proof"
        assert "This model shows no paths from users." in said(app)
        columns = json.loads(app.dataframe[0].proto.columns)
        assert columns["lift"]["hidden"]
        assert columns["without"]["hidden"]
