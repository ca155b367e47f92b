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


@pytest.mark.parametrize("size", [100, 300])
def test_gaussian_units_of_few_and_of_many_numbers(size, generator):
    """These are computed by other operations, in each of which the formula is that."""
    x, gradient = drawn(generator, 2, size, size)
    density = torch.exp(-0.5 * x**2) / (2 * torch.pi) ** 0.5
    below = torch.special.ndtr(x)
    y, pullback = vjp(nn.GELU(), x)
    torch.testing.assert_close(y, x * below)
    torch.testing.assert_close(pullback(gradient), gradient * (below + x * density))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_output_is_that_of_the_network(activation, generator):
    network = perceptron((5, 4, 3), activation, generator)
    x = drawn(generator, 7, 5).float()
    before = x.clone()
    output, _ = vjp(network, x)
    torch.testing.assert_close(output, network(x))
    assert torch.equal(x, before)


USERS = {
    "activation first": lambda: nn.Sequential(nn.Tanh(), nn.Linear(5, 3)),
    "activations in a row": lambda: nn.Sequential(
        nn.Linear(5, 3), nn.Sigmoid(), nn.Tanh(), nn.Identity(), nn.ELU()
    ),
    "after one that keeps its output": lambda: nn.Sequential(
        nn.Linear(5, 3), nn.Softmax(dim=1), nn.ReLU(), nn.LeakyReLU()
    ),
    "nested": lambda: nn.Sequential(
        nn.Linear(5, 4), nn.Sequential(nn.Tanh(), nn.Tanh()), nn.Linear(4, 3)
    ),
    "normalized": lambda: nn.Sequential(
        nn.Linear(5, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 3)
    ),
    "one activation": lambda: nn.SELU(),
}


@pytest.mark.parametrize("make", USERS.values(), ids=USERS)
def test_sequences_of_users(make, generator):
    """Activations overwrite what nobody else reads, and nothing else."""
    torch.manual_seed(0)
    network = make().double()
    x = drawn(generator, 7, 5).requires_grad_()
    expected = network(x)
    gradient = drawn(generator, *expected.shape)
    by_parameters = torch.autograd.grad(
        expected, [x, *network.parameters()], gradient, retain_graph=True
    )
    before = x.detach().clone()
    output, pullback = vjp(network, x.detach())
    torch.testing.assert_close(output, expected)
    assert torch.equal(x, before)
    of_input = pullback(gradient)
    found = [of_input, *(p.grad for p in network.parameters())]
    torch.testing.assert_close(found, list(by_parameters))


@pytest.mark.parametrize("hook", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_of_users_are_called(hook, generator):
    network = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    seen = []
    getattr(network[0], hook)(lambda layer, *tensors: seen.append(tensors[-1]))
    x = drawn(generator, 7, 5).float()
    vjp(network, x)
    kept = seen[0]
    if hook == "register_forward_hook":
        torch.testing.assert_close(kept, network[0](x))


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
