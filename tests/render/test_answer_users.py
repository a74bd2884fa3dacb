"""Explanations whose users are the answer's: the figure, the words and the tables say so."""

from __future__ import annotations

import dataclasses

import pytest

from tests.render import samples
from upgan.explain.explanation import Explanation
from upgan.render.caption import caption
from upgan.render.figure.build import figure
from upgan.render.page import page
from upgan.render.text_tables import explanation_table
from upgan.render.words import proof


@pytest.fixture
def mirrored() -> Explanation:
    """The sample with target and answer in each other's place: its users reach the answer."""
    told = samples.bargain()
    return dataclasses.replace(
        told,
        target=dataclasses.replace(told.answer, role="target"),
        answer=dataclasses.replace(told.target, role="answer"),
        inverse=not told.inverse,
        users=(),
        answer_users=told.users,
        paths=(),
        evidence=(),
        answer_paths=told.paths,
        answer_evidence=told.evidence,
    )


def test_the_figure_runs_from_the_target_over_facts_and_users_to_the_answer(mirrored):
    drawn = {node.id: node for node in figure(mirrored).nodes}
    users = [node for node in drawn.values() if node.role == "user"]
    assert len(users) == len({path.nodes[0].id for path in mirrored.answer_paths})
    target = next(node for node in drawn.values() if node.role == "target")
    answer = next(node for node in drawn.values() if node.role == "answer")
    assert all(target.x < user.x < answer.x for user in users)
    for edge in figure(mirrored).edges:
        if edge.kind in ("path", "evidence"):
            assert drawn[edge.source].x < drawn[edge.target].x, "both kinds of chains run from left to right"
    assert "the answer's" in figure(mirrored).note
    assert dict(figure(mirrored).kinds)["path"].endswith("to answer")


def test_caption_and_proof_speak_of_the_answers_users(mirrored):
    only = dataclasses.replace(mirrored, answer_users=mirrored.answer_users[:1])
    assert "A single user reaches the answer" in caption(only).replace("simulated ", "")
    assert "heaviest of 23" in caption(mirrored)
    assert "change the score by" in caption(mirrored)
    assert any(line.endswith("of the answer") for line in proof(mirrored))


def test_both_sides_are_told_apart_where_both_have_users(mirrored):
    both = dataclasses.replace(mirrored, users=samples.bargain().users, paths=samples.bargain().paths)
    assert "from those of the target" in caption(both)
    assert sum("Σ weights" in line for line in proof(both)) == 2
    assert "The answer's own" in figure(both).note


def test_tables_and_page_list_the_answers_paths(mirrored):
    for text in (explanation_table(mirrored), page(mirrored)):
        assert "to answer" in text
        assert "of the answer" in text
