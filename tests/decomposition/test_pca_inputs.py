"""What PCA takes: weights, batches of rows, and what it refuses."""

import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import (
    load_iris,
)

from sklatent.decomposition import PCA
from tests.decomposition.data import (
    assert_same,
    each_solver,
    normal,
    pca,
    spread_out,
)

# --------------------------------------------------------------------------------
# Weights and batches


@each_solver
@pytest.mark.parametrize("shape", [(200, 6), (12, 20)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_integer_weights_are_repeated_rows(svd_solver, shape, dtype):
    X = spread_out(*shape).astype(dtype)
    weight = np.random.RandomState(1).randint(4, size=len(X))
    weighted = pca(3, svd_solver).fit(X, sample_weight=weight)
    repeated = pca(3, svd_solver).fit(np.repeat(X, weight, axis=0))
    # Random projections differ with the number of rows.
    rtol = 1e-3 if svd_solver == "randomized" else 1e-9
    rtol = max(rtol, 1e-4 * (dtype == np.float32))
    assert_same(weighted, repeated, rtol, rtol)
    assert weighted.n_samples_ == repeated.n_samples_ == weight.sum()
    assert isinstance(weighted.n_samples_, int)
    np.testing.assert_allclose(
        weighted.noise_variance_, repeated.noise_variance_, rtol=1000 * rtol
    )
    np.testing.assert_allclose(
        weighted.score_samples(X), repeated.score_samples(X), rtol=100 * rtol
    )


@each_solver
def test_weights_that_stand_for_more_rows_than_there_are(svd_solver):
    """All components that the repeated rows would have, too."""
    X = spread_out(5, 8)
    weight = np.array([1, 2, 3, 2, 2])
    weighted = pca(None, svd_solver).fit(X, sample_weight=weight)
    repeated = pca(None, svd_solver).fit(np.repeat(X, weight, axis=0))
    assert weighted.n_components_ == repeated.n_components_ > 5
    assert_same(weighted, repeated)


def test_fractional_weights():
    X = spread_out(50, 4)
    weight = np.random.RandomState(1).uniform(size=50)
    fitted = PCA(2).fit(X, sample_weight=weight)
    total = weight.sum()
    np.testing.assert_allclose(fitted.n_samples_, total)
    lam = np.linalg.eigvalsh(np.cov(X.T, aweights=weight, bias=True))[::-1]
    np.testing.assert_allclose(
        fitted.explained_variance_, lam[:2] * total / (total - 1)
    )
    np.testing.assert_allclose(fitted.noise_variance_, lam[2:].mean())


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (np.zeros(20), "zero"),
        (0.5 * np.eye(20)[3], "positive for at least 2 rows.*one positive weight, 0.5"),
        (np.eye(20)[3], "positive for at least 2 rows.*one positive weight, 1"),
        (-np.ones(20), "[Nn]egative"),
        (np.ones(19), "sample_weight.shape"),
        (np.full(20, np.nan), "NaN"),
    ],
)
def test_weights_that_cannot_be_used(weight, match):
    for fit in (PCA(2).fit, PCA(2).partial_fit):
        if "2 rows" in match and fit.__name__ == "partial_fit":
            continue  # more rows may follow
        with pytest.raises(ValueError, match=match):
            fit(normal(20, 4), sample_weight=weight)


def weighted_covariance_eigenvalues(X, weight):
    return np.linalg.eigvalsh(np.cov(X.T, aweights=weight, bias=True))[::-1]


@each_solver
@pytest.mark.parametrize("n", [2, 90, 100, 119, 120, 149, 150])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shares_that_are_even(svd_solver, n, dtype):
    """Of n rows 1 / n each, whose sum is 1 only to rounding."""
    X = load_iris().data[:n]
    q = min(2, n - (svd_solver == "arpack"))
    weight = np.full(n, 1 / n, dtype=dtype)
    shares = pca(q, svd_solver).fit(X, sample_weight=weight)
    rows = pca(q, svd_solver).fit(X)
    np.testing.assert_allclose(shares.components_, rows.components_, atol=1e-9)
    np.testing.assert_allclose(shares.mean_, rows.mean_)
    np.testing.assert_allclose(
        shares.explained_variance_, rows.explained_variance_ * (n - 1) / n, atol=1e-12
    )
    np.testing.assert_allclose(
        shares.explained_variance_ratio_, rows.explained_variance_ratio_, atol=1e-12
    )
    np.testing.assert_allclose(shares.noise_variance_, rows.noise_variance_, atol=1e-12)
    np.testing.assert_allclose(shares.score_samples(X), rows.score_samples(X))
    np.testing.assert_allclose(shares.n_samples_, 1, rtol=1e-6)


@pytest.mark.parametrize("batches", [1, 4])
@pytest.mark.parametrize("total", [1e-9, 0.5, 1, 1 + 1e-12, 1 - 1e-12, 1.5, 2, 7.3])
@pytest.mark.parametrize("whiten", [False, True])
def test_only_the_divisor_hangs_on_the_sum_of_the_weights(total, batches, whiten):
    X = spread_out(40, 5)
    weight = np.random.RandomState(1).uniform(size=40)
    weight *= total / weight.sum()
    estimator = PCA(2, whiten=whiten)
    if batches == 1:
        estimator.fit(X, sample_weight=weight)
    else:
        for rows in np.split(np.arange(40), batches):
            estimator.partial_fit(X[rows], sample_weight=weight[rows])
    lam = weighted_covariance_eigenvalues(X, weight)
    divided = lam * total / (total if total < 1.1 else total - 1)
    np.testing.assert_allclose(estimator.explained_variance_, divided[:2])
    np.testing.assert_allclose(estimator.noise_variance_, lam[2:].mean())
    np.testing.assert_allclose(estimator.explained_variance_ratio_, lam[:2] / lam.sum())
    np.testing.assert_allclose(estimator.singular_values_, np.sqrt(total * lam[:2]))
    np.testing.assert_allclose(estimator.n_samples_, total)
    mean = weight @ X / total
    np.testing.assert_allclose(estimator.mean_, mean)
    _, V = np.linalg.eigh(np.cov(X.T, aweights=weight, bias=True))
    V = V[:, ::-1][:, :2]
    noise = lam[2:].mean()
    C = (V * (lam[:2] - noise)) @ V.T + noise * np.eye(5)
    np.testing.assert_allclose(
        estimator.score_samples(X), multivariate_normal(mean, C).logpdf(X), rtol=1e-9
    )
    Z = estimator.transform(X)
    np.testing.assert_allclose(
        weight @ Z**2 / total,
        lam[:2] / (divided[:2] if whiten else 1),
    )


def test_as_many_components_as_rows_that_have_shares():
    X = spread_out(6, 9)
    weight = np.array([0.2, 0, 0.3, 0.1, 0.2, 0.2])
    assert PCA().fit(X, sample_weight=weight).n_components_ == 5
    for batches in (np.split(np.arange(6), 2), np.arange(6)[:, None]):
        estimator = PCA()
        for rows in batches:
            if weight[rows].any():
                estimator.partial_fit(X[rows], sample_weight=weight[rows])
        assert estimator.n_components_ == 5


def test_shares_have_no_evidence():
    X, n = load_iris().data, 150
    for fit in (PCA("mle").fit, PCA("mle").partial_fit):
        with pytest.raises(ValueError, match=r"must count rows.*Multiply them"):
            fit(X, sample_weight=np.full(n, 1 / n))
    counts = PCA("mle").fit(X, sample_weight=n * np.full(n, 1 / n))
    assert counts.n_components_ == PCA("mle").fit(X).n_components_
    assert counts.n_samples_ == n
    assert isinstance(counts.n_samples_, int)


BATCHES = {
    "even": [20, 20, 20],
    "rows": [1] * 60,
    "one row first": [1, 59],
    "one row last": [59, 1],
    "last as long as the components": [57, 3],
    "shorter than the components": [2, 2, 56],
}


@pytest.mark.parametrize("sizes", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("n_components", [0, 3, 5, None, 0.8])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_batches_are_all_rows_together(sizes, n_components, offset):
    X = spread_out(60, 5) + offset
    weight = np.random.RandomState(1).randint(1, 4, size=len(X))
    estimator = PCA(n_components)
    for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
        rows = slice(stop - size, stop)
        estimator.partial_fit(X[rows], sample_weight=weight[rows])
        assert np.isfinite(estimator.score_samples(X)).all()
    together = PCA(n_components).fit(X, sample_weight=weight)
    assert estimator.n_components_ == together.n_components_
    assert_same(estimator, together)
    assert estimator.n_samples_ == together.n_samples_
    np.testing.assert_allclose(
        estimator.noise_variance_, together.noise_variance_, rtol=1e-9
    )
    np.testing.assert_allclose(
        estimator.score_samples(X), together.score_samples(X), rtol=1e-8
    )


def test_batches_in_single_precision():
    X = (spread_out(90, 5) + 1e4).astype(np.float32)
    estimator = PCA(2)
    for batch in np.split(X, 3):
        estimator.partial_fit(batch)
    assert_same(estimator, PCA(2).fit(X.astype(float)), rtol=1e-5, atol=1e-5)
    assert estimator.components_.dtype == np.float32


def test_a_batch_that_cannot_be_used_changes_nothing():
    X = spread_out(30, 4)
    estimator = PCA(2).partial_fit(X)
    before = dict(vars(estimator))
    for bad in (X[:, :3], np.full((2, 4), np.nan), X[:0]):
        with pytest.raises(ValueError, match=r"features|NaN|0 sample"):
            estimator.partial_fit(bad)
        assert vars(estimator) == before
    fresh = PCA(5)
    with pytest.raises(ValueError, match="n_components=5 must be between 0 and"):
        fresh.partial_fit(X)
    assert not [name for name in vars(fresh) if name.endswith("_")]


def test_partial_fit_after_fit_says_that_it_starts_anew():
    X = spread_out(30, 4)
    estimator = PCA(2).fit(X[:10])
    with pytest.warns(UserWarning, match="starts from nothing"):
        estimator.partial_fit(X[10:])
    assert_same(estimator, PCA(2).fit(X[10:]))
    estimator.fit(X)
    assert estimator.n_samples_ == 30


class Dimension:
    """Says how many rows it saw, over ten."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y=None):
        self.dimension_ = len(X) / 10
        return self


def test_dimension_of_batches_is_that_of_the_first():
    X = spread_out(60, 5)
    estimator = PCA(Dimension()).partial_fit(X[:30]).partial_fit(X[30:])
    assert estimator.n_components_ == 3
    assert PCA(Dimension()).fit(X).n_components_ == 5, "an estimate of 6 is bounded"


# --------------------------------------------------------------------------------
# Bad input, and what is left behind


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(bad):
    X = normal(20, 3)
    X[3, 1] = bad
    estimator = PCA(2)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        estimator.fit(X)
    assert not [name for name in vars(estimator) if name.endswith("_")]


def test_one_row():
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        PCA().fit(np.ones((1, 3)))


@each_solver
def test_data_and_global_generator_are_left_alone(svd_solver):
    X = spread_out(700, 6)
    kept = X.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    PCA(2, svd_solver=svd_solver, copy=False).fit(X).transform(X)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_nothing_the_size_of_the_data_is_kept():
    estimator = PCA(2).fit(spread_out(2000, 40))
    assert sum(getattr(v, "nbytes", 0) for v in vars(estimator).values()) < 4000


def test_single_precision_codes_of_a_double_precision_model():
    X = spread_out(50, 4) + 1e4
    fitted = PCA(2).fit(X)
    Z = fitted.transform(X.astype(np.float32))
    assert Z.dtype == np.float32
    np.testing.assert_allclose(Z, fitted.transform(X), atol=5e-3)  # rounding of X
    assert fitted.inverse_transform(Z).dtype == np.float32


def test_no_warning_without_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PCA(2, whiten=True).fit(spread_out(20, 4)).score(spread_out(20, 4))
