"""Stacking of densities: the weights against an optimizer, mass, samples, errors."""

import io

import numpy as np
import pytest
import sklearn.mixture
from scipy.optimize import minimize
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent.callback import ProgressLog
from sklatent.density import (
    GaussianMixture,
    KernelDensity,
    KNeighborsDensity,
    StackedDensity,
)
from sklatent.density.composite._stacked_density import stacking_weights
from sklatent.exceptions import RankDeficientWarning
from sklatent.utils._folds import folds_of_distinct_rows

MEMBERS = [
    ("one", GaussianMixture()),
    ("two", GaussianMixture(2, random_state=0)),
    ("kernels", KernelDensity("scott")),
]


def test_weights_are_those_of_an_optimizer():
    rng = np.random.RandomState(0)
    log_densities = rng.normal(size=(200, 4)) - [0, 0.2, 0.5, 3]
    row_weight = rng.uniform(size=200)
    weights, score = stacking_weights(log_densities, row_weight)

    def loss(logits):
        share = np.exp(logits - np.logaddexp.reduce(logits))
        return -row_weight @ np.log(np.exp(log_densities) @ share) / row_weight.sum()

    best = minimize(loss, np.zeros(4), tol=1e-12)
    assert abs(score + best.fun) < 1e-6
    share = np.exp(best.x - np.logaddexp.reduce(best.x))
    np.testing.assert_allclose(weights, share, atol=2e-3)


def test_out_of_fold_densities_by_hand():
    X = load_iris().data
    cv = KFold(3, shuffle=True, random_state=1)
    stack = StackedDensity(MEMBERS, cv=cv).fit(X)
    log_densities = np.empty((len(X), len(MEMBERS)))
    for train, test in cv.split(X):
        for m, (_, member) in enumerate(MEMBERS):
            log_densities[test, m] = member.fit(X[train]).score_samples(X[test])
    weights, score = stacking_weights(log_densities)
    np.testing.assert_allclose(stack.weights_, weights)
    assert np.isclose(stack.cv_score_, score)
    mixture = np.log(np.exp(log_densities) @ weights)
    np.testing.assert_allclose(stack.held_out_log_density_, mixture)
    # A vertex of the simplex is one member, so that the mixture is no worse.
    assert score >= log_densities.mean(axis=0).max() - 1e-6


def test_the_mass_is_one():
    X = np.random.RandomState(0).gamma(2, size=(200, 1))
    stack = StackedDensity(random_state=0).fit(X)
    grid = np.linspace(-20, 60, 40_001)
    mass = np.trapezoid(np.exp(stack.score_samples(grid[:, None])), grid)
    assert abs(mass - 1) < 1e-3


def test_samples_have_the_density():
    X = np.random.RandomState(0).gamma(2, size=(300, 1))
    stack = StackedDensity(MEMBERS, random_state=0).fit(X)
    drawn = np.sort(stack.sample(5000, random_state=0).ravel())
    grid = np.linspace(-10, 30, 40_001)
    density = np.exp(stack.score_samples(grid[:, None]))
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * 1e-3)])
    gap = np.abs(np.interp(drawn, grid, cdf) - (np.arange(5000) + 0.5) / 5000).max()
    # Kolmogorov's distance exceeds 1.95 / sqrt(n) once in a thousand times.
    assert gap < 1.95 / np.sqrt(5000)


def test_names_of_parameters_and_searches():
    X = load_iris().data
    stack = StackedDensity(MEMBERS, random_state=0)
    assert stack.get_params()["two__n_components"] == 2
    search = GridSearchCV(
        make_pipeline(StandardScaler(), stack),
        {"stackeddensity__two__n_components": [2, 3], "stackeddensity__one": ["drop"]},
    ).fit(X)
    best = search.best_estimator_[-1]
    assert list(best.named_estimators_) == ["two", "kernels"]
    assert len(best.weights_) == 2


def test_members_of_scikit_learn():
    X = load_iris().data
    members = [
        ("theirs", sklearn.mixture.GaussianMixture(2, random_state=0)),
        MEMBERS[2],
    ]
    stack = StackedDensity(members, random_state=0).fit(X)
    assert np.isfinite(stack.score(X))
    assert stack.sample(7, random_state=0).shape == (7, 4)


def test_missing_entries_where_the_members_take_them():
    X = load_iris().data.copy()
    X[::4, 1] = np.nan
    stack = StackedDensity(MEMBERS[:2], random_state=0).fit(X)
    assert np.isfinite(stack.score_samples(X)).all()
    with pytest.raises(ValueError, match="StackedDensity takes no missing entries"):
        StackedDensity(MEMBERS).fit(X)


def test_the_default_takes_missing_entries():
    X = load_iris().data[::4].copy()
    X[::4, 1] = np.nan
    stack = StackedDensity(random_state=0).fit(X)
    assert np.isfinite(stack.score_samples(X)).all()
    assert not [name for name in stack.named_estimators_ if "kernels" in name]


def test_integer_weights_are_repeated_rows():
    """Equal rows are in the same fold, so that the folds are the same too."""
    X = np.unique(load_iris().data, axis=0)
    weight = np.random.RandomState(0).randint(1, 4, len(X))
    members = [MEMBERS[0], MEMBERS[2]]
    weighted = StackedDensity(members, random_state=0).fit(X, sample_weight=weight)
    repeated = StackedDensity(members, random_state=0).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.weights_, repeated.weights_, atol=1e-6)
    np.testing.assert_allclose(
        weighted.score_samples(X), repeated.score_samples(X), atol=1e-5
    )


def test_equal_rows_stay_together():
    X = np.repeat([[0.0, np.nan], [-0.0, np.nan], [1.0, 2.0], [3.0, np.nan]], 5, axis=0)
    splits = folds_of_distinct_rows(X, 5, np.random.RandomState(0))
    tested = [set(test) for _, test in splits]
    assert sorted(tested, key=min) == [
        set(range(10)),
        set(range(10, 15)),
        set(range(15, 20)),
    ]
    for train, test in splits:
        assert set(train) == set(range(20)) - set(test)


def test_a_table_of_equal_rows_cannot_be_split():
    with pytest.raises(ValueError, match="constant in 9 samples, as are all others"):
        StackedDensity(MEMBERS).fit(np.ones((9, 2)))


def test_a_table_of_atoms_only():
    """Of cells of a lattice, some of which are left out with all of their rows."""
    X = np.random.RandomState(0).binomial(4, 0.5, size=(300, 2)).astype(float)
    stack = StackedDensity(random_state=0).fit(X)
    assert np.isfinite(stack.score_samples(X)).all()


def test_pipelines_are_refused_since_their_units_are_others():
    pipeline = make_pipeline(StandardScaler(), GaussianMixture())
    with pytest.raises(TypeError, match=r"'scaled' .* Use TransformedDensity"):
        StackedDensity([("scaled", pipeline)]).fit(load_iris().data)


def test_the_same_seed_gives_the_same_weights():
    X = load_iris().data
    a, b = (StackedDensity(random_state=3).fit(X).weights_ for _ in range(2))
    np.testing.assert_array_equal(a, b)


class Failing(GaussianMixture):
    """A member that fails."""

    def fit(self, X, y=None, sample_weight=None):
        raise RuntimeError("no luck")


class Nowhere(GaussianMixture):
    """A member without density at rows that it has not seen."""

    def score_samples(self, X):
        return np.full(len(X), -np.inf)


class Undefined(GaussianMixture):
    """A member that gives no numbers."""

    def score_samples(self, X):
        return np.full(len(X), np.nan)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            [("bad", Failing())],
            "member 'bad', a Failing, failed .* no luck",
        ),
        ([("none", "drop")], "must have a member that is not dropped"),
        ([MEMBERS[0], ("one", KernelDensity())], "Names provided are not unique"),
        ([("scaler", StandardScaler())], "'scaler' is StandardScaler"),
        ([("nowhere", Nowhere())], "log-density of -inf for all"),
        ([("nan", Undefined())], r"member 'nan', a Undefined, gave NaN"),
    ],
)
def test_bad_members(members, message):
    with pytest.raises(ValueError, match=message):
        StackedDensity(members).fit(load_iris().data)


def test_a_member_that_takes_no_weights_says_so():
    stack = StackedDensity([("near", KNeighborsDensity())])
    with pytest.raises(ValueError, match="sample_weight is not taken by near"):
        stack.fit(load_iris().data, sample_weight=np.ones(150))


def test_a_constant_column_is_set_aside():
    X = np.random.RandomState(0).normal(size=(100, 3))
    wide = np.column_stack([X[:, 0], np.full(100, 7.0), X[:, 1:]])
    stack = StackedDensity(MEMBERS, random_state=0).fit(X)
    with pytest.warns(RankDeficientWarning, match="feature 1 is constant"):
        with_constant = StackedDensity(MEMBERS, random_state=0).fit(wide)
    np.testing.assert_allclose(with_constant.weights_, stack.weights_)
    np.testing.assert_allclose(
        with_constant.score_samples(wide), stack.score_samples(X)
    )
    assert (with_constant.sample(9, random_state=0)[:, 1] == 7).all()
    # Laplace's rule of succession: a value that was seen in none of 100 rows.
    other = wide.copy()
    other[:, 1] = 8
    np.testing.assert_allclose(
        with_constant.score_samples(other), stack.score_samples(X) - np.log(101)
    )


def test_what_is_no_list_of_pairs():
    with pytest.raises(TypeError, match=r"list of \(name, density\) pairs"):
        StackedDensity([GaussianMixture()]).fit(load_iris().data)


@pytest.mark.scikit_learn_1_9
def test_the_fits_of_members_are_reported():
    stream = io.StringIO()
    stack = StackedDensity(MEMBERS, cv=3, random_state=0)
    stack.set_callbacks(ProgressLog(interval=0, stream=stream)).fit(load_iris().data)
    *lines, _ = stream.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"StackedDensity fit of a member {i}/12" for i in range(1, 13)
    ]
