"""Places of single rows at distances from places that stay where they are.

A row at dissimilarities delta from rows of weights w, whose places are z_j, is placed
where its own stress is least,

    s(z) = sum_j w_j (delta_j - |z - z_j|)².

s has several minima. Of those that three starts lead to, the lowest is taken: the
solution of |z - z_j|² = delta_j² + c by least squares, the place of the map where s is
least, and the one among the places apart from it. Along a line all minima are compared.

No last bit decides: numbers that are equal but for rounding have an order, as a row
would else have one place by itself and another one beside other rows.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from sklatent.manifold._newton import EQUAL, first_least, newton

MAX_STEPS = 200
# Length of the last step, and least distance with a direction, relative to the map.
TOL, SHORTEST = 1e-12, 1e-6
# Places of the map at which s is compared.
N_TRIALS = 500
# How far apart two starts are, relative to the map.
APART = 0.5


@dataclass(frozen=True)
class FixedMap:
    """Places that do not move.

    Parameters
    ----------
    places : ndarray of shape (n_rows, n_components)
        z_j.
    weight : ndarray of shape (n_rows,)
        w.
    """

    places: np.ndarray
    weight: np.ndarray

    def place(self, D):
        """Place rows.

        Parameters
        ----------
        D : ndarray of shape (n_queries, n_rows)
            Dissimilarities from the rows of the map; NaN where missing, not in all of a
            row.

        Returns
        -------
        Z : ndarray of shape (n_queries, n_components)
            The places.
        """
        if not self.places.any():
            return np.zeros((len(D), self.places.shape[1]))
        # Sums along rows have the same bits for any rows beside in this order only.
        D = np.ascontiguousarray(D)
        known = ~np.isnan(D)
        weight = known * self.weight
        D = np.where(known, D, 0.0)
        if self.places.shape[1] == 1:
            return self._along_line(D, weight)
        starts = [self._by_squares(D, weight), *self._by_trials(D, weight)]
        Z, stress = self._descend(D, weight, starts[0])
        for start in starts[1:]:
            other, its_stress = self._descend(D, weight, start)
            lower = its_stress < stress * (1 - EQUAL)
            Z[lower], stress[lower] = other[lower], its_stress[lower]
        return Z

    def _by_squares(self, D, weight):
        """Solve |z - z_j|² = delta_j² + c for z and c by least squares."""
        Z = self.places
        Z1 = np.column_stack([2.0 * Z, np.ones(len(Z))]).T.copy()
        q = len(Z1)
        normal, right = np.empty((len(D), q, q)), np.empty((len(D), q))
        squares = weight * (np.square(Z).sum(axis=1) - np.square(D))
        for i, a in enumerate(Z1):
            right[:, i] = (squares * a).sum(axis=1)
            for j, b in enumerate(Z1[: i + 1]):
                normal[:, i, j] = normal[:, j, i] = (weight * (a * b)).sum(axis=1)
        inverse = np.linalg.pinv(normal, rcond=1e-10, hermitian=True)
        return (inverse * right[:, None, :]).sum(axis=2)[:, :-1]

    def _by_trials(self, D, weight):
        """Find the place among some of the map where s is least, and another one."""
        trials = self.places[:: -(-len(self.places) // N_TRIALS)]
        d = cdist(trials, self.places)
        near, long = weight @ np.square(d).T, 2.0 * (weight * D) @ d.T
        s, scale = near - long, (near + long).max(axis=1, keepdims=True)
        first = first_least(s, scale)
        s[cdist(trials[first], trials) < APART * self._unit()] = np.inf
        return trials[first], trials[first_least(s, scale)]

    def _unit(self):
        """Spread of the places."""
        return np.sqrt(np.square(self.places).mean())

    def _along_line(self, D, weight):
        """Compare the minima of all intervals between neighbors on a line."""
        order = np.argsort(self.places[:, 0], kind="stable")
        z = self.places[order, 0]
        D, w = np.take(D, order, axis=1), np.take(weight, order, axis=1)
        total = w.sum(axis=1, keepdims=True)
        # To the right of the rows before an interval, to the left of the others.
        before = np.pad(np.cumsum(w * D, axis=1), ((0, 0), (1, 0)))
        pull = 2.0 * before - before[:, -1:]
        moment = (w * z).sum(axis=1, keepdims=True)
        free = (moment + pull) / total
        ends = np.concatenate([[-np.inf], z, [np.inf]])
        places = np.clip(free, ends[:-1], ends[1:])
        before_z = np.pad(np.cumsum(w * D * z, axis=1), ((0, 0), (1, 0)))
        pull_z = 2.0 * before_z - before_z[:, -1:]
        # Terms of s that depend on the place.
        s = places * (total * places - 2.0 * moment)
        s -= 2.0 * (pull * places - pull_z)
        # An end of an interval is no minimum, but may be as low as the one beside it.
        reach = self._unit() + np.abs(free)
        s[np.abs(free - places) > EQUAL * reach] = np.inf
        scale = (w * (np.square(D) + np.square(z))).sum(axis=1, keepdims=True)
        which = first_least(s, scale)
        return np.take_along_axis(places, which[:, None], axis=1)

    def _descend(self, D, weight, start):
        """Descend from a start; return the places and their stress."""
        unit = self._unit()

        def curved(x, D):
            d = np.sqrt(x)
            # Closer than that there is no direction but that of rounding.
            inverse = np.divide(1.0, d, out=np.zeros_like(d), where=d > SHORTEST * unit)
            ratio = D * inverse
            slope = (inverse > 0) - ratio
            return np.square(D - d), slope, ratio * np.square(inverse) / 2

        return newton(
            start,
            self.places,
            (D,),
            weight,
            curved,
            unit=unit,
            max_steps=MAX_STEPS,
            tol=TOL,
        )
