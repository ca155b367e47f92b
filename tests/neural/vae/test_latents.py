"""Kinds of codes and priors against torch.distributions and enumeration."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from sklearn.datasets import load_digits

from sklatent.neural import VAETransformer
from sklatent.neural.vae._discrete_codes import (
    BernoulliLatent,
    CategoricalLatent,
)
from sklatent.neural.vae._normal_codes import (
    GaussianMixturePrior,
    NormalLatent,
    StandardNormal,
    VampPrior,
)


@pytest.fixture(scope="module")
def binary():
    return 1.0 * (load_digits().data[:300] > 7)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_mixture():
    prior = GaussianMixturePrior(5, 3, generator()).double()
    with torch.no_grad():
        prior.logits.copy_(torch.linspace(-1, 1, 5))
        prior.log_variance.copy_(torch.randn(5, 3, generator=generator(1)))
    components = torch.distributions.Independent(
        torch.distributions.Normal(prior.mean, (0.5 * prior.log_variance).exp()), 1
    )
    weights = torch.distributions.Categorical(logits=prior.logits)
    return prior, torch.distributions.MixtureSameFamily(weights, components)


def test_mixture_prior_against_torch_distributions():
    prior, expected = random_mixture()
    z = 2 * torch.randn(7, 4, 3, dtype=torch.float64, generator=generator(2))
    torch.testing.assert_close(prior.log_prob(z, None), expected.log_prob(z))


def test_marginals_of_the_mixture_prior_by_quadrature():
    prior, expected = random_mixture()
    grid = torch.linspace(-12, 12, 241, dtype=torch.float64)
    z0 = torch.tensor([0.3, -1.0], dtype=torch.float64)
    plane = torch.cartesian_prod(grid, grid)
    got = prior._marginal_log_prob(torch.stack([z0, z0, z0], dim=-1), None)[:, 0]
    for value, log_density in zip(z0, got, strict=True):
        z = torch.cat([value.expand(len(plane), 1), plane], dim=1)
        integral = expected.log_prob(z).exp().sum() * (grid[1] - grid[0]) ** 2
        torch.testing.assert_close(log_density, integral.log(), rtol=1e-6, atol=1e-6)


def test_draws_of_the_mixture_prior():
    prior, expected = random_mixture()
    rng = np.random.RandomState(0)
    noise = torch.from_numpy(rng.standard_normal((100_000, 3)))
    with torch.no_grad():
        z = prior.sample(noise, rng, None)
        error = (expected.variance / len(z)).sqrt()
        assert ((z.mean(0) - expected.mean).abs() < 5 * error).all()
        # Mean log-density of draws is minus the entropy; so is torch's.
        theirs = expected.log_prob(expected.sample((100_000,)))
        ours = prior.log_prob(z, None)
        error = (theirs.var() / 1e5 + ours.var() / 1e5).sqrt()
        assert abs(ours.mean() - theirs.mean()) < 5 * error


def test_vampprior_is_the_mean_of_posteriors():
    prior = VampPrior(4, 1, 2).double()
    with torch.no_grad():
        prior.inputs.normal_(generator=generator())

    def encode(inputs):
        return inputs[:, :1] ** 2, inputs[:, 1:]

    z = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    mean, log_variance = encode(prior.inputs)
    q = torch.distributions.Normal(
        mean.squeeze(1), (0.5 * log_variance.squeeze(1)).exp()
    )
    expected = q.log_prob(z).exp().mean(1).log()
    torch.testing.assert_close(prior.log_prob(z, encode), expected)


def normal_latent():
    latent = NormalLatent(3, StandardNormal(3))
    output = torch.randn(6, 6, dtype=torch.float64, generator=generator())
    return latent, latent.parameters_of(output)


def bernoulli_latent():
    latent = BernoulliLatent(3)
    output = torch.randn(6, 3, dtype=torch.float64, generator=generator())
    return latent, latent.parameters_of(output)


def categorical_latent():
    latent = CategoricalLatent(2, 4)
    output = torch.randn(6, 8, dtype=torch.float64, generator=generator())
    return latent, latent.parameters_of(output)


LATENTS = pytest.mark.parametrize(
    "make", [normal_latent, bernoulli_latent, categorical_latent]
)


@LATENTS
def test_divergence_is_the_mean_log_ratio(make):
    latent, parameters = make()
    noise = latent.noise((40_000,), generator(1), parameters[0])
    z = latent.draw(parameters, noise)
    log_ratio = latent.log_ratio(parameters, z, None)
    error = log_ratio.std(1) / log_ratio.shape[1] ** 0.5
    difference = latent.kl(parameters).sum(1) + log_ratio.mean(1)
    assert (difference.abs() < 5 * error).all()


@LATENTS
def test_pairwise_log_q_is_what_the_ratio_has(make):
    latent, parameters = make()
    z = latent.draw(parameters, latent.noise((1,), generator(1), parameters[0]))
    ratio = latent.log_ratio(parameters, z, None)[:, 0]
    if isinstance(latent, NormalLatent):
        log_p = latent.prior.log_prob(z[:, 0])
    else:
        n_codes = 2**3 if isinstance(latent, BernoulliLatent) else 4**2
        log_p = -np.log(n_codes)
    own = latent.pairwise_log_q(parameters, z[:, 0]).diagonal()
    torch.testing.assert_close(own, log_p - ratio)


@LATENTS
def test_relaxed_draws_have_a_gradient_and_the_values_of_draws(make):
    latent, parameters = make()
    parameters = tuple(p.clone().requires_grad_() for p in parameters)
    noise = latent.noise((6, 2), generator(1), parameters[0])
    z = latent.draw(parameters, noise, 0.5)
    torch.testing.assert_close(z, latent.draw(parameters, noise))
    (z**3).sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in parameters)


@pytest.mark.parametrize("make", [bernoulli_latent, categorical_latent])
def test_frequencies_of_draws_are_the_probabilities(make):
    latent, parameters = make()
    noise = latent.noise((40_000,), generator(1), parameters[0])
    z = latent.draw(parameters, noise)
    p = latent.moments(parameters)[0].flatten(1)
    share = z.clamp(min=0).mean(1)
    assert ((share - p).abs() < 5 * (p * (1 - p) / 40_000).sqrt()).all()


@pytest.mark.parametrize(
    ("settings", "n_codes"),
    [
        ({"latent": "bernoulli", "n_components": 6}, 2**6),
        ({"latent": "categorical", "n_components": 3, "n_levels": 4}, 4**3),
        # Too many to sum over, so that they are drawn.
        ({"latent": "bernoulli", "n_components": 9}, 2**9),
        ({"latent": "categorical", "n_components": 5, "n_levels": 4}, 4**5),
    ],
)
@pytest.mark.slow
def test_bound_against_all_codes(binary, settings, n_codes):
    """log p(x) = log Σ_z p(z) p(x | z) over every code there is."""
    binary = binary[:, np.ptp(binary, axis=0) > 0]  # others are not decoded by networks
    vae = VAETransformer(
        likelihood="bernoulli", max_epochs=20, random_state=0, **settings
    ).fit(binary)
    values = range(2 if settings["latent"] == "bernoulli" else 4)
    codes = np.array(list(itertools.product(values, repeat=vae.n_components)), float)
    p = vae.inverse_transform(codes)
    log_joint = binary @ np.log(p).T + (1 - binary) @ np.log1p(-p).T - np.log(n_codes)
    exact = logsumexp(log_joint, axis=1)
    elbo = vae.elbo(binary)[0]
    vae.n_importance_samples = 2000
    bound, std = vae.score_samples(binary, return_std=True)
    assert elbo.mean() < exact.mean()
    # A bound by 2000 draws lies below by half its variance, and less than errors.
    assert np.abs(bound - exact).mean() < 3 * std.mean() + 1e-3
    assert (bound < exact + 6 * std + 1e-3).all()


def test_binary_codes(binary):
    vae = VAETransformer(
        8, likelihood="bernoulli", latent="bernoulli", max_epochs=20, random_state=0
    ).fit(binary)
    Z = vae.transform(binary)
    assert set(np.unique(Z)) == {0.0, 1.0}
    probability, variance = vae.posterior(binary)
    np.testing.assert_array_equal(Z, probability > 0.5)
    np.testing.assert_allclose(variance, probability * (1 - probability))


def test_categorical_codes(binary):
    vae = VAETransformer(
        3,
        likelihood="bernoulli",
        latent="categorical",
        n_levels=5,
        max_epochs=20,
        random_state=0,
    ).fit(binary)
    Z = vae.transform(binary)
    assert Z.shape == (300, 3)
    assert set(np.unique(Z)) <= {0.0, 1.0, 2.0, 3.0, 4.0}
    probability, _ = vae.posterior(binary)
    np.testing.assert_allclose(probability.sum(axis=2), 1)
    np.testing.assert_array_equal(Z, probability.argmax(axis=2))


@pytest.mark.parametrize("code", [5.0, -1.0, 0.5])
def test_codes_that_are_no_levels(binary, code):
    vae = VAETransformer(latent="categorical", n_levels=3, max_epochs=1).fit(binary)
    with pytest.raises(ValueError, match=f"numbers of levels, 0 to 2; got {code:g}"):
        vae.inverse_transform([[0, code]])


@pytest.mark.parametrize("n_rows", [20, 300])
def test_pseudo_rows_differ(binary, n_rows):
    vae = VAETransformer(prior="vampprior", max_epochs=1).fit(binary[:n_rows])
    inputs = vae.net_.module_.latent.prior.inputs.detach().numpy()
    assert len(np.unique(inputs, axis=0)) == 50


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"latent": "bernoulli", "prior": "mixture"},
            "prior must be 'standard_n",
        ),
        (
            {"latent": "categorical", "objective": "iwae"},
            "objective must be 'elbo'",
        ),
    ],
)
def test_parameters_that_exclude_each_other(binary, settings, message):
    with pytest.raises(ValueError, match=message):
        VAETransformer(**settings).fit(binary)
