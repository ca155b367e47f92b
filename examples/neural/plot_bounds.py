"""
=========================================================
The bounds of a linear autoencoder close as it is trained
=========================================================

A variational autoencoder knows its likelihood by bounds only. Without hidden layers it
is a linear-Gaussian model, whose likelihood can be written down: so here the bounds can
be held against what they bound.
"""

# %%
# Three factors behind ten features. A variational autoencoder without hidden layers is
# trained for some epochs, looked at, and trained on. What it decodes from the unit
# codes gives its loadings W, and with its noise the exact log-density of new rows under
# N(mean, W W' + noise). The maximum over all such models is that of probabilistic PCA.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import multivariate_normal

from sklatent.decomposition import PPCA
from sklatent.neural import VAETransformer

p, q = 10, 3
rng = np.random.RandomState(0)
loadings = rng.normal(size=(q, p))
X, new = (
    rng.normal(size=(n, q)) @ loadings + 0.5 * rng.normal(size=(n, p))
    for n in (1000, 500)
)


def exact_score(vae, rows):
    """Mean log-density of rows under a linear model, in nats."""
    mean = vae.inverse_transform(np.zeros((1, q)))
    W = vae.inverse_transform(np.eye(q)) - mean
    covariance = W.T @ W + np.diag(vae.noise_variance_)
    return multivariate_normal(mean[0], covariance).logpdf(rows).mean()


epochs = [1, 2, 4, 8, 16, 32, 64, 128]
draws = [1, 4, 16, 64, 256]
seeds = range(3)
exact = np.empty((len(seeds), len(epochs)))
elbo = np.empty_like(exact)
weighted = np.empty((*exact.shape, len(draws)))
for seed in seeds:
    vae = VAETransformer(
        q,
        hidden_layer_sizes=(),
        standardize=False,
        lr=5e-3,
        warm_start=True,
        random_state=seed,
    )
    for i, more in enumerate(np.diff(epochs, prepend=0)):
        vae.set_params(max_epochs=int(more)).fit(X)
        exact[seed, i] = exact_score(vae, new)
        elbo[seed, i] = vae.elbo(new)[0].mean()
        for k, n_draws in enumerate(draws):
            vae.n_importance_samples = n_draws
            weighted[seed, i, k] = vae.score(new)

best = PPCA(q).fit(X).score(new)
print(f"{'epochs':>6} {'ELBO':>8} {'K = 64':>8} {'exact':>8}")
for i, epoch in enumerate(epochs):
    row = elbo[:, i].mean(), weighted[:, i, 3].mean(), exact[:, i].mean()
    print(f"{epoch:6}", *(f"{value:8.2f}" for value in row))
print(f"probabilistic PCA: {best:.2f}")

# %%
# The mean of three initialisations. All rows share the draws of a score, whose error so
# does not average out over the rows; the bars on the right are its standard deviation
# over the three.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.axhline(best, color="black", linewidth=0.8, label="probabilistic PCA")
left.plot(epochs, exact.mean(axis=0), "o-", label="exact")
left.plot(epochs, weighted[..., 3].mean(axis=0), "s--", label="importance-weighted, 64")
left.plot(epochs, elbo.mean(axis=0), "^:", label="evidence lower bound")
left.set(xscale="log", xlabel="epochs", ylabel="log-density of new rows, nats")
left.set_xticks(epochs, epochs)
left.minorticks_off()
left.legend()
for i in (3, 5, 7):
    gap = exact[:, i, None] - weighted[:, i]
    right.errorbar(
        draws, gap.mean(axis=0), gap.std(axis=0), fmt="o-", label=f"{epochs[i]} epochs"
    )
right.axhline(0, color="black", linewidth=0.8)
right.set(xscale="log", xlabel="draws per row", ylabel="exact less bound, nats")
right.set_xticks(draws, draws)
right.minorticks_off()
right.legend()
plt.show()

# %%
# On the left the two bounds are far below the exact likelihood while the encoder does
# not know the posterior yet, and reach it as it learns; all three end at probabilistic
# PCA, some hundredths of a nat below. The importance-weighted bound lies between the
# other two all the way. On the right more draws close the gap, quickly where the
# encoder is good and slowly where it is not: no number of draws that is practical makes
# up for a poor encoder.
