"""The linear-Gaussian model: x = W z + mu + eps, z ~ N(0, I), eps ~ N(0, diag psi).

PCA, probabilistic PCA and factor analysis differ in how they find W and psi; what
follows from them is written here once. C = W W' + diag psi is never formed where
its q x q companion serves (Woodbury):

    M = I + W' psi^-1 W                                   (q, q)
    E[z | x] = M^-1 W' psi^-1 (x - mu),   Cov[z | x] = M^-1
    log |C| = log |M| + sum log psi

Bishop (2006), Pattern Recognition and Machine Learning, section 12.2.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.utils.validation import check_is_fitted

from sklatent.base import GenerativeModelMixin, LatentModelMixin
from sklatent.utils._arrays import (
    are_dispatched,
    in_precision_of,
    moved,
    namespace_of,
)
from sklatent.utils._columns import set_constants

# Methods that take arrays of other libraries where these are.
ON_DEVICE = frozenset(
    {
        "fit",
        "fit_transform",
        "inverse_transform",
        "posterior",
        "reconstruction_error",
        "score",
        "score_samples",
        "transform",
    }
)


@dataclass(frozen=True)
class LinearGaussian:
    """A linear-Gaussian model, in double precision.

    Parameters
    ----------
    W : ndarray of shape (n_features, n_components)
        Loadings.
    mu : ndarray of shape (n_features,)
        Mean.
    psi : ndarray of shape (n_features,)
        Variances of the noise, all positive.
    constants : ndarray of shape (n_features,) or None, default=None
        Values of the features that did not vary at all in `fit`, NaN for the others. A
        density needs noise in them, but what is drawn or imputed is their value.
    """

    W: np.ndarray
    mu: np.ndarray
    psi: np.ndarray
    constants: np.ndarray | None = None

    def M(self):
        """M, (q, q)."""
        return np.eye(self.W.shape[1]) + self.W.T @ (self.W / self.psi[:, None])

    def cho_M(self):
        """Cholesky factor of M, for `scipy.linalg.cho_solve`."""
        return cho_factor(self.M())

    def posterior(self, X):
        """Mean (n, q) and covariance (q, q), which all rows share, of z given x.

        X, and with it what is returned, may be an array of another library than NumPy.
        """
        covariance = cho_solve(self.cho_M(), np.eye(self.W.shape[1]))
        return self.codes(X), moved(covariance, X)

    def codes(self, X):
        """E[z | x], (n, q)."""
        mu, scaled = moved((self.mu, self.W / self.psi[:, None]), X)
        projected = ((X - mu) @ scaled).T
        if not are_dispatched(X):
            return cho_solve(self.cho_M(), projected).T
        return namespace_of(X).linalg.solve(moved(self.M(), X), projected).T

    def log_density(self, X):
        """Log p(x), (n,).

        The squared Mahalanobis distance is |x - mu - W m|² / psi + |m|², with m the
        posterior mean: two squares, where Woodbury's identity has a difference.
        """
        mean, xp = self.codes(X), namespace_of(X)
        mu, loadings, psi = moved((self.mu, self.W.T, self.psi), X)
        residual = X - mu - mean @ loadings
        distance2 = xp.sum(residual**2 / psi, axis=1) + xp.sum(mean**2, axis=1)
        log_det_M = 2 * np.log(np.diag(self.cho_M()[0])).sum()
        log_det_C = log_det_M + np.log(self.psi).sum()
        constant = float(len(self.mu) * np.log(2 * np.pi) + log_det_C)
        return -0.5 * (constant + distance2)

    def sample(self, n_samples, rng):
        """Draw rows, (n_samples, p)."""
        z = rng.standard_normal((n_samples, self.W.shape[1]))
        noise = rng.standard_normal((n_samples, len(self.mu)))
        X = z @ self.W.T + self.mu + noise * np.sqrt(self.psi)
        if self.constants is not None:
            set_constants(X, self.constants)
        return X

    def covariance(self):
        """C, (p, p)."""
        return self.W @ self.W.T + np.diag(self.psi)

    def precision(self):
        """C^-1 = psi^-1 - psi^-1 W M^-1 W' psi^-1, (p, p).

        The difference loses digits in a feature with little noise beside what it has
        in common with others; a step of refinement gives them back.
        """
        unit = np.eye(len(self.mu))
        P = self._solve(unit)
        residual = unit - self.W @ (self.W.T @ P) - self.psi[:, None] * P
        if np.abs(residual).max() < 1e-3:  # or C is close to singular
            P += self._solve(residual)
        return P

    def _solve(self, B):
        """C^-1 B by Woodbury's identity."""
        scaled = self.W / self.psi[:, None]
        return B / self.psi[:, None] - scaled @ cho_solve(self.cho_M(), scaled.T @ B)


class LinearGaussianMixin(GenerativeModelMixin, LatentModelMixin):
    """What an estimator has from its `_model`, a `LinearGaussian`."""

    _on_device = ON_DEVICE
    _few_entries = 2**16

    def posterior(self, X):
        """Mean and covariance of the code z given each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            E[z | x], in the precision of `X`.
        covariance : ndarray of shape (n_components, n_components)
            Cov[z | x], the same for every row. Codes have the variance 1 before
            anything is observed.

        Examples
        --------
        The better a component stands out from the noise, the more is known of it:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PCA
        >>> X = load_iris().data
        >>> mean, covariance = PCA(n_components=2).fit(X).posterior(X)
        >>> np.sqrt(np.diag(covariance)).round(2)
        array([0.11, 0.46])
        """
        X = self._validate_rows(X)
        mean, covariance = self._model().posterior(X)
        return in_precision_of(X, mean), covariance

    def score_samples(self, X):
        """Log-density of each row under the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for the units of the data.

        Examples
        --------
        It is that of the normal distribution with the model's mean and covariance:

        >>> import numpy as np
        >>> from scipy.stats import multivariate_normal
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PCA
        >>> X = load_iris().data
        >>> pca = PCA(n_components=2).fit(X)
        >>> normal = multivariate_normal(pca.mean_, pca.get_covariance())
        >>> bool(np.allclose(pca.score_samples(X), normal.logpdf(X)))
        True
        """
        X = self._validate_rows(X)
        return in_precision_of(X, self._model().log_density(X))

    def _sample(self, n_samples, rng):
        return self._model().sample(n_samples, rng)

    def get_covariance(self):
        """Covariance of the rows under the model.

        Returns
        -------
        covariance : ndarray of shape (n_features, n_features)
            W W' + diag psi, in squared units of the data.

        Examples
        --------
        Factors leave each feature the variance that it has, and explain what features
        have in common:

        >>> import numpy as np
        >>> from sklearn.datasets import load_wine
        >>> from sklatent.decomposition import FactorAnalysis
        >>> X = load_wine().data
        >>> covariance = FactorAnalysis(n_components=3).fit(X).get_covariance()
        >>> bool(np.allclose(np.diag(covariance), X.var(axis=0), rtol=1e-3))
        True
        """
        check_is_fitted(self)
        return self._model().covariance()

    def get_precision(self):
        """Inverse of the model's covariance, by Woodbury's identity.

        Returns
        -------
        precision : ndarray of shape (n_features, n_features)
            The inverse of `get_covariance()`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PCA
        >>> pca = PCA(n_components=2).fit(load_iris().data)
        >>> bool(np.allclose(pca.get_covariance() @ pca.get_precision(), np.eye(4)))
        True
        """
        check_is_fitted(self)
        return self._model().precision()
