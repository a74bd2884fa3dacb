"""One table, for the terminal and for a page; and what contrast, what if and smallest set say in both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.render import samples
from tests.render.parsed import Document
from upgan.explain.results import Changes, Contrast, FlipSet, Popularities, Popularity, Results, Standing, WhatIf
from upgan.explain.shares import Differences, Shares, UserDifference, UserShare
from upgan.render.page import page
from upgan.render.pseudonyms import pseudonyms_of, renamed, users_of
from upgan.render.table import Section, Table, Words, isolated
from upgan.render.text_tables import results_text

STANDING = Standing(1.5, 3, 1.0, 0.5, 7, 6.0)


def results(name: str = "Robert Jordan", users: int = 25) -> Results:
    """All three about the sample's answer, with users of the sample and one more."""
    own = [share.id for share in samples.bargain().users]
    differences = [
        UserDifference((own + ["late"] * users)[i], 1 / users, 0.2, 0.1 * i, 0.2 - 0.1 * i) for i in range(users)
    ]
    popular = Popularity(1, 2, 0.25, 0.5, 3, 4)
    return Results(
        Contrast("a", "b", "none", STANDING, STANDING, 0.5, 1e-12, tuple(differences), (), (UserShare("B", 1.0, 0.1),),
                 Popularities(popular, popular), (), name),
        WhatIf(changes=Changes(remove_users=("77OC0",), add_interactions=(("stranger", "book"),)), before=STANDING,
               after=STANDING, candidates_before=(), candidates_after=(), users_before=(), users_after=(),
               answer_users_before=(), answer_users_after=(), target_layer_before=1, target_layer_after=-1, limits=()),
        FlipSet(found=True, users=("77OC0", "late"), before=STANDING, after=STANDING, runner_up=None, minimal=True,
                checks=4, reason="Without these 2 users the rank falls."),
    )  # fmt: skip


def test_columns_stand_under_each_other_in_every_script():
    table = Table(
        ("name", "n"),
        [("源氏物語", "1"), ("e\u0301te\u0301", "10"), ("a\x1b[2J", "100")],
        frozenset({1}),
        ("2 more", "5"),
    )
    head, rule, *rows = table.text().splitlines()
    assert (head, rule) == ("name        n", "────────  ───")
    assert rows == ["源氏物語    1", "e\u0301te\u0301        10", "a\ufffd[2J     100", "(2 more)    5"]
    assert Table(("name",), [("a long one",)]).text(6).splitlines()[-1] == "a lon…"


def test_a_section_has_the_same_words_in_html_and_text():
    section = Section(isolated("A & <b>"), [Words(isolated("x < y"), faint=True), Words("plain")])
    assert section.text() == "A & <b>\n\nx < y\n\nplain"


@pytest.mark.parametrize("kind", [Shares, Differences])
def test_rows_in_arrays_are_the_rows(kind):
    rows: list[Any] = [UserShare("a", 0.5, 1.0), UserShare("b", 0.25, -1.0), UserShare("c", 0.25, 0.0)]
    if kind is Differences:
        rows = [UserDifference(row.id, row.weight, row.contribution, 2.0, row.contribution - 2.0) for row in rows]
    ids, *numbers = zip(*(vars(row).values() for row in rows), strict=True)
    columns = kind(np.array(ids, dtype=object), *map(np.array, numbers))
    assert columns == rows == list(columns) == [columns[0], *columns[1:]]
    assert columns[:2] == rows[:2]
    assert columns != columns[:2]
    assert [row.id for row in columns.renamed({"a": "x", "b": "y", "c": "z"})] == ["x", "y", "z"]
    assert users_of(columns) == ["a", "b", "c"]


def test_page_and_terminal_say_the_same_of_what_was_asked_beside():
    explanation, beside = samples.bargain(), results()
    text, html = results_text(beside, explanation), Document(page(explanation, results=beside)).text
    for words in ("Robert Jordan", "What if (weights frozen)", "without user 77OC0; user stranger had chosen book",
                  "Found greedily and checked by 4 runs of the model", "5 more", "Without these 2 users"):  # fmt: skip
        assert words in text
        assert words in html
    assert "user of Robert Jordan" in text
    assert "distance to the users changed from 1 to -1" in text
    assert "weight" in text


def test_pseudonyms_are_one_for_all_that_is_asked_and_leave_no_id():
    explanation, beside = samples.bargain(), results()
    names = pseudonyms_of(explanation, beside)
    assert list(names)[: len(explanation.users)] == [share.id for share in explanation.users]
    assert {"late", "stranger", "B"} <= set(names)
    hidden = renamed(beside, names)
    assert set(users_of(hidden)) <= set(names.values())
    assert users_of(hidden) == [names[user] for user in users_of(beside)]
    assert "77OC0" not in str(hidden.to_dict())


def test_only_what_was_asked_is_in_the_json():
    assert Results().to_dict() == {}
    assert Results().empty
    assert list(results().to_dict()) == ["contrast", "what_if", "smallest_set"]
