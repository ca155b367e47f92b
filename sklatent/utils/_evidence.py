"""Evidence for a number of principal components, from the eigenvalues."""

import numpy as np
from scipy.special import gammaln


def minka_evidence(variances, n_samples):
    """Log evidence for 1, 2, ..., p - 1 components.

    Laplace's approximation, equation 30 of Minka (2000), Automatic choice of
    dimensionality for PCA, up to a constant. It integrates over the rotation of each
    pair of axes as if that were Gaussian with the curvature at its mode. Where two
    eigenvalues tie the curvature is 0, and the integral is bounded only by the volume
    of all rotations; so curvatures below 1 count as 1.

    Parameters
    ----------
    variances : ndarray of shape (p,)
        Eigenvalues of the covariance, decreasing, in any unit.
    n_samples : float
        Number of rows.

    Returns
    -------
    evidence : ndarray of shape (p - 1,)
        In nats; finite. Eigenvalues count as at least `eps` times the largest.
    """
    p, n = len(variances), n_samples
    lam = np.maximum(variances / variances[0], np.finfo(np.float64).eps)
    axes = (p - np.arange(p)) / 2
    log_prior = np.cumsum(gammaln(axes) - axes * np.log(np.pi) - np.log(2))
    log_lam = np.log(lam)
    with np.errstate(divide="ignore"):
        log_gap = np.log(np.maximum(lam[:, None] - lam, 0))
        log_gap_inverse = np.log(np.maximum(1 / lam - 1 / lam[:, None], 0))
    pairs = np.maximum(np.log(n) + log_gap + log_gap_inverse, 0)
    within = np.cumsum([np.sum(pairs[:k, k]) for k in range(p)])
    evidence = np.empty(p - 1)
    for k in range(1, p):
        noise = lam[k:].mean()
        with np.errstate(divide="ignore"):
            to_noise = np.log(np.maximum(1 / noise - 1 / lam[:k], 0))
        across = np.maximum(np.log(n) + log_gap[:k, k:] + to_noise[:, None], 0).sum()
        m = p * k - k * (k + 1) / 2
        evidence[k - 1] = (
            log_prior[k - 1]
            - n / 2 * (log_lam[:k].sum() + (p - k) * np.log(noise))
            + (m + k) / 2 * np.log(2 * np.pi)
            - (within[k - 1] + across) / 2
            - k / 2 * np.log(n)
        )
    return evidence
