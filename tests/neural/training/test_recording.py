"""Steps that are repeated from a list of calls, beside those that are not."""

import copy
import pickle

import pytest
import torch
from torch import nn

from sklatent.neural import AETransformer, VAETransformer
from sklatent.neural.networks._autoencoder import SquaredError
from sklatent.neural.networks._gradients import vjp
from sklatent.neural.training._recording import RepeatedStep
from sklatent.neural.vae._model import NegativeELBO
from tests.neural.settings import TINY
from tests.neural.vae.test_gradients import CASES, NORMAL

MODELS = [
    *((VAETransformer, NegativeELBO(0.7), X, case) for X, case in CASES[:-1]),
    (AETransformer, SquaredError(), NORMAL, {}),
    (AETransformer, SquaredError(), NORMAL, {"tied_weights": True}),
    (AETransformer, SquaredError(corruption=0.3), NORMAL, {"activation": "elu"}),
    (AETransformer, SquaredError(alpha=0.1), NORMAL, {}),
]


class Steps:
    """Steps of a module, which begin with the same weights and noise."""

    def __init__(self, module, backward):
        self.module = copy.deepcopy(module).train()
        self.generator = torch.Generator().manual_seed(0)
        for parameter in self.module.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.backward = lambda x: backward(self.module, x, self.generator)

    def bits(self, losses):
        """All that steps have changed."""
        gradients = [p.grad for p in self.module.parameters()]
        return [*losses, *gradients, *self.module.buffers(), self.generator.get_state()]


def batches_of(model, X, dtype):
    """Batches of two sizes, each of which comes more than once."""
    rows = torch.from_numpy(model._standardize(X.astype(float))).to(dtype)
    return rows[:20], rows[20:40], rows[40:47], rows[40:60], rows[:7]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("cls", "loss", "X", "case"),
    MODELS,
    ids=[f"{cls.__name__} {case}" for cls, _, _, case in MODELS],
)
def test_every_bit_is_the_same(cls, loss, X, case, dtype):
    priors = {} if cls is AETransformer else {"n_prior_components": 3}
    model = cls(**TINY, **priors, dtype=dtype, **case).fit(X)
    batches = batches_of(model, X, getattr(torch, dtype))
    plain, other = (Steps(model.net_.module_, loss.backward) for _ in range(2))
    expected = plain.bits(list(map(plain.backward, batches)))
    repeated = RepeatedStep(other.backward, other.module)
    found = other.bits(list(map(repeated, batches)))
    assert all(map(torch.equal, found, expected))


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def clear(network):
    """Make places for the gradients."""
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)


class OfNetwork:
    """A step of a network, which counts how often it is computed."""

    def __init__(self, network):
        self.network = network
        self.n_computed = 0
        clear(network)

    def __call__(self, x):
        self.n_computed += 1
        with torch.no_grad():
            output, pullback = vjp(self.network, x)
            pullback(torch.ones_like(output))
            return output.sum()


def after(step, network, x):
    """Loss and gradient after a step."""
    for parameter in network.parameters():
        parameter.grad.zero_()
    return [step(x), *(p.grad for p in network.parameters())]


class TestWhatIsRepeated:
    @pytest.fixture
    def step(self, network):
        return OfNetwork(network)

    @pytest.fixture
    def repeated(self, step, network):
        return RepeatedStep(step, network)

    def test_once_for_each_size(self, step, repeated):
        for n in (5, 5, 2, 5, 2):
            repeated(torch.ones(n, 3))
        assert step.n_computed == 2

    def test_weights_may_change(self, step, repeated, network):
        x = torch.linspace(-1, 1, 15).view(5, 3)
        repeated(x)
        with torch.no_grad():
            network[0].weight.mul_(2)
        found = [value.clone() for value in after(repeated, network, x)]
        assert all(map(torch.equal, found, after(step, network, x)))

    def test_losses_stay(self, repeated):
        first = repeated(torch.ones(5, 3))
        before = first.clone()
        repeated(torch.zeros(5, 3))
        second = repeated(torch.ones(5, 3))
        repeated(torch.zeros(5, 3))
        assert first == before == second

    def test_copies_have_memory_of_their_own(self, step, repeated, network):
        x = torch.linspace(-1, 1, 15).view(5, 3)
        expected = [value.clone() for value in after(repeated, network, x)]
        twin = pickle.loads(pickle.dumps(repeated))
        clear(twin.function.network)
        found = after(twin, twin.function.network, x)
        after(twin, twin.function.network, 2 * x)
        assert all(map(torch.equal, after(repeated, network, x), expected))
        assert twin.function.n_computed == step.n_computed + 1
        assert torch.equal(found[0], expected[0])

    def test_a_batch_is_not_written_to(self, repeated):
        x = torch.ones(5, 3)
        for _ in range(3):
            repeated(x)
        assert torch.equal(x, torch.ones(5, 3))

    def test_parameters_that_rest(self, step, repeated, network):
        repeated(torch.ones(5, 3))
        network[0].weight.requires_grad_(False)
        before = network[0].weight.grad.clone()
        repeated(torch.ones(5, 3))
        repeated(torch.ones(5, 3))
        assert step.n_computed == 2
        assert torch.equal(network[0].weight.grad, before)

    def test_hooks_are_called_each_time(self, repeated, network):
        seen = []
        repeated(torch.ones(5, 3))
        network[0].register_forward_hook(lambda *call: seen.append(call[-1]))
        for value in (1.0, 2.0, 3.0):
            repeated(torch.full((5, 3), value))
        for value, output in zip((1.0, 2.0, 3.0), seen[:], strict=True):
            torch.testing.assert_close(output, network[0](torch.full((5, 3), value)))
        assert len(seen) == 6  # and three times here

    def test_networks_of_users_are_computed_each_time(self):
        class Users(nn.Linear):
            pass

        step = OfNetwork(nn.Sequential(Users(3, 2), nn.Tanh()))
        repeated = RepeatedStep(step, step.network)
        for _ in range(3):
            repeated(torch.ones(5, 3))
        assert step.n_computed == 3

    def test_values_seen_by_python(self, network):
        def sign(x):
            return x.sum() if x.sum() > 0 else x[0, 0] * 0

        repeated = RepeatedStep(sign, network)
        found = [repeated(torch.full((5, 3), value)) for value in (1.0, 2.0, -1.0)]
        assert list(map(float, found)) == [15.0, 30.0, 0.0]
