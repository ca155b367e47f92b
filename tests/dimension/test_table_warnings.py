"""A table is warned of once, by whatever looks at it first."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from sklatent.decomposition import PCA
from sklatent.dimension import (
    DANCo,
    Gride,
    LevinaBickel,
    NeighborScaling,
    PCASpectrum,
    TwoNN,
)
from sklatent.exceptions import DiscreteDataWarning, DuplicateRowsWarning

SIX = [TwoNN, Gride, LevinaBickel, NeighborScaling, DANCo, PCASpectrum]


def with_duplicates(seed=0):
    X = np.random.RandomState(seed).normal(size=(200, 3))
    return np.vstack([X, X[:10]])


def categories(fit, *tables, action="always"):
    """Names of the warnings of fits, one after the other, whatever is shown of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        for table in tables:
            fit(table)
    return [warning.category for warning in caught]


@pytest.mark.parametrize("action", ["always", "default"])
@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame])
def test_six_estimators_on_one_table(kind, action):
    X, estimators = kind(with_duplicates()), [cls() for cls in SIX]

    def fit(X):
        for estimator in estimators:
            estimator.fit(X)

    assert categories(fit, X, action=action) == [DuplicateRowsWarning]
    assert [estimator.n_duplicates_ for estimator in estimators] == [10] * 6


def test_another_table_is_another_matter():
    one, other = with_duplicates(0), with_duplicates(1)
    found = categories(TwoNN().fit, one, one, other, other, one.copy())
    assert found == [DuplicateRowsWarning] * 3
    # A table that has changed since is not the same.
    one[20] = one[30]
    assert categories(TwoNN().fit, one) == [DuplicateRowsWarning]
    # Of lists Python cannot tell.
    assert categories(TwoNN().fit, *[one.tolist()] * 2) == [DuplicateRowsWarning] * 2


def test_an_error_is_one_every_time():
    X = with_duplicates()
    for _ in range(2):
        with pytest.raises(DuplicateRowsWarning, match="10 of 210 rows"):
            TwoNN().fit(X)
    assert categories(TwoNN().fit, X, X) == [DuplicateRowsWarning]


@pytest.mark.parametrize("cls", SIX[:5])
def test_ties_are_told_of_once(cls):
    X = np.unique(np.random.RandomState(0).normal(size=(1000, 4)).round(1), axis=0)
    assert categories(cls().fit, X) == [DiscreteDataWarning]
    assert categories(Gride(2).fit, X.copy()) == [DiscreteDataWarning]


def test_the_digits():
    """Images of 64 pixels with 17 levels."""
    X, _ = load_digits(return_X_y=True)
    assert categories(TwoNN().fit, X) == [DiscreteDataWarning]
    assert categories(PCA(TwoNN()).fit, X.copy()) == [DiscreteDataWarning]


def test_scaling_warns_once_and_as_it_is_told():
    X = with_duplicates()
    assert categories(TwoNN().scaling, X) == [DuplicateRowsWarning]
    assert categories(TwoNN().scaling, X, action="ignore") == []
    with pytest.raises(DuplicateRowsWarning):
        TwoNN().scaling(X)
