"""N-Triples: whatever statements are written, in any of the spellings the format allows, the same come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from upgan.data.formats import read_sources
from upgan.data.raw.gathered import Gathered
from upgan.data.raw.text_stream import STRICT
from upgan.data.read.ntriples import gather_graph
from upgan.errors import DataError

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
#: Letters of any script, and what has a meaning in the format; no control characters, and white space only in literals.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=12)
IRIS = TEXT.map(lambda text: "".join(letter for letter in text if letter not in '<>"{}|^`\\')).map("http://x/{}".format)
NODES = st.from_regex(r"_:[A-Za-z0-9][A-Za-z0-9_-]*", fullmatch=True)
GAPS = st.sampled_from([" ", "\t", "  "])


def spelled(draw, text: str, escape_all: bool) -> str:
    """``text`` with some letters as numbers, as every writer may."""
    numbered = [f"\\u{ord(letter):04X}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08X}" for letter in text]
    if escape_all:
        return "".join(numbered)
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return (
        plain
        if len(plain) != len(text)
        else "".join(number if draw(st.booleans()) else letter for number, letter in zip(numbered, text, strict=True))
    )


@st.composite
def documents(draw) -> tuple[str, list[tuple[str, str, str]], dict[str, str], int]:
    """A file, its edges in order, the labels it gives, and its number of literals."""
    lines: list[str] = []
    edges: list[tuple[str, str, str]] = []
    labels: dict[str, str] = {}
    literals = 0
    for _ in range(draw(st.integers(1, 8))):
        head, relation = draw(IRIS | NODES), draw(IRIS)

        def term(value: str) -> str:
            return value if value.startswith("_:") else f"<{spelled(draw, value, False)}>"

        if draw(st.booleans()):
            tail = draw(IRIS | NODES)
            edges.append((head, relation, tail))
            written = term(tail)
        else:
            literals += 1
            value = draw(
                st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n"), max_size=12)
            )
            written = f'"{spelled(draw, value, draw(st.booleans()))}"'
            kind = draw(st.sampled_from(["", "@en", "@en-GB", "@de", "^^<http://www.w3.org/2001/XMLSchema#string>"]))
            if draw(st.booleans()):
                relation = LABEL
                if kind != "@de" and " ".join(value.split()):
                    labels.setdefault(head, " ".join(value.split()))
            written += kind
        gap = draw(GAPS)
        end = draw(st.sampled_from([" .", "\t.", " . # a comment", " ."]))
        lines.append(f"{term(head)}{gap}{term(relation)}{gap}{written}{end}")
        lines += draw(st.sampled_from([[], [""], ["# a comment <a> <b> <c> ."], ["  "]]))
    return (
        draw(st.sampled_from(["\n", "\r\n"])).join(lines) + draw(st.sampled_from(["", "\n"])),
        edges,
        labels,
        literals,
    )


@given(documents())
@settings(
    max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_statements_come_back(tmp_path: Path, document):
    text, edges, labels, literals = document
    path = tmp_path / "graph.nt"
    path.write_bytes(text.encode("utf-8"))
    gathered = Gathered()
    gather_graph(gathered, path, STRICT)
    (triples,), (names,), (file,) = gathered.parts["triples"], gathered.parts["labels"], gathered.files
    assert triples[["head", "relation", "tail"]].to_numpy().tolist() == [list(edge) for edge in edges]
    assert gathered.dropped.get("graph.nt: statements about a literal", 0) == literals
    found = names.set_index("id")["label"].to_dict()
    # A label in German alone is a label too, but one in English or without a language comes first.
    assert {key: found[key] for key in labels} == labels
    assert file.rows == len(edges) + literals


def test_what_is_no_iri_is_shown_without_control_characters(tmp_path):
    path = tmp_path / "graph.ttl"
    path.write_text("@prefix d: <\\u0000http://d/> .\nd:m1 d:by d:p1 .\n")
    with pytest.raises(DataError, match="is no IRI") as caught:
        gather_graph(Gathered(), path, STRICT)
    assert not any(ord(sign) < 32 for sign in str(caught.value))


@pytest.mark.parametrize("name", ["graph.ttl", "graph.nt", "graph.rdf"])
def test_what_the_parser_says_of_a_long_text_does_not_fill_the_screen(tmp_path, name):
    (tmp_path / name).write_text("@pr" + "x" * 500_000 + " y .")
    with pytest.raises(DataError, match=name) as error:
        read_sources([tmp_path])
    assert len(str(error.value)) < 2_600


def test_a_document_of_xml_that_is_cut_off_is_refused(tmp_path):
    whole = (
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/">'
        + "".join(
            f'<r:Description r:about="http://x/a{n}"><x:by r:resource="http://x/b"/></r:Description>' for n in range(9)
        )
        + "</r:RDF>"
    )
    (tmp_path / "graph.rdf").write_text(whole)
    assert len(read_sources([tmp_path]).triples) == 9
    for end in (len(whole) - 8, len(whole) - 1, whole.rindex("<r:Desc"), whole.rindex("<x:by")):
        (tmp_path / "graph.rdf").write_text(whole[:end])
        with pytest.raises(DataError, match=r"graph\.rdf, line \d"):
            read_sources([tmp_path])


def test_what_n3_only_supposes_is_no_fact_and_counted(tmp_path):
    (tmp_path / "graph.n3").write_text(
        "@prefix x: <http://x/> . x:a x:by x:b . { x:c x:by x:d . x:d x:by x:e } => { x:c x:by x:e } . "
        "x:ann x:says { x:f x:by x:g } ."
    )
    source = read_sources([tmp_path])
    assert ["http://x/a", "http://x/by", "http://x/b"] in source.triples[
        ["head", "relation", "tail"]
    ].to_numpy().tolist()
    assert (source.triples["relation"] == "http://x/by").sum() == 1
    assert source.dropped["graph.n3: statements in formulas, which say no fact"] == 4
