"""The record of a GPU, made on the CPU with small sizes: every part really runs, one that takes too long is ended."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from tests.command_line import ROOT

SMALL = [
    *("model.dim=8", "initialisation.epochs=1", "initialisation.batch=256", "initialisation.relax_epochs=0"),
    *("pretrain.epochs=1", "pretrain.batch=256", "pretrain.relax_epochs=0", "adversarial.epochs=1", "threads=1"),
    *("adversarial.batch=256", "adversarial.n_c=64"),
]


def recorded(out, *more):
    command = [sys.executable, str(ROOT / "scripts" / "gpu_record.py"), "--out", str(out), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    return json.loads(out.with_suffix(".json").read_text()), out.read_text()


@pytest.mark.slow
def test_all_parts_are_recorded_on_a_cpu(tmp_path):
    settings = [f"--set={setting}" for setting in SMALL]
    small = ["--device=cpu", "--data=synth:book@0.01", "--seeds=2", "--share=3"]
    told, words = recorded(tmp_path / "cpu.md", *small, *settings)
    assert not [part for part in ("demo", "steps", "whole", "latency") if "failed" in told[part]], told
    assert told["demo"]["mrr"]["cpu"][0] > 0
    assert told["demo"]["within_seed_noise"] is True, "the same device twice"
    forms = {(line["form"], line["phase"]) for line in told["steps"]["phases"]}
    assert {name for _, name in forms} == {"initialisation", "pretrain", "adversarial", "evaluation"}
    assert len({form for form, _ in forms}) == 4
    assert all(line["of_the_roof"] > 0 for line in told["steps"]["phases"])
    assert list(told["whole"]["phases"])[-1] == "walks"
    assert told["latency"]["explanation"]["p95_ms"] >= told["latency"]["explanation"]["median_ms"] > 0
    assert told["date"] in words
    assert all(f"## {part}" in words for part in ("demo", "steps", "whole", "latency"))


def test_a_part_that_takes_too_long_is_ended_and_said(tmp_path):
    told, words = recorded(tmp_path / "cpu.md", "--device=cpu", "--only=latency", "--share=0.02")
    assert "not through after its 1 s" in told["latency"]["failed"]
    assert "**No result: not through" in words


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_recorded(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "gpu_record.py"), "--out", str(tmp_path / "gpu.md")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1
    assert "finds no GPU" in done.stderr
    assert list(tmp_path.iterdir()) == []
