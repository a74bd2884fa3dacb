"""The README is read in two minutes, and its links lead somewhere."""

from __future__ import annotations

import re

from tests.command_line import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_short():
    assert TEXT.count("\n") <= 80


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)", TEXT)
    assert len(links) > 10
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_the_two_commands_are_there():
    commands = re.findall(r"^    (make \w+)", TEXT, re.MULTILINE)
    assert commands == ["make app", "make test"]


def test_the_glossary_has_at_most_thirty_words():
    page = (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!word|---)", page, re.MULTILINE)
    assert 20 <= len(rows) <= 30
