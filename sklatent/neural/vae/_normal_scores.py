"""Columns that are Gaussian given the code once each is mapped to its normal scores.

With g the map of a column and N(m, s²) what the decoder says about its score,

    log p(x | z) = log N(g(x); m, s²) + log g'(x),

and for an atom, whose cell of numbers has the scores from a to b,

    log P(x | z) = log(Phi((b - m) / s) - Phi((a - m) / s)),

less the logarithm of the length of the cell where a density is asked for. Networks see
scores only; what depends on the units of the data is added by `log_jacobian`.
"""

import dataclasses
import math

import numpy as np
import torch
from scipy.special import ndtri
from torch import nn
from torch.special import log_ndtr

from sklatent.neural.vae._likelihoods import (
    FLOOR,
    GaussianLikelihood,
    Likelihood,
    like,
)
from sklatent.utils._normal_scores import _cell_numbers, fit_normal_scores

# Beyond this score there is no probability that double precision could hold.
LAST_SCORE = 38.0
# Share of the smallest and of the largest atom that is for numbers beyond them, whose
# density falls by the factor e for each length of the cell.
SHARE_BEYOND = 1e-3
# An interval is narrow where the integrand is a parabola over it, in the logarithm.
NARROW = 0.1
# Equally likely scores, whose mean and variance are those of a standard normal one,
# for expectations in the units of the data.
NODES = ndtri((np.arange(32) + 0.5) / 32)
NODES /= NODES.std()
# Scores at which expectations know the map, from -LAST_KNOT to LAST_KNOT.
N_KNOTS, LAST_KNOT = 8192, 6.0


def fit_scores(x):
    """Return the map of a column to normal scores, made of finite numbers."""
    scores = fit_normal_scores(np.asarray(x))
    ends = np.clip(scores.cell_scores, -LAST_SCORE, LAST_SCORE)
    return dataclasses.replace(scores, cell_scores=ends)


def from_scores(scores, z):
    """Return the numbers that have these scores."""
    return scores.inverse_transform(np.clip(z, -LAST_SCORE, LAST_SCORE))


def log_jacobian(scores, x):
    """Logarithm of the density of numbers, less that of their scores or intervals."""
    log_slope = scores.log_slope(x)
    if not len(scores.atoms):
        return log_slope
    z = np.clip(scores.transform(x), -LAST_SCORE, LAST_SCORE)
    k = _cell_numbers(z, scores.cell_scores)
    low, high = scores.cells[:, k]
    width = high - low
    beyond = np.maximum(np.maximum(low - x, x - high), 0) / width
    is_end = np.abs(scores.cell_scores[:, k]).max(axis=0) == LAST_SCORE
    share = np.where(beyond > 0, SHARE_BEYOND, 1 - SHARE_BEYOND)
    within = np.where(is_end, np.log(share) - beyond, 0.0) - np.log(width)
    return np.where(k >= 0, within, log_slope)


def log_interval(a, b):
    """Log(Phi(b) - Phi(a)), entry by entry, of a < b, with gradients that are finite.

    By Phi in that tail where it has its digits; for narrow intervals, where it has none
    left, by the density in the middle m: log phi(m) + log w + (m² - 1) w² / 24.
    """
    a, b = torch.where(a + b > 0, -b, a), torch.where(a + b > 0, -a, b)
    w, m = b - a, (a + b) / 2
    narrow = w * (1 + m.abs()) < NARROW
    log_phi = -0.5 * (m.square() + math.log(2 * math.pi))
    by_density = log_phi + w.log() + (m.square() - 1) * w.square() / 24
    # A narrow interval would give log 0 here, whose gradient is NaN.
    log_above, log_below = log_ndtr(b), log_ndtr(torch.where(narrow, b - 1, a))
    by_phi = log_above + torch.log(-torch.expm1(log_below - log_above))
    return torch.where(narrow, by_density, by_phi)


class NormalScoresLikelihood(GaussianLikelihood):
    """Scores ~ N(parameter, σ²); means, variances and draws are in units of the data.

    Parameters
    ----------
    scores : sequence of NormalScores
        The map of each column.
    noise : str
        Key of `NOISES`.
    """

    def __init__(self, scores, noise="shared"):
        super().__init__(len(scores), noise)
        self.scores = scores
        # Columns lie one after the other on a line, with room between their cells. No
        # buffers: single precision would round them.
        column = np.repeat(np.arange(len(scores)), [len(s.atoms) for s in scores])
        ends = np.concatenate([s.cell_scores for s in scores], axis=1)
        self.places = 4 * LAST_SCORE * np.arange(len(scores))
        self.cells = np.ascontiguousarray(ends + self.places[column])
        grid = np.linspace(-LAST_KNOT, LAST_KNOT, N_KNOTS)
        values = np.stack([from_scores(s, grid) for s in scores])
        self.center, self.width = values[:, N_KNOTS // 2], spread(scores)
        table = (values - self.center[:, None]) / self.width[:, None]
        table = torch.as_tensor(table, dtype=torch.float32)
        self.register_buffer("table", table, persistent=False)

    _row_log_prob = Likelihood._row_log_prob

    def intervals(self, x):
        """Which entries are of atoms, and the scores of the ends of their intervals.

        The ends are -1 and 1 for the other entries.
        """
        places = torch.as_tensor(self.places, device=x.device)
        low, high = torch.as_tensor(self.cells, device=x.device)
        key = (x.double().clamp(-LAST_SCORE, LAST_SCORE) + places).contiguous()
        k = (torch.searchsorted(low, key, right=True) - 1).clamp(min=0)
        is_atom = (key >= low[k]) & (key <= high[k])
        a = torch.where(is_atom, low[k] - places, -1.0)
        b = torch.where(is_atom, high[k] - places, 1.0)
        return is_atom, a.to(x), b.to(x)

    def log_prob(self, x, parameters, observed=None):
        """Log-density of scores, and log-probability of the intervals of atoms."""
        mean = self.mean_score(parameters)
        scale = self.noise.variance(parameters).sqrt()
        square = ((x - mean) / scale).square()
        log_density = -0.5 * (square + math.log(2 * math.pi)) - scale.log()
        if not self.cells.size:
            return log_density
        is_atom, a, b = self.intervals(x)
        log_p = log_interval((a - mean) / scale, (b - mean) / scale)
        return torch.where(is_atom, log_p, log_density)

    def mean_score(self, parameters):
        """Mean m of the score: the first number of each column."""
        return parameters[..., 0, :]

    def at_nodes(self, parameters):
        """Numbers that are equally likely, (..., n_features, n_nodes), standardized."""
        mean = self.mean_score(parameters)
        scale = self.noise.variance(parameters).sqrt().expand_as(mean)
        nodes = torch.as_tensor(NODES).to(mean)
        z = mean[..., None] + scale[..., None] * nodes
        share = (z.clamp(-LAST_KNOT, LAST_KNOT) / LAST_KNOT + 1) / 2
        k = (share * (N_KNOTS - 1)).round().long()
        column = torch.arange(self.n_features, device=k.device)[:, None]
        return self.table[column, k]

    def mean(self, parameters):
        """Expectation, as a mean over equally likely scores."""
        mean = self.at_nodes(parameters).mean(-1)
        width, center = torch.as_tensor(np.stack([self.width, self.center])).to(mean)
        return mean * width + center

    def variance(self, parameters):
        """Variance over equally likely scores."""
        variance = self.at_nodes(parameters).var(-1, correction=0).clamp(min=FLOOR)
        return variance * torch.as_tensor(self.width).to(variance).square()

    def sample(self, parameters, rng):
        """Draw scores, and turn them into numbers."""
        mean = self.mean_score(parameters)
        scale = self.noise.variance(parameters).sqrt()
        z = mean + scale * like(parameters, rng.standard_normal(mean.shape))
        z = z.double().numpy()
        columns = [from_scores(s, z[..., j]) for j, s in enumerate(self.scores)]
        return like(parameters, np.stack(columns, axis=-1))


def spread(scores):
    """Standard deviation of each column, by its map."""
    return np.array([from_scores(s, NODES).std() or 1.0 for s in scores])


class ToScores(nn.Module):
    """Rows with the columns that have a map turned into their normal scores.

    Parameters
    ----------
    columns : sequence of int
        Positions of the columns.
    scores : sequence of NormalScores
        Their maps.
    """

    def __init__(self, columns, scores):
        super().__init__()
        self.columns = list(columns)
        for j, own in zip(columns, scores, strict=True):
            numbers = np.stack([own.knots, own.scores, own.slopes])
            self.register_buffer(f"map_{j}", torch.as_tensor(numbers))

    def forward(self, x):
        """Rows, with a gradient."""
        columns = list(x.unbind(1))
        for j in self.columns:
            columns[j] = interpolated(columns[j], *getattr(self, f"map_{j}"))
        return torch.stack(columns, dim=1)


def interpolated(x, knots, scores, slopes):
    """Rational quadratic interpolation, as NormalScores has it, of one column."""
    inside = x.to(knots).clamp(knots[0], knots[-1])
    k = (torch.searchsorted(knots, inside.detach().contiguous(), right=True) - 1).clamp(
        max=len(knots) - 2
    )
    width, rise = knots[k + 1] - knots[k], scores[k + 1] - scores[k]
    s = rise / width
    d0, d1 = slopes[k] / s, slopes[k + 1] / s
    t = (inside - knots[k]) / width
    u = t * (1 - t)
    z = scores[k] + rise * (t.square() + d0 * u) / (1 + (d0 + d1 - 2) * u)
    below, above = (x - knots[0]).clamp(max=0), (x - knots[-1]).clamp(min=0)
    return (z + slopes[0] * below + slopes[-1] * above).to(x)
