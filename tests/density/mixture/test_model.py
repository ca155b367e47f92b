"""Parameters of mixtures as plain data."""

import numpy as np
import pytest

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


@each_type
@pytest.mark.parametrize("known", [False, True])
def test_roots_in_other_units(covariance_type, known):
    """L and L^-T, whether the second is found again or rescaled."""
    mixture = random_mixture(covariance_type)
    _, p = mixture.means.shape
    scale = np.full(p, 7.0) if mixture.structure.isotropic else np.geomspace(1e-3, 9, p)
    if known:
        assert mixture.precision_root is not None
    there = mixture.rescaled(mixture.means * scale, scale)
    L, P = there.expanded_root, there.expanded_precision_root
    if mixture.structure.diagonal:
        np.testing.assert_allclose(L, mixture.expanded_root * scale)
        np.testing.assert_allclose(L * P, 1.0)
    else:
        np.testing.assert_allclose(L, mixture.expanded_root * scale[:, None])
        unit = np.broadcast_to(np.eye(p), L.shape)
        np.testing.assert_allclose(L.swapaxes(1, 2) @ P, unit, atol=1e-12)
