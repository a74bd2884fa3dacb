"""Generated datasets: their sizes, that taste is planted in them, and that nothing held out can be read off."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tests.command_line import upgan
from upgan.data.dataset import load_dataset
from upgan.data.describe import describe
from upgan.data.synth.generate import generate
from upgan.data.synth.graph import FEWEST
from upgan.data.synth.schema import DOMAINS, load_schema
from upgan.errors import ConfigError

#: The paper's Table 1.
TABLE_1 = {
    "movie": (61_859, 17_568, 9_908_778, 56_789, 47, 953_598),
    "music": (57_976, 55_431, 2_605_262, 108_930, 45, 914_842),
    "book": (75_639, 22_072, 831_130, 79_682, 38, 400_787),
}
SMALL = {"movie": 0.05, "music": 0.05, "book": 0.1}


@pytest.fixture(scope="module", params=DOMAINS)
def small(request):
    return request.param, generate(request.param, SMALL[request.param], seed=3)


@pytest.fixture(scope="module")
def book():
    return generate("book", 0.2, seed=1)


def table_of(dataset):
    found = describe(dataset)
    return found.users, found.items, found.interactions, found.entities, found.relations, found.triples


def test_the_sizes_are_those_of_table_1_times_the_scale(small):
    domain, dataset = small
    wanted = np.array(TABLE_1[domain], dtype=float) * SMALL[domain]
    wanted[4] = TABLE_1[domain][4]
    np.testing.assert_allclose(table_of(dataset), wanted, rtol=0.02)
    shares = np.array([len(dataset.train), len(dataset.valid), len(dataset.test)]) / len(dataset.train)
    np.testing.assert_allclose(shares, [1, 1 / 8, 1 / 8], rtol=0.03)
    assert dataset.simulated_users


def test_nothing_held_out_can_be_read_off_training(small):
    _, dataset = small
    train = {tuple(row) for row in dataset.train.tolist()}
    rest = [tuple(row) for row in np.concatenate([dataset.valid, dataset.test]).tolist()]
    assert len(train | set(rest)) == len(train) + len(rest) == len(dataset.train) + len(rest)
    assert not any((t, r, h) in train for h, r, t in rest)
    assert all(h != t for h, _, t in [*train, *rest])
    known = set(np.unique(dataset.train[:, [0, 2]]).tolist())
    assert known == set(range(dataset.num_entities)) >= {h for h, _, _ in rest} | {t for _, _, t in rest}
    # No relation repeats or reverses another by the rule of preparation, which would have dropped one.
    pairs = {r: {(h, t) for h, s, t in [*train, *rest] if s == r} for r in range(dataset.num_relations)}
    for a, first in pairs.items():
        for b, second in pairs.items():
            if a < b:
                turned = {(t, h) for h, t in second}
                assert len(first & second) < 0.9 * min(len(first), len(second))
                assert len(first & turned) < 0.5 * min(len(first), len(second))


def test_layers_degrees_and_popularity_look_like_a_catalogue(small):
    domain, dataset = small
    found = describe(dataset)
    # Users, items and four hops of entities; the split may push a few farther out or cut them off.
    assert set(found.layers) >= {0, 1, 2, 3, 4}
    assert found.layers[1] == found.items
    assert found.unreachable + sum(count for layer, count in found.layers.items() if layer > 5) < 0.01 * found.entities
    assert found.degree_quantiles["50"] >= FEWEST
    assert found.degree_quantiles["100"] > 15 * found.degree_quantiles["50"]
    assert found.interactions_per_item["100"] > 5 * found.interactions_per_item["50"]
    assert found.interactions_per_user["0"] >= 1
    rows = pd.DataFrame(np.concatenate([dataset.train, dataset.valid, dataset.test]), columns=["h", "r", "t"])
    most_tails = rows.groupby(["r", "h"]).size().groupby("r").max()
    most_heads = rows.groupby(["r", "t"]).size().groupby("r").max()
    for number, relation in enumerate(load_schema(domain, SMALL[domain]).relations):
        cardinality = relation.cardinality
        assert dataset.relation_labels[number] == relation.label
        assert (most_tails[number] == 1) == (cardinality in ("N-1", "1-1")) or cardinality == "1-N"
        assert most_heads[number] == 1 or cardinality not in ("1-N", "1-1")


def co_interaction_mrr(dataset, relation, interactions, queries=400):
    """How well the items that share users with an item tell its tails: filtered MRR, ties at their mean rank."""
    rows = np.concatenate([dataset.train, dataset.valid, dataset.test])
    rows = rows[rows[:, 1] == dataset.relations.index(relation)]
    rows = np.random.default_rng(0).permutation(rows)
    size = (dataset.num_users, dataset.num_entities)
    chose = sparse.csr_matrix((np.ones(len(interactions)), (interactions[:, 0], interactions[:, 1])), shape=size)
    chose = chose @ sparse.diags(np.maximum(np.asarray(chose.sum(axis=0)).ravel(), 1) ** -0.5)
    holds = sparse.csr_matrix((np.ones(len(rows)), (rows[:, 0], rows[:, 2])), shape=(size[1], size[1]))
    heads, tails = rows[:queries, 0], rows[:queries, 2]
    alike = (chose.T.tocsr()[heads] @ chose).toarray()
    alike[np.arange(len(heads)), heads] = 0
    scores = alike @ holds[:, np.unique(rows[:, 2])].toarray()
    mine = scores[np.arange(len(heads)), np.searchsorted(np.unique(rows[:, 2]), tails)]
    scores[holds[heads][:, np.unique(rows[:, 2])].toarray() > 0] = -1
    above, equal = (scores > mine[:, None]).sum(axis=1), (scores == mine[:, None]).sum(axis=1)
    return float((1 / (1 + above + equal / 2)).mean())


# What the real sets show (Last.FM, LibraryThing): authors tell most, genres least.
@pytest.mark.parametrize(("relation", "factor"), [("author", 3), ("series", 3), ("publisher", 1.5), ("genre", 1.5)])
def test_who_chose_an_item_tells_its_facts_and_shuffled_choices_do_not(relation, factor, book):
    shuffled = book.interactions.copy()
    shuffled[:, 1] = np.random.default_rng(0).permutation(shuffled[:, 1])
    real = co_interaction_mrr(book, relation, book.interactions)
    assert real > factor * co_interaction_mrr(book, relation, shuffled)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        made = upgan("data", "synth", "--like", "book", "--scale", "0.02", "--seed", seed, "--out", tmp_path / name)
        assert made.returncode == 0, made.stderr
        assert made.stdout == ""
    for file in ("triples", "interactions", "entities"):
        first, again, other = ((tmp_path / name / f"{file}.parquet").read_bytes() for name in "abc")
        assert first == again != other
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()
    dataset = load_dataset(tmp_path / "a")
    assert dataset.fingerprint == generate("book", 0.02, seed=5).fingerprint
    assert dataset.entities == sorted(dataset.entities)
    assert len(set(dataset.entity_labels)) > 0.9 * dataset.num_entities


def test_raw_files_are_prepared_to_the_same_size_with_their_traps_found(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    assert upgan("data", "synth", "--like", "book", "--scale", "0.05", "--raw", "--out", raw).returncode == 0
    assert sorted(path.name for path in raw.iterdir()) == [
        f"{name}.tsv" for name in ("interactions", "kinds", "labels", "links", "triples")
    ]
    prepared = upgan("data", "prepare", raw, "--out", out)
    assert prepared.returncode == 0, prepared.stderr
    dataset, straight = load_dataset(out), generate("book", 0.05)
    np.testing.assert_allclose(table_of(dataset), table_of(straight), rtol=0.02)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["relations"]["dropped"] == [
        name for name in manifest["relations"]["dropped"] if name.startswith("reverse_of_")
    ]
    assert len(manifest["relations"]["dropped"]) == 1
    assert any(entry["reason"] == "item without a link to an entity" for entry in manifest["dropped"])


def test_what_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="choose one of movie, music, book"):
        generate("opera")
    for scale in (0.0, -1.0, 100.0, float("nan")):
        with pytest.raises(ConfigError, match=r"from 0\.01 to 20"):
            generate("book", scale)
    (tmp_path / "thesis.txt").write_text("precious")
    for options in ((), ("--raw",)):
        refused = upgan("data", "synth", "--like", "book", "--scale", "0.01", "--out", tmp_path, *options)
        assert refused.returncode == 2
        assert "give another --out" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("domain", DOMAINS)
def test_scale_1_in_a_minute_and_3_gb(tmp_path, domain):
    """The child's CPU time, as the wall clock tells what else the machine does."""
    code = (
        "import resource, sys; from upgan.cli.main import run\n"
        "code = run(sys.argv[1:]); used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6)"
    )
    child = [sys.executable, "-c", code, "data", "synth", "--like", domain, "--out", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(child, capture_output=True, text=True, timeout=600, check=True, env=environment)
    code_, seconds, gigabytes = map(float, done.stdout.split())
    assert code_ == 0
    assert seconds <= 60
    assert gigabytes <= 3
    np.testing.assert_allclose(table_of(load_dataset(tmp_path / "out")), TABLE_1[domain], rtol=0.02)
