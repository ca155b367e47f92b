"""Parameters of mixtures as plain data."""

import numpy as np

from sklatent.density.mixture._model import STRUCTURES
from tests.density.mixture.mixtures import each_type, random_mixture


@each_type
def test_a_vector_without_bounds_and_back(covariance_type):
    mixture = random_mixture(covariance_type)
    back = mixture.unpack(mixture.pack())
    np.testing.assert_allclose(back.weights, mixture.weights, rtol=1e-12)
    np.testing.assert_allclose(back.means, mixture.means)
    np.testing.assert_allclose(back.root, mixture.root, rtol=1e-12, atol=1e-15)
    assert mixture.unpack(np.full_like(mixture.pack(), 1e6)) is None


def test_free_parameters():
    counts = {name: s.n_parameters(4, 3) for name, s in STRUCTURES.items()}
    assert counts == {
        "full": 24,
        "tied": 6,
        "diag": 12,
        "tied_diag": 3,
        "spherical": 4,
    }
