"""The arithmetic of scripts/memory_limits.py; the measurements themselves take a minute."""

from __future__ import annotations

import pytest

import memory_limits


def test_limits_from_bytes(monkeypatch):
    monkeypatch.setattr(memory_limits, "LIMITS", {"small": 1})
    counts = {"entities": 10, "triples": 20, "users": 30, "interactions": 40}
    monkeypatch.setattr(memory_limits, "SHAPES", {"Book": counts})
    each = {"entities": 1e6, "triples": 2e6, "users": 3e6, "interactions": 4e6, "fixed": 4e8}
    (line,) = memory_limits.limits(each)
    # 1e9 - 4e8 = 6e8 bytes of room; Book takes 1e7 + 4e7 + 9e7 + 16e7 = 3e8.
    assert line["times"]["Book"] == pytest.approx(2)
    assert line["alone"] == pytest.approx({"entities": 310, "triples": 170, "users": 130, "interactions": 115})
    assert "| small | 2 |" in memory_limits.as_text(each, [line])
