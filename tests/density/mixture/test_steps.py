"""Kernels, statistics and starts of mixtures against plain loops."""

import numpy as np
import pytest
from scipy.special import logsumexp

from sklatent.density.mixture._covariance import STRUCTURES
from sklatent.density.mixture._parameters import Frame, Mixture
from sklatent.density.mixture._rows import Rows
from sklatent.density.mixture._start import seeds, some_rows
from sklatent.density.mixture._steps import e_step
from tests.density.mixture.mixtures import COVARIANCE_TYPES, log_joint, three_groups

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def random_mixture(covariance_type, k=3, p=3, seed=0):
    rng = np.random.default_rng(seed)
    structure = STRUCTURES[covariance_type]
    shape = structure.shape(k, p)
    if structure.diagonal:
        root = np.exp(0.3 * rng.standard_normal(shape))
    else:
        A = np.eye(p) + 0.3 * rng.standard_normal(shape)
        root = structure.root(A @ np.swapaxes(A, -1, -2))
    return Mixture(rng.dirichlet(np.ones(k)), rng.normal(size=(k, p)), root, structure)


def matrices(mixture):
    """Covariance matrix of each component."""
    L = mixture.expanded_root
    if mixture.structure.diagonal:
        return np.array([np.diag(sd**2) for sd in L])
    return L @ np.swapaxes(L, 1, 2)


@each_type
@pytest.mark.parametrize("way", ["expanded", "whitened", "holed"])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-11), (np.float32, 2e-5)])
def test_statistics_against_a_plain_loop(covariance_type, way, dtype, rtol):
    X = three_groups(200).astype(dtype)
    w = np.random.default_rng(2).gamma(1.0, size=200)
    mixture = random_mixture(covariance_type)
    frame = Frame(np.zeros(3, dtype), np.ones(3))
    ours = e_step(X, w, mixture, frame, 1, way=way)
    L = log_joint(X, mixture.weights, mixture.means, matrices(mixture))
    R = np.exp(L - logsumexp(L, axis=1)[:, None]) * w[:, None]
    np.testing.assert_allclose(ours.weight, R.sum(axis=0), rtol=rtol)
    np.testing.assert_allclose(ours.log_likelihood, w @ logsumexp(L, axis=1), rtol=rtol)
    np.testing.assert_allclose(ours.total, w.sum())
    for i in range(3):
        m = np.average(X, axis=0, weights=R[:, i])
        C = np.cov(X.T, aweights=R[:, i], bias=True)
        np.testing.assert_allclose(ours.means[i], m, rtol=20 * rtol, atol=rtol)
        C = np.diag(C) if mixture.structure.diagonal else C
        np.testing.assert_allclose(ours.covariances[i], C, atol=20 * rtol)


@each_type
def test_statistics_of_parts_merge(covariance_type):
    X = three_groups(200)
    mixture = random_mixture(covariance_type)
    frame = Frame(np.zeros(3), np.ones(3))
    whole = e_step(X, None, mixture, frame, 1)
    parts = [e_step(part, None, mixture, frame, 1) for part in (X[:30], X[30:])]
    merged = parts[0].merge(parts[1])
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(merged, name), value, rtol=1e-11, atol=1e-12)


def test_components_far_from_each_other_keep_their_digits():
    """Where about the origin, 1e7 standard deviations away, none would be left."""
    rng = np.random.default_rng(0)
    near = rng.standard_normal((100, 3))
    X = np.vstack([near, near + 2.0**24])
    means = np.array([[0.0] * 3, [2.0**24] * 3])
    root = np.array([np.eye(3)] * 2)
    mixture = Mixture(np.array([0.5, 0.5]), means, root, STRUCTURES["full"])
    assert mixture.condition > 1e14
    ours = e_step(X, None, mixture, Frame(np.zeros(3), np.ones(3)), 1)
    expected = np.cov(near.T, bias=True)
    # The rows themselves are rounded to 2**-28 there.
    np.testing.assert_allclose(ours.covariances[0], expected, atol=1e-12)
    np.testing.assert_allclose(ours.covariances[1], expected, atol=1e-8)


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


def test_rows_are_drawn_by_weight():
    X = np.arange(1000.0)[:, None]
    w = np.where(np.arange(1000) < 900, 0.1, 9.1)  # 90 and 910
    frame = Frame(np.zeros(1), np.ones(1))
    Z, drawn = some_rows(Rows.of(X, w), frame, 500, np.random.RandomState(0))
    assert len(Z) == 500
    assert (drawn == 1).all()
    # One from each of 500 stretches of weight 2, of which 45 hold the light rows.
    assert (Z < 900).sum() == 45
    Z, drawn = some_rows(Rows.of(X, w), frame, 1000, np.random.RandomState(0))
    np.testing.assert_allclose(sorted(drawn), sorted(w))


def test_seeds_are_in_every_group():
    rng = np.random.RandomState(0)
    groups = np.arange(8) * 1e3
    Z = (groups[:, None] + rng.standard_normal((8, 50))).reshape(-1, 1)
    for seed in range(20):
        chosen = seeds(Z, np.ones(400), 8, np.random.RandomState(seed))
        assert len(set(chosen // 50)) == 8
    assert len(seeds(np.zeros((5, 1)), np.ones(5), 3, rng)) == 1
