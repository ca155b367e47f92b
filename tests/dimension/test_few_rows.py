"""Fewer rows than neighbors are asked for: as many as there are."""

import numpy as np
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
from sklatent.exceptions import DuplicateRowsWarning, FewRowsWarning

# Asked for, what 9 distinct rows have, and the parameter that the warning names.
CASES = [
    (LevinaBickel(4, 30), LevinaBickel(4, 8), "max_neighbors"),
    (LevinaBickel(), LevinaBickel(8, 8), "max_neighbors"),
    (NeighborScaling(), NeighborScaling(8), "n_neighbors"),
    (DANCo(8), DANCo(7), "n_neighbors"),
    (ESS(), ESS(8), "n_neighbors"),
    (TwoNN(n_neighbors=30), TwoNN(n_neighbors=8), "n_neighbors"),
    (Gride(5), Gride(4), "n1"),
    (PCASpectrum(n_neighbors=9), PCASpectrum(n_neighbors=8), "n_neighbors"),
]


def nine_rows():
    return np.random.RandomState(0).normal(size=(9, 3))


def results(fitted, X):
    names = ("dimension_", "dimension_std_", "confidence_interval_")
    found = [np.ravel(getattr(fitted, name)) for name in names]
    if hasattr(fitted, "transform"):
        found += [fitted.local_dimension_[:9], fitted.transform(X + 0.1).ravel()]
    return np.concatenate(found)


@pytest.mark.parametrize(("asked", "used", "name"), CASES, ids=repr)
def test_the_same_as_asking_for_what_there_is(asked, used, name):
    X = nine_rows()
    value = getattr(used, name)
    needs = f"^{name}={getattr(asked, name)} needs more rows than the 9 distinct ones"
    with pytest.warns(
        FewRowsWarning, match=rf"{needs}; {name}={value} is used\.$"
    ) as w:
        asked.fit(X)
    assert len(w) == 1
    np.testing.assert_array_equal(results(asked, X), results(used.fit(X), X))
    for fitted in (asked, used):
        assert getattr(fitted, f"{name}_") == value
    if name == "max_neighbors":
        assert asked.min_neighbors_ == used.min_neighbors_ == used.min_neighbors
    # The parameter stays what it was, and more rows make use of it.
    more = np.random.RandomState(1).normal(size=(60, 3))
    assert getattr(asked.fit(more), f"{name}_") == getattr(asked, name)


@pytest.mark.parametrize(("asked", "used", "name"), CASES, ids=repr)
def test_rows_that_repeat_others_are_no_neighbors(asked, used, name):
    X = nine_rows()
    with pytest.warns(FewRowsWarning), pytest.warns(DuplicateRowsWarning):
        asked.fit(np.repeat(X, 7, axis=0))
    assert getattr(asked, f"{name}_") == getattr(used, name)
    assert asked.dimension_ == pytest.approx(used.fit(X).dimension_, rel=1e-12)


@pytest.mark.parametrize(
    ("estimator", "n_needed"),
    [
        (LevinaBickel(), 4),
        (NeighborScaling(), 4),
        (DANCo(), 5),
        (ESS(), 4),
        (TwoNN(), 3),
        (TwoNN(n_neighbors=9), 3),
        (Gride(7), 3),
        (PCASpectrum(n_neighbors=9), 3),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.FewRowsWarning")
def test_the_fewest_rows(estimator, n_needed):
    X = np.repeat(nine_rows()[:n_needed], 3, axis=0)
    with pytest.warns(DuplicateRowsWarning):
        fitted = clone(estimator).fit(X)
    assert 0 < fitted.dimension_ < np.inf
    too_few = (
        rf"at least {n_needed} distinct rows; got n_samples={3 * n_needed - 3}, of "
    )
    with (
        pytest.warns(DuplicateRowsWarning),
        pytest.raises(ValueError, match=too_few + f"which {n_needed - 1} are"),
    ):
        estimator.fit(X[3:])
    assert not hasattr(estimator, "dimension_")
