"""Logarithm of the determinant of the Jacobian of transformers, row by row.

With z = g(x) the density of x is p(g(x)) |det dg/dx|. For a transformer that treats the
columns one by one the determinant is the product of the slopes of the observed ones.
The transformers of scikit-learn are here; those of sklatent register themselves.
"""

from functools import singledispatch

import numpy as np
import sklearn.decomposition
from scipy.stats import norm
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)


@singledispatch
def log_determinant(transformer, X):
    """Logarithm of the determinant for each row.

    Parameters
    ----------
    transformer : transformer
        A fitted transformer of one of the classes that are known.
    X : ndarray or data frame of shape (n_samples, n_features)
        The rows; NaN where an entry is missing.

    Returns
    -------
    log_determinant : ndarray of shape (n_samples,)
        In nats; -inf where the transformer is constant.

    Raises
    ------
    TypeError
        If the class is not known.
    ValueError
        If the transformer has no inverse.
    """
    known = sorted({c.__name__ for c in log_determinant.registry if c is not object})
    raise TypeError(
        "transformer must be one whose slope is known, so that a density of what it "
        f"returns is one of the rows: one of {', '.join(known)}; got {transformer!r}."
    )


def _observed_sum(log_slopes, X):
    """Sum of the logarithms of slopes over the observed entries of each row."""
    missing = np.isnan(np.asarray(X, dtype=np.float64))
    return np.where(missing, 0, log_slopes).sum(axis=1)


def _refuse_clipped(transformer):
    """Raise if a scaler maps all numbers beyond a bound to it."""
    if getattr(transformer, "clip", False):
        raise ValueError(
            "transformer must have an inverse; got "
            f"{type(transformer).__name__} with clip=True."
        )


@log_determinant.register(StandardScaler)
@log_determinant.register(RobustScaler)
@log_determinant.register(MaxAbsScaler)
def _divided(transformer, X):
    """Columns are divided by `scale_`, which is None if they are not."""
    _refuse_clipped(transformer)
    scale = 1.0 if transformer.scale_ is None else transformer.scale_
    return _observed_sum(-np.log(scale), X)


@log_determinant.register(MinMaxScaler)
def _multiplied(transformer, X):
    """Columns are multiplied by `scale_`."""
    _refuse_clipped(transformer)
    return _observed_sum(np.log(transformer.scale_), X)


@log_determinant.register(PowerTransformer)
def _power(transformer, X):
    """The slope is (1 + |x|)^(±(lambda - 1)), of Box and Cox x^(lambda - 1)."""
    power, X = transformer.lambdas_ - 1, np.asarray(X, dtype=np.float64)
    if transformer.method == "box-cox":
        log_slopes = power * np.log(X)
    else:
        log_slopes = np.sign(X) * power * np.log1p(np.abs(X))
    if transformer.standardize:
        log_slopes = log_slopes - np.log(transformer._scaler.scale_)
    return _observed_sum(log_slopes, X)


@log_determinant.register(QuantileTransformer)
def _quantile(transformer, X):
    """The slope of Phi^-1(F(x)) is F' / phi(z), with F linear between quantiles."""
    if transformer.output_distribution != "normal":
        raise ValueError(
            "transformer must have tails; got QuantileTransformer without "
            "output_distribution='normal'."
        )
    Z, X = np.asarray(transformer.transform(X)), np.asarray(X, np.float64)
    log_slopes = np.empty_like(Z)
    for j, quantiles in enumerate(transformer.quantiles_.T):
        if quantiles[0] == quantiles[-1]:
            raise ValueError(
                f"transformer must have an inverse; Column {j} of X is constant, and "
                "QuantileTransformer returns the same for all numbers there."
            )
        x = X[:, j]
        k = np.searchsorted(quantiles, x, side="right") - 1
        # The largest value belongs to the last interval that has a length.
        k = np.clip(k, 0, np.searchsorted(quantiles, quantiles[-1]) - 1)
        width = quantiles[k + 1] - quantiles[k]
        share = transformer.references_[k + 1] - transformer.references_[k]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_slopes[:, j] = np.log(share / width) - norm.logpdf(Z[:, j])
        # The map is constant beyond the extremes.
        log_slopes[(x < quantiles[0]) | (x > quantiles[-1]), j] = -np.inf
    return _observed_sum(log_slopes, X)


@log_determinant.register(sklearn.decomposition.PCA)
def _sklearn_rotation(transformer, X):
    # Where a direction has no variance, scikit-learn has what rounding leaves.
    dtype = transformer.components_.dtype
    return rotation(transformer, X, transformer.n_samples_ * np.finfo(dtype).eps)


def rotation(pca, X, relative_zero=0.0):
    """Determinants of a PCA.

    A rotation of all components has determinant 1; whitening divides by lengths.

    Parameters
    ----------
    pca : PCA
        Of scikit-learn, or of sklatent.
    X : array-like of shape (n_samples, n_features)
        The rows.
    relative_zero : float, default=0.0
        Share of the largest variance up to which a variance counts as 0.

    Returns
    -------
    log_determinant : ndarray of shape (n_samples,)
        In nats.

    Raises
    ------
    ValueError
        If the PCA has no inverse.
    """
    q, p = pca.components_.shape
    if q < p:
        raise ValueError(
            f"transformer must keep all {p} components to have an inverse; got PCA "
            f"with {q}."
        )
    if not pca.whiten:
        return np.zeros(len(X))
    variance = np.asarray(pca.explained_variance_, dtype=np.float64)
    if variance[-1] <= relative_zero * variance[0]:
        raise ValueError(
            "transformer must have an inverse; X has no variance in some directions, "
            "and PCA with whiten=True does not keep them."
        )
    return np.full(len(X), -0.5 * np.log(variance).sum())


@log_determinant.register(Pipeline)
def _steps(transformer, X):
    """The determinants of the steps, each at the rows that the step before returns."""
    total = np.zeros(len(X))
    for _, step in transformer.steps:
        if step is None or step == "passthrough":
            continue
        total = total + log_determinant(step, X)
        X = step.transform(X)
    return total
