"""Parameters of a Gaussian mixture, and the units in which they are estimated."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklatent.density.mixture._covariance import Structure

# Below this a weight is 0.
SMALLEST_WEIGHT = 1e-250
# Scales whose inverses are numbers in single precision.
SINGLE_SCALES = (1e-30, 1e30)


@dataclass(frozen=True)
class Mixture:
    """Weights, means and covariances of Gaussian components.

    Parameters
    ----------
    weights : ndarray of shape (k,)
        They sum to 1; a component may have none.
    means : ndarray of shape (k, p)
        Means.
    root : ndarray
        Compact Cholesky factors, or standard deviations; see `Structure`.
    structure : Structure
        What the covariances have in common.
    """

    weights: np.ndarray
    means: np.ndarray
    root: np.ndarray
    structure: Structure

    @classmethod
    def of_precision_root(cls, weights, means, precision_root, structure):
        """Mixture whose precisions P P' are given by compact upper factors P."""
        if structure.diagonal:
            root = 1 / precision_root
        else:
            lower = np.swapaxes(precision_root, -1, -2)
            root = np.swapaxes(structure.invert_root(lower), -1, -2)
        mixture = cls(weights, means, root, structure)
        vars(mixture)["precision_root"] = precision_root
        return mixture

    @cached_property
    def precision_root(self):
        """Compact upper factors P of the precisions P P'."""
        return self.structure.invert_root(self.root)

    @cached_property
    def expanded_root(self):
        """Factors of the covariances, one for each component."""
        return self.structure.expand(self.root, *self.means.shape)

    @cached_property
    def expanded_precision_root(self):
        """Factors of the precisions, one for each component."""
        return self.structure.expand(self.precision_root, *self.means.shape)

    @cached_property
    def log_constants(self):
        """Logarithm of weight times density at the mean, for each component."""
        P = self.expanded_precision_root
        diagonal = P if self.structure.diagonal else np.einsum("kii->ki", P)
        p = self.means.shape[1]
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        return log_weights + np.log(diagonal).sum(axis=1) - 0.5 * p * np.log(2 * np.pi)

    @cached_property
    def condition(self):
        """By how much rounding grows if a log-density is expanded about the origin.

        Largest, over the components, of |precision| (|mean|^2 + trace of covariance);
        diagonal ones are expanded feature by feature.
        """
        L, P = self.expanded_root, self.expanded_precision_root
        alive = self.weights > 0
        with np.errstate(over="ignore"):
            if self.structure.diagonal:
                condition = P**2 * (self.means**2 + L**2)
            else:
                spread = (self.means**2).sum(axis=1) + (L**2).sum(axis=(1, 2))
                # The Frobenius norm of P bounds its largest singular value.
                condition = (P**2).sum(axis=(1, 2)) * spread
        return float(condition[alive].max())

    @property
    def n_parameters(self):
        """Free parameters: covariances, means, and weights that sum to 1."""
        k, p = self.means.shape
        return self.structure.n_parameters(k, p) + k * p + k - 1

    def pack(self):
        """All parameters as one vector without bounds, for extrapolation."""
        log_weights = np.log(np.maximum(self.weights, SMALLEST_WEIGHT))
        root = self.structure.pack(self.root)
        return np.concatenate([log_weights, self.means.ravel(), root])

    def unpack(self, theta):
        """Mixture of the same shape from a vector, or None if it is out of range."""
        k, p = self.means.shape
        log_weights, means, root = np.split(theta, [k, k + k * p])
        with np.errstate(all="ignore"):
            weights = np.exp(log_weights - log_weights.max())
            weights /= weights.sum()
            weights[(weights < SMALLEST_WEIGHT) | (self.weights == 0)] = 0.0
            root = self.structure.unpack(root, k, p)
            made = Mixture(weights, means.reshape(k, p), root, self.structure)
            arrays = (weights, means, made.root, made.precision_root)
        return made if all(np.isfinite(a).all() for a in arrays) else None


@dataclass(frozen=True)
class Frame:
    """Units in which the data has mean 0 and variance 1.

    So the units of the data, feature by feature, do nothing to the results.

    Parameters
    ----------
    origin : ndarray of shape (p,)
        Subtracted from the rows, in their precision.
    scale : ndarray of shape (p,)
        Then each feature is divided by this; one number where the covariances are
        isotropic. Positive, also for constant features.
    """

    origin: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, rows, structure, names):
        """The frame for `Rows`; `names` of the features are for errors.

        A constant feature counts as having the mean variance of the others, and if
        all are constant, as having variance 1.
        """
        mean, variance = rows.moments(names)
        dtype = rows.X.dtype
        # What rounding of the mean leaves in a constant column is no variance.
        resolution = np.finfo(dtype).eps * np.abs(mean)
        varies = variance > resolution**2
        typical = variance[varies].mean() if varies.any() else 1.0
        if structure.isotropic and varies.any():
            variance = np.full_like(variance, variance.mean())
        else:
            variance = np.where(varies, variance, typical)
        scale = np.sqrt(variance)
        if dtype == np.float32:
            scale = np.clip(scale, *SINGLE_SCALES)
        return cls(mean.astype(dtype), scale)

    def log_jacobian(self, rows):
        """What log-densities in these units exceed those in units of the data by.

        The mean over the rows, of which only what is observed has a density.
        """
        return float(rows.shares_observed() @ np.log(self.scale))

    def of_features(self, kept):
        """The same for some of the features."""
        return Frame(self.origin[kept], self.scale[kept])

    def rows(self, X, out):
        """Rows in these units, as the columns of `out`."""
        np.subtract(X.T, self.origin[:, None], out=out)
        out *= (1 / self.scale).astype(out.dtype)[:, None]
        return out

    def enter(self, mixture):
        """A mixture for the data as a mixture for these units."""
        means = (mixture.means - self.origin) / self.scale
        root = mixture.structure.rescale(mixture.root, 1 / self.scale)
        return Mixture(mixture.weights, means, root, mixture.structure)

    def leave(self, mixture):
        """A mixture for these units as a mixture for the data."""
        means = self.origin.astype(np.float64) + mixture.means * self.scale
        root = mixture.structure.rescale(mixture.root, self.scale)
        return Mixture(mixture.weights, means, root, mixture.structure)
