"""Parameters in vectors: what becomes of them, and training as without them."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Freezer
from torch import nn

from sklatent.neural import VAETransformer
from sklatent.neural.networks._autoencoder import SquaredError
from sklatent.neural.training import _trainer
from sklatent.neural.training._adam import Adam
from sklatent.neural.training._flat import FlatParameters, flat_parameters
from sklatent.neural.training._loss import Loss
from sklatent.neural.vae._model import NegativeELBO
from tests.neural.settings import BOTH


@pytest.fixture
def module():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


class TestFlatParameters:
    def test_parameters_are_views(self, module):
        before = [p.detach().clone() for p in module.parameters()]
        flat = FlatParameters(list(module.parameters()))
        for parameter, value in zip(module.parameters(), before, strict=True):
            assert torch.equal(parameter, value)
        with torch.no_grad():
            flat.vector.zero_()
        assert all((p == 0).all() for p in module.parameters())

    def test_gradients_are_views(self, module):
        flat = FlatParameters(list(module.parameters()))
        for _ in range(2):  # from zero each time
            flat.zero_grad()
            module(torch.ones(5, 3)).sum().backward()
        own = torch.cat([p.grad.flatten() for p in module.parameters()])
        assert torch.equal(flat.vector.grad, own)
        assert own[-1] == 5

    def test_those_that_are_replaced_are_found(self, module):
        flat = FlatParameters(list(module.parameters()))
        flat.zero_grad()
        module.zero_grad()  # sets them to None
        flat.zero_grad()
        module(torch.ones(5, 3)).sum().backward()
        assert flat.vector.grad.abs().sum() > 0

    def test_one_that_rests_stays_in_spite_of_momentum(self, module):
        flat = FlatParameters(list(module.parameters()))
        optimizer = torch.optim.SGD([flat.vector], lr=0.1, momentum=0.9)
        values = []
        for trained in (True, False):
            module[0].weight.requires_grad_(trained)
            flat.zero_grad()
            module(torch.ones(5, 3)).square().sum().backward()
            optimizer.step()
            flat.put_back()
            values.append([p.detach().clone() for p in module.parameters()])
        stays = [torch.equal(a, b) for a, b in zip(*values, strict=True)]
        assert stays == [True, False, False, False]

    def test_parts_that_take_turns_have_a_vector_each(self, module):
        first, second = list(module[0].parameters()), list(module[2].parameters())
        vectors = [flat.parameters for flat in flat_parameters(module, [first, second])]
        assert list(map(len, vectors)) == [2, 2]
        assert vectors[0][0] is first[0]
        assert vectors[1][0] is second[0]


def test_adam_is_pytorchs(module):
    """Step by step, in double precision, with a rate that changes."""
    twin = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    twin.load_state_dict(module.state_dict())
    settings = {"lr": 0.1, "betas": (0.8, 0.95)}
    x = torch.linspace(-1, 1, 15, dtype=torch.float64).view(5, 3)
    for network in (module.double(), twin.double()):
        cls = Adam if network is module else torch.optim.Adam
        optimizer = cls(network.parameters(), **settings)
        for t in range(20):
            optimizer.param_groups[0]["lr"] = 0.1 / (1 + t)

            def closure(network=network, optimizer=optimizer):
                optimizer.zero_grad()
                loss = network(x).square().sum()
                loss.backward()
                return loss

            optimizer.step(closure)
    for a, b in zip(module.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


class Losses(Callback):
    """Writes down the loss of each batch."""

    def __init__(self):
        self.found = []

    def on_batch_end(self, net, loss=None, **kwargs):
        self.found.append(float(loss))

    def __deepcopy__(self, memo):
        return self


class Plain(torch.optim.Adam):
    """An optimizer that moves parameters as they are, as PyTorch's does."""

    def __init__(self, params, lr):
        super().__init__(params, lr, betas=_trainer.BETAS)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation": "tanh", "skip_connections": True},
        {"activation": "relu", "hidden_layer_sizes": (16,)},
        {"dtype": "float64"},
    ],
    ids=str,
)
@BOTH
def test_first_losses_are_those_of_autograd(cls, settings, X, monkeypatch):
    """For 20 steps, beside the same networks in PyTorch's own hands."""
    losses = []
    for optimizer in ("adam", Plain):
        if optimizer is Plain:
            for loss in (SquaredError, NegativeELBO):
                monkeypatch.setattr(loss, "backward", Loss.backward)
        record = Losses()
        settings = {"max_epochs": 4, "batch_size": 30, "random_state": 0, **settings}
        cls(optimizer=optimizer, callbacks=[record], **settings).fit(X)
        losses.append(record.found)
    assert len(losses[0]) == 20
    # Rounding, which steps of some 20 roundings each pass on.
    rtol = 1e-10 if settings.get("dtype") == "float64" else 1e-4
    np.testing.assert_allclose(*losses, rtol=rtol)


@BOTH
def test_a_callback_can_freeze_parameters(cls, X):
    """In the midst of training, when Adam would still move them."""
    settings = {"max_epochs": 3, "random_state": 0, "lr_schedule": "constant"}
    if cls is VAETransformer:
        settings["warmup_epochs"] = 0
    whole = cls(**settings, callbacks=[Freezer("encoder*", at=3)]).fit(X)
    before = cls(**settings | {"max_epochs": 2}).fit(X)
    for part, same in (("encoder", True), ("decoder", False)):
        pairs = zip(
            getattr(whole.net_.module_, part).parameters(),
            getattr(before.net_.module_, part).parameters(),
            strict=True,
        )
        assert {torch.equal(a, b) for a, b in pairs} == {same}
