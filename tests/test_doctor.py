"""The report on the machine: each finding alone, and the report as a whole."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from upgan import doctor, machine
from upgan.doctor import Finding, Report, diagnose


@pytest.fixture
def runs(toy_dataset, tmp_path: Path) -> Path:
    """A folder with two runs of the toy catalogue, as training leaves them."""
    from upgan.config.settings import Config
    from upgan.runs.files import MODEL_FILE
    from upgan.systems.build import build_model
    from upgan.training.checkpoint import save_weights, seal_run, start_run

    config = Config()
    model = build_model(config, toy_dataset)
    for name in ("broken", "fine"):
        start_run(tmp_path / name, config, toy_dataset)
        save_weights(model, tmp_path / name / MODEL_FILE)
        seal_run(tmp_path / name, toy_dataset)
    return tmp_path


def states(report: Report) -> dict[str, str]:
    return {finding.name: finding.state for finding in report.findings}


def test_report_of_this_machine(runs, monkeypatch):
    monkeypatch.setattr(doctor, "find_browser", lambda: "/somewhere/chrome")
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    report = diagnose(runs, port)
    names = [finding.name for finding in report.findings]
    assert names[:6] == ["Python", "system", "CPU", "memory", "disk", "torch"]
    assert report.ok
    assert states(report)["run"] == "ok"
    assert states(report)["port"] == "ok"
    assert json.loads(json.dumps(report.to_dict()))["ok"] is True
    assert "/somewhere/chrome" in report.to_text()


def test_text_puts_the_advice_below_its_finding():
    report = Report((Finding("disk", "warning", "0.1 GB", "free some space"), Finding("memory", "ok", "8 GB")))
    assert report.to_text().splitlines() == [
        "warning  disk    0.1 GB",
        "                 -> free some space",
        "ok       memory  8 GB",
    ]


def test_a_warning_leaves_the_report_ok_and_something_missing_does_not():
    assert Report((Finding("a", "warning", ""),)).ok
    assert not Report((Finding("a", "warning", ""), Finding("b", "missing", ""))).ok


def test_no_runs(tmp_path):
    (finding,) = doctor.check_checkpoints(tmp_path / "absent")
    assert finding.state == "warning"
    assert "none in" in finding.value


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"\x08\x00\x00"),
        ("model.safetensors", None),
        ("config.toml", b"seed = "),
        ("config.toml", b"\xff\xfe"),
        ("run.json", None),
        ("run.json", b"{"),
        ("status.json", b"{"),
        ("dataset/triples.parquet", b"PAR1"),
    ],
)
def test_a_broken_run_is_named_and_the_others_still_seen(runs, name, content):
    (runs / "broken" / name).unlink(missing_ok=True)
    if content is not None:
        (runs / "broken" / name).write_bytes(content)
    first, second = doctor.check_checkpoints(runs)
    assert first.state == "warning"
    assert str(runs / "broken") in first.value
    assert second.state == "ok"
    assert second.value == str(runs / "fine")


def test_a_busy_port_is_a_warning_with_a_way_out():
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        port = server.getsockname()[1]
        finding = doctor.check_port(port)
    assert finding.state == "warning"
    assert f"--port {port + 1}" in finding.advice


def test_little_disk_and_memory_are_warnings(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "LOW_DISK_GB", 1e9)
    monkeypatch.setattr(doctor, "LOW_MEMORY_GB", 1e9)
    assert doctor.check_disk(tmp_path).state == "warning"
    assert doctor.check_memory().state == "warning"


def test_torch_that_does_not_load_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    (finding,) = doctor.check_torch()
    assert finding.state == "missing"
    assert finding.advice


def test_the_browser_that_is_named_comes_first_and_must_start(tmp_path, monkeypatch):
    working, stub = tmp_path / "chrome", tmp_path / "stub"
    working.write_text("#!/bin/sh\necho Chromium 1\n", encoding="utf-8")
    stub.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    for path in (working, stub):
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "BROWSER_FILES", ())
    monkeypatch.setenv("UPGAN_BROWSER", str(stub))
    assert doctor.find_browser() == str(working)  # Found on PATH under one of the known names.
    monkeypatch.setenv("UPGAN_BROWSER", str(working))
    assert doctor.find_browser() == str(working)


def test_playwrights_own_browser_is_found(tmp_path, monkeypatch):
    chrome = tmp_path / "browsers" / "chromium-1200" / "chrome-linux" / "chrome"
    chrome.parent.mkdir(parents=True)
    chrome.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    chrome.chmod(0o755)
    monkeypatch.delenv("UPGAN_BROWSER", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "BROWSER_FILES", ())
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    assert doctor.find_browser() == str(chrome)
    chrome.chmod(0o644)
    assert doctor.find_browser() is None
    assert doctor.check_browser().state == "warning"


def test_a_containers_limit_counts_as_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "none")
    whole = machine.memory()
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    (tmp_path / "memory.current").write_text("300000000\n", encoding="ascii")
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert machine.memory().total == whole.total
    (tmp_path / "memory.max").write_text("1000000000\n", encoding="ascii")
    assert tuple(machine.memory()) == pytest.approx((1.0, min(0.7, whole.available)))
    assert doctor.check_memory().state == "warning"


def test_the_machine_is_looked_at_without_torch():
    code = "import sys, upgan.machine as m; m.cores(), m.memory(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
