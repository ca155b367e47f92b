"""Discrete codes few enough to be summed over, against sums written out by hand."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from torch import nn

from sklatent.neural import VAETransformer
from sklatent.neural.vae._discrete_codes import MAX_CODES
from sklatent.neural.vae._model import NegativeELBO

KINDS = pytest.mark.parametrize(
    ("settings", "n_levels"),
    [
        ({"latent": "bernoulli", "n_components": 4}, 2),
        ({"latent": "categorical", "n_components": 2, "n_levels": 3}, 3),
        ({"latent": "categorical", "n_components": 1, "n_levels": 5}, 5),
    ],
)


@pytest.fixture(scope="module")
def binary():
    X = 1.0 * (load_digits().data[:60, 18:40] > 7)
    return X[:, np.ptp(X, axis=0) > 0]  # constant columns are not decoded by networks


def fitted(X, settings):
    return VAETransformer(
        likelihood="bernoulli",
        hidden_layer_sizes=(8,),
        lr=0.02,
        max_epochs=30,
        batch_size=20,
        random_state=0,
        **settings,
    ).fit(X)


def all_codes(vae, n_levels):
    return np.array(list(itertools.product(range(n_levels), repeat=vae.n_components)))


def log_q(vae, X, codes):
    """log q(z | x) of every code, (n, K): a sum over independent components."""
    p = vae.posterior(X)[0]
    if vae.latent == "bernoulli":
        p = np.stack([1 - p, p], axis=-1)
    columns = range(vae.n_components)
    return np.array([[np.log(row[columns, code]).sum() for code in codes] for row in p])


def log_likelihood(vae, X, codes):
    """log p(x | z) of what is observed, for every code, (n, K)."""
    p = vae.inverse_transform(codes.astype(float))
    terms = np.where(X[:, None] == 1, np.log(p), np.log1p(-p))
    return np.where(np.isnan(X)[:, None], 0.0, terms).sum(axis=2)


@KINDS
def test_bounds_are_sums_over_all_codes(binary, settings, n_levels):
    missing = binary.copy()
    missing[::2, ::3] = np.nan
    for X in (binary, missing):
        vae = fitted(X, settings)
        codes = all_codes(vae, n_levels)
        q, of_x = log_q(vae, X, codes), log_likelihood(vae, X, codes)
        expected = (np.exp(q) * of_x).sum(axis=1)
        kl = (np.exp(q) * (q + np.log(len(codes)))).sum(axis=1)
        elbo, first, second = vae.elbo(X)
        np.testing.assert_allclose(first, expected, rtol=1e-9)
        np.testing.assert_allclose(second, kl, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(elbo, expected - kl, rtol=1e-9)
        log_p, std = vae.score_samples(X, return_std=True)
        exact = logsumexp(of_x, axis=1) - np.log(len(codes))
        np.testing.assert_allclose(log_p, exact, rtol=1e-9)
        np.testing.assert_array_equal(std, 0)
        assert (elbo < log_p + 1e-9).all()
        size = vae.effective_sample_size(X)
        assert ((size >= 1) & (size <= vae.n_importance_samples)).all()


@KINDS
def test_missing_entries_given_the_observed(binary, settings, n_levels):
    """E[x | observed] = Σ_z p(z | observed) E[x | z], and frequencies of draws."""
    X = binary.copy()
    X[:, 5:12] = np.nan
    vae = fitted(binary, settings)
    codes = all_codes(vae, n_levels)
    log_p = log_likelihood(vae, X, codes)
    posterior = np.exp(log_p - logsumexp(log_p, axis=1, keepdims=True))
    p = posterior @ vae.inverse_transform(codes.astype(float))
    imputed, std = vae.impute(X, return_std=True)
    np.testing.assert_allclose(imputed[:, 5:12], p[:, 5:12], rtol=1e-9)
    deviation = np.sqrt(p * (1 - p))[:, 5:12]
    np.testing.assert_allclose(std[:, 5:12], deviation, rtol=1e-9)
    tables = vae.sample_missing(X, n_samples=4000, random_state=0)
    error = tables.mean(axis=0)[:, 5:12] - p[:, 5:12]
    assert (np.abs(error) < 5 * deviation / np.sqrt(4000) + 1e-3).all()


def written_out(model, x, beta):
    """-Σ_z q(z | x) [log p(x | z) + β (log p(z) - log q(z | x))], code by code."""
    (parameters,) = model.posterior(x)
    if parameters.ndim == 2:
        log_odds = parameters[..., None] * torch.tensor([0.0, 1.0])
        parameters = log_odds.log_softmax(-1)
    q, n_levels = parameters.shape[1:]
    loss = 0.0
    for code in itertools.product(range(n_levels), repeat=q):
        log_q = sum(parameters[:, j, level] for j, level in enumerate(code))
        z = model.latent.embed(torch.tensor([code], dtype=torch.float64))
        log_p = model.likelihood.log_prob(x, model.decoder(z))
        log_ratio = -q * np.log(n_levels) - log_q
        loss = loss - log_q.exp() * (log_p + beta * log_ratio)
    return loss


@KINDS
def test_loss_and_gradient_are_those_of_the_sum(binary, settings, n_levels):
    model = fitted(binary, settings).net_.module_.double().train()
    x = torch.tensor(binary)
    # Draws would use the generator.
    losses = NegativeELBO(beta=0.7)(model, x, None), written_out(model, x, 0.7)
    torch.testing.assert_close(*losses)
    weights = list(model.parameters())
    got, expected = (torch.autograd.grad(loss.sum(), weights) for loss in losses)
    assert all(g.abs().sum() > 0 for g in got)
    torch.testing.assert_close(got, expected)


def test_tables_of_several_kinds(binary):
    """The sum of q(z | x) p(x | z) over a table whose likelihoods all differ."""
    rng = np.random.RandomState(0)
    levels, counts = rng.randint(3, size=(2, 60)), rng.poisson(2, size=60)
    numbers, blocks = rng.normal(size=60), np.eye(3)[levels[1]]
    X = np.column_stack([binary[:, :3], levels[0], numbers, counts, blocks])
    kinds = [("bernoulli", 0, 3), ("categorical", 3, 4), ("gaussian", 4, 5)]
    kinds += [("poisson", 5, 6), ("one_hot", 6, 9)]
    vae = VAETransformer(
        2,
        likelihood=[(kind, list(range(*columns))) for kind, *columns in kinds],
        latent="bernoulli",
        noise_variance="decoder",
        marginals=None,
        max_epochs=2,
        random_state=0,
    ).fit(X)
    model = vae.net_.module_.double().eval()
    x = torch.tensor((X - vae.mean_) / vae.scale_)
    with torch.no_grad():
        expected = -written_out(model, x, 1.0).numpy() - np.log(vae.scale_).sum()
    np.testing.assert_allclose(vae.elbo(X)[0], expected, rtol=1e-6)


class Counting(nn.Linear):
    """A decoder that counts the rows it is given."""

    largest = 0

    def forward(self, x):
        Counting.largest = max(Counting.largest, len(x))
        return super().forward(x)


def test_the_decoder_sees_each_code_once(binary):
    Counting.largest = 0
    settings = {"n_components": 3, "latent": "bernoulli", "decoder": Counting}
    vae = fitted(binary, settings)
    vae.score_samples(binary)
    vae.impute(np.where(binary == 1, np.nan, binary))
    assert Counting.largest <= len(binary), "more rows than codes of rows, or all codes"


def test_images(binary):
    X = load_digits().data[:60]
    vae = VAETransformer(
        3, latent="bernoulli", image_shape=(1, 8, 8), max_epochs=2, random_state=0
    ).fit(X)
    assert (vae.elbo(X)[0] < vae.score_samples(X) + 1e-9).all()


def test_many_codes_and_noise_of_the_batch_are_drawn(binary):
    n_bits = MAX_CODES.bit_length() - 1
    for settings, n_codes in [
        ({"n_components": n_bits}, 2**n_bits),
        ({"n_components": n_bits + 1}, None),
        ({"n_components": 2, "noise_variance": "batch"}, None),
    ]:
        vae = VAETransformer(latent="bernoulli", max_epochs=1, **settings).fit(binary)
        codes = vae.net_.module_.latent.codes
        assert (None if codes is None else len(codes)) == n_codes
        std = vae.score_samples(binary, return_std=True)[1]
        assert (std > 0).any() == (n_codes is None)


def pairs_of(*patterns):
    """Rows that show each pattern as often, in both halves of their columns."""
    patterns = np.tile(np.array(patterns, dtype=float), (150, 1))
    return np.column_stack([patterns, patterns])


LEVELS = {"n_components": 1, "latent": "categorical", "n_levels": 3}
BITS = {"n_components": 2, "latent": "bernoulli"}
PATTERNS = {
    "levels": (pairs_of([0], [1], [2]), {**LEVELS, "likelihood": "categorical"}),
    "bits": (pairs_of([0], [1], [2], [3]), {**BITS, "likelihood": "categorical"}),
    "bits of bits": (
        pairs_of([0, 0], [0, 1], [1, 0], [1, 1]),
        {**BITS, "likelihood": "bernoulli"},
    ),
}
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.slow
def test_a_code_for_each_pattern(name, seed):
    """As many codes as patterns, at the defaults: log p(x) = -log of their number."""
    X, settings = PATTERNS[name]
    vae = VAETransformer(max_epochs=250, random_state=seed, **settings).fit(X)
    assert vae.score(X) == pytest.approx(-np.log(len(np.unique(X, axis=0))), abs=0.02)
