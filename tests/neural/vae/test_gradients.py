"""The gradient of the bound that is written out, against autograd's."""

import numpy as np
import pytest
import torch

from sklatent.neural import Likelihood, Prior, VAETransformer
from sklatent.neural.training._loss import Loss
from sklatent.neural.vae._model import NegativeELBO
from tests.neural.settings import TINY


class Laplace(Likelihood):
    """A likelihood of a user, with numbers that it learns."""

    def __init__(self, n_features):
        super().__init__(n_features)
        self.log_scale = torch.nn.Parameter(torch.zeros(n_features))

    def log_prob(self, x, parameters):
        distance = (x - self.mean(parameters)).abs()
        return -distance / self.log_scale.exp() - self.log_scale - np.log(2)

    def mean(self, parameters):
        return parameters[..., 0, :]


class StudentT(Prior):
    """A prior of a user."""

    def log_prob(self, z, encode=None):
        return torch.distributions.StudentT(4.0).log_prob(z).sum(-1)

    def sample(self, noise, rng, encode=None):
        return noise


NORMAL = np.random.RandomState(0).standard_normal((60, 4)) * 2
LEVELS = np.random.RandomState(1).randint(3, size=(60, 2))
TABLES = {
    "gaussian": NORMAL,
    "student_t": NORMAL,
    "bernoulli": 1.0 * (NORMAL > 0),
    "poisson": np.floor(np.exp(NORMAL)),
    "categorical": LEVELS,
    "one_hot": np.eye(3)[LEVELS[:, 0]],
    Laplace: NORMAL,
}
CASES = [
    *((X, {"likelihood": kind}) for kind, X in TABLES.items()),
    *((NORMAL, {"prior": kind}) for kind in ("standard_normal", "vampprior", StudentT)),
    *((NORMAL, {"noise_variance": s2}) for s2 in ("shared", "decoder", "batch", 0.5)),
    *(
        (NORMAL, {"likelihood": "student_t", "noise_variance": kind})
        for kind in ("shared", "decoder")
    ),
    (NORMAL, {"likelihood": [("gaussian", [0, 2]), ("student_t", [3, 1])]}),
    (NORMAL, {"latent": "bernoulli"}),
    (NORMAL, {"skip_connections": True}),
    (NORMAL, {"image_shape": (2, 2)}),
    (NORMAL, {"encoder": torch.nn.Linear, "prior": "standard_normal"}),
    (np.where(NORMAL > 4, np.nan, NORMAL), {}),
]


def gradients(backward, module, rows):
    """Mean loss of rows, and its gradient by each parameter."""
    module.zero_grad()
    share = (~rows.isnan()).double().mean(0).tolist()
    log_scale = [0.1] * len(share)
    loss = NegativeELBO(0.7, log_scale=log_scale, share_observed=share)
    value = backward(loss, module, rows, torch.Generator().manual_seed(0))
    return value, {name: p.grad for name, p in module.named_parameters()}


@pytest.mark.parametrize(("X", "case"), CASES, ids=[str(c) for _, c in CASES])
def test_gradients_are_those_of_autograd(X, case):
    """In double precision, and away from where parameters are at first."""
    settings = {**TINY, "dtype": "float64", "n_prior_components": 3, **case}
    vae = VAETransformer(activation="tanh", **settings).fit(X)
    module = vae.net_.module_.train()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    rows = torch.from_numpy(vae._standardize(X.astype(float)))
    expected = gradients(Loss.backward, module, rows)
    found = gradients(NegativeELBO.backward, module, rows)
    # The terms of a sum come in another order, of some hundred numbers.
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_variances_at_their_bounds_have_no_gradient():
    """Below e^-30 none, and above 1 that of a line."""
    vae = VAETransformer(2, dtype="float64", prior="standard_normal", **TINY)
    module = vae.fit(NORMAL).net_.module_.train()
    rows = torch.from_numpy(vae._standardize(NORMAL))
    for bias in (-40.0, 10.0):
        with torch.no_grad():
            module.encoder[-1].bias[2:] = bias
        expected = gradients(Loss.backward, module, rows)
        found = gradients(NegativeELBO.backward, module, rows)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
