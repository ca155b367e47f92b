"""Features that are constant in `fit` are drawn and imputed as that constant."""

import numpy as np
import pytest

from sklatent.decomposition import PPCA, FactorAnalysis
from tests.decomposition.data import linear_gaussian, with_missing

# Values that a mean over 60 rows does not always hold to the last digit.
VALUES = {2: 0.1, 5: 1e8 + 0.1, 6: 0.0}
ESTIMATORS = {
    "closed form": (PPCA(2), 0.0),
    "em": (PPCA(2, method="em", random_state=0), 0.0),
    "em, missing": (PPCA(2, random_state=0), 0.2),
    "factors": (FactorAnalysis(2), 0.0),
    "factors, missing": (FactorAnalysis(2), 0.2),
}

# What is tested needs no end of EM, and hangs not on what is left for the noise.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklatent.exceptions.HeywoodWarning",
    "ignore::sklatent.exceptions.RankDeficientWarning",
)


def rows(share, shape=(60, 8), dtype=np.float64):
    """Rows with constant features, in which a share of the entries is missing."""
    X = linear_gaussian(*shape, 2)[0]
    X[:, list(VALUES)] = list(VALUES.values())
    return with_missing(X, share).astype(dtype)


@pytest.mark.parametrize("shape", [(60, 8), (9, 30)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_drawn_and_imputed_as_they_are(name, shape, dtype):
    estimator, share = ESTIMATORS[name]
    X = rows(share, shape, dtype)
    constant = np.isin(np.arange(shape[1]), list(VALUES))
    values = np.array(list(VALUES.values()), dtype=dtype)
    estimator.fit(X)
    draws = estimator.sample(40, random_state=0)
    assert (draws[:, constant].astype(dtype) == values).all()
    assert (draws[:, ~constant].std(axis=0) > 0).all()
    missing = np.random.RandomState(1).uniform(size=X.shape) < 0.5
    queries = np.where(missing, np.nan, rows(0.0, shape, dtype))
    imputed, std = estimator.impute(queries, return_std=True)
    assert (imputed[:, constant] == values).all()
    assert (std[:, constant] == 0).all()
    assert (std[:, ~constant] > 0)[missing[:, ~constant]].all()
    tables = estimator.sample_missing(queries, n_samples=3, random_state=0)
    assert (tables[:, :, constant] == values).all()


@pytest.mark.parametrize("cls", [PPCA, FactorAnalysis])
def test_observed_entries_stay(cls):
    """A row may differ from what was constant in `fit`."""
    model = cls(2, **{"method": "em"} if cls is PPCA else {}).fit(rows(0.0))
    queries = np.full((2, 8), np.nan)
    queries[0, 2] = 0.7
    assert model.impute(queries)[0, 2] == 0.7
    assert model.impute(queries)[1, 2] == 0.1
    assert model.sample_missing(queries, random_state=0)[0, 0, 2] == 0.7


@pytest.mark.parametrize("cls", [PPCA, FactorAnalysis])
def test_rows_of_no_weight_do_not_count(cls):
    X = rows(0.0)
    X[0, 2], weight = 5.0, np.ones(60)
    assert cls(2).fit(X).sample(30, random_state=0)[:, 2].std() > 0
    weight[0] = 0
    draws = cls(2).fit(X, sample_weight=weight).sample(30, random_state=0)
    assert (draws[:, 2] == 0.1).all()


def test_constant_in_all_batches():
    X = rows(0.0)
    X[30:, 6] = 2.0
    ppca = PPCA(2).partial_fit(X[:30])
    assert (ppca.sample(20, random_state=0)[:, 6] == 0).all()
    ppca.partial_fit(X[30:])
    draws = ppca.sample(20, random_state=0)
    assert (draws[:, 2] == 0.1).all()
    assert draws[:, 6].std() > 0
