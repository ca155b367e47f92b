"""Points of up to three dimensions, by the brick of space that they lie in.

Space is cut into cubes. A cube that is not empty is a brick, and has a number, by which
bricks are sorted: so the bricks around one are found by their numbers, and no array is
as large as the space between points far from each other.
"""

import itertools
from typing import NamedTuple

import numpy as np


class Lattice:
    """Numbers of cubes.

    Parameters
    ----------
    points : list of ndarray of shape (n_points, n_features)
        Points whose cubes, and those up to two cubes away, have different numbers.
    width : float
        Width of a cube. The points are at most 2**19 of it apart along a feature, in up
        to three features.
    """

    def __init__(self, points, width):
        self.width = width
        low = np.min([z.min(axis=0) for z in points], axis=0)
        high = np.max([z.max(axis=0) for z in points], axis=0)
        self.first = np.floor(low / width) - 2
        shape = np.floor(high / width) - self.first + 3
        self.strides = np.cumprod(np.append(1, shape)[:-1]).astype(np.int64)

    def around(self, reach):
        """Steps from the number of a cube to those of the cubes up to `reach` away."""
        axis = range(-reach, reach + 1)
        steps = itertools.product(axis, repeat=len(self.strides))
        return np.array(list(steps)) @ self.strides

    def bricks(self, z, which):
        """Bricks of points.

        Parameters
        ----------
        z : ndarray of shape (n_points, n_features)
            The points.
        which : ndarray of int of shape (n_members,)
            Those of them that are in the bricks.

        Returns
        -------
        bricks : Bricks
            The bricks.
        """
        places = np.floor(z[which] / self.width)
        numbers = (places - self.first).astype(np.int64) @ self.strides
        order = np.argsort(numbers, kind="stable")
        numbers, first = np.unique(numbers[order], return_index=True)
        return Bricks(
            numbers=numbers,
            corners=places[order[first]] * self.width,
            starts=first,
            counts=np.diff(first, append=len(order)),
            members=which[order],
        )


class Bricks(NamedTuple):
    """Bricks, ascending by number.

    Parameters
    ----------
    numbers : ndarray of int of shape (n_bricks,)
        Their numbers.
    corners : ndarray of shape (n_bricks, n_features)
        Their lower corners.
    starts, counts : ndarray of int of shape (n_bricks,)
        Where the members of each are first, and how many.
    members : ndarray of int of shape (n_members,)
        Points, brick by brick.
    """

    numbers: np.ndarray
    corners: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    members: np.ndarray

    def points(self, i):
        """Members of brick i."""
        return self.members[self.starts[i] : self.starts[i] + self.counts[i]]

    def some(self, kept):
        """Those of the bricks that are kept."""
        return Bricks(*(values[kept] for values in self[:-1]), self.members)


def find(numbers, wanted):
    """Positions of wanted numbers among ascending ones, -1 where they are not."""
    at = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    return np.where(numbers[at] == wanted, at, -1)
