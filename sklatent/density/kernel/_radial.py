"""Kernels: radial functions K(r), their integrals, and samples of them.

A kernel is written in the squared distance s = r^2, in units of the bandwidth, and is
not normalized. In d dimensions its integral is that over the radius times the surface
of the unit sphere,

    M(d) = S(d) I(d),   I(d) = int K(r) r^(d-1) dr,   S(d) = 2 pi^(d/2) / Gamma(d/2),

and a sample of it is a direction, uniform on the sphere, times a radius with the
density K(r) r^(d-1) / I(d). A power of that radius has a beta or gamma distribution,
except for the cosine, whose I(d) is a series, and whose radii are sampled by rejection.

Values are computed in place, in the precision of their argument: tiles of squared
distances are overwritten by kernel values, without a second array in the cache. On a
device, in libraries of the array API standard, they are new arrays.
"""

import numpy as np
from scipy.special import betaln, gammaln

# Terms of the series of the cosine; the last of them is below 1e-30 for any d.
COSINE_TERMS = 14


def log_or_minus_inf(values, xp):
    """Logarithms of values of a library, -inf of 0."""
    positive = values > 0
    logs = xp.log(xp.where(positive, values, xp.ones_like(values)))
    return xp.where(positive, logs, xp.full_like(values, -xp.inf))


class Kernel:
    """A radial kernel.

    Subclasses give `values` or `logs`, `values_of` or `logs_of`, `log_radial_integral`
    and `radii`.

    Attributes
    ----------
    compact : bool
        Whether K is 0 for r >= 1. If not, K is positive everywhere.
    degree : int or None
        The power of r to which log K is proportional, for a K that is positive.
    slope : float
        Bound on |dK/ds|, or on |d log K / ds| where K is positive everywhere, for
        |s - kink| > margin.
    kink : float or None
        The s at which there is no such bound.
    margin : float
        Zero for a step.

    Methods
    -------
    log_radial_integral(d)
        log I(d).
    radii(d, n, rng)
        Distances from the center of `n` samples in d dimensions.
    """

    compact = True
    degree = None
    slope = 1.0
    kink = None
    margin = 0.0

    def values(self, s):
        """Overwrite squared distances by K."""
        return np.exp(self.logs(s), out=s)

    def logs(self, s):
        """Overwrite squared distances by log K, -inf where K is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.values(s), out=s)

    def logs_of(self, s, xp):
        """Log K of squared distances of a library, whose namespace is `xp`."""
        return log_or_minus_inf(self.values_of(xp.clip(s, 0.0, 1.0), xp), xp)

    def log_mass(self, d):
        """Return log M(d), the integral over the space of d dimensions."""
        log_surface = np.log(2) + 0.5 * d * np.log(np.pi) - gammaln(0.5 * d)
        return float(log_surface + self.log_radial_integral(d))

    def variance(self, d):
        """Variance along each axis, E[r^2] / d."""
        difference = self.log_radial_integral(d + 2) - self.log_radial_integral(d)
        return float(np.exp(difference) / d)

    def sample(self, d, n, rng, p=2):
        """Sample `n` rows from the normalized kernel in d dimensions.

        The distance r is the l_p norm. The direction of independent entries whose
        density depends on this norm only is uniform on the unit sphere of the norm, in
        the sense that a radius with the density K(r) r^(d-1) / I(d) completes it to a
        sample (Schechtman and Zinn 1990, On the volume of the intersection of two L_p^n
        balls).
        """
        if p == 2:
            rows = rng.standard_normal((n, d))
        elif p == np.inf:
            rows = rng.uniform(-1, 1, (n, d))
        else:  # the density exp(-|x|^p)
            signs = rng.choice([-1.0, 1.0], (n, d))
            rows = signs * rng.standard_gamma(1 / p, (n, d)) ** (1 / p)
        rows /= np.linalg.norm(rows, ord=p, axis=1, keepdims=True)
        return rows * self.radii(d, n, rng)[:, None]


class Gaussian(Kernel):
    """exp(-s / 2)."""

    compact = False
    degree = 2
    slope = 0.5

    def logs(self, s):
        """Overwrite squared distances by log K."""
        return np.multiply(s, -0.5, out=s)

    def logs_of(self, s, xp):
        """Log K of squared distances of a library."""
        return -0.5 * s

    def log_radial_integral(self, d):
        """Substituting s / 2: 2^(d/2 - 1) Gamma(d / 2)."""
        return (0.5 * d - 1) * np.log(2) + gammaln(0.5 * d)

    def radii(self, d, n, rng):
        """Sample from the chi distribution."""
        return np.sqrt(rng.chisquare(d, n))


class Exponential(Kernel):
    """exp(-r)."""

    compact = False
    degree = 1
    slope = 5.0  # 1 / (2 r)
    kink = 0.0
    margin = 1e-2

    def logs(self, s):
        """Overwrite squared distances by log K."""
        # Rounding may leave a squared distance just below 0.
        np.maximum(s, 0, out=s)
        return np.negative(np.sqrt(s, out=s), out=s)

    def logs_of(self, s, xp):
        """Log K of squared distances of a library."""
        return -xp.sqrt(xp.clip(s, min=0.0))

    def log_radial_integral(self, d):
        """Gamma(d)."""
        return gammaln(d)

    def radii(self, d, n, rng):
        """Sample from the gamma distribution."""
        return rng.standard_gamma(d, n)


class PowerKernel(Kernel):
    """(1 - r^a)^k inside the unit ball, where r^a has a beta distribution.

    Parameters
    ----------
    a : int
        Power of the distance.
    k : int
        Power of the difference.
    """

    def __init__(self, a, k):
        self.a, self.k = a, k
        if k == 0:
            self.kink, self.slope = 1.0, 0.0
        elif a == 1:
            self.kink, self.margin, self.slope = 0.0, 1e-2, 5.0  # 1 / (2 r)
        else:  # |dK/ds| = k (1 - r^a)^(k-1) (a / 2) r^(a-2) is not larger
            self.slope = 0.5 * a * k

    def values(self, s):
        """Overwrite squared distances by K."""
        if self.k == 0:
            return np.less(s, 1, out=s, casting="unsafe")
        if self.a != 2:
            np.maximum(s, 0, out=s)
        if self.a == 1:
            np.sqrt(s, out=s)
        elif self.a == 3:
            np.multiply(s, np.sqrt(s), out=s)
        np.subtract(1, s, out=s)
        np.maximum(s, 0, out=s)
        if self.k == 2:
            np.multiply(s, s, out=s)
        elif self.k == 3:
            np.multiply(s, s * s, out=s)
        return s

    def values_of(self, s, xp):
        """K of squared distances of a library, up to 1."""
        if self.k == 0:
            return xp.astype(s < 1, s.dtype)
        power = {1: xp.sqrt, 2: lambda s: s, 3: lambda s: s * xp.sqrt(s)}[self.a]
        return (1 - power(s)) ** self.k

    def log_radial_integral(self, d):
        """Substituting u = r^a: B(d / a, k + 1) / a."""
        return betaln(d / self.a, self.k + 1) - np.log(self.a)

    def radii(self, d, n, rng):
        """Sample u = r^a from the beta distribution, and take its root."""
        return rng.beta(d / self.a, self.k + 1, n) ** (1 / self.a)


class Cosine(Kernel):
    """cos(pi r / 2) inside the unit ball."""

    slope = 1.3  # (pi / 2)^2 / 2 at the center, where it is steepest in s

    def values(self, s):
        """Overwrite squared distances by K."""
        # As a sine of the distance from the edge, which is exact there.
        np.sqrt(np.clip(s, 0, 1, out=s), out=s)
        np.multiply(np.subtract(1, s, out=s), 0.5 * np.pi, out=s)
        return np.sin(s, out=s)

    def values_of(self, s, xp):
        """K of squared distances of a library, up to 1."""
        return xp.sin(0.5 * np.pi * (1 - xp.sqrt(s)))

    def log_radial_integral(self, d):
        """Integrate the series of sin(a (1 - r)), a = pi / 2, term by term.

        I(d) = a / (d (d+1)) (1 - a^2 / ((d+2)(d+3)) (1 - a^2 / ((d+4)(d+5)) (...)))
        """
        a2 = (0.5 * np.pi) ** 2
        series = 1.0
        for m in reversed(range(1, COSINE_TERMS)):
            series = 1 - a2 / ((d + 2 * m) * (d + 2 * m + 1)) * series
        return np.log(0.5 * np.pi / (d * (d + 1)) * series)

    def radii(self, d, n, rng):
        """Sample by rejection, from the linear kernel times pi / 2."""
        # It bounds the cosine, and accepts at least 2 / pi of the samples.
        accepted = np.empty(0)
        while len(accepted) < n:
            r = rng.beta(d, 2, 2 * n)
            height = rng.random_sample(2 * n) * 0.5 * np.pi * (1 - r)
            accepted = np.append(accepted, r[height < np.cos(0.5 * np.pi * r)])
        return accepted[:n]


KERNELS = {
    "gaussian": Gaussian(),
    "tophat": PowerKernel(2, 0),
    "epanechnikov": PowerKernel(2, 1),
    "exponential": Exponential(),
    "linear": PowerKernel(1, 1),
    "cosine": Cosine(),
    "biweight": PowerKernel(2, 2),
    "triweight": PowerKernel(2, 3),
    "tricube": PowerKernel(3, 3),
}
