"""Linear coordinates in which the rows, or a shape between them and a ball, are round.

With sigma the standard deviations, R the correlation and v the share of it,

    M = (1 - v) I + v R = E diag(e) E',   z = diag(e)^(-1/2) E' (x - mean) / sigma,

so that the squared length of z is (x - mean)' (sigma M sigma)^(-1) (x - mean). v = 1 is
the Mahalanobis distance.
"""

from typing import NamedTuple

import numpy as np

from sklatent.exceptions import RankDeficientWarning
from sklatent.utils._warnings import warn

# Bound on the eigenvalues of the correlation of whitened data.
SMALLEST_EIGENVALUE = 1e-6


class Whitening(NamedTuple):
    """The coordinates z of rows x.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Origin.
    root : ndarray of shape (n_features, n_features)
        x = mean + root z.
    inverse_root : ndarray of shape (n_features, n_features)
        Its inverse, transposed: z = (x - mean) inverse_root, for rows.
    log_det : float
        log |det root|: log-densities of x are those of z minus it.
    """

    mean: np.ndarray
    root: np.ndarray
    inverse_root: np.ndarray
    log_det: float

    def forward(self, X):
        """The coordinates of rows."""
        return (X - self.mean) @ self.inverse_root

    def back(self, Z):
        """Rows with these coordinates."""
        return Z @ self.root.T + self.mean


def find_whitening(X, weight, sigma, share):
    """Return the coordinates for a share v of the correlation.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,)
        Weight of each row.
    sigma : ndarray of shape (n_features,)
        Standard deviations, positive.
    share : float
        The v. With 1, eigenvalues below 1e-6 are raised to that, with a warning.

    Returns
    -------
    whitening : Whitening
        The coordinates.
    """
    mean = np.average(X, axis=0, weights=weight)
    Z = (X - mean) / sigma
    return whitening_by(mean, sigma, (Z.T * (weight / weight.sum())) @ Z, share)


def whitening_by(mean, sigma, correlation, share):
    """Return what `find_whitening` does, for rows with these moments."""
    # Eigenvalues of the correlation, since their bound must not depend on units.
    M = share * correlation
    M[np.diag_indices_from(M)] += 1 - share
    values, axes = np.linalg.eigh(M)
    if values[0] < SMALLEST_EIGENVALUE:
        warn(
            "Features are linear functions of others, or X has too few rows to "
            f"tell: {np.sum(values < SMALLEST_EIGENVALUE)} of {len(values)} "
            "eigenvalues of the correlation are raised to "
            f"{SMALLEST_EIGENVALUE}. Use whiten=False or fewer features.",
            RankDeficientWarning,
        )
    lengths = np.sqrt(np.maximum(values, SMALLEST_EIGENVALUE))
    return Whitening(
        mean,
        sigma[:, None] * axes * lengths,
        (axes / lengths) / sigma[:, None],
        float(np.log(sigma).sum() + np.log(lengths).sum()),
    )
