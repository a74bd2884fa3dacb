"""Vectors with their ids: what a file holds is what the scores are made of, and each says whose it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import upgan
from tests.command_line import here, refused
from tests.ui.made import make_run
from upgan.errors import QueryError

FEIST, MAGICIAN = "author:feist", "book:magician"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("vectors")
    for model in ("upgan", "distmult", "complex", "nbfnet", "kgat"):
        make_run(root / model, model=model, labels={FEIST: "=HYPERLINK(1)"})
    return root


def read(path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",")


def of(table: pd.DataFrame, kind: str) -> tuple[list[str], np.ndarray]:
    """Ids and numbers of one kind."""
    rows = table[table["of"] == kind]
    return rows["id"].tolist(), rows.filter(regex=r"^v\d+$").dropna(axis=1).to_numpy(np.float64)


@pytest.mark.parametrize("ending", [".tsv", ".csv", ".parquet"])
def test_distmult_scores_are_computed_from_the_file_alone(runs, tmp_path, ending):
    done = here("vectors", runs / "distmult", "--out", tmp_path / f"v{ending}")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "18 of entity: DistMult: an entity's own learned vector" in done.stderr
    table = read(tmp_path / f"v{ending}")
    entities, vectors = of(table, "entity")
    relations, other = of(table, "relation")
    predictor = upgan.load(runs / "distmult")
    assert entities == predictor.entities
    assert relations == [*predictor.relations, *(f"{name}⁻¹" for name in predictor.relations)]
    head, relation = vectors[entities.index(MAGICIAN)], other[relations.index("author")]
    expected = predictor.score_tails([MAGICIAN], ["author"])[0].numpy()
    np.testing.assert_allclose(vectors @ (head * relation), expected, rtol=1e-5, atol=1e-6)
    # <?, author, Feist> is asked as <Feist, author⁻¹, ?>.
    asked, backwards = vectors[entities.index(FEIST)], other[relations.index("author⁻¹")]
    expected = predictor.score_heads(["author"], [FEIST])[0].numpy()
    np.testing.assert_allclose(vectors @ (asked * backwards), expected, rtol=1e-5, atol=1e-6)
    label = table.set_index("id").loc[FEIST, "label"]
    assert label == ("=HYPERLINK(1)" if ending == ".parquet" else "'=HYPERLINK(1)")


def test_complex_has_its_real_parts_first(runs):
    predictor = upgan.load(runs / "complex")
    table = predictor.vectors()
    assert "first half" in table.attrs["about"]["entity"]
    entities, vectors = of(table, "entity")
    relations, other = of(table, "relation")

    def numbers(half: np.ndarray) -> np.ndarray:
        middle = half.shape[-1] // 2
        return half[..., :middle] + 1j * half[..., middle:]

    asked = numbers(vectors[entities.index(MAGICIAN)]) * numbers(other[relations.index("author")])
    expected = predictor.score_tails([MAGICIAN], ["author"])[0].numpy()
    np.testing.assert_allclose((asked * numbers(vectors).conj()).sum(1).real, expected, rtol=1e-5, atol=1e-6)


def test_every_kind_of_vector_says_what_it_is(runs):
    for model in ("upgan", "kgat"):
        table = upgan.load(runs / model).vectors()
        assert list(table.columns[:4]) == ["of", "id", "label", "v0"]
        assert set(table["of"]) == set(table.attrs["about"])
        assert of(table, "entity")[0] == upgan.load(runs / model).entities


def test_what_cannot_be_written_is_refused(runs, tmp_path):
    with pytest.raises(QueryError, match="NBFNet learns no vectors of entities"):
        upgan.load(runs / "nbfnet").vectors()
    refused(here("vectors", runs / "nbfnet", "--out", tmp_path / "v.tsv"), "NBFNet learns no vectors")
    refused(here("vectors", runs / "upgan", "--out", tmp_path / "v.npy"), "v.npy", ".csv, .tsv, .parquet")
    assert list(tmp_path.iterdir()) == []
