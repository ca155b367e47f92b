"""What the covariances of a mixture have in common: components, features, or nothing.

A covariance array is *expanded* as (n_components, n_features, n_features), or for
diagonal ones (n_components, n_features); and *compact* as scikit-learn shapes it, where
what is common is there once.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular


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

    def constrain(self, S, weights, reg):
        """Maximum-likelihood covariances of this structure, plus `reg`.

        Parameters
        ----------
        S : ndarray
            Expanded covariances of the components, not constrained.
        weights : ndarray of shape (k,)
            Their shares of the rows.
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
        """Repeat what is common."""
        C = np.asarray(C)
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
        eye = np.eye(root.shape[-1])
        flat = root.reshape(-1, *root.shape[-2:])
        parts = [solve_triangular(L, eye, lower=True, check_finite=False) for L in flat]
        return np.swapaxes(np.array(parts), -1, -2).reshape(root.shape)

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
        below = np.tril_indices(p, -1)
        root[..., *below] = theta[n_diagonal:].reshape(*shape[:-2], -1)
        np.einsum("...ii->...i", root)[...] = np.exp(theta[:n_diagonal]).reshape(
            shape[:-1]
        )
        return root


STRUCTURES = {
    "full": Structure(diagonal=False, shared=False),
    "tied": Structure(diagonal=False, shared=True),
    "diag": Structure(diagonal=True, shared=False),
    "tied_diag": Structure(diagonal=True, shared=True),
    "spherical": Structure(diagonal=True, shared=False, isotropic=True),
}
