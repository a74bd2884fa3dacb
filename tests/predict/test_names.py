"""What may be asked and how things are named: labels, slips, what is missing or ambiguous."""

from __future__ import annotations

import pytest

import upgan
from tests.conftest import toy_tables
from tests.predict.toy import make_run
from upgan.data.dataset import build_dataset
from upgan.errors import QueryError


@pytest.mark.parametrize("arguments", [{}, {"head": "b1", "tail": "a1"}])
def test_exactly_one_of_head_and_tail_is_asked_for(predictor, arguments):
    for ask_it in (predictor.predict, predictor.query):
        with pytest.raises(QueryError, match="exactly one"):
            ask_it(relation="by", **arguments)
    with pytest.raises(QueryError, match="exactly one"):
        predictor.explain(relation="by", answer="a1", **arguments)


def test_a_missing_relation_answer_or_a_senseless_number_is_refused(predictor):
    with pytest.raises(QueryError, match="relation"):
        predictor.predict(head="b1")
    with pytest.raises(QueryError, match="answer"):
        predictor.explain(head="b1", relation="by")
    with pytest.raises(QueryError, match="k = 0"):
        predictor.predict(head="b1", relation="by", k=0)
    with pytest.raises(QueryError, match="top_users = -1"):
        predictor.explain(head="b1", relation="by", answer="a1", top_users=-1)


def test_numbers_in_place_of_names_are_refused(predictor):
    with pytest.raises(QueryError, match="3 is not text: give the entity"):
        predictor.score_tails([3], ["by"])
    with pytest.raises(QueryError, match="0 is not text: give the relation"):
        predictor.score_heads([0], ["a1"])


@pytest.fixture(scope="module")
def titled(tmp_path_factory):
    """The toy catalogue with titles long enough to be misspelt."""
    frames = toy_tables()
    titles = {"b1": "Silverthorn", "b2": "Silver Road", "a1": "Raymond Feist"}
    frames["entities"]["label"] = [titles.get(name, name) for name in frames["entities"]["id"]]
    dataset = build_dataset(name="toy", **frames)  # type: ignore[arg-type]
    return upgan.load(make_run(tmp_path_factory.mktemp("runs") / "run", dataset))


@pytest.mark.parametrize(
    "call",
    [
        lambda p, name: p.predict(head=name, relation="by"),
        lambda p, name: p.predict(tail=name, relation="by"),
        lambda p, name: p.explain(head="b1", relation="by", answer=name),
        lambda p, name: p.explain(head=name, relation="by", answer="b1"),
        lambda p, name: p.score_tails([name], ["by"]),
        lambda p, name: p.score_heads(["by"], [name]),
        lambda p, name: p.layer(name),
        lambda p, name: p.relations_of(name),
    ],
)
def test_an_unknown_entity_is_named_with_suggestions(titled, call):
    with pytest.raises(QueryError, match=r"no entity .*'Silverton'.*nearest: b1 \(Silverthorn\)") as caught:
        call(titled, "Silverton")
    assert caught.value.exit_code == 2


def test_an_unknown_relation_is_named_with_suggestions(predictor):
    for call in (
        lambda: predictor.predict(head="b1", relation="link"),
        lambda: predictor.score_tails(["b1"], ["link"]),
        lambda: predictor.explain(head="b1", relation="link", answer="a1"),
    ):
        with pytest.raises(QueryError, match=r"no relation .*'link'.*linked"):
            call()


def test_an_ambiguous_label_lists_the_ids_and_a_unique_one_is_enough(toy_frames, tmp_path):
    labels = toy_frames["entities"].set_index("id")["label"]
    labels[["a1", "a2"]] = "Jane Doe"
    toy_frames["entities"]["label"] = labels.to_numpy()
    predictor = upgan.load(make_run(tmp_path / "run", build_dataset(name="toy", **toy_frames)))
    with pytest.raises(QueryError, match=r"a1 \(Jane Doe\); a2 \(Jane Doe\)"):
        predictor.predict(head="Jane Doe", relation="from")
    assert predictor.predict(head="a2", relation="comes from")[0]["score"] is not None
    assert predictor.query(head="B1", relation="written by").to_dict() == {"head": "b1", "relation": "by", "tail": None}
    assert predictor.query(tail="c1", relation="from").to_dict() == {"head": None, "relation": "from", "tail": "c1"}


def test_relations_of_an_entity_are_those_of_its_kind(predictor):
    assert predictor.relations_of("b3") == {"head": ["by", "linked"], "tail": ["linked"]}
    assert predictor.relations_of("x") == {"head": ["from"], "tail": ["by"]}, "an author, though in no training triple"


def test_relations_of_an_entity_without_a_kind_are_those_of_the_kind_that_relations_tell(toy_frames, tmp_path):
    toy_frames["entities"] = toy_frames["entities"][["id", "label"]]
    predictor = upgan.load(make_run(tmp_path / "run", build_dataset(name="toy", **toy_frames)))
    assert predictor.relations_of("a1") == {"head": ["from"], "tail": ["by"]}  # entity number 0
    assert predictor.relations_of("b3") == {"head": ["by", "linked"], "tail": ["linked"]}
    assert predictor.relations_of("x") == {"head": [], "tail": []}
