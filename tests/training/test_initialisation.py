"""The vectors everything starts from: one step by the book for every loss and product."""

from __future__ import annotations

import pytest
import torch

from tests import oracles
from tests.training.initialised import ENTITIES, LOSSES, PRODUCTS, RELATIONS, Told, adagrad, fresh, initialise


def by_the_book(model, triples, loss, l2, n3):
    """Loss and penalty of all queries at once, with torch's own losses and complex numbers."""
    known = oracles.known_answers([tuple(row) for row in triples.tolist()], RELATIONS)
    numbers = torch.complex if model.product == "complex" else None

    def read(table):
        return numbers(*table.chunk(2, dim=1)) if numbers else table

    entity, relation = read(model.entity), read(model.relation)
    terms, cubes = [], []
    for (h, r), answers in known.items():
        row = (entity[h] * relation[r] @ entity.conj().T).real if numbers else entity[h] * relation[r] @ entity.T
        wrong = [e for e in range(ENTITIES) if e not in answers]
        for answer in answers:
            if loss == "bce":
                terms.append(torch.nn.functional.softplus(-row[answer]))
            else:
                members = list(range(ENTITIES)) if loss == "cross_entropy" else [answer, *wrong]
                target = torch.tensor(members.index(answer))
                terms.append(torch.nn.functional.cross_entropy(row[members], target))
            cubes += [(part.abs() ** 3).sum() for part in (entity[h], relation[r], entity[answer])]
        if loss == "bce":
            terms.append(torch.nn.functional.softplus(row[wrong]).sum())
    pairs = 2 * len(triples)
    used = torch.tensor(sorted({h for h, _ in known}))
    squares = model.entity[used].square().sum() + model.relation.square().sum()
    return torch.stack(terms).sum() / pairs, l2 * squares / 2 + n3 * torch.stack(cubes).sum() / pairs


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("product", PRODUCTS)
def test_one_step_is_adagrad_on_the_loss_and_the_penalties_that_the_settings_name(toy_dataset, index, product, loss):
    """The loss is told without the penalties; the squares handed back are those of the one gradient."""
    model, told = fresh(product), Told()
    value, penalty = by_the_book(model, toy_dataset.train, loss, 0.02, 0.3)
    grads = torch.autograd.grad(value + penalty, [model.entity, model.relation])
    start = [part.detach().clone() for part in (model.entity, model.relation)]
    config = adagrad(epochs=1, loss=loss, l2=0.02, n3=0.3)
    result, squares = initialise(model, index, config, reporter=told)
    assert told.losses == [pytest.approx(float(value.detach()), abs=1e-6)]
    assert result.best_epoch == 1
    for name, before, grad in zip(("entity", "relation"), start, grads, strict=True):
        after = model.get_parameter(name).detach()
        torch.testing.assert_close(after, before - 0.1 * grad / (grad.abs() + 1e-10), rtol=0, atol=1e-7)
        torch.testing.assert_close(squares[name], grad.square(), rtol=0, atol=1e-12)
