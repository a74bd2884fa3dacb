"""A team of one is no team at all: it has everything, changes nothing, and steps as an optimiser alone."""

from __future__ import annotations

import math

import pytest
import torch

from upgan.training.team import Team


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 12])
def test_shares_follow_each_other_and_are_nearly_equal(size, count):
    shares = [Team(rank, size).share(count) for rank in range(size)]
    assert [place for first, last in shares for place in range(first, last)] == list(range(count))
    lengths = [last - first for first, last in shares]
    assert max(lengths) - min(lengths) <= 1


def test_one_alone_leads_and_changes_nothing():
    team, value = Team(), torch.tensor([1.5, -2.0])
    team.sum(value)
    team.align([value])
    assert team.leads
    assert value.tolist() == [1.5, -2.0]
    assert (team.agreed(True), team.agreed(False)) == (True, False)


@pytest.mark.parametrize("clip", [math.inf, 0.5])
def test_one_alone_steps_as_its_optimiser_does(clip):
    """Bit for bit: against PyTorch's own calls, one after another."""
    torch.manual_seed(0)
    ours, theirs = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    inputs = torch.randn(4, 5)
    for model in (ours, theirs):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            loss = model(inputs).square().sum()
            if model is ours:
                sums = Team().descend(optimizer, loss, {"loss": loss}, clip)
                assert torch.equal(sums["loss"], loss.detach())
                assert not sums["loss"].requires_grad
                continue
            optimizer.zero_grad()
            loss.backward()
            if math.isfinite(clip):
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())
