"""The command line as people run it: a subprocess, its exit code, stdout and stderr."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.command_line import DEMO, ROOT, here, refused, upgan

SMALL = [
    "--preset=demo",
    *("--set=model.dim=8", "--set=initialisation.epochs=2", "--set=pretrain.epochs=1", "--set=adversarial.epochs=1"),
]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain TSV catalogue without a header, as a user would bring it."""
    folder = tmp_path_factory.mktemp("raw")
    triples = [(f"book{b}", "author", f"author{b % 4}") for b in range(24)]
    triples += [(f"book{b}", "genre", f"genre{b % 3}") for b in range(24)]
    reads = [(f"user{u}", f"book{b}") for u in range(12) for b in range(24) if (u + b) % 3 == 0]
    pd.DataFrame(triples).to_csv(folder / "triples.tsv", sep="\t", header=False, index=False)
    pd.DataFrame(reads).to_csv(folder / "interactions.tsv", sep="\t", header=False, index=False)
    return folder


@pytest.fixture(scope="module")
def dataset(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared") / "books"
    result = upgan("data", "prepare", catalogue, "--out", out, "--min-interactions", "2", "--min-triples", "1")
    assert result.returncode == 0, result.stderr
    return out


@pytest.fixture(scope="module")
def run(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    result = upgan("train", dataset, "--run", folder, *SMALL)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(folder)
    return folder


def test_raw_files_become_an_explained_answer(run: Path) -> None:
    predicted = json.loads(upgan("predict", run, "--head", "book0", "--relation", "author", "-k", "3", "--json").stdout)
    assert predicted["query"] == {"head": "book0", "relation": "author", "tail": None}
    best = predicted["candidates"][0]
    assert {"rank", "id", "label", "score", "known", "rank_without_users"} <= best.keys()

    asked = ("--head", "book0", "--relation", "author", "--answer", best["id"])
    explained = json.loads(upgan("explain", run, *asked, "--format", "json").stdout)
    assert explained["rank"] == best["rank"] == 1
    assert sum(user["weight"] for user in explained["users"]) == pytest.approx(1)
    total = sum(user["contribution"] for user in explained["users"])
    assert explained["score"] - explained["score_without_users"] == pytest.approx(total + explained["residual"])
    assert explained["score"] == pytest.approx(best["score"], abs=1e-4)


def test_the_other_direction_is_asked_through_the_tail(run: Path) -> None:
    predicted = json.loads(upgan("predict", run, "--tail", "author1", "--relation", "author", "--json").stdout)
    assert predicted["query"] == {"head": None, "relation": "author", "tail": "author1"}
    assert len(predicted["candidates"]) == 10


@pytest.mark.parametrize("kind", ["table", "html", "svg"])
def test_an_explanation_is_written_in_every_form(run: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"why.{kind}"
    asked = ("--head", "book1", "--relation", "author", "--answer", "author1")
    result = upgan("explain", run, *asked, "--format", kind, "--out", out)
    assert result.returncode == 0, result.stderr
    assert "author1" in out.read_text(encoding="utf-8")
    assert result.stdout == ""


def test_evaluate_agrees_with_the_run_s_metrics(run: Path, tmp_path: Path) -> None:
    ranks = tmp_path / "ranks.parquet"
    result = json.loads(upgan("evaluate", run, "--by", "side", "--ranks", ranks, "--json").stdout)
    kept = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    for key in ("mr", "mrr", "hits@1", "hits@3", "hits@10", "queries"):
        assert result[key] == pytest.approx(kept[key])
    assert set(result["groups"]) == {"head", "tail"}
    assert (1 / pd.read_parquet(ranks)["rank"]).mean() == pytest.approx(result["mrr"])


def test_a_run_folder_holds_what_the_contract_names(run: Path) -> None:
    names = ("config.toml", "model.safetensors", "metrics.json", "metrics.jsonl", "status.json", "log.txt", "card.md")
    assert all((run / name).stat().st_size > 0 for name in names)
    status = json.loads((run / "status.json").read_text(encoding="utf-8"))
    assert status["state"] == "finished"
    phases = {json.loads(line)["phase"] for line in (run / "metrics.jsonl").read_text().splitlines()}
    assert phases == {"initialisation", "pretrain", "adversarial"}


def test_a_copied_run_answers_without_its_dataset_s_folder(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(run, copy)
    result = upgan("predict", copy, "--head", "book0", "--relation", "author", "--json", cwd=tmp_path)
    original = upgan("predict", run, "--head", "book0", "--relation", "author", "--json")
    assert json.loads(result.stdout) == json.loads(original.stdout)


def test_the_same_seed_trains_the_same_weights(dataset: Path, run: Path, tmp_path: Path) -> None:
    assert upgan("train", dataset, "--run", tmp_path / "again", *SMALL).returncode == 0
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()


def test_the_same_seed_prepares_the_same_bytes(catalogue: Path, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "books"
    upgan("data", "prepare", catalogue, "--out", out, "--min-interactions", "2", "--min-triples", "1")
    for path in dataset.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()


def test_describe_prints_table_1(dataset: Path) -> None:
    text = upgan("data", "describe", dataset)
    assert text.returncode == 0
    assert "#Triplets" in text.stdout
    assert json.loads(upgan("data", "describe", dataset, "--json").stdout)


def test_doctor_reports(tmp_path: Path) -> None:
    result = upgan("doctor", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)


# What goes wrong -----------------------------------------------------------------------------------------------------


def test_a_run_is_not_overwritten_by_chance(dataset: Path, run: Path) -> None:
    refused(upgan("train", dataset, "--run", run, *SMALL), str(run), "--overwrite")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "fast"], ["fast", "demo", "paper"]),
        (["--model", "kgat2"], ["kgat2", "upgan"]),
        (["--set", "pretrain.lrate=1"], ["pretrain.lrate", "pretrain.lr"]),
        (["--set", "pretrain.lr=-1"], ["pretrain.lr", "greater than 0"]),
        (["--set", "pretrain.lr"], ["key=value"]),
        (["--seed", "-1"], ["seed", "-1"]),
        (["--device", "cuda"], ["cuda", "--device cpu"]),
        (["--nonsense"], ["--nonsense"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(
    dataset: Path, tmp_path: Path, options: list[str], words: list[str]
) -> None:
    refused(here("train", dataset, "--run", tmp_path / "run", *options), *words)
    assert not (tmp_path / "run").exists()


def test_a_wrong_key_in_a_settings_file_is_named(dataset: Path, tmp_path: Path) -> None:
    settings = tmp_path / "my.toml"
    settings.write_text("[model]\ndimension = 3\n", encoding="utf-8")
    refused(here("train", dataset, "--run", tmp_path / "run", "--config", settings), "model.dimension", "model.dim")
    settings.write_text("[model\n", encoding="utf-8")
    refused(here("train", dataset, "--run", tmp_path / "run", "--config", settings), "my.toml", "line 1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "--head", "nobody", "--relation", "author"], ["nobody"]),
        (["predict", "--head", "book0", "--relation", "autor"], ["autor"]),
        (["predict", "--relation", "author"], ["head", "tail"]),
        (["predict", "--head", "book0", "--tail", "author1", "--relation", "author"], ["exactly one"]),
        (["predict", "--head", "book0", "--relation", "author", "-k", "0"], ["-k"]),
        (["explain", "--head", "book0", "--relation", "author", "--answer", "nobody"], ["nobody"]),
        (["explain", "--head", "book0", "--relation", "author", "--answer", "author1", "--format", "pdf"], ["pdf"]),
        (["evaluate", "--split", "training"], ["training", "valid"]),
        (["evaluate", "--by", "mood"], ["mood", "sparsity"]),
    ],
)
def test_a_wrong_question_is_refused(run: Path, arguments: list[str], words: list[str]) -> None:
    refused(here(arguments[0], run, *arguments[1:]), *words)


@pytest.mark.parametrize(
    "command",
    [("evaluate", DEMO, "--ranks"), ("complete", DEMO, "--out"), ("bench", "--out"), ("bench", "--growth", "--page")],
)
def test_a_folder_in_the_way_of_a_file_is_refused(tmp_path: Path, command: tuple[str | Path, ...]) -> None:
    folder = tmp_path / "ranks.csv"
    folder.mkdir()
    refused(here(*command, folder), f"{command[-1]} {folder}: a folder is in the way")
    assert list(tmp_path.rglob("*")) == [folder]


def test_an_empty_split_is_not_the_default_one(catalogue: Path, tmp_path: Path) -> None:
    refused(here("data", "prepare", catalogue, "--out", tmp_path / "out", "--split", ""), "--split ''", "0.8,0.1,0.1")
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_of_a_folder_is_a_wrong_argument(dataset: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    asked = ("--head", "book:part-of-the-bargain", "--relation", "author", "--answer", "author:linda-lael-miller")
    refused(here("explain", DEMO, *asked, "--out", file / "why.html", "--format", "html"), str(file), "in the way")
    refused(here("train", dataset, "--run", file / "run", *SMALL, "--force"), str(file), "in the way")
    refused(here("data", "demo", "--out", file / "demo"), str(file), "in the way")
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("missing", ["config.toml", "model.safetensors", "run.json", "dataset"])
def test_a_run_with_a_missing_part_is_refused(run: Path, tmp_path: Path, missing: str) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    target = copy / missing
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    refused(here("predict", copy, "--head", "book0", "--relation", "author"), missing)


@pytest.mark.parametrize("name", ["config.toml", "model.safetensors", "run.json", "dataset/triples.parquet"])
def test_a_run_with_a_truncated_file_is_refused(run: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    refused(here("predict", copy, "--head", "book0", "--relation", "author"), Path(name).name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["triples.tsv", "empty"]),
        (b"a\tr\tb\na\tr\n", ["triples.tsv", "2"]),
        (b"head\trelation\na\tr\n", ["triples.tsv", "tail"]),
        (b"a\tr\t\xff\xfe\n", ["triples.tsv", "1"]),
        (b"a\t\tb\n", ["triples.tsv", "1"]),
    ],
)
def test_a_broken_file_writes_nothing(catalogue: Path, tmp_path: Path, content: bytes, words: list[str]) -> None:
    source = tmp_path / "raw"
    shutil.copytree(catalogue, source)
    (source / "triples.tsv").write_bytes(content)
    refused(here("data", "prepare", source, "--out", tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


def test_a_prepared_dataset_with_an_unknown_entity_or_split_is_refused(dataset: Path, tmp_path: Path) -> None:
    changes: list[tuple[str, dict[str, Any]]] = [("split", {"split": "dev"}), ("ghost", {"head": "ghost"})]
    for word, change in changes:
        copy = tmp_path / word
        shutil.copytree(dataset, copy)
        table = pd.read_parquet(copy / "triples.parquet")
        table.loc[0, list(change)] = list(change.values())
        table.to_parquet(copy / "triples.parquet", index=False)
        refused(here("train", copy, "--run", tmp_path / "run"), "triples.parquet", str(next(iter(change.values()))))
        assert not (tmp_path / "run").exists()


def test_interrupting_a_training_says_so(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "upgan", "train", dataset, "--run", folder),
            *("--set", "initialisation.epochs=1000", "--set", "initialisation.patience=1000"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (folder / "metrics.jsonl").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert f"upgan resume {folder}" in told
    assert json.loads((folder / "status.json").read_text(encoding="utf-8"))["state"] == "stopped"
    refused(here("predict", folder, "--head", "book0", "--relation", "author"), "stopped")


# The committed demo --------------------------------------------------------------------------------------------------


def ranks_of(answer: str, head: str, relation: str) -> dict[str, Any]:
    asked = ("--head", head, "--relation", relation, "--answer", answer, "--format", "json")
    result: dict[str, Any] = json.loads(upgan("explain", DEMO, *asked).stdout)
    return result


def test_the_demo_infers_a_held_out_author_from_simulated_readers() -> None:
    answer = ranks_of("Linda Lael Miller", "Part of the Bargain", "author")
    assert answer["known"] == "test"
    assert answer["rank"] == 1
    assert answer["rank_without_users"] > 1


def test_the_demo_is_not_caught_by_popularity() -> None:
    right = ranks_of("The Serpentwar Saga", "The Riftwar Cycle", "has_sub_series")
    popular = ranks_of("The Wheel of Time", "The Riftwar Cycle", "has_sub_series")
    assert right["known"] == "test"
    assert right["rank"] < popular["rank"]
