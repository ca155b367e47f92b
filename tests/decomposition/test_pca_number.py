"""How many components PCA keeps: a number, a share, or by evidence."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_iris,
    make_classification,
)
from sklearn.preprocessing import StandardScaler

from sklatent.decomposition import PCA
from sklatent.utils._evidence import minka_evidence
from tests.decomposition.data import (
    normal,
    pca,
    with_singular_values,
)


@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
def test_share_of_the_variance(svd_solver):
    X = with_singular_values(100, np.sqrt([50.0, 30.0, 15.0, 5.0]))
    for share, expected in [(0.4, 1), (0.6, 2), (0.79, 2), (0.81, 3), (0.96, 4)]:
        assert pca(share, svd_solver).fit(X).n_components_ == expected


@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("unit", [1.0, 1e-3, 7e4])
def test_share_that_some_components_explain_exactly(svd_solver, dtype, unit):
    """One more is taken, as in scikit-learn, however the sum is rounded."""
    for load in (load_iris, load_breast_cancer):
        X = (unit * load().data[:, :8]).astype(dtype)
        ratio = PCA(svd_solver="full").fit(X).explained_variance_ratio_
        for shares in (np.cumsum(ratio), 1 - np.cumsum(ratio[::-1])[::-1][1:]):
            for k, share in enumerate(shares[: len(ratio) - 1].tolist()):
                if share < 1 - 1e-5:
                    fitted = pca(share, svd_solver).fit(X)
                    assert fitted.n_components_ == k + 2


@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
def test_share_takes_no_component_without_variance(svd_solver):
    X = normal(50, 2) @ normal(2, 6, seed=1)
    for share in (1 - 1e-6, 1 - 1e-12, 1 - 1e-15, np.nextafter(1, 0)):
        assert pca(share, svd_solver).fit(X).n_components_ == 2
        assert PCA(share).partial_fit(X).n_components_ == 2


@pytest.mark.parametrize(
    ("n_components", "svd_solver", "match"),
    [
        (
            6,
            "auto",
            r"n_components=6 must be between 0 and min\(n_samples, n_features\)=5 .*"
            "n_samples=20 and n_features=5",
        ),
        (6, "full", r"n_components=6 must be between 0 and .*=5 .*'full'"),
        (6, "covariance_eigh", "n_components=6 must be .*'covariance_eigh'"),
        (5, "arpack", r"n_components=5 must be strictly less than .*=5 .*'arpack'"),
        (6, "arpack", r"n_components=6 must be between 1 and .*=5 .*'arpack'"),
        (0, "arpack", r"n_components=0 must be between 1 and .*=5 .*'arpack'"),
        (0, "randomized", r"n_components=0 must be between 1 and .*'randomized'"),
        (0.5, "randomized", "n_components=0.5 cannot be a share .* whole spectrum"),
        ("mle", "arpack", "n_components='mle' cannot be a string .* whole spectrum"),
    ],
)
def test_n_components_that_does_not_fit(n_components, svd_solver, match):
    estimator = pca(n_components, svd_solver)
    with pytest.raises(ValueError, match=match):
        estimator.fit(normal(20, 5))
    assert not [name for name in vars(estimator) if name.endswith("_")]


def test_mle_needs_as_many_rows_as_features():
    with pytest.raises(ValueError, match="n_samples=4 and n_features=5"):
        PCA("mle").fit(normal(4, 5))


def minka_by_loops(lam, n):
    """Equation 30 of Minka (2000) term by term; tied eigenvalues give infinity."""
    from math import lgamma, log, pi

    p = len(lam)
    evidence = []
    for k in range(1, p):
        v = sum(lam[k:]) / (p - k)
        m = p * k - k * (k + 1) / 2
        hat = [*lam[:k], *[v] * (p - k)]
        log_pu = -k * log(2) + sum(
            lgamma((p - i + 1) / 2) - (p - i + 1) / 2 * log(pi) for i in range(1, k + 1)
        )
        log_az = sum(
            log((1 / hat[j] - 1 / hat[i]) * (lam[i] - lam[j]) * n)
            for i, j in itertools.product(range(k), range(p))
            if j > i
        )
        evidence.append(
            log_pu
            - n / 2 * sum(map(log, lam[:k]))
            - n * (p - k) / 2 * log(v)
            + (m + k) / 2 * log(2 * pi)
            - log_az / 2
            - k / 2 * log(n)
        )
    return np.array(evidence)


def test_evidence_is_minkas_formula():
    lam = 2.0 ** -np.arange(8)
    ours, expected = minka_evidence(lam, 1000), minka_by_loops(lam, 1000)
    # Ours is up to a constant.
    np.testing.assert_allclose(np.diff(ours), np.diff(expected), rtol=1e-9)
    np.testing.assert_allclose(
        np.diff(minka_evidence(1e-300 * lam, 1000)), np.diff(expected), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("lam", "expected"),
    [
        ([5.0, 5.0, 1.0, 1.0, 1.0, 1.0], 2),
        ([9.0, 4.0, 1.0, 1.0, 1.0, 1.0], 2),
        ([9.0, 4.0, 2.0, 0.0, 0.0], 3),
        ([9.0, 4.0, 4.0, 0.0], 3),
        ([1.0, 1.0, 1.0], 1),
    ],
)
def test_evidence_with_tied_eigenvalues(lam, expected):
    evidence = minka_evidence(np.array(lam), 500)
    assert np.isfinite(evidence).all()
    assert 1 + np.argmax(evidence) == expected


def test_mle_finds_the_number_of_signals():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 15)) + rng.normal(
        size=(2000, 15)
    )
    assert PCA("mle").fit(X).n_components_ == 4
    tied = np.vstack([np.eye(6), -np.eye(6)]) * [5, 5, 1, 1, 1, 1]
    assert PCA("mle").fit(np.repeat(tied, 50, axis=0)).n_components_ == 2


def redundant_rows():
    """Rows of rank 1, to rounding."""
    return make_classification(
        n_features=20,
        n_informative=1,
        n_repeated=18,
        n_redundant=1,
        n_clusters_per_class=1,
        random_state=42,
    )[0]


DEFICIENT = {
    "redundant": (redundant_rows(), 1),
    "far from zero": (redundant_rows() + 1e3, 1),
    "scaled": (StandardScaler().fit_transform(redundant_rows() + 1e6), 1),
    "rank 3": (normal(200, 3) @ normal(3, 12, seed=1), 3),
    "a constant column": (normal(200, 4) * [3, 2, 1, 0] + 0.1, 3),
    "copied columns": (normal(200, 3)[:, [0, 1, 2, 0, 1]], 3),
}


@pytest.mark.parametrize("name", DEFICIENT)
@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_mle_of_deficient_rank_is_the_rank(name, svd_solver, dtype):
    X, rank = DEFICIENT[name]
    if dtype == np.float32 and name == "scaled":
        return  # the rounding at 1e6 is more than that of single precision
    X = X.astype(dtype)
    if dtype == np.float32 and name == "rank 3":
        return  # rounding to single precision is noise in a new direction
    assert pca("mle", svd_solver).fit(X).n_components_ == rank
    batches = PCA("mle").partial_fit(X[:60]).partial_fit(X[60:])
    assert batches.n_components_ == rank


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.arange(6.0).reshape(-1, 1)])
def test_mle_of_constant_data_or_one_feature(X):
    assert PCA("mle").fit(X).n_components_ == 1
