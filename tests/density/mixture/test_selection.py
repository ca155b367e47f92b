"""The number of components against SciPy, explicit folds and known mixtures."""

import io

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    train_test_split,
)
from sklearn.preprocessing import scale

from sklatent.callback import LossMonitor, ProgressLog
from sklatent.density import GaussianMixture
from tests.density.mixture.mixtures import COVARIANCE_TYPES, three_groups, with_missing

CRITERIA = ["bic", "aic", "icl", "cv"]


def far_groups(n=600):
    return three_groups(n, separation=6.0)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_criteria_by_their_formulas(covariance_type):
    """3 components of 3 features: 2 weights, 9 means, and the covariances."""
    X = three_groups()
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    n_covariance = {"full": 18, "tied": 6, "diag": 9, "spherical": 3, "tied_diag": 3}
    d = 2 + 9 + n_covariance[covariance_type]
    fit = -2 * mixture.score_samples(X).sum()
    bic = d * np.log(len(X)) + fit
    icl = bic + 2 * entropy(mixture.predict_proba(X), axis=1).sum()
    np.testing.assert_allclose(mixture.aic(X), 2 * d + fit, rtol=1e-12)
    np.testing.assert_allclose(mixture.bic(X), bic, rtol=1e-12)
    np.testing.assert_allclose(mixture.icl(X), icl, rtol=1e-12)


@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.parametrize("criterion", ["bic", "aic", "icl"])
@pytest.mark.slow
def test_the_same_as_fitting_one_by_one(criterion, incomplete):
    X = with_missing(far_groups(), 0.1) if incomplete else far_groups()
    numbers = [1, 2, 3, 4, 5]
    ours = GaussianMixture(numbers, criterion=criterion, random_state=0).fit(X)
    each = [GaussianMixture(k, random_state=0).fit(X) for k in numbers]
    values = [getattr(mixture, criterion)(X) for mixture in each]
    np.testing.assert_array_equal(ours.candidate_n_components_, numbers)
    np.testing.assert_allclose(ours.criterion_values_, values, rtol=1e-12)
    best = each[int(np.argmin(values))]
    assert ours.n_components_ == best.n_components_ == best.n_components
    np.testing.assert_array_equal(ours.means_, best.means_)
    assert ours.lower_bounds_ == best.lower_bounds_


@pytest.mark.slow
def test_cross_validation_against_cross_val_score():
    X = far_groups()
    numbers, cv = [1, 2, 3, 4, 5], KFold(4, shuffle=True, random_state=0)
    ours = GaussianMixture(numbers, criterion="cv", cv=cv, random_state=0).fit(X)
    values = [
        cross_val_score(GaussianMixture(k, random_state=0), X, cv=cv).mean()
        for k in numbers
    ]
    # Folds are of equal size here, so that means of means are means.
    np.testing.assert_allclose(ours.criterion_values_, values, rtol=1e-12)
    assert ours.n_components_ == numbers[int(np.argmax(values))]


@pytest.mark.parametrize("criterion", ["bic", "icl"])
def test_the_number_of_groups_is_found(criterion):
    """BIC and ICL are consistent; groups 6 apart leave them no doubt."""
    for seed in range(3):
        X = three_groups(900, seed=seed, separation=6.0)
        mixture = GaussianMixture(range(1, 7), criterion=criterion, random_state=0)
        assert mixture.fit(X).n_components_ == 3


def test_icl_does_not_split_one_group_for_its_shape():
    """A uniform square takes several Gaussians, which nothing tells apart."""
    X = np.random.default_rng(0).uniform(size=(2000, 2))
    numbers = [1, 4, 20]
    by_bic = GaussianMixture(numbers, random_state=0).fit(X)
    by_icl = GaussianMixture(numbers, criterion="icl", random_state=0).fit(X)
    assert by_icl.n_components_ == 1
    assert by_bic.n_components_ == 4


# AIC has no end here, and says so.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("criterion", ["bic", "aic", "icl"])
def test_integer_weights_are_repeated_rows(criterion):
    X = far_groups()
    w = np.random.default_rng(0).integers(0, 3, size=len(X))
    mixture = GaussianMixture(
        [1, 2, 3, 4], criterion=criterion, random_state=0, tol=1e-6, max_iter=1000
    )
    weighted = mixture.fit(X, sample_weight=w).criterion_values_
    repeated = mixture.fit(np.repeat(X, w, axis=0)).criterion_values_
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)


def test_weights_of_rows_left_out_count():
    X = far_groups()
    w = np.random.default_rng(0).gamma(1.0, size=len(X))
    ours = GaussianMixture([2, 3, 4], criterion="cv", cv=3, random_state=0).fit(
        X, sample_weight=w
    )
    for k, value in zip([2, 3, 4], ours.criterion_values_, strict=True):
        scores = np.empty(len(X))
        for train, test in KFold(3, shuffle=True, random_state=0).split(X):
            fold = GaussianMixture(k, random_state=0)
            fold.fit(X[train], sample_weight=w[train])
            scores[test] = fold.score_samples(X[test])
        np.testing.assert_allclose(value, np.average(scores, weights=w), rtol=1e-12)


def test_the_end_of_the_list_is_told():
    X = far_groups()
    with pytest.warns(ConvergenceWarning, match="largest number of components, 2"):
        GaussianMixture([1, 2], random_state=0).fit(X)
    with pytest.warns(ConvergenceWarning, match="'cv' is best at the largest"):
        GaussianMixture([2, 1], criterion="cv", random_state=0).fit(X)
    GaussianMixture([2], random_state=0).fit(X)  # one number is no choice


@pytest.mark.parametrize(
    "n_components", [range(1, 5), (4, 3, 2, 1), np.arange(1, 5), [1, 2, 2, 3, 4]]
)
def test_any_array_of_numbers(n_components):
    mixture = clone(GaussianMixture(n_components, random_state=0)).fit(far_groups())
    np.testing.assert_array_equal(mixture.candidate_n_components_, [1, 2, 3, 4])
    assert type(mixture.n_components_) is int
    one = mixture.set_params(n_components=2).fit(far_groups())
    assert one.n_components_ == 2
    assert not hasattr(one, "criterion_values_")


@pytest.mark.parametrize("n_components", [[], [0, 1], [1.5], ["a"], [[1, 2]]])
def test_what_is_no_number_of_components(n_components):
    mixture = GaussianMixture(n_components)
    with pytest.raises(ValueError, match="positive integer or a non-empty list"):
        mixture.fit(far_groups())
    assert not hasattr(mixture, "means_")


def test_more_candidates_than_rows():
    with pytest.raises(ValueError, match=r"\[1, 10\], the number of rows; got 11"):
        GaussianMixture([1, 11]).fit(far_groups()[:10])


def test_in_a_grid_search_beside_single_numbers():
    search = GridSearchCV(
        GaussianMixture(random_state=0), {"n_components": [1, range(1, 5)]}, cv=3
    ).fit(far_groups())
    assert search.best_estimator_.n_components_ == 3
    assert search.best_params_ == {"n_components": range(1, 5)}


def test_resumes_with_the_number_chosen():
    X = far_groups()
    mixture = GaussianMixture(range(1, 5), random_state=0, warm_start=True).fit(X)
    assert mixture.fit(X).n_components_ == 3
    assert mixture.partial_fit(X[:50]).n_components_ == 3
    first = GaussianMixture(range(1, 5), random_state=0).partial_fit(X)
    assert first.n_components_ == 3


def test_parts_of_a_mixture_whose_size_was_chosen():
    mixture = GaussianMixture(range(1, 5), random_state=0).fit(far_groups())
    pair = mixture.marginal([0, 1])
    assert pair.n_components == pair.n_components_ == 3
    assert np.isfinite(pair.sample(5, random_state=0)).all()


@pytest.mark.scikit_learn_1_9
def test_callbacks_see_all_candidates():
    monitor = LossMonitor()
    mixture = GaussianMixture([1, 2, 3, 4], criterion="cv", random_state=0)
    mixture.set_callbacks(monitor).fit(far_groups())
    n_steps = sum(
        GaussianMixture(k, random_state=0).fit(far_groups()).n_iter_
        for k in (1, 2, 3, 4)
    )
    assert len(monitor.get_logs().data) == n_steps


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_choice_on_wine_is_no_worse_than_one_component():
    """Components of a few rows in 13 dimensions once held out at -300 nats and less."""
    for seed in range(3):
        train, test = train_test_split(scale(load_wine().data), random_state=seed)
        one = GaussianMixture().fit(train).score(test)
        chosen = GaussianMixture(range(1, 21), random_state=0).fit(train)
        assert chosen.score(test) >= one - 0.5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_outliers_are_ranked_after_a_choice():
    rng = np.random.RandomState(0)
    X, y = load_breast_cancer(return_X_y=True)
    malignant = rng.permutation(np.flatnonzero(y == 0))[:40]
    X = scale(np.vstack([X[y == 1], X[malignant]]))
    outlier = np.arange(len(X)) >= len(X) - 40
    scores = GaussianMixture(range(1, 9), random_state=0).fit(X).score_samples(X)
    assert roc_auc_score(outlier, -scores) > 0.85


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_choice_with_missing_entries_is_no_worse_than_one_component():
    train, test = train_test_split(scale(load_diabetes().data), random_state=0)
    train = with_missing(train, 0.2)
    one = GaussianMixture().fit(train).score(test)
    chosen = GaussianMixture(range(1, 9), random_state=0).fit(train)
    assert chosen.score(test) >= one - 0.1


def test_mixtures_that_rest_on_the_floor_are_left_out():
    X = train_test_split(scale(load_wine().data), random_state=0)[0]
    with pytest.warns(ConvergenceWarning, match=r"\[17\] with reg_covar=1e-06 and cov"):
        mixture = GaussianMixture([1, 2, 17], random_state=0).fit(X)
    # Such a component has an eigenvalue at the floor, and BIC would have taken it.
    rest = GaussianMixture(17, random_state=0).fit(X)
    assert np.linalg.eigvalsh(rest.covariances_).min() < 2e-6
    assert mixture.criterion_values_.argmin() == 2
    assert mixture.n_components_ < 17
    with pytest.warns(ConvergenceWarning, match="all have a component"):
        assert GaussianMixture([18, 20], random_state=0).fit(X).n_components_ == 18


def test_a_floor_of_the_data_is_not_one_of_the_mixture():
    """A column that is copied, and a constant one, have every mixture at the floor."""
    X = far_groups()
    X = np.column_stack([X, X[:, 0], np.ones(len(X))])
    assert GaussianMixture(range(1, 6), random_state=0).fit(X).n_components_ == 3


@pytest.mark.parametrize("criterion", CRITERIA)
def test_no_criterion_falls_for_ties(criterion):
    """A component on one count has infinite density there, for rows left out too."""
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.normal(size=(400, 2)), rng.poisson(1.0, size=400)])
    mixture = GaussianMixture(range(1, 9), criterion=criterion, random_state=0)
    with pytest.warns(ConvergenceWarning, match="are left out of the choice"):
        mixture.fit(X)
    variances = np.linalg.eigvalsh(mixture.covariances_)
    assert variances.min() > 2e-6 * X.var(axis=0).max()


def test_the_floor_is_relative_to_the_data():
    X = scale(load_wine().data)
    units = 10.0 ** np.linspace(-6, 6, X.shape[1])
    with pytest.warns(ConvergenceWarning, match="are left out of the choice"):
        a = GaussianMixture([1, 2, 20], random_state=0).fit(X)
    with pytest.warns(ConvergenceWarning, match="are left out of the choice"):
        b = GaussianMixture([1, 2, 20], random_state=0).fit(X * units)
    assert a.n_components_ == b.n_components_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lists_of_several_parameters_are_tried_together():
    X = load_iris().data
    cv = KFold(3, shuffle=True, random_state=1)
    grid = {
        "covariance_type": ["full", "tied"],
        "reg_covar": [1e-6, 0.1],
        "n_components": [1, 2, 3],
    }
    ours = GaussianMixture(**grid, criterion="cv", cv=cv, random_state=0).fit(X)
    search = GridSearchCV(GaussianMixture(random_state=0), grid, cv=cv).fit(X)
    np.testing.assert_allclose(
        ours.criterion_values_, search.cv_results_["mean_test_score"]
    )
    assert ours.covariance_type_ == search.best_params_["covariance_type"]
    assert ours.reg_covar_ == search.best_params_["reg_covar"]
    assert ours.n_components_ == search.best_params_["n_components"]
    np.testing.assert_allclose(ours.covariances_, search.best_estimator_.covariances_)


def test_the_shape_of_covariances_is_found():
    rng = np.random.RandomState(0)
    X = np.vstack([rng.normal(size=(300, 3)), rng.normal(5, 1, size=(300, 3))])
    kinds = ["full", "tied", "diag", "spherical"]
    mixture = GaussianMixture([1, 2], covariance_type=kinds, random_state=0)
    with pytest.warns(ConvergenceWarning, match="largest number"):
        assert mixture.fit(X).covariance_type_ == "spherical"
    assert mixture.marginal([0]).covariance_type == "spherical"
    assert mixture.set_params(warm_start=True).fit(X).covariance_type_ == "spherical"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"reg_covar": []}, "reg_covar must be a number of at least 0 or a non-empty"),
        ({"reg_covar": [0.1, -1]}, "reg_covar must be a number of at least 0"),
        ({"covariance_type": ["full", "round"]}, "covariance_type must be one of"),
    ],
)
def test_what_is_no_list_of_values(parameters, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**parameters).fit(far_groups())


def test_sorted_rows_are_shuffled_into_folds():
    """Without a shuffle each of five folds of these rows is a cluster of its own."""
    X = np.repeat(np.arange(5.0), 40)[:, None] * 10
    X += np.random.RandomState(0).normal(size=X.shape)
    mixture = GaussianMixture([1, 5, 9], criterion="cv", random_state=0).fit(X)
    assert mixture.n_components_ == 5


@pytest.mark.scikit_learn_1_9
def test_the_fits_of_folds_are_reported():
    stream = io.StringIO()
    mixture = GaussianMixture([2, 3, 4], criterion="cv", cv=3, random_state=0)
    mixture.set_callbacks(ProgressLog(interval=0, stream=stream)).fit(far_groups())
    *lines, _, _ = stream.getvalue().splitlines()
    of_folds = [i for i, line in enumerate(lines) if "fit of a fold" in line]
    assert len(of_folds) == 9
    # After all of EM, of which each candidate may take 100 steps.
    assert of_folds[-1] == len(lines) - 1
    assert lines[-1].startswith(f"GaussianMixture fit of a fold {len(lines)}/309, ")
