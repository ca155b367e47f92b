import io
from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist
from scipy.special import comb, digamma
from scipy.stats import vonmises

from sklatent.callback import LossMonitor, ProgressLog
from sklatent.datasets import make_affine, make_helix, make_hypersphere, make_manifold
from sklatent.dimension import _base, _danco
from sklatent.dimension._danco import DANCo
from sklatent.dimension._norms_and_angles import (
    Statistics,
    concentration,
    divergence,
    norm_dimension,
    statistics,
)
from sklatent.exceptions import DuplicateRowsWarning
from sklatent.utils._neighbors import k_nearest


def log_g(rho, k, d):
    """Density of normalized distances, as in the paper."""
    return np.log(k * d) + (d - 1) * np.log(rho) + (k - 1) * np.log1p(-(rho**d))


def nearest(X, k):
    D = cdist(X, X)
    order = np.argsort(D)[:, 1 : k + 2]
    return np.log(np.take_along_axis(D, order, axis=1)), order


def test_statistics_by_a_loop():
    k, X = 6, make_hypersphere(60, dimension=3, random_state=0)[0]
    log_distances, order = nearest(X, k)
    found = statistics(X, log_distances, order)
    rho = np.exp(log_distances[:, 0] - log_distances[:, -1])
    best = minimize_scalar(lambda d: -log_g(rho, k, d).sum(), bounds=(0.1, 20))
    np.testing.assert_allclose(np.exp(found.log_d), best.x, rtol=1e-4)
    directions, lengths = [], []
    for point, row in zip(X, order[:, :k], strict=True):
        vectors = X[row] - point
        theta = [
            np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            for a, b in combinations(vectors, 2)
        ]
        mean = np.mean(np.exp(1j * np.array(theta)))
        directions.append(np.angle(mean))
        lengths.append(np.abs(mean))
    np.testing.assert_allclose(found.nu, np.mean(directions), rtol=1e-12)
    mean_length = vonmises.expect(np.cos, args=(np.exp(found.log_tau),))
    np.testing.assert_allclose(mean_length, np.mean(lengths), rtol=1e-8)


@pytest.mark.parametrize("length", [0.0, 1e-6, 0.3, 0.7, 0.99, 1 - 1e-6, 1.0])
def test_concentration(length):
    tau = concentration(length)
    assert np.isfinite(tau)
    if 1e-6 < length < 0.99:
        found = vonmises.expect(np.cos, args=(tau,))
        np.testing.assert_allclose(found, length, rtol=1e-8)
    if length == 1 - 1e-6:  # 1 - 1 / (2 tau), to the leading order
        np.testing.assert_allclose(tau, 5e5, rtol=1e-5)


def test_norm_dimension_without_a_spread():
    """For k = 1 the estimate is that of a Pareto law."""
    log_ratios = np.array([0.1, 0.5, 0.0, 1.4])
    np.testing.assert_allclose(norm_dimension(log_ratios, 1), 2)


@pytest.mark.parametrize("q", [0.4, 1.0, 2.5])
def test_divergence_of_distances_is_the_sum_in_the_paper(q):
    k, i = 10, np.arange(11)
    same = {"nu": 1.4, "log_tau": 1.0}
    found = divergence(Statistics(log_d=0.0, **same), Statistics(np.log(q), **same), k)
    alternating = ((-1.0) ** i * comb(k, i) * digamma(1 + i / q)).sum()
    harmonic = (1 / i[1:]).cumsum()
    expected = harmonic[-1] * q - 1 - harmonic[-2] - np.log(q) - (k - 1) * alternating
    integral = quad(
        lambda rho: np.exp(log_g(rho, k, 1)) * (log_g(rho, k, 1) - log_g(rho, k, q)),
        0,
        1,
    )[0]
    np.testing.assert_allclose(found, integral, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(expected, integral, rtol=1e-7, atol=1e-10)


def test_divergence_of_angles():
    a, b = Statistics(1.0, 1.5, np.log(4.0)), Statistics(1.0, 1.2, np.log(7.0))
    p, q = vonmises(4, loc=1.5), vonmises(7, loc=1.2)
    expected = quad(
        lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), 1.5 - np.pi, 1.5 + np.pi
    )[0]
    np.testing.assert_allclose(divergence(a, b, 10), expected, rtol=1e-8)
    large = Statistics(1.0, 1.5, np.log(1e5)), Statistics(1.0, 1.5, np.log(1.1e5))
    assert 0 < divergence(*large, 200) < 0.01


@pytest.mark.parametrize("seed", range(20))
def test_downhill_is_the_full_scan_of_one_valley(seed):
    rng = np.random.default_rng(seed)
    stop, bottom = rng.integers(1, 100), rng.uniform(-5, 110)
    heights = {i: np.abs(np.log1p(abs(i - bottom))) for i in range(1, stop + 1)}
    start = rng.integers(1, stop + 1)
    assert _danco._downhill(heights.get, start, stop) == min(heights, key=heights.get)


@pytest.mark.slow
def test_looks_at_few_dimensions_and_finds_the_best():
    X, _ = make_affine(301, dimension=8, n_features=60, random_state=0)
    _danco._sphere_mean.cache_clear()
    danco = DANCo().fit(X)
    assert _danco._sphere_mean.cache_info().currsize < 12
    observed = statistics(X, *nearest(X, 10))
    scan = [
        divergence(observed, _danco._sphere_mean(300, 10, d), 10) for d in range(1, 61)
    ]
    assert abs(danco.dimension_ - (1 + np.argmin(scan))) < 1
    assert danco.divergence_ <= min(scan)


def test_same_at_every_fit():
    X, _ = make_affine(200, dimension=4, random_state=0)
    first = DANCo().fit(X)
    _danco._sphere.cache_clear()
    _danco._sphere_mean.cache_clear()
    again = DANCo().fit(X)
    assert first.dimension_ == again.dimension_
    assert first.dimension_std_ == again.dimension_std_


@pytest.mark.parametrize("d", [1, 5, 15])
@pytest.mark.slow
def test_unbiased_and_covered_on_spheres(d):
    """Four standard errors of the mean and of the coverage; 40 samples.

    The simulation of four samples may be off by half a standard deviation of one.
    """
    estimates, errors, covered = [], [], []
    for seed in range(40):
        X, _ = make_hypersphere(200, dimension=d, random_state=1000 + seed)
        danco = DANCo(max_dimension=100).fit(X)
        low, high = danco.confidence_interval_
        estimates.append(danco.dimension_)
        errors.append(danco.dimension_std_)
        covered.append(low < d < high)
    spread = np.std(estimates)
    assert abs(np.mean(estimates) - d) < 4 * spread * np.sqrt(1 / 40 + 1 / 4)
    assert np.mean(covered) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 40)
    # Standard deviations of 20 and of 40 are known to 16 % and 11 %.
    assert abs(np.log(np.mean(errors) / spread)) < 4 * 0.19


@pytest.mark.slow
def test_better_than_distances_alone_in_many_dimensions():
    X, d = make_manifold("M10b_Cubic", 1000, random_state=0)
    danco = DANCo().fit(X)
    assert abs(danco.dimension_ - d) < 1
    assert danco.norm_dimension_ < d - 2


def test_ends_of_a_curve_do_not_matter():
    """Neighbors of an end are all on one side, at angles of 0."""
    t = np.random.default_rng(0).uniform(size=(400, 1))
    line = np.hstack([t, 2 * t, np.zeros((400, 1))])
    assert abs(DANCo().fit(line).dimension_ - 1) < 0.1
    X, _ = make_helix(1000, random_state=0)
    assert abs(DANCo().fit(X).dimension_ - 1) < 0.1


def test_max_dimension():
    X, _ = make_affine(200, dimension=6, random_state=0)
    assert DANCo(max_dimension=2).fit(X).dimension_ == 2
    assert DANCo(max_dimension=20).fit(X).dimension_ > 4
    x = np.random.default_rng(0).standard_normal((100, 1))
    danco = DANCo().fit(x)
    assert 0.8 < danco.dimension_ <= 1
    assert danco.dimension_std_ > 0


@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_units_do_not_matter(factor):
    X, _ = make_affine(150, dimension=3, n_features=5, random_state=0)
    expected = DANCo().fit(X)
    danco = DANCo().fit(factor * X)
    np.testing.assert_allclose(danco.dimension_, expected.dimension_, rtol=1e-6)
    np.testing.assert_allclose(danco.angle_mean_, expected.angle_mean_, rtol=1e-9)


def test_offset_does_not_matter():
    X = np.round(make_affine(150, dimension=3, random_state=0)[0], 7)
    np.testing.assert_allclose(
        DANCo().fit(X + 1e8).dimension_, DANCo().fit(X).dimension_, rtol=1e-5
    )


def test_repeated_rows_and_constant_columns():
    X, _ = make_affine(100, dimension=3, random_state=0)
    expected = DANCo(max_dimension=5).fit(X)
    padded = np.hstack([X, np.full((100, 2), 3.0)])
    with pytest.warns(DuplicateRowsWarning, match="30 of 130"):
        danco = DANCo().fit(np.vstack([padded, padded[:30]]))
    assert danco.n_duplicates_ == 30
    np.testing.assert_allclose(danco.dimension_, expected.dimension_, rtol=1e-9)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_n_jobs_is_handed_on(n_jobs, monkeypatch):
    """To every search for neighbors, on the spheres too."""
    seen = []

    def spy(*args, n_jobs=None, **kwargs):
        seen.append(n_jobs)
        return k_nearest(*args, n_jobs=n_jobs, **kwargs)

    for module in (_base, _danco):
        monkeypatch.setattr(module, "k_nearest", spy)
    _danco._sphere.cache_clear()
    _danco._sphere_mean.cache_clear()
    X, _ = make_hypersphere(60, dimension=2, random_state=0)
    danco = DANCo(4, n_jobs=n_jobs).fit(X)
    assert len(seen) > 24
    assert set(seen) == {n_jobs}
    assert danco.dimension_ == DANCo(4).fit(X).dimension_


@pytest.mark.scikit_learn_1_9
def test_progress_of_many_dimensions(capsys):
    """There is no largest number of dimensions that are tried, and no time left."""
    X, _ = make_affine(60, dimension=40, random_state=0)
    stream = io.StringIO()
    DANCo().set_callbacks(ProgressLog(interval=0, stream=stream)).fit(X)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("DANCo dimension 1, loss ")
    assert lines[-3].startswith("DANCo sphere ")
    assert "left" not in stream.getvalue()


@pytest.mark.scikit_learn_1_9
def test_progress(capsys):
    """A line for each dimension that is tried, then one for each of 20 spheres."""
    X, _ = make_hypersphere(100, dimension=3, n_features=6, random_state=0)
    monitor = LossMonitor()
    danco = DANCo(verbose=1).set_callbacks(monitor).fit(X)
    losses = [row["loss"] for row in monitor.get_logs().data]
    assert losses[-20:] == [danco.divergence_] * 20
    assert 3 <= len(losses) - 20 <= 6
    assert min(losses[:-20]) >= danco.divergence_
    assert "DANCo: 1 fit in" in capsys.readouterr().out
    assert DANCo().fit(X).dimension_ == danco.dimension_
    assert capsys.readouterr().out == ""


def test_few_rows():
    X = np.random.default_rng(0).standard_normal((5, 3))
    danco = DANCo(3).fit(X)
    assert 0 < danco.dimension_ <= 3
    assert np.isfinite(danco.dimension_std_)
    danco = DANCo(3)
    with pytest.raises(ValueError, match="at least 5 distinct rows; got n_samples=4"):
        danco.fit(X[:4])
    assert not hasattr(danco, "n_features_in_")
    with pytest.warns(DuplicateRowsWarning), pytest.raises(ValueError, match="1 is di"):
        danco.fit(np.ones((20, 3)))
