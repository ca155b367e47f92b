"""Maximum likelihood of linear-Gaussian models by accelerated EM.

Steps for complete data, which read nothing but the covariance, and for data with
holes; with one noise variance (probabilistic PCA) or one per feature (factor
analysis).

Tipping and Bishop (1999), appendix B; Rubin and Thayer (1982); for missing values the
observed-data likelihood is maximised exactly, over W, mu and psi together.
"""

import numpy as np
from scipy.linalg import eigh

from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.utils._threads import single_blas_thread

# Features come in units in which their variance is about 1. Noise is held at this
# share of it at least, where the likelihood still has digits: more of them are lost
# where it is summed over rows with holes.
NOISE_FLOOR = 1e-9
NOISE_FLOOR_MISSING = 1e-6


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
    covariance : ndarray of shape (n_features, n_features)
        S, the 1/n covariance of the data, which are centred.
    """

    def __init__(self, covariance):
        self.covariance = covariance
        self.share_observed = np.ones(len(covariance))

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
        variance = np.diag(self.covariance)
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
    covariance : ndarray of shape (n_features, n_features)
        S, the 1/n covariance of the data, which are centred.
    """

    def __init__(self, covariance):
        self.covariance = covariance
        self.share_observed = np.ones(len(covariance))

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
        root = np.sqrt(model.psi)
        S = self.covariance / root[:, None] / root
        W, excess = np.zeros((p, 0)), np.zeros(0)
        if q:
            eigenvalues, U = eigh(S, subset_by_index=[p - q, p - 1])
            excess = np.maximum(eigenvalues - 1, 0)
            W = root[:, None] * U * np.sqrt(excess)
        log_likelihood = -0.5 * (
            p * np.log(2 * np.pi)
            + np.log(model.psi).sum()
            + np.log1p(excess).sum()
            + np.trace(S)
            - excess.sum()
        )
        residual = np.diag(self.covariance) - (W**2).sum(axis=1)
        psi = np.maximum(residual, self.floor)
        return LinearGaussian(W, model.mu, psi), log_likelihood


class MissingStep(EMStep):
    """EM steps on centred data with holes.

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
        self.total = sum(w @ block.rows for block, w in self.blocks)
        self.squares = sum(w @ block.rows**2 for block, w in self.blocks)
        self.share_observed = self.count / self.weight
        # With the mean where nothing was observed; to start from.
        self.covariance = (
            sum((block.rows.T * w) @ block.rows for block, w in self.blocks)
            / self.weight
        )

    def __call__(self, model):
        """One step; returns the new model and the likelihood of the given one."""
        p, q = model.W.shape
        with single_blas_thread:  # the products are too small to share
            parts = [_block_sums(model, *block) for block in self.blocks]
        normal, target, explained, log_dets = map(sum, zip(*parts, strict=True))
        solution = np.linalg.solve(normal, target[:, :, None])[:, :, 0]
        residual = self.squares - (solution * target).sum(axis=1)
        count = self.count
        if self.isotropic:
            residual, count = np.full(p, residual.sum()), count.sum()
        psi = np.maximum(residual / count, self.floor)
        distance2 = (
            (self.squares - 2 * model.mu * self.total + self.count * model.mu**2)
            / model.psi
        ).sum() - explained
        constants = self.count @ np.log(2 * np.pi * model.psi) + log_dets
        log_likelihood = -0.5 * (constants + distance2) / self.weight
        return LinearGaussian(solution[:, :q], solution[:, q], psi), log_likelihood


def _block_sums(model, block, w):
    """Sums over the rows of a block that an EM step needs.

    Returns
    -------
    normal : ndarray of shape (p, q + 1, q + 1)
        For each feature E[(z, 1)(z, 1)'] over the rows where it is observed.
    target : ndarray of shape (p, q + 1)
        For each feature E[x (z, 1)] over these.
    explained, log_dets : float
        Sums of b' E[z] and of log |M|; see `ObservedRows.posterior`.
    """
    q = model.W.shape[1]
    mean, b, covariance, log_det = block.posterior(model)
    n_rows = np.add.reduceat(w, block.starts)
    z1 = np.column_stack([mean, np.ones(len(mean))])
    weighted = w[:, None] * z1
    moments = weighted[:, :, None] * z1[:, None, :]
    if len(n_rows) < len(w):
        moments = np.add.reduceat(moments, block.starts)
    normal = (block.patterns.T @ moments.reshape(len(n_rows), -1)).reshape(
        -1, q + 1, q + 1
    )
    # The covariances lie with the patterns along the last axis in memory.
    spread = np.moveaxis(covariance, 0, -1).reshape(q * q, len(n_rows))
    covariances = (spread @ (n_rows[:, None] * block.patterns)).T
    normal[:, :q, :q] += covariances.reshape(len(normal), q, q)
    explained = w @ np.einsum("ni,ni->n", b, mean)
    return normal, block.rows.T @ weighted, explained, n_rows @ log_det


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
