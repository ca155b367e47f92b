"""The plain data of a fit: mixtures, the rows they are fitted to, and their units.

A covariance array is *expanded* as (n_components, n_features, n_features), or for
diagonal ones (n_components, n_features); and *compact* as scikit-learn shapes it, where
what components or features share is stored once.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dtrtri

from sklatent.density.mixture._missing import pattern_order
from sklatent.density.mixture._passes import TRIAL_ROWS
from sklatent.utils._columns import any_missing, feature_moments, observed_moments
from sklatent.utils._weights import total_weight

# Smaller weights are set to 0: their logarithm would leave the range of exp.
SMALLEST_WEIGHT = 1e-250
# Scales whose inverses and squares are still numbers in single precision.
SINGLE_SCALES = (1e-30, 1e30)


@dataclass(frozen=True)
class Structure:
    """A `covariance_type`.

    Parameters
    ----------
    diagonal : bool
        Whether the features are independent within a component.
    shared : bool
        Whether the components have one covariance.
    isotropic : bool
        Whether the features have one variance.
    """

    diagonal: bool
    shared: bool
    isotropic: bool = False

    def shape(self, k, p):
        """Shape of a compact array."""
        shape = () if self.shared else (k,)
        if self.diagonal:
            return shape if self.isotropic else (*shape, p)
        return (*shape, p, p)

    def identity(self, k, p):
        """Compact roots of covariances that are the identity."""
        shape = self.shape(k, p)
        return np.ones(shape) if self.diagonal else np.broadcast_to(np.eye(p), shape)

    def constrain(self, S, weights, reg):
        """Maximum-likelihood covariances of this structure, plus `reg`.

        Parameters
        ----------
        S : ndarray
            Expanded covariances of the components, not constrained.
        weights : ndarray of shape (k,)
            Weights of the components.
        reg : ndarray of shape (p,)
            Added to the variances.

        Returns
        -------
        C : ndarray
            Compact covariances.
        """
        if self.shared:
            S = np.tensordot(weights / weights.sum(), S, 1)
        if self.isotropic:
            return S.mean(axis=-1) + reg.mean()
        if self.diagonal:
            return S + reg
        return S + np.diag(reg)

    def expand(self, C, k, p):
        """Repeat what components or features share."""
        C = np.asarray(C)
        if not (self.shared or self.isotropic):
            return C
        if self.isotropic:
            C = C[..., None]
        if self.shared:
            C = C[None]
        return np.broadcast_to(C, (k, p) if self.diagonal else (k, p, p))

    def n_parameters(self, k, p):
        """Free parameters of the covariances."""
        free_of_one = (1 if self.isotropic else p) if self.diagonal else p * (p + 1) / 2
        return int((1 if self.shared else k) * free_of_one)

    def root(self, C):
        """Lower Cholesky factor, or standard deviations, of compact covariances.

        Raises
        ------
        LinAlgError
            If one is not positive definite.
        """
        if not self.diagonal:
            return np.linalg.cholesky(C)
        if not (np.isfinite(C) & (C > 0)).all():
            raise np.linalg.LinAlgError("variances are not positive")
        return np.sqrt(C)

    def square(self, root):
        """Covariances L L', or precisions P P', of roots."""
        return root**2 if self.diagonal else root @ np.swapaxes(root, -1, -2)

    def invert_root(self, root):
        """Upper factor P = L^-T of the precision, for the covariance L L'."""
        if self.diagonal:
            return 1 / root
        flat = root.reshape(-1, *root.shape[-2:])
        # LAPACK itself, which takes a tenth of the time of scipy.linalg here.
        inverses, info = zip(*(dtrtri(L, lower=1) for L in flat), strict=True)
        if any(info):
            raise np.linalg.LinAlgError("a covariance is singular")
        return np.swapaxes(np.array(inverses), -1, -2).reshape(root.shape)

    def factor_precision(self, precisions):
        """Upper factors P of compact precisions P P'."""
        if self.diagonal:
            return self.root(precisions)
        # With rows and columns reversed, a lower factor is an upper one.
        return np.linalg.cholesky(precisions[..., ::-1, ::-1])[..., ::-1, ::-1]

    def rescale(self, root, scale):
        """Root (covariance or precision) with each feature times `scale`."""
        if self.isotropic:
            return root * scale[0]
        return root * (scale if self.diagonal else scale[:, None])

    def pack(self, root):
        """Numbers without bounds: factors below the diagonal, logarithms of it."""
        if self.diagonal:
            return np.log(root).ravel()
        diagonal = np.einsum("...ii->...i", root)
        below = np.tril_indices(root.shape[-1], -1)
        return np.concatenate([np.log(diagonal).ravel(), root[..., *below].ravel()])

    def unpack(self, theta, k, p):
        """Undo `pack`."""
        shape = self.shape(k, p)
        if self.diagonal:
            return np.exp(theta).reshape(shape)
        root = np.zeros(shape)
        n_diagonal = root.size // p
        root[..., *np.tril_indices(p, -1)] = theta[n_diagonal:].reshape(*shape[:-2], -1)
        diagonal = np.einsum("...ii->...i", root)  # a view
        diagonal[...] = np.exp(theta[:n_diagonal]).reshape(shape[:-1])
        return root


STRUCTURES = {
    "full": Structure(diagonal=False, shared=False),
    "tied": Structure(diagonal=False, shared=True),
    "diag": Structure(diagonal=True, shared=False),
    "tied_diag": Structure(diagonal=True, shared=True),
    "spherical": Structure(diagonal=True, shared=False, isotropic=True),
}


@dataclass(frozen=True)
class Mixture:
    """Weights, means and covariances of Gaussian components.

    Parameters
    ----------
    weights : ndarray of shape (k,)
        They sum to 1; a component without rows has 0.
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
    def standard(cls, k, p, structure):
        """Components of mean 0 and variance 1."""
        root = structure.identity(k, p)
        return cls(np.full(k, 1 / k), np.zeros((k, p)), root, structure)

    @classmethod
    def of_precision_root(cls, weights, means, precision_root, structure):
        """Mixture whose precisions P P' are given by compact upper factors P."""
        if structure.diagonal:
            root = 1 / precision_root
        else:
            lower = np.swapaxes(precision_root, -1, -2)
            root = np.swapaxes(structure.invert_root(lower), -1, -2)
        mixture = cls(weights, means, root, structure)
        # Inverting twice would not return the same digits.
        vars(mixture)["precision_root"] = precision_root
        return mixture

    def rescaled(self, means, scale):
        """The mixture with each feature times `scale`, and with these means."""
        root = self.structure.rescale(self.root, scale)
        mixture = Mixture(self.weights, means, root, self.structure)
        if "precision_root" in vars(self):  # inverting again would take longer
            vars(mixture)["precision_root"] = self.structure.rescale(
                self.precision_root, 1 / scale
            )
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
            # A component that lost its rows does not come back by extrapolation.
            weights[(weights < SMALLEST_WEIGHT) | (self.weights == 0)] = 0.0
            root = self.structure.unpack(root, k, p)
            made = Mixture(weights, means.reshape(k, p), root, self.structure)
            arrays = (weights, means, made.root, made.precision_root)
        return made if all(np.isfinite(a).all() for a in arrays) else None


@dataclass(frozen=True)
class Frame:
    """Units in which the data has mean 0 and variance 1: standardized units.

    EM runs in them, so that the units of the data, feature by feature, do not change
    the results, and so that expansions about the origin keep their digits.

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
    def of_moments(cls, mean, variance, structure, dtype):
        """Frame for the means and variances of features.

        A constant feature counts as having the mean variance of the others, and if
        all are constant, as having variance 1.
        """
        # What rounding of the mean leaves in a constant column is no variance.
        varies = variance > (np.finfo(dtype).eps * np.abs(mean)) ** 2
        typical = variance[varies].mean() if varies.any() else 1.0
        if structure.isotropic and varies.any():
            variance = np.full_like(variance, variance.mean())
        else:
            variance = np.where(varies, variance, typical)
        scale = np.sqrt(variance)
        if dtype == np.float32:
            scale = np.clip(scale, *SINGLE_SCALES)
        return cls(mean.astype(dtype), scale)

    def regularization(self, reg_covar, relative):
        """What M-steps add to the variances, in these units."""
        if relative:
            return np.full(len(self.scale), float(reg_covar))
        # Dividing twice: the square of a scale may be out of range.
        return reg_covar / self.scale / self.scale

    def standardize_rows(self, X, out):
        """Rows in these units, as the columns of `out`."""
        np.subtract(X.T, self.origin[:, None], out=out)
        out *= (1 / self.scale).astype(out.dtype)[:, None]
        return out

    def standardize(self, mixture):
        """A mixture in the units of the data as one in these units."""
        means = (mixture.means - self.origin) / self.scale
        return mixture.rescaled(means, 1 / self.scale)

    def destandardize(self, mixture):
        """A mixture in these units as one in the units of the data."""
        means = self.origin.astype(np.float64) + mixture.means * self.scale
        return mixture.rescaled(means, self.scale)


@dataclass(frozen=True)
class TrainingRows:
    """The rows that a mixture is fitted to, their weights, and units to compute in.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The rows in the units of the data; NaN marks a missing entry. With missing
        entries, in double precision and in the order of `pattern_order`.
    weight : ndarray of shape (n_samples,) or None
        Weight of each row, in double precision; 1 on average, zeros aside.
    total : float
        Sum of the weights as they were given.
    has_missing : bool
        Whether an entry is missing.
    frame : Frame
        Units to compute in.
    """

    in_blocks = False
    X: np.ndarray
    weight: np.ndarray | None
    total: float
    has_missing: bool
    frame: Frame

    @classmethod
    def of(cls, X, weight, frame=None, *, structure=None, names=None, n_threads=1):
        """Rows as `fit` takes them.

        Parameters
        ----------
        X : ndarray of shape (n_samples, p)
            The rows, checked.
        weight : ndarray of shape (n_samples,) or None
            Their weights, checked.
        frame : Frame or None
            Units to compute in; None for those in which these rows are standardized.
        structure : Structure
            What the covariances have in common, if the frame is to be found.
        names : sequence of str or None
            Names of the features for errors, if the frame is to be found.
        n_threads : int
            How many threads share the rows.

        Raises
        ------
        ValueError
            If no entry of a feature is observed, or the weights are too large for
            their sum to be a number.
        """
        total, has_missing = float(len(X)), any_missing(X)
        if weight is not None:
            total = total_weight(weight)
            weight = weight / weight[weight > 0].mean()
        if has_missing:
            X, weight = by_pattern(X, weight)
        if frame is None:
            if has_missing:
                names = np.arange(X.shape[1]) if names is None else names
                w = np.ones(len(X)) if weight is None else weight
                mean, variance = observed_moments(X, w, names)
            else:
                mean, variance = feature_moments(X, weight, n_threads)
            frame = Frame.of_moments(mean, variance, structure, X.dtype)
        return cls(X, weight, total, has_missing, frame)

    @property
    def shape(self):
        """Shape of the table."""
        return self.X.shape

    @property
    def dtype(self):
        """Precision of the rows."""
        return self.X.dtype

    def reduce(self, function, merge, *parameters):
        """Value of function(rows, *parameters); see `BlockedRows`."""
        return function(self, *parameters)

    @property
    def trial(self):
        """A few rows, spread evenly."""
        return self.X[:: len(self.X) // TRIAL_ROWS][:TRIAL_ROWS]

    def sample(self, n_rows, rng):
        """Sample standardized rows by their weight; all if there are not more.

        Parameters
        ----------
        n_rows : int
            How many.
        rng : RandomState
            Source of randomness.

        Returns
        -------
        Z : ndarray of shape (n_sampled, p)
            The rows.
        w : ndarray of shape (n_sampled,)
            Their weights; 1 for those that were chosen by them.
        """
        X = self.X if self.standardized is None else self.standardized
        n, w = len(X), self.weight
        held = slice(n) if w is None else np.flatnonzero(w)
        if (n if w is None else len(held)) > n_rows:
            # One from each of as many stretches of equal weight.
            quantiles = (np.arange(n_rows) + rng.uniform(size=n_rows)) / n_rows
            if w is None:  # the sums of the weights are 1, 2, ...
                held = np.minimum((quantiles * n).astype(np.intp), n - 1)
            else:
                held = held[at_quantiles(np.cumsum(w[held]), quantiles)]
            w = None
        X = X[held]
        w = np.ones(len(X)) if w is None else w[held]
        if self.standardized is None:
            X = self.frame.standardize_rows(X, np.empty(X.shape, X.dtype).T).T
        return X, w

    @cached_property
    def standardized(self):
        """The rows in the units of the frame if there are fewer than features, or None.

        To standardize them block by block would take as long as the rest of an EM step;
        to keep a copy of more rows would double the memory.
        """
        n, p = self.X.shape
        if n >= p:
            return None
        return self.frame.standardize_rows(self.X, np.empty_like(self.X).T).T

    @cached_property
    def log_jacobian(self):
        """Mean log-density in the units of the frame less that in units of the data.

        The density of a row is that of its observed entries.
        """
        observed = np.ones(self.X.shape[1])
        if self.has_missing:
            w = np.ones(len(self.X)) if self.weight is None else self.weight
            observed = w @ ~np.isnan(self.X) / w.sum()
        return float(observed @ np.log(self.frame.scale))


def by_pattern(X, weight):
    """Rows in double precision, and their weights, in the order of `pattern_order`.

    Rows with one pattern share a factorization, so they lie together.
    """
    order = pattern_order(X)
    return X[order].astype(np.float64), None if weight is None else weight[order]


def at_quantiles(cumulated, quantiles):
    """Indices at which cumulated weights reach shares of their total."""
    indices = np.searchsorted(cumulated, quantiles * cumulated[-1], side="right")
    return np.minimum(indices, len(cumulated) - 1)
