"""The fitted encoder as a plain PyTorch module."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

from tests.neural.settings import ALL

SETTINGS = [
    {},
    {"dtype": "float64"},
    {"image_shape": (1, 8, 8), "conv_channels": 4},
    {"skip_connections": True, "standardize": False},
]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X.astype(np.float32)[:300], y[:300]


@ALL
@pytest.mark.parametrize("settings", SETTINGS)
def test_equals_transform(cls, settings, digits):
    X, _ = digits
    estimator = cls(8, max_epochs=2, random_state=0, **settings).fit(X)
    for encoder in (
        estimator.encoder_,
        copy.deepcopy(estimator.encoder_),
        pickle.loads(pickle.dumps(estimator)).encoder_,
    ):
        codes = encoder(torch.from_numpy(X))
        assert codes.dtype == torch.float32
        np.testing.assert_allclose(
            codes.detach(), estimator.transform(X), rtol=1e-4, atol=1e-5
        )


@ALL
@pytest.mark.parametrize("offset", [0.0, 2.0**20, 2.0**23])
def test_no_digits_are_lost_to_a_large_mean(cls, offset, digits):
    # Pixels are integers, so single precision holds the shifted rows exactly.
    X = digits[0] + np.float32(offset)
    estimator = cls(8, max_epochs=2, random_state=0).fit(X.astype(np.float64))
    codes = estimator.encoder_(torch.from_numpy(X)).detach().numpy()
    exact = estimator.transform(X.astype(np.float64))
    np.testing.assert_allclose(codes, exact, rtol=1e-4, atol=1e-5)


@ALL
def test_training_it_leaves_the_estimator_alone(cls, digits):
    X, _ = digits
    estimator = cls(8, max_epochs=2, random_state=0).fit(X)
    before = estimator.transform(X)
    encoder = estimator.encoder_
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    encoder(torch.from_numpy(X)).square().mean().backward()
    optimizer.step()
    np.testing.assert_array_equal(estimator.transform(X), before)
    assert np.abs(encoder(torch.from_numpy(X)).detach().numpy() - before).max() > 1e-3


@ALL
def test_a_classifier_fine_tunes_it(cls, digits):
    X, y = digits
    estimator = cls(8, max_epochs=20, standardize=False, random_state=0).fit(X)
    before = estimator.transform(X)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            nn.Sequential(estimator.encoder_, nn.Linear(8, 10)),
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=3e-3,
            max_epochs=30,
            train_split=None,
            verbose=0,
        ).fit(X, y)
    assert net.score(X, y) > 0.95
    np.testing.assert_array_equal(estimator.transform(X), before)
