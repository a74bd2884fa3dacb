"""Start, case study, models and data, as a user drives them, without a browser."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import pytest

import upgan
from tests.data.sources import FORMATS
from tests.ui.driving import address, checked, run_page, said, table
from tests.ui.made import make_run
from ui.services import answers, casefiles, datasets
from upgan.case.documents import case_json, make_case
from upgan.data.prepare.prepare import PrepareSettings
from upgan.data.query import Query

BARGAIN = {"entity": "book:part-of-the-bargain", "relation": "author", "direction": "tail"}


def links(app: Any) -> list[Any]:
    return [element.proto for element in app.get("page_link")]


@pytest.mark.usefixtures("checkpoints")
class TestStart:
    def test_says_what_it_is_and_offers_three_questions(self):
        app = run_page("start")
        assert "see which users speak for the answer" in said(app)
        asked = [link for link in links(app) if link.label == "Ask this"]
        assert len(asked) == 3
        assert "Part of the Bargain — author — ?" in said(app)
        assert "The Riftwar Cycle — has sub-series — ?" in said(app)

    def test_one_card_is_a_failure_found_by_ranking(self):
        text = said(run_page("start"))
        assert "Users mislead" in text
        assert "Simulated users lower the right answer from rank" in text

    def test_each_card_says_what_one_will_see_and_opens_the_tab_that_shows_it(self):
        app = run_page("start")
        asked = [parse_qs(link.query_string) for link in links(app) if link.label == "Ask this"]
        assert [one["tab"] for one in asked] == [["users"], ["contrast"], ["users"]]
        assert asked[1]["contrast"] == ["series:wheel"]
        assert said(app).count("You will see ") == 3
        shown = run_page("ask", **{name: values[0] for name, values in asked[1].items()})
        assert "The Wheel of Time" in said(shown)
        assert "“The Serpentwar Saga” is ranked" in said(shown)

    def test_lists_the_checkpoints_and_why_others_cannot_be_opened(self):
        app = run_page("start")
        rows = [link for link in links(app) if link.help.startswith("Ask ")]
        assert [(row.label, row.query_string) for row in rows] == [
            (name, f"checkpoint={name}") for name in ("demo", "plain")
        ]
        assert "test MRR 0.500 · UPGAN, preset demo · data tiny books" in said(app)
        assert "**unfinished**: model.safetensors is missing (training is running)" in said(app)
        assert "model.safetensors was changed since it was trained" in said(app)

    def test_a_link_to_a_question_goes_to_the_page_that_asks(self):
        app = run_page("start", checkpoint="demo", **BARGAIN)
        assert "“Part of the Bargain — author — ?”" in said(app)

    def test_without_a_checkpoint_it_says_how_to_make_one(self, tmp_path, monkeypatch):
        monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
        app = run_page("start")
        assert "There is no trained model (checkpoint) to ask yet." in said(app)
        assert "upgan data demo" in app.code[0].value


def test_start_of_a_model_without_users(tmp_path, monkeypatch):
    make_run(tmp_path / "plain", model="distmult")
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
    app = run_page("start")
    assert len([link for link in links(app) if link.label == "Ask this"]) == 2
    assert "Users mislead" not in said(app)


@pytest.fixture
def own_checkpoints(made_runs, tmp_path, monkeypatch) -> Path:
    """A copy of the good run, free to be added to."""
    shutil.copytree(made_runs / "demo", tmp_path / "demo")
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
    return Path(tmp_path)


@pytest.fixture(scope="module")
def case_text(made_runs) -> str:
    predictor = upgan.load(made_runs / "demo")
    explanation = predictor.explain(head=BARGAIN["entity"], relation="author", answer="author:linda-lael-miller")
    return case_json(make_case(explanation, predictor, real_ids=False))


class TestCaseStudy:
    @pytest.mark.usefixtures("checkpoints")
    def test_shows_the_view_as_a_figure_with_caption_and_proof(self):
        app = run_page("case", checkpoint="demo", **BARGAIN, answer="author:linda-lael-miller")
        assert "“Linda Lael Miller” is ranked" in said(app)
        assert "Σ weights = 1.000000" in said(app)
        assert len(app.get("image")) == 2, "columns, and rows for a narrow window"
        assert [button.label for button in cast(Any, app.get("download_button"))] == [
            "Page (HTML)", "Figure (PNG)", "Figure (SVG)", "Users (CSV)", "Paths (CSV)", "Case file (JSON)"
        ]  # fmt: skip

    @pytest.mark.usefixtures("checkpoints")
    def test_the_link_to_copy_names_the_view(self):
        app = run_page("case", checkpoint="demo", **BARGAIN)
        assert "/case?checkpoint=demo&entity=book%3Apart-of-the-bargain&relation=author" in app.code[0].value

    def test_a_file_beside_the_run_is_opened_and_computed_again(self, own_checkpoints, case_text):
        (own_checkpoints / "demo" / "cases").mkdir()
        (own_checkpoints / "demo" / "cases" / "bargain.json").write_text(case_text)
        app = run_page("case", checkpoint="demo", file="bargain.json")
        assert len(app.success) == 1
        assert "reproduced" in app.success[0].value
        assert "Users go by pseudonyms." in said(app)
        assert address(app) == {"checkpoint": "demo", "file": "bargain.json"}

    def test_a_changed_file_is_told(self, own_checkpoints, case_text):
        document = json.loads(case_text)
        document["explanation"]["score"] += 1
        (own_checkpoints / "demo" / "cases").mkdir()
        (own_checkpoints / "demo" / "cases" / "bargain.json").write_text(json.dumps(document))
        app = run_page("case", checkpoint="demo", file="bargain.json")
        assert not app.success
        assert len(app.warning) == 1 or len(app.error) == 1

    @pytest.mark.parametrize("name", ["../run.json", "/etc/passwd", "nothing.json", "<b>.json"])
    def test_no_file_outside_the_folder_is_opened(self, own_checkpoints, name):
        (own_checkpoints / "demo" / "cases").mkdir()
        app = run_page("case", checkpoint="demo", file=name)
        assert "is not beside this checkpoint" in said(app)
        assert address(app)["entity"] == "book:part-of-the-bargain", "the answer, and no dead end"
        assert "file" not in address(app)

    def test_a_link_out_of_the_folder_is_no_case_file(self, own_checkpoints, case_text, tmp_path_factory):
        outside = tmp_path_factory.mktemp("outside") / "case.json"
        outside.write_text(case_text)
        (own_checkpoints / "demo" / "cases").mkdir()
        (own_checkpoints / "demo" / "cases" / "link.json").symlink_to(outside)
        assert casefiles.list_cases(own_checkpoints / "demo") == []

    @pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"format": "upgan-case", "version": 99}'])
    def test_what_is_no_case_file_is_refused(self, content):
        with pytest.raises(upgan.errors.CaseError) as refused:
            casefiles.open_uploaded(content)
        assert "/tmp" not in str(refused.value)

    def test_an_uploaded_case_is_the_same(self, case_text):
        assert case_json(casefiles.open_uploaded(case_text.encode())) == case_text


@pytest.mark.usefixtures("checkpoints")
class TestModels:
    def test_every_run_with_metrics_and_a_breakdown(self):
        app = run_page("models")
        assert list(table(app)["checkpoint"]) == ["demo", "plain"]
        groups = table(app, 1)
        assert list(groups["relation"]) == ["author", "has sub-series"]
        assert groups["queries"].sum() == 4
        assert address(app) == {"part": "models", "run": "demo", "by": "relation"}

    @pytest.mark.parametrize(("by", "column"), [("sparsity", "frequency"), ("hops", "hops"), ("side", "side")])
    def test_breakdowns_add_up(self, by, column):
        app = run_page("models", part="models", run="plain", by=by)
        groups = table(app, 1)
        assert groups["queries"].sum() == 4
        assert column in groups

    def test_a_link_decides_until_another_choice_is_made(self):
        app = run_page("models", part="models", run="plain", by="hops")
        checked(app, app.selectbox(key="upgan_widget_run").set_value("demo"))
        assert address(checked(app)) == {"part": "models", "run": "demo", "by": "hops"}
        app.query_params["run"] = "plain"  # the back button
        assert app.run().selectbox(key="upgan_widget_run").value == "plain"
        checked(app, app.segmented_control(key="upgan_widget_part").set_value("compare"))
        assert address(app) == {"part": "compare", "compare": ["demo", "plain"]}
        checked(app, app.segmented_control(key="upgan_widget_part").set_value("models"))
        assert address(app) == {"part": "models", "run": "plain", "by": "hops"}

    def test_a_damaged_run_says_so(self):
        app = run_page("models", part="models", run="truncated")
        assert "model.safetensors was changed since it was trained" in said(app)

    def test_comparison_has_intervals(self):
        app = run_page("models", part="compare", compare=["demo", "plain"])
        rows = table(app)
        assert list(rows["checkpoint"]) == ["demo", "plain"]
        assert rows["Δ MRR"][0] == "baseline"
        assert "[" in rows["Δ MRR"][1]
        assert address(app)["compare"] == ["demo", "plain"]

    def test_one_run_alone_is_not_compared(self):
        assert "Choose two or more." in said(run_page("models", part="compare", compare="demo"))

    def test_runs_of_one_dataset_are_compared_without_being_asked(self):
        app = run_page("models", part="compare")
        assert address(app)["compare"] == ["demo", "plain"]
        assert list(table(app)["checkpoint"]) == ["demo", "plain"], "what cannot be opened is left out"

    @pytest.mark.parametrize(("name", "value"), [("part", "<b>"), ("run", "../.."), ("by", "name"), ("compare", "no")])
    def test_an_odd_address_shows_the_usual_page(self, name, value):
        app = run_page("models", **{name: value})
        assert not app.error
        assert "Models & data" in [header.value for header in app.header]


class TestData:
    @pytest.mark.usefixtures("checkpoints")
    def test_a_dataset_with_table_1_and_its_check(self, tmp_path, monkeypatch):
        monkeypatch.setenv("UPGAN_DATA", str(tmp_path))
        app = run_page("models", part="data")
        counts = {metric.label: metric.value for metric in app.metric}
        assert counts["simulated users"] == "6"
        assert counts["facts"] == "18"
        (button,) = [button for button in app.button if button.label == "Check this dataset"]
        checked(app, button.click())
        assert "**Check**:" in said(app)

    def test_without_a_dataset(self, tmp_path, monkeypatch):
        monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
        monkeypatch.setenv("UPGAN_DATA", str(tmp_path / "data"))
        assert "There is no dataset yet." in said(run_page("models", part="data"))


TRIPLES = "head\trelation\ttail\n" + "".join(f"b{n}\tby\ta{n % 3}\nb{n}\tabout\ts{n % 4}\n" for n in range(40))
INTERACTIONS = "user\titem\n" + "".join(f"u{n % 8}\tb{(n * 7 + n // 8) % 40}\n" for n in range(160))


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


class TestImport:
    """The real files of a small source, sent as a browser sends them."""

    @pytest.fixture(autouse=True)
    def roots(self, checkpoints, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("UPGAN_DATA", str(tmp_path / "data"))
        self.data = tmp_path / "data"

    def sent(self, **files: str) -> Any:
        app = run_page("models", part="import")
        for name, content in files.items():
            app.file_uploader[0].upload(f"{name}.tsv", content.encode())
        return checked(app)

    def test_files_are_checked_first_then_prepared_and_listed(self):
        app = self.sent(triples=TRIPLES, interactions=INTERACTIONS)
        assert "**Check**:" in said(app)
        assert not self.data.exists(), "nothing is written before it is asked for"
        app.text_input[0].set_value("my-books")
        app.number_input[0].set_value(2)
        app.number_input[1].set_value(1)
        checked(app, app.button[0].click())
        assert [error.value for error in app.error] == []
        assert "The dataset “my-books” is ready" in said(app)
        made = upgan.load_dataset(self.data / "my-books")
        assert (made.name, made.num_users) == ("my-books", 8)
        listed = run_page("models", part="data")
        assert any("my-books" in option for option in listed.selectbox[0].options)
        checked(app, app.button(key="upgan_import_undo").click())
        assert not (self.data / "my-books").exists()
        assert "is ready" not in said(app)
        assert "**Check**:" in said(app), "the files are still there, to be prepared anew"

    def test_only_what_was_prepared_can_be_undone(self, tmp_path, made_runs):
        self.data.mkdir()
        (self.data / "link").symlink_to(made_runs / "demo" / "dataset")
        (self.data / "notes").mkdir()
        for path in (self.data / "link", self.data / "notes", self.data / "gone", made_runs / "demo" / "dataset"):
            with pytest.raises(upgan.errors.ConfigError, match="no such dataset"):
                datasets.remove(path)
        assert (made_runs / "demo" / "dataset" / "manifest.json").is_file()

    def test_a_taken_name_and_an_odd_one_are_refused(self):
        app = self.sent(triples=TRIPLES, interactions=INTERACTIONS)
        for name, message in (("../up", "a dataset's name here is"), ("", "a dataset's name here is")):
            app.text_input[0].set_value(name)
            checked(app, app.button[0].click())
            assert message in said(app)
        assert not self.data.exists()

    def test_what_is_no_source_is_told_without_the_place_on_this_machine(self):
        app = self.sent(triples="one column only\nand another\n")
        assert len(app.error) == 1
        assert "/tmp" not in app.error[0].value

    @pytest.mark.parametrize("name", ["../evil.tsv", "a/b.tsv", "run.pkl", ".tsv", "x" * 200 + ".tsv"])
    def test_odd_file_names_are_refused(self, name):
        with pytest.raises(upgan.errors.DataError, match="allowed"):
            datasets.Upload({name: b"x"})

    @pytest.mark.parametrize("layout", FORMATS)
    def test_every_layout_is_read_plain_and_packed_to_the_same_dataset(self, layout):
        files = {Path(name).name: as_bytes(content) for name, content in FORMATS[layout].items()}
        packed = {f"{name}.gz": gzip.compress(content) for name, content in files.items()}
        made = []
        for name, sent in (("plain", files), ("packed", packed)):
            upload = datasets.Upload(sent)
            assert upload.check(lambda *_: None).findings
            made.append(upgan.load_dataset(upload.prepare(name, PrepareSettings(min_interactions=1, min_triples=1))))
        assert made[0].num_users == made[1].num_users == 2
        for part in ("train", "valid", "test", "interactions"):
            assert (getattr(made[0], part) == getattr(made[1], part)).all(), part

    def test_packed_files_go_through_the_page(self):
        app = run_page("models", part="import")
        for name, content in FORMATS["recbole"].items():
            app.file_uploader[0].upload(f"{name}.gz", gzip.compress(as_bytes(content)))
        checked(app)
        assert "**Check**:" in said(app)
        app.number_input[0].set_value(1)
        app.number_input[1].set_value(1)
        checked(app, app.button[0].click())
        assert "The dataset “mine” is ready" in said(app)

    def test_a_file_sent_plain_and_packed_is_refused(self):
        with pytest.raises(upgan.errors.DataError, match="sent twice"):
            datasets.Upload({"triples.tsv": b"x", "triples.tsv.gz": gzip.compress(b"x")})

    def test_what_unpacks_to_too_much_or_not_at_all_is_refused(self, monkeypatch):
        monkeypatch.setattr(datasets, "MOST_UNPACKED_MEGABYTES", 1)
        with pytest.raises(upgan.errors.DataError, match="when unpacked"):
            datasets.Upload({"triples.tsv.gz": gzip.compress(bytes(1_000_001))})
        with pytest.raises(upgan.errors.DataError, match="cut off or damaged"):
            datasets.Upload({"triples.tsv.gz": gzip.compress(b"abc" * 99)[:-9]})

    def test_too_many_files_are_refused(self):
        with pytest.raises(upgan.errors.DataError, match="at most"):
            datasets.Upload({f"f{n}.tsv": b"" for n in range(datasets.MOST_FILES + 1)})

    def test_the_files_go_with_the_upload(self):
        upload = datasets.Upload({"triples.tsv": b"x"})
        folder = upload.path
        assert folder.is_dir()
        upload.close()
        assert not folder.exists()


def test_the_case_page_tells_what_a_file_holds_beside_the_answer(own_checkpoints, made_runs):
    predictor = upgan.load(made_runs / "demo")
    query = Query.about(BARGAIN["entity"], "author")
    explanation = answers.explain(predictor, query, "author:linda-lael-miller", 5)
    case = make_case(
        explanation,
        predictor,
        contrast=predictor.contrast(**query.names, answer=explanation.answer.id, against="author:feist"),
        real_ids=False,
    )
    (own_checkpoints / "demo" / "cases").mkdir(exist_ok=True)
    (own_checkpoints / "demo" / "cases" / "two.json").write_text(case_json(case))
    assert "**Why not another?**" in said(run_page("case", file="two.json"))
