"""Landmarks that are far apart, each of which stands for the rows nearest to it."""

import math

import numpy as np

from sklatent.manifold._graph import farthest_by


class Shares:
    """Which of the landmarks, named one after the other, is nearest to each row.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    """

    def __init__(self, n_rows):
        self.n_landmarks = 0
        self._which = np.zeros(n_rows, dtype=np.intp)
        self._shortest = np.full(n_rows, np.inf)

    def add(self, row, distances):
        """Name a row as the next landmark, by the distances of all rows from it."""
        nearer = distances < self._shortest
        nearer[row] = True  # rows that differ may be at distance 0
        self._which[nearer], self._shortest[nearer] = (
            self.n_landmarks,
            distances[nearer],
        )
        self.n_landmarks += 1

    def of(self, weight):
        """Return the sum of the weights of the rows nearest to each landmark."""
        return np.bincount(self._which, weights=weight, minlength=self.n_landmarks)


def weighted_landmarks(distances, weight, n_landmarks):
    """Choose landmarks, each the farthest from those before, and weigh them.

    Parameters
    ----------
    distances : callable
        As `farthest_by` takes it.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    n_landmarks : int
        How many.

    Returns
    -------
    landmarks : ndarray of shape (n_landmarks,)
        Which rows they are.
    weight : ndarray of shape (n_landmarks,)
        Sum of the weights of the rows nearest to each.
    """
    shares = Shares(len(weight))

    def and_share(i):
        d = distances(i)
        if i is not None:
            shares.add(i, d)
        return d

    return farthest_by(and_share, n_landmarks), shares.of(weight)


def first_as_landmarks(D, weight, n_first):
    """Weights of the first rows, each of which stands for those it is nearest to.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_rows)
        Distances.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    n_first : int
        How many are landmarks.

    Returns
    -------
    weight : ndarray of shape (n_first,)
        Sum of the weights of the rows nearest to each.
    """
    shares = Shares(len(weight))
    for i in range(n_first):
        shares.add(i, D[i])
    return shares.of(weight)


def outerness(D, first, share):
    """Numbers whose largest is that of the row from which the others are farthest.

    They do not depend on the order of the rows: where two rows are the farthest from
    each other, exact sums decide.

    Parameters
    ----------
    D : ndarray of shape (n_samples, n_samples)
        Distances.
    first : ndarray of shape (n_rows,)
        Which rows count.
    share : ndarray of shape (n_rows,)
        Their weights.

    Returns
    -------
    outerness : ndarray of shape (n_rows,)
        Mean distances of the rows with the largest distance, and -1 for others.
    """
    largest = np.array([D[i, first].max() for i in first])
    ends = np.flatnonzero(largest == largest.max())
    found = np.full(len(first), -1.0)
    found[ends] = [math.fsum(D[i, first] * share) for i in first[ends]]
    return found
