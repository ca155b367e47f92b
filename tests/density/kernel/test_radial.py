import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma
from scipy.stats import kstest

from sklatent.density.kernel._radial import KERNELS

FORMULAS = {
    "gaussian": lambda r: np.exp(-0.5 * r**2),
    "exponential": lambda r: np.exp(-r),
    "tophat": lambda r: 1.0 * (r < 1),
    "epanechnikov": lambda r: (1 - r**2) * (r < 1),
    "linear": lambda r: (1 - r) * (r < 1),
    "cosine": lambda r: np.cos(np.pi * r / 2) * (r < 1),
    "biweight": lambda r: (1 - r**2) ** 2 * (r < 1),
    "triweight": lambda r: (1 - r**2) ** 3 * (r < 1),
    "tricube": lambda r: (1 - r**3) ** 3 * (r < 1),
}
each_kernel = pytest.mark.parametrize("name", FORMULAS)


def radial(name, power, upper=np.inf):
    """Integral of K(r) r^power, by quadrature."""
    end = min(upper, 1.0 if KERNELS[name].compact else np.inf)
    value, _ = quad(
        lambda r: FORMULAS[name](r) * r**power, 0, end, epsabs=1e-12, epsrel=1e-11
    )
    return value


def test_every_kernel_has_a_formula():
    assert set(FORMULAS) == set(KERNELS)


@each_kernel
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_logs(name, dtype):
    r = np.concatenate([np.linspace(0, 0.99, 50), [1.0, 1.01, 3.0, 1e3]])
    want = FORMULAS[name](r)
    rounding = 8 * np.finfo(dtype).eps
    values = KERNELS[name].values((r**2).astype(dtype))
    assert values.dtype == dtype
    np.testing.assert_allclose(values, want, rtol=rounding, atol=rounding)
    logs = KERNELS[name].logs((r**2).astype(dtype))
    seen = want > 1e-30
    np.testing.assert_allclose(np.exp(logs[seen]), want[seen], rtol=100 * rounding)
    if KERNELS[name].compact:
        np.testing.assert_array_equal(logs[-3:], -np.inf)
        np.testing.assert_array_equal(values[-3:], 0)
    else:  # beyond what exp can represent
        power = KERNELS[name].degree
        np.testing.assert_allclose(logs[-1], -(1e3**power) / power, rtol=rounding)


@each_kernel
@pytest.mark.parametrize("d", [1, 2, 3, 4, 7])
def test_mass_is_one_by_quadrature(name, d):
    surface = 2 * np.pi ** (d / 2) / gamma(d / 2)
    mass = surface * radial(name, d - 1) / np.exp(KERNELS[name].log_mass(d))
    assert abs(mass - 1) < 1e-9


@each_kernel
@pytest.mark.parametrize("d", [4, 10])
def test_mass_by_monte_carlo(name, d):
    """Importance sampling from a normal law; 3 standard errors, 18 tests: 5 %."""
    rng = np.random.RandomState(d)
    spread = np.sqrt(KERNELS[name].variance(d)) * 1.1
    x = rng.standard_normal((200_000, d)) * spread
    square = (x**2).sum(axis=1)
    log_law = -0.5 * square / spread**2 - 0.5 * d * np.log(2 * np.pi * spread**2)
    ratio = FORMULAS[name](np.sqrt(square)) / np.exp(
        KERNELS[name].log_mass(d) + log_law
    )
    assert abs(ratio.mean() - 1) < 3 * ratio.std() / np.sqrt(len(ratio))


@each_kernel
@pytest.mark.parametrize("d", [1, 2, 5])
def test_variance_by_quadrature(name, d):
    want = radial(name, d + 1) / radial(name, d - 1) / d
    np.testing.assert_allclose(KERNELS[name].variance(d), want, rtol=1e-8)


@each_kernel
def test_log_mass_is_finite_in_many_dimensions(name):
    assert np.isfinite(KERNELS[name].log_mass(500))
    # The series of the cosine against the beta function of the bounds on it.
    low, high = (KERNELS["linear"].log_mass(500) + np.log(b) for b in (1, np.pi / 2))
    assert low < KERNELS["cosine"].log_mass(500) < high


@each_kernel
@pytest.mark.parametrize("d", [1, 3, 8])
def test_draws_have_the_radial_law(name, d):
    """Kolmogorov and Smirnov, 27 tests at 1e-3 each: false alarms in 3 %."""
    kernel = KERNELS[name]
    rows = kernel.sample(d, 2000, np.random.RandomState(d))
    assert rows.shape == (2000, d)
    r = np.linalg.norm(rows, axis=1)
    total = radial(name, d - 1)
    grid = np.linspace(0, r.max(), 200)
    cdf = [radial(name, d - 1, upper) / total for upper in grid]
    assert kstest(r, lambda x: np.interp(x, grid, cdf)).pvalue > 1e-3
    # Each direction is as likely as its opposite.
    assert abs(np.sign(rows).mean()) < 4 / np.sqrt(rows.size)


@each_kernel
def test_slope_bounds_the_derivative(name):
    """By finite differences in s, away from the kink and from the edge of a step."""
    kernel = KERNELS[name]
    s = np.linspace(0, 0.999, 20_001)
    if kernel.kink == 0:
        s = s[s > kernel.margin]
    function = kernel.values if kernel.compact else kernel.logs
    steepest = np.abs(np.diff(function(s.copy())) / np.diff(s)).max()
    assert steepest <= kernel.slope * (1 + 1e-6)
