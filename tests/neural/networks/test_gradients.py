"""Gradients that are written out, against finite differences and autograd."""

import copy

import pytest
import torch
from torch import nn

from sklatent.neural.networks._gradients import WRITTEN_OUT, vjp
from sklatent.neural.networks._layers import (
    ACTIVATIONS,
    Skip,
    linear,
    perceptron,
    transposed,
)


class Checked(torch.autograd.Function):
    """A network whose gradient is that of `vjp`, for `gradcheck`."""

    @staticmethod
    def forward(ctx, network, x, *parameters):
        ctx.network, ctx.x = network, x
        return vjp(network, x)[0]

    @staticmethod
    def backward(ctx, gradient):
        ctx.network.zero_grad()
        of_input = vjp(ctx.network, ctx.x)[1](gradient)
        return None, of_input, *(p.grad.clone() for p in ctx.network.parameters())


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def drawn(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["plain", "skip", "tied", "tied skip"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_finite_differences(kind, activation, generator):
    network = perceptron((5, 4, 6, 3), activation, generator)
    if "skip" in kind:
        network = Skip(network, linear(5, 3, generator, bias=False))
    if "tied" in kind:
        network = transposed(network, activation)
    network.double()
    assert type(network) in WRITTEN_OUT
    n_in = 3 if "tied" in kind else 5
    x = drawn(generator, 7, n_in).requires_grad_()
    parameters = list(network.parameters())
    assert torch.autograd.gradcheck(
        lambda x, *parameters: Checked.apply(network, x, *parameters), (x, *parameters)
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_output_is_that_of_the_network(activation, generator):
    network = perceptron((5, 4, 3), activation, generator)
    x = drawn(generator, 7, 5).float()
    before = x.clone()
    output, _ = vjp(network, x)
    torch.testing.assert_close(output, network(x))
    assert torch.equal(x, before)


class TestGradientsAddUp:
    @pytest.fixture(params=["written out", "user"])
    def network(self, request, generator):
        network = perceptron((5, 4, 3), "tanh", generator)
        return network if request.param == "written out" else Users(network)

    def test_to_those_that_are_there(self, network, generator):
        x, gradient = drawn(generator, 7, 5).float(), drawn(generator, 7, 3).float()
        network(x).backward(gradient)
        once = [p.grad.clone() for p in network.parameters()]
        with torch.no_grad():
            vjp(network, x)[1](gradient)
        for p, expected in zip(network.parameters(), once, strict=True):
            torch.testing.assert_close(p.grad, 2 * expected)

    def test_but_not_of_what_rests(self, network, generator):
        x, gradient = drawn(generator, 7, 5).float(), drawn(generator, 7, 3).float()
        parameters = list(network.parameters())
        for p in parameters:
            p.requires_grad_(False)
        given = x.clone().requires_grad_()
        network(given).backward(gradient)
        torch.testing.assert_close(vjp(network, x)[1](gradient), given.grad)
        assert all(p.grad is None for p in parameters)

    def test_without_that_of_the_input(self, network, generator):
        x, gradient = drawn(generator, 7, 5).float(), drawn(generator, 7, 3).float()
        twin = copy.deepcopy(network)
        twin(x).backward(gradient)
        with torch.no_grad():
            assert vjp(network, x, of_input=False)[1](gradient) is None
        for p, q in zip(network.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)


class Users(nn.Module):
    """A network of the user's, which autograd has to know."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)


def test_a_network_that_does_not_depend_on_its_input():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 2)

    with torch.no_grad():
        output, pullback = vjp(Constant(), torch.ones(3, 4))
        assert torch.equal(pullback(output), torch.zeros(3, 4))
