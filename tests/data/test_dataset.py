"""Prepared datasets: written, loaded, copied, and refused where they do not fit together."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from upgan.data.dataset import KGDataset, build_dataset, copy_dataset, counts_of, load_dataset
from upgan.errors import DataError

FILES = ["entities.parquet", "interactions.parquet", "manifest.json", "relations.parquet", "triples.parquet"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same(one: KGDataset, other: KGDataset) -> bool:
    names = ("entities", "entity_labels", "entity_kinds", "relations", "relation_labels", "users", "fingerprint")
    arrays = ("train", "valid", "test", "interactions")
    return all(getattr(one, name) == getattr(other, name) for name in names) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays
    )


def rewrite(folder, key, change):
    """Replace a table by ``change`` of it, as somebody's own script would."""
    change(pd.read_parquet(folder / f"{key}.parquet")).to_parquet(folder / f"{key}.parquet", index=False)


def edit_manifest(folder, **values):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.update(values)
    kept = {key: value for key, value in manifest.items() if value is not None}
    (folder / "manifest.json").write_text(json.dumps(kept))


def refused(folder) -> str:
    with pytest.raises(DataError) as error:
        load_dataset(folder)
    return str(error.value)


def test_numbers_are_places_in_sorted_order(toy_dataset):
    assert toy_dataset.entities == sorted(toy_dataset.entities)
    assert toy_dataset.users == sorted(toy_dataset.users)
    assert toy_dataset.entity_index["b1"] == 2
    assert toy_dataset.relation_index == {"by": 0, "from": 1, "linked": 2}
    assert toy_dataset.user_index["u2"] == 1
    assert toy_dataset.train.tolist() == sorted(toy_dataset.train.tolist())
    assert toy_dataset.train.dtype == np.int64
    assert [2, 0, 0] in toy_dataset.train.tolist()
    assert toy_dataset.valid.tolist() == [[3, 2, 7]]
    assert toy_dataset.items.tolist() == [2, 3, 4]
    assert (toy_dataset.num_entities, toy_dataset.num_relations, toy_dataset.num_users) == (9, 3, 5)
    assert not toy_dataset.simulated_users
    assert np.array_equal(toy_dataset.triples("test"), toy_dataset.test)
    with pytest.raises(DataError, match="no split 'dev'; allowed: train, valid, test"):
        toy_dataset.triples("dev")
    with pytest.raises(ValueError, match="read-only"):
        toy_dataset.train[0, 0] = 1


def test_row_order_changes_nothing(toy_frames, toy_dataset):
    shuffled = {key: frame.sample(frac=1, random_state=1) for key, frame in toy_frames.items()}
    assert same(build_dataset(name="other name", **shuffled), toy_dataset)


@pytest.mark.parametrize("key", ["triples", "interactions", "entities", "relations"])
def test_the_fingerprint_sees_a_change_in_any_table(toy_frames, toy_dataset, key):
    if key == "triples":
        toy_frames[key].loc[0, "split"] = "valid"
    elif key == "interactions":
        toy_frames[key] = toy_frames[key].iloc[1:]
    else:
        toy_frames[key].loc[0, "label"] = "new"
    assert build_dataset(name="toy", **toy_frames).fingerprint != toy_dataset.fingerprint


def test_ids_and_labels_by_default(toy_frames):
    dataset = build_dataset(name="bare", triples=toy_frames["triples"])
    assert dataset.entity_labels == dataset.entities
    assert dataset.relation_labels == dataset.relations == ["by", "from", "linked"]
    assert set(dataset.entity_kinds) == {""}
    assert dataset.users == []
    assert dataset.interactions.shape == (0, 2)


def test_written_loaded_and_copied_are_the_same(toy_dataset, toy_folder, tmp_path):
    loaded = load_dataset(toy_folder)
    assert same(loaded, toy_dataset)
    assert loaded.path == toy_folder
    assert loaded.manifest["format_version"] == 1
    assert loaded.manifest["counts"] == counts_of(toy_dataset)
    assert loaded.manifest["fingerprint"] == toy_dataset.fingerprint
    assert sorted(contents(toy_folder)) == FILES
    copy_dataset(loaded, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(toy_folder)
    copy_dataset(loaded, toy_folder)
    assert contents(tmp_path / "copy") == contents(toy_folder)


def test_a_dataset_without_users_goes_to_disk_and_back(toy_frames, tmp_path):
    bare = build_dataset(name="bare", triples=toy_frames["triples"])
    copy_dataset(bare, tmp_path / "bare")
    assert same(load_dataset(tmp_path / "bare"), bare)


def test_write_dataset_keeps_the_manifest_it_is_given(toy_frames, tmp_path):
    manifest = {"simulated_users": True, "counts": {"users": -1}, "note": "x"}
    copy_dataset(build_dataset(name="n", manifest=manifest, **toy_frames), tmp_path / "d")
    dataset = load_dataset(tmp_path / "d")
    assert dataset.simulated_users
    assert dataset.manifest["note"] == "x"
    assert dataset.manifest["counts"]["users"] == 5
    assert dataset.name == "n"
    text = (tmp_path / "d" / "manifest.json").read_text()
    assert str(tmp_path) not in text


def test_only_prepared_datasets_are_replaced(toy_dataset, tmp_path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is a file"):
        copy_dataset(toy_dataset, tmp_path / "file")
    with pytest.raises(DataError, match="not a prepared dataset, so it is not overwritten"):
        copy_dataset(toy_dataset, tmp_path / "full")
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"
    copy_dataset(toy_dataset, tmp_path / "empty")
    assert load_dataset(tmp_path / "empty").num_users == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full"]


def test_files_of_another_writer_give_the_same_fingerprint(toy_folder):
    before = load_dataset(toy_folder).fingerprint
    for key in ("triples", "interactions", "entities", "relations"):
        table = pq.read_table(toy_folder / f"{key}.parquet")
        encoded = [column.dictionary_encode() for column in table.columns]
        pq.write_table(pa.table(encoded, table.column_names), toy_folder / f"{key}.parquet", compression="gzip")
    edit_manifest(toy_folder, fingerprint=None, counts=None)
    assert load_dataset(toy_folder).fingerprint == before


def test_folders_that_are_no_datasets(tmp_path, toy_folder):
    assert "no such folder" in refused(tmp_path / "nowhere")
    (tmp_path / "raw").mkdir()
    assert "upgan data prepare" in refused(tmp_path / "raw")
    for text, part in (
        ("{", "not readable as JSON"),
        ("[]", "does not hold a manifest"),
        ("{}", "format_version None"),
    ):
        (toy_folder / "manifest.json").write_text(text)
        assert part in refused(toy_folder)


def test_kinds_that_somebody_left_null(toy_folder):
    rewrite(toy_folder, "entities", lambda frame: frame.assign(kind=None))
    edit_manifest(toy_folder, fingerprint=None)
    assert set(load_dataset(toy_folder).entity_kinds) == {""}


@pytest.mark.parametrize("key", ["triples", "interactions", "entities", "relations"])
def test_a_missing_or_truncated_table(toy_folder, key):
    path = toy_folder / f"{key}.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    message = refused(toy_folder)
    assert f"{key}.parquet" in message
    assert "truncated" in message
    path.unlink()
    assert f"{key}.parquet is missing" in refused(toy_folder)


@pytest.mark.parametrize(
    ("key", "change", "parts"),
    [
        ("triples", lambda f: f.drop(columns="split"), ["triples.parquet", "split", "head, relation, tail"]),
        ("triples", lambda f: f.replace({"split": {"test": "dev"}}), ["triples.parquet, row", "'dev'", "train, valid"]),
        ("triples", lambda f: f.replace({"tail": {"c2": "zz"}}), ["tail 'zz'", "entities.parquet"]),
        ("triples", lambda f: f.replace({"relation": {"by": "BY"}}), ["relation 'BY'", "relations.parquet"]),
        ("triples", lambda f: f.replace({"head": {"b1": ""}}), ["triples.parquet, row 4", "head is empty"]),
        ("triples", lambda f: f.replace({"head": {"b1": None}}), ["triples.parquet, row 4", "head is empty"]),
        ("triples", lambda f: pd.concat([f, f[:1].assign(split="test")]), ["row 13", "earlier row", "one split, once"]),
        ("triples", lambda f: f[f["split"] != "train"], ["has no row of split 'train'"]),
        ("triples", lambda f: f.assign(head=range(len(f))), ["triples.parquet", "column head holds int64"]),
        ("interactions", lambda f: f.replace({"item": {"b3": "zz"}}), ["interactions.parquet, row", "item 'zz'"]),
        ("interactions", lambda f: pd.concat([f, f[:1]]), ["interactions.parquet, row 11", "earlier row"]),
        ("entities", lambda f: pd.concat([f, f[:1]]), ["entities.parquet, row 10", "'a1'", "unique"]),
        ("relations", lambda f: f.drop(columns="label"), ["relations.parquet", "label"]),
        ("interactions", lambda f: f[1:], ["manifest.json", "states 10 interactions", "hold 9"]),
        ("entities", lambda f: f.assign(kind="x"), ["fingerprint", "changed after preparation"]),
    ],
)
def test_tables_that_do_not_fit(toy_folder, key, change, parts):
    rewrite(toy_folder, key, change)
    message = refused(toy_folder)
    assert str(toy_folder) in message
    for part in parts:
        assert part in message, message


def test_a_dataset_of_another_format_version(toy_folder):
    edit_manifest(toy_folder, format_version=2)
    assert "format_version 2; this version of upgan reads 1" in refused(toy_folder)
