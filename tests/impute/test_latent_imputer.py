"""Imputation against closed forms, scikit-learn's imputers and simulation."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.datasets import load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import sklatent.pipeline
from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, KernelDensity
from sklatent.impute import LatentImputer
from sklatent.neural import VAETransformer

NAN = np.nan


def table(n=300, share=0.2, seed=0):
    """Rows of a Gaussian, and the same with missing entries."""
    rng = np.random.RandomState(seed)
    A = rng.normal(size=(4, 4))
    X = rng.normal(size=(n, 4)) @ A + [0.0, 5.0, -3.0, 100.0]
    return X, np.where(rng.uniform(size=X.shape) < share, NAN, X)


def conditional_mean(row, mean, covariance):
    """E[x | observed entries] of one Gaussian."""
    m, o = np.isnan(row), ~np.isnan(row)
    slopes = np.linalg.solve(covariance[np.ix_(o, o)], covariance[np.ix_(o, m)])
    row = row.copy()
    row[m] = mean[m] + (row[o] - mean[o]) @ slopes
    return row


def test_default_is_the_conditional_mean_of_one_gaussian():
    _, X = table()
    imputer = LatentImputer().fit(X)
    (mean,), (covariance,) = imputer.estimator_.means_, imputer.estimator_.covariances_
    expected = [conditional_mean(row, mean, covariance) for row in X]
    imputed = imputer.transform(X)
    np.testing.assert_allclose(imputed, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(imputed[~np.isnan(X)], X[~np.isnan(X)])


def test_default_is_regularized_by_the_size_of_the_table():
    for n, share in ((100, 0.0), (1000, 0.0), (1000, 0.5)):
        X = table(n)[0]
        missing = np.random.RandomState(0).uniform(size=X.shape) < share
        model = LatentImputer().fit(np.where(missing, NAN, X)).estimator_
        both = n * (1 - missing.mean()) ** 2
        np.testing.assert_allclose(model.reg_covar_, 0.1 * 4 / both)
    assert LatentImputer().fit([[0.0, 1.0], [NAN, 3.0]]).estimator_.reg_covar_ < 1


def test_units_do_not_matter():
    _, X = table()
    scale, shift = np.array([1e-6, 1.0, 1e3, 1e6]), np.array([0.0, 1e4, 0.0, -1e8])
    imputed = LatentImputer().fit_transform(X)
    elsewhere = LatentImputer().fit_transform(X * scale + shift)
    std = np.nanstd(X, axis=0)
    difference = ((elsewhere - shift) / scale - imputed) / std
    # EM stops within tol of the largest likelihood; rounding takes it there otherwise.
    assert np.abs(difference).max() < 1e-5


# 2026-11: one factor for four columns.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.HeywoodWarning")
@pytest.mark.parametrize(
    "estimator",
    [
        PPCA(2),
        FactorAnalysis(1),
        GaussianMixture(2, random_state=0),
        VAETransformer(hidden_layer_sizes=(8,), max_epochs=2, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_model_that_imputes(estimator, dtype):
    X = table()[1].astype(dtype)
    imputer = LatentImputer(estimator, n_draws=2, random_state=0).fit(X)
    model = clone(estimator).fit(X)
    assert not hasattr(estimator, "n_features_in_")
    draws = imputer.transform_draws(X)
    imputed = imputer.set_params(n_draws=None).transform(X)
    np.testing.assert_array_equal(imputed, model.impute(X))
    for filled in (imputed, *draws):
        assert filled.dtype == dtype
        assert np.isfinite(filled).all()
        np.testing.assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])


def test_every_spelling_of_missing():
    _, X = table(50)
    expected = LatentImputer().fit_transform(X)
    names = list("abcd")
    frame = pd.DataFrame(X, columns=names)
    for same in (
        np.ma.masked_invalid(X),
        frame,
        frame.astype("Float64"),
        frame.astype(object).where(frame.notna(), None),
        pl.DataFrame(X, schema=names, nan_to_null=True),
        pl.DataFrame(X, schema=names),
        X.tolist(),
    ):
        np.testing.assert_array_equal(LatentImputer().fit_transform(same), expected)
    integers = np.arange(12).reshape(6, 2)
    imputed = LatentImputer().fit_transform(integers)
    assert imputed.dtype == np.float64
    np.testing.assert_array_equal(imputed, integers)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_data_frames(package):
    X = table(50)[1]
    X[:, 2] = np.abs(np.nan_to_num(X[:, 2]))
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"], index=np.arange(50) * 3)
    imputer = LatentImputer(add_indicator=True, n_draws=2, random_state=0)
    imputer.set_output(transform=package).fit(frame)
    peer = SimpleImputer(add_indicator=True).set_output(transform=package).fit(frame)
    np.testing.assert_array_equal(
        imputer.get_feature_names_out(), peer.get_feature_names_out()
    )
    tables = [imputer.transform(frame), *imputer.transform_draws(frame)]
    for filled in tables:
        assert type(filled) is type(peer.transform(frame))
        assert list(filled.columns) == list(peer.get_feature_names_out())
        np.testing.assert_array_equal(
            np.asarray(filled)[:, 4:], np.asarray(peer.transform(frame))[:, 4:]
        )
        if package == "pandas":
            assert (filled.index == frame.index).all()


def test_columns_without_an_observed_entry():
    X = table(50)[1]
    X[:, 1] = NAN
    for column in ("Columns [1]", "Columns ['b']"):
        given = X if "1" in column else pd.DataFrame(X, columns=list("abcd"))
        with pytest.warns(UserWarning) as caught:
            imputer = LatentImputer().fit(given)
        assert str(caught[0].message).startswith(f"{column} of X")
        assert imputer.transform(given).shape == (50, 3)
        names = imputer.get_feature_names_out()
        assert names.tolist() == (
            ["a", "c", "d"] if "b" in column else ["x0", "x2", "x3"]
        )
    kept = LatentImputer(keep_empty_features=True, add_indicator=True).fit(X)
    peer = SimpleImputer(keep_empty_features=True, add_indicator=True).fit(X)
    np.testing.assert_array_equal(
        kept.get_feature_names_out(), peer.get_feature_names_out()
    )
    imputed = kept.transform(X)
    np.testing.assert_array_equal(imputed[:, 1], 0)
    np.testing.assert_array_equal(imputed[:, 4:], peer.transform(X)[:, 4:])
    np.testing.assert_array_equal(
        imputed[:, [0, 2, 3]], imputer.transform(given.fillna(NAN))
    )
    with pytest.raises(ValueError, match="X must have an observed entry"):
        LatentImputer().fit(np.full((5, 2), NAN))


def test_rows_without_an_observed_entry_become_the_mean():
    X = table(50)[1]
    X[7] = NAN
    imputer = LatentImputer().fit(X)
    np.testing.assert_allclose(imputer.transform(X)[7], imputer.estimator_.means_[0])


def test_expectations_do_not_depend_on_other_rows():
    X = table()[1]
    imputer = LatentImputer().fit(X)
    together = imputer.transform(X)
    alone = np.concatenate([imputer.transform(row[None]) for row in X[:20]])
    np.testing.assert_allclose(alone, together[:20], rtol=1e-9)


def test_draws_come_from_the_seed_and_from_the_table():
    X = table()[1]
    missing = np.isnan(X)
    imputer = LatentImputer(n_draws=3, random_state=0).fit(X)
    drawn = imputer.transform(X)
    np.testing.assert_array_equal(drawn, imputer.transform(X))
    np.testing.assert_array_equal(drawn, clone(imputer).fit(X).transform(X))
    np.testing.assert_array_equal(drawn, imputer.transform(np.asfortranarray(X)))
    np.testing.assert_array_equal(
        drawn, pickle.loads(pickle.dumps(imputer)).transform(X)
    )
    first, again = imputer.transform_draws(X), imputer.transform_draws(X)
    assert isinstance(first, list)
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1])[missing].all()
    other = clone(imputer).set_params(random_state=1).fit(X).transform(X)
    assert (drawn != other)[missing].all()
    # Rows that come one by one do not share their random numbers.
    mean = imputer.set_params(n_draws=None).transform(X)
    imputer.set_params(n_draws=1)
    residuals = [
        (imputer.transform(row[None])[0] - expected)[np.isnan(row)]
        for row, expected in zip(X[:100], mean, strict=False)
    ]
    residuals = np.concatenate(residuals)
    assert len(np.unique(residuals.round(12))) == len(residuals)


def test_equal_rows_get_draws_of_their_own():
    """Independent ones, as the variance between tables needs them."""
    X = table()[0]
    imputer = LatentImputer(n_draws=1, random_state=0).fit(X)
    n = 4000
    row = [*X[0, :3], NAN]
    drawn = imputer.transform(np.tile(row, (n, 1)))[:, 3]
    assert len(np.unique(drawn)) == n
    _, std = imputer.estimator_.impute([row], return_std=True)
    # Four standard errors: a false alarm in 16,000 tests.
    assert abs(drawn.std() / std[0, 3] - 1) < 4 / np.sqrt(2 * n)


def test_imputed_entries_may_be_beyond_the_observed_ones():
    x = np.random.RandomState(0).normal(size=400)
    X = np.column_stack([x, x + 0.01 * np.sin(100 * x)])
    X[np.abs(x) > 1, 1] = NAN
    for n_draws in (None, 1):
        imputer = LatentImputer(n_draws=n_draws, random_state=0)
        imputed = imputer.fit_transform(X)[:, 1]
        assert imputed.min() < 2 * np.nanmin(X[:, 1]) < 0
        assert imputed.max() > 2 * np.nanmax(X[:, 1]) > 0


def test_without_draws():
    X = table(50)[1]
    with pytest.raises(ValueError, match="n_draws must be the number of tables"):
        LatentImputer().fit(X).transform_draws(X)

    class Means(SimpleImputer):
        def impute(self, X):
            return self.transform(X)

    assert LatentImputer(Means()).fit_transform(X).shape == (50, 4)
    with pytest.raises(ValueError, match="estimator must have sample_missing if n_dra"):
        LatentImputer(Means(), n_draws=2).fit(X)
    with pytest.raises(ValueError, match="'estimator' parameter of LatentImputer must"):
        LatentImputer(KernelDensity()).fit(X)


def test_pipelines_of_sklearn_are_told_of_ours():
    with pytest.raises(ValueError, match=r"pipeline.* is sklatent\.pipeline\.Pipeline"):
        LatentImputer(make_pipeline(StandardScaler(), PPCA())).fit(table()[1])
    ours = sklatent.pipeline.make_pipeline(StandardScaler(), PPCA(2))
    assert LatentImputer(ours).fit_transform(table()[1]).shape == (300, 4)


def test_scores_are_those_of_the_model():
    X, new = table(seed=0)[1], table(seed=1)[1]
    imputer = LatentImputer().fit(X)
    (mean,), (covariance,) = imputer.estimator_.means_, imputer.estimator_.covariances_
    expected = [
        multivariate_normal(mean[o], covariance[np.ix_(o, o)]).logpdf(row[o])
        for row, o in ((row, ~np.isnan(row)) for row in new if not np.isnan(row).all())
    ]
    observed = new[~np.isnan(new).all(axis=1)]
    np.testing.assert_allclose(imputer.score_samples(observed), expected, rtol=1e-8)
    np.testing.assert_allclose(imputer.score(observed), np.mean(expected))
    grid = {"estimator": [PPCA(1), None, GaussianMixture(reg_covar=1e6)]}
    search = GridSearchCV(LatentImputer(), grid, error_score="raise").fit(X)
    assert search.best_params_ == {"estimator": None}
    alone = [cross_val_score(model, X).mean() for model in grid["estimator"][::2]]
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_allclose(scores[::2], alone, rtol=1e-9)
    X[:, 3] = NAN
    with pytest.warns(UserWarning, match="no observed entry"):
        dropped = LatentImputer().fit(X)
    np.testing.assert_array_equal(
        dropped.score_samples(X), dropped.estimator_.score_samples(X[:, :3])
    )

    class Means(SimpleImputer):
        def impute(self, X):
            return self.transform(X)

    assert not hasattr(LatentImputer(Means()), "score")
    assert not hasattr(LatentImputer(Means()), "score_samples")


def interval(tables, column):
    """Estimate of a mean and the half width of its 95 % interval, by Rubin's rules."""
    m = len(tables)
    means = [t[:, column].mean() for t in tables]
    within = np.mean([t[:, column].var(ddof=1) / len(t) for t in tables])
    between = np.var(means, ddof=1) if m > 1 else 0.0
    return np.mean(means), 1.96 * np.sqrt(within + (1 + 1 / m) * between)


@pytest.mark.slow
def test_intervals_of_multiple_imputation_cover():
    """Of 200 tables, about 95 %; imputed once by expectations, far fewer.

    Entries are missing where another column is large, so that the mean of the observed
    ones is biased. The standard error of a share of .95 is .015, and .90 is more than
    three of them below. Of .80, which expectations have at most, it is .028.
    """
    covered = {"once": 0, "draws": 0}
    for seed in range(200):
        rng = np.random.RandomState(seed)
        X = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=150)
        X[(X[:, 0] > 0) & (rng.uniform(size=150) < 0.7), 1] = NAN
        imputer = LatentImputer(n_draws=20, random_state=seed).fit(X)
        tables = {"draws": imputer.transform_draws(X)}
        tables["once"] = [imputer.set_params(n_draws=None).transform(X)]
        for how, drawn in tables.items():
            mean, width = interval(drawn, 1)
            covered[how] += abs(mean) < width
    assert covered["draws"] / 200 > 0.90
    assert covered["once"] / 200 < 0.88


def test_in_a_grid_beside_the_imputers_of_scikit_learn():
    data = load_wine()
    rng = np.random.RandomState(0)
    X = np.where(rng.uniform(size=data.data.shape) < 0.3, NAN, data.data)
    pipeline = Pipeline(
        [
            ("impute", SimpleImputer()),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression()),
        ]
    )
    imputers = [
        KNNImputer(),
        IterativeImputer(random_state=0, max_iter=20, tol=1e-1),
        LatentImputer(),
        LatentImputer(n_draws=1, random_state=0),
    ]
    search = GridSearchCV(pipeline, {"impute": imputers}, cv=3, error_score="raise")
    search.fit(X, data.target)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[2] > 0.85
    grid = {"estimator__n_components": [1, 2], "add_indicator": [True, False]}
    inner = make_pipeline(LatentImputer(PPCA()), StandardScaler(), LogisticRegression())
    grid = {f"latentimputer__{name}": values for name, values in grid.items()}
    search = GridSearchCV(inner, grid, cv=3, error_score="raise").fit(X, data.target)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_in_a_column_transformer():
    X = pd.DataFrame(table(60)[1], columns=list("abcd"))
    X["kind"] = ["x", "y"] * 30
    columns = ColumnTransformer(
        [
            ("numbers", LatentImputer(), make_column_selector(dtype_include="number")),
            ("kinds", OneHotEncoder(sparse_output=False), ["kind"]),
        ],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    out = columns.fit_transform(X)
    assert list(out.columns) == [*"abcd", "kind_x", "kind_y"]
    np.testing.assert_array_equal(
        out[list("abcd")], LatentImputer().fit_transform(X[list("abcd")])
    )
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=1000))
    assert np.isfinite(cross_val_score(pipeline, X, X["kind"], cv=2)).all()


def test_bad_tables():
    X = table(50)[1]
    imputer = LatentImputer().fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but LatentImputer"):
        imputer.transform(X[:, :3])
    with pytest.raises(ValueError, match="Input X contains infinity"):
        LatentImputer().fit(np.where(X > 100, np.inf, X))
    frame = pd.DataFrame(X, columns=list("abcd"))
    imputer = LatentImputer().fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        imputer.transform(frame[list("bacd")])
    frame["kind"] = "x"
    with pytest.raises(ValueError, match="Column 'kind' of X must hold numbers"):
        LatentImputer().fit(frame)
