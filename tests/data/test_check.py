"""Each finding of `upgan data check`: planted once in a small source, found with the exact count, absent otherwise.

The clean source: ten books, an author and a genre each, six users of five books or more, every id spelled plainly.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import toy_tables
from upgan.data.check import CheckReport, Finding, check_dataset, check_source
from upgan.data.dataset import build_dataset
from upgan.errors import ConfigError, DataError

Row = tuple[str, ...]

BOOKS = [f"b{n}" for n in range(10)]
TRIPLES: list[Row] = [
    *((book, "by", f"a{n // 2}") for n, book in enumerate(BOOKS)),
    *((book, "genre", f"g{n % 3}") for n, book in enumerate(BOOKS)),
]
#: Book n of user u where n - u is 0 to 5 modulo 10: each user has six.
CHOSEN: list[Row] = [(f"u{user}", BOOKS[(user + step) % 10]) for user in range(10) for step in range(6)]


def write(folder: Path, **tables: list[Row]) -> Path:
    """The clean source with some of its tables replaced, or more of them."""
    folder.mkdir(exist_ok=True)
    names = sorted({name for head, _, tail in TRIPLES for name in (head, tail)})
    labels: list[Row] = [(name, f"The {name}") for name in names]
    whole = {"triples": TRIPLES, "interactions": CHOSEN, "labels": labels} | tables
    for name, rows in whole.items():
        text = "".join("\t".join(row) + "\n" for row in rows)
        (folder / f"{name}.tsv").write_bytes(text.encode("utf-8"))
    return folder


def found(report: CheckReport, code: str) -> Finding:
    finding = report.finding(code)
    assert finding is not None, [each.code for each in report.findings]
    return finding


def test_a_clean_source_has_nothing_but_facts(tmp_path):
    report = check_source([write(tmp_path / "clean")])
    facts = {"relation-cardinalities", "layers", "tiny-relations", "hubs", "alignment-interactions"}
    assert {finding.code for finding in report.findings if finding.severity != "ok"} <= facts
    assert report.worst == "note"
    assert all(finding.count == 0 and not finding.examples for finding in report.of("ok"))
    assert report.counts == {
        "users": 10,
        "items": 10,
        "interactions": 60,
        "entities": 18,
        "relations": 2,
        "triples": 20,
    }
    document = report.to_dict()
    assert list(document) == ["source", "findings", "alignment", "summary"]
    assert document["summary"]["by_severity"]["error"] == 0
    assert found(report, "layers").details["layers"] == {"1": 10, "2": 8}
    assert found(report, "layers").title == "entities by steps from the nearest user: 10 at 1, 8 at 2"


LINKS: list[Row] = [(f"i{n}", book) for n, book in enumerate(BOOKS)]
LINKED: list[Row] = [(user, f"i{book[1:]}") for user, book in CHOSEN]

#: code -> tables that plant it, the count, and a text that an example must hold.
PLANTED: dict[str, tuple[dict[str, list[Row]], int, str]] = {
    "duplicate-triples": ({"triples": [*TRIPLES, TRIPLES[0], TRIPLES[3]]}, 2, "triples.tsv:21: b0  by  a0"),
    "duplicate-interactions": ({"interactions": [*CHOSEN, CHOSEN[5]]}, 1, "interactions.tsv:61: u0"),
    "reverse-relations": ({"triples": [*TRIPLES, *((t, "wrote", h) for h, r, t in TRIPLES if r == "by")]}, 1, "wrote"),
    "duplicate-relations": ({"triples": [*TRIPLES, *((h, "from", t) for h, r, t in TRIPLES if r == "by")]}, 1, "from"),
    # Three of ten: far below the rule, and worth a look.
    "near-relations": (
        {
            "triples": [
                *TRIPLES,
                *((h, "edited", t) for h, _, t in TRIPLES[:3]),
                *((f"b{n}", "edited", f"g{(n + 1) % 3}") for n in range(3, 10)),
            ]
        },
        1,
        "30% the same",
    ),
    "symmetric-relations": ({"triples": [*TRIPLES, ("b0", "like", "b1"), ("b1", "like", "b0")]}, 1, "like: 100%"),
    "items-without-entity": ({"links": LINKS[:8], "interactions": LINKED}, 2, "i8"),
    "entities-without-interactions": ({"links": [*LINKS, ("i77", "a0")], "interactions": LINKED}, 1, "i77 -> a0"),
    "items-outside-graph": ({"interactions": [*CHOSEN, ("u1", "nowhere")]}, 1, "nowhere"),
    "items-with-several-entities": ({"links": [*LINKS, ("i3", "a1")], "interactions": LINKED}, 1, "i3 -> b3 | a1"),
    "shared-entities": ({"links": [*LINKS, ("i77", "b4")], "interactions": LINKED}, 1, "b4 <- i4 | i77"),
    "users-below-core": ({"interactions": [*CHOSEN, ("once", "b1"), ("once", "b2")]}, 1, "once: 2"),
    "items-below-core": ({"interactions": [row for row in CHOSEN if row[1] != "b7" or row[0] in "u2 u3"]}, 1, "b7: 2"),
    "unreachable-entities": ({"triples": [*TRIPLES, ("x", "by", "y")]}, 2, "x"),
    "mojibake": ({"triples": [*TRIPLES, ("b1", "by", "Ren\u00c3\u00a9")]}, 1, "Ren\u00c3\u00a9"),
    "control-characters": ({"triples": [*TRIPLES, ("b1", "by", "a\u200b1")]}, 1, "\\u200b"),
    "percent-encoded": ({"triples": [*TRIPLES, ("b1", "by", "Caf%C3%A9"), ("b1", "by", "Café")]}, 1, "and Café"),
    "not-normalised": ({"triples": [*TRIPLES, ("b1", "by", "Cafe\u0301")]}, 1, "Cafe"),
    "near-identical-ids": ({"triples": [*TRIPLES, ("b1", "by", "B 1"), ("b1", "by", "A0")]}, 2, "A0 | a0"),
    "url-entities": ({"triples": [*TRIPLES, ("b1", "by", "http://a.org/x")]}, 1, "http://a.org/x"),
    "missing-labels": ({"triples": [*TRIPLES, ("b1", "by", "new")]}, 1, "new"),
    "padded-cells": ({"triples": [*TRIPLES, (" b1", "by", "a3")]}, 1, "triples.tsv:21"),
    "empty-ids": ({"triples": [*TRIPLES, ("b1", "", "a3")]}, 1, "triples.tsv:21"),
    "ragged-lines": (
        {"triples": [*TRIPLES[:2], ("b1", "by"), *TRIPLES[2:], ("b", "by", "a", "?")]},
        2,
        "triples.tsv:3",
    ),
}


@pytest.mark.parametrize("code", PLANTED)
def test_what_is_planted_is_found_and_counted(code, tmp_path):
    tables, count, shown = PLANTED[code]
    finding = found(check_source([write(tmp_path / "planted", **tables)]), code)
    assert finding.count == count
    assert finding.severity != "ok"
    assert any(shown in example for example in finding.examples), finding.examples
    assert finding.meaning


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> dict[bool, CheckReport]:
    """Reports of the clean source, without and with a table of links."""
    folder = tmp_path_factory.mktemp("clean")
    linked: dict[str, list[Row]] = {"links": LINKS, "interactions": LINKED}
    return {True: check_source([write(folder / "linked", **linked)]), False: check_source([write(folder / "plain")])}


@pytest.mark.parametrize("code", PLANTED)
def test_and_is_absent_from_the_clean_source(code, clean):
    assert found(clean["links" in PLANTED[code][0]], code).severity == "ok"


def test_small_relations_and_hubs_are_told_by_number(tmp_path):
    many = [(f"b{n % 10}", "tag", f"t{n}") for n in range(60)]
    stars = [(f"x{n}", "in", "world") for n in range(300)]
    report = check_source([write(tmp_path / "s", triples=[*TRIPLES, *many, *stars])])
    assert found(report, "tiny-relations").count == 2
    assert found(report, "hubs").count == 1
    assert found(report, "hubs").examples == ("world: 300 triples",)
    kinds = {row["relation"]: row["kind"] for row in found(report, "relation-cardinalities").details["relations"]}
    assert kinds == {"by": "N-1", "genre": "N-1", "tag": "1-N", "in": "N-1"}
    title = found(report, "relation-cardinalities").title
    assert title == "relations by how many there are at either end: 1 one to many, 3 many to one"


def test_a_split_that_leaks_is_an_error(tmp_path):
    folder = write(tmp_path / "leaky")
    (folder / "triples.tsv").unlink()
    train = [*TRIPLES, *((t, "wrote", h) for h, r, t in TRIPLES[:9] if r == "by")]
    test = [
        TRIPLES[0],  # stands in train as it is
        ("a4", "wrote", "b9"),  # train has b9 by a4
        ("b1", "by", "nobody"),  # an entity that training does not have
        ("b1", "sold in", "g1"),  # a relation that training does not have
    ]
    for name, rows in (("train", train), ("test", test)):
        (folder / f"{name}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    report = check_source([folder])
    assert (found(report, "heldout-in-training").count, found(report, "heldout-in-training").total) == (1, 4)
    assert found(report, "heldout-mirrored-in-training").examples == ("test: a4  wrote  b9",)
    assert found(report, "entities-only-in-heldout").examples == ("nobody",)
    assert found(report, "relations-only-in-heldout").examples == ("sold in",)
    assert report.worst == "error"


def test_a_mirrored_triple_of_a_symmetric_relation_leaks(tmp_path):
    folder = write(tmp_path / "leaky")
    rows = [(f"b{n}", "like", f"b{(n + 1) % 10}") for n in range(10)]
    mirrored = [(tail, relation, head) for head, relation, tail in rows]
    (folder / "triples.tsv").rename(folder / "kg.tsv")
    (folder / "train.tsv").write_text("".join("\t".join(row) + "\n" for row in [*rows, *mirrored[:4]]))
    (folder / "test.tsv").write_text("".join("\t".join(row) + "\n" for row in mirrored[4:7]))
    report = check_source([folder])
    assert found(report, "heldout-mirrored-in-training").count == 3
    assert found(report, "heldout-in-training").count == 0


def test_a_prepared_dataset_is_checked_too():
    tables: dict[str, Any] = {**toy_tables()}
    report = check_dataset(build_dataset(name="toy", **tables))
    assert (report.kind, report.format) == ("dataset", "prepared")
    # x stands in a test triple only; the toy catalogue's layers are drawn in conftest.py.
    assert found(report, "entities-only-in-heldout").examples == ("x",)
    assert found(report, "layers").details["layers"] == {"1": 3, "2": 3, "3": 2}
    assert found(report, "unreachable-entities").examples == ("x",)
    assert found(report, "users-below-core").count == 5


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"paths": ["nowhere"]}, DataError, "no such file"),
        ({"format": "excel"}, ConfigError, "excel"),
        ({"min_interactions": 0}, ConfigError, "min_interactions is 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, words, tmp_path):
    call: Callable[..., CheckReport] = check_source
    with pytest.raises(error, match=words):
        call(**({"paths": [write(tmp_path / "s")]} | arguments))
