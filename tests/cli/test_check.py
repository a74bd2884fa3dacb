"""`upgan data check` as people run it: its exit codes, its report and its JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command_line import here, refused, upgan
from tests.planted import planted_catalogue


@pytest.fixture(scope="module")
def wrong_links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source whose links are shuffled, with names and titles, and one ragged line."""
    folder = tmp_path_factory.mktemp("wrong")
    source = planted_catalogue(1, taste=0.8, wrong=1.0)
    assert source.links is not None
    for name, table in (("triples", source.triples[["head", "relation", "tail"]]), ("links", source.links)):
        table.to_csv(folder / f"{name}.tsv", sep="\t", header=False, index=False)
    source.interactions.to_csv(folder / "interactions.tsv", sep="\t", header=False, index=False)
    numbers = range(len(source.links))
    (folder / "labels.tsv").write_text("".join(f"i{n}\tThe story of {n * 7919:x}\n" for n in numbers))
    (folder.parent / "names.tsv").write_text("".join(f"e{n}\tStory of {n * 7919:x}, The\n" for n in numbers))
    with (folder / "triples.tsv").open("a") as stream:
        stream.write("e1\tauthor\n")
    return folder


def test_wrong_links_are_reported_in_text_and_json(wrong_links: Path) -> None:
    text = upgan("data", "check", wrong_links)
    assert text.returncode == 0, text.stderr
    assert "links are wrong" in text.stdout
    assert f"{wrong_links}/triples.tsv:" in text.stdout
    names = wrong_links.parent / "names.tsv"
    result = upgan("data", "check", wrong_links, "--labels", names, "--json", "--examples", "2")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["source"]["kind"] == "source"
    findings = {finding["code"]: finding for finding in document["findings"]}
    assert findings["ragged-lines"]["count"] == 1
    assert findings["alignment-titles"]["severity"] == findings["alignment-interactions"]["severity"] == "error"
    assert len(findings["alignment-titles"]["examples"]) == 2
    assert document["alignment"]["verdict"] == "links are wrong"
    assert document["alignment"]["titles"]["compared"] == 400
    assert {row["relation"] for row in document["alignment"]["interactions"]["relations"]} == {
        "author",
        "genre",
        "publisher",
    }
    assert document["summary"]["worst"] == "error"


def test_strict_turns_errors_into_exit_code_1(wrong_links: Path, tmp_path: Path) -> None:
    strict = here("data", "check", wrong_links, "--strict")
    assert strict.returncode == 1
    assert "links are wrong" in strict.stdout
    clean = tmp_path / "clean"
    clean.mkdir()
    for name, table in (("triples", "a\tr\tb\nc\tr\tb\n"), ("interactions", "u\ta\nu\tc\n")):
        (clean / f"{name}.tsv").write_text(table)
    assert here("data", "check", clean, "--strict", "--min-interactions", "1").returncode == 0


def test_a_prepared_dataset_is_checked_and_left_as_it_is(wrong_links: Path, tmp_path: Path) -> None:
    out = tmp_path / "prepared"
    assert here("data", "prepare", wrong_links, "--out", out, "--skip-bad-lines").returncode == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    result = here("data", "check", out, "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert (document["source"]["kind"], document["source"]["format"]) == ("dataset", "prepared")
    assert document["alignment"]["verdict"] == "links are wrong"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_wrong_arguments_are_refused(wrong_links: Path, tmp_path: Path) -> None:
    refused(here("data", "check", tmp_path / "nowhere"), "nowhere", "no such file")
    refused(here("data", "check", wrong_links, "--format", "excel"), "excel", "allowed")
    refused(here("data", "check", wrong_links, "--encoding", "klingon"), "klingon")
    refused(here("data", "check", wrong_links, "--min-rating", "3"), "rating")
    refused(here("data", "check", tmp_path), "no known format")
