"""Kinds of entities told by the relations that they stand in."""

from __future__ import annotations

import numpy as np

from upgan.data.dataset import build_dataset
from upgan.data.kinds import inferred_kinds

LABELS = ["director", "genre", "born in", "sequel of"]


def world():
    """20 films, 6 directors, 4 genres, 3 cities; a director has acted as a genre's name once (a slip)."""
    names = [f"film{n}" for n in range(20)] + [f"person{n}" for n in range(6)] + [f"genre{n}" for n in range(4)]
    names += [f"city{n}" for n in range(3)] + ["nothing"]
    number = {name: place for place, name in enumerate(names)}
    facts = [(f"film{n}", 0, f"person{n % 6}") for n in range(16)]
    facts += [(f"film{n}", 1, f"genre{n % 4}") for n in range(20)]
    facts += [(f"person{n}", 2, f"city{n % 3}") for n in range(6)]
    facts += [(f"film{n}", 3, f"film{n + 1}") for n in range(0, 12, 3)]
    facts += [("film0", 1, "person5")]
    triples = np.array([(number[h], r, number[t]) for h, r, t in facts])
    return names, triples


def told(names, triples, items=(), given=None):
    kinds = inferred_kinds(triples, np.array(items, dtype=np.int64), given or [""] * len(names), LABELS)
    return dict(zip(names, kinds, strict=True))


def test_ends_that_hold_the_same_things_are_one_kind_and_are_named_by_what_leads_to_them():
    names, triples = world()
    kinds = told(names, triples, items=range(10))
    assert {kinds[f"film{n}"] for n in range(20)} == {"item"}, "chosen or not, head or tail of a sequel"
    assert {kinds[f"person{n}"] for n in range(6)} == {"director"}, "one slip changes nothing"
    assert {kinds[f"genre{n}"] for n in range(4)} == {"genre"}
    assert {kinds[f"city{n}"] for n in range(3)} == {"born in"}
    assert kinds["nothing"] == "", "nothing is known of it"


def test_without_users_the_items_are_what_most_facts_are_about():
    names, triples = world()
    assert told(names, triples) == told(names, triples, items=range(10))


def test_what_users_chose_is_an_item_without_any_fact():
    names, triples = world()
    kinds = told(names, triples, items=[*range(10), names.index("nothing")])
    assert kinds["nothing"] == "item"


def test_given_kinds_stay_and_fill_the_others():
    names, triples = world()
    given = ["movie" if name.startswith("film") and name != "film3" else "" for name in names]
    given[names.index("person1")] = "human"
    kinds = told(names, triples, given=given)
    assert kinds["film3"] == "movie"
    assert {kinds[f"person{n}"] for n in range(6)} == {"human"}
    assert kinds["genre0"] == "", "nobody said what these are"


def test_an_end_that_holds_two_different_kinds_joins_neither():
    names, triples = world()
    number = {name: place for place, name in enumerate(names)}
    labelled = [(number[name], 3, number["nothing"]) for name in names if not name.startswith("city")]
    kinds = told(names, np.concatenate([triples[triples[:, 1] != 3], labelled]), items=range(10))
    assert kinds["film1"] == "item"
    assert kinds["person1"] == "director"
    assert kinds["genre1"] == "genre"


def test_a_dataset_knows_its_kinds_as_given_or_told(toy_frames):
    given = build_dataset(name="toy", **toy_frames)
    assert given.kinds == given.entity_kinds
    toy_frames["entities"]["kind"] = ""
    told_ = build_dataset(name="toy", **toy_frames)
    kinds = dict(zip(told_.entities, told_.kinds, strict=True))
    assert kinds["b1"] == kinds["b2"] == kinds["b3"] == "item"
    assert kinds["a1"] == kinds["a2"] != kinds["c1"] == kinds["c2"]
    assert told_.entity_kinds == [""] * 9, "what is told is not written down as given"
