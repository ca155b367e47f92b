"""Rows that are returned are data frames where `set_output` asks for them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone

from tests.instances import INSTANCES, cheap

ROWS_OUT = [
    cls
    for cls in INSTANCES
    if any(hasattr(cls, name) for name in ("sample", "impute", "inverse_transform"))
]
each_class = pytest.mark.parametrize("cls", ROWS_OUT, ids=lambda cls: cls.__name__)


def table():
    rng = np.random.RandomState(0)
    size = rng.normal(size=60)
    return pd.DataFrame(
        {
            "length": size + rng.normal(size=60),
            "single": (size * 2 + rng.normal(size=60)).astype(np.float32),
            "count": (10 + 3 * size + rng.normal(size=60)).astype(np.int32),
            "half": pd.array(np.round(20 + 3 * size), dtype="Int64"),
        },
        index=np.arange(60) + 100,
    )


@each_class
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_have_names_and_types(cls, library):
    X = table() if library == "pandas" else pl.from_pandas(table())
    estimator = clone(cheap(cls)).fit(X)
    types = list(map(str, X.dtypes))
    for method in ("sample", "inverse_transform", "impute", "sample_missing"):
        if not hasattr(estimator, method):
            continue
        argument = {
            "sample": 5,
            "inverse_transform": getattr(estimator, "transform", lambda X: X)(X),
        }.get(method, X)
        array = getattr(estimator, method)(argument)
        if isinstance(array, tuple):
            array = array[0]
        assert isinstance(array, np.ndarray)
        estimator.set_output(transform=library)
        frame = getattr(estimator, method)(argument)
        estimator.set_output(transform="default")
        frame = frame[0] if isinstance(frame, (list, tuple)) else frame
        assert type(frame) is type(X)
        assert list(frame.columns) == list(X.columns)
        if method != "inverse_transform":
            assert list(map(str, frame.dtypes)) == types
        else:
            np.testing.assert_array_equal(frame.to_numpy(), array)


@each_class
def test_arrays_in_arrays_out(cls):
    X = table().to_numpy(dtype=float)
    with sklearn.config_context(transform_output="pandas"):
        estimator = clone(cheap(cls)).fit(X)
        for method, argument in [("sample", 5), ("impute", X)]:
            if hasattr(estimator, method):
                found = getattr(estimator, method)(argument)
                found = found[0] if isinstance(found, tuple) else found
                assert isinstance(found, np.ndarray)


def test_missing_entries_are_filled_and_the_rest_stays():
    from sklatent.decomposition import PPCA
    from sklatent.density import GaussianMixture

    X = table()
    X.loc[103, "half"] = pd.NA
    X.loc[105, "length"] = np.nan
    for model in (PPCA(1), GaussianMixture()):
        filled = model.fit(X).set_output(transform="pandas").impute(X)
        assert filled.dtypes.equals(X.dtypes)
        assert filled.index.equals(X.index)
        assert filled.drop([103, 105]).equals(X.drop([103, 105]))
        expected = model.set_output(transform="default").impute(X)
        assert filled.loc[105, "length"] == expected[5, 0]
        assert filled.loc[103, "half"] == np.round(expected[3, 3])


def test_a_fit_to_an_array_forgets_the_names():
    from sklatent.decomposition import PCA

    pca = PCA(2).fit(table().astype(float)).set_output(transform="pandas")
    assert isinstance(pca.sample(2), pd.DataFrame)
    assert isinstance(pca.fit(table().to_numpy(float)).sample(2), np.ndarray)
