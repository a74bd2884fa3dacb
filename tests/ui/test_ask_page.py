"""The page as a user drives it, without a browser (Streamlit's AppTest)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from streamlit.testing.v1 import AppTest

from tests.render.samples import HOSTILE
from tests.ui.made import make_run

APP = Path(__file__).resolve().parents[2] / "streamlit_app.py"
QUESTION = "upgan_widget_question"
SEARCH = "upgan_widget_search"


def run_app(**link: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page("ui/pages/ask.py")
    for name, value in link.items():
        app.query_params[name] = value
    return checked(app)


def flat(app: AppTest) -> dict[str, str]:
    """The address bar; each name here has one value."""
    return {name: str(value) for name, value in app.query_params.items()}


def checked(app: AppTest, widget: Any = None) -> AppTest:
    """Run the page (after ``widget`` was touched) and see that nothing broke."""
    (widget or app).run()
    assert not app.exception, [error.value for error in app.exception]
    return app


def said(app: AppTest) -> str:
    """All text that Streamlit would read as Markdown, without the escapes."""
    parts = [element.value for kind in (app.markdown, app.caption, app.subheader, app.info, app.warning, app.error)
             for element in kind]  # fmt: skip
    return "\n".join(parts).replace("\\", "")


def matches(app: AppTest) -> list[Any]:
    """The search's buttons."""
    return [button for button in app.button if str(button.key).startswith("upgan_match_")]


def table(app: AppTest):
    return app.dataframe[0].value


@pytest.mark.usefixtures("checkpoints")
class TestFirstVisit:
    def test_the_first_case_is_already_answered(self):
        app = run_app()
        assert "Part of the Bargain — author — Linda Lael Miller" in said(app)
        assert "“Linda Lael Miller” is ranked" in said(app)
        assert "simulated users" in said(app)
        assert len(app.get("bidi_component")) == 1
        assert len(app.get("plotly_chart")) == 0, "the browser would read the chart library before it shows the graph"
        assert not app.warning
        assert not app.error

    def test_the_address_bar_names_what_is_shown(self):
        app = run_app()
        assert flat(app) == {
            "checkpoint": "demo",
            "entity": "book:part-of-the-bargain",
            "relation": "author",
            "direction": "tail",
            "answer": "author:linda-lael-miller",
        }

    def test_the_candidates_say_what_is_known_and_what_users_change(self):
        frame = table(run_app())
        assert list(frame.columns) == ["rank", "answer", "score", "known", "lift", "without"]
        row = frame[frame["answer"] == "Linda Lael Miller"].iloc[0]
        assert row["known"] == "test"

    def test_everything_can_be_downloaded(self):
        app = run_app(tab="files")
        assert [button.label for button in cast(Any, app.get("download_button"))] == [
            "Page (HTML)", "Figure (PNG)", "Figure (SVG)", "Users (CSV)", "Paths (CSV)", "Case file (JSON)"
        ]  # fmt: skip

    def test_the_proof_stands_below(self):
        text = said(run_app())
        assert "Σ weights = 1.000000" in text
        assert "Σ contributions =" in text
        assert "run " in text

    def test_nothing_is_called_a_probability(self):
        assert "probab" not in said(run_app()).replace("it is not a probability", "")

    def test_unusable_runs_are_listed_with_the_reason(self):
        text = said(run_app())
        assert "**unfinished**: model.safetensors is missing (training is running)" in text
        assert "**garbled**: run.json is not readable" in text


@pytest.mark.usefixtures("checkpoints")
class TestAsking:
    def test_swapping_asks_from_the_other_end(self):
        app = run_app()
        assert "Missing: the end of “author”" in said(app)
        checked(app, app.button(key="upgan_swap").click())
        assert app.query_params["entity"] == "author:linda-lael-miller"
        assert app.query_params["direction"] == "head"
        assert "“? — author — Linda Lael Miller”" in said(app)
        assert "Missing: the start of “author”" in said(app)
        checked(app, app.button(key="upgan_swap").click())
        assert "“Part of the Bargain — author — ?”" in said(app)

    def test_a_random_question_answers(self):
        app = run_app()
        checked(app, app.button(key="upgan_random").click())
        assert "answer" not in app.query_params
        assert len(app.get("bidi_component")) == 1

    def test_search_and_choose_another_entity(self):
        app = run_app()
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
        app = run_app()
        checked(app, app.text_input(key=SEARCH).set_value("zzz"))
        assert "No name holds “zzz”" in said(app)
        assert not matches(app)

    def test_a_slip_still_finds_the_name(self):
        app = run_app()
        checked(app, app.text_input(key=SEARCH).set_value("riftwra cycel"))
        assert "No name holds “riftwra cycel”. Similar names:" in said(app)
        (match,) = matches(app)
        assert match.label.startswith("The Riftwar Cycle :gray[series")

    def test_both_directions(self):
        app = run_app(checkpoint="demo", entity="author:feist", relation="author", direction="head")
        assert "“? — author — Raymond E. Feist”" in said(app)
        app = run_app(checkpoint="demo", entity="book:magician", relation="author", direction="tail")
        assert "“Magician — author — ?”" in said(app)

    def test_switch_the_relation(self):
        app = run_app()
        options = app.selectbox(key=QUESTION).options
        assert "Part of the Bargain — has sub-series — ?" not in options
        checked(app, app.selectbox(key=QUESTION).select_index(options.index("Part of the Bargain — genre — ?")))
        assert app.query_params["relation"] == "genre"
        assert "“Part of the Bargain — genre — ?”" in said(app)

    def test_all_relations(self):
        app = run_app()
        checked(app, app.toggle(key="upgan_widget_all").set_value(True))
        assert "? — has sub-series — Part of the Bargain" in app.selectbox(key=QUESTION).options

    def test_another_candidate_is_explained(self):
        app = run_app()
        link = {**flat(app), "answer": "author:feist"}
        app = run_app(**link)
        assert "“Raymond E. Feist” is ranked" in said(app)

    def test_more_and_fewer_candidates(self):
        app = run_app()
        checked(app, app.slider(key="upgan_widget_k").set_value(15))
        assert len(table(app)) >= 15

    def test_hide_known_answers(self):
        app = run_app(checkpoint="demo", entity="author:feist", relation="author", direction="head")
        assert "train" in list(table(app)["known"])
        checked(app, app.segmented_control(key="upgan_widget_known").set_value("hide"))
        assert not table(app)["known"].any()
        assert app.query_params["known"] == "hide"
        checked(app, app.segmented_control(key="upgan_widget_known").set_value("show"))
        assert "train" in list(table(app)["known"])

    def test_sorting_users_by_contribution(self):
        app = run_app()
        app = run_app(**flat(app), tab="users")
        assert len(app.get("plotly_chart")) == 1
        checked(app, app.segmented_control(key="upgan_widget_order").set_value("contribution"))
        assert len(app.get("plotly_chart")) == 1

    def test_a_link_reopens_the_same_view(self):
        first = run_app(
            checkpoint="demo", entity="book:eye", relation="genre", direction="tail", answer="genre:fantasy"
        )
        again = run_app(**flat(first))
        assert said(first) == said(again)

    def test_the_back_button_brings_the_old_question_back(self):
        app = run_app()
        before = flat(app)
        checked(app, app.button(key="upgan_swap").click())
        for name, value in before.items():
            app.query_params[name] = value
        checked(app)
        assert "Part of the Bargain — author — Linda Lael Miller" in said(app)


@pytest.mark.usefixtures("checkpoints")
class TestComparing:
    BARGAIN: ClassVar = {
        "checkpoint": "demo", "entity": "book:part-of-the-bargain", "relation": "author", "direction": "tail",
        "answer": "author:linda-lael-miller",
    }  # fmt: skip

    def test_another_candidate_is_set_against_the_answer(self):
        app = run_app(**self.BARGAIN, tab="contrast")
        assert "Σ differences" not in said(app)
        checked(app, app.selectbox(key="upgan_widget_against").select_index(1))
        against = app.query_params["contrast"]
        assert against != self.BARGAIN["answer"]
        assert "Σ differences =" in said(app)
        assert len(app.get("plotly_chart")) == 1
        both = app.dataframe[1].value
        assert list(both.columns) == ["", "answer", "against"]
        differences = app.dataframe[2].value
        assert (differences["answer"] - differences["against"]).to_numpy() == pytest.approx(differences["difference"])

    def test_a_user_unticked_is_left_out_and_can_come_back(self):
        app = run_app(**self.BARGAIN, tab="whatif")
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
        app = run_app(**self.BARGAIN, tab="whatif")
        checked(app, app.button(key="upgan_smallest").click())
        assert len(app.success) + len(app.info) == 1
        assert app.query_params["fewest"] == "yes"
        again = run_app(**self.BARGAIN, tab="whatif", fewest="yes")
        assert [box.value for box in again.success] == [box.value for box in app.success]
        checked(app, app.button(key="upgan_swap").click())
        assert "fewest" not in app.query_params, "another question was not asked it"

    def test_arrows_point_where_the_numbers_went(self):
        app = run_app(**self.BARGAIN, tab="whatif", without="r1")
        changes = {metric.label: metric.delta for metric in app.metric}
        assert changes["simulated users who reach the target"] == "-1", "a hyphen: Streamlit reads the sign"
        assert changes["score"][0] in "+-0"

    def test_what_if_stays_with_another_answer_and_goes_with_another_question(self):
        app = run_app(**self.BARGAIN, tab="whatif", without="r1")
        assert app.query_params["without"] == "r1"
        checked(app, app.button(key="upgan_swap").click())
        assert "without" not in app.query_params


@pytest.mark.usefixtures("checkpoints")
class TestNodesAndSettings:
    def test_a_node_chosen_from_the_list_shows_its_facts(self):
        app = run_app()
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
        app = run_app(node="u:r1", checkpoint="demo", entity="book:part-of-the-bargain", relation="author")
        assert "interacted with 3 items" in said(app)

    def test_settings_are_in_the_address_and_come_back(self):
        app = run_app()
        checked(app, app.slider(key="upgan_widget_users").set_value(2))
        checked(app, app.slider(key="upgan_widget_weight").set_value(0.1))
        checked(app, app.segmented_control(key="upgan_widget_layout").set_value("rows"))
        link = flat(app)
        assert (link["users"], link["weight"], link["layout"]) == ("2", "0.1", "rows")
        again = run_app(**link)
        assert again.slider(key="upgan_widget_users").value == 2
        assert again.segmented_control(key="upgan_widget_layout").value == "rows"

    @pytest.mark.parametrize(("name", "value"), [("k", "1e99"), ("users", "-1"), ("weight", "nan"), ("tab", "<b>")])
    def test_settings_out_of_bounds_are_told_and_left_out(self, name, value):
        link = {"checkpoint": "demo", "entity": "book:eye", "relation": "genre", "direction": "tail", name: value}
        app = run_app(**link)
        assert len(app.warning) == 1
        assert name not in app.query_params


@pytest.mark.usefixtures("checkpoints")
class TestOddities:
    def test_no_user_reaches_the_target(self):
        app = run_app(checkpoint="demo", entity="book:lonely", relation="author", direction="tail")
        assert "No user reaches this entity" in said(app)
        assert len(app.get("bidi_component")) == 1

    def test_a_model_without_users_still_ranks(self):
        app = run_app(checkpoint="plain")
        assert len(table(app)) == 10
        assert "This run's model (DistMult) hears no users" in said(app)

    def test_a_damaged_run_says_what_is_wrong(self):
        app = run_app(checkpoint="truncated")
        assert "truncated or changed since training" in said(app)
        checked(app, app.selectbox(key="upgan_widget_checkpoint").select("demo"))
        assert "Linda Lael Miller" in said(app)

    def test_switching_checkpoints_starts_with_its_own_question(self):
        app = run_app(checkpoint="demo", entity="book:eye", relation="genre", direction="tail")
        checked(app, app.selectbox(key="upgan_widget_checkpoint").select("plain"))
        assert app.query_params["checkpoint"] == "plain"
        assert app.query_params["entity"] == "book:part-of-the-bargain"

    @pytest.mark.parametrize("name", ["../../etc", "/etc/passwd", "<script>alert(1)</script>", "..", "", "unfinished"])
    def test_a_checkpoint_outside_the_list_is_not_opened(self, name):
        app = run_app(checkpoint=name)
        if name:
            assert "Showing another one." in said(app)
        assert app.query_params["checkpoint"] == "demo"

    @pytest.mark.parametrize(
        ("name", "value"),
        [("entity", value) for value in (*HOSTILE, "x" * 3000, "%00")]
        + [(name, HOSTILE[0]) for name in ("relation", "answer", "direction")],
    )
    def test_hostile_links_get_a_friendly_answer(self, name, value):
        value = value.encode("utf-8", "replace").decode()
        link = {"checkpoint": "demo", "entity": "book:eye", "relation": "genre", "direction": "tail", name: value}
        app = run_app(**link)
        assert len(app.warning) >= 1
        assert len(app.get("bidi_component")) == 1
        for message in app.warning:
            assert "<" not in message.value.replace("\\<", "")


def test_no_checkpoint_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
    app = run_app()
    assert "There is no checkpoint to ask yet." in said(app)
    assert "upgan data demo" in app.code[0].value
    assert "--preset demo" in app.code[0].value


def test_only_broken_checkpoints(checkpoints, tmp_path, monkeypatch):
    shutil.copytree(checkpoints / "unfinished", tmp_path / "unfinished")
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
    assert "**unfinished**: model.safetensors is missing" in said(run_app())


@pytest.fixture(scope="module")
def hostile_root(tmp_path_factory) -> Path:
    root: Path = tmp_path_factory.mktemp("hostile")
    names = [
        "book:part-of-the-bargain", "author:linda-lael-miller", "book:just-kate", "book:snowflakes", "author:feist",
        "author",
    ]  # fmt: skip
    labels = [label.encode("utf-8", "ignore").decode() for label in HOSTILE]
    make_run(root / "<b>*run*", labels=dict(zip(names, labels, strict=True)))
    return root


def test_hostile_labels_are_shown_as_they_are(hostile_root, monkeypatch):
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(hostile_root))
    app = run_app(
        checkpoint="<b>*run*", entity="book:part-of-the-bargain", relation="author", direction="tail",
        answer="author:linda-lael-miller",
    )  # fmt: skip
    assert "<script>alert(1)</script>" in said(app)
    for kind in (app.markdown, app.caption, app.subheader, app.info):
        for element in kind:
            assert "<script" not in element.value.replace("\\<", "")
            assert "](http" not in element.value
    assert "<script>alert(1)</script> — " in app.selectbox(key=QUESTION).options[0]
    checked(app, app.text_input(key=SEARCH).set_value("bold"))
    assert matches(app)[0].label.startswith("\\*\\*bold\\*\\*")


@pytest.mark.usefixtures("checkpoints")
class TestOddQuestions:
    def test_an_unknown_id_gets_the_names_it_resembles(self):
        app = run_app(checkpoint="demo", entity="book:part-of-the-bargian", relation="author")
        assert "“book:part-of-the-bargian” is not in this dataset." in said(app)
        assert "Similar names: Part of the Bargain." in said(app)

    def test_a_relation_that_such_things_never_have_is_told(self):
        link = {"checkpoint": "demo", "entity": "author:feist", "direction": "tail"}
        assert "expect a poor answer" in said(run_app(**link, relation="genre"))
        assert "expect a poor answer" not in said(run_app(**link | {"direction": "head"}, relation="author"))

    def test_a_model_that_hears_no_users_says_so_once_and_has_no_rank_without_them(self):
        app = run_app(checkpoint="plain", entity="book:magician", relation="author")
        assert said(app).count("so there are no user weights") == 2, "in the caption and in the proof"
        columns = json.loads(app.dataframe[0].proto.columns)
        assert columns["lift"]["hidden"]
        assert columns["without"]["hidden"]
