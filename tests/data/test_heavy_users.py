"""A bot that takes everything: named by the check and the manifest, left out where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command_line import here
from upgan.data import heavy
from upgan.data.dataset import load_dataset
from upgan.data.heavy import heavy_users

ITEMS, BOTS = 120, {"bot": 120, "half": 60, "many": 59}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 items; users of 120, 60 and 59 of them, and thirty of five."""
    folder = tmp_path_factory.mktemp("raw")
    triples = [f"i{item}\tby\ta{item % 6}\ni{item}\tin\tc{item % 4}" for item in range(ITEMS)]
    (folder / "triples.tsv").write_text("head\trelation\ttail\n" + "\n".join(triples) + "\n")
    reads = [(user, item) for user, count in BOTS.items() for item in range(count)]
    reads += [(f"u{user}", (7 * user + 11 * place) % ITEMS) for user in range(30) for place in range(5)]
    lines = [f"{user}\ti{item}" for user, item in reads]
    (folder / "interactions.tsv").write_text("user\titem\n" + "\n".join(lines) + "\n")
    return folder


def of_check(folder: Path) -> dict[str, Any]:
    told = json.loads(here("data", "check", folder, "--json").stdout)
    found: dict[str, Any]
    (found,) = [entry for entry in told["findings"] if entry["code"] == "heavy-users"]
    return found


def test_the_check_names_who_has_half_of_all_items_or_too_many(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = of_check(source)
    assert (found["severity"], found["count"], found["examples"]) == ("warning", 1, ["bot: 120 of 120 items"])
    assert "--max-interactions" in str(found["advice"])
    monkeypatch.setattr(heavy, "BLIND_LEAST", 60)
    assert of_check(source)["examples"] == ["bot: 120 of 120 items", "half: 60 of 120 items"]
    monkeypatch.setattr(heavy, "MOST_ITEMS", 58)
    assert of_check(source)["count"] == 3


def test_a_catalogue_without_such_users_passes() -> None:
    pairs = np.array([(user, item) for user in range(9) for item in range(99)])
    assert len(heavy_users(pairs, 9)) == 0


@pytest.mark.parametrize(("most", "left", "gone"), [(119, {"half", "many"}, 120), (59, {"many"}, 180)])
def test_users_with_more_than_asked_for_are_left_out(source, tmp_path, most, left, gone) -> None:
    common = "--min-interactions", "1", "--min-triples", "1"
    done = here("data", "prepare", source, "--out", tmp_path / "out", "--max-interactions", most, *common)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["settings"]["max_interactions"] == most
    (dropped,) = [entry for entry in manifest["dropped"] if "max_interactions" in entry["reason"]]
    assert (dropped["what"], dropped["count"]) == ("interactions", gone)
    described = json.loads(here("data", "describe", tmp_path / "out", "--json").stdout)
    assert described["users"] == 30 + len(left)
    assert "heavy_users" not in manifest


def test_the_manifest_says_who_is_heard_on_some_items_only(source, tmp_path) -> None:
    done = here("data", "prepare", source, "--out", tmp_path / "out", "--min-interactions", "1", "--min-triples", "1")
    assert "1 users have very many items" in done.stderr
    said = json.loads((tmp_path / "out" / "manifest.json").read_text())["heavy_users"]
    dataset = load_dataset(tmp_path / "out")
    left = int((dataset.interactions[:, 0] == dataset.users.index("bot")).sum())  # some items left the graph
    assert (said["count"], said["most_items"]) == (1, {"bot": left})
    assert "1000" in said["rule"]


@pytest.mark.parametrize("value", ["0", "-3"])
def test_a_limit_out_of_bounds_is_refused(source, tmp_path, value) -> None:
    done = here("data", "prepare", source, "--out", tmp_path / "out", "--max-interactions", value)
    assert done.returncode == 2
    assert "max_interactions" in done.stderr
    assert not (tmp_path / "out").exists()
