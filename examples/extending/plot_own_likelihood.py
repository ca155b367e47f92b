"""
================================================================================
Extending: a likelihood of your own, for counts that vary more than Poisson's do
================================================================================

The likelihood of a variational autoencoder says how its columns are distributed given
the code. ``sklatent.neural.Likelihood`` is the base class of all likelihoods, those of
the package and your own: three methods define one. This example models counts whose
variance exceeds their mean, and then changes the prior of the code as well.
"""

# %%
# The counts are visits to five web pages in an hour. They have a common cause, how busy
# the hour is, and bursts that the cause does not explain: given the mean
# :math:`\mu`, a count follows the negative binomial distribution of variance
# :math:`\mu + \mu^2 / r`.

import matplotlib.pyplot as plt
import numpy as np
import torch

from sklatent.neural import Likelihood, Prior, VAETransformer

rng = np.random.RandomState(0)
busy = rng.normal(size=(2000, 1))
mean = np.exp(2 + busy * [0.2, 0.5, 0.8, -0.4, 0.1])
r = 2.0
X = 1.0 * rng.negative_binomial(r, r / (r + mean))
train, test = X[:1000], X[1000:]

# %%
# The decoder returns one number for each column, here the logarithm of :math:`\mu` up
# to a constant. The constant and :math:`r` are learned for each column. With
# :math:`\mu` and :math:`r` the log-probability of a count is
#
# .. math::
#
#     \log p(x) = \log \frac{\Gamma(x + r)}{\Gamma(r) \, x!}
#     + r \log \frac{r}{r + \mu} + x \log \frac{\mu}{r + \mu}.
#
# ``standardized = False`` says that the columns are not to be standardized first.


class NegativeBinomial(Likelihood):
    """Counts whose variance exceeds their mean."""

    standardized = False

    def __init__(self, n_features):
        super().__init__(n_features)
        self.log_mean = torch.nn.Parameter(torch.zeros(n_features))
        self.log_r = torch.nn.Parameter(torch.zeros(n_features))

    def log_prob(self, x, parameters):
        """Log-probability of each count."""
        mu, r = self.mean(parameters), self.log_r.exp()
        log_choose = torch.lgamma(x + r) - torch.lgamma(r) - torch.lgamma(x + 1)
        return log_choose + r * (r / (r + mu)).log() + x * (mu / (r + mu)).log()

    def mean(self, parameters):
        """Mean of each count."""
        return (self.log_mean + parameters[..., 0, :].clamp(max=5)).exp()

    def sample(self, parameters, rng):
        """Draw each count."""
        mu, r = self.mean(parameters).numpy(), self.log_r.exp().numpy()
        draws = rng.negative_binomial(r, r / (r + mu))
        return torch.as_tensor(draws, dtype=parameters.dtype)


# %%
# The class is given in place of a name. ``score`` is the mean log-probability per row,
# so that the likelihoods can be compared on rows that training has not seen.

models = {}
for name, likelihood in [("Poisson", "poisson"), ("own", NegativeBinomial)]:
    models[name] = VAETransformer(
        1, likelihood=likelihood, lr=5e-3, max_epochs=100, random_state=0
    ).fit(train)
    print(f"{name}: {models[name].score(test):.2f} nats per row")

# %%
# ``sklatent.neural.Prior`` is the base class of priors of the code, which two methods
# define. Here the prior has heavier tails than the normal distribution, for hours that
# are far busier than most.


class StudentTPrior(Prior):
    """Student's t with 5 degrees of freedom in each component."""

    def log_prob(self, z, encode=None):
        """Log-density of each code."""
        return torch.distributions.StudentT(5.0).log_prob(z).sum(-1)

    def sample(self, noise, rng, encode=None):
        """Draw codes."""
        return torch.from_numpy(rng.standard_t(5, size=noise.shape))


heavy = VAETransformer(
    1,
    likelihood=NegativeBinomial,
    prior=StudentTPrior,
    lr=5e-3,
    max_epochs=100,
    random_state=0,
).fit(train)
print(f"own, with a heavy-tailed prior: {heavy.score(test):.2f} nats per row")

# %%
# The figure compares the counts of one page in the table and in as many synthetic rows.

figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharey=True)
bins = np.arange(-0.5, 60)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    synthetic = model.sample(1000, random_state=0)
    ax.hist(test[:, 0], bins, color="0.8", label="table")
    ax.hist(synthetic[:, 0], bins, histtype="step", color="C0", label="synthetic")
    ax.set(title=name, xlabel="visits to the first page in an hour")
axes[0].set_ylabel("rows")
axes[0].legend()
plt.show()

# %%
# The figure shows that the likelihood of one's own gives the synthetic counts the long
# tail and the many zeros of the table, while those of Poisson's distribution are
# too close to the mean. The held-out log-probabilities say the same. The heavy-tailed
# prior makes no difference here, since the common cause of these counts is normal.
