"""Maximum likelihood of rows with missing entries: EM steps, then L-BFGS.

Where many entries are missing, a step of EM reduces the distance to the maximum by a
percent or less, and a step that gains little says nothing about how much there is to
gain. So EM makes the first steps only. Its sums over the rows for an M-step give the
gradient too (Fisher's identity): with N, m and S the weight, mean and covariance that
component c is responsible for, d = m - mu, n the sum of the weights and L L' = Sigma,

    dl/dlog w = N / n - w,   dl/dmu = (N / n) Sigma^-1 d,
    dl/dL = L^-T [L^-1 T L^-T - N / n],   T = N / n (S + d d') + nu R.

R is the diagonal matrix of what is added to the variances. An M-step with it is that
of the likelihood less sum_c nu_c tr(Sigma_c^-1 R) / 2 with nu = N / n, which is what
is maximized, nu held while L-BFGS runs. Its coordinates are relative to where it
starts, mu = mu_0 + L_0 u and L = L_0 B.

Salakhutdinov, Roweis and Ghahramani (2003), Optimization with EM and
expectation-conjugate-gradient, ICML 20; Liu and Nocedal (1989), On the limited memory
BFGS method for large scale optimization, Mathematical Programming 45.
"""

import contextlib

import numpy as np
from scipy.optimize import minimize

from sklatent.density.mixture._em import Ascent
from sklatent.density.mixture._model import SMALLEST_WEIGHT, Mixture

# A step of EM that gains less, in nats per row, is followed by L-BFGS; unless it gains
# less than this share of the step before, so that EM is soon at the end.
SLOW_GAIN = 1e-2
FAST_RATE = 0.5
# L-BFGS has settled by the gain of so many steps, and of as many before.
WINDOW = 8
# Pairs of differences that L-BFGS remembers at most, and iterations until it starts
# again from coordinates about the point it reached.
MEMORY = 100
ROUND = 100
# Numbers that these pairs may take: with `MEMORY` of them, thousands of features would
# take more memory than the rows.
MEMORY_NUMBERS = 4_000_000
FEWEST_PAIRS = 10
# A point without a likelihood is reported to L-BFGS as so much lower, in nats per row:
# its line search needs a finite value to step back from.
NOWHERE = 1e3


def em_then_lbfgs(e_step, m_step, mixture, reg, *, tol, max_iter, accelerate, report):
    """Maximize the likelihood of rows with missing entries.

    Parameters
    ----------
    e_step : callable
        e_step(mixture) returns the `MixtureStatistics` of the rows.
    m_step : callable
        m_step(statistics, mixture) returns the next mixture of EM.
    mixture : Mixture
        The start.
    reg : ndarray of shape (p,)
        What M-steps add to the variances.
    tol : float
        EM stops when what it can still gain is estimated to be less, in nats per row.
    max_iter : int
        Largest number of E-steps, at least 1.
    accelerate : bool
        Whether L-BFGS takes over where EM is slow.
    report : IterationReport
        Told about every iteration; it may ask to stop.

    Returns
    -------
    ascent : Ascent
        The result; its history has the log-likelihoods of the best points so far.
    """
    climb = _Climb(e_step, m_step, tol=tol, max_iter=max_iter, report=report)
    try:
        reached = climb.plain_steps(mixture, accelerate)
        while True:
            reached = climb.quasi_newton(*reached, reg)
    except _End:
        pass
    statistics = e_step(climb.best)
    reached = statistics.log_likelihood / statistics.total
    return Ascent(climb.best, climb.history, climb.converged, climb.stopped, reached)


class _End(Exception):
    """EM has converged, was stopped, or has made all its steps."""


class _Climb:
    """The steps so far, and the best point among them."""

    def __init__(self, e_step, m_step, *, tol, max_iter, report):
        self.e_step, self.m_step = e_step, m_step
        self.tol, self.max_iter, self.report = tol, max_iter, report
        self.history, self.best = [], None
        self.converged = self.stopped = False

    def evaluate(self, mixture):
        """Statistics of the rows at a mixture, None if it is singular."""
        if len(self.history) == self.max_iter:
            raise _End
        self.report.begin()
        try:
            return None if mixture is None else self.e_step(mixture)
        except np.linalg.LinAlgError:
            return None

    def record(self, statistics, best):
        """End an iteration with the best point so far."""
        self.best = best
        if statistics is None:
            self.history.append(self.history[-1])
        else:
            self.history.append(statistics.log_likelihood / statistics.total)
        self.stopped = self.report.end(-self.history[-1], best, self.history)
        if self.stopped:
            raise _End

    def plain_steps(self, mixture, accelerate):
        """EM until a step gains little, or the gains come to an end."""
        while True:
            statistics = self.evaluate(mixture)
            if statistics is None:
                raise np.linalg.LinAlgError
            mixture = self.m_step(statistics, mixture)
            self.record(statistics, mixture)
            h = self.history
            if len(h) > 2 and is_settled(*h[-3:], self.tol):
                self.converged = True
                raise _End
            if len(h) < 3 or not accelerate:
                continue
            before, now = h[-2] - h[-3], h[-1] - h[-2]
            if now < SLOW_GAIN and now > FAST_RATE * before:
                return mixture, statistics.weight / statistics.total

    def quasi_newton(self, mixture, nu, reg):
        """One round of L-BFGS from a mixture; returns the best point and its nu."""
        coordinates = Coordinates(mixture, nu, reg)
        top, values, reached = None, [], (mixture, nu)

        def loss(x):
            nonlocal top, reached
            point = coordinates.mixture(x)
            statistics = self.evaluate(point)
            value = -np.inf
            if statistics is not None:
                value = coordinates.objective(point, statistics)
            if top is None or value > top:
                top, reached = value, (point, statistics.weight / statistics.total)
                self.record(statistics, point)
            else:
                self.record(None, self.best)
            values.append(top)
            settled = len(values) > 2 * WINDOW and is_settled(
                *values[-1 - 2 * WINDOW :: WINDOW], self.tol
            )
            if settled:
                raise StopIteration
            if value == -np.inf:
                return NOWHERE - top, np.zeros_like(x)
            return -value, -coordinates.gradient(x, point, statistics)

        x = coordinates.origin
        pairs = min(MEMORY, max(FEWEST_PAIRS, MEMORY_NUMBERS // (2 * len(x))))
        options = {"maxiter": ROUND, "maxcor": pairs, "ftol": 0.0, "gtol": 0.0}
        with contextlib.suppress(StopIteration):
            minimize(loss, x, jac=True, method="L-BFGS-B", options=options)
        # That a round settles may be due to its coordinates or its nu; that the next
        # one finds nothing is an end.
        if top - values[0] < self.tol:
            self.converged = True
            raise _End
        return reached


def is_settled(before, between, now, tol):
    """Whether two gains, the last below `tol`, are those of a series that ends.

    If gains shrink geometrically, as many as these two leave g^2 / (g_before - g).
    """
    first, second = between - before, now - between
    return first + second < tol and second**2 <= tol * (first - second)


class Coordinates:
    """Parameters of a mixture, relative to one of them, as a vector without bounds.

    Parameters
    ----------
    base : Mixture
        The origin.
    nu : ndarray of shape (k,)
        Weights of the regularization.
    reg : ndarray of shape (p,)
        What M-steps add to the variances.
    """

    def __init__(self, base, nu, reg):
        self.base, self.nu, self.reg = base, nu, reg
        self.k, self.p = base.means.shape
        self.origin = self._pack(
            np.log(np.maximum(base.weights, SMALLEST_WEIGHT)),
            np.zeros_like(base.means),
            base.structure.pack(base.structure.identity(self.k, self.p)),
        )

    def _pack(self, log_weights, shift, root):
        return np.concatenate([log_weights, shift.ravel(), root])

    def _relative_root(self, x):
        return self.base.structure.unpack(x[self.k * (1 + self.p) :], self.k, self.p)

    def mixture(self, x):
        """The mixture at a vector; None if it is singular or out of range."""
        base, structure = self.base, self.base.structure
        log_weights, u = np.split(x[: self.k * (1 + self.p)], [self.k])
        u = u.reshape(self.k, self.p)
        with np.errstate(all="ignore"):
            weights = np.exp(log_weights - log_weights.max())
            weights[base.weights == 0] = 0.0
            weights /= weights.sum()
            B = self._relative_root(x)
            if structure.diagonal:
                means, root = base.means + base.expanded_root * u, base.root * B
            else:
                means = base.means + np.einsum("kij,kj->ki", base.expanded_root, u)
                root = base.root @ B
            made = Mixture(weights, means, root, structure)
            try:
                arrays = (weights, means, made.root, made.precision_root)
            except np.linalg.LinAlgError:
                return None
        return made if all(np.isfinite(a).all() for a in arrays) else None

    def objective(self, mixture, statistics):
        """Mean log-likelihood per row less what the regularization costs."""
        P = mixture.expanded_precision_root
        precision = P**2 if mixture.structure.diagonal else (P**2).sum(axis=2)
        cost = self.nu @ (precision @ self.reg) / 2
        return statistics.log_likelihood / statistics.total - cost

    def gradient(self, x, mixture, statistics):
        """Derivatives of `objective`."""
        share = statistics.weight / statistics.total
        d = statistics.means - mixture.means
        P = mixture.expanded_precision_root
        if mixture.structure.diagonal:
            shift = share[:, None] * self.base.expanded_root * P**2 * d
            T = share[:, None] * (statistics.covariances + d**2)
            T += self.nu[:, None] * self.reg
            root = self._reduce(T * P**2 - share[:, None]).ravel()
        else:
            y = np.einsum("kij,ki->kj", P, d)  # P' d
            B = np.broadcast_to(self._relative_root(x), P.shape)
            shift = (
                share[:, None]
                * np.linalg.solve(np.swapaxes(B, 1, 2), y[:, :, None])[:, :, 0]
            )
            T = statistics.covariances + d[:, :, None] * d[:, None, :]
            T = share[:, None, None] * T
            T += self.nu[:, None, None] * np.diag(self.reg)
            G = np.swapaxes(P, 1, 2) @ T @ P - share[:, None, None] * np.eye(self.p)
            G = np.linalg.solve(np.swapaxes(B, 1, 2), G)
            root = self._packed_lower(self._reduce(G), self._relative_root(x))
        return self._pack(share - mixture.weights, shift, root)

    def _reduce(self, gradient):
        """Sum over the components or features that share a parameter."""
        structure = self.base.structure
        if structure.isotropic:
            gradient = gradient.sum(axis=-1)
        return gradient.sum(axis=0) if structure.shared else gradient

    def _packed_lower(self, gradient, B):
        """For the logarithms of the diagonal of B, and the entries below it."""
        on = np.einsum("...ii->...i", gradient) * np.einsum("...ii->...i", B)
        below = np.tril_indices(self.p, -1)
        return np.concatenate([on.ravel(), gradient[..., *below].ravel()])
