"""Missing values: bounds of what is observed, and imputation."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.datasets import load_iris

from sklatent.neural import VAETransformer
from sklatent.neural.vae._likelihoods import NOISES
from tests.neural.settings import TINY


@pytest.fixture(scope="module")
def incomplete():
    X = load_iris().data.copy()
    X[np.random.RandomState(0).uniform(size=X.shape) < 0.3] = np.nan
    return X


@pytest.fixture(scope="module")
def linear():
    """A linear model trained on linear-Gaussian data with missing entries."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(3000, 2)) @ rng.normal(size=(2, 5)) + rng.normal(
        size=(3000, 5)
    )
    X_missing = X.copy()
    X_missing[rng.uniform(size=X.shape) < 0.3] = np.nan
    vae = VAETransformer(
        2,
        hidden_layer_sizes=(32,),
        max_epochs=60,
        lr=3e-3,
        prior="standard_normal",
        n_importance_samples=2000,
        random_state=0,
    )
    return vae.fit(X_missing), X_missing


@pytest.mark.slow
def test_scores_are_of_what_is_observed(linear):
    """The model's density of some entries, by quadrature over the code."""
    vae, X = linear
    grid = np.linspace(-6, 6, 241)
    z = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    outputs = vae.inverse_transform(z)
    log_prior = multivariate_normal(np.zeros(2)).logpdf(z) + 2 * np.log(
        grid[1] - grid[0]
    )
    rows = X[:30]
    exact, expected = [], []
    for x in rows:
        seen = ~np.isnan(x)
        square = (x - outputs)[:, seen] ** 2 / vae.noise_variance_[seen]
        constants = np.log(2 * np.pi * vae.noise_variance_[seen])
        log_joint = log_prior - 0.5 * (square + constants).sum(axis=1)
        peak = log_joint.max()
        weights = np.exp(log_joint - peak)
        exact.append(peak + np.log(weights.sum()))
        expected.append(weights @ outputs / weights.sum())
    bound, std = vae.score_samples(rows, return_std=True)
    np.testing.assert_allclose(bound, exact, atol=5 * std.max() + 0.01)
    assert (vae.elbo(rows)[0] < np.array(exact) + 0.1).all()
    # The expectation of missing entries given the observed ones, by the same sum.
    imputed, deviation = vae.impute(rows, return_std=True)
    missing = np.isnan(rows)
    np.testing.assert_array_equal(imputed[~missing], rows[~missing])
    np.testing.assert_allclose(imputed, np.where(missing, expected, rows), atol=0.2)
    assert (deviation[missing] ** 2 > vae.noise_variance_.min()).all()
    assert (deviation[~missing] == 0).all()


@pytest.mark.slow
def test_multiple_imputation_has_the_moments_of_the_single_one(linear):
    vae, X = linear
    rows = X[:20]
    mean, std = vae.impute(rows, return_std=True)
    tables = vae.sample_missing(rows, n_samples=400, random_state=0)
    missing = np.isnan(rows)
    assert tables.shape == (400, 20, 5)
    np.testing.assert_array_equal(
        tables[:, ~missing], np.tile(rows[~missing], (400, 1))
    )
    error = (tables.mean(axis=0) - mean)[missing] / (std[missing] / 20)
    # Some 30 errors in units of their standard error; the draws share their noise.
    assert np.abs(error).max() < 6
    np.testing.assert_allclose(tables.std(axis=0)[missing], std[missing], rtol=0.3)


def test_a_row_without_anything_has_the_prior(incomplete):
    settings = {"prior": "standard_normal", "random_state": 0}
    vae = VAETransformer(n_importance_samples=500, **settings).fit(incomplete)
    nothing = np.full((1, 4), np.nan)
    mean, variance = vae.posterior(nothing)
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_array_equal(variance, 1)
    # p of nothing is 1.
    assert vae.score_samples(nothing)[0] == pytest.approx(0, abs=1e-6)
    overall = vae.sample(4000, random_state=0).mean(axis=0)
    np.testing.assert_allclose(vae.impute(nothing)[0], overall, atol=0.3)


@pytest.mark.parametrize(
    "settings",
    [
        {"prior": "mixture"},
        {"prior": "vampprior"},
        {"latent": "bernoulli"},
        {"latent": "categorical"},
    ],
)
@pytest.mark.slow
def test_a_row_without_anything_has_any_prior(incomplete, settings):
    vae = VAETransformer(n_importance_samples=2000, random_state=0, **settings)
    score, std = vae.fit(incomplete).score_samples(
        np.full((1, 4), np.nan), return_std=True
    )
    assert abs(score[0]) < 4 * std[0] + 1e-6


def test_a_column_without_anything(incomplete):
    X = incomplete.copy()
    X[:, 2] = np.nan
    with pytest.raises(ValueError, match="Column 2 of X must have an observed value"):
        VAETransformer(**TINY).fit(X)


def test_missing_entries_after_training_without(incomplete):
    X = load_iris().data
    vae = VAETransformer(**TINY).fit(X)
    assert np.isfinite(vae.transform(incomplete)).all()
    assert np.isfinite(vae.score_samples(incomplete)).all()
    assert np.isfinite(vae.impute(incomplete)).all()


def test_statistics_of_what_is_observed(incomplete):
    vae = VAETransformer(**TINY).fit(incomplete)
    np.testing.assert_allclose(vae.mean_, np.nanmean(incomplete, axis=0))
    np.testing.assert_allclose(vae.scale_, np.nanstd(incomplete, axis=0))


def test_a_row_does_not_depend_on_the_others(incomplete):
    vae = VAETransformer(**TINY).fit(incomplete)
    whole = vae.score_samples(incomplete)
    alone = np.concatenate(
        [vae.score_samples(incomplete[i : i + 1]) for i in range(20)]
    )
    np.testing.assert_allclose(alone, whole[:20], rtol=1e-7)
    imputed = np.concatenate([vae.impute(incomplete[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(imputed, vae.impute(incomplete)[:20], rtol=1e-6)


def test_units_shift_the_observed_density(incomplete):
    factor = np.array([1e6, 1.0, 1e-3, 1.0])
    one = VAETransformer(max_epochs=5, random_state=0).fit(incomplete)
    other = VAETransformer(max_epochs=5, random_state=0).fit(factor * incomplete)
    shift = ~np.isnan(incomplete) @ np.log(factor)
    np.testing.assert_allclose(
        other.score_samples(factor * incomplete),
        one.score_samples(incomplete) - shift,
        rtol=1e-4,
    )
    assert one.loss_ - other.loss_ == pytest.approx(-shift.mean(), rel=1e-4)


def test_the_plain_encoder_knows_empty_rows(incomplete):
    rows = np.vstack([incomplete[:5], np.full((1, 4), np.nan)])
    for prior in ("standard_normal", "mixture"):
        vae = VAETransformer(prior=prior, **TINY).fit(incomplete)
        codes = vae.encoder_(torch.tensor(rows, dtype=torch.float32))
        np.testing.assert_allclose(codes.detach(), vae.transform(rows), atol=1e-5)


def test_loss_of_rows_held_out_is_in_the_units_of_the_data():
    """Its share of missing entries differs from that of the others."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(100, 5))
    X[rng.uniform(size=X.shape) < 0.4] = np.nan
    losses = [
        VAETransformer(early_stopping=True, **TINY).fit(unit * X).history_["valid_loss"]
        for unit in (1.0, 1e6)
    ]
    # Ten rows are held out: the shift is log 1e6 times a tenth of some whole number.
    shift = (losses[1][0] - losses[0][0]) / np.log(1e6) * 10
    assert shift == pytest.approx(round(shift), abs=1e-3)


@pytest.mark.parametrize("change", [{"likelihood": "poisson"}, {"noise_variance": 0.5}])
def test_a_changed_likelihood_does_not_go_on(change):
    X = load_iris().data
    vae = VAETransformer(warm_start=True, noise_variance=0.1, **TINY).fit(X)
    vae.set_params(**change)
    for go_on in (vae.fit, vae.partial_fit, lambda X: vae.save("unused")):
        with pytest.raises(ValueError, match="must be that of the fitted networks"):
            go_on(X)


def test_mixed_tables_with_missing_entries(incomplete):
    rng = np.random.RandomState(1)
    one_hot = np.eye(3)[rng.randint(3, size=150)]
    one_hot[rng.uniform(size=150) < 0.3] = np.nan
    counts = 1.0 * rng.poisson(3, size=(150, 1))
    counts[::7] = np.nan
    X = np.hstack([incomplete, one_hot, counts])
    likelihood = [("gaussian", slice(4)), ("one_hot", [4, 5, 6]), ("poisson", 7)]
    vae = VAETransformer(likelihood=likelihood, **TINY).fit(X)
    assert np.isfinite(vae.score_samples(X)).all()
    np.testing.assert_allclose(vae.impute(X)[:, 4:7].sum(axis=1), 1, rtol=1e-6)
    drawn = vae.sample_missing(X, random_state=0)[0]
    assert set(np.unique(drawn[:, 4:7])) == {0.0, 1.0}
    half = X.copy()
    half[0, 4:7] = [0, np.nan, 0]
    with pytest.raises(ValueError, match="missing as a whole"):
        vae.score_samples(half)


@pytest.mark.parametrize(
    "settings",
    [
        *({"noise_variance": noise} for noise in NOISES),
        {"noise_variance": 0.3},
        {"likelihood": "student_t", "noise_variance": "feature"},
        {"likelihood": "student_t", "noise_variance": "decoder"},
        {"standardize": False},
        {"latent": "bernoulli"},
        {"latent": "categorical", "n_levels": 3},
        {"dtype": "float64"},
        {"likelihood": "mixed"},
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.slow
def test_constant_columns_are_drawn_and_imputed_so(settings, missing, tmp_path):
    rng = np.random.RandomState(0)
    X = np.column_stack(
        [rng.normal(size=(80, 2)), np.full((80, 2), [0.1, -1e6]), np.full(80, 3.0)]
    )
    if missing:
        X[rng.uniform(size=X.shape) < 0.3] = np.nan
    if settings.get("likelihood") == "mixed":
        settings = {"likelihood": [("gaussian", slice(4)), ("poisson", [4])]}
    vae = VAETransformer(**TINY, **settings).fit(X)
    vae.save(tmp_path / "vae")
    for model in (vae, VAETransformer.load(tmp_path / "vae")):
        value = np.array([0.1, -1e6, 3.0])
        rows = np.repeat(X[:1], 10, axis=0)
        rows[:, 1:] = np.nan
        filled, std = model.impute(rows, return_std=True)
        drawn = [
            model.sample(10, random_state=0),
            *model.sample_missing(rows, n_samples=2, random_state=0),
            filled,
            model.inverse_transform(model.transform(rows)),
        ]
        for table in drawn:
            np.testing.assert_array_equal(table[:, 2:], np.tile(value, (10, 1)))
            assert len(np.unique(table[:, 1])) == 10 or table is not drawn[0]
        assert (std[:, 2:] == 0).all()
        assert (std[:, 1] > 0).all()
        # Scores hold for rows that differ there, too.
        assert np.isfinite(model.score_samples(X)).all()
        assert np.isfinite(
            model.score_samples(np.nan_to_num(X) + np.array([0, 0, 1, 1, 1]))
        ).all()


def test_a_level_that_does_not_occur_keeps_blocks_whole():
    """A column of a one-hot block is not constant by itself."""
    X = np.eye(3)[np.random.RandomState(0).randint(2, size=30)]
    vae = VAETransformer(likelihood=[("one_hot", [0, 1, 2])], **TINY).fit(X)
    drawn = vae.sample(5000, random_state=0)
    assert (drawn.sum(axis=1) == 1).all()
    assert drawn[:, 2].any()
