"""Case files, exports, mining and Fig. 4 on the command line: exit codes, files, messages."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.command_line import DEMO, PAPER_FORM, here, refused, upgan
from tests.ui import made
from upgan.cli.main import run as run_command

ASKED = ("--head", "Part of the Bargain", "--relation", "author", "--answer", "Linda Lael Miller")
FILES = {"case.json", "page.html", "figure.svg", "figure.png", "users.csv", "paths.csv", "caption.txt"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "tiny"
    made.make_run(run)
    return run


def nothing_written(folder: Path) -> None:
    assert list(folder.iterdir()) == []


# Exports -------------------------------------------------------------------------------------------------------------


def test_export_writes_every_file_and_the_case_opens(tmp_path):
    result = upgan("explain", DEMO, *ASKED, "--export", tmp_path / "why", "--case", tmp_path / "one.json")
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert {path.name for path in (tmp_path / "why").iterdir()} == FILES
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "why" / "case.json").read_bytes()
    opened = here("case", "open", tmp_path / "one.json", "--run", DEMO, "--check")
    assert opened.returncode == 0, opened.stderr
    assert "reproduced: the same run" in opened.stdout
    with Image.open(tmp_path / "why" / "figure.png") as image:
        image.load()
        assert min(image.size) > 500
    again = here("explain", DEMO, *ASKED, "--export", tmp_path / "again", "--format", "json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["answer"] == "author:linda-lael-miller"
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "why" / name).read_bytes(), name


def test_who_is_named_follows_the_format_and_the_options(tmp_path):
    def users(*options: str) -> list[str]:
        answered = here("explain", DEMO, *ASKED, "--format", "json", *options)
        return [user["id"] for user in json.loads(answered.stdout)["users"]]

    real = users()
    assert users("--real-ids") == real
    named = users("--pseudonyms")
    assert named == [f"U{place}" for place in range(1, len(real) + 1)]

    def exported(*options: str) -> list[str]:
        text = here("explain", DEMO, *ASKED, "--format", "users.csv", *options).stdout
        return [row["user"] for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))]

    assert exported() == named
    assert exported("--real-ids") == real
    page = here("explain", DEMO, *ASKED, "--format", "html").stdout
    assert real[0] not in page
    assert real[0] in here("explain", DEMO, *ASKED, "--format", "html", "--real-ids").stdout


def test_contrast_and_the_rest_reach_case_page_and_caption(tmp_path):
    heaviest = json.loads(here("explain", DEMO, *ASKED, "--json").stdout)["users"][0]["id"]
    beside = ("--contrast", "Debbie Macomber", "--remove-user", heaviest, "--sort", "contribution")
    result = here("explain", DEMO, *ASKED, *beside, "--export", tmp_path / "why")
    assert result.returncode == 0, result.stderr
    document = json.loads((tmp_path / "why" / "case.json").read_text(encoding="utf-8"))
    assert document["contrast"]["against"] == "author:debbie-macomber"
    assert document["what_if"]["changes"]["remove_users"][0].startswith("U")
    assert "reader-" not in json.dumps(document)
    assert here("case", "open", tmp_path / "why" / "case.json", "--run", DEMO, "--check").returncode == 0
    page = here("explain", DEMO, *ASKED, *beside, "--format", "html").stdout
    assert "What if (weights frozen)" in page
    assert "reader-" not in page
    caption = here("explain", DEMO, *ASKED, *beside, "--format", "caption").stdout
    assert caption == (tmp_path / "why" / "caption.txt").read_text(encoding="utf-8")
    assert "of the target's simulated users touched “Debbie Macomber”" in caption
    refused(here("explain", DEMO, *ASKED, *beside, "--format", "svg"), "--format svg", "--case")


def test_png_to_stdout_is_a_picture(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", out)
    assert run_command(["explain", str(DEMO), *ASKED, "--format", "png"]) == 0
    out.flush()
    with Image.open(io.BytesIO(out.buffer.getvalue())) as image:
        image.load()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--format", "pdf"], ["pdf", "paths.csv"]),
        (["--json", "--format", "svg"], ["--json", "svg"]),
        (["--pseudonyms", "--real-ids"], ["--pseudonyms", "--real-ids"]),
        (["-n", "3"], ["-n", "--mine"]),
        (["--split", "valid"], ["--split", "--mine"]),
        (["--mine"], ["--relation", "--answer", "--head"]),
        (["--case", "."], ["--case", "folder"]),
        (["--out", "."], ["--out", "folder"]),
    ],
)
def test_options_that_do_not_fit_are_refused(options, words):
    refused(here("explain", DEMO, *ASKED, *options), *words)


def test_explain_without_a_question_says_what_to_name():
    refused(here("explain", DEMO), "--relation", "--answer", "--mine")
    refused(here("explain", DEMO, "--relation", "author", "--answer", "Linda Lael Miller"), "head")


def test_a_file_in_the_way_of_the_export_folder_is_refused(tmp_path):
    (tmp_path / "why").write_text("mine")
    refused(here("explain", DEMO, *ASKED, "--export", tmp_path / "why"), "in the way")
    assert (tmp_path / "why").read_text() == "mine"


# Opening -------------------------------------------------------------------------------------------------------------


def test_a_case_finds_its_run_by_fingerprint(tmp_path):
    here("explain", DEMO, *ASKED, "--case", tmp_path / "one.json")
    (tmp_path / "runs").mkdir()
    refused(
        here("case", "open", tmp_path / "one.json", "--checkpoints", tmp_path / "runs"), "fingerprint", "--run", "demo"
    )
    shutil.copytree(DEMO, tmp_path / "runs" / "renamed")
    opened = here("case", "open", tmp_path / "one.json", "--checkpoints", tmp_path / "runs", "--json")
    assert opened.returncode == 0, opened.stderr
    outcome = json.loads(opened.stdout)
    assert outcome["verdict"] == "reproduced"
    assert outcome["run"].endswith("renamed")


def test_a_changed_case_says_by_how_much_and_check_makes_it_an_error(tmp_path):
    here("explain", DEMO, *ASKED, "--case", tmp_path / "one.json")
    document = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    document["explanation"]["score"] += 0.125
    (tmp_path / "one.json").write_text(json.dumps(document), encoding="utf-8")
    opened = here("case", "open", tmp_path / "one.json", "--run", DEMO)
    assert opened.returncode == 0
    assert "not reproduced" in opened.stdout
    assert "0.125" in opened.stdout
    assert here("case", "open", tmp_path / "one.json", "--run", DEMO, "--check").returncode == 1


def test_a_case_of_another_dataset_and_one_unknown_there(tiny, tmp_path):
    here("explain", DEMO, *ASKED, "--case", tmp_path / "known.json")
    opened = here("case", "open", tmp_path / "known.json", "--run", tiny)
    assert opened.returncode == 0, opened.stderr
    assert "another dataset" in opened.stdout
    asked = ("--head", "The Riftwar Cycle", "--relation", "has_sub_series", "--answer", "The Serpentwar Saga")
    here("explain", DEMO, *asked, "--case", tmp_path / "unknown.json")
    refused(here("case", "open", tmp_path / "unknown.json", "--run", tiny), "is not in this run's dataset")


def test_what_is_no_case_is_refused(tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    refused(upgan("case", "open", tmp_path / "bad.json", "--run", DEMO), "bad.json", "not a case file")
    refused(here("case", "open", tmp_path / "none.json"), "no such file")


# Mining --------------------------------------------------------------------------------------------------------------


def test_mine_lists_both_ends_and_writes_cases_that_reproduce(tmp_path):
    result = here("explain", DEMO, "--mine", "-n", "2", "--json", "--out", tmp_path / "mined")
    assert result.returncode == 0, result.stderr
    mined = json.loads(result.stdout)
    assert mined["split"] == "test"
    assert mined["queries"] == mined["moved_up"] + mined["moved_down"] + mined["unmoved"]
    assert [len(mined[way]) for way in ("up", "down")] == [2, 2]
    assert {path.name for path in (tmp_path / "mined").iterdir()} == {
        "up-1.json", "up-2.json", "down-1.json", "down-2.json",
    }  # fmt: skip
    worst = json.loads((tmp_path / "mined" / "down-1.json").read_text(encoding="utf-8"))["explanation"]
    assert worst["filtered_rank"] == mined["down"][0]["rank"] > mined["down"][0]["rank_without_users"]
    assert "made it worse" in json.loads((tmp_path / "mined" / "down-1.json").read_text(encoding="utf-8"))["caption"]
    assert here("case", "open", tmp_path / "mined" / "up-1.json", "--run", DEMO, "--check").returncode == 0


def test_mine_prints_the_honest_pair_first():
    result = here("explain", DEMO, "--mine", "-n", "1", "--split", "valid")
    assert result.returncode == 0, result.stderr
    assert "helped most, and where they hurt most" in result.stdout.split("Moved up most")[0]
    refused(here("explain", DEMO, "--mine", "--split", "train"), "train", "test, valid")


# Fig. 4 --------------------------------------------------------------------------------------------------------------


def test_fig4_in_the_paper_s_form_finds_both_answers_with_users(tmp_path):
    asked = ("--data", PAPER_FORM / "dataset", "--run", PAPER_FORM, "--out", tmp_path / "fig4", "--json")
    result = here("reproduce", "fig4", *asked)
    assert result.returncode == 0, result.stderr
    first, second = json.loads(result.stdout)["cases"]
    assert (first["case"], first["how"], second["case"], second["how"]) == ("case1", "linked", "case2", "linked")
    assert first["answer"]["place"] == second["answer"]["place"] == 1
    assert first["answer"]["place_without_users"] > 1
    # The popularity trap: more of the related users read the rival, and the model prefers the answer.
    assert second["rival"]["readers"] > second["answer"]["readers"] > 0
    assert second["rival"]["score"] < second["answer"]["score"]
    page = (tmp_path / "fig4" / "fig4.md").read_text(encoding="utf-8")
    assert "simulated" in page
    assert "| 33 | 54" in page
    told = (tmp_path / "fig4" / "case2" / "caption.txt").read_text(encoding="utf-8")
    assert "counting them would choose “The Wheel of Time”" in told
    for key in ("case1", "case2"):
        assert {path.name for path in (tmp_path / "fig4" / key).iterdir()} == FILES
        assert (
            here("case", "open", tmp_path / "fig4" / key / "case.json", "--run", PAPER_FORM, "--check").returncode == 0
        )


def test_fig4_finds_the_newest_whole_run_of_the_dataset(tmp_path):
    """A control with shuffled readers, another seed and a run of another dataset are newer, and not taken."""
    from upgan.data.dataset import load_dataset
    from upgan.training.checkpoint import load_config, seal_run, start_run

    root = tmp_path / "runs"
    made.make_run(root / "tiny")
    for name, key, value in (("shuffled", "graph", {"interactions": "shuffled"}), ("seven", "seed", 7)):
        shutil.copytree(root / "tiny", root / name)
        config, data = load_config(root / name), load_dataset(root / "tiny" / "dataset")
        update = {key: config.graph.model_copy(update=value) if isinstance(value, dict) else value}
        start_run(root / name, config.model_copy(update=update), data)
        seal_run(root / name, data)
    shutil.copytree(DEMO, root / "other")
    asked = ("reproduce", "fig4", "--data", root / "tiny" / "dataset", "--checkpoints", root, "--json")
    result = here(*asked, "--seeds", "0", "--out", tmp_path / "fig4")
    assert result.returncode == 0, result.stderr
    assert f"using {root / 'tiny'}" in result.stderr
    assert (tmp_path / "fig4" / "case2" / "figure.svg").is_file()
    assert f"using {root / 'seven'}" in here(*asked, "--seeds", "7", "--out", tmp_path / "fig4").stderr
    both = here(*asked[:-1], "--seeds", "0,7", "--out", tmp_path / "fig4")
    assert "| seven |" in both.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fig4_trains_a_run_where_there_is_none(tmp_path):
    asked = ("reproduce", "fig4", "--data", DEMO / "dataset", "--preset", "demo", "--checkpoints", tmp_path / "runs")
    result = here(*asked, "--out", tmp_path / "fig4", "--json")
    assert result.returncode == 0, result.stderr
    assert [case["answer"]["place"] for case in json.loads(result.stdout)["cases"]] == [1, 1]


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("table3", ["--systems", "nobody"], ["--systems", "nobody", "transe"]),
        ("table3", ["--budget", "soon"], ["--budget", "soon", "10m"]),
        ("fig9", [], ["one of the paper's", "fig4"]),
        ("fig4", ["--seeds", "0,x"], ["--seeds", "0,x"]),
        ("fig4", ["--seeds", "1,1"], ["--seeds", "different whole numbers"]),
        ("fig4", ["--run", "nowhere"], ["nowhere"]),
    ],
)
def test_reproduce_refuses_what_it_cannot_do(target, options, words, tmp_path):
    refused(here("reproduce", target, "--data", DEMO / "dataset", "--out", tmp_path / "x", *options), *words)
    nothing_written(tmp_path)


def test_fig4_refuses_a_dataset_without_the_cases_and_a_run_of_another(tiny, toy_folder, tmp_path):
    out = tmp_path / "out"
    refused(here("reproduce", "fig4", "--data", toy_folder, "--out", out), "neither case of Fig. 4", "data demo")
    refused(here("reproduce", "fig4", "--data", DEMO / "dataset", "--run", tiny, "--out", out), "not of demo")
    assert not out.exists()
