"""What the app's tests run on: checkpoints, made once, and a headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.render.samples import HOSTILE
from tests.ui.made import make_run, written


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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, browser_path: str) -> Iterator[str]:
    """The app as a user starts it, on a good run, on one whose labels are hostile, and on one that was stopped."""
    from tests.ui.chromium import serving

    root = tmp_path_factory.mktemp("served")
    make_run(root / "runs" / "demo")
    labels = [label.encode("utf-8", "ignore").decode() for label in HOSTILE]
    labels += ["long " * 2000, "javascript:alert(1)", "$$\\frac{1}{2}$$ :material/home: 👩‍💻🏳️‍🌈", "=cmd|' /C calc'!A0"]
    names = ["book:part-of-the-bargain", "author:linda-lael-miller", "book:just-kate", "book:snowflakes", "author",
             "genre:romance", "book:eye", "author:feist", "author:jordan", "genre"]  # fmt: skip
    make_run(root / "runs" / "hostile", labels=dict(zip(names, labels, strict=True)))
    written(
        root / "runs" / "stopped", points=30, state="stopped", model="upgan", message="stopped; `upgan resume` goes on"
    )
    shutil.copytree(root / "runs" / "demo" / "dataset", root / "data" / "tiny")
    where = {"UPGAN_CHECKPOINTS": root / "runs", "UPGAN_DATA": root / "data", "UPGAN_RESULTS": root / "results"}
    with serving(root / "app.log", "streamlit", **where) as address:
        yield address


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
