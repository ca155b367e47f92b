import io
import itertools

import numpy as np
import pytest
from scipy.linalg import cholesky
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from scipy.stats import gaussian_kde, kstest, multivariate_normal
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity as SklearnKernelDensity

from sklatent.callback import ProgressLog
from sklatent.density import HistogramDensity, kl_bandwidth_path
from sklatent.density.kernel._kernel_density import KernelDensity
from sklatent.density.kernel._radial import KERNELS
from sklatent.exceptions import RankDeficientWarning
from sklatent.utils import _progress

each_kernel = pytest.mark.parametrize("kernel", KERNELS)
SKLEARN_KERNELS = ["gaussian", "tophat", "epanechnikov", "exponential", "linear"]


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.mark.parametrize("kernel", SKLEARN_KERNELS)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_as_scikit_learn(kernel, d, rng):
    """Where scikit-learn has the kernel and its integral right."""
    X, new = rng.standard_normal((200, d)), rng.standard_normal((100, d))
    weight = rng.random_sample(200) + 0.1
    ours = KernelDensity(1.3, kernel=kernel).fit(X, sample_weight=weight)
    theirs = SklearnKernelDensity(bandwidth=1.3, kernel=kernel)
    want = theirs.fit(X, sample_weight=weight).score_samples(new)
    seen = np.isfinite(ours.score_samples(new))
    assert seen.mean() > 0.5
    np.testing.assert_allclose(ours.score_samples(new)[seen], want[seen], rtol=1e-9)
    # Where the density is 0 scikit-learn leaves what rounding left of its bounds.
    assert (want[~seen] < -35).all()
    assert ours.bandwidth_ == theirs.bandwidth_ == 1.3


def test_as_scipy_when_whitened(rng):
    X = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 3)) + 7
    new, weight = X[:50] + 0.1, rng.randint(1, 4, 300)
    scipy = gaussian_kde(X.T, 0.4, weights=weight)
    ours = KernelDensity(1.0, whiten=True).fit(X, sample_weight=weight)
    np.testing.assert_allclose(
        ours.covariance_, np.cov(X.T, aweights=weight, ddof=0), rtol=1e-10
    )
    # SciPy divides by n - 1, or what it takes for it.
    factor = np.sqrt(scipy.covariance[0, 0] / ours.covariance_[0, 0])
    ours = KernelDensity(factor, whiten=True).fit(X, sample_weight=weight)
    np.testing.assert_allclose(ours.score_samples(new), scipy.logpdf(new.T), rtol=1e-10)


@each_kernel
@pytest.mark.slow
def test_mass_in_one_and_two_dimensions(kernel, rng):
    """Sums over a grid; kernels with an edge need a fine one."""
    x = rng.standard_normal((20, 1))
    model = KernelDensity("silverman", kernel=kernel).fit(x)
    grid = np.linspace(-30, 30, 600_001)
    mass = np.exp(model.score_samples(grid[:, None])).sum() * (grid[1] - grid[0])
    assert abs(mass - 1) < (1e-3 if kernel == "tophat" else 1e-6)
    x = rng.standard_normal((5, 2))
    model = KernelDensity([0.7, 0.4], kernel=kernel, adaptive=True).fit(x)
    grid = np.linspace(-16, 16, 801)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    mass = np.exp(model.score_samples(points)).sum() * (grid[1] - grid[0]) ** 2
    assert abs(mass - 1) < (1e-2 if kernel == "tophat" else 1e-3)


@each_kernel
@pytest.mark.slow
def test_draws_follow_the_density(kernel, rng):
    """Along an axis, by quadrature; 9 tests at 1e-3."""
    X = rng.standard_normal((4, 1)) * 3
    model = KernelDensity(0.8, kernel=kernel, adaptive=True)
    model.fit(X, sample_weight=[1.0, 2.0, 0.0, 3.0])
    draws = model.sample(3000, random_state=1)
    assert np.isfinite(model.score_samples(draws)).all()
    grid = np.linspace(-40, 40, 80_001)
    cdf = np.cumsum(np.exp(model.score_samples(grid[:, None]))) * (grid[1] - grid[0])
    assert kstest(draws[:, 0], lambda x: np.interp(x, grid, cdf)).pvalue > 1e-3


@each_kernel
@pytest.mark.parametrize("whiten", [False, True])
def test_moments_of_draws(kernel, whiten, rng):
    """The covariance of the rows plus that of the kernel; 5 standard errors."""
    X = rng.standard_normal((50, 3)) @ np.array([[2, 0, 0], [1, 1, 0], [0, 1, 0.1]])
    bandwidth = 0.5 if whiten else [0.5, 1.0, 0.2]
    model = KernelDensity(bandwidth, kernel=kernel, whiten=whiten).fit(X)
    draws = model.sample(50_000, random_state=0)
    metric = np.cov(X.T, ddof=0) if whiten else np.eye(3)
    width = np.diag(np.broadcast_to(bandwidth, 3))
    want = np.cov(X.T, ddof=0)
    want = want + KERNELS[kernel].variance(3) * width @ metric @ width
    std = np.sqrt(np.diag(want))
    error = np.cov(draws.T) - want
    # Tails of the exponential kernel make for 3 times the error of normal ones.
    assert (np.abs(error) < 15 * np.outer(std, std) / np.sqrt(50_000)).all()
    assert (np.abs(draws.mean(0) - X.mean(0)) < 5 * std / np.sqrt(50_000)).all()


@each_kernel
@pytest.mark.parametrize("whiten", [False, True])
def test_adaptive_bandwidths_are_those_of_a_loop(kernel, whiten, rng):
    X = rng.standard_normal((80, 2)) * [1.0, 3.0]
    weight = rng.random_sample(80) + 0.1
    h = 0.9
    parameters = {"kernel": kernel, "whiten": whiten}
    fitted = KernelDensity(h, adaptive=True, **parameters)
    fitted.fit(X, sample_weight=weight)
    fixed = KernelDensity(h, **parameters).fit(X, sample_weight=weight)
    pilot = np.exp(fixed.score_samples(X))
    g = np.exp(np.average(np.log(pilot), weights=weight))
    factor = (pilot / g) ** -0.5
    np.testing.assert_allclose(fitted.bandwidth_factors_, factor, rtol=1e-8)
    Z, log_det = X, 0.0
    if whiten:
        root = cholesky(np.cov(X.T, aweights=weight, ddof=0), lower=True)
        Z, log_det = np.linalg.solve(root, X.T).T, np.log(np.diag(root)).sum()
    terms = KERNELS[kernel].logs(cdist(Z, Z, "sqeuclidean") / (h * factor) ** 2)
    terms += np.log(weight / weight.sum()) - 2 * np.log(h * factor)
    want = logsumexp(terms, axis=1) - KERNELS[kernel].log_mass(2) - log_det
    # Factors to 1e-9 and distances between whitened rows to rounding.
    np.testing.assert_allclose(fitted.score_samples(X), want, rtol=1e-7)


def test_adaptive_estimate_has_tails(rng):
    X = rng.standard_t(2, (400, 1))
    new = rng.standard_t(2, (2000, 1))
    fixed = KernelDensity("silverman").fit(X).score(new)
    assert KernelDensity("silverman", adaptive=True).fit(X).score(new) > fixed + 0.3


@each_kernel
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("bandwidth", [0.8, "silverman"])
def test_weights_count_rows(kernel, adaptive, bandwidth, rng):
    X, new = rng.standard_normal((60, 2)), rng.standard_normal((30, 2))
    weight = rng.randint(0, 4, 60)
    model = KernelDensity(bandwidth, kernel=kernel, adaptive=adaptive)
    weighted = model.fit(X, sample_weight=weight).score_samples(new)
    repeated = model.fit(np.repeat(X, weight, axis=0)).score_samples(new)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-8)
    dropped = model.fit(X[weight > 0], sample_weight=weight[weight > 0])
    np.testing.assert_array_equal(dropped.score_samples(new), weighted)
    draws = [
        dropped.sample(20, random_state=0),
        model.fit(X, sample_weight=weight).sample(20, random_state=0),
    ]
    np.testing.assert_array_equal(*draws)


def test_bad_weights(rng):
    X = rng.standard_normal((5, 2))
    for weight in ([1, 1, 1, 1], [1, 1, -1, 1, 1], [1, np.nan, 1, 1, 1], np.zeros(5)):
        model = KernelDensity()
        with pytest.raises(ValueError, match=r"weight"):
            model.fit(X, sample_weight=weight)
        assert not hasattr(model, "bandwidth_")


def test_weights_whose_sum_is_no_number(rng):
    X = rng.standard_normal((20, 2))
    weight = np.full(20, 5e306)
    want = KernelDensity().fit(X).score_samples(X)
    got = KernelDensity().fit(X, sample_weight=weight).score_samples(X)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    for model in (KernelDensity("silverman"), HistogramDensity()):
        with pytest.raises(ValueError, match="sum of sample_weight must be finite"):
            model.fit(X, sample_weight=10 * weight)
        assert not hasattr(model, "n_features_in_")
    with pytest.raises(ValueError, match="sum of sample_weight must be finite"):
        kl_bandwidth_path(X, [0.1, 1.0], sample_weight=10 * weight)


@each_kernel
def test_units_shift_log_densities_by_the_jacobian(kernel, rng):
    X = rng.standard_normal((100, 2))
    for parameters in ({"bandwidth": "scott"}, {"whiten": True}):
        model = KernelDensity(**parameters, kernel=kernel)
        want = model.fit(X).score_samples(X)
        for scale in ([1e150, 1e150], [1e-150, 1e-150], [1e6, 1e-6]):
            got = model.fit(X * scale).score_samples(X * scale)
            np.testing.assert_allclose(got + np.log(scale).sum(), want, atol=1e-7)


def test_whitening_makes_linear_maps_of_no_account(rng):
    X = rng.standard_normal((100, 3))
    A = rng.standard_normal((3, 3))
    for bandwidth in (0.5, "silverman", "loo"):
        model = KernelDensity(bandwidth, whiten=True)
        want = model.fit(X).score_samples(X)
        got = model.fit(X @ A + 100).score_samples(X @ A + 100)
        shift = np.linalg.slogdet(A)[1]
        np.testing.assert_allclose(got + shift, want, atol=1e-6)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "triweight", "tophat"])
def test_single_precision(kernel, rng):
    X = rng.standard_normal((400, 5)).astype(np.float32) + 100
    for parameters in ({}, {"whiten": True}, {"adaptive": True}):
        model = KernelDensity(1.1, kernel=kernel, **parameters).fit(X)
        got = model.score_samples(X)
        assert got.dtype == np.float32
        want = KernelDensity(1.1, kernel=kernel, **parameters)
        want = want.fit(X.astype(np.float64)).score_samples(X.astype(np.float64))
        if kernel == "tophat":  # rows that are at the edge but for rounding
            assert np.mean(np.abs(got - want) > 1e-4) < 0.01
        else:
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@each_kernel
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_few_rows(kernel, n, rng):
    X = rng.standard_normal((n, 2))
    model = KernelDensity(0.5, kernel=kernel).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert model.sample(3, random_state=0).shape == (3, 2)
    if n == 1 and kernel == "gaussian":
        law = multivariate_normal(X[0], 0.25 * np.eye(2))
        new = rng.standard_normal((10, 2))
        np.testing.assert_allclose(model.score_samples(new), law.logpdf(new))
    for bandwidth in ("scott", "silverman", "loo"):
        model = KernelDensity(bandwidth, kernel=kernel)
        if n == 1:
            with pytest.raises(ValueError, match="1 sample"):
                model.fit(X)
            assert not hasattr(model, "n_features_in_")
        else:
            assert np.isfinite(model.fit(X).score_samples(X)).all()


def test_repeated_rows_and_constant_columns(rng):
    X = np.repeat(rng.standard_normal((3, 2)), 50, axis=0)
    once = KernelDensity(0.1).fit(X[::50])
    model = KernelDensity(0.1).fit(X)
    np.testing.assert_allclose(model.score_samples(X), once.score_samples(X))
    X[:, 1] = 1e8
    flat = KernelDensity(0.1).fit(X)
    line = KernelDensity(0.1).fit(X[:, :1])
    np.testing.assert_allclose(
        flat.score_samples(X),
        line.score_samples(X[:, :1]) - np.log(0.1 * np.sqrt(2 * np.pi)),
        rtol=1e-9,
    )
    with pytest.raises(ValueError, match="feature 0 is constant"):
        KernelDensity("loo").fit(np.ones((20, 2)))


def test_a_thousand_bandwidths_away(rng):
    X = rng.standard_normal((50, 2))
    far = np.array([[1e3, 0.0], [0.0, -1e5], [1e12, 1e12]])
    got = KernelDensity(1.0).fit(X).score_samples(far)
    terms = -0.5 * cdist(far, X, "sqeuclidean")
    want = logsumexp(terms, axis=1) - np.log(2 * np.pi * 50)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    compact = KernelDensity(1.0, kernel="cosine").fit(X)
    np.testing.assert_array_equal(compact.score_samples(far), -np.inf)
    assert compact.score(far) == -np.inf


@pytest.mark.parametrize("name", ["gaussian", "exponential"])
def test_distances_whose_squares_are_no_numbers(name, rng):
    """In extended precision; the logarithm is infinite where it is beyond 1e308."""
    X = np.vstack([rng.standard_normal((20, 2)), rng.standard_normal((5, 2)) * 1e170])
    new = np.vstack([X, X[20:] / 3, np.outer([1e150, 1e160, 1e250], [1.0, -2.0])])
    got = KernelDensity(0.5, kernel=name, adaptive=True).fit(X)
    h = 0.5 * got.bandwidth_factors_
    a, b = new.astype(np.longdouble), X.astype(np.longdouble)
    s = (((a[:, None] - b) / h[:, None]) ** 2).sum(axis=2)
    logs = -s / 2 if name == "gaussian" else -np.sqrt(s)
    logs -= np.log(25) + KERNELS[name].log_mass(2) + 2 * np.log(h)
    top = logs.max(axis=1)
    want = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    with np.errstate(over="ignore"):
        want = want.astype(np.float64)
    assert np.isinf(want).any() == (name == "gaussian")
    np.testing.assert_allclose(got.score_samples(new), want, rtol=1e-9)


@each_kernel
def test_single_precision_near_the_end_of_its_range(kernel, rng):
    """Squares of these numbers are beyond single precision."""
    X = (rng.standard_normal((50, 2)) * 1e30).astype(np.float32)
    for parameters in ({}, {"bandwidth": "silverman"}, {"adaptive": True}):
        model = KernelDensity(kernel=kernel, **parameters).fit(X)
        got = model.score_samples(X)
        want = model.fit(X.astype(np.float64)).score_samples(X.astype(np.float64))
        np.testing.assert_allclose(got, want, rtol=1e-4)
    far = KernelDensity(kernel=kernel).fit(X).score_samples(X[:2] / 2)
    assert (far < -1e29).all()


def test_whitening_of_a_constant_feature(rng):
    X = rng.standard_normal((30, 3)) * [1.0, 0.0, 1.0]
    with pytest.warns(RankDeficientWarning, match=r"whiten=True .*feature 1 is const"):
        model = KernelDensity(0.5, whiten=True).fit(X)
    want = KernelDensity(0.5, whiten=True).fit(X[:, ::2])
    np.testing.assert_allclose(
        model.score_samples(X), want.score_samples(X[:, ::2]), rtol=1e-12
    )
    np.testing.assert_array_equal(model.covariance_[1], 0)
    np.testing.assert_array_equal(model.sample(5, random_state=0)[:, 1], 0)


def test_whitening_of_dependent_features(rng):
    X = rng.standard_normal((100, 2))[:, [0, 1, 1]]
    with pytest.warns(RankDeficientWarning, match="1 of 3 eigenvalues"):
        model = KernelDensity("silverman", whiten=True).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    draws = model.sample(1000, random_state=0)
    np.testing.assert_allclose(draws[:, 1], draws[:, 2], atol=0.02)


def test_refit_with_other_parameters_leaves_nothing_behind(rng):
    X = rng.standard_normal((50, 2))
    model = KernelDensity("loo", whiten=True, adaptive=True).fit(X)
    for name in ("bandwidth_factors_", "candidate_scores_", "covariance_"):
        assert hasattr(model, name)
    model.set_params(bandwidth=1.0, whiten=False, adaptive=False).fit(X)
    want = KernelDensity().fit(X)
    assert set(vars(model)) >= set(vars(want))
    assert {n for n in vars(model) if n[-1] == "_"} == {
        n for n in vars(want) if n[-1] == "_"
    }
    np.testing.assert_array_equal(model.score_samples(X), want.score_samples(X))


def test_the_rows_are_kept_apart_from_the_input(rng):
    X = rng.standard_normal((50, 2))
    model = KernelDensity().fit(X)
    want = model.score_samples(X[:5].copy())
    new = X[:5].copy()
    X[:] = 0
    np.testing.assert_array_equal(model.score_samples(new), want)


@pytest.mark.slow
def test_grid_search_agrees_with_leave_one_out():
    X = load_iris().data
    grid = np.geomspace(0.05, 2, 25)
    search = GridSearchCV(KernelDensity(), {"bandwidth": grid}, cv=len(X) // 2).fit(X)
    loo = KernelDensity("loo", candidates=grid).fit(X)
    step = grid[1] / grid[0]
    ratio = loo.bandwidth_ / search.best_params_["bandwidth"]
    assert 1 / step**2 < ratio < step**2


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize(
    "parameters", [{}, {"adaptive": "covariance"}, {"metric": "manhattan"}]
)
def test_verbose_prints_blocks_of_rows(
    parameters, leave_one_out, rng, capsys, monkeypatch
):
    """With a clock that each look moves by ten seconds there is a line for each."""
    monkeypatch.setattr(_progress, "monotonic", itertools.count(step=10).__next__)
    X = rng.standard_normal((1500, 2))
    model = KernelDensity(n_jobs=1, **parameters).fit(X)
    silent = model.score_samples(X, leave_one_out)
    assert capsys.readouterr().out == ""
    model.set_params(verbose=1)
    np.testing.assert_array_equal(model.score_samples(X, leave_one_out), silent)
    *lines, end = capsys.readouterr().out.splitlines()
    n_blocks = len(lines)
    n_of_sums = model._sums.n_blocks(1500)
    assert n_blocks > n_of_sums if leave_one_out else n_blocks == n_of_sums
    for i, line in enumerate(lines, 1):
        name = "KernelDensity.score_samples block of rows"
        assert line.startswith(f"{name} {i}/{n_blocks}, ")
    assert end.startswith("KernelDensity.score_samples: 1 call in ")


@pytest.mark.scikit_learn_1_9
def test_loo_reports_its_blocks(rng):
    """Four blocks of up to 128 rows; up to six more candidates would be on a grid."""
    X = rng.standard_normal((500, 5))
    stream = io.StringIO()
    log = ProgressLog(interval=0, stream=stream)
    KernelDensity("loo", candidates=6).set_callbacks(log).fit(X)
    *lines, end = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("KernelDensity block of rows 3/10, ")
    assert end.startswith("KernelDensity: 1 fit in ")


@pytest.mark.scikit_learn_1_9
@pytest.mark.parametrize("parameters", [{"adaptive": True}, {"adaptive": "covariance"}])
def test_kernels_of_rows_report_their_blocks(parameters, rng):
    X = rng.standard_normal((300, 2))
    stream = io.StringIO()
    log = ProgressLog(interval=0, stream=stream)
    KernelDensity("loo", candidates=6, **parameters).set_callbacks(log).fit(X)
    *lines, _ = stream.getvalue().splitlines()
    assert len(lines) > 2
    n = int(lines[0].split("/")[1].split(",")[0])
    assert lines[-1].startswith(f"KernelDensity block of rows {len(lines)}/{n}, ")
    assert len(lines) <= n
