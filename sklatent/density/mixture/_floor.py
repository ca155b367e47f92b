"""Which mixtures owe their likelihood to `reg_covar`.

A component that holds about as many rows as there are features, or that lies on a tie
of the data, has a direction without variance. There the density grows until
`reg_covar`, the floor, stops it, and each such direction is worth half the logarithm of
how far it fell, per row: more than any penalty on the number of parameters.

Not every direction at the floor is of this kind. The data themselves may lack it, if a
column is constant or copied: then all mixtures have it at the floor, whatever their
number of components. And a floor that is high shrinks the covariances, as a prior does.
What is high is read off the conjugate prior of Fraley and Raftery: its expectation
gives a component without rows the covariance

    S / (k^(2/p) (2 p + 4))

where S is that of the data, k the number of components and p that of features.

Fraley and Raftery (2007), Bayesian regularization for normal mixture estimation and
model-based clustering, Journal of Classification 24, 155-181, eq. 9 and section 3.3.
"""

import numpy as np

# A variance of which at most one part in NEAR is of the data's making is at the floor.
NEAR = 2.0
# Floor of rounding, in standardized units, where reg_covar is lower.
ROUNDING = 1e-12


def rests_on_floor(mixture, reg):
    """Whether a component is at the floor in a direction where the data are not.

    Parameters
    ----------
    mixture : Mixture
        In standardized units, as an M-step with `reg` left it.
    reg : ndarray of shape (p,)
        What was added to the variances.

    Returns
    -------
    rests : bool
        Whether the likelihood is one that `reg` decides.
    """
    k, p = mixture.means.shape
    structure = mixture.structure
    unit = np.sqrt(np.maximum(reg, ROUNDING))
    if structure.isotropic:
        unit = np.full(p, np.sqrt((unit**2).mean()))
    low = k ** (2 / p) * (2 * p + 4)
    covariances = structure.square(mixture.expanded_root)
    alive = mixture.weights > 0
    w, C = mixture.weights[alive], covariances[alive]
    means = (mixture.means[alive] - w @ mixture.means[alive]) / unit
    if structure.diagonal:
        C = C / unit**2
        total = w @ (C + means**2)
        if structure.isotropic:
            total = np.full(p, total.mean())
        return bool(((C < NEAR) & (total > low)).any())
    C = C / np.outer(unit, unit)
    total = np.tensordot(w, C, 1) + (means.T * w) @ means
    for variances, directions in zip(*np.linalg.eigh(C), strict=True):
        fallen = directions[:, variances < NEAR]
        spread = fallen.T @ total @ fallen
        if fallen.shape[1] and np.linalg.eigvalsh(spread)[-1] > low:
            return True
    return False
