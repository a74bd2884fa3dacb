"""R-GCN, KGAT and NBFNet against independent forms: torch-geometric's layer, dense sums, paths one by one."""

from __future__ import annotations

import pytest
import torch

from upgan.config.settings import make_config
from upgan.graph.observed import Seen, seen_data, seen_triples
from upgan.graph.queries import QueryIndex
from upgan.systems.build import build_system
from upgan.systems.rgcn import RGCNLayer

MODELS = ("rgcn", "kgat", "nbfnet")


def make_system(dataset, model, *assignments):
    """A system in float64 on the toy catalogue, and what it saw."""
    config = make_config("paper", assignments=[f"model_name={model}", "model.dim=8", *assignments])
    seen = seen_data(dataset, config)
    torch.manual_seed(3)
    return build_system(config, seen).double(), seen


def both_ways(seen: Seen, shift: int) -> list[tuple[int, int, int]]:
    """Every triple as target <- source edges of a kind."""
    triples = seen.triples.tolist()
    return [(h, r, t) for h, r, t in triples] + [(t, r + shift, h) for h, r, t in triples]


def test_the_rgcn_layer_is_torch_geometrics(toy_dataset):
    nn = pytest.importorskip("torch_geometric.nn")
    system, seen = make_system(toy_dataset, "rgcn")
    layer = RGCNLayer(6, 8, 4).double()
    torch.nn.init.normal_(layer.bias)
    theirs = nn.RGCNConv(8, 8, 6, num_bases=4, aggr="mean").double()
    with torch.no_grad():
        theirs.weight.copy_(layer.basis)
        theirs.comp.copy_(layer.coefficient)
        theirs.root.copy_(layer.own)
        theirs.bias.copy_(layer.bias)
    edges = torch.tensor(both_ways(seen, 3))
    state = torch.randn(seen.num_entities, 8, dtype=torch.float64)
    expected = theirs(state, edges[:, [2, 0]].T, edges[:, 1])
    keep = system.edges.keep(None)
    found = layer(system.edges, system.edges.means(keep, torch.float64), state)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_kgats_attention_and_layer_are_the_dense_sums(toy_dataset):
    system, seen = make_system(toy_dataset, "kgat", "kgat.layers=1")
    shift = seen.num_relations + 1
    edges = both_ways(seen, shift)
    for user, item in seen.interactions.tolist():
        edges += [(user + seen.num_entities, shift - 1, item), (item, 2 * shift - 1, user + seen.num_entities)]
    vector, nodes = system.vector, len(system.vector)
    neighbours = torch.zeros_like(vector)
    for node in range(nodes):
        own = [edge for edge in edges if edge[0] == node]
        logits = [
            (vector[t] @ system.projection[r]) @ torch.tanh(vector[h] @ system.projection[r] + system.translation[r])
            for h, r, t in own
        ]
        if own:
            weight = torch.softmax(torch.stack(logits), 0)
            neighbours[node] = sum(w * vector[t] for w, (_, _, t) in zip(weight, own, strict=True))
    layer = system.layers[0]
    after = torch.nn.functional.leaky_relu(layer.added(vector + neighbours))
    after = after + torch.nn.functional.leaky_relu(layer.multiplied(vector * neighbours))
    expected = torch.cat([vector, after / after.norm(dim=1, keepdim=True)], dim=1)
    torch.testing.assert_close(system.encode(system.edges.keep(None)), expected, rtol=0, atol=1e-10)


def test_nbfnet_walks_edge_by_edge(toy_dataset):
    system, seen = make_system(toy_dataset, "nbfnet", "nbfnet.width=4", "nbfnet.layers=2")
    edges = both_ways(seen, seen.num_relations)
    for head, relation in ((2, 0), (7, 5)):
        query = system.query.weight[relation]
        start = torch.zeros(seen.num_entities, 4, dtype=torch.float64)
        start[head] = query
        state = start
        for layer in system.layers:
            weight = layer.relation(query).view(-1, 4)
            gathered = start.clone()
            for target, kind, source in edges:
                gathered[target] = gathered[target] + state[source] * weight[kind]
            state = torch.relu(layer.norm(layer.update(torch.cat([state, gathered], 1)))) + state
        expected = system.scorer(torch.cat([state, query.expand_as(state)], 1)).squeeze(1)
        found = system.answerer()(torch.tensor([head]), torch.tensor([relation]))[0]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("model", MODELS)
def test_masked_triples_are_as_if_they_had_never_been(toy_dataset, model):
    """Same weights, a graph built without the batch's triples: the same vectors or scores. And unmasked they differ."""
    system, seen = make_system(toy_dataset, model)
    masked = torch.tensor([0, 4, 7])
    rest = torch.ones(len(seen.triples), dtype=torch.bool)
    rest[masked] = False
    config = make_config("paper", assignments=[f"model_name={model}", "model.dim=8"])
    less = Seen(seen.num_entities, seen.num_relations, seen.num_users, seen.triples[rest], seen.interactions)
    other = build_system(config, less).double()
    other.load_state_dict(system.state_dict())

    def output(of, gone):
        if model == "nbfnet":
            return of.scores(torch.arange(9), torch.arange(9) % 6, gone)
        return of.encode(of.edges.keep(gone))

    torch.testing.assert_close(output(system, masked), output(other, None), rtol=0, atol=1e-12)
    assert not torch.allclose(output(system, None), output(other, None))


@pytest.mark.parametrize("model", MODELS)
def test_a_training_step_masks_its_own_triples(toy_dataset, model, monkeypatch):
    system, seen = make_system(toy_dataset, model)
    index = QueryIndex.build(seen.triples.numpy(), seen.num_entities, seen.num_relations)
    assert torch.equal(index.triples(), seen.triples)
    asked = []
    inner = system.edges.keep

    def keep(gone):
        asked.append(gone)
        return inner(gone)

    monkeypatch.setattr(system.edges, "keep", keep)
    rows = torch.tensor([1, 5])
    system.phase("training", index, torch.Generator().manual_seed(0)).step(rows)
    assert [part.tolist() for part in asked] == [[1, 5]]


@pytest.mark.parametrize("kind", ["cross_entropy", "cross_entropy_filtered", "bce"])
@pytest.mark.parametrize("model", ["rgcn", "kgat"])
def test_the_loss_is_the_one_that_is_chosen(toy_dataset, model, kind):
    still = [f"{model}.dropout=0", *(["rgcn.edge_dropout=0"] if model == "rgcn" else [])]
    system, seen = make_system(toy_dataset, model, f"{model}.loss={kind}", *still)
    index = QueryIndex.build(seen.triples.numpy(), seen.num_entities, seen.num_relations)
    rows = torch.tensor([1, 5, 6])
    table = system.encode(system.edges.keep(rows))[: seen.num_entities]
    asked = [(h, r, t) for h, r, t in seen.triples[rows].tolist()]
    asked += [(t, r + seen.num_relations, h) for h, r, t in asked]
    expected = torch.zeros(())
    for head, relation in dict.fromkeys(pair[:2] for pair in asked):
        scores = (table[head] * system.relation[relation]) @ table.T
        place = int(((index.heads == head) & (index.relations == relation)).nonzero())
        known = index.answers_of(torch.tensor([place]))[1].tolist()
        answers = [t for h, r, t in asked if (h, r) == (head, relation)]
        if kind == "bce":  # known answers that this step does not ask for are neither true nor false
            counts = [one for one in range(len(scores)) if one in answers or one not in known]
            truth = torch.tensor([float(one in answers) for one in counts], dtype=scores.dtype)
            logits = scores[counts]
            expected = expected + torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="sum")
            continue
        for answer in answers:
            others = [one for one in known if one != answer] if kind == "cross_entropy_filtered" else []
            left = [one for one in range(len(scores)) if one not in others]
            expected = expected + torch.logsumexp(scores[left], 0) - scores[answer]
    found = system.phase("training", index, torch.Generator().manual_seed(0)).step(rows)["loss"]
    assert float(found) == pytest.approx(float(expected.detach()) / len(asked), rel=1e-9)


def test_fewer_triples_are_fewer_edges(toy_dataset):
    system, seen = make_system(toy_dataset, "rgcn", "graph.triple_share=0.5")
    config = make_config("paper", assignments=["model_name=rgcn", "graph.triple_share=0.5"])
    assert len(system.edges.row) == 2 * len(seen.triples) == 2 * len(seen_triples(toy_dataset, config))
