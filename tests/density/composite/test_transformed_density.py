"""Densities after a transformation: determinants, closed forms, mass, samples."""

import numpy as np
import pytest
import sklearn.decomposition
from scipy import stats
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklatent.decomposition import PCA
from sklatent.density import (
    GaussianMixture,
    KernelDensity,
    NormalScoreTransformer,
    TransformedDensity,
)
from sklatent.utils._log_determinants import log_determinant

TRANSFORMERS = [
    StandardScaler(),
    StandardScaler(with_std=False),
    RobustScaler(),
    RobustScaler(with_scaling=False),
    MinMaxScaler((-1, 3)),
    MaxAbsScaler(),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    PowerTransformer("box-cox"),
    QuantileTransformer(n_quantiles=50, output_distribution="normal"),
    NormalScoreTransformer(),
    PCA(),
    PCA(whiten=True),
    sklearn.decomposition.PCA(),
    sklearn.decomposition.PCA(whiten=True),
    make_pipeline("passthrough", PowerTransformer(), PCA(whiten=True)),
]


def rows(n=300):
    rng = np.random.RandomState(0)
    Z = rng.multivariate_normal(np.zeros(3), np.eye(3) + 0.5, size=n)
    return np.column_stack(
        [np.exp(Z[:, 0]), 100 + 5 * Z[:, 1], stats.norm.cdf(Z[:, 2])]
    )


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)
def test_determinants_are_those_of_finite_differences(transformer):
    X = rows()
    transformer.fit(X)
    new = rows(320)[300:]
    if isinstance(transformer, QuantileTransformer):  # no slope beyond the extremes
        new = new[(new > X.min(axis=0)).all(axis=1) & (new < X.max(axis=0)).all(axis=1)]
    step = 1e-6 * X.std(axis=0)
    columns = [
        (transformer.transform(new + move) - transformer.transform(new - move))
        / (2 * move.sum())
        for move in np.diag(step)
    ]
    expected = np.linalg.slogdet(np.stack(columns, axis=2))[1]
    np.testing.assert_allclose(log_determinant(transformer, new), expected, atol=1e-4)


def test_the_density_of_a_lognormal_column():
    X = np.random.RandomState(0).lognormal(size=(20_000, 1))
    # Box and Cox find a power near 0, the logarithm.
    density = TransformedDensity(PowerTransformer("box-cox"), GaussianMixture()).fit(X)
    new = np.linspace(0.3, 5, 50)
    expected = stats.lognorm(1).logpdf(new)
    np.testing.assert_allclose(density.score_samples(new[:, None]), expected, atol=0.05)


@pytest.mark.parametrize(
    "transformer", [NormalScoreTransformer(), PowerTransformer(), PCA(whiten=True)]
)
def test_the_mass_is_one_in_two_dimensions(transformer):
    X = rows()[:, [0, 2]]
    density = TransformedDensity(transformer, GaussianMixture(2, random_state=0)).fit(X)
    x, y = np.linspace(-20, 60, 1601), np.linspace(-2, 3, 501)
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    values = np.exp(density.score_samples(grid)).reshape(len(x), len(y))
    mass = np.trapezoid(np.trapezoid(values, y, axis=1), x)
    # The slope of normal scores bends at the knots, which the rule has on no node.
    assert abs(mass - 1) < 0.01


def test_samples_have_the_score():
    X = rows()
    density = TransformedDensity(NormalScoreTransformer()).fit(X)
    drawn = density.sample(20_000, random_state=0)
    # Both are samples of the same law if the entropy of each is the mean score of the
    # other's; here, by the scores of a model of scikit-learn that saw neither.
    other = sklearn.decomposition.PCA().fit(X)
    a, b = (
        other.score_samples(drawn),
        other.score_samples(density.sample(20_000, random_state=1)),
    )
    assert abs(a.mean() - b.mean()) < 4 * np.hypot(a.std(), b.std()) / np.sqrt(20_000)
    for j in range(3):  # the margins are those of the rows
        assert stats.ks_2samp(drawn[:, j], X[:, j]).pvalue > 1e-3


def test_scalers_do_not_matter_to_a_gaussian():
    X = rows()
    scores = [
        TransformedDensity(scaler, GaussianMixture(reg_covar=0)).fit(X).score(X)
        for scaler in (StandardScaler(), MinMaxScaler(), PCA(), RobustScaler())
    ]
    np.testing.assert_allclose(scores, GaussianMixture(reg_covar=0).fit(X).score(X))


def test_a_grid_search_compares_transformers_in_nats():
    X = rows()
    search = GridSearchCV(
        TransformedDensity(StandardScaler()),
        {
            "transformer": [StandardScaler(), NormalScoreTransformer()],
            "density": [GaussianMixture(), KernelDensity("loo")],
        },
    ).fit(X)
    # The columns are a Gaussian copula.
    assert isinstance(search.best_params_["transformer"], NormalScoreTransformer)
    assert isinstance(search.best_params_["density"], GaussianMixture)


def test_missing_entries_have_the_density_of_the_others():
    X = rows()
    density = TransformedDensity(density=GaussianMixture(2, random_state=0)).fit(X)
    some = X[:5].copy()
    some[:, 1] = np.nan
    x = np.linspace(60, 140, 4001)
    expected = []
    for row in X[:5]:
        line = np.repeat(row[None], len(x), axis=0)
        line[:, 1] = x
        expected.append(np.trapezoid(np.exp(density.score_samples(line)), x))
    np.testing.assert_allclose(density.score_samples(some), np.log(expected), atol=0.01)


def test_rows_beyond_the_quantiles_of_scikit_learn_have_no_density():
    X = rows()
    quantiles = QuantileTransformer(n_quantiles=50, output_distribution="normal")
    density = TransformedDensity(quantiles).fit(X)
    assert density.score_samples([[1e6, 100.0, 0.5]])[0] == -np.inf


@pytest.mark.parametrize(
    ("transformer", "error", "message"),
    [
        (FunctionTransformer(np.log1p), TypeError, "one of MaxAbsScaler, MinMaxScaler"),
        (PCA(2), ValueError, "must keep all 3 components"),
        (MinMaxScaler(clip=True), ValueError, "clip=True"),
        (QuantileTransformer(n_quantiles=9), ValueError, "output_distribution"),
    ],
)
def test_transformers_without_a_known_slope_are_refused(transformer, error, message):
    with pytest.raises(error, match=message):
        TransformedDensity(transformer).fit(rows())


def test_a_density_that_takes_no_weights_says_so():
    density = TransformedDensity(density=sklearn.decomposition.PCA())
    with pytest.raises(ValueError, match="sample_weight is not taken by density, PCA"):
        density.fit(rows(), sample_weight=np.ones(300))


def test_a_table_of_atoms_only_has_finite_scores():
    X = np.random.RandomState(0).choice([0.0, 1.0, 7.0], size=(200, 2))
    density = TransformedDensity().fit(X)
    assert np.isfinite(density.score_samples(X)).all()
    assert np.isin(density.sample(100, random_state=0), [0, 1, 7]).all()


# 2026-11: directions without variance are what is tested.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.RankDeficientWarning")
def test_no_determinant_of_what_has_no_inverse():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(50, 2))
    flat = np.column_stack([X, X.sum(axis=1)])
    for pca in PCA(whiten=True), sklearn.decomposition.PCA(whiten=True):
        with pytest.raises(ValueError, match="no variance in some directions"):
            TransformedDensity(pca).fit(flat)
    constant = np.column_stack([X, np.ones(50)])
    quantiles = QuantileTransformer(n_quantiles=20, output_distribution="normal")
    with pytest.raises(ValueError, match="Column 2 of X is constant"):
        TransformedDensity(quantiles).fit(constant)


def test_what_no_row_is_transformed_to_is_sampled_again():
    """Scores of Box and Cox have a bound, beyond which a wide kernel has mass."""
    X = np.random.RandomState(0).exponential(size=(200, 1))
    power = PowerTransformer("box-cox", standardize=False)
    density = TransformedDensity(power, KernelDensity(2.0)).fit(X)
    drawn = density.sample(500, random_state=0)
    assert np.isfinite(drawn).all()
    assert (drawn > 0).all()
