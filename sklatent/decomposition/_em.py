"""Maximum likelihood of linear-Gaussian models on complete data by accelerated EM.

Steps read nothing but the covariance S of the rows: itself or, where rows are fewer
than features, by R with S = R' R, which is smaller; the eigenvalues of S other than
zero are those of R R', which is smaller still.

Tipping and Bishop (1999), appendix B; Rubin and Thayer (1982).
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from sklatent.decomposition._linear_gaussian import LinearGaussian

# Features come in units in which their variance is about 1. Noise is held at this
# share of it at least, where the likelihood still has digits.
NOISE_FLOOR = 1e-9


# --------------------------------------------------------------------------------
# The covariance


class Factors(NamedTuple):
    """Leading eigenpairs of psi^-1/2 S psi^-1/2, and what they leave of it.

    Parameters
    ----------
    excess : ndarray of shape (q,)
        By how much the eigenvalues, ascending, exceed the noise, which is 1; not less
        than 0.
    U : ndarray of shape (p, q)
        Eigenvectors; 0 where there are fewer than q.
    rest : ndarray of shape (p,)
        Diagonal of psi^-1/2 S psi^-1/2 - U diag(excess) U'.
    """

    excess: np.ndarray
    U: np.ndarray
    rest: np.ndarray


class FullCovariance:
    """A covariance S, (p, p)."""

    def __init__(self, S):
        self.S = S
        self.variance = np.diag(S)

    def __matmul__(self, A):
        return self.S @ A

    def factors(self, psi, q):
        """Leading eigenpairs after division by the noise; see `Factors`."""
        p, root = len(psi), np.sqrt(psi)
        S = self.S / root[:, None] / root
        eigenvalues, U = np.zeros(0), np.zeros((p, 0))
        if q:
            eigenvalues, U = eigh(S, subset_by_index=[p - q, p - 1])
        excess = np.maximum(eigenvalues - 1, 0)
        return Factors(excess, U, np.diag(S) - U**2 @ excess)


class RowCovariance:
    """The covariance S = R' R of fewer rows than features; R is (n, p)."""

    def __init__(self, R):
        self.R = R

    @cached_property
    def variance(self):
        """Diagonal of S."""
        return np.einsum("ij,ij->j", self.R, self.R)

    def __matmul__(self, A):
        return self.R.T @ (self.R @ A)

    def factors(self, psi, q):
        """Leading eigenpairs after division by the noise; see `Factors`.

        With V of the n x n matrix, U = R' V / sqrt(eigenvalues); what is left is a sum
        of squares of rows.
        """
        n, p = self.R.shape
        R = self.R / np.sqrt(psi)
        excess, U = np.zeros(q), np.zeros((p, q))
        k = min(n, q)
        if k:
            _, V = eigh(R @ R.T, subset_by_index=[n - k, n - 1])
            projected = V.T @ R
            # More digits than the eigenvalues of the product have.
            eigenvalues = np.einsum("ij,ij->i", projected, projected)
            excess[q - k :] = np.maximum(eigenvalues - 1, 0)
            directions = projected / np.sqrt(np.maximum(eigenvalues, 1e-300))[:, None]
            U[:, q - k :] = directions.T
            used = eigenvalues > 1
            R -= V[:, used] @ projected[used]
        rest = np.einsum("ij,ij->j", R, R) + (U[:, excess > 0] ** 2).sum(axis=1)
        return Factors(excess, U, rest)


def principal_factors(covariance, psi, q):
    """A model to start from: the leading directions of what the noise leaves."""
    factors = covariance.factors(psi, q)
    # A factor must start with something to explain, or EM never finds it.
    lengths = np.sqrt(np.maximum(factors.excess, 1e-2))
    W = np.sqrt(psi)[:, None] * factors.U * lengths
    return LinearGaussian(W, np.zeros(len(psi)), psi)


# --------------------------------------------------------------------------------
# Steps


class IsotropicStep:
    """EM steps with one noise variance.

    Tipping and Bishop (1999), appendix B.

    Parameters
    ----------
    covariance : FullCovariance or RowCovariance
        S, the 1/n covariance of the data, which are centered.
    """

    floor = NOISE_FLOOR

    def __init__(self, covariance):
        self.covariance = covariance
        self.share_observed = np.ones(len(covariance.variance))

    def __call__(self, model):
        """One step.

        Parameters
        ----------
        model : LinearGaussian
            Where the step starts.

        Returns
        -------
        model : LinearGaussian
            Where it ends; its likelihood is no less.
        log_likelihood : float
            Mean log-likelihood per row at the start, in nats.
        """
        W, psi = model.W, model.psi
        p, q = W.shape
        variance = self.covariance.variance
        B = W / psi[:, None]
        M = np.eye(q) + W.T @ B
        beta = np.linalg.solve(M, B.T)  # E[z | x] = beta (x - mu)
        S_beta = self.covariance @ beta.T
        log_likelihood = -0.5 * (
            p * np.log(2 * np.pi)
            + np.linalg.slogdet(M)[1]
            + np.log(psi).sum()
            + (variance / psi).sum()
            - (B * S_beta).sum()
        )
        Ezz = np.linalg.inv(M) + beta @ S_beta
        W = np.linalg.solve(Ezz, S_beta.T).T
        sigma2 = (variance - (W * S_beta).sum(axis=1)).mean()
        psi = np.full(p, max(sigma2, self.floor))
        return LinearGaussian(W, model.mu, psi), log_likelihood

    def log_likelihood(self, model):
        """Mean log-likelihood per row, in nats."""
        return self(model)[1]

    def finish(self, model):
        """The final model, and its likelihood."""
        return model, self(model)[1]

    def pack(self, model):
        """W, mu and log psi as one vector."""
        return np.concatenate([model.W.ravel(), model.mu, np.log(model.psi)])

    def unpack(self, theta, p, q):
        """Undo `pack`."""
        W, mu, log_psi = np.split(theta, [p * q, p * q + p])
        psi = np.maximum(np.exp(log_psi), self.floor)
        return LinearGaussian(W.reshape(p, q), mu, psi)


class DiagonalStep(IsotropicStep):
    """Steps with a noise variance per feature.

    W is the best one for the given psi, by the leading eigenvectors of
    psi^-1/2 S psi^-1/2; then psi is that of an EM step. So psi is all there is to
    extrapolate, and the likelihood is that of psi with its best W.

    Barber (2012), Bayesian Reasoning and Machine Learning, section 21.2.
    """

    def __call__(self, model):
        """One step; returns the new model and the likelihood of the given psi."""
        p, q = model.W.shape
        factors = self.covariance.factors(model.psi, q)
        W = np.sqrt(model.psi)[:, None] * factors.U * np.sqrt(factors.excess)
        log_likelihood = -0.5 * (
            p * np.log(2 * np.pi)
            + np.log(model.psi).sum()
            + np.log1p(factors.excess).sum()
            + factors.rest.sum()
        )
        psi = np.maximum(model.psi * factors.rest, self.floor)
        return LinearGaussian(W, model.mu, psi), log_likelihood

    def finish(self, model):
        """The model with the best W for its psi, and its likelihood."""
        best, log_likelihood = self(model)
        return LinearGaussian(best.W, model.mu, model.psi), log_likelihood

    def pack(self, model):
        """Log psi."""
        return np.log(model.psi)

    def unpack(self, theta, p, q):
        """Undo `pack`; a step needs no W."""
        psi = np.maximum(np.exp(theta), self.floor)
        return LinearGaussian(np.zeros((p, q)), np.zeros(p), psi)


# --------------------------------------------------------------------------------
# Maximization


def extrapolate(before, middle, after):
    """Where two EM steps lead if continued: SQUAREM, scheme S3.

    Varadhan and Roland (2008), eq. 6-8.
    """
    r = middle - before
    v = (after - middle) - r
    # Less than 1 would end before the second step, and 1 ends there.
    length = max(1.0, np.linalg.norm(r) / max(np.linalg.norm(v), 1e-300))
    return before + 2 * length * r + length**2 * v


def maximize(step, model, tol):
    """Repeat EM steps, two at a time and a leap ahead, until they gain nothing.

    The likelihood never decreases: a leap that ends below the second step is dropped
    for it.

    Parameters
    ----------
    step : IsotropicStep or DiagonalStep
        step(model) returns the next model and the log-likelihood of the given one.
    model : LinearGaussian
        The start.
    tol : float
        Converged when the first of the two steps gains less, in nats per row.

    Yields
    ------
    model : LinearGaussian
        The model after an iteration.
    history : list of float
        Log-likelihood before each iteration and at the end.
    converged : bool
        Whether `tol` was met.
    """
    p, q = model.W.shape
    history, before = [], model
    while True:
        first, reached = step(model)
        if history and reached < history[-1]:
            # Rounding: there are no digits left to gain.
            yield before, [*history, history[-1]], True
            return
        history.append(reached)
        second, after_first = step(first)
        try:
            with np.errstate(all="ignore"):
                theta = extrapolate(*map(step.pack, (model, first, second)))
                after_leap, at_leap = step(step.unpack(theta, p, q))
        except (np.linalg.LinAlgError, ValueError):  # the leap landed nowhere
            at_leap = -np.inf
        converged = after_first - reached < tol
        before, reached = model, max(reached, after_first)
        model = second if after_first >= history[-1] else model
        if at_leap > reached:
            model, reached = after_leap, at_leap
        yield model, [*history, reached], converged
