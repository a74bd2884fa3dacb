"""The pipeline from raw files to a prepared dataset: every step, its counts, and the same bytes for the same seed."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from upgan.data.dataset import load_dataset
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.data.raw.source import RawSource, SourceFile
from upgan.errors import ConfigError, DataError

LOOSE = PrepareSettings(min_interactions=1, min_triples=1)
SHA = hashlib.sha256(b"").hexdigest()


def table(text, *columns):
    return pd.DataFrame([row.split() for row in text.split(", ") if row], columns=list(columns), dtype=str)


def source(triples, interactions="", links=None, labels="", **options):
    """A catalogue written as "head relation tail, ..."; interactions "user item", links "item entity"."""
    frame = table(triples, "head", "relation", "tail") if isinstance(triples, str) else triples
    return RawSource(
        name="books",
        format="tsv",
        triples=frame,
        interactions=table(interactions, "user", "item"),
        links=None if links is None else table(links, "item", "entity"),
        labels=table(labels, "id", "label"),
        kinds=table("b1 book", "id", "kind"),
        files=(SourceFile("triples.tsv", SHA, len(frame)),),
        **options,
    )


def random_source(seed, users=30, items=15, others=20):
    """A catalogue with a symmetric relation, a reverse pair, items far from users and entities with few triples."""
    rng = np.random.default_rng(seed)
    names = [f"b{number:02d}" for number in range(items)] + [f"e{number:02d}" for number in range(others)]
    by = {
        (names[h], "by", names[t]) for h, t in zip(rng.integers(0, items, 60), rng.integers(items, 35, 60), strict=True)
    }
    wrote = {(t, "wrote", h) for h, _, t in by}
    like = {(names[a], "like", names[b]) for a, b in rng.integers(0, len(names), (50, 2))}
    like |= {(t, "like", h) for h, _, t in sorted(like)[:30]}
    pairs = rng.integers(0, [users, items], (150, 2))
    return source(
        pd.DataFrame(sorted(by | wrote | like), columns=["head", "relation", "tail"]),
        ", ".join(f"u{user} {names[item]}" for user, item in pairs),
    )


def dropped(dataset):
    return {
        (entry["what"], entry["reason"].split(":")[0].split(" (")[0]): entry["count"]
        for entry in dataset.manifest["dropped"]
    }


def named(dataset, split):
    return {
        (dataset.entities[h], dataset.relations[r], dataset.entities[t]) for h, r, t in dataset.triples(split).tolist()
    }


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", [{}, {"keep_reverse": True}, {"symmetric": "random"}])
def test_what_holds_for_every_preparation(tmp_path, seed, options):
    settings = PrepareSettings(min_interactions=2, min_triples=2, split=(0.6, 0.2, 0.2), seed=seed, **options)
    dataset = prepare(random_source(seed), tmp_path / "out", settings)
    train = named(dataset, "train")
    rest = named(dataset, "valid") | named(dataset, "test")
    assert rest
    assert not train & rest
    assert {h for h, _, _ in train} | {t for _, _, t in train} == set(dataset.entities)
    assert {r for _, r, _ in train} == set(dataset.relations)
    mirrored = sum((t, r, h) in train and h != t for h, r, t in rest)
    partner = {"by": "wrote", "wrote": "by"}
    assert not [1 for h, r, t in rest if r in partner and (t, partner[r], h) in train]
    assert ("wrote" in dataset.relations) == bool(options.get("keep_reverse"))
    if "symmetric" in options:
        assert dataset.manifest["split"]["answers_mirrored_in_training"] == mirrored
    else:
        assert mirrored == dataset.manifest["split"]["answers_mirrored_in_training"] == 0
    assert set(dataset.items.tolist()) <= set(range(dataset.num_entities))
    assert load_dataset(tmp_path / "out").fingerprint == dataset.fingerprint


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_split(tmp_path):
    raw = random_source(1)
    shuffled = source(raw.triples.sample(frac=1, random_state=1))
    shuffled = RawSource(**{**raw.__dict__, "triples": shuffled.triples, "interactions": raw.interactions[::-1]})
    settings = PrepareSettings(min_interactions=2, min_triples=2)
    prepare(raw, tmp_path / "a", settings)
    prepare(shuffled, tmp_path / "deeper" / "b", settings)
    prepare(raw, tmp_path / "c", PrepareSettings(min_interactions=2, min_triples=2, seed=1))
    assert contents(tmp_path / "a") == contents(tmp_path / "deeper" / "b")
    assert contents(tmp_path / "a")["triples.parquet"] != contents(tmp_path / "c")["triples.parquet"]
    assert str(tmp_path) not in (tmp_path / "a" / "manifest.json").read_text()


def test_links_the_first_counts_items_merge_and_the_unlinked_go(tmp_path):
    raw = source(
        "b1 by a, b2 by a, b3 by a",
        "u i1, u i2, u i3, v i1, v i9, w i4",
        links="i1 b1, i1 b2, i2 b1, i3 b3, i4 nowhere, i1 b1",
    )
    dataset = prepare(raw, tmp_path / "out", PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0)))
    pairs = {(dataset.users[u], dataset.entities[i]) for u, i in dataset.interactions.tolist()}
    assert pairs == {("u", "b1"), ("u", "b3"), ("v", "b1")}
    assert dropped(dataset) == {
        ("links", "item linked before"): 1,
        ("items", "another item is linked to the same entity"): 1,
        ("items", "item without a link to an entity"): 1,
        ("interactions", "item without a link to an entity"): 1,
        ("interactions", "the same user and item again"): 1,
        ("interactions", "item that stands in no triple"): 1,
    }


def test_k_core_counts_items_outside_the_graph(tmp_path):
    """u's second item is in no triple: u still has two interactions when the k-core is taken."""
    raw = source("b1 by a, b2 by a", "u b1, u x, v b1, v x, w b2")
    dataset = prepare(raw, tmp_path / "out", PrepareSettings(min_interactions=2, min_triples=1, split=(1, 0, 0)))
    assert dataset.users == ["u", "v"]
    assert dropped(dataset)["interactions", "user or item with fewer than 2 interactions"] == 1
    assert dropped(dataset)["interactions", "item that stands in no triple"] == 2


def test_entities_far_from_every_item_go_but_not_where_nobody_interacts(tmp_path):
    chain = "b1 r a, a r c, c r d, d r e, x r y"
    near = PrepareSettings(min_interactions=1, min_triples=1, max_hops=2, split=(1, 0, 0))
    assert prepare(source(chain, "u b1"), tmp_path / "a", near).entities == ["a", "b1", "c"]
    assert len(prepare(source(chain), tmp_path / "b", near).entities) == 7


def test_entities_in_few_triples_go_with_their_interactions(tmp_path):
    raw = source("b1 r b2, b2 r b3, b3 r b1, b4 r b1", "u b1, u b4")
    dataset = prepare(raw, tmp_path / "out", PrepareSettings(min_interactions=1, min_triples=2, split=(1, 0, 0)))
    assert dataset.entities == ["b1", "b2", "b3"]
    assert len(dataset.interactions) == 1
    assert dropped(dataset)["triples", "entity in fewer than 2 triples"] == 1


def test_repeated_triples_keep_their_first_split(tmp_path):
    triples = table(
        "a r b test, a r b train, b r a train, c r a train, b s c train", "head", "relation", "tail", "split"
    )
    dataset = prepare(source(triples), tmp_path / "out", LOOSE)
    assert len(dataset.train) == 4
    assert dropped(dataset)["triples", "the same triple again"] == 1
    assert dataset.manifest["split"] == {"kept_from_source": 4, "drawn": 0, "answers_mirrored_in_training": 0}


def test_a_ready_made_split_that_leaks_is_kept_and_said(tmp_path):
    triples = table("a r b train, b r a test, c r a train, b r c valid", "head", "relation", "tail", "split")
    dataset = prepare(source(triples), tmp_path / "out", LOOSE)
    assert (len(dataset.train), len(dataset.valid), len(dataset.test)) == (2, 1, 1)
    assert dataset.manifest["split"]["answers_mirrored_in_training"] == 1


def test_labels_kinds_and_the_manifest(tmp_path):
    raw = source(
        "b1 dbo:literaryGenre dbr:Science_fiction, b2 dbo:literaryGenre dbr:Science_fiction",
        "u b1",
        labels="b1 Old, b1 New",
        simulated_users=True,
        dropped={"labels: the same row again": 2},
    )
    messages: list[str] = []
    settings = PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0))
    dataset = prepare(raw, tmp_path / "out", settings, progress=messages.append)
    assert dict(zip(dataset.entities, dataset.entity_labels, strict=True)) == {
        "b1": "New",
        "b2": "b2",
        "dbr:Science_fiction": "Science fiction",
    }
    assert dataset.entity_kinds == ["book", "", ""]
    assert dataset.relation_labels == ["literary genre"]
    manifest = dataset.manifest
    assert manifest["name"] == "books"
    assert manifest["sources"] == [{"name": "triples.tsv", "sha256": SHA, "rows": 2}]
    assert manifest["settings"]["split"] == [1.0, 0.0, 0.0]
    assert manifest["simulated_users"] is True
    assert {"what": "rows", "count": 2, "reason": "labels: the same row again"} in manifest["dropped"]
    assert manifest["relations"]["rule"]
    assert len(messages) >= 3


@pytest.mark.parametrize(
    ("raw", "settings", "part"),
    [
        (source("a r b"), PrepareSettings(min_triples=9), "fewer than 9 triples (min_triples)"),
        (source("a r b", "u a"), PrepareSettings(min_interactions=7), "fewer than 7 interactions (min_interactions)"),
        (source("a r b", "u x, u y"), LOOSE, "item that stands in no triple"),
        (
            source("a r b", "u x", links="i a"),
            LOOSE,
            "none of the 1 interactions is of a linked item (first item: 'x')",
        ),
        (source("b1 r b2, b2 r b3, b3 r b2, x r x", "u x"), PrepareSettings(1, 3, 4), "no triple is left"),
        (source(""), LOOSE, "no triple"),
        (source("a r b"), LOOSE, "no training triple"),
        (source(table("a r b dev", "head", "relation", "tail", "split")), LOOSE, "split 'dev'"),
    ],
)
def test_nothing_left_is_an_error_and_nothing_is_written(tmp_path, raw, settings, part):
    with pytest.raises(DataError) as error:
        prepare(raw, tmp_path / "out", settings)
    assert part in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_is_refused_before_any_work(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    messages: list[str] = []
    with pytest.raises(DataError, match="not overwritten"):
        prepare(source("a r b, b r c"), tmp_path, LOOSE, messages.append)
    assert messages == []


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"min_interactions": 0}, "min_interactions is 0; allowed: a whole number from 1"),
        ({"min_triples": 2.5}, "min_triples is 2.5"),
        ({"max_hops": True}, "max_hops is True"),
        ({"seed": -1}, "seed is -1; allowed: a whole number from 0"),
        ({"symmetric": "both"}, "symmetric is 'both'; allowed: together, random"),
        ({"split": (0.8, 0.1)}, "three shares"),
        ({"split": (0.8, 0.1, 0.2)}, "sum to 1"),
        ({"split": (0, 0.5, 0.5)}, "train above 0"),
        ({"split": "abc"}, "split is 'abc'"),
        ({"split": (float("nan"), 0.5, 0.5)}, "split is (nan"),
    ],
)
def test_settings_out_of_bounds(values, part):
    with pytest.raises(ConfigError) as error:
        PrepareSettings(**values)
    assert part in str(error.value)


def test_all_problems_of_settings_are_told_at_once():
    with pytest.raises(ConfigError, match=r"min_interactions is 0.*; max_hops is 0"):
        PrepareSettings(min_interactions=0, max_hops=0)
