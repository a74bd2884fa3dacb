"""R-GCN, KGAT and NBFNet against independent forms: torch-geometric's layer, dense sums, paths one by one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import torch

from tests.runs import victims
from tests.runs.conftest import untimed
from upgan.config import make_config
from upgan.queries import QueryIndex
from upgan.seen import seen_data, seen_triples
from upgan.systems.base import Seen
from upgan.systems.build import build_system
from upgan.systems.rgcn import RGCNLayer

MODELS = ("rgcn", "kgat", "nbfnet")


def make_system(dataset, model, *assignments):
    """A system in float64 on the toy catalogue, and what it saw."""
    config = make_config(assignments=[f"model_name={model}", "model.dim=8", *assignments])
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
    config = make_config(assignments=[f"model_name={model}", "model.dim=8"])
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
    system.learning("training", index, torch.Generator().manual_seed(0)).step(rows)
    assert [part.tolist() for part in asked] == [[1, 5]]


def run_cli(*arguments):
    done = subprocess.run([sys.executable, "-m", "upgan", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "model", ["kgat", *(pytest.param(name, marks=pytest.mark.slow) for name in ("rgcn", "nbfnet"))]
)
def test_the_command_line_from_training_to_explanation(toy_folder, tmp_path, model):
    """Same seed, same bytes; a loaded run scores as the trained one did, on a share of the triples too."""
    train = ["train", toy_folder, "--model", model, "--set=model.dim=8", f"--set={model}.epochs=3", "--set=threads=1"]
    train.append("--set=graph.triple_share=0.8")
    for run in ("first", "second"):
        run_cli(*train, "--run", tmp_path / run)
    first, second = ((tmp_path / run / "model.safetensors").read_bytes() for run in ("first", "second"))
    assert first == second
    trained = json.loads((tmp_path / "first" / "metrics.json").read_text())
    evaluated = json.loads(run_cli("evaluate", tmp_path / "first", "--json"))
    assert (evaluated["mrr"], evaluated["mr"]) == (trained["mrr"], trained["mr"])
    assert run_cli("predict", tmp_path / "first", "--head", "b1", "--relation", "by")
    assert run_cli("explain", tmp_path / "first", "--head", "b1", "--relation", "by", "--answer", "a1")


def test_fewer_triples_are_fewer_edges(toy_dataset):
    system, seen = make_system(toy_dataset, "rgcn", "graph.triple_share=0.5")
    config = make_config(assignments=["model_name=rgcn", "graph.triple_share=0.5"])
    assert len(system.edges.row) == 2 * len(seen.triples) == 2 * len(seen_triples(toy_dataset, config))


def test_a_killed_training_goes_on_exactly(toy_folder, tmp_path):
    """KGAT draws batches, dropout and BPR's items at random: all of it is taken up where it was."""
    settings = "model.dim=8 kgat.epochs=3 kgat.batch=3 kgat.bpr=0.5 kgat.eval_every=1 threads=1 checkpoint_seconds=0"
    train = ["train", toy_folder, "--model", "kgat", "--force", *(f"--set={part}" for part in settings.split())]
    log, whole, run = tmp_path / "log", tmp_path / "whole", tmp_path / "run"
    assert victims.finish([*train, "--run", whole], log) == 0, log.read_text()
    assert victims.finish([*train, "--run", run], log, ("step training", 5), every_step=True) == -signal.SIGKILL
    assert victims.finish(["resume", run, "--force"], log) == 0, log.read_text()
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    ends = [untimed(json.loads((folder / "metrics.json").read_text())) for folder in (run, whole)]
    assert ends[0] == ends[1]
