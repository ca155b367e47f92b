"""Estimators whose work that is as large as the data stays on the device of the data.

Results are those of the same rows in memory.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import clone

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.decomposition._linear_gaussian import LinearGaussianMixin
from sklatent.density import GaussianMixture
from sklatent.dimension import PCASpectrum
from sklatent.utils import _arrays
from tests.test_array_api import KINDS, as_numpy, assert_same_kind, each_kind

LINEAR = [
    PCA(2),
    PCA(),
    PCA(0.8, whiten=True),
    PCA("mle"),
    PCA(3, svd_solver="full"),
    PCA(PCASpectrum()),
    PPCA(2),
    PPCA(2, method="em", random_state=0),
    FactorAnalysis(2),
]
MIXTURES = [
    GaussianMixture(3, random_state=0),
    GaussianMixture(3, covariance_type="tied", random_state=0),
    GaussianMixture(3, covariance_type="diag", random_state=0),
    GaussianMixture(3, covariance_type="spherical", random_state=0),
    GaussianMixture([1, 3, 4], criterion="icl", random_state=0),
]
# Estimators that send rows to NumPy for what these parameters ask for.
THROUGH_NUMPY = [
    PCA(2, svd_solver="arpack", random_state=0),
    PCA(2, svd_solver="randomized", random_state=0),
    GaussianMixture([1, 3, 4], criterion="cv", cv=2, random_state=0),
]
each = pytest.mark.parametrize("estimator", LINEAR + MIXTURES, ids=repr)
QUERIES = (
    "transform",
    "posterior",
    "reconstruction_error",
    "score_samples",
    "predict",
    "predict_proba",
)


@pytest.fixture(autouse=True)
def everywhere(monkeypatch):
    """Small tables stay on the device too, and the processor is one like any other."""
    monkeypatch.setattr(_arrays, "is_processor", lambda _: False)
    monkeypatch.setattr(LinearGaussianMixin, "_few_entries", 0)
    monkeypatch.setattr(GaussianMixture, "_few_entries", 0)


def rows(n=300, offset=0.0, dtype=np.float64):
    """Two factors of five features with noise, and clusters along the first factor."""
    rng = np.random.RandomState(0)
    W = np.array([[3.0, 2, 1, -2, 1], [1, -1, 2, 1, -2]])
    Z = rng.normal(size=(n, 2)) * [0.5, 2] + np.outer(np.arange(n) % 3, [3, 0])
    X = Z @ W + rng.normal(size=(n, 5)) * [1, 0.8, 0.9, 1.1, 1.2]
    return (X + offset).astype(dtype)


def fitted_attributes(estimator):
    """Its numbers, without the origin of means."""
    public = {k: v for k, v in vars(estimator).items() if not k.startswith("_")}
    names = [k for k in public if k.endswith("_") and k not in ("mean_", "means_")]
    values = {k: public[k] for k in names if not isinstance(public[k], str)}
    return {k: v for k, v in values.items() if np.asarray(v).dtype.kind in "if"}


def assert_same_fit(found, right, rtol):
    for name, value in fitted_attributes(right).items():
        assert isinstance(vars(found)[name], type(value)), name
        atol = rtol * np.abs(value).max()
        assert_allclose(vars(found)[name], value, rtol=0, atol=atol, err_msg=name)


@each_kind
@each
@pytest.mark.parametrize("offset", [0, 1e6, 1e8])
@pytest.mark.parametrize("weighted", [False, True])
def test_fits_are_those_in_memory(estimator, kind, offset, weighted):
    X = rows(offset=offset)
    weight = np.arange(len(X)) % 4 / 2.0 if weighted else None
    right = clone(estimator).fit(X, sample_weight=weight)
    with config_context(array_api_dispatch=True):
        other = KINDS[kind](X)
        found = clone(estimator).fit(other, sample_weight=weight)
        assert_same_fit(found, right, 1e-10)
        mean = "means_" if hasattr(right, "means_") else "mean_"
        # Rounding of the offset, once on either side.
        close = {"rtol": 1e-10, "atol": 4 * np.spacing(offset) + 1e-12}
        assert_allclose(vars(found)[mean], vars(right)[mean], **close)
        for name in QUERIES:
            if hasattr(right, name):
                expected = getattr(right, name)(X)
                if isinstance(expected, tuple):
                    for a, b in zip(getattr(found, name)(other), expected, strict=True):
                        assert_close(a, b, offset, other)
                else:
                    assert_close(getattr(found, name)(other), expected, offset, other)
        assert found.score(other) == pytest.approx(right.score(X), rel=1e-6)


def assert_close(found, right, offset, like):
    """Equal but for the rounding of the mean, of which densities are functions."""
    assert type(found) is type(like)
    assert found.device == like.device
    assert as_numpy(found).dtype == right.dtype
    atol = (1e-10 + 100 * np.spacing(offset)) * max(np.abs(right).max(), 1)
    assert_allclose(as_numpy(found), right, rtol=1e-10, atol=atol)


@each_kind
@each
@pytest.mark.parametrize("offset", [0, 1e4])
def test_single_precision(estimator, kind, offset):
    """Within the digits that rows in memory have."""
    X = rows(offset=offset, dtype=np.float32)
    right = clone(estimator).fit(X)
    with config_context(array_api_dispatch=True):
        other = KINDS[kind](X)
        found = clone(estimator).fit(other)
        assert_same_fit(found, right, 1e-3)
        scores = found.score_samples(other)
    assert_same_kind(scores, found.score_samples(X), other)


@each_kind
@pytest.mark.parametrize("estimator", THROUGH_NUMPY, ids=repr)
def test_parameters_that_need_rows_in_memory(estimator, kind):
    X = rows()
    right = clone(estimator).fit(X)
    with config_context(array_api_dispatch=True):
        found = clone(estimator).fit(KINDS[kind](X))
    assert_same_fit(found, right, 0)


@each_kind
@pytest.mark.parametrize("estimator", [PPCA(2), FactorAnalysis(2), GaussianMixture(2)])
def test_missing_entries_go_through_numpy(estimator, kind):
    X = rows()
    X[::3, 0] = np.nan
    right = clone(estimator).set_params(random_state=0).fit(X)
    with config_context(array_api_dispatch=True):
        other = KINDS[kind](X)
        found = clone(estimator).set_params(random_state=0).fit(other)
        scores = found.score_samples(other)
    assert_same_fit(found, right, 0)
    assert_same_kind(scores, right.score_samples(X), other)


@each_kind
@pytest.mark.parametrize("estimator", [PCA(2), PPCA(2), MIXTURES[0]])
def test_rows_that_cannot_be_used(estimator, kind):
    """Are refused in NumPy's words."""
    infinite, wide = rows(), rows(4)
    infinite[7, 1] = np.inf
    with config_context(array_api_dispatch=True):
        for X, message in [
            (infinite, "contains infinity"),
            (rows(1), "minimum of 2 is required"),
            (rows()[0], "Expected 2D array"),
            (rows()[None], "Found array with dim 3"),
            (rows().astype(complex), "Complex data not supported"),
        ]:
            with pytest.raises(ValueError, match=message):
                clone(estimator).fit(KINDS[kind](X))
        clone(estimator).fit(KINDS[kind](wide))  # fewer rows than features
        whole = clone(estimator).fit(KINDS[kind](rows().round().astype(int)))
        with pytest.raises(ValueError, match="4 features"):
            whole.score_samples(KINDS[kind](rows()[:, :4]))
    right = clone(estimator).fit(rows().round())
    assert_same_fit(whole, right, 1e-10)


@pytest.fixture
def converted(monkeypatch):
    """Sizes of the arrays that become NumPy's, and no other way to become so."""
    sizes, convert = [], _arrays._convert_to_numpy

    def counted(x, xp):
        sizes.append(int(np.prod(x.shape)))
        return convert(x, xp)

    def refused(self, dtype=None):
        raise TypeError("a tensor became an array of NumPy")

    monkeypatch.setattr(_arrays, "_convert_to_numpy", counted)
    monkeypatch.setattr(torch.Tensor, "__array__", refused)
    return sizes


# Arrays of the strict library on its second device refuse to become NumPy's.
@pytest.mark.parametrize("kind", ["strict on device1", "torch"])
@pytest.mark.parametrize(
    "estimator",
    [PCA(2), PCA(2, svd_solver="full"), PPCA(2), FactorAnalysis(2), MIXTURES[0]],
    ids=repr,
)
def test_no_array_as_large_as_the_data_goes_to_numpy(estimator, kind, converted):
    X = KINDS[kind](rows(20_000))
    n, p = X.shape
    weight = KINDS[kind](np.linspace(0, 1, n))
    start = 5000 * p if isinstance(estimator, GaussianMixture) else 0
    with config_context(array_api_dispatch=True):
        for sample_weight in (None, weight):
            clone(estimator).fit(X, sample_weight=sample_weight)
        found = clone(estimator).fit(X)
        assert max(converted) <= max(start, 3 * p * p)
        converted.clear()
        for name in QUERIES:
            if hasattr(found, name):
                getattr(found, name)(X)
        found.score(X)
        if hasattr(found, "transform"):
            found.inverse_transform(clone(found).fit_transform(X))
        else:
            clone(found).fit_predict(X)
        assert max(converted, default=0) <= max(start, 3 * p * p)
