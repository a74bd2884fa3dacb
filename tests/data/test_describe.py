"""Counts of the toy catalogue by hand, and names resolved to numbers."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter

import pandas as pd
import pytest

from upgan.data.dataset import build_dataset
from upgan.data.describe import describe
from upgan.data.lookup import resolve_entity, resolve_relation
from upgan.data.prepare.readable import readable_labels, readable_relations
from upgan.data.synth.generate import generate
from upgan.errors import QueryError


def test_the_toy_catalogue_by_hand(toy_dataset):
    found = describe(toy_dataset)
    assert (found.users, found.items, found.interactions) == (5, 3, 10)
    assert (found.entities, found.relations, found.triples) == (9, 3, 12)
    assert found.splits == {"train": 9, "valid": 1, "test": 2}
    # u1..u5 | b1 b2 b3 | a1 a2 s | c1 c2; x stands in a test triple only.
    assert found.layers == {0: 5, 1: 3, 2: 3, 3: 2}
    assert found.unreachable == 1
    assert found.unseen == 1
    assert found.interactions_per_user["0"] == 1
    assert found.interactions_per_user["100"] == 3
    assert found.interaction_sparsity == pytest.approx(1 - 10 / 15)
    assert found.triple_sparsity == pytest.approx(1 - 12 / 243)
    by = found.relation_table[0]
    assert (by.id, by.label, by.triples, by.train, by.valid, by.test) == ("by", "written by", 4, 3, 0, 1)
    # b1 b2 b3 -> a1, b3 -> a2: four triples of three heads and two tails.
    assert by.tails_per_head == pytest.approx(4 / 3)
    assert by.heads_per_tail == 2
    # a1: by x3, from; s: linked x3
    assert found.degree_quantiles["100"] == 4


def test_the_counts_of_a_generated_dataset_by_brute_force():
    dataset = generate("book", 0.01, seed=2)
    found = describe(dataset)
    users = {user for user, _ in dataset.interactions.tolist()}
    items = {item for _, item in dataset.interactions.tolist()}
    train = [tuple(row) for row in dataset.train.tolist()]
    triples = [*train, *map(tuple, dataset.valid.tolist()), *map(tuple, dataset.test.tolist())]
    assert (found.users, found.items, found.interactions) == (len(users), len(items), len(dataset.interactions))
    assert (found.entities, found.triples) == (dataset.num_entities, len(set(triples)))
    near: dict[int, set[int]] = {}
    for h, _, t in train:
        near.setdefault(h, set()).add(t)
        near.setdefault(t, set()).add(h)
    layers, reached, frontier = [len(users)], set(items), set(items)
    while frontier:
        layers.append(len(frontier))
        frontier = {other for entity in frontier for other in near.get(entity, ())} - reached
        reached |= frontier
    assert list(found.layers.values()) == layers
    assert found.unreachable == dataset.num_entities - len(reached)
    degrees = Counter(end for h, _, t in triples for end in (h, t))
    assert found.degree_quantiles["100"] == max(degrees.values())
    assert found.degree_quantiles["50"] == statistics.median(degrees[entity] for entity in range(dataset.num_entities))
    # Five groups of the test queries by how often training holds the answer.
    seen = Counter(end for h, _, t in train for end in (h, t))
    frequencies = sorted(seen[answer] for h, _, t in dataset.test.tolist() for answer in (h, t))
    groups = found.sparsity_groups
    assert [group.group for group in groups] == list("ABCDE")
    assert sum(group.queries for group in groups) == len(frequencies)
    place = 0
    for group in groups:
        own = frequencies[place : place + group.queries]
        assert (group.fewest, group.most) == (own[0], own[-1])
        place += group.queries
        # Ties move a group's end, never past the next frequency.
        assert place == len(frequencies) or frequencies[place] > own[-1]
        assert abs(place - len(frequencies) * ("ABCDE".index(group.group) + 1) / 5) <= frequencies.count(own[-1])


def test_a_description_is_json_and_text(toy_dataset):
    document = json.loads(json.dumps(describe(toy_dataset).to_dict()))
    assert document["layers"] == {"0": 5, "1": 3, "2": 3, "3": 2}
    assert document["relation_table"][2]["label"] == "is linked to"
    text = describe(toy_dataset).to_text()
    for part in ("#Users", "#Items", "#Interactions", "#Entities", "#Relations", "#Triplets", "unreachable: 1"):
        assert part in text
    assert "simulated" not in text


def test_a_graph_without_users(toy_frames):
    found = describe(build_dataset(name="bare", triples=toy_frames["triples"], manifest={"simulated_users": True}))
    assert found.layers == {}
    assert found.unreachable == found.entities == 9
    assert found.interaction_sparsity is None
    assert "interactions per user: none" in found.to_text()
    assert "simulated users" in found.to_text()


@pytest.fixture(scope="module")
def named():
    """Labels that repeat, differ only in case, or equal another entity's id."""
    labels = {
        "e1": "Dune",
        "e2": "dune",
        "e3": "Emma",
        "e4": "EMMA (film)",
        "e5": "e1",
        "e6": "Ulysses",
        "e7": "Ulysses",
    }
    triples = pd.DataFrame({"head": list(labels), "relation": "r", "tail": "e1", "split": "train"})
    triples.loc[0, "relation"] = "r2"
    return build_dataset(
        name="named",
        triples=triples,
        entities=pd.DataFrame({"id": list(labels), "label": list(labels.values())}),
        relations=pd.DataFrame({"id": ["r", "r2"], "label": ["written by", "Published by"]}),
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [("e1", 0), ("Dune", 0), ("dune", 1), ("emma", 2), (" Emma ", 2), ("emma (FILM)", 3), ("e5", 4)],
)
def test_id_first_then_label_then_any_case(named, text, number):
    assert resolve_entity(named, text) == number


def test_a_relation_by_id_or_label(named):
    assert resolve_relation(named, "r2") == resolve_relation(named, "published by") == 1
    with pytest.raises(QueryError, match=r"no relation .*'writen by'; nearest: r \(written by\)"):
        resolve_relation(named, "writen by")


def test_an_ambiguous_label_lists_candidates(named):
    with pytest.raises(QueryError, match=r"2 entity labels are 'Ulysses'.*e6 \(Ulysses\); e7 \(Ulysses\)"):
        resolve_entity(named, "Ulysses")
    with pytest.raises(QueryError, match=r"e1 \(Dune\); e2 \(dune\)"):
        resolve_entity(named, "DUNE")


def test_at_most_ten_candidates_are_listed():
    ids = [f"e{number:02d}" for number in range(13)]
    triples = pd.DataFrame({"head": ids, "relation": "r", "tail": "e00", "split": "train"})
    dataset = build_dataset(name="n", triples=triples, entities=pd.DataFrame({"id": ids, "label": "Same"}))
    with pytest.raises(QueryError, match="and 3 more") as error:
        resolve_entity(dataset, "same")
    assert str(error.value).count("(Same)") == 10


def test_unknown_names_get_the_nearest_quickly():
    ids = [f"dbr:Name_{number}" for number in range(100_000)]
    labels = [f"Name {number}" for number in range(100_000)]
    labels[54321] = "The Wheel of Time"
    triples = pd.DataFrame({"head": ids, "relation": "r", "tail": ids[0], "split": "train"})
    dataset = build_dataset(name="n", triples=triples, entities=pd.DataFrame({"id": ids, "label": labels}))
    start = time.process_time()
    with pytest.raises(QueryError, match=r"nearest: dbr:Name_54321 \(The Wheel of Time\)"):
        resolve_entity(dataset, "wheel of tim")
    assert time.process_time() - start < 2
    with pytest.raises(QueryError, match=r"with id or label 'ζζζ'\. A model knows"):
        resolve_entity(dataset, "ζζζ")
    with pytest.raises(QueryError, match="the entity is empty"):
        resolve_entity(dataset, " ")


def test_labels_from_ids():
    entities = {
        "dbr:Sophie's_World": "Sophie's World",
        "dbr:%22A%22_Is_for_Alibi": '"A" Is for Alibi',
        "http://dbpedia.org/resource/Caf%C3%A9": "Café",
        "http://www.example.org/a_b": "http://www.example.org/a_b",
        "dbr:": "dbr:",
        "m.0dyb1": "m.0dyb1",
        "100%_true": "100%_true",
    }
    assert readable_labels(pd.Series(list(entities))).tolist() == list(entities.values())
    relations = {
        "dbo:literaryGenre": "literary genre",
        "http://dbpedia.org/ontology/author": "author",
        "film.film.written_by": "written by",
        "film.actor.film": "actor film",
        "film.film_subject.film": "film subject film",
        "written_by": "written_by",
    }
    assert readable_relations(pd.Series(list(relations))).tolist() == list(relations.values())
    assert readable_relations(pd.Series(["plain"])).tolist() == ["plain"]
    assert readable_labels(pd.Series([], dtype=str)).tolist() == []
