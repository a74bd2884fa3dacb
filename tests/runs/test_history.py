"""What a run writes while it trains, as the app and people's own tools read it."""

from __future__ import annotations

import json
import math
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs import victims
from tests.runs.conftest import PHASES, train_command
from upgan.config.settings import make_config, to_toml
from upgan.runs.history import Curve, curves, read_history, read_pinned, tail_log, thinned
from upgan.runs.settings import difference


@pytest.fixture(scope="module")
def run(toy_run):
    return toy_run[0].parent / "run"


def test_every_line_says_where_it_belongs(run):
    lines = read_history(run).lines
    assert list(dict.fromkeys(line["phase"] for line in lines)) == list(PHASES)
    assert [line["step"] for line in lines] == sorted(line["step"] for line in lines)
    assert [line["seconds"] for line in lines] == sorted(line["seconds"] for line in lines)
    for phase in PHASES:
        assert [line["epoch"] for line in lines if line["phase"] == phase] == list(
            range(sum(line["phase"] == phase for line in lines))
        )
    game = [line for line in lines if line["phase"] == "adversarial" and line["epoch"]]
    assert all({"loss_d", "loss_g", "reward", "entropy_g", "valid"} <= set(line) for line in game)
    assert set(game[0]["valid"]) == {"mr", "mrr", "hits@1", "hits@3", "hits@10", "queries"}


def events_of(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag -> (step, value) as TensorBoard itself reads them."""
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    reader = loader.EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def expected_events(run: Path) -> dict[str, list[tuple[int, Any]]]:
    found = defaultdict(list)
    for line in read_history(run).lines:
        phase = line["phase"].replace(" ", "_")
        for key, value in line.items():
            if key not in ("t", "phase", "epoch", "step", "seconds", "valid"):
                found[f"{phase}/{key}"].append((line["step"], pytest.approx(value, rel=1e-6)))
        for key, value in line.get("valid", {}).items():
            if key != "queries" and value is not None:
                found[f"{phase}/valid_{key.replace('@', '_at_')}"].append(
                    (line["step"], pytest.approx(value, rel=1e-6))
                )
    return dict(found)


def test_tensorboard_reads_what_metrics_jsonl_holds(run):
    assert events_of(run) == expected_events(run)


def test_a_resumed_run_has_no_point_twice(toy_run, tmp_path):
    run, log = tmp_path / "run", tmp_path / "log"
    assert victims.finish(train_command(toy_run[0], run), log, ("step adversarial", 4)) == -signal.SIGKILL
    assert victims.finish(["resume", run, "--force"], log) == 0, log.read_text()
    assert events_of(run) == expected_events(run)
    lines = [(line["phase"], line["epoch"]) for line in read_history(run).lines]
    assert len(lines) == len(set(lines))


def test_lines_are_read_bit_by_bit(tmp_path):
    lines = [{"phase": "pretrain", "epoch": number} for number in range(4)]
    path = tmp_path / "metrics.jsonl"
    assert read_history(tmp_path).lines == []
    text = [json.dumps(line) + "\n" for line in lines]
    path.write_text(text[0] + text[1][:7])
    first = read_history(tmp_path)
    assert (first.lines, first.whole) == (lines[:1], True)
    path.write_text("".join(text[:3]) + "no json\n" + text[3])
    more = read_history(tmp_path, first.position)
    assert (more.lines, more.whole) == (lines[1:], False)
    path.write_text(text[0])  # shorter: it went on from a checkpoint
    again = read_history(tmp_path, more.position)
    assert (again.lines, again.whole) == (lines[:1], True)


def test_a_hundred_thousand_lines_are_read_and_thinned_within_a_second(tmp_path):
    valid = {"mr": 9.0, "mrr": 0.5, "hits@1": 0.1, "hits@3": 0.2, "hits@10": 0.3, "queries": 5}
    with (tmp_path / "metrics.jsonl").open("w") as stream:
        for number in range(100_000):
            line = {"phase": "adversarial", "epoch": number, "step": number, "loss_d": math.sin(number), "reward": 0.1}
            stream.write(json.dumps({**line, "valid": valid}) + "\n")
    began = time.process_time()
    found = {key: thinned(curve) for key, curve in curves(read_history(tmp_path).lines).items()}
    spent = time.process_time() - began
    assert spent < 1.5, spent  # about 0.7 where nothing else runs
    assert len(found["loss_d"].value) <= 1000
    assert set(found) == {"loss_d", "reward", "valid.mr", "valid.mrr", "valid.hits@1", "valid.hits@3", "valid.hits@10"}


def test_thinning_keeps_ends_and_extremes():
    rng = np.random.default_rng(0)
    value = rng.normal(size=50_000)
    value[31_234], value[17] = 99.0, -99.0
    place = np.arange(50_000)
    curve = Curve("reward", np.full(50_000, "adversarial"), place, place, value)
    thin = thinned(curve, 500)
    assert len(thin.value) <= 500
    assert {0, 17, 31_234, 49_999} <= set(thin.step.tolist())
    assert np.array_equal(thin.value, value[thin.step])
    assert thin.summary == curve.summary
    assert thinned(thin, 500) is thin


def test_a_curves_summary_knows_what_is_better(run):
    found = curves(read_history(run).lines)
    mrr = found["valid.mrr"].summary
    assert set(mrr) == {"first", "min", "max", "last", "best"}
    assert mrr["best"] == mrr["max"] == found["valid.mrr"].value.max()
    assert found["valid.mr"].summary["best"] == found["valid.mr"].value.min()
    assert found["loss_d"].summary["best"] == found["loss_d"].summary["min"]
    assert set(found["entropy_g"].summary) == {"first", "min", "max", "last"}


def test_the_pinned_query_is_followed_from_evaluation_to_evaluation(toy_run, run):
    """Its rank at the end is the one the finished run gives, by the users that explain it; D alone has no negatives."""
    import upgan
    from upgan.data.dataset import load_dataset

    lines = read_pinned(run).lines
    evaluated = [(line["phase"], line["epoch"]) for line in read_history(run).lines if "valid" in line]
    assert [(line["phase"], line["epoch"]) for line in lines] == evaluated
    explained = upgan.load(run).explain(head="b3", relation="by", answer="a1", top_users=5)
    last = lines[-1]
    assert last["rank"] == explained.filtered_rank
    assert [user["id"] for user in last["users"]] == [user.id for user in explained.users[:5]]
    assert [user["weight"] for user in last["users"]] == pytest.approx([user.weight for user in explained.users[:5]])
    game = [line for line in lines if line["phase"] == "adversarial"]
    known = {"a2"}  # b3's author in training
    assert all(line["negatives"] for line in game)
    for line in game:
        probabilities = [negative["probability"] for negative in line["negatives"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert not known & {negative["id"] for negative in line["negatives"]}
    assert all(not line["negatives"] for line in lines if line["phase"] == "initialisation")
    assert load_dataset(toy_run[0]).name == "toy"


def test_following_a_query_changes_nothing(toy_run, tmp_path):
    dataset, expected = toy_run
    command = [part for part in train_command(dataset, tmp_path / "run") if "pinned" not in str(part)]
    assert victims.finish(command, tmp_path / "log") == 0
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == expected["model.safetensors"]
    assert not (tmp_path / "run" / "pinned.jsonl").exists()


def test_a_pinned_query_that_cannot_be_is_refused(toy_run, tmp_path):
    log = tmp_path / "log"
    for options in (["--set=pinned.head=nobody"], ["--set=pinned.answer="], ["--set=pinned.tail=b1"]):
        assert victims.finish(train_command(toy_run[0], tmp_path / "run", *options), log) == 2, log.read_text()
        assert not (tmp_path / "run").exists()
    assert "nobody" in log.read_text()
    assert "pinned.answer" in log.read_text()


def test_the_logs_end_is_read(run):
    assert tail_log(run, 1)[0].endswith("finished")
    assert len(tail_log(run, 5)) == 5
    assert tail_log(run / "nowhere") == []


def test_settings_are_compared(tmp_path):
    for name, settings in (("a", []), ("b", ["model.dim=7", "seed=3"]), ("c", ["seed=3"])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(to_toml(make_config("demo", assignments=settings)))
    rows = difference([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    assert [(row.key, row.values) for row in rows] == [("seed", (0, 3, 3)), ("model.dim", (48, 7, 48))]
    assert all(row.meaning for row in rows)
    # An older run's file lacks newer settings; they count as their defaults.
    (tmp_path / "a" / "config.toml").write_text(
        "".join((tmp_path / "a" / "config.toml").read_text().split("[pinned]")[0])
    )
    assert len(difference([tmp_path / "a", tmp_path / "b"])) == 2


def test_an_estimate_is_made_of_what_training_does(toy_run, tmp_path):
    log = tmp_path / "log"
    options = ["--preset", "quality", "--set=model.dim=4", "--set=adversarial.epochs=5", "--set=adversarial.patience=2"]
    assert victims.finish(["estimate", toy_run[0], "--json", *options], log) == 0, log.read_text()
    found = json.loads(log.read_text())
    assert list(found["phases"]) == list(PHASES)
    assert 0 < found["seconds"][0] <= found["seconds"][1]
    most = sum(cost["most"] for cost in found["phases"].values())
    assert found["seconds"][1] == pytest.approx(found["preparing"] + most)
    game = found["phases"]["adversarial"]
    # 5 epochs against the 2 after which patience ends, one evaluation after each
    assert game["most"] - game["least"] == pytest.approx(3 * (game["epoch"] + game["evaluation"]))
    assert found["memory_mb"] > 100
    assert found["disk_mb"] > 0
