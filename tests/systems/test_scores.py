"""Scores of the compared systems on the same weights as PyKEEN's models, or as a dense computation of the equation."""

from __future__ import annotations

import pykeen.models
import pytest
import torch
from pykeen.triples import CoreTriplesFactory
from torch.nn import functional

from upgan.config.settings import make_config
from upgan.errors import ConfigError
from upgan.graph.observed import Seen
from upgan.model.factorisation import Factorisation
from upgan.objectives.losses import one_to_n
from upgan.systems.build import build_system
from upgan.systems.one_to_n import smoothing_term

ENTITIES, RELATIONS, DIM = 23, 3, 20
SEEN = Seen(ENTITIES, RELATIONS, 0, torch.empty(0, 3, dtype=torch.long), torch.empty(0, 2, dtype=torch.long))
HEADS = torch.arange(ENTITIES).repeat_interleave(RELATIONS)
FORWARD = torch.arange(RELATIONS).repeat(ENTITIES)
ASKED = torch.stack([HEADS, FORWARD], dim=1)


def theirs(name, *, inverse=False, **settings):
    """PyKEEN's model on as many entities and relations, without dropout."""
    factory = CoreTriplesFactory.create(
        torch.tensor([[0, 0, 1]]), num_entities=ENTITIES, num_relations=RELATIONS, create_inverse_triples=inverse
    )
    model = getattr(pykeen.models, name)(
        triples_factory=factory, embedding_dim=DIM, random_seed=0, loss="crossentropy", **settings
    )
    return model.eval()


def embedding(representation):
    return representation._embeddings.weight.detach()


def halves(representation):
    """(N, K) complex numbers of PyKEEN -> (N, 2K) [re | im]."""
    values = torch.view_as_complex(embedding(representation).view(-1, DIM, 2))
    return torch.cat([values.real, values.imag], dim=1)


def system(model, *settings):
    return build_system(
        make_config("paper", assignments=[f"model_name={model}", f"model.dim={DIM}", *settings]), SEEN
    ).eval()


def same(found, model):
    with torch.no_grad():
        expected = model.score_t(ASKED)
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(found.detach(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "product"), [("DistMult", "distmult"), ("ComplEx", "complex")])
def test_products_score_as_pykeen_s(name, product):
    model = theirs(name)
    own = Factorisation(ENTITIES, RELATIONS, DIM, product=product)
    read = halves if product == "complex" else embedding
    with torch.no_grad():
        own.entity.copy_(read(model.entity_representations[0]))
        own.relation[:RELATIONS] = read(model.relation_representations[0])
    same(own.scores(HEADS, FORWARD), model)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_transe_scores_as_pykeen_s(norm):
    model = theirs("TransE", scoring_fct_norm=int(norm[1]))
    own = system("transe", f"norm={norm}")
    with torch.no_grad():
        own.entity.copy_(embedding(model.entity_representations[0]))
        own.relation.copy_(embedding(model.relation_representations[0]))
    same(own.answerer()(HEADS, FORWARD), model)


def test_rotate_scores_as_pykeen_s():
    model = theirs("RotatE")  # which knows the Euclidean norm of the moduli alone
    own = system("rotate", "norm=l2")
    with torch.no_grad():
        own.entity.copy_(halves(model.entity_representations[0]))
        re, im = halves(model.relation_representations[0]).chunk(2, dim=1)
        own.relation.copy_(torch.atan2(im, re))
    same(own.answerer()(HEADS, FORWARD), model)


def test_rotate_s_other_norm_is_the_sum_of_complex_moduli():
    own = system("rotate", "norm=l1")
    vectors = torch.complex(*own.entity.detach().chunk(2, dim=1))
    turned = vectors[HEADS] * torch.polar(torch.ones(()), own.relation.detach())[FORWARD]
    expected = -(turned.unsqueeze(1) - vectors).abs().sum(2)
    torch.testing.assert_close(own.answerer()(HEADS, FORWARD).detach(), expected, rtol=0, atol=1e-4)


def trained_norms(module):
    """Batch normalisation that has seen something, so that its means and deviations show in the scores."""
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.05, 2.0)


def test_conve_scores_as_pykeen_s():
    model = theirs("ConvE", inverse=True, embedding_height=4, embedding_width=5)
    own = system("conve")
    torch.nn.init.normal_(model.entity_representations[1]._embeddings.weight)
    with torch.no_grad():
        own.entity.copy_(embedding(model.entity_representations[0]))
        own.bias.copy_(embedding(model.entity_representations[1]).flatten())
    trained_norms(model)
    own.image.load_state_dict(model.interaction.hr2d.state_dict())
    own.projection.load_state_dict(model.interaction.hr1d.state_dict())
    # score_t takes the row of the relation's vector, whichever direction it stands for.
    with torch.no_grad():
        own.relation.copy_(embedding(model.relation_representations[0]))
    same(own.answerer()(HEADS, FORWARD), model)


def test_convtranse_is_the_sum_of_its_equation():
    """Eq. 5 of the paper place by place, kernels and padding written out."""
    own = system("convtranse", "channels=3", "kernel=5").double()
    trained_norms(own)
    norm0, _, convolution, norm1 = own.signal[:4]
    linear, _, norm2 = own.projection[:3]

    def normalised(value, norm, place):
        root = (norm.running_var[place] + norm.eps).sqrt()
        return (value - norm.running_mean[place]) / root * norm.weight[place] + norm.bias[place]

    for head, relation in ((0, 1), (7, 5)):
        sides = [normalised(own.entity[head], norm0, 0), normalised(own.relation[relation], norm0, 1)]
        maps = torch.zeros(3, DIM, dtype=torch.float64)
        for channel in range(3):
            for place in range(DIM):
                value = convolution.bias[channel]
                for tau in range(-2, 3):
                    if 0 <= place + tau < DIM:
                        for side in range(2):
                            value = value + convolution.weight[channel, side, tau + 2] * sides[side][place + tau]
                maps[channel, place] = torch.relu(normalised(value, norm1, channel))
        encoded = torch.relu(normalised(linear.weight @ maps.flatten() + linear.bias, norm2, slice(None)))
        expected = own.entity @ encoded + own.bias
        found = own.answerer()(torch.tensor([head]), torch.tensor([relation]))[0]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_transe_gives_inverse_relations_vectors_of_their_own_where_asked(norm):
    own = system("transe", f"norm={norm}", "inverses=true").double()
    assert own.relation.shape == (2 * RELATIONS, DIM)
    asked = torch.arange(2 * RELATIONS)
    found = own.answerer()(torch.full_like(asked, 3), asked)
    for relation in range(2 * RELATIONS):
        apart = own.entity[3] + own.relation[relation] - own.entity
        expected = -torch.linalg.vector_norm(apart, 1 if norm == "l1" else 2, dim=1)
        torch.testing.assert_close(found[relation], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("model", ["transe", "rotate"])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_an_inverse_relation_asks_for_the_head_with_the_same_distance(model, norm):
    own = system(model, f"norm={norm}")
    forwards = own.answerer()(HEADS, FORWARD).view(ENTITIES, RELATIONS, ENTITIES)
    backwards = own.answerer()(HEADS, FORWARD + RELATIONS).view(ENTITIES, RELATIONS, ENTITIES)
    torch.testing.assert_close(backwards, forwards.transpose(0, 2), rtol=0, atol=1e-5)
    query, answers = own.queries(HEADS, FORWARD), torch.arange(len(HEADS)) % ENTITIES
    pairs = own.lengths(query - own.entity[answers])
    every = own.distances(query, own.entity)
    torch.testing.assert_close(every[torch.arange(len(HEADS)), answers], pairs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("loss", ["cross_entropy", "cross_entropy_filtered", "bce"])
def test_label_smoothing_is_that_of_the_dense_target(loss):
    vector, table = torch.randn(4, 6, dtype=torch.float64), torch.randn(9, 6, dtype=torch.float64)
    row, answer = torch.tensor([0, 0, 1, 2, 3]), torch.tensor([1, 8, 3, 3, 0])
    scores, share = vector @ table.T, 0.2
    found = one_to_n(loss, vector, table, row, answer, row, answer)
    found = found + share * smoothing_term(loss, vector, table, row, answer)
    if loss == "cross_entropy":
        expected = functional.cross_entropy(scores[row], answer, label_smoothing=share)
    elif loss == "cross_entropy_filtered":
        # Query 0 has two answers: each is asked for among the eight entities that the other is not.
        allowed = [[1, 0, 2, 3, 4, 5, 6, 7], [8, 0, 2, 3, 4, 5, 6, 7]]
        parts = [
            functional.cross_entropy(scores[0, wanted], torch.tensor(0), label_smoothing=share) for wanted in allowed
        ]
        single = functional.cross_entropy(scores[1:], answer[2:], label_smoothing=share, reduction="none")
        expected = torch.cat([torch.stack(parts), single]).mean()
    else:
        # Of a query's own answers the smoothed target is 1 - e + e / E, of all others e / E.
        target = torch.zeros(4, 9, dtype=torch.float64)
        target[row, answer] = 1.0
        target = (1 - share) * target + share / 9
        expected = functional.binary_cross_entropy_with_logits(scores, target, reduction="sum") / len(row)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["model_name=conve", "model.dim=4"], "conve.kernel"),
        (["model_name=conve", "model.dim=20", "height=3"], "does not divide"),
        (["model_name=convtranse", "kernel=4"], "odd"),
        (["model_name=nbfnet", "l2=0.1"], "nbfnet.l2 is 0.1"),
    ],
)
def test_settings_that_a_system_cannot_follow_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        make_config("paper", assignments=settings)
