"""
==============================================================================
Density estimation: more draws raise a VAE's bound to the exact log-likelihood
==============================================================================

A variational autoencoder has two lower bounds of its log-likelihood: the evidence lower
bound, ``elbo``, and the importance-weighted bound, ``score_samples``, which increases
with the number of draws. For a linear autoencoder the exact value is known too.
"""

# %%
# The data are three factors in eight columns, and noise. Without hidden layers the
# autoencoder is the model of probabilistic PCA. All rows share the random draws of a
# bound, so the error of its mean does not fall with the number of rows; eight trainings
# with different random numbers show it.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import multivariate_normal

from sklatent.decomposition import PPCA
from sklatent.neural import VAETransformer

rng = np.random.RandomState(0)
W = rng.normal(size=(3, 8))
X, new = (rng.normal(size=(n, 3)) @ W + rng.normal(size=(n, 8)) for n in (1000, 100))
settings = {
    "hidden_layer_sizes": (),
    "standardize": False,
    "batch_size": 200,
    "lr": 0.05,
    "lr_schedule": "one_cycle",
    "max_epochs": 60,
}
vaes = [VAETransformer(3, random_state=seed, **settings).fit(X) for seed in range(8)]

# %%
# The decoder is :math:`\mu + V z`; decoding zeros and ones gives both. So the rows are
# Gaussian with covariance :math:`V V^\top + \sigma^2 I`, and so are the observed
# columns. Training comes within 0.03 nats of the optimum, which is that of
# probabilistic PCA.


def exact(vae, X):
    """Mean log-density of the observed columns, the same in all rows."""
    seen = ~np.isnan(X[0])
    mu = vae.inverse_transform(np.zeros((1, 3)))
    V = (vae.inverse_transform(np.eye(3)) - mu).T
    covariance = V @ V.T + np.diag(vae.noise_variance_)
    gaussian = multivariate_normal(mu[0, seen], covariance[seen][:, seen])
    return gaussian.logpdf(X[:, seen]).mean()


truth = multivariate_normal(cov=W.T @ W + np.eye(8))
print("nats per new row")
print(f"true distribution        {truth.logpdf(new).mean():.3f}")
best = PPCA(3).fit(X).score(new)
reached = np.mean([exact(vae, new) for vae in vaes])
print(f"probabilistic PCA        {best:.3f}")
print(f"autoencoders             {reached:.3f}, {best - reached:.2f} less")

# %%
# The bounds are computed for complete rows, and for rows with missing values in three
# columns, which the encoder has never seen. The evidence lower bound is the average of
# the bound with one draw.

incomplete = new.copy()
incomplete[:, 5:] = np.nan
draws = 4 ** np.arange(1, 6)
figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.axhline(0, color="black", linewidth=1, label="exact value")
for rows, color, name in [
    (new, "C0", "complete rows"),
    (incomplete, "C1", "missing values"),
]:
    values = np.array([exact(vae, rows) for vae in vaes])
    bounds = np.empty((len(draws), len(vaes)))
    for i, n_draws in enumerate(draws):
        for j, vae in enumerate(vaes):
            bounds[i, j] = vae.set_params(n_importance_samples=n_draws).score(rows)
    elbo = np.mean([vae.elbo(rows)[0].mean() for vae in vaes]) - values.mean()
    gap = (bounds - values).mean(axis=1)
    error = 2 * (bounds - values).std(axis=1) / len(vaes) ** 0.5
    ax.errorbar(draws, gap, error, color=color, fmt="o-", label=name)
    ax.axhline(elbo, color=color, linestyle="dashed", label="their ELBO")
    print(f"{name:<16} ELBO {elbo:.2f}, with draws", gap.round(2))
ax.set(xscale="log", xlabel="draws per row", ylabel="bound - exact value, nats per row")
ax.set_xticks(draws, draws)
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# The figure shows both bounds, with error bars of two standard errors. For complete
# rows the encoder has the true posterior, and nothing is left to gain: at the optimum
# of a linear autoencoder its factors are independent given the row. For rows with
# missing values its posterior is poor, and the evidence lower bound is a third of a nat
# too low; draws compensate for this, and with 1,024 of them the bound is nearly exact.
