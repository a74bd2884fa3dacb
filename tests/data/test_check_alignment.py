"""Whether items and entities fit together: on catalogues planted right and wrong, and on the real ones."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from tests.data.sources import FORMATS, write_source
from tests.planted import planted_catalogue
from upgan.data.check import check_source, interactions, prediction, swaps, titles, triples
from upgan.data.check.catalogue import of_source
from upgan.data.formats import read_sources


def judged(seed: int, **settings: object) -> interactions.Signal:
    catalogue = of_source(planted_catalogue(seed, **settings))  # type: ignore[arg-type]
    signal = interactions.compare_with_shuffled(catalogue, triples.relations_of(catalogue), seed, 5, lambda *_: None)
    assert signal is not None
    return signal


# The figures, against loops ----------------------------------------------------------------------------------------


def random_facts(seed: int) -> prediction.Facts:
    rng = np.random.default_rng(seed)
    chosen = sp.csr_matrix((rng.random((14, 9)) < 0.4).astype(float))
    has = sp.csr_matrix((rng.random((14, 12)) < 0.3).astype(float))
    return prediction.Facts(chosen, has, np.sort(rng.integers(0, 3, 12)), np.arange(14))


@pytest.mark.parametrize("seed", range(5))
def test_similarities_and_ranks_equal_those_of_loops(seed):
    facts = random_facts(seed)
    users, has = facts.chosen.toarray(), facts.has.toarray()
    places = np.array([1, 2, 5, 8, 13])
    weight = np.log1p(14 / np.maximum(users.sum(axis=0), 1))
    expected = {}
    for row, i in enumerate(places):
        score = np.zeros(12)
        for j in range(14):
            both = sum(weight[u] for u in range(9) if users[i, u] and users[j, u])
            own = [sum(weight[u] for u in range(9) if users[n, u]) for n in (i, j)]
            if j != i and both:
                score += (both / np.sqrt(own[0] * own[1])) ** 3 * has[j]
        for a in range(12):
            if has[i, a]:
                others = [b for b in range(12) if facts.group[b] == facts.group[a] and not has[i, b]]
                greater = sum(score[b] > score[a] + 1e-9 for b in others)
                equal = sum(abs(score[b] - score[a]) <= 1e-9 for b in others)
                expected[row, a] = 1 / (1 + greater + equal / 2)
    similar = prediction.similarities(facts.chosen, places)
    ranked = prediction.reciprocal_ranks(similar, facts.has, places, facts.group)
    got = {(row, a): rr for row, a, rr in ranked.itertuples(index=False)}
    assert got.keys() == expected.keys()
    assert got == pytest.approx(expected)


def test_similarities_keep_the_largest_and_do_not_depend_on_the_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    chosen = sp.csr_matrix((rng.random((60, 20)) < 0.5).astype(float))
    places = np.arange(0, 60, 2)
    whole = prediction.similarities(chosen, places)
    assert np.diff(whole.indptr).max() == prediction.NEIGHBOURS
    monkeypatch.setattr(prediction, "NEIGHBOURS", 59)
    dense = prediction.similarities(chosen, places).toarray()
    for row, kept in enumerate(whole.toarray()):
        assert sorted(kept[kept > 0]) == pytest.approx(sorted(dense[row])[-30:])
    monkeypatch.setattr(prediction, "NEIGHBOURS", 30)
    monkeypatch.setattr(prediction, "_PATHS_PER_BLOCK", 500)
    assert abs(prediction.similarities(chosen, places) - whole).max() < 1e-12


def test_a_swap_is_judged_as_by_loops(monkeypatch):
    facts = random_facts(3)
    users = np.asarray(facts.chosen.sum(axis=1)).ravel()
    places = np.arange(14)
    similar = prediction.similarities(facts.chosen, places)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    drawn = swaps._partners

    def partners(popularity, rng):
        pairs.append(drawn(popularity, rng))
        return pairs[-1]

    monkeypatch.setattr(swaps, "_partners", partners)
    result = swaps.swap_links(similar, facts.has, places, users, np.random.default_rng(0))
    assert result is not None
    weighed, near = swaps._weighed(facts.has).toarray(), similar.toarray()
    wins = []
    for first, second in zip(*pairs[0], strict=True):
        i, j = result.row[first], result.row[second]

        def fit(place, entity, apart=(i, j)):
            return sum(near[place, k] * weighed[entity] @ weighed[k] for k in range(14) if k not in apart)

        difference = fit(i, i) + fit(j, j) - fit(i, j) - fit(j, i)
        wins.append(0.5 if abs(difference) <= 1e-9 else float(difference > 0))
    assert result.agreement == pytest.approx(np.mean(wins))
    assert result.low < result.agreement < result.high


# Planted catalogues ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        ({}, "fine"),
        ({"wrong": 1.0}, "wrong"),
        ({"wrong": 1.0, "wrong_among": "popularity"}, "wrong"),
        ({"wrong": 0.5, "per_user": 40}, "doubtful"),
        ({"items": 60, "users": 40}, "cannot tell"),
        ({"taste": 0.0}, "cannot tell"),
        ({"taste": 0.0, "wrong": 1.0}, "cannot tell"),
        ({"per_user": 2, "users": 100}, "cannot tell"),
    ],
)
def test_planted_links_are_judged_as_planted(settings, verdict):
    signal = judged(1, **settings)
    assert signal.verdict == verdict, signal.reason


def test_relations_are_told_apart():
    signal = judged(2)
    above = {relation.relation: relation.above_chance for relation in signal.relations}
    assert above == {"author": True, "genre": True, "publisher": False}
    assert all(relation.low <= relation.difference <= relation.high for relation in signal.relations)
    assert signal.to_dict()["relations"][0]["above_chance"] is True


@pytest.mark.slow
def test_false_alarms_are_rare(monkeypatch):
    """24 catalogues of each kind: right links are never called wrong, wrong ones never fine."""
    monkeypatch.setattr(interactions, "SHUFFLES", 4)
    monkeypatch.setattr(interactions, "RESAMPLES", 100)
    for taste in (0.0, 0.3, 0.5, 0.8):
        right = Counter(judged(seed, taste=taste).verdict for seed in range(24))
        wrong = Counter(judged(seed, taste=taste, wrong=1.0).verdict for seed in range(24))
        assert right["wrong"] == right["doubtful"] == 0, (taste, right)
        assert wrong["fine"] == wrong["doubtful"] == 0, (taste, wrong)
        if taste >= 0.5:
            assert right["fine"] >= 22, (taste, right)
            assert wrong["wrong"] >= 16, (taste, wrong)


# Titles --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Usual Suspects, The", "The Usual Suspects (1995)"),
        ("Misérables, Les (1995)", "Les Miserables"),
        ("Seven (Se7en)", "Se7en"),
        ("Aparajito", "Unvanquished, The (Aparajito) (1957)"),
        ("M*A*S*H", "MASH"),
        ("Star Wars", "Star Wars: Episode IV – A New Hope"),
        ("Wallace & Gromit: The Wrong Trousers", "Wallace and Gromit The Wrong Trousers"),
        ("Smørrebrød", "Smorrebrod"),
        ("Schindler's List", "Schindlers List"),
    ],
)
def test_titles_that_mean_the_same_agree(title, name):
    assert agreement([title], [name]).agree == 1


@pytest.mark.parametrize(
    ("title", "name"),
    [("Titanic", "The Swan Princess"), ("Jaws", "Jaws of Life"), ("Babe", "Baby Boom"), ("(1995)", "x")],
)
def test_titles_of_different_things_do_not(title, name):
    found = agreement([title], [name])
    assert found.agree == 0
    assert found.disagreeing == (("i0", title, "b0", name),)


def agreement(given: list[str], names: list[str]) -> titles.TitleAgreement:
    catalogue = of_source(planted_catalogue(0, items=max(len(given), 30), users=20))
    object.__setattr__(
        catalogue, "titles", pd.DataFrame({"item": [f"i{n}" for n in range(len(given))], "title": given})
    )
    catalogue.links["entity"] = catalogue.links["entity"].str.replace("e", "b")  # type: ignore[index]
    catalogue.entities[:] = [str(name).replace("e", "b", 1) for name in catalogue.entities]
    table = pd.DataFrame({"id": [f"b{n}" for n in range(len(names))], "label": names})
    found = titles.compare_titles(catalogue, table, 5, 0)
    assert found is not None
    return found


@pytest.mark.parametrize(("right", "verdict"), [(30, "fine"), (0, "wrong"), (15, "doubtful")])
def test_the_share_that_agrees_decides(right, verdict):
    given = [f"The tale of number {n}th {'abcdefghij'[n % 10] * 5}" for n in range(30)]
    # Not to the letter: names that are, come from the same list.
    names = [title.upper() for title in given[:right]] + [f"Something {chr(97 + n) * 7}" for n in range(right, 30)]
    found = agreement(given, names)
    assert (found.verdict, found.agree, found.compared) == (verdict, right, 30)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= right / 30 <= found.high


def test_few_titles_or_names_made_of_them_tell_nothing():
    assert agreement(["Alien"] * 5, ["Aliens"] * 5).verdict == "cannot tell"
    same = [f"Film {n}" for n in range(30)]
    assert agreement(same, same).verdict == "cannot tell"


def test_readers_hand_on_the_titles_of_items(tmp_path):
    source = read_sources([write_source(tmp_path / "d", FORMATS["recbole"])])
    assert dict(source.titles.itertuples(index=False)) == {"1": "Alien", "2": "Brazil", "3": "Cube"}
    assert not len(read_sources([write_source(tmp_path / "t", FORMATS["tsv"])]).titles)


# The real catalogues -------------------------------------------------------------------------------------------------


@pytest.fixture
def published(shared_data, tmp_path) -> Path:
    """ml-100k with the link file as it was published."""
    folder = Path(tmp_path) / "ml-100k"
    folder.mkdir()
    for path in (shared_data / "ml-100k").iterdir():
        if path.suffix in (".kg", ".inter", ".item"):
            shutil.copyfile(path, folder / path.name)
    shutil.copyfile(shared_data / "ml-100k" / "ml-100k.link.published", folder / "ml-100k.link")
    return folder


@pytest.mark.real_data
def test_the_published_links_of_ml_100k_are_wrong(shared_data, published):
    names = shared_data / "freebase-names" / "names.tsv"
    report = check_source([published], labels=[names])
    assert report.alignment["verdict"] == "links are wrong"
    assert report.alignment["titles"]["verdict"] == "wrong"
    assert report.alignment["titles"]["share"] < 0.01
    assert report.alignment["interactions"]["verdict"] == "wrong"
    assert {finding.code for finding in report.of("error")} == {"alignment-titles", "alignment-interactions"}


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ml-100k", "lastfm", "librarything"])
def test_the_links_of_the_three_catalogues_are_fine(name, shared_data):
    labels = [shared_data / "freebase-names" / "names.tsv"] if name == "ml-100k" else []
    report = check_source([shared_data / name], labels=labels)
    assert report.alignment["verdict"] == "links look fine"
    assert report.alignment["interactions"]["mrr_ratio"] > 2
    assert not report.of("error")
    assert report.finding("duplicate-relations").count == (name == "lastfm")  # type: ignore[union-attr]
    assert report.finding("reverse-relations").count == {"ml-100k": 10, "lastfm": 0, "librarything": 1}[name]  # type: ignore[union-attr]


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_the_verdicts_do_not_hang_on_the_seed(seed, shared_data, published):
    expected = {published: "wrong"} | {shared_data / name: "fine" for name in ("ml-100k", "lastfm", "librarything")}
    for path, verdict in expected.items():
        assert check_source([path], seed=seed).alignment["interactions"]["verdict"] == verdict
