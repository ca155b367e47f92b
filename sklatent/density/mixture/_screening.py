"""Passes over rows that leave out the components which are too far from a row.

The squared distance |y|^2 of a row from a component, with y = P'(x - m), grows with
every entry of y. So the first few entries bound the log-density of a row under every
component from above. The component of the largest bound is evaluated in full, and of
the others only those whose bound leaves them some of the responsibility. Where
components are apart in many features, that is one component of many.
"""

import math

import numpy as np

from sklatent.density.mixture._passes import (
    FEW,
    NEGLIGIBLE,
    TRIAL_ROWS,
    TRIANGLE,
    WhitenedFull,
    multiply_triangle,
)

# How many times as many rows as `TRIAL_ROWS` there must be for their answer to be worth
# its time.
ENOUGH = 32


def is_apart(mixture, rows):
    """Whether most components have no responsibility for most rows.

    Parameters
    ----------
    mixture : Mixture
        In the units of the rows' frame.
    rows : TrainingRows or BlockedRows
        The data, complete.
    """
    few_features = mixture.means.shape[1] <= 2 * TRIANGLE
    few_rows = rows.shape[0] < ENOUGH * TRIAL_ROWS
    if mixture.structure.diagonal or few_features or few_rows:
        return False
    evaluator = WhitenedFull(mixture, rows.dtype, TRIAL_ROWS)
    X = rows.trial
    Z = rows.frame.standardize_rows(X, np.empty(X.shape[::-1], X.dtype))
    L = np.empty((evaluator.k, TRIAL_ROWS), X.dtype)
    with evaluator.memory() as (_, workspace):
        evaluator.log_joint(Z, workspace, L)
    held = L.max(axis=0) + math.log(NEGLIGIBLE[evaluator.dtype]) < L
    return bool(held.mean() < FEW)


class ScreenedFull(WhitenedFull):
    """Full covariances: sums of 1, y and y y' over the rows that a component holds."""

    def floats_per_row(self):
        return 2 * self.p + self.k + TRIANGLE

    def workspace_per_row(self):
        return [self.p]

    def workspace(self, memory):
        """A list of what was whitened: component, rows, y; and memory for the rows."""
        return [], None, memory

    def log_joint(self, Z, workspace, out):
        """Log of weight times density, less `log_offset`; -inf if it is negligible."""
        workspace[0].clear()
        self.bound(Z, out)
        rows = np.arange(Z.shape[1])
        nearest = out.argmax(axis=0)
        for i in range(self.k):
            self.evaluate(i, np.flatnonzero(nearest == i), Z, workspace, out)
        floor = out[nearest, rows] + math.log(NEGLIGIBLE[self.dtype])
        counts = out > floor
        np.copyto(out, -np.inf, where=~counts)
        counts[nearest, rows] = False  # they are evaluated
        for i in range(self.k):
            self.evaluate(i, np.flatnonzero(counts[i]), Z, workspace, out)
        return out

    def bound(self, Z, out):
        """Upper bounds from the first entries of y."""
        few = min(TRIANGLE, self.p)
        for P_transposed, m, square in zip(
            self.transposed, self.means, out, strict=True
        ):
            y = np.dot(P_transposed[:few, :few], Z[:few] - m[:few])
            np.einsum("pb,pb->b", y, y, out=square)
        out *= -0.5
        out += self.constants.astype(self.dtype)[:, None]

    def evaluate(self, i, held, Z, workspace, out):
        """Whiten some rows about a component."""
        centered = np.take(Z, held, axis=1)
        centered -= self.means[i]
        y = multiply_triangle(self.transposed[i], centered, np.empty_like(centered))
        out[i, held] = self.dtype(self.constants[i]) - 0.5 * np.einsum("pb,pb->b", y, y)
        workspace[0].append((i, held, y))

    def add(self, R, Z, workspace, sums):
        """Add what the responsibilities R give to `sums`."""
        N, first, second = sums
        N += R.sum(axis=1, dtype=np.float64)
        for i, held, y in workspace[0]:
            r = R[i, held]
            first[i] += np.dot(y, r)
            y *= np.sqrt(r)
            second[i] += np.dot(y, y.T)
