"""What the app's tests run on: checkpoints, made once, and a headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.made import make_run


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint root with one good upgan run, one distmult run and three that cannot be opened."""
    root = tmp_path_factory.mktemp("checkpoints")
    make_run(root / "demo")
    make_run(root / "plain", model="distmult", mrr=0.25)
    (root / "unfinished").mkdir()
    (root / "unfinished" / "config.toml").write_text('model_name = "upgan"\n')
    (root / "unfinished" / "status.json").write_text('{"state": "running"}')
    shutil.copytree(root / "demo", root / "garbled")
    (root / "garbled" / "run.json").write_text("{not json")
    shutil.copytree(root / "demo", root / "truncated")
    weights = root / "truncated" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    (root / ".hidden").mkdir()
    (root / "a file").write_text("not a run")
    return root


@pytest.fixture
def checkpoints(made_runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, as the app finds them."""
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(made_runs))
    return made_runs


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Any]:
    """A headless Chromium that asks nothing of the network by itself."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    quiet = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--no-first-run", "--disable-quic",
    ]  # fmt: skip
    with playwright.sync_playwright() as engine:
        launched = engine.chromium.launch(executable_path=browser_path, args=quiet)
        yield launched
        launched.close()
