"""Places of single rows at distances from places that stay where they are.

A row at dissimilarities delta from rows of weights w, whose places are z_j, is placed
where its own stress is least,

    s(z) = sum_j w_j (delta_j - |z - z_j|)².

Steps are Newton's where these reduce s, and elsewhere those of the majorization, which
always do (de Leeuw 1977),

    z <- sum_j w_j (z_j + delta_j (z - z_j) / |z - z_j|) / sum_j w_j.

s has several minima. Of those that three starts lead to, the lowest is taken: the
solution of |z - z_j|² = delta_j² + c by least squares, the place of the map where s is
least, and the one among the places apart from it. Along a line all minima are compared.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

MAX_STEPS = 200
# Length of the last step, and least distance with a direction, relative to the map.
TOL, SHORTEST = 1e-12, 1e-6
# Places of the map at which s is compared.
N_TRIALS = 500
# How far apart two starts are, relative to the map.
APART = 0.5
# Difference below which stresses are equal.
TIE = 1e-9
# Where rounding hides which s is less, a step has to make the gradient as much less.
ROUNDING, LESS = 1e-12, 0.5
# Least curvature in which Newton's steps are trusted, relative to the largest.
CURVATURE = 1e-3


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
        known = ~np.isnan(D)
        weight = known * self.weight
        D = np.where(known, D, 0.0)
        if self.places.shape[1] == 1:
            return self._along_line(D, weight)
        starts = [self._by_squares(D, weight), *self._by_trials(D, weight)]
        Z, stress = self._descend(D, weight, starts[0])
        for start in starts[1:]:
            other, its_stress = self._descend(D, weight, start)
            # Equal minima have an order that rounding does not change.
            lower = its_stress < stress * (1 - TIE)
            Z[lower], stress[lower] = other[lower], its_stress[lower]
        return Z

    def _by_squares(self, D, weight):
        """Solve |z - z_j|² = delta_j² + c for z and c by least squares."""
        Z = self.places
        Z1 = np.column_stack([2.0 * Z, np.ones(len(Z))])
        q = Z1.shape[1]
        outer = (Z1[:, :, None] * Z1[:, None, :]).reshape(len(Z), q * q)
        normal = (weight @ outer).reshape(-1, q, q)
        right = (weight * (np.square(Z).sum(axis=1) - np.square(D))) @ Z1
        inverse = np.linalg.pinv(normal, rcond=1e-10, hermitian=True)
        return (inverse @ right[:, :, None])[:, :-1, 0]

    def _by_trials(self, D, weight):
        """Find the place among some of the map where s is least, and another one."""
        trials = self.places[:: -(-len(self.places) // N_TRIALS)]
        d = cdist(trials, self.places)
        s = weight @ np.square(d).T - 2.0 * (weight * D) @ d.T
        first = s.argmin(axis=1)
        s[cdist(trials[first], trials) < APART * self._unit()] = np.inf
        return trials[first], trials[s.argmin(axis=1)]

    def _unit(self):
        """Spread of the places."""
        return np.sqrt(np.square(self.places).mean())

    def _along_line(self, D, weight):
        """Compare the minima of all intervals between neighbors on a line."""
        order = np.argsort(self.places[:, 0], kind="stable")
        z, D, w = self.places[order, 0], D[:, order], weight[:, order]
        total = w.sum(axis=1, keepdims=True)
        # To the right of the rows before an interval, to the left of the others.
        before = np.pad(np.cumsum(w * D, axis=1), ((0, 0), (1, 0)))
        pull = 2.0 * before - before[:, -1:]
        # Sums of each row by itself, whose last bits may decide between equal minima.
        moment = (w * z).sum(axis=1, keepdims=True)
        places = (moment + pull) / total
        ends = np.concatenate([[-np.inf], z, [np.inf]])
        places = np.clip(places, ends[:-1], ends[1:])
        before_z = np.pad(np.cumsum(w * D * z, axis=1), ((0, 0), (1, 0)))
        pull_z = 2.0 * before_z - before_z[:, -1:]
        # Terms of s that depend on the place.
        s = places * (total * places - 2.0 * moment)
        s -= 2.0 * (pull * places - pull_z)
        return np.take_along_axis(places, s.argmin(axis=1)[:, None], axis=1)

    def _descend(self, D, weight, start):
        """Descend from a start; return the places and their stress."""
        unit = self._unit()
        total = weight.sum(axis=1)[:, None]
        Z, stress = start.copy(), np.full(len(D), np.inf)
        slope = np.full(len(D), np.inf)
        sure, trial = start.copy(), start.copy()
        newton = np.zeros(len(D), dtype=bool)
        active = np.arange(len(D))
        for _ in range(MAX_STEPS):
            s, pull, curvature = self._expand(D[active], weight[active], trial, unit)
            length = np.square(pull).sum(axis=1)
            change = s - stress[active]
            noise = ROUNDING * s
            better = (change < -noise) | (
                (change <= noise) & (length < LESS * slope[active])
            )
            # Where Newton's step does not reduce s, the sure one comes next.
            again = ~better & newton
            moved = np.abs(trial - Z[active]).max(axis=1) > TOL * unit
            moved |= ~np.isfinite(stress[active])
            won = active[better]
            Z[won], stress[won], slope[won] = trial[better], s[better], length[better]
            sure[won] = trial[better] + pull[better] / total[won]
            step = _newton_steps(pull, curvature, total[active])
            trial = np.where(again[:, None], sure[active], Z[active] + step)
            newton = ~again
            kept = again | (better & moved)
            if not kept.any():
                break
            active, trial, newton = active[kept], trial[kept], newton[kept]
        return Z, stress

    def _expand(self, D, weight, Z, unit):
        """Return s, minus half its gradient, and half its second derivatives."""
        places, q = self.places, Z.shape[1]
        d = cdist(Z, places)
        stress = (weight * np.square(D - d)).sum(axis=1)
        # Closer than that there is no direction but that of rounding.
        inverse = np.divide(1.0, d, out=np.zeros_like(d), where=d > SHORTEST * unit)
        a = weight * (D * inverse - (inverse > 0))
        row_sums = a.sum(axis=1)[:, None]
        pull = row_sums * Z - a @ places
        # Second derivatives: -sum a + sum c (z - z_j)(z - z_j)', c = w delta / d³.
        c = weight * D * inverse**3
        outer = (places[:, :, None] * places[:, None, :]).reshape(len(places), q * q)
        mixed = (c @ places)[:, :, None] * Z[:, None, :]
        curvature = (c @ outer).reshape(-1, q, q) - mixed - mixed.transpose(0, 2, 1)
        curvature += c.sum(axis=1)[:, None, None] * Z[:, :, None] * Z[:, None, :]
        curvature -= row_sums[:, :, None] * np.eye(q)
        return stress, pull, curvature


def _newton_steps(pull, curvature, total):
    """Steps to where the quadratic expansion is least, uphill curvature reversed."""
    values, axes = np.linalg.eigh(curvature)
    values = np.maximum(np.abs(values), CURVATURE * total)
    along = (pull[:, None, :] @ axes)[:, 0] / values
    return (axes @ along[:, :, None])[:, :, 0]
