"""Learning rates and gradients, step by step."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sklatent.neural import AETransformer
from sklatent.neural.training import _trainer
from sklatent.neural.training._schedules import SCHEDULES
from sklatent.neural.training._stability import GradientClipping
from tests.neural.settings import ALL

N_STEPS = 200


def of_pytorch(schedule):
    """Learning rates of PyTorch's schedule of that name, at t = 0, 1/N, ..., 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedules = torch.optim.lr_scheduler
    if schedule == "linear":
        scheduler = schedules.LinearLR(optimizer, 1.0, 0.0, total_iters=N_STEPS)
    elif schedule == "cosine":
        scheduler = schedules.CosineAnnealingLR(optimizer, T_max=N_STEPS)
    else:
        # Its rise ends at the step pct_start * total_steps - 1.
        scheduler = schedules.OneCycleLR(
            optimizer,
            max_lr=1.0,
            total_steps=N_STEPS + 1,
            pct_start=(0.3 * N_STEPS + 1) / (N_STEPS + 1),
            final_div_factor=1e12,
        )
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(N_STEPS):
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.parametrize("schedule", ["linear", "cosine", "one_cycle"])
def test_schedules_are_pytorchs(schedule):
    rates = [SCHEDULES[schedule](i / N_STEPS) for i in range(N_STEPS)]
    np.testing.assert_allclose(rates, of_pytorch(schedule)[:-1], atol=1e-9)


@pytest.mark.parametrize(("schedule", "factor"), [("cosine", 0), ("one_cycle", 0.04)])
def test_after_the_end(schedule, factor, X):
    recorder = Recorder()
    settings = {"lr": 0.01, "lr_schedule": schedule, "max_epochs": 1}
    ae = AETransformer(callbacks=[recorder], batch_size=150, **settings).fit(X)
    ae.partial_fit(X)
    np.testing.assert_allclose(recorder.rates[1], 0.01 * factor, rtol=1e-12)


class Recorder(Callback):
    """The learning rate of every step."""

    def __init__(self):
        self.rates = []

    def on_batch_end(self, net, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])

    def __deepcopy__(self, memo):
        return self


@ALL
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_learning_rate_of_each_step(cls, schedule, X):
    recorder = Recorder()
    settings = {"lr": 0.01, "lr_schedule": schedule, "callbacks": [recorder]}
    cls(max_epochs=3, batch_size=50, **settings).fit(X)
    factor = SCHEDULES[schedule] or (lambda t: 1.0)
    expected = [0.01 * factor(i / 9) for i in range(9)]
    np.testing.assert_allclose(recorder.rates, expected, rtol=1e-12)


class TestClipping:
    def test_against_a_loop(self):
        rng = np.random.RandomState(0)
        weights = [torch.zeros(3, 2), torch.zeros(4)]
        clipping = GradientClipping(weights, limit=2.0)
        usual = None
        for scale in (1.0, 3.0, 1.0, 100.0, 1.0, 0.01):
            gradient = scale * rng.normal(size=10)
            for weight, part in zip(weights, (gradient[:6], gradient[6:]), strict=True):
                weight.grad = torch.tensor(part).reshape(weight.shape).float()
            clipping()
            length = np.linalg.norm(gradient)
            clipped = length if usual is None else min(length, 2 * usual)
            usual = clipped if usual is None else usual + 0.05 * (clipped - usual)
            got = torch.cat([weight.grad.flatten() for weight in weights])
            # Single precision.
            np.testing.assert_allclose(got, gradient * clipped / length, rtol=1e-5)
            np.testing.assert_allclose(clipping.usual, usual, rtol=1e-5)

    def test_gradients_of_zero(self):
        weight = torch.zeros(3)
        clipping = GradientClipping([weight, torch.zeros(2)], limit=2.0)
        for gradient in ([0.0, 0, 0], [3.0, 0, 4], [0.0, 0, 0], [3.0, 0, 4]):
            weight.grad = torch.tensor(gradient)
            clipping()
            assert weight.grad.tolist() == gradient

    @pytest.mark.filterwarnings("ignore::sklatent.exceptions.PosteriorCollapseWarning")
    @ALL
    @pytest.mark.slow
    def test_changes_no_healthy_training(self, cls, X, monkeypatch):
        digits = load_digits().data[:500]
        noise_free = np.random.RandomState(0).normal(size=(300, 2)) @ np.eye(2, 6)
        for data in (X, digits, noise_free):
            settings = {"random_state": 0, "max_epochs": 30}
            clipped = cls(**settings).fit(data)
            with monkeypatch.context() as patch:
                patch.setattr(_trainer, "CLIPPING", np.inf)
                free = cls(**settings).fit(data)
            assert clipped.history_ == free.history_

    def test_saves_a_training_from_an_outlying_row(self, monkeypatch):
        """Its gradient would else throw the networks out, every epoch anew."""
        rng = np.random.RandomState(2)
        X = rng.normal(size=(5000, 2)) @ rng.normal(size=(2, 10))
        X[7] = 1e5 * np.sign(rng.normal(size=10))
        settings = {"optimizer": "sgd", "lr": 0.02, "max_epochs": 4, "random_state": 0}
        losses = AETransformer(**settings).fit(X).history_["train_loss"]
        assert losses == sorted(losses, reverse=True)
        monkeypatch.setattr(_trainer, "CLIPPING", np.inf)
        with pytest.warns(ConvergenceWarning, match="diverged in epochs"):
            AETransformer(**settings).fit(X)
