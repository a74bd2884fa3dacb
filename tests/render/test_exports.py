"""What can be passed on: complete, the same every time, deaf to hostile names, and silent about who reads."""

from __future__ import annotations

import csv
import dataclasses
import io
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from tests.render import samples
from tests.render.parsed import Document
from upgan.explain.explanation import Explanation, Node, UserPath, UserShare
from upgan.render.csv_tables import PATH_COLUMNS, USER_COLUMNS
from upgan.render.export import EXPORTS, FORMATS, rendered
from upgan.render.figure.png import png
from upgan.render.pseudonyms import pseudonymised, pseudonyms_of
from upgan.render.templates import escaped, table
from upgan.render.words import short_id

#: A label that is a script, a formula, mirror writing and far too long, one after the other.
CELLS = ('=HYPERLINK("http://evil.example")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "\u202e=1", " =1")
LONG = "A very long label <b> " * 500  # about 11,000 characters


def relabelled(label: str) -> Explanation:
    """Case two with every entity called ``label`` and every user's id made of it."""
    base = samples.riftwar()

    def node(old: Node) -> Node:
        if old.role == "user":
            return dataclasses.replace(old, id=f"{label}{old.id}", label=f"{label}{old.id}")
        return dataclasses.replace(old, label=label)

    return dataclasses.replace(
        base,
        target=node(base.target),
        answer=node(base.answer),
        relation_label=label,
        users=tuple(UserShare(f"{label}{user.id}", user.weight, user.contribution) for user in base.users),
        paths=tuple(
            UserPath(tuple(map(node, path.nodes)), path.relations, path.alphas, path.weight) for path in base.paths
        ),
        evidence=(),
        context=(),
    )


CASES = {name: relabelled(label) for name, label in (("long", LONG), ("script", samples.HOSTILE[0]))}
CASES |= {f"cell {place}": relabelled(cell) for place, cell in enumerate(CELLS)}
CASES |= {"hostile": samples.hostile(), "bargain": samples.bargain(), "unreachable": samples.unreachable()}


@pytest.fixture(params=CASES)
def explanation(request) -> Explanation:
    return CASES[request.param]


def cells(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_explanation_gives_the_same_bytes(format):
    assert rendered(samples.riftwar(), {}, format) == rendered(samples.riftwar(), {}, format)


def test_csv_holds_every_row_and_no_formula(explanation):
    users, paths = cells(rendered(explanation, {}, "users.csv")), cells(rendered(explanation, {}, "paths.csv"))
    assert len(users) == len(explanation.users) + len(explanation.answer_users)
    chains = (explanation.paths, explanation.evidence, explanation.answer_paths, explanation.answer_evidence)
    assert len(paths) == sum(map(len, chains))
    for rows, columns in ((users, USER_COLUMNS), (paths, PATH_COLUMNS)):
        for row in rows:
            assert tuple(row) == columns
            texts = [row[name] for name in ("user", "of", "kind", "path", "factors") if name in row]
            assert not [text for text in texts if text.lstrip().startswith(("=", "+", "-", "@", "＝", "\t", "\r"))]
    if users:
        assert sum(float(row["weight"]) for row in users) == pytest.approx(
            sum(user.weight for user in (*explanation.users, *explanation.answer_users))
        )


def test_svg_and_page_are_well_formed_and_run_nothing_of_a_label(explanation):
    drawing = ET.fromstring(rendered(explanation, {}, "svg"))
    assert {element.tag.rpartition("}")[2] for element in drawing.iter()} <= {
        "svg", "title", "desc", "rect", "path", "polygon", "circle", "g", "text",
    }  # fmt: skip
    page = Document(rendered(explanation, {}, "html").decode())
    assert page.tags.count("script") == 2, "one of data, one that runs"
    assert "img" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "default-src 'none'" in page.policy()


def test_png_decodes_at_twice_the_size_of_the_svg(explanation):
    drawing = rendered(explanation, {}, "svg")
    root = ET.fromstring(drawing)
    with Image.open(io.BytesIO(rendered(explanation, {}, "png"))) as image:
        image.load()
        assert image.format == "PNG"
        for pixels, name in zip(image.size, ("width", "height"), strict=True):
            assert pixels == pytest.approx(2 * float(root.attrib[name]), abs=1.01)


def test_png_draws_its_letters_without_any_font_of_the_machine():
    """Letters alone are dark here: without a font there would be none."""

    def dark(text: str, **attributes: str) -> int:
        given = " ".join(f'{name}="{value}"' for name, value in attributes.items())
        drawing = (
            '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40" font-family="Arial">'
            f'<rect width="100%" height="100%" fill="#fff"/><text x="5" y="25" {given}>{text}</text></svg>'
        )
        with Image.open(io.BytesIO(png(drawing))) as image:
            return sum(image.convert("L").histogram()[:128])

    assert dark("") == 0
    for text in ("Serpentwar", "Война и мир", "ألف ليلة", "α = 0.31 → −1"):
        assert dark(text) > 200
        assert dark(text, **{"font-weight": "bold"}) > dark(text)


@pytest.mark.parametrize("format", EXPORTS)
def test_pseudonyms_leave_no_user_id_in_any_export(format):
    secret = "reader-4711-ada-lovelace"
    explanation = relabelled(secret)
    content = rendered(pseudonymised(explanation), {}, format)
    # Entities carry the word too here; users are the ids that end in R and three digits.
    assert b"R000" not in content
    assert b"R004" not in content
    assert format in ("svg", "png", "caption") or b"U1" in content


def test_one_user_has_one_pseudonym_on_both_sides():
    base = samples.bargain()
    both = dataclasses.replace(base, answer_users=(base.users[2], UserShare("only here", 0.1, 0.0)))
    named = pseudonymised(both)
    assert named.answer_users[0].id == named.users[2].id == "U3"
    assert named.answer_users[1].id == f"U{len(base.users) + 1}"
    assert len(set(pseudonyms_of(both).values())) == len(pseudonyms_of(both))
    assert named.score == both.score


def test_a_long_user_id_keeps_both_its_ends():
    assert short_id("77OC0") == "77OC0"
    assert short_id("catalogue:reader:0000001") == "catalogu…0000001"
    assert len(short_id("x" * 10_000)) == 16


@pytest.mark.parametrize("label", [*samples.HOSTILE, "a | b", "[x](javascript:1)", "`code`", "~~x~~"])
def test_markdown_takes_a_label_for_text(label):
    (line,) = table(("a",), [(escaped(label),)]).splitlines()[2:]
    bare = line[2:-2]
    for sign in "|<>[]`*_":
        assert bare.count(sign) == bare.count(f"\\{sign}")
