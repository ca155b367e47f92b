"""Rows beside those that are used, placed one by one."""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold._far import warn_of_far_rows
from sklatent.manifold._measure import Measure
from sklatent.manifold._seen import find_seen
from sklatent.manifold.mds._disparities import Disparities
from sklatent.manifold.mds._dissimilarities import at_zero
from sklatent.manifold.mds._fixed_map import FixedMap
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import count_threads, map_threads

BLOCK_ROWS = 256
# A row that is so many times farther than the rows are from each other has no place
# of its own: differences of squares have no digits.
FAR = 2.0**24


@dataclass(frozen=True)
class NewRows:
    """What places of new rows depend on.

    Parameters
    ----------
    used : ndarray of shape (n_used,)
        Which of the training rows are used.
    fixed : FixedMap
        Their places.
    training : ndarray of shape (n_used, n_features) or None
        These rows, as `measure` takes them.
    measure : Measure or None
        The metric; None if dissimilarities are given.
    matrix : ndarray of shape (n_used, n_used) or None
        Dissimilarities of the rows that are used, for ordinal scaling of ones that are
        given.
    disparities : Disparities or None
        For ordinal scaling.
    unit, largest : float
        Unit of dissimilarities in the map, and the largest of them.
    """

    used: np.ndarray
    fixed: FixedMap
    training: np.ndarray | None
    measure: Measure | None
    matrix: np.ndarray | None
    disparities: Disparities | None
    unit: float
    largest: float

    def place(self, X, n_jobs):
        """Place rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features) or (n_rows, n_samples_fit)
            The rows, or dissimilarities from all training rows.
        n_jobs : int or None
            Number of threads.

        Returns
        -------
        Z : ndarray of shape (n_rows, n_components)
            Places in the map.
        nearest : ndarray of shape (n_rows,)
            Dissimilarities from the nearest of the used rows.
        """

        def place(rows):
            D, which = self._to_used(X[rows])
            known = np.where(np.isnan(D), np.inf, D)
            nearest = known.min(axis=1)
            targets = D / self.unit
            if self.disparities is not None:
                targets = self.disparities.of(targets)
            there = (which >= 0) | (nearest > FAR * self.largest)
            there |= np.isnan(targets).all(axis=1)
            Z = self.fixed.places[np.where(which >= 0, which, known.argmin(axis=1))]
            Z[~there] = self.fixed.place(targets[~there])
            return Z, nearest

        blocks = list(row_slices(len(X), BLOCK_ROWS))
        with np.errstate(over="ignore", invalid="ignore"):
            found = map_threads(place, blocks, count_threads(n_jobs))
        return tuple(map(np.concatenate, zip(*found, strict=True)))

    def _to_used(self, X):
        """Return dissimilarities from the rows that are used, and which one each is."""
        if self.measure is not None:
            X = self.measure.scaled(X)
            D = self.measure.between(X, self.training)
            return D, find_seen(self.training, X)
        D = np.ascontiguousarray(X[:, self.used], dtype=np.float64)
        which = np.full(len(D), -1)
        # Zeros are missing in ordinal scaling, but for a row that is a training row.
        only_equal = self.disparities is not None
        rows, equal = at_zero(D, self.matrix, only_equal=only_equal)
        which[rows] = equal
        return D, which

    def warn_if_far(self, nearest):
        """Warn of rows whose dissimilarities are all larger than in `fit`."""
        far = nearest > FAR * self.largest
        warn_of_far_rows(far, "where the training row nearest to each is")
        if self.disparities is not None:
            beyond = nearest / self.unit > self.disparities.largest
            warn_of_far_rows(
                beyond & ~far,
                "by distances in proportion to their dissimilarities, which are larger "
                "than any that were fitted",
            )

    def check_known(self, X, what):
        """Raise if a dissimilarity is negative, or a row has none."""
        if (X < 0).any():
            raise ValueError(
                "Negative values in data: with metric='precomputed' X must hold "
                f"distances, of which none is negative; got {np.nanmin(X):g}."
            )
        without = np.isnan(X[:, self.used]).all(axis=1)
        if without.any():
            raise ValueError(
                f"X must hold a distance of each row from some of the {what}; got only "
                f"missing ones in row {int(np.flatnonzero(without)[0])}."
            )
