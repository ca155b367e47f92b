"""Sums of Gaussians on a grid, beside sums over all pairs in double precision."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sklatent.density import KernelDensity
from sklatent.density.kernel import _grid_sums, _sums
from sklatent.density.kernel._grid_sums import grid_for, grid_sums
from sklatent.density.kernel._sums import KernelSums

each_dimension = pytest.mark.parametrize("d", [1, 2, 3])


@pytest.fixture
def whatever_it_costs(monkeypatch):
    """Use the grid however few rows there are."""
    for name in ("BRICK_PAIRS", "POINT_PAIRS", "NODE_PAIRS", "FEWEST_QUERIES"):
        monkeypatch.setattr(_grid_sums, name, 0)


def direct(y, weight, x):
    return np.exp(-0.5 * cdist(x, y, "sqeuclidean")) @ weight


@each_dimension
@pytest.mark.parametrize("rtol", [10.0, 1e-2, 1e-6, 1e-9])
@pytest.mark.parametrize("spread", [0.3, 2.0, 8.0, 40.0])
def test_error_is_within_the_tolerance(d, rtol, spread, whatever_it_costs):
    rng = np.random.RandomState(d)
    y = spread * rng.standard_normal((800, d))
    x = spread * np.vstack([y[:100] / spread, 1.5 * rng.standard_normal((300, d))])
    weight = rng.standard_exponential(800)
    sums, sure = grid_sums(y, weight, x, rtol, 1)
    want = direct(y, weight, x)
    assert (np.abs(sums - want) <= min(rtol, 0.1) * want)[sure].all()
    # Those that are not sure have hardly any weight near them.
    assert sure[want > 1e-3 * want.max()].all()
    if spread < 40:
        assert sure.mean() > 0.5


@each_dimension
def test_one_pair_at_any_distance(d, whatever_it_costs):
    """The error is relative for each pair, until nodes are beyond the window."""
    rtol = 1e-6
    direction = np.ones(d) / np.sqrt(d)
    for r in np.linspace(0, 7, 29):
        y, x = np.full((1, d), 0.123), 0.123 + r * direction[None]
        sums, sure = grid_sums(y, np.ones(1), x, rtol, 1)
        if sure[0]:
            np.testing.assert_allclose(sums[0], np.exp(-0.5 * r**2), rtol=rtol)
        else:
            assert r > 3


@each_dimension
def test_what_is_far_or_alone_is_not_sure(d, whatever_it_costs):
    rng = np.random.RandomState(0)
    y = rng.standard_normal((300, d))
    x = np.vstack([y[:50], np.full((3, d), 30.0), np.full((2, d), 1e12)])
    sums, sure = grid_sums(
        np.vstack([y, np.full((1, d), 1e12)]), np.ones(301), x, 1e-6, 1
    )
    np.testing.assert_array_equal(sure, np.arange(55) < 50)
    np.testing.assert_allclose(sums[:50], direct(y, np.ones(300), x[:50]), rtol=1e-6)
    # Near the limit, where rows on the other side would be left out.
    limit = grid_for(300, d, 1e-6).limit
    assert not grid_sums(y + limit, np.ones(300), y + limit, 1e-6, 1)[1].any()


@each_dimension
def test_threads_change_no_bit(d):
    rng = np.random.RandomState(0)
    y, x = rng.standard_normal((2, 20_000, d)) * 5
    weight = rng.random_sample(20_000)
    sums, sure = grid_sums(y, weight, x, 1e-6, 1)
    assert sure.mean() > 0.3
    for n_threads in (2, 3):
        again = grid_sums(y, weight, x, 1e-6, n_threads)
        np.testing.assert_array_equal(again[0], sums)
        np.testing.assert_array_equal(again[1], sure)


def test_few_pairs_are_left_to_others():
    rng = np.random.RandomState(0)
    y = 1e4 * rng.standard_normal((20_000, 2))
    assert not grid_sums(y, np.ones(20_000), y, 1e-6, 1)[1].any()


@each_dimension
@pytest.mark.parametrize("dtype, least", [(np.float64, 1e-6), (np.float32, 1e-4)])
def test_densities_have_the_relative_error(d, dtype, least):
    """Also with offset, bandwidths for each feature, weights, an outlier, and tails."""
    rng = np.random.RandomState(d)
    scale = np.geomspace(1, 100, d)
    X = rng.standard_normal((6000, d)) * scale + 50
    X[17] = 1e6
    new = np.vstack([X[:3000], 2 * scale * rng.standard_normal((3000, d)) + 50])
    X, new = X.astype(dtype), new.astype(dtype)
    weight = rng.randint(1, 4, 6000)
    exact = KernelDensity(0.2 * scale).fit(X, sample_weight=weight)
    model = KernelDensity(0.2 * scale, rtol=1e-6).fit(X, sample_weight=weight)
    got, want = model.score_samples(new), exact.score_samples(new)
    assert got.dtype == dtype
    assert (got != want).any()
    tolerance = least * np.maximum(1, np.abs(want)) if dtype == np.float32 else least
    assert (np.abs(got - want) <= tolerance).all()


def test_where_the_tolerance_has_no_effect():
    rng = np.random.RandomState(0)
    for d, parameters in (
        (2, {"kernel": "exponential"}),
        (2, {"adaptive": True}),
        (4, {}),
    ):
        X = rng.standard_normal((3000, d))
        want = KernelDensity(0.5, **parameters).fit(X).score_samples(X)
        got = KernelDensity(0.5, rtol=1e-3, **parameters).fit(X).score_samples(X)
        np.testing.assert_array_equal(got, want)


def test_no_query_is_left(monkeypatch):
    """All of them are sure, and none is left for tiles."""
    X = np.random.RandomState(0).uniform(size=(5000, 2))
    model = KernelDensity(0.5, rtol=1e-6).fit(X)
    want = KernelDensity(0.5).fit(X).score_samples(X)
    monkeypatch.setattr(_sums, "_positive_log_sums", pytest.fail)
    np.testing.assert_allclose(model.score_samples(X), want, rtol=0, atol=1e-6)


def test_queries_that_a_grid_leaves_look_at_few_rows(monkeypatch):
    """They lie around the others, each with few rows that matter to it."""
    X, Q = np.random.RandomState(0).standard_normal((2, 30_000, 2))
    pairs, near = [], KernelSums.near

    def counted(sums, queries, tolerance):
        runs, terms = near(sums, queries, tolerance)
        n_rows = sum(run.stop - run.start for run in runs)
        pairs.append((len(queries), len(queries) * n_rows))
        return runs, terms

    monkeypatch.setattr(KernelSums, "near", counted)
    KernelDensity(30_000 ** (-1 / 6), rtol=1e-6, n_jobs=1).fit(X).score_samples(Q)
    n_queries, n_pairs = np.sum(pairs, axis=0)
    assert 0 < n_queries < 1000
    assert n_pairs < 0.2 * n_queries * len(X)
