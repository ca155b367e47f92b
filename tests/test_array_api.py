"""Arrays of other libraries, with scikit-learn's option `array_api_dispatch`."""

import functools

import array_api_strict
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, KernelDensity, KNeighborsDensity
from sklatent.dimension import LevinaBickel, TwoNN
from sklatent.impute import LatentImputer
from sklatent.utils._lazy import BY_ROW
from tests.instances import COMPOSED, INSTANCES, cheap
from tests.test_common import muted
from tests.test_tables import small

try:
    with config_context(array_api_dispatch=True):
        pass
except ImportError as error:
    pytest.skip(
        f"array_api_dispatch needs array-api-compat with scikit-learn 1.6: {error}",
        allow_module_level=True,
    )

# 2026-11: the rows are clusters, which graphs of neighbors separate.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklatent.exceptions.DisconnectedGraphWarning"
)

KINDS = {
    "strict": lambda X: array_api_strict.asarray(X),
    "strict on device1": lambda X: array_api_strict.asarray(
        X, device=array_api_strict.Device("device1")
    ),
    "torch": torch.asarray,
}
if torch.cuda.is_available():
    KINDS["torch on a GPU"] = functools.partial(torch.asarray, device="cuda")
each_kind = pytest.mark.parametrize("kind", KINDS)

X = np.random.RandomState(0).normal(size=(60, 4)) + 8 * (np.arange(60)[:, None] % 3)


def as_numpy(x):
    if isinstance(x, torch.Tensor):
        return x.cpu().numpy()
    return np.asarray(x.to_device(array_api_strict.Device("CPU_DEVICE")))


def assert_same_kind(result, expected, like):
    """Arrays of the library and the device of others, with values from memory."""
    if isinstance(expected, tuple | list):
        for part, right in zip(result, expected, strict=True):
            assert_same_kind(part, right, like)
        return
    assert type(result) is type(like)
    assert result.device == like.device
    assert as_numpy(result).dtype == expected.dtype
    assert_allclose(as_numpy(result), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [
        PCA(),
        PPCA(),
        FactorAnalysis(),
        GaussianMixture(),
        KernelDensity(),
        KNeighborsDensity(),
        TwoNN(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("library", "device"),
    [
        ("array_api_strict", "CPU_DEVICE"),
        ("array_api_strict", "device1"),
        ("torch", "cpu"),
    ],
)
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.scikit_learn_1_9  # before, the check gives weights to all estimators
def test_scikit_learns_check(estimator, library, device, dtype, weights, monkeypatch):
    """All of the check but where fitted attributes are, which is in NumPy."""
    # 2026-11: scikit-learn 1.9 asks for them in the library of X; see the next test.
    monkeypatch.setattr(estimator_checks, "vars", lambda _: {}, raising=False)
    with muted(type(estimator)):
        estimator_checks.check_array_api_input(
            type(estimator).__name__,
            estimator,
            library,
            device,
            dtype,
            check_values=True,
            check_sample_weight=weights,
        )


@each_kind
@pytest.mark.parametrize("cls", INSTANCES, ids=lambda cls: cls.__name__)
def test_every_estimator_takes_them(cls, kind):
    """The methods return what they get; fitted attributes are arrays of NumPy."""
    estimator, other = small(cheap(cls)), KINDS[kind](X)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    with muted(cls):
        expected = clone(estimator).fit(X)
        with config_context(array_api_dispatch=True):
            fitted = clone(estimator).fit(other)
        for name, value in vars(expected).items():
            if isinstance(value, np.ndarray):
                assert isinstance(vars(fitted)[name], np.ndarray)
                assert_allclose(vars(fitted)[name], value, rtol=1e-6, err_msg=name)
        for name in sorted(BY_ROW):
            if not hasattr(fitted, name):
                continue
            rows = X if name != "inverse_transform" else expected.transform(X)
            right = getattr(expected, name)(rows)
            with config_context(array_api_dispatch=True):
                found = getattr(fitted, name)(KINDS[kind](rows))
            assert_same_kind(found, right, other)
        if hasattr(fitted, "score"):
            with config_context(array_api_dispatch=True):
                assert type(fitted.score(other)) is float
        for name in ("fit_transform", "fit_predict"):
            if hasattr(fitted, name):
                right = getattr(clone(estimator), name)(X)
                with config_context(array_api_dispatch=True):
                    found = getattr(clone(estimator), name)(other)
                assert_same_kind(found, right, other)


def test_mixtures_start_from_clusters():
    expected = GaussianMixture(3, random_state=0).fit(X)
    with config_context(array_api_dispatch=True):
        for rows in (X, torch.asarray(X)):
            fitted = GaussianMixture(3, random_state=0).fit(rows)
            assert_allclose(fitted.means_, expected.means_, rtol=1e-6)


@each_kind
def test_pipelines_take_them(kind):
    for pipeline in COMPOSED:
        expected = clone(pipeline).fit(X)
        with config_context(array_api_dispatch=True):
            fitted = clone(pipeline).fit(KINDS[kind](X))
            scores = fitted.score_samples(KINDS[kind](X))
        assert_same_kind(scores, expected.score_samples(X), KINDS[kind](X))


# 2026-11: scikit-learn's scaler divides 0 by 0 in the strict library.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@each_kind
@pytest.mark.scikit_learn_1_9  # before 1.8 the scaler takes arrays of NumPy only
def test_pipelines_of_scikit_learn_take_them(kind):
    pipeline = make_pipeline(StandardScaler(), PCA(2))
    expected = clone(pipeline).fit_transform(X)
    with config_context(array_api_dispatch=True):
        found = pipeline.fit_transform(KINDS[kind](X))
        assert_same_kind(pipeline.transform(KINDS[kind](X)), expected, KINDS[kind](X))
    assert_same_kind(found, expected, KINDS[kind](X))


@each_kind
def test_a_model_takes_rows_of_any_library(kind):
    """Whichever it was fitted to."""
    model = PCA(2).fit(X)
    with config_context(array_api_dispatch=True):
        assert_same_kind(
            model.transform(KINDS[kind](X)), model.transform(X), KINDS[kind](X)
        )
        assert isinstance(clone(model).fit(KINDS[kind](X)).transform(X), np.ndarray)


def test_weights_of_another_library_than_the_rows():
    weight = np.arange(60) % 3
    expected = PCA(2).fit(X, sample_weight=weight)
    with config_context(array_api_dispatch=True):
        for rows, weights in [
            (X, torch.asarray(weight)),
            (torch.asarray(X), weight),
            (array_api_strict.asarray(X), torch.asarray(weight)),
        ]:
            fitted = PCA(2).fit(rows, sample_weight=weights)
            assert_allclose(fitted.components_, expected.components_)


def test_lists_of_tables():
    rows = X.copy()
    rows[::3, 0] = np.nan
    imputer = LatentImputer(n_draws=2, random_state=0).fit(rows)
    with config_context(array_api_dispatch=True):
        tables = imputer.transform_draws(torch.asarray(rows))
    assert [type(table) for table in tables] == [torch.Tensor] * 2


def test_frames_stay_what_was_asked_for():
    pca = PCA(2).set_output(transform="pandas").fit(X)
    with config_context(array_api_dispatch=True):
        assert isinstance(pca.transform(torch.asarray(X)), pd.DataFrame)


@pytest.mark.parametrize("estimator", [PCA(2), LevinaBickel()], ids=repr)
def test_without_the_option_arrays_become_those_of_numpy(estimator):
    with muted(type(estimator)):
        fitted = estimator.fit(torch.asarray(X))
        assert isinstance(fitted.transform(torch.asarray(X)), np.ndarray)
