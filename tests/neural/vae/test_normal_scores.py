"""Columns that are mapped to normal scores inside the model."""

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.special import log_ndtr, ndtr
from scipy.stats import norm

from sklatent.neural import VAETransformer
from sklatent.neural.vae import _normal_scores as module
from sklatent.neural.vae._normal_scores import (
    ToScores,
    fit_scores,
    log_interval,
    log_jacobian,
)

SETTINGS = {"max_epochs": 20, "hidden_layer_sizes": (16,), "random_state": 0}


@pytest.fixture
def X():
    """Skewed, rounded and zero-inflated numbers, and a category."""
    rng = np.random.RandomState(0)
    z = rng.standard_normal(300)
    skewed = np.exp(z + 0.3 * rng.standard_normal(300))
    inflated = np.maximum(z + rng.standard_normal(300), 0)
    return np.column_stack([skewed, np.round(z, 1), inflated, z > 0])


@pytest.fixture
def vae(X):
    kinds = [("gaussian", [0, 1, 2]), ("categorical", [3])]
    return VAETransformer(likelihood=kinds, **SETTINGS).fit(X)


def columns():
    rng = np.random.RandomState(1)
    gamma = rng.gamma(1.0, size=400)
    return [gamma, np.where(gamma < 0.5, 0.0, gamma), np.round(gamma, 1), gamma > 1]


@pytest.mark.parametrize("number", range(4))
def test_the_density_of_a_column_has_mass_one(number):
    x = columns()[number].astype(float)
    # There are few codes, so that a score is a sum over all of them.
    model = VAETransformer(2, latent="bernoulli", marginals="normal_scores", **SETTINGS)
    model.fit(x[:, None])
    scores = module_scores(model)[0]

    def density(t):
        return np.exp(model.score_samples(t.reshape(-1, 1))).reshape(t.shape)

    ends = np.concatenate([scores.knots, scores.cells.ravel()])
    inner = np.unique(ends)
    # Cells have a constant density, and the map a continuous slope between its knots.
    middle = (inner[1:] + inner[:-1]) / 2
    grid = middle[:, None] + np.diff(inner)[:, None] * NODES / 2
    mass = (density(grid) @ WEIGHTS * np.diff(inner) / 2).sum()
    width = inner[-1] - inner[0]
    # Beyond, distances grow by a constant factor.
    far = width * np.geomspace(1e-9, 100, 20_001)
    mass += trapezoid(density(inner[-1] + far), far)
    mass += trapezoid(density(inner[0] - far), far)
    assert abs(mass - 1) < 1e-3


# Gauss-Legendre on every interval.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)


def module_scores(model):
    (part,) = model._spec.columns
    return part.scores


def test_log_jacobian_is_the_slope_by_differences():
    x = columns()[0]
    scores = fit_scores(x)
    t = np.linspace(-1, 12, 500)
    t = t[np.abs(t[:, None] - scores.knots).min(axis=1) > 1e-4]
    eps = 1e-6
    slope = (scores.transform(t + eps) - scores.transform(t - eps)) / (2 * eps)
    np.testing.assert_allclose(log_jacobian(scores, t), np.log(slope), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log_probability_of_an_interval(dtype):
    a = torch.linspace(-30, 30, 121, dtype=dtype)[:, None]
    w = torch.tensor([1e-4, 1e-2, 0.3, 3.0, 70.0], dtype=dtype)
    a.requires_grad_()
    found = log_interval(a, a + w)
    low, high = a.detach().double().numpy(), (a + w).detach().double().numpy()
    # By the tail on whose side the interval is, which keeps its digits.
    flip = low + high > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    expected = log_ndtr(high) + np.log(-np.expm1(log_ndtr(low) - log_ndtr(high)))
    # In single precision the ends of the narrowest interval have few digits left.
    tolerance = 0.1 if dtype == torch.float32 else 1e-5
    np.testing.assert_allclose(found.detach(), expected, atol=tolerance, rtol=1e-5)
    found.sum().backward()
    assert a.grad.isfinite().all()


def test_the_map_in_pytorch_is_that_in_numpy():
    maps = [fit_scores(np.asarray(x, dtype=float)) for x in columns()]
    X = np.column_stack([np.linspace(-2, 9, 200)] * 4)
    expected = np.column_stack([m.transform(X[:, j]) for j, m in enumerate(maps)])
    found = ToScores(range(4), maps)(torch.tensor(X))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_expectations_are_those_of_a_lognormal_column():
    x = np.exp(norm.ppf((np.arange(20_000) + 0.5) / 20_000))
    likelihood = module.NormalScoresLikelihood([fit_scores(x)], "shared")
    likelihood.noise.initialize(torch.tensor([0.25]))
    parameters = torch.tensor([-1.0, 0.0, 1.0])[:, None, None]
    s2 = likelihood.noise.variance(parameters).item()
    expected = np.exp(parameters[:, 0].numpy() + s2 / 2)
    # The nodes are 32, and the map has a few dozen knots.
    found = likelihood.mean(parameters).detach()
    np.testing.assert_allclose(found, expected, rtol=0.02)
    with torch.no_grad():
        many = parameters.repeat(20_000, 1, 1)
        draws = likelihood.sample(many, np.random.RandomState(0))
    mean = draws.reshape(-1, 3).mean(0).numpy()
    np.testing.assert_allclose(mean, expected.ravel(), rtol=0.03)


def test_drawn_rows_have_values_of_the_table(X, vae):
    drawn = vae.sample(500, random_state=0)
    assert np.isin(drawn[:, 1], X[:, 1]).all()
    share = (X[:, 2] == 0).mean()
    # Five standard errors of a share, and as much for 20 epochs.
    assert abs((drawn[:, 2] == 0).mean() - share) < 0.2
    assert (drawn[:, 2] >= 0).all()
    assert (drawn[:, 0] > 0).mean() > 0.99


def test_results_are_those_of_single_rows_with_missing_entries(X, vae):
    rows = X[:20].copy()
    rows[::3, 0] = rows[1::3, 2] = np.nan
    for method in (vae.score_samples, vae.transform, vae.impute):
        alone = np.concatenate([method(row[None]) for row in rows])
        np.testing.assert_allclose(method(rows), alone, rtol=1e-6, atol=1e-6)


def test_loss_is_the_bound_in_the_units_of_the_data(X):
    kinds = [("gaussian", [0, 1, 2]), ("categorical", [3])]
    model = VAETransformer(likelihood=kinds, lr=1e-9, warmup_epochs=0, **SETTINGS)
    model.fit(X)
    # One draw per row, in each of twenty epochs in which nothing is learned.
    assert abs(-np.mean(model.history_["train_loss"]) - model.elbo(X)[0].mean()) < 0.2


def test_saved_and_resumed(X, vae, tmp_path):
    vae.save(tmp_path / "vae")
    same = VAETransformer.load(tmp_path / "vae")
    np.testing.assert_array_equal(same.score_samples(X), vae.score_samples(X))
    np.testing.assert_array_equal(same.sample(9, 0), vae.sample(9, 0))
    maps = vae._spec.columns[0].scores
    vae.set_params(warm_start=True, max_epochs=1).fit(X[:100])
    assert vae._spec.columns[0].scores is maps
    vae.partial_fit(X[100:])
    assert np.isfinite(vae.score(X))
    with pytest.raises(ValueError, match="marginals must be that of the fitted"):
        vae.set_params(marginals=None).fit(X)


def test_the_encoder_as_a_module_takes_rows_in_their_units(X, vae):
    with torch.no_grad():
        code = vae.encoder_(torch.tensor(X, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(code, vae.transform(X), atol=1e-4)


def test_a_constant_column_has_no_map(X):
    X = np.column_stack([X, np.full(300, 7.0)])
    kinds = [("gaussian", [0, 1, 2, 4]), ("categorical", [3])]
    model = VAETransformer(likelihood=kinds, **SETTINGS).fit(X)
    assert (model.sample(50, random_state=0)[:, 4] == 7).all()


def test_noise_that_scores_cannot_have():
    X = np.random.RandomState(0).standard_normal((20, 2))
    for noise in ("batch", 0.1):
        model = VAETransformer(marginals="normal_scores", noise_variance=noise)
        with pytest.raises(ValueError, match="noise_variance must be one of"):
            model.fit(X)


def test_equal_categories_agree_in_drawn_rows():
    x = np.random.RandomState(0).randint(4, size=1000)
    X = np.column_stack([x, x]).astype(float)
    model = VAETransformer(likelihood="categorical", random_state=0).fit(X)
    drawn = model.sample(2000, random_state=0)
    assert (drawn[:, 0] == drawn[:, 1]).mean() >= 0.97


# Conditional samples


def test_conditional_means_are_sums_over_all_codes(X):
    kinds = [("gaussian", [0, 1, 2]), ("categorical", [3])]
    model = VAETransformer(4, latent="bernoulli", likelihood=kinds, **SETTINGS).fit(X)
    row = np.array([[np.nan, 0.5, np.nan, 1.0]])
    expected, std = model.impute(row, return_std=True)
    drawn = model.sample(4000, random_state=0, conditions={1: 0.5, 3: 1.0})
    assert (drawn[:, [1, 3]] == [0.5, 1.0]).all()
    # Four standard errors, and the error of expectations by 32 nodes.
    error = np.abs(drawn.mean(axis=0) - expected[0])
    assert (error <= 4 * std[0] / 4000**0.5 + 0.05 * std[0]).all()


def test_conditional_rows_of_a_linear_gaussian_model():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((2000, 1)) @ [[1.0, 2.0]] + 0.5 * rng.standard_normal(
        (2000, 2)
    )
    model = VAETransformer(
        1,
        hidden_layer_sizes=(),
        prior="standard_normal",
        noise_variance="feature",
        lr=0.02,
        max_epochs=60,
        random_state=0,
    ).fit(X)
    zero, one = model.inverse_transform([[0.0], [1.0]])
    w, noise = one - zero, model.noise_variance_
    slope = w[1] * w[0] / (w[0] ** 2 + noise[0])
    variance = w[1] ** 2 + noise[1] - slope * w[0] * w[1]
    drawn = model.sample(5000, random_state=0, conditions={0: 1.5})[:, 1]
    expected = zero[1] + slope * (1.5 - zero[0])
    # Four standard errors; the codes are not all different.
    assert abs(drawn.mean() - expected) < 4 * (variance / 2500) ** 0.5
    assert abs(drawn.var() / variance - 1) < 4 * (2 / 2500) ** 0.5


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({9: 1.0}, "column.* name or position"),
        ({"a": 1.0}, "column.* name or position"),
        ({0: np.nan}, "column 0 a finite number"),
        ({0: "b"}, "column 0 a finite number"),
        ({3: 2.0}, "Column 3 of X must hold the levels"),
    ],
)
def test_conditions_outside_the_support(conditions, message, vae):
    with pytest.raises(ValueError, match=message):
        vae.sample(conditions=conditions)


def test_conditions_have_to_be_a_dict(vae):
    for conditions in ([1], "age"):
        with pytest.raises(TypeError, match="conditions must be a dict"):
            vae.sample(conditions=conditions)
    plain = vae.sample(3, random_state=0)
    np.testing.assert_array_equal(vae.sample(3, random_state=0, conditions={}), plain)


def test_conditions_beyond_all_digits_are_refused(vae):
    for value in (1e30, 1e200):
        with pytest.raises(ValueError, match="at which the density is positive"):
            vae.sample(5, random_state=0, conditions={0: value})


def test_rare_conditions_are_warned_of(vae):
    with pytest.warns(UserWarning, match="conditions are rare"):
        vae.sample(1000, random_state=0, conditions={0: 100.0, 1: -2.0})


def test_ndtr_is_a_distribution_of_the_nodes():
    # Equally likely, of mean 0 and variance 1.
    np.testing.assert_allclose(module.NODES.mean(), 0, atol=1e-12)
    np.testing.assert_allclose(module.NODES.std(), 1)
    assert np.abs(ndtr(module.NODES) - (np.arange(32) + 0.5) / 32).max() < 0.02
