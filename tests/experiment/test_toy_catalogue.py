"""The drawing in conftest.py is what the fixtures build."""

from __future__ import annotations

from upgan.data.dataset import load_dataset
from upgan.graph.layered import UNREACHABLE, build_graph


def test_numbers_are_places_in_sorted_order(toy_dataset):
    assert toy_dataset.entities == ["a1", "a2", "b1", "b2", "b3", "c1", "c2", "s", "x"]
    assert toy_dataset.relations == ["by", "from", "linked"]
    assert [len(toy_dataset.triples(split)) for split in ("train", "valid", "test")] == [9, 1, 2]
    assert len(toy_dataset.interactions) == 10


def test_layers_are_as_drawn(toy_dataset):
    graph = build_graph(
        toy_dataset.train,
        toy_dataset.interactions,
        toy_dataset.num_entities,
        toy_dataset.num_users,
        toy_dataset.num_relations,
    )
    names = [*toy_dataset.entities, *toy_dataset.users]
    layers = [[names[node] for node in layer.tolist()] for layer in graph.layers]
    assert layers == [["u1", "u2", "u3", "u4", "u5"], ["b1", "b2", "b3"], ["a1", "a2", "s"], ["c1", "c2"]]
    assert graph.distance[toy_dataset.entity_index["x"]] == UNREACHABLE


def test_the_folder_holds_the_same(toy_dataset, toy_folder):
    assert load_dataset(toy_folder).fingerprint == toy_dataset.fingerprint
