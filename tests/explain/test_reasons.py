"""The counts of a reason against loops over users and facts, and the sentences made of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from statistics import median_low

import numpy as np
import pandas as pd
import pytest

from upgan.data.dataset import build_dataset
from upgan.explain.reasons import reasons
from upgan.render.reasons import reason_sentence, sure_sentence


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(5)
    films, people, genres = ([f"{kind}{n}" for n in range(count)] for kind, count in (("f", 25), ("p", 5), ("g", 4)))
    facts = {(film, "director", str(random.choice(people))) for film in films[:20]}
    facts |= {(film, "genre", str(random.choice(genres))) for film in films[:23] for _ in range(2)}
    facts |= {(person, "wrote", str(random.choice(films))) for person in people for _ in range(4)}
    chosen = {(f"u{random.integers(30)}", film) for film in films[:24] for _ in range(8)}
    return build_dataset(
        name="films",
        triples=pd.DataFrame(
            [(*fact, "train") for fact in sorted(facts)], columns=["head", "relation", "tail", "split"]
        ),
        interactions=pd.DataFrame(sorted(chosen), columns=["user", "item"]),
        entities=pd.DataFrame({"id": [*films, *people, *genres]}),
    )


def by_loops(data, h, r, t):
    """users, agree, others, everybody, alike, and how many share each fact, of one fact whose head is chosen."""
    chose, about = defaultdict(set), h
    for user, item in data.interactions.tolist():
        chose[user].add(item)
    turned = not any(h in items for items in chose.values()) and any(t in items for items in chose.values())
    facts = {tuple(row) for row in data.train.tolist()}
    if turned:
        about, same = t, {c for (a, b, c) in facts if (a, b) == (h, r)} - {t}
    else:
        same = {a for (a, b, c) in facts if (b, c) == (r, t)} - {h}
    users = [user for user, items in chose.items() if about in items]
    with_it = [len(chose[user] & same) for user in users if chose[user] & same]
    everybody = sum(bool(items & (same | ({about} if (h, r, t) in facts else set()))) for items in chose.values())
    pairs = defaultdict(set)
    for a, b, c in facts:
        pairs[(c if turned else a)].add((b, a if turned else c))
    shared = {pair: sum(pair in pairs[one] for one in same) for pair in pairs[about] if pair != (r, h if turned else t)}
    others = median_low(with_it) if with_it else 0
    return turned, len(users), len(with_it), others, everybody / data.num_users, len(same), shared


def test_every_count_is_that_of_a_loop(data):
    random = np.random.default_rng(1)
    asked = [tuple(random.integers((data.num_entities, data.num_relations, data.num_entities))) for _ in range(150)]
    asked += [tuple(row) for row in data.train.tolist()[:20]]
    head, relation, tail = (np.array(column) for column in zip(*asked, strict=True))
    some = 0
    for (h, r, t), found in zip(asked, reasons(data, head, relation, tail), strict=True):
        turned, users, agree, others, everybody, alike, shared = by_loops(data, h, r, t)
        assert (found.turned, found.users, found.agree, found.others) == (turned, users, agree, others)
        assert found.everybody == pytest.approx(everybody)
        assert found.alike == alike
        if found.common is not None:
            some += 1
            pair = data.relation_index[found.common[0]], data.entity_index[found.common[1]]
            assert shared[pair] == found.sharing > 0
    assert some > 10


def test_blocks_of_any_size_are_the_same(data, monkeypatch):
    columns = data.train[:30].T
    whole = reasons(data, *columns)
    monkeypatch.setattr("upgan.explain.reasons.PAIRS_PER_BLOCK", 7)
    assert reasons(data, *columns) == whole


def test_the_sentences(data):
    (one,) = reasons(data, *np.array([[0], [0], [30]]))
    one = replace(
        one, about="Magician", relation="author", value="Feist <b>", turned=False, users=22, agree=14, others=3,
        everybody=0.034, alike=12, sharing=9, common=("genre", "Fantasy"), simulated_users=False,
    )  # fmt: skip
    assert reason_sentence(one) == (
        "14 of the 22 users of “Magician” also chose something else with author “Feist <b>” (usually 3 of them); "
        "of all users, 3% did."
    )
    facts = "9 of the 12 others with author “Feist <b>” share its genre “Fantasy”."
    assert reason_sentence(one, users=False) == facts
    assert reason_sentence(replace(one, agree=0)) == (
        "None of the 22 users of “Magician” chose something else with author “Feist <b>”. " + facts
    )
    assert reason_sentence(replace(one, users=0, agree=0, alike=0)) == "Nothing else in the data has this value."
    assert reason_sentence(replace(one, users=1, agree=1, others=1)).startswith(
        "The only user of “Magician” also chose"
    )
    assert "“Feist <b>” has as author" in reason_sentence(replace(one, turned=True))
    alone = replace(one, agree=0, alike=1, sharing=1)
    assert reason_sentence(alone, users=False) == "The only other with author “Feist <b>” shares its genre “Fantasy”."
    assert "The only other with author “Feist <b>” shares no" in reason_sentence(replace(alone, common=None))
    assert "80%" in sure_sentence(0.8, empty=True)
    some = sure_sentence(0.7, empty=True, filled=0.74)
    assert "about 70%" in some
    assert "74% of its kind have something here, and this one may rightly have nothing" in some
    assert "rightly" not in sure_sentence(0.9, empty=True, filled=1.0)
    assert "at least 3%" in sure_sentence(0.03, empty=False)
    assert "cannot be said" in sure_sentence(None, empty=True)
