"""The question page at the first visit, and what its settings and the list of nodes do (Streamlit's AppTest)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.ui.driving import address, checked, graphs, run_page, said, table


@pytest.mark.usefixtures("checkpoints")
class TestFirstVisit:
    def test_the_first_case_is_already_answered(self):
        app = run_page("ask")
        assert "Part of the Bargain — author — Linda Lael Miller" in said(app)
        assert "“Linda Lael Miller” is ranked" in said(app)
        assert "simulated users" in said(app)
        assert len(graphs(app)) == 1
        assert len(app.get("plotly_chart")) == 0, "the browser would read the chart library before it shows the graph"
        assert not app.warning
        assert not app.error

    def test_the_address_bar_names_what_is_shown(self):
        app = run_page("ask")
        assert address(app) == {
            "checkpoint": "demo",
            "entity": "book:part-of-the-bargain",
            "relation": "author",
            "direction": "tail",
            "answer": "author:linda-lael-miller",
        }

    def test_the_candidates_say_what_is_known_and_what_users_change(self):
        frame = table(run_page("ask"))
        assert list(frame.columns) == ["rank", "answer", "score", "known", "lift", "without"]
        row = frame[frame["answer"] == "Linda Lael Miller"].iloc[0]
        assert row["known"] == "test"

    def test_everything_can_be_downloaded(self):
        app = run_page("ask", tab="files")
        assert [button.label for button in cast(Any, app.get("download_button"))] == [
            "Page (HTML)", "Figure (PNG)", "Figure (SVG)", "Users (CSV)", "Paths (CSV)", "Case file (JSON)"
        ]  # fmt: skip

    def test_the_proof_stands_below(self):
        text = said(run_page("ask"))
        assert "Σ weights = 1.000000" in text
        assert "Σ contributions =" in text
        assert "run " in text

    def test_nothing_is_called_a_probability(self):
        assert "probab" not in said(run_page("ask")).replace("it is not a probability", "")

    def test_unusable_runs_are_listed_with_the_reason(self):
        text = said(run_page("ask"))
        assert "**unfinished**: model.safetensors is missing (training is running)" in text
        assert "**garbled**: run.json is not as upgan writes it" in text


@pytest.mark.usefixtures("checkpoints")
class TestNodesAndSettings:
    def test_a_node_chosen_from_the_list_shows_its_facts(self):
        app = run_page("ask")
        checked(app, app.selectbox(key="upgan_widget_node").select("e:book:snowflakes"))
        assert app.query_params["node"] == "e:book:snowflakes"
        assert "2 training facts" in said(app)
        facts = [button.label for button in app.button if str(button.key).startswith("upgan_node_fact_")]
        assert facts == [
            "… — author — Linda Lael Miller", "… — genre — Romance"
        ]  # fmt: skip
        checked(app, app.button(key="upgan_node_close").click())
        assert "node" not in app.query_params
        checked(app, app.selectbox(key="upgan_widget_node").select("e:book:snowflakes"))
        checked(app, app.button(key="upgan_node_ask").click())
        assert app.query_params["entity"] == "book:snowflakes"
        assert "node" not in app.query_params

    def test_a_user_shows_what_it_chose(self):
        app = run_page("ask", node="u:r1", checkpoint="demo", entity="book:part-of-the-bargain", relation="author")
        assert "interacted with 3 items" in said(app)

    def test_settings_are_in_the_address_and_come_back(self):
        app = run_page("ask")
        checked(app, app.slider(key="upgan_widget_users").set_value(2))
        checked(app, app.slider(key="upgan_widget_weight").set_value(0.1))
        checked(app, app.segmented_control(key="upgan_widget_layout").set_value("rows"))
        link = address(app)
        assert (link["users"], link["weight"], link["layout"]) == ("2", "0.1", "rows")
        again = run_page("ask", **link)
        assert again.slider(key="upgan_widget_users").value == 2
        assert again.segmented_control(key="upgan_widget_layout").value == "rows"

    @pytest.mark.parametrize(("name", "value"), [("k", "1e99"), ("users", "-1"), ("weight", "nan"), ("tab", "<b>")])
    def test_settings_out_of_bounds_are_told_and_left_out(self, name, value):
        link = {"checkpoint": "demo", "entity": "book:eye", "relation": "genre", "direction": "tail", name: value}
        app = run_page("ask", **link)
        assert len(app.warning) == 1
        assert name not in app.query_params
