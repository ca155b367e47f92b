"""Maximum likelihood of linear-Gaussian models by accelerated EM.

Steps for complete data, which read nothing but the covariance, and for data with
missing entries; with one noise variance (probabilistic PCA) or one per feature (factor
analysis).

Tipping and Bishop (1999), appendix B; Rubin and Thayer (1982); for missing values the
observed-data likelihood is maximized exactly, over W, mu and psi together.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from sklatent.decomposition._covariance import FullCovariance, RowCovariance
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.decomposition._observed_rows import triangle
from sklatent.utils._threads import single_blas_thread

# Features come in units in which their variance is about 1. Noise is held at this
# share of it at least, where the likelihood still has digits. With missing entries it
# often has maxima that only the bound keeps finite; a lower bound makes them higher.
NOISE_FLOOR = 1e-9
NOISE_FLOOR_MISSING = 1e-6


def principal_factors(covariance, psi, q):
    """A model to start from: the leading directions of what the noise leaves."""
    factors = covariance.factors(psi, q)
    # A factor must start with something to explain, or EM never finds it.
    lengths = np.sqrt(np.maximum(factors.excess, 1e-2))
    W = np.sqrt(psi)[:, None] * factors.U * lengths
    return LinearGaussian(W, np.zeros(len(psi)), psi)


class EMStep:
    """What all steps have: their parameters as one vector, and a last word."""

    floor = NOISE_FLOOR

    def finish(self, model):
        """The final model, and its likelihood."""
        return model, self(model)[1]

    def pack(self, model):
        """W, mu and log psi."""
        return np.concatenate([model.W.ravel(), model.mu, np.log(model.psi)])

    def unpack(self, theta, p, q):
        """Undo `pack`."""
        W, mu, log_psi = np.split(theta, [p * q, p * q + p])
        psi = np.maximum(np.exp(log_psi), self.floor)
        return LinearGaussian(W.reshape(p, q), mu, psi)


class IsotropicStep(EMStep):
    """EM steps on complete data with one noise variance, from their covariance.

    Tipping and Bishop (1999), appendix B.

    Parameters
    ----------
    covariance : FullCovariance or RowCovariance
        S, the 1/n covariance of the data, which are centered.
    """

    def __init__(self, covariance):
        self.covariance = covariance
        self.share_observed = np.ones(len(covariance.variance))

    def __call__(self, model):
        """One step.

        Parameters
        ----------
        model : LinearGaussian
            Where the step starts.

        Returns
        -------
        model : LinearGaussian
            Where it ends; its likelihood is no less.
        log_likelihood : float
            Mean log-likelihood per row at the start, in nats.
        """
        W, psi = model.W, model.psi
        p, q = W.shape
        variance = self.covariance.variance
        B = W / psi[:, None]
        M = np.eye(q) + W.T @ B
        beta = np.linalg.solve(M, B.T)  # E[z | x] = beta (x - mu)
        S_beta = self.covariance @ beta.T
        log_likelihood = -0.5 * (
            p * np.log(2 * np.pi)
            + np.linalg.slogdet(M)[1]
            + np.log(psi).sum()
            + (variance / psi).sum()
            - (B * S_beta).sum()
        )
        Ezz = np.linalg.inv(M) + beta @ S_beta
        W = np.linalg.solve(Ezz, S_beta.T).T
        sigma2 = (variance - (W * S_beta).sum(axis=1)).mean()
        psi = np.full(p, max(sigma2, self.floor))
        return LinearGaussian(W, model.mu, psi), log_likelihood


class DiagonalStep(EMStep):
    """Steps on complete data with a noise variance per feature, from their covariance.

    W is the best one for the given psi, by the leading eigenvectors of
    psi^-1/2 S psi^-1/2; then psi is that of an EM step. So psi is all there is to
    extrapolate.

    Barber (2012), Bayesian Reasoning and Machine Learning, section 21.2.

    Parameters
    ----------
    covariance : FullCovariance or RowCovariance
        S, the 1/n covariance of the data, which are centered.
    """

    def __init__(self, covariance):
        self.covariance = covariance
        self.share_observed = np.ones(len(covariance.variance))

    def pack(self, model):
        """Log psi."""
        return np.log(model.psi)

    def unpack(self, theta, p, q):
        """Undo `pack`; a step needs no W."""
        psi = np.maximum(np.exp(theta), self.floor)
        return LinearGaussian(np.zeros((p, q)), np.zeros(p), psi)

    def finish(self, model):
        """The model with the best W for its psi, and its likelihood."""
        best, log_likelihood = self(model)
        return LinearGaussian(best.W, model.mu, model.psi), log_likelihood

    def __call__(self, model):
        """One step; returns the new model and the likelihood of the given psi."""
        p, q = model.W.shape
        factors = self.covariance.factors(model.psi, q)
        W = np.sqrt(model.psi)[:, None] * factors.U * np.sqrt(factors.excess)
        log_likelihood = -0.5 * (
            p * np.log(2 * np.pi)
            + np.log(model.psi).sum()
            + np.log1p(factors.excess).sum()
            + factors.rest.sum()
        )
        psi = np.maximum(model.psi * factors.rest, self.floor)
        return LinearGaussian(W, model.mu, psi), log_likelihood


class MissingStep(EMStep):
    """EM steps on centered data with missing entries.

    Given z, each feature is a weighted regression on (z, 1), over the rows where it is
    observed; its normal equations need only sums over rows.

    Parameters
    ----------
    blocks : list of ObservedRows
        The data.
    weights : list of ndarray
        Weight of each sorted row of each block.
    isotropic : bool
        Whether the features share one noise variance.
    """

    floor = NOISE_FLOOR_MISSING

    def __init__(self, blocks, weights, isotropic):
        self.blocks = list(zip(blocks, weights, strict=True))
        self.isotropic = isotropic
        self.weight = sum(w.sum() for w in weights)
        self.count = sum(  # of each feature's observed entries
            w @ block.patterns[block.group] for block, w in self.blocks
        )
        self.share_observed = self.count / self.weight

    @cached_property
    def covariance(self):
        """That of the rows with the mean where nothing was observed; to start from."""
        n, p = sum(len(w) for _, w in self.blocks), len(self.count)
        weighted = (
            block.rows * np.sqrt(w / self.weight)[:, None] for block, w in self.blocks
        )
        if n < p:
            return RowCovariance(np.vstack(list(weighted)))
        return FullCovariance(sum(rows.T @ rows for rows in weighted))

    def pooled(self, of_features):
        """Sum over features if they share one noise variance, as the sums over rows."""
        return of_features.sum(keepdims=True) if self.isotropic else of_features

    def pack(self, model):
        """(W, mu), a row for each feature, and log psi; one number if it is shared."""
        log_psi = np.log(model.psi[:1] if self.isotropic else model.psi)
        return np.concatenate([np.column_stack([model.W, model.mu]).ravel(), log_psi])

    def unpack(self, theta):
        """Undo `pack`."""
        p = len(self.count)
        n_noise = 1 if self.isotropic else p
        regressions = theta[:-n_noise].reshape(p, -1)
        psi = np.exp(theta[-n_noise:]) * np.ones(p)
        return LinearGaussian(regressions[:, :-1], regressions[:, -1], psi)

    def expectations(self, model):
        """Likelihood of a model, and the expectations that a step needs."""
        q = model.W.shape[1]
        with single_blas_thread:  # the products are too small to share
            parts = [_block_sums(model, *block) for block in self.blocks]
        normal, spread, target, squares, codes, log_dets = map(
            sum, zip(*parts, strict=True)
        )
        constants = self.count @ np.log(2 * np.pi * model.psi) + log_dets
        distance2 = (squares / model.psi).sum() + codes
        log_likelihood = -0.5 * (constants + distance2) / self.weight
        spread_W = np.einsum("ijp,pj->pi", spread, model.W)
        target[:, :q] -= spread_W
        residual = squares + (model.W * spread_W).sum(axis=1)
        return Expectations(model, log_likelihood, normal, target, residual)

    def __call__(self, model):
        """One EM step; returns the new model and the likelihood of the given one.

        The new W and mu are the old ones plus what the residuals under the old ones
        say, so that neither the noise nor the likelihood is the small difference of
        large sums.
        """
        e = self.expectations(model)
        change = np.linalg.solve(e.normal, e.target[:, :, None])[:, :, 0]
        residual = e.residual - (change * e.target).sum(axis=1)
        noise = self.pooled(residual) / self.pooled(self.count)
        psi = np.maximum(noise, self.floor) * np.ones(len(residual))
        W, mu = model.W + change[:, :-1], model.mu + change[:, -1]
        return LinearGaussian(W, mu, psi), e.log_likelihood

    def gradient(self, e):
        """Of the mean log-likelihood per row, by Fisher's identity; as `pack`."""
        regressions = e.target / e.model.psi[:, None]
        noise = 0.5 * self.pooled(e.residual / e.model.psi - self.count)
        return np.concatenate([regressions.ravel(), noise]) / self.weight

    def precondition(self, e, v):
        """Inverse information of the completed data times v: of a gradient, an EM step.

        To first order, since the noise of an EM step is that after its regressions.
        """
        p, k = e.target.shape
        slopes = v[: p * k].reshape(p, k, 1) * e.model.psi[:, None, None]
        regressions = np.linalg.solve(e.normal, slopes)
        noise = 2 * v[p * k :] / self.pooled(self.count)
        return np.concatenate([regressions.ravel(), noise]) * self.weight


class Expectations(NamedTuple):
    """What the rows say of a model, with r = x - W E[z] - mu.

    Parameters
    ----------
    model : LinearGaussian
        The model.
    log_likelihood : float
        Mean log-likelihood per row, in nats.
    normal : ndarray of shape (p, q + 1, q + 1)
        For each feature the sum of E[(z, 1)(z, 1)'] over the rows where it is observed.
    target : ndarray of shape (p, q + 1)
        For each feature the sum of E[(x - W z - mu) (z, 1)] over these.
    residual : ndarray of shape (p,)
        For each feature the sum of E[(x - W z - mu)^2] over these.
    """

    model: LinearGaussian
    log_likelihood: float
    normal: np.ndarray
    target: np.ndarray
    residual: np.ndarray


def _block_sums(model, block, w):
    """Sums over the rows of a block for `Expectations`, with r = x - W E[z] - mu.

    Returns
    -------
    normal : ndarray of shape (p, q + 1, q + 1)
        For each feature E[(z, 1)(z, 1)'] over the rows where it is observed.
    spread : ndarray of shape (q, q, p)
        For each feature Cov[z] over these.
    target : ndarray of shape (p, q + 1)
        For each feature r (E[z], 1) over these.
    squares : ndarray of shape (p,)
        For each feature r^2 over these.
    codes, log_dets : float
        Sums of |E[z]|^2 and of log |M|; see `ObservedRows.posterior`.
    """
    q = model.W.shape[1]
    mean, covariance, log_det, residual = block.posterior(model)
    n_rows = np.add.reduceat(w, block.starts)
    z1 = np.vstack([mean, np.ones(len(w))])
    weighted = w * z1
    normal = _over_patterns(weighted, z1, block)
    a, b, full = triangle(q)
    spread = ((n_rows * covariance[a, b]) @ block.patterns)[full]
    normal[:, :q, :q] += spread.transpose(2, 0, 1)
    target = residual.T @ weighted.T
    residual *= residual
    return (
        normal,
        spread,
        target,
        w @ residual,
        weighted[:-1].ravel() @ mean.ravel(),
        n_rows @ log_det,
    )


def _over_patterns(weighted, z1, block):
    """For each feature the sum of w z1 z1' over the rows where it is observed."""
    # Of symmetric matrices one triangle is summed.
    i, j, full = triangle(len(z1))
    moments = weighted[i]
    moments *= z1[j]
    if block.repeated:
        moments = np.add.reduceat(moments, block.starts, axis=1)
    return (moments @ block.patterns)[full].transpose(2, 0, 1).copy()


def extrapolate(before, middle, after):
    """Where two EM steps lead if continued: SQUAREM, scheme S3.

    Varadhan and Roland (2008), eq. 6-8.
    """
    r = middle - before
    v = (after - middle) - r
    length = max(1.0, np.linalg.norm(r) / max(np.linalg.norm(v), 1e-300))
    return before + 2 * length * r + length**2 * v


def maximize(step, model, *, tol, max_iter, report):
    """Repeat EM steps, two at a time and a leap ahead, until they gain nothing.

    The likelihood never decreases: a leap that ends below the second step is dropped
    for it.

    Parameters
    ----------
    step : EMStep
        step(model) returns the next model and the log-likelihood of the given one.
    model : LinearGaussian
        The start.
    tol : float
        Converged when the first of the two steps gains less, in nats per row.
    max_iter : int
        Bound on the number of iterations.
    report : IterationReport
        Told about every iteration; it may ask to stop.

    Returns
    -------
    model : LinearGaussian
        The last model.
    history : list of float
        Log-likelihood before each iteration and at the end.
    converged : bool
        Whether `tol` was met, or a callback asked to stop.
    """
    p, q = model.W.shape
    history, converged, before = [], False, model
    for _ in range(max_iter):
        report.begin()
        first, reached = step(model)
        if history and reached < history[-1]:
            # Rounding: there are no digits left to gain.
            model, reached, converged = before, history[-1], True
        else:
            history.append(reached)
            second, after_first = step(first)
            converged = after_first - reached < tol
            try:
                with np.errstate(all="ignore"):
                    theta = extrapolate(*map(step.pack, (model, first, second)))
                    after_leap, at_leap = step(step.unpack(theta, p, q))
            except (np.linalg.LinAlgError, ValueError):  # the leap landed nowhere
                at_leap = -np.inf
            before, reached = model, max(reached, after_first)
            model = second if after_first >= history[-1] else model
            if at_leap > reached:
                model, reached = after_leap, at_leap
        converged |= report.end(-reached, model, [*history, reached])
        if converged:
            break
    model, log_likelihood = step.finish(model)
    return model, [*history, log_likelihood], converged
