"""Pipelines as models of their input: closed forms, TransformedDensity, simulation."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.decomposition
import sklearn.mixture
import sklearn.pipeline
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity as KernelDensityOfSklearn
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import (
    GaussianMixture,
    KernelDensity,
    NormalScoreTransformer,
    TransformedDensity,
)
from sklatent.manifold import Isomap
from sklatent.neural import AETransformer, VAETransformer
from sklatent.pipeline import Pipeline, make_pipeline
from tests.instances import COMPOSED

NAN = np.nan
# scikit-learn's pipelines fit their steps, which are parameters, and so do these: the
# same two checks are expected to fail in scikit-learn's own tests.
AS_IN_SKLEARN = {
    "check_dont_overwrite_parameters": "the steps themselves are fitted",
    "check_estimators_overwrite_params": "the steps themselves are fitted",
}


def table(n=400, seed=0):
    """Positive rows, skewed, in different units."""
    rng = np.random.RandomState(seed)
    A = rng.normal(size=(3, 3))
    Z = rng.normal(size=(n, 3)) @ A
    return np.exp(0.3 * Z) * [1.0, 100.0, 1e4]


def with_missing(X, share=0.3):
    missing = np.random.RandomState(1).uniform(size=X.shape) < share
    return np.where(missing, NAN, X)


@parametrize_with_checks(COMPOSED, expected_failed_checks=lambda _: AS_IN_SKLEARN)
def test_checks_of_sklearn(estimator, check):
    check(estimator)


# Densities


@pytest.mark.parametrize(
    "transformer",
    [
        StandardScaler(),
        RobustScaler(),
        MinMaxScaler(),
        MaxAbsScaler(),
        PowerTransformer(),
        PowerTransformer("box-cox"),
        QuantileTransformer(n_quantiles=20, output_distribution="normal"),
        PCA(whiten=True),
        sklearn.decomposition.PCA(),
        NormalScoreTransformer(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("frames", [False, True])
def test_scores_are_those_of_transformed_density(transformer, frames):
    X, new = table(), table(50, seed=1)
    expected = TransformedDensity(transformer, GaussianMixture()).fit(X)
    pipeline = make_pipeline(clone(transformer), GaussianMixture())
    given = new
    if frames:
        X, given = (pd.DataFrame(rows, columns=list("abc")) for rows in (X, new))
        pipeline.set_output(transform="pandas")
    pipeline.fit(X)
    log_density = pipeline.score_samples(given)
    np.testing.assert_allclose(log_density, expected.score_samples(new), rtol=1e-10)
    assert type(pipeline.score(given)) is float
    assert pipeline.score(given) == np.mean(log_density)
    assert log_density.dtype == np.float64


@pytest.mark.parametrize("frames", ["pandas", "polars"])
def test_scores_of_frames_in_every_container(frames):
    X = table()
    package = pd if frames == "pandas" else pl
    frame = package.DataFrame(dict(zip("abc", X.T, strict=True)))
    steps = [PowerTransformer(), StandardScaler(), PPCA(2)]
    plain = make_pipeline(*map(clone, steps)).fit(X)
    framed = make_pipeline(*steps).set_output(transform=frames).fit(frame)
    np.testing.assert_allclose(
        framed.score_samples(frame), plain.score_samples(X), rtol=1e-10
    )


def test_closed_form_of_a_gaussian():
    """A Gaussian does not change if columns are scaled."""
    X = table()
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(reg_covar=0)).fit(X)
    gaussian = multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True))
    np.testing.assert_allclose(pipeline.score_samples(X), gaussian.logpdf(X), rtol=1e-9)
    # scikit-learn's is off by the logarithms of the scales.
    theirs = sklearn.pipeline.make_pipeline(*map(clone, dict(pipeline.steps).values()))
    difference = theirs.fit(X).score_samples(X) - pipeline.score_samples(X)
    np.testing.assert_allclose(difference, np.log(X.std(axis=0)).sum(), rtol=1e-9)


def test_scores_of_observed_entries():
    X = table()
    rows = with_missing(X)
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(reg_covar=0)).fit(X)
    mean, covariance = X.mean(axis=0), np.cov(X.T, bias=True)
    for row, log_density in zip(rows, pipeline.score_samples(rows), strict=True):
        o = ~np.isnan(row)
        expected = 0.0
        if o.any():
            gaussian = multivariate_normal(mean[o], covariance[np.ix_(o, o)])
            expected = gaussian.logpdf(row[o])
        assert abs(log_density - expected) < 1e-8


@pytest.mark.parametrize("dtype", ["Float64", "Int64", object])
def test_every_spelling_of_missing(dtype):
    X = pd.DataFrame(table().round(), columns=list("abc"))
    gaps = pd.DataFrame(with_missing(X.to_numpy()), columns=list("abc"))
    given = gaps.astype("Float64" if dtype is object else dtype).astype(dtype)
    assert given.isna().sum().sum() > 100
    assert given.iloc[:20].isin([pd.NA]).any().any()
    pipeline = make_pipeline(StandardScaler(), PowerTransformer(), GaussianMixture())
    pipeline.fit(X)
    expected = pipeline.score_samples(gaps)
    np.testing.assert_allclose(pipeline.score_samples(given), expected, rtol=1e-12)
    assert pipeline.score(given) == np.mean(expected)
    np.testing.assert_array_equal(pipeline.impute(given), pipeline.impute(gaps))


def test_precision_and_weights():
    X = table().astype(np.float32)
    pipeline = make_pipeline(StandardScaler(), GaussianMixture()).fit(X)
    assert pipeline.score_samples(X).dtype == np.float32
    weight = np.random.RandomState(0).randint(3, size=len(X))
    repeated = np.repeat(X, weight, axis=0)
    np.testing.assert_allclose(
        pipeline.score(X, sample_weight=weight), pipeline.score(repeated), rtol=1e-6
    )


@pytest.mark.parametrize(
    "model",
    [
        PCA(2),
        PPCA(1),
        FactorAnalysis(1),
        VAETransformer(hidden_layer_sizes=(4,), max_epochs=1, random_state=0),
        KernelDensity("scott"),
        sklearn.decomposition.PCA(2),
        sklearn.mixture.GaussianMixture(),
        KernelDensityOfSklearn(),
    ],
    ids=lambda model: f"{type(model).__module__.split('.')[0]} {type(model).__name__}",
)
# 2026-11: one factor for few columns.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.HeywoodWarning")
def test_every_density_is_in_units_of_the_input(model):
    X = table()
    ours = make_pipeline(StandardScaler(), clone(model)).fit(X)
    theirs = sklearn.pipeline.make_pipeline(StandardScaler(), clone(model)).fit(X)
    np.testing.assert_allclose(
        theirs.score_samples(X) - ours.score_samples(X),
        np.log(X.std(axis=0)).sum(),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "model",
    [
        IsolationForest(random_state=0),
        AETransformer(hidden_layer_sizes=(4,), max_epochs=1, random_state=0),
        Isomap(n_neighbors=10),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_no_density_is_left_to_sklearn(model):
    X = table()
    ours = make_pipeline(StandardScaler(), clone(model)).fit(X)
    theirs = sklearn.pipeline.make_pipeline(StandardScaler(), clone(model)).fit(X)
    np.testing.assert_array_equal(ours.score_samples(X), theirs.score_samples(X))
    assert not hasattr(ours, "sample")
    if hasattr(theirs, "score"):
        assert ours.score(X) == theirs.score(X)


def test_classifiers_are_left_to_sklearn():
    X = table()
    y = X[:, 0] > 1
    pipeline = make_pipeline(StandardScaler(), PPCA(2), LogisticRegression()).fit(X, y)
    theirs = sklearn.pipeline.Pipeline(pipeline.steps)
    assert pipeline.score(X, y) == theirs.score(X, y)
    np.testing.assert_array_equal(pipeline.predict(X), theirs.predict(X))
    for method in ("sample", "impute", "sample_missing", "score_samples"):
        assert not hasattr(pipeline, method)


# Samples


def test_moments_of_samples():
    """Of PPCA of all components after scaling: those of the table."""
    X = table()
    pipeline = make_pipeline(StandardScaler(), MinMaxScaler((-5, 7)), PPCA(2)).fit(X)
    n = 50_000
    new = pipeline.sample(n, random_state=0)
    assert new.shape == (n, 3)
    std = X.std(axis=0)
    # Four standard errors of three means: a false alarm in 5,000 tests.
    assert (np.abs(new.mean(axis=0) - X.mean(axis=0)) < 4 * std / np.sqrt(n)).all()
    model = pipeline[-1]
    scale = pipeline[0].scale_ / pipeline[1].scale_
    expected = model.get_covariance() * np.outer(scale, scale)
    deviation = np.cov(new.T) / expected - 1
    assert np.abs(np.diag(deviation)).max() < 4.5 * np.sqrt(2 / n)
    np.testing.assert_array_equal(new, pipeline.sample(n, random_state=0))
    assert np.isfinite(pipeline.score_samples(new)).all()


def test_samples_of_maps_that_are_bounded():
    """What has no inverse is sampled again, as in TransformedDensity."""
    X = table()
    pipeline = make_pipeline(PowerTransformer("box-cox"), GaussianMixture()).fit(X)
    new = pipeline.sample(5000, random_state=0)
    assert np.isfinite(new).all()
    assert (new > 0).all()
    same = TransformedDensity(PowerTransformer("box-cox"), GaussianMixture()).fit(X)
    np.testing.assert_allclose(new, same.sample(5000, random_state=0), rtol=1e-12)
    assert np.isfinite(
        make_pipeline(StandardScaler(), sklearn.mixture.GaussianMixture())
        .fit(X)
        .sample(5)
    ).all()


# Imputation


def test_imputed_entries_are_the_conditional_mean_in_raw_units():
    X = table()
    rows = with_missing(X)
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(reg_covar=0)).fit(X)
    mean, covariance = X.mean(axis=0), np.cov(X.T, bias=True)
    imputed, std = pipeline.impute(rows, return_std=True)
    np.testing.assert_array_equal(pipeline.impute(rows), imputed)
    missing = np.isnan(rows)
    assert (imputed[~missing] == rows[~missing]).all(), "observed entries, to the bit"
    assert (std[~missing] == 0).all()
    for i in range(100):
        m, o = missing[i], ~missing[i]
        B = np.linalg.solve(covariance[np.ix_(o, o)], covariance[np.ix_(o, m)]).T
        expected = mean[m] + B @ (rows[i, o] - mean[o])
        left = covariance[np.ix_(m, m)] - B @ covariance[np.ix_(o, m)]
        np.testing.assert_allclose(imputed[i, m], expected, rtol=1e-8)
        np.testing.assert_allclose(std[i, m], np.sqrt(np.diag(left)), rtol=1e-8)


def test_imputed_entries_after_a_monotone_map():
    """The median, and draws of the conditional law: a lognormal one."""
    Z = np.random.RandomState(0).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 4000)
    pipeline = make_pipeline(
        FunctionTransformer(np.log, inverse_func=np.exp), GaussianMixture(reg_covar=0)
    ).fit(np.exp(Z))
    row = [[1.0, NAN]]
    n = 20_000
    draws = pipeline.sample_missing(row, n, random_state=0)
    assert draws.shape == (n, 1, 2)
    assert (draws[:, 0, 0] == 1).all()
    given = pipeline[-1].conditional({0: 0.0})
    median = np.exp(given.means_[0, 0])
    np.testing.assert_allclose(pipeline.impute(row)[0, 1], median, rtol=1e-9)
    logs = np.log(draws[:, 0, 1])
    std = np.sqrt(given.covariances_[0, 0, 0])
    assert abs(logs.mean() - given.means_[0, 0]) < 4 * std / np.sqrt(n)
    assert abs(logs.std() / std - 1) < 4 / np.sqrt(2 * n)
    with pytest.raises(TypeError, match="`steps` before the last must have known slop"):
        pipeline.impute(row, return_std=True)


def test_standard_deviations_after_power_transforms():
    """The linear approximation, which is good where the spread is small."""
    rng = np.random.RandomState(0)
    x = rng.uniform(1, 2, size=2000)
    X = np.column_stack([x, np.exp(x + 0.01 * rng.normal(size=2000))])
    pipeline = make_pipeline(PowerTransformer(), PPCA(1)).fit(X)
    row = [[1.5, NAN]]
    _, std = pipeline.impute(row, return_std=True)
    draws = pipeline.sample_missing(row, 20_000, random_state=0)[:, 0, 1]
    np.testing.assert_allclose(std[0, 1], draws.std(), rtol=0.05)


def test_float32_and_offsets():
    X = table()
    rows = with_missing(X).astype(np.float32)
    pipeline = make_pipeline(StandardScaler(), PPCA(2)).fit(rows)
    imputed, std = pipeline.impute(rows, return_std=True)
    assert imputed.dtype == std.dtype == np.float32
    near = np.round(with_missing(X) * 2**10) / 2**10
    moved = [0.0, 2.0**30, -(2.0**30)]
    results = [
        make_pipeline(StandardScaler(), PPCA(1)).fit(rows).impute(rows, return_std=True)
        for rows in (near, near + moved)
    ]
    # StandardScaler has lost a few digits of the variances at 1e9.
    scale = np.nanstd(near, axis=0)
    assert (np.abs(results[1][0] - moved - results[0][0]) < 1e-4 * scale).all()
    assert (np.abs(results[1][1] - results[0][1]) < 1e-4 * scale).all()


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_frames(container):
    names = ["height", "mass", "price"]
    frame = pd.DataFrame(with_missing(table()), columns=names, index=range(5, 405))
    pipeline = make_pipeline(StandardScaler(), PPCA(2))
    plain = clone(pipeline).fit(frame)
    framed = clone(pipeline.set_output(transform=container)).fit(frame)
    kind = pd.DataFrame if container == "pandas" else pl.DataFrame
    results = {
        "sample": lambda p: p.sample(5, random_state=0),
        "impute": lambda p: p.impute(frame),
        "std": lambda p: p.impute(frame, return_std=True)[1],
        "draws": lambda p: p.sample_missing(frame, 2, random_state=0)[1],
    }
    for name, result in results.items():
        out = result(framed)
        assert type(out) is kind, name
        assert list(out.columns) == names
        # The layout of the frame between the steps may move the last bits.
        array = result(plain)
        np.testing.assert_allclose(out, np.asarray(array), rtol=1e-12, err_msg=name)
        assert isinstance(array, np.ndarray)
    if container == "pandas":
        assert (framed.impute(frame).index == frame.index).all()
        assert len(framed.sample_missing(frame, 3)) == 3
    array = clone(framed).fit(frame.to_numpy())
    assert isinstance(array.sample(2), np.ndarray), "as estimators return them"


def typed(package):
    """Columns of several types, and the same with missing entries."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "whole": rng.randint(0, 90, 200),
            "single": rng.normal(size=200).astype("float32"),
            "double": rng.normal(size=200),
            "flag": rng.uniform(size=200) < 0.5,
            "nullable": pd.array(rng.randint(0, 9, 200), dtype="Int64"),
        }
    )
    gaps = X.copy()
    for i, name in enumerate(["single", "double", "nullable"]):
        gaps.loc[i, name] = None
    if package == "polars":
        return pl.from_pandas(X), pl.from_pandas(gaps)
    return X, gaps


@pytest.mark.parametrize("package", ["pandas", "polars"])
@pytest.mark.parametrize(
    "steps",
    [
        [StandardScaler(), GaussianMixture()],
        ["passthrough", StandardScaler(), GaussianMixture()],
        [None, GaussianMixture()],
        [StandardScaler(), sklearn.mixture.GaussianMixture()],
    ],
    ids=lambda steps: f"{len(steps)} {type(steps[-1]).__module__[:8]}",
)
def test_names_and_types_come_back(steps, package):
    """What a mixture in the place of the pipeline returns has them, too."""
    X, gaps = typed(package)
    steps = [(f"s{i}", step) for i, step in enumerate(steps)]
    pipeline = Pipeline(steps).set_output(transform=package).fit(X)
    assert list(pipeline.feature_names_in_) == list(X.columns)
    assert pipeline.n_features_in_ == 5
    frames = [pipeline.sample(3, random_state=0)]
    if hasattr(pipeline, "impute"):
        frames += [pipeline.impute(gaps), pipeline.impute(gaps, return_std=True)[0]]
        frames += list(pipeline.sample_missing(gaps, 2, random_state=0))
    for frame in frames:
        assert type(frame) is type(X)
        assert list(frame.columns) == list(X.columns)
        assert list(frame.dtypes) == list(X.dtypes)
    for frame in frames[1:]:
        assert frame[3:].equals(X[3:])
        assert not np.isnan(np.asarray(frame, dtype=float)).any()
    pipeline.set_output(transform="default")
    assert isinstance(pipeline.sample(3), np.ndarray)


def test_samples_of_the_only_step_are_its_own():
    X = pd.DataFrame({"x": np.arange(40.0) ** 2, "c": ["a", "b"] * 20})
    model = VAETransformer(
        likelihood="auto", hidden_layer_sizes=(4,), max_epochs=1, random_state=0
    )
    expected = clone(model).fit(X).sample(5, random_state=0)
    for steps in ([model], ["passthrough", model]):
        rows = make_pipeline(*steps).fit(X).sample(5, random_state=0)
        pd.testing.assert_frame_equal(rows, expected)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_rows_that_are_no_numbers(package):
    """Objects that a step makes of the numbers that the model samples."""
    step = FunctionTransformer(
        lambda X: np.asarray(X, dtype=float),
        inverse_func=lambda Z: np.asarray(Z).round().astype(int).astype(object),
        check_inverse=False,
        feature_names_out="one-to-one",
    )
    X = (pd if package == "pandas" else pl).DataFrame({"a": [1.0, 2.0] * 20})
    pipeline = make_pipeline(step, GaussianMixture()).set_output(transform=package)
    rows = pipeline.fit(X).sample(4, random_state=0)
    assert type(rows) is type(X)
    assert list(rows.columns) == ["a"]
    assert str(rows["a"].dtype) == ("int64" if package == "pandas" else "Int64")


def test_nothing_before_the_model():
    """The model itself answers, and gets what came."""
    X = with_missing(table())
    alone = GaussianMixture().fit(X)
    for steps in ([GaussianMixture()], ["passthrough", GaussianMixture()]):
        pipeline = make_pipeline(*steps).fit(X)
        np.testing.assert_array_equal(pipeline.impute(X), alone.impute(X))
        np.testing.assert_array_equal(
            pipeline.sample(3, random_state=0), alone.sample(3, random_state=0)
        )
        np.testing.assert_array_equal(pipeline.score_samples(X), alone.score_samples(X))
        np.testing.assert_array_equal(
            pipeline.sample_missing(X, 2, random_state=0),
            alone.sample_missing(X, 2, random_state=0),
        )


# Citizenship


def test_in_a_grid_search_over_scalers():
    X = table()
    pipeline = Pipeline([("scale", None), ("model", GaussianMixture())])
    scalers = ["passthrough", StandardScaler(), PowerTransformer("box-cox")]
    search = GridSearchCV(pipeline, {"scale": scalers}, cv=3).fit(X)
    plain, standard, power = search.cv_results_["mean_test_score"]
    # The same Gaussian, but for reg_covar.
    np.testing.assert_allclose(plain, standard, rtol=1e-6)
    assert power > plain + 0.5
    assert search.best_params_["scale"] is scalers[2]
    assert search.best_estimator_.sample(2).shape == (2, 3)


def test_clones_pickles_slices_and_tags():
    X = with_missing(table())
    pipeline = make_pipeline(StandardScaler(), RobustScaler(), PPCA(1)).fit(X)
    loaded = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(loaded.impute(X), pipeline.impute(X))
    with pytest.raises(NotFittedError):
        clone(pipeline).sample()
    assert isinstance(pipeline[:2], Pipeline)
    assert get_tags(pipeline).input_tags.allow_nan
    assert not get_tags(make_pipeline(StandardScaler(), PCA())).input_tags.allow_nan
    assert list(pipeline.named_steps) == ["standardscaler", "robustscaler", "ppca"]
    assert get_tags(make_pipeline(GaussianMixture())).estimator_type == (
        "density_estimator"
    )
    assert isinstance(pipeline, sklearn.pipeline.Pipeline)


def test_steps_without_an_inverse():
    X = table()
    pipeline = make_pipeline(Normalizer(), PPCA(1)).fit(X)
    assert not hasattr(pipeline, "sample")
    with pytest.raises(AttributeError) as caught:
        pipeline.sample()
    assert "step 'normalizer' has none: Normalizer has no inverse_transform" in str(
        caught.value
    )
    imputing = make_pipeline(KNNImputer(), GaussianMixture()).fit(X)
    with pytest.raises(AttributeError) as caught:
        imputing.impute(X)
    assert "a model that takes missing entries" in str(caught.value)
    logs = make_pipeline(FunctionTransformer(np.log), GaussianMixture()).fit(X)
    with pytest.raises(AttributeError) as caught:
        logs.sample()
    assert "set inverse_func of FunctionTransformer" in str(caught.value)


def test_steps_without_a_slope():
    X = table()
    pipeline = make_pipeline(FunctionTransformer(np.log), GaussianMixture()).fit(X)
    with pytest.raises(TypeError, match=r"step 'functiontransformer', Func.*one of "):
        pipeline.score_samples(X)
    pipeline = make_pipeline(StandardScaler(), PCA(1), GaussianMixture()).fit(X)
    with pytest.raises(ValueError, match=r"step 'pca', PCA\(.*keep all 3 components"):
        pipeline.score(X)
    assert pipeline.sample(4).shape == (4, 3)


@pytest.mark.parametrize(
    "scaler",
    [
        MinMaxScaler,
        pytest.param(MaxAbsScaler, marks=pytest.mark.scikit_learn_1_9),
    ],
)
def test_clipped_steps_have_no_density(scaler):
    X = table()
    pipeline = make_pipeline(scaler(clip=True), GaussianMixture()).fit(X)
    with pytest.raises(ValueError, match=f"inverse; got {scaler.__name__} with clip"):
        pipeline.score_samples(2 * X)


def test_steps_that_take_no_missing_entries():
    X = table()
    pipeline = make_pipeline(StandardScaler(), PCA(), GaussianMixture()).fit(X)
    with pytest.raises(ValueError, match=r"must let missing.*step 'pca'"):
        pipeline.impute(with_missing(X))


def test_imputed_entries_without_an_inverse():
    """A power transform with a negative power is bounded above."""
    rng = np.random.RandomState(0)
    x = rng.normal(size=300)
    X = np.column_stack([x, (1 / (3.2 - x.clip(-3, 3))) ** 2])
    pipeline = make_pipeline(PowerTransformer(), GaussianMixture()).fit(X)
    with pytest.raises(ValueError, match="Column 1 of X has imputed entries without"):
        pipeline.impute([[60.0, NAN]])
