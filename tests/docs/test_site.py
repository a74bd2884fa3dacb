"""The documentation is built as a site: every link leads somewhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.command_line import ROOT

pytest.importorskip("sphinx")
DOCS = ROOT / "docs"
#: What scripts/gpu_record.py writes where there is a GPU.
WRITTEN = "docs/records/gpu.md"


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "-c", DOCS, source, out]
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=110,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(DOCS, out)
    assert done.returncode == 0, done.stderr
    return out


class Loaded(HTMLParser):
    """Addresses that a page loads by itself when it is opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in {"script", "img", "iframe", "source", "video"}:
            self.addresses += [given["src"]] if given.get("src") else []
        if tag == "link" and given.get("rel") in {"stylesheet", "preload", "icon", "shortcut icon"}:
            self.addresses.append(given["href"] or "")


def test_every_page_is_there_and_loads_nothing_from_elsewhere(site):
    pages = sorted(DOCS.rglob("*.md"))
    assert len(pages) > 10
    for page in pages:
        html = (site / page.relative_to(DOCS)).with_suffix(".html").read_text(encoding="utf-8")
        outside = [address for address in Loaded(html).addresses if re.match(r"(\w+:)?//", address)]
        assert outside == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet


def test_every_page_is_reached_from_the_first_one(site):
    """A page that no list of contents names would be a warning, and that an error; here: the first page lists all."""
    first = (site / "index.html").read_text(encoding="utf-8")
    missing = [
        page for page in DOCS.rglob("*.md")
        if page.name != "index.md" and f'href="{page.relative_to(DOCS).with_suffix(".html")}"' not in first
    ]  # fmt: skip
    assert missing == []


def test_a_broken_link_fails(tmp_path):
    (tmp_path / "index.md").write_text("# One\n\n[a](other.md)\n[b](index.md#two)\n![c](none.png)\n", encoding="utf-8")
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode != 0, "the site was built with broken links"
    assert all(name in done.stderr for name in ("other.md", "two", "none.png")), done.stderr


def test_paths_that_the_code_and_the_readme_name_exist():
    named = re.compile(r"\b(docs/[\w./-]+\.(?:md|png|json|gif|webp))\b")
    sources = [
        path for folder in ("upgan", "ui", "scripts", "tests", "docs", ".ci") for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".toml", ".j2", ".html", ""} and path.is_file() and "records" not in path.parts
    ]  # fmt: skip
    sources += [path for path in ROOT.iterdir() if path.is_file() and path.suffix in {".md", ".toml", ".py", ""}]
    missing = set()
    for path in sources:
        names = set(named.findall(path.read_text(encoding="utf-8", errors="replace"))) - {WRITTEN}
        if path.name != Path(__file__).name:
            missing |= {f"{path.relative_to(ROOT)}: {name}" for name in names if not (ROOT / name).exists()}
    assert missing == set(), "a page that is moved takes its name with it everywhere"
