"""What-if, contrast, smallest set, baselines and limits, each against another way of getting the same numbers."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import upgan
from tests.attributed import dataset_of, integrated_gradients, score_at
from tests.conftest import toy_tables
from tests.explain.test_walks import draw_walks
from tests.oracles import random_facts
from tests.predict.toy import make_quality_run, make_run
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.data.marks import NO_TIME
from upgan.errors import QueryError
from upgan.explain.answering import Answering
from upgan.explain.results import Changes
from upgan.explain.what_if import Local, rebuilt, resolved
from upgan.graph.queries import QueryIndex
from upgan.model.discriminator import Discriminator
from upgan.systems.build import build_model


def answering_of(dataset, seed, *assignments):
    """Random weights in float64 on the whole of a dataset."""
    config = make_config("paper", assignments=["model.dim=3", "model.propagation.activation=tanh", *assignments])
    torch.manual_seed(seed)
    model = build_model(config, dataset).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    known = QueryIndex.build(dataset.train, dataset.num_entities, dataset.num_relations)
    return Answering(dataset, config, model.requires_grad_(False), dataset.train, dataset.interactions, known)


@pytest.fixture(scope="module")
def predictor(toy_dataset, tmp_path_factory):
    return upgan.load(make_run(tmp_path_factory.mktemp("paper") / "run", toy_dataset))


@pytest.fixture(scope="module")
def bilinear(toy_dataset, tmp_path_factory):
    return upgan.load(make_quality_run(tmp_path_factory.mktemp("quality") / "run", toy_dataset))


# What if -------------------------------------------------------------------------------------------------------------


@st.composite
def changed_worlds(draw):
    """A random layered world with one to four layers, and what is taken out of it and put in."""
    seed = draw(st.integers(0, 10**6))
    layers = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    users = draw(st.integers(2, 4))
    facts = random_facts(np.random.default_rng(seed), layers=(layers[0] + 1, *layers[1:]), users=users)
    dataset = dataset_of(facts)
    read, train = dataset.interactions.tolist(), dataset.train.tolist()
    without = draw(st.lists(st.sampled_from(dataset.users), max_size=2, unique=True))
    lost = draw(st.lists(st.sampled_from(read), max_size=2, unique_by=tuple))
    gone = draw(st.lists(st.sampled_from(train), max_size=3, unique_by=tuple))
    number = st.integers(0, dataset.num_entities - 1)
    new = draw(st.lists(st.tuples(st.integers(0, dataset.num_users - 1), number), max_size=2, unique=True))
    new = [pair for pair in new if list(pair) not in read]
    more = draw(st.lists(st.tuples(number, st.integers(0, dataset.num_relations - 1), number), max_size=2, unique=True))
    more = [triple for triple in more if list(triple) not in train and triple[0] != triple[2]]
    changes = Changes(
        tuple(without),
        tuple((dataset.users[u], dataset.entities[i]) for u, i in lost),
        tuple((dataset.entities[h], dataset.relations[r], dataset.entities[t]) for h, r, t in gone),
        tuple((dataset.users[u], dataset.entities[i]) for u, i in new),
        tuple((dataset.entities[h], dataset.relations[r], dataset.entities[t]) for h, r, t in more),
    )
    return dataset, changes, seed


@settings(deadline=None, max_examples=60)
@given(changed_worlds(), st.booleans())
def test_a_what_if_is_the_graph_built_without_what_was_taken_out(world, own_vectors):
    """Distances, weights, contributions and all scores; items that lose their last user, heads that no user reaches."""
    dataset, changes, seed = world
    answering = answering_of(dataset, seed, f"model.propagation.user_embedding={str(own_vectors).lower()}")
    edit = resolved(answering, changes)
    gone, lost = set(changes.remove_users), set(changes.remove_interactions)
    kept = [
        (u, i)
        for u, i in dataset.interactions.tolist()
        if dataset.users[u] not in gone and (dataset.users[u], dataset.entities[i]) not in lost
    ]
    kept += [(dataset.user_index[u], dataset.entity_index[i]) for u, i in changes.add_interactions]
    names = dataset.entities, dataset.relations
    facts = [
        triple
        for triple in dataset.train.tolist()
        if (names[0][triple[0]], names[1][triple[1]], names[0][triple[2]]) not in set(changes.remove_triples)
    ]
    facts += edit.added_triples.tolist()
    reads = np.array(sorted(kept), dtype=np.int64).reshape(-1, 2)
    again = answering.on(np.array(sorted(facts), dtype=np.int64).reshape(-1, 3), reads)
    local = Local(answering, answering.explainer(), edit)
    for head in range(dataset.num_entities):
        relation, answer = head % (2 * dataset.num_relations), (head + 2) % dataset.num_entities
        found, expected = (one.influence(head, relation, answer) for one in (local, again.explainer()))
        assert local.layer(head) == again.explainer().layer(head)
        assert found.score == pytest.approx(expected.score, abs=1e-10)
        told, true = ({s.id: (s.weight, s.contribution) for s in one.users} for one in (found, expected))
        assert told.keys() == true.keys()
        for user, values in told.items():
            assert values == pytest.approx(true[user], abs=1e-10)
        scores, true_scores = (one.scored(head, relation).scores for one in (local, again))
        torch.testing.assert_close(scores, true_scores, rtol=0, atol=1e-9)


def random_marks(count, seed):
    """Ratings and times, some of them missing; of some worlds there is none."""
    random = np.random.default_rng(seed)
    ratings = np.where(random.random(count) < 0.2, np.nan, random.integers(1, 6, count))
    times = np.where(random.random(count) < 0.2, NO_TIME, random.integers(0, 5, count))
    return {"ratings": ratings if seed % 3 else None, "times": times if seed % 4 else None}


def marks_by_name(answering, interactions):
    """The (M, 2) interactions' own ratings and times of the dataset, looked up one by one."""
    data = answering.dataset
    row = {tuple(pair): number for number, pair in enumerate(data.interactions.tolist())}
    rows = [row.get(tuple(pair)) for pair in interactions.tolist()]
    ratings = None if data.ratings is None else np.array([np.nan if r is None else data.ratings[r] for r in rows])
    times = None if data.times is None else np.array([NO_TIME if r is None else data.times[r] for r in rows])
    return {"ratings": ratings, "times": times}


@settings(deadline=None, max_examples=60)
@given(changed_worlds(), st.booleans())
def test_a_what_if_of_the_bilinear_score_is_the_graph_built_anew(world, all_rows):
    """Layers, evidence, weights, contributions and all scores, whether some rows are counted anew or everything is."""
    plain, changes, seed = world
    dataset = replace(plain, **random_marks(len(plain.interactions), seed))
    asked = ["model.score=bilinear", "model.co_interaction.neighbours=3", "model.co_interaction.counted=4"]
    answering = answering_of(dataset, seed, *asked, "fusion.enabled=true", "walks.enabled=true")
    draw_walks(answering.model.walks, seed, said=len(answering.graph.said))
    edit = resolved(answering, changes)
    reads = np.delete(dataset.interactions, edit.interactions, axis=0)
    reads = np.concatenate([reads, edit.added])
    reads = reads[np.lexsort(reads.T[::-1])].astype(np.int64)
    anew = replace(dataset, interactions=reads, **marks_by_name(answering, reads))
    train = np.concatenate([np.delete(dataset.train, edit.triples, axis=0), edit.added_triples])
    train = train[np.lexsort(train.T[::-1])]
    again = Answering(anew, answering.config, answering.model, train, reads, answering.known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("upgan.graph.cointeraction_update.WORTHWHILE", 0.0 if all_rows else 2.0)
        changed = rebuilt(answering, edit)
    for head in range(dataset.num_entities):
        relation, answer = head % (2 * dataset.num_relations), (head + 2) % dataset.num_entities
        found, expected = (one.influence(head, relation, answer) for one in (changed, again.explainer()))
        assert changed.layer(head) == again.explainer().layer(head)
        assert found.score == pytest.approx(expected.score, abs=1e-12)
        for one, other in ((found.target, expected.target), (found.answer, expected.answer)):
            np.testing.assert_array_equal(one.users, other.users)
            np.testing.assert_allclose(one.weight, other.weight, rtol=0, atol=1e-12)
            np.testing.assert_allclose(one.part, other.part, rtol=0, atol=1e-12)
        scores, true_scores = (one.scored(head, relation).scores for one in (changed, again))
        torch.testing.assert_close(scores, true_scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["predictor", "bilinear"])
def test_removing_a_user_is_a_dataset_without_it(form, request, tmp_path):
    """Another run folder, whose dataset never had the user's interactions, with the same weights."""
    predictor = request.getfixturevalue(form)
    frames = toy_tables()
    for user in ("u1", "u3"):
        found = predictor.what_if(head="b2", relation="by", answer="a1", changes=Changes(remove_users=(user,)), k=9)
        assert found.label == "weights frozen"
        rows = frames["interactions"]["user"] != user
        # The user stays in the numbering: what it had chosen is gone.
        data = predictor.dataset
        reads = frames["interactions"][rows]
        numbers = [(data.user_index[u], data.entity_index[i]) for u, i in reads.itertuples(index=False)]
        answering = predictor._answering
        again = answering.on(answering.triples, np.array(sorted(numbers), dtype=np.int64))
        standing = again.scored(data.entity_index["b2"], 0).standing(data.entity_index["a1"])
        assert found.after.score == pytest.approx(standing.score, abs=1e-5)
        assert found.after.rank == standing.rank
        assert found.before == answering.scored(data.entity_index["b2"], 0).standing(data.entity_index["a1"])
        assert user not in {share.id for share in found.users_after}
        assert [row.rank for row in found.candidates_after] == list(range(1, 10))
        json.dumps(found.to_dict(), allow_nan=False)


def test_changes_that_the_graph_does_not_allow_are_refused(predictor):
    def ask(**changes):
        return predictor.what_if(head="b1", relation="by", answer="a1", changes=Changes(**changes))

    with pytest.raises(QueryError, match="no user 'nobody'"):
        ask(remove_users=("nobody",))
    with pytest.raises(QueryError, match=r"'u4'.*'b1'.*not among"):
        ask(remove_interactions=(("u4", "b1"),))
    with pytest.raises(QueryError, match=r"fact \('b3', 'by', 'a1'\)"):
        ask(remove_triples=(("b3", "by", "a1"),))  # a test fact is no edge
    with pytest.raises(QueryError, match="there already"):
        ask(add_interactions=(("u1", "b1"),))
    with pytest.raises(QueryError, match="no user"):
        ask(add_interactions=(("new user", "b1"),))
    with pytest.raises(QueryError, match=r"fact \('b1', 'by', 'a1'\): the fact to add is there already"):
        ask(add_triples=(("b1", "by", "a1"),))
    assert ask(add_triples=(("b3", "by", "a1"),)).changes.add_triples == (("b3", "by", "a1"),), "a test fact is no edge"
    assert ask(remove_users=("u1",), add_interactions=(("u1", "b1"),)).changes.add_interactions == (("u1", "b1"),)


# Contrast ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", ["none", "mean"])
@pytest.mark.parametrize("form", ["predictor", "bilinear"])
def test_a_contrast_is_the_difference_of_two_explanations(form, baseline, request):
    predictor = request.getfixturevalue(form)
    for head in ("b2", "b3", "a1", "x"):
        for against in ("a2", "b1"):
            asked: Any = {"head": head, "relation": "linked"}
            found = predictor.contrast(**asked, answer="b3", against=against, baseline=baseline)
            ours, theirs = (predictor.explain(**asked, answer=answer, baseline=baseline) for answer in ("b3", against))
            mine = {share.id: share for share in ours.users}
            yours = {share.id: share for share in theirs.users}
            assert {user.id for user in found.users} == set(mine) == set(yours)
            for user in found.users:
                assert user.weight == mine[user.id].weight
                expected = mine[user.id].contribution - yours[user.id].contribution
                assert user.difference == pytest.approx(expected, abs=1e-12)
            assert abs(found.residual) < 1e-9
            gap = (ours.score - ours.baseline_score) - (theirs.score - theirs.baseline_score)
            assert found.difference == pytest.approx(gap, abs=1e-12)
            assert list(found.answer_users) == list(ours.answer_users)
            assert list(found.against_users) == list(theirs.answer_users)
            assert found.against_standing.rank == theirs.rank
            sizes = [abs(user.difference) for user in found.users]
            assert sizes == sorted(sizes, reverse=True)
            json.dumps(found.to_dict(), allow_nan=False)


def test_popularity_counts_who_chose_a_candidate_or_what_is_one_fact_away(predictor):
    """<a1, from, ?>: a1 stands on b1, b2, so u1, u2, u3, u5 reach it; by hand from the drawing in conftest."""
    found = predictor.contrast(head="a1", relation="from", answer="a2", against="b3")
    a2, b3 = found.popularity.answer, found.popularity.against
    # a2: nobody chooses an author; its books: b3 (u2 u3 u4 u5), cities have no readers. b3: u2 u3 u4 u5 chose it
    # themselves; one fact away are a2, b2 (u1 u2 u3) and s.
    assert (a2.interacted, a2.touched, a2.all_interacted, a2.all_touched) == (0, 3, 0, 4)
    assert (b3.interacted, b3.touched, b3.all_interacted, b3.all_touched) == (3, 4, 4, 5)
    told = {user.id: user for user in found.users}
    assert a2.weight == pytest.approx(sum(told[user].weight for user in ("u2", "u3", "u5")))
    assert a2.contribution == pytest.approx(sum(told[user].contribution for user in ("u2", "u3", "u5")))
    assert b3.contribution == pytest.approx(sum(user.contribution_against for user in told.values()))


def test_a_candidate_to_contrast_with_is_needed(predictor):
    with pytest.raises(QueryError, match="contrast"):
        predictor.contrast(head="b1", relation="by", answer="a1")


# The smallest set ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["predictor", "bilinear"])
def test_the_smallest_set_moves_the_rank_and_no_user_of_it_is_spare(form, request):
    predictor = request.getfixturevalue(form)
    found_one = 0
    for head in ("b1", "b2", "b3", "a1", "c1"):
        for relation in ("by", "from", "linked"):
            best = next(
                row for row in predictor.predict(head=head, relation=relation, k=9) if row["filtered_rank"] == 1
            )
            asked: Any = {"head": head, "relation": relation, "answer": best["id"]}
            found = predictor.smallest_set(**asked)

            def rank_without(users, asked=asked):
                return predictor.what_if(**asked, changes=Changes(remove_users=users)).after.filtered_rank

            if not found.found:
                everyone = {s.id for s in predictor.explain(**asked).users}
                assert rank_without(tuple(everyone)) <= 1 or form == "bilinear"
                assert found.after.filtered_rank <= 1
                assert found.reason
                continue
            found_one += 1
            assert rank_without(found.users) == found.after.filtered_rank > 1
            for user in found.users:
                assert rank_without(tuple(other for other in found.users if other != user)) == 1
            json.dumps(found.to_dict(), allow_nan=False)
    assert found_one > 2


# Baselines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_contributions_against_the_mean_user_are_integrated_gradients_from_there(seed):
    facts = random_facts(np.random.default_rng(seed), layers=(4, 3, 2))
    dataset = dataset_of(facts)
    answering = answering_of(dataset, seed)
    explainer, model = answering.explainer(), answering.precise()
    assert isinstance(model, Discriminator)
    vectors = explainer.propagated.semantic[0]
    mean = vectors.sum(dim=0) / len(vectors)
    for head, answer in ((0, 3), (5, 1), (8, 0)):
        users, weight = explainer.weights(head)
        influence = explainer.influence(head, 1, answer, baseline="mean", sort=None)
        assert abs(influence.residual) < 1e-9
        assert influence.score_baseline == pytest.approx(float(score_at(model, (head, 1, answer), mean)), abs=1e-9)
        # The line from the mean to p_h, moved to start at 0: b1 takes up what the mean adds to the hidden vector.
        shifted = copy.deepcopy(model)
        heads, relation = torch.tensor([head]), torch.tensor([1])
        there, zero = (model.hidden(heads, relation, p.unsqueeze(0))[0] for p in (mean, torch.zeros_like(mean)))
        with torch.no_grad():
            shifted.b1.add_(there - zero)
        expected = integrated_gradients(
            shifted, (head, 1, answer), torch.from_numpy(weight), vectors[torch.from_numpy(users)] - mean
        )
        np.testing.assert_allclose(influence.target.part, expected, rtol=0, atol=1e-8)


def test_the_mean_baseline_of_the_bilinear_score_is_complete(bilinear):
    for head, answer in (("b1", "b3"), ("b2", "a1"), ("a1", "b2"), ("c1", "x")):
        told = bilinear.explain(head=head, relation="by", answer=answer, baseline="mean")
        assert abs(told.residual) < 1e-9
        if told.users or told.answer_users:
            assert told.baseline_score != told.score_without_users
        assert told.to_dict()["baseline"] == "mean"


def test_sorting_by_contribution_orders_users_and_chooses_whose_paths_are_shown(predictor):
    told = predictor.explain(head="a1", relation="from", answer="c1", sort="contribution", top_users=2)
    sizes = [abs(share.contribution) for share in told.users]
    assert sizes == sorted(sizes, reverse=True)
    assert {path.nodes[0].id for path in told.paths} == {share.id for share in told.users[:2]}
    for name, value in (("baseline", "median"), ("sort", "name")):
        with pytest.raises(QueryError, match=value):
            predictor.explain(head="a1", relation="from", answer="c1", **{name: value})


# Chains --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["predictor", "bilinear"])
def test_chains_join_target_and_answer_at_a_user_over_true_edges(form, request):
    predictor = request.getfixturevalue(form)
    data = predictor.dataset
    true = {(data.entities[h], data.relations[r], data.entities[t]) for h, r, t in data.train.tolist()}
    read = {(data.users[u], data.entities[i]) for u, i in data.interactions.tolist()}
    told = predictor.explain(head="b2", relation="by", answer="a1", evidence_per_user=4, paths_per_user=3)
    assert told.chains
    for chain in told.chains:
        assert (chain.nodes[0].id, chain.nodes[-1].id) == ("b2", "a1")
        assert len(chain.numbers) == len(chain.relations) == len(chain.kinds) == len(chain.nodes) - 1
        for (a, b), relation in zip(zip(chain.nodes, chain.nodes[1:], strict=False), chain.relations, strict=True):
            if relation == "interacted":
                assert (a.id, b.id) in read or (b.id, a.id) in read
            else:
                bare = relation.removesuffix("⁻¹")
                assert (b.id, bare, a.id) in true if relation.endswith("⁻¹") else (a.id, bare, b.id) in true
    shown = {(path.nodes[0].id, path.alphas) for path in (*told.paths, *told.answer_paths)}
    for chain in told.chains:
        alphas = [n for n, kind in zip(chain.numbers, chain.kinds, strict=True) if kind == "alpha"]
        assert any(user == chain.user.id and sorted(alphas) == sorted(values) for user, values in shown)


# Limits --------------------------------------------------------------------------------------------------------------


def test_runs_without_user_weights_say_so_and_still_answer(toy_dataset, tmp_path):
    for name, assignment in (("distmult", "model_name=distmult"), ("off", "model.use_users=false")):
        run = upgan.load(make_run(tmp_path / name, toy_dataset, assignment))
        asked: Any = {"head": "b3", "relation": "by", "answer": "a1"}
        assert run.explain(**asked).limits
        assert run.contrast(**asked, against="a2").limits
        found = run.what_if(**asked, changes=Changes(remove_users=("u1",)))
        assert found.before == found.after
        assert not run.smallest_set(**asked).found


def test_a_fact_may_be_taken_out_where_there_are_no_users(toy_frames):
    toy_frames["interactions"] = toy_frames["interactions"][:0]
    answering = answering_of(build_dataset(name="toy", **toy_frames), 0)
    edit = resolved(answering, Changes(remove_triples=(("b1", "by", "a1"),)))
    assert rebuilt(answering, edit).influence(0, 0, 1).users == ()
