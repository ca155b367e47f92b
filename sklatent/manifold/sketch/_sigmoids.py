"""Sigmoids of distances (Ceriotti, Tribello and Parrinello 2011), and a rule for them.

    s(r) = 1 - (1 + A (r / sigma)^a)^(-b / a),   A = 2^(a / b) - 1,   s(sigma) = 1/2.

Distances are measured in units of sigma. What is computed is c = 1 - s, which keeps its
digits where distances are long, as a function of the squared distance x, in which it
has derivatives at 0 too if a is 2 or more.
"""

from dataclasses import dataclass

import numpy as np

# Squared distances below this are taken for it, so that derivatives are finite.
SMALLEST = 1e-12
# Powers of distances are cut there: they would overflow in single precision.
LARGEST = 1e24
# And so they would beyond this ratio of the exponents, where A is 2 to its power.
MOST_RATIO = 48.0


@dataclass(frozen=True)
class Sigmoid:
    """The complement of a sigmoid, of squared distances in units of sigma.

    Parameters
    ----------
    a, b : float
        Exponents: s ~ r^a for short distances, 1 - s ~ r^-b for long ones.
    """

    a: float
    b: float

    @property
    def factor(self):
        """The number A that makes s(sigma) = 1/2."""
        return float(np.expm1(np.log(2.0) * self.a / self.b))

    def _growth(self, x):
        """Return u = A x^(a / 2), up to a bound."""
        if self.a > 2:
            x = np.minimum(x, LARGEST ** (2 / self.a))
        u = power(x, self.a / 2)
        if self.factor != 1:
            u *= self.factor
        return u

    def complement(self, x):
        """Return c.

        Parameters
        ----------
        x : ndarray of any shape
            Squared distances.

        Returns
        -------
        c : ndarray of the same shape and precision
            Between 0 and 1.
        """
        t = self._growth(x)
        t += 1
        return power(t, -self.b / self.a)

    def with_slope(self, x):
        """Return c and its derivative by x, which is written over."""
        if self.a == 2:  # no derivative needs a power of x
            t = x
            if self.factor != 1:
                t *= self.factor
            t += 1
            c = power(t, -self.b / 2)
            slope = np.divide(c, t, out=t)
            slope *= -0.5 * self.b * self.factor
            return c, slope
        np.maximum(x, SMALLEST, out=x)
        u = self._growth(x)
        t = u + 1
        c = power(t, -self.b / self.a)
        u /= t
        u /= x
        u *= c
        u *= -0.5 * self.b
        return c, u

    def with_curvature(self, x):
        """Return c and its first and second derivative by x."""
        c, slope = self.with_slope(x.copy())
        x = np.maximum(x, SMALLEST)
        u = self._growth(x)
        share = u / (1 + u)
        half = self.a / 2
        curvature = slope * ((half - 1) - (self.b / self.a + 1) * half * share) / x
        return c, slope, curvature


def power(x, exponent):
    """Return x ** exponent as a new array, by products and roots where they do."""
    if exponent == -1:
        return np.divide(1, x)
    if exponent < 0:
        y = power(x, -exponent)
        return np.divide(1, y, out=y)
    if exponent == 0.5:
        return np.sqrt(x)
    if exponent in (1.0, 2.0, 3.0, 4.0):
        y = x.copy()
        for _ in range(int(exponent) - 1):
            y *= x
        return y
    if exponent == 1.5:
        y = np.sqrt(x)
        y *= x
        return y
    # NumPy's logarithm and exponential use the vector unit, its power may not.
    y = np.maximum(x, np.finfo(x.dtype).tiny)
    np.log(y, out=y)
    y *= exponent
    return np.exp(y, out=y)
