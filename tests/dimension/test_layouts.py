"""The same numbers, however a table lies in memory."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from sklatent.dimension import (
    ESS,
    DANCo,
    Gride,
    LevinaBickel,
    NeighborScaling,
    PCASpectrum,
    TwoNN,
)

ESTIMATORS = [
    TwoNN(n_neighbors=5),
    Gride(),
    LevinaBickel(metric="cosine"),
    LevinaBickel(metric="manhattan"),
    NeighborScaling(),
    NeighborScaling(metric="correlation"),
    DANCo(3, max_dimension=4),
    ESS(5),
    PCASpectrum("variance_share", n_neighbors=5),
    PCASpectrum("parallel_analysis", n_permutations=3, random_state=0),
]


def strided(X):
    wide = np.full((2 * len(X), 3 * X.shape[1]), np.nan)
    wide[::2, 1::3] = X
    return wide[::2, 1::3]


def backwards(X):
    return np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def big_endian(X):
    return X.astype(X.dtype.newbyteorder(">"))


def data_frame(X):
    return pd.DataFrame({f"x{i}": column for i, column in enumerate(X.T)})


def polars_frame(X):
    return pl.DataFrame({f"x{i}": column for i, column in enumerate(X.T)})


LAYOUTS = [
    np.asfortranarray,
    strided,
    backwards,
    read_only,
    big_endian,
    data_frame,
    polars_frame,
]


def results(estimator, X):
    """All that is fitted, and what `transform` makes of the table."""
    fitted = clone(estimator).fit(X)
    found = {name: value for name, value in vars(fitted).items() if name[-1] == "_"}
    found.pop("feature_names_in_", None)
    if hasattr(fitted, "transform"):
        found["transform"] = fitted.transform(X)
    return found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value is None:
            assert found[name] is None
        else:
            np.testing.assert_allclose(found[name], value, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("n_features", [1, 9, 65])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.slow
def test_any_layout(estimator, n_features, tmp_path):
    if n_features == 1 and "metric" in estimator.get_params():
        # Of a single number the direction is its sign.
        estimator = clone(estimator).set_params(metric="chebyshev")
    X = np.random.RandomState(0).normal(3, 1, size=(60, n_features))
    expected = results(estimator, X)
    for layout in LAYOUTS:
        assert_same(results(estimator, layout(X)), expected)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert_same(results(estimator, mapped), expected)
    assert (mapped == X).all()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_any_layout_in_single_precision(estimator):
    X = np.random.RandomState(0).normal(3, 1, size=(60, 9)).astype(np.float32)
    expected = results(estimator, X)
    for layout in (np.asfortranarray, backwards, read_only, data_frame):
        assert_same(results(estimator, layout(X)), expected)


@pytest.mark.parametrize("cls", [TwoNN, Gride, LevinaBickel, NeighborScaling])
def test_precomputed_distances_in_any_layout(cls):
    X = np.random.RandomState(0).normal(size=(60, 3))
    D = np.linalg.norm(X[:, None] - X, axis=2)
    expected = results(cls(metric="precomputed"), D)
    for layout in LAYOUTS:
        assert_same(results(cls(metric="precomputed"), layout(D)), expected)
