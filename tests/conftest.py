"""Fixtures that several tests share: the toy catalogue, the real data, a browser, and a fixed seed.

The toy catalogue is small enough to check a result by hand. Four layers, one entity that no user reaches:

    layer 0     u1   u2   u3   u4   u5          u1: b1 b2      u4: b3 (a single item)
                 \\    |    |    |    /           u2: b2 b3      u5: b1 b3
                  \\   |    |    |   /            u3: b1 b2 b3
    layer 1     b1        b2 ~~~~~~~~ b3        b2 -linked-> b3 stays within the layer: used by neither stage
                |  \\      /          /  |
                |   \\    /          /   |        b1, b2 -by-> a1      b3 -by-> a2
    layer 2     s    a1            s   a2       b1 -linked-> s      s -linked-> b3 (the head is the farther end)
                     |                / \\        (s is drawn twice, it is one entity)
    layer 3          c1 <------------'   c2     a1, a2 -from-> c1   a2 -from-> c2 (a single backward edge)

    no layer    x                               only in a test triple

    valid: b2 -linked-> s       test: b3 -by-> a1, x -from-> c1

Numbers are places in sorted order: a1 0, a2 1, b1 2, b2 3, b3 4, c1 5, c2 6, s 7, x 8; by 0, from 1, linked 2.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before anything imports torch: on small runners more threads than cores make everything slower.
os.environ.setdefault("OMP_NUM_THREADS", "2")
# The tests' trainings neither wait for one that somebody runs on this machine, nor keep it from starting.
os.environ["UPGAN_LOCKS"] = tempfile.mkdtemp(prefix="upgan-test-locks-")

import pandas as pd
import pytest

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset

TOY_TRAIN = (
    """b1 by a1, b2 by a1, b3 by a2, b1 linked s, b2 linked b3, s linked b3, a1 from c1, a2 from c1, a2 from c2"""
)
TOY_VALID = "b2 linked s"
TOY_TEST = "b3 by a1, x from c1"
TOY_USERS = {"u1": "b1 b2", "u2": "b2 b3", "u3": "b1 b2 b3", "u4": "b3", "u5": "b1 b3"}
TOY_KINDS = {"a": "author", "b": "book", "c": "city", "s": "subject", "x": "author"}


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    """The same random numbers in every test, alone or in the suite; tests without torch do not pay for it.

    One thread: for tensors of a few numbers a second one only waits, for very long where cores are shared.
    """
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(0)
        torch.set_num_threads(1)


def toy_tables() -> dict[str, pd.DataFrame]:
    """The toy catalogue as the tables of a prepared dataset."""
    triples = [
        [*triple.split(), split]
        for split, text in (("train", TOY_TRAIN), ("valid", TOY_VALID), ("test", TOY_TEST))
        for triple in text.split(", ")
    ]
    names = sorted({row[0] for row in triples} | {row[2] for row in triples})
    return {
        "triples": pd.DataFrame(triples, columns=["head", "relation", "tail", "split"]),
        "interactions": pd.DataFrame(
            [(user, item) for user, items in TOY_USERS.items() for item in items.split()], columns=["user", "item"]
        ),
        "entities": pd.DataFrame(
            {"id": names, "label": [name.upper() for name in names], "kind": [TOY_KINDS[name[0]] for name in names]}
        ),
        "relations": pd.DataFrame(
            {"id": ["by", "from", "linked"], "label": ["written by", "comes from", "is linked to"]}
        ),
    }


@pytest.fixture
def toy_frames() -> dict[str, pd.DataFrame]:
    """triples, interactions, entities, relations: a fresh copy, to be changed at will."""
    return toy_tables()


@pytest.fixture(scope="session")
def toy_dataset() -> KGDataset:
    """The toy catalogue in memory (its arrays are read-only)."""
    from upgan.data.dataset import build_dataset

    tables: dict[str, Any] = {**toy_tables()}
    return build_dataset(name="toy", **tables)


@pytest.fixture
def toy_folder(toy_dataset: KGDataset, tmp_path: Path) -> Path:
    """The toy catalogue as a prepared dataset on disk."""
    from upgan.data.dataset import copy_dataset

    copy_dataset(toy_dataset, tmp_path / "toy")
    return tmp_path / "toy"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real source data, which is not part of the repository."""
    named = os.environ.get("UPGAN_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there (UPGAN_SHARED names another folder)")
    return folder


@pytest.fixture(scope="session")
def browser_path() -> str:
    """A Chromium or Chrome that starts."""
    from upgan.doctor import find_browser

    path = find_browser()
    if path is None:
        pytest.skip("no browser: .venv/bin/python scripts/browser.py installs one (UPGAN_BROWSER names another)")
    return path
