"""The density of a detector that is given none.

The log-density of nearest neighbors falls like -d log r with the distance r, which is
what rows of the heaviest tails do: in one or two columns hardly any distance would
be too far. So the distance itself, in standard deviations, is taken off too, as in a
distribution with an exponential tail. It does not change the order of the rows.
"""

import warnings

import numpy as np
from scipy.special import gammaln, psi
from sklearn.preprocessing import StandardScaler

from sklatent.base import SklatentEstimator
from sklatent.density import GaussianMixture, KNeighborsDensity

# Neighbors, and the regularization of the Gaussian as a share of each variance.
N_NEIGHBORS, REG_COVAR = 10, 0.1
# What is taken off the log-density for a distance of a standard deviation. With less,
# far rows are not found; with more, heavy tails are outliers.
DISTANCE = 1.5


class NeighborsOrGaussian(SklatentEstimator):
    """Nearest neighbors for complete rows, a Gaussian for rows with missing entries.

    Columns are scaled by their standard deviation.

    Parameters
    ----------
    n_neighbors : int or None, default=10
        Number of neighbors; None scores complete rows by the Gaussian too.

    Attributes
    ----------
    neighbors_ : KNeighborsDensity or None
        Fitted to the complete rows, scaled.
    scaler_ : StandardScaler
        The scale of the complete rows.
    gaussian_ : GaussianMixture
        Fitted to all rows.
    """

    def __init__(self, n_neighbors=N_NEIGHBORS):
        self.n_neighbors = n_neighbors

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y=None):
        """Fit both to the rows of an array."""
        with warnings.catch_warnings():
            # They ask for settings that the user has not made.
            warnings.simplefilter("ignore")
            self.gaussian_ = GaussianMixture(reg_covar=REG_COVAR).fit(X)
            self.neighbors_ = None
            if self.n_neighbors is not None:
                complete = X[~np.isnan(X).any(axis=1)]
                self.scaler_ = StandardScaler().fit(complete)
                scaled = self.scaler_.transform(complete)
                self.neighbors_ = KNeighborsDensity(self.n_neighbors).fit(scaled)
                # The log-density at a distance of 1.
                n, d = complete.shape
                log_ball = d / 2 * np.log(np.pi) - gammaln(d / 2 + 1)
                share = psi(min(self.n_neighbors, n - 1)) - psi(n + 1)
                self.at_one_ = float(share - log_ball)
        return self

    def score_samples(self, X):
        """Score each row; those of the two kinds do not compare."""
        incomplete = np.isnan(X).any(axis=1)
        if self.neighbors_ is None or incomplete.all():
            return self.gaussian_.score_samples(X)
        scores = np.empty(len(X), X.dtype)
        scores[~incomplete] = self._by_neighbors(X[~incomplete])
        if incomplete.any():
            scores[incomplete] = self.gaussian_.score_samples(X[incomplete])
        return scores

    def _by_neighbors(self, X):
        """Log-density by the distance to neighbors, less that distance."""
        scores = self.neighbors_.score_samples(self.scaler_.transform(X))
        return scores - DISTANCE * np.exp((self.at_one_ - scores) / X.shape[1])


def default_density(observed, n_fitted):
    """A density for a table.

    Parameters
    ----------
    observed : ndarray of bool of shape (n_samples, n_features)
        Which entries are there.
    n_fitted : int
        Number of rows in the smallest fit.
    """
    complete = observed.all(axis=1).mean() * n_fitted
    if not observed.all() and complete < 4 * N_NEIGHBORS:
        return NeighborsOrGaussian(None)
    return NeighborsOrGaussian(int(max(1, min(N_NEIGHBORS, complete - 2))))
