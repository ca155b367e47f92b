import itertools
import warnings

import numpy as np
import pytest
from numpy.polynomial import hermite_e
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.special import factorial2, logsumexp
from scipy.stats import gaussian_kde, iqr, norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KernelDensity as SklearnKernelDensity

from sklatent.density.kernel._bandwidth_path import kl_bandwidth_path
from sklatent.density.kernel._kernel_density import KernelDensity
from sklatent.density.kernel._radial import KERNELS
from sklatent.exceptions import RankDeficientWarning


@pytest.fixture
def X():
    rng = np.random.RandomState(0)
    return rng.standard_normal((120, 3)) * [1.0, 1e6, 1e-3] + [5.0, 0.0, 1.0]


@pytest.fixture
def bimodal():
    rng = np.random.RandomState(0)
    return np.append(rng.normal(0, 1, 300), rng.normal(12, 0.5, 200))[:, None]


def test_scott_and_silverman(X):
    sigma = X.std(axis=0)
    scott = KernelDensity("scott").fit(X).bandwidth_
    np.testing.assert_allclose(scott, sigma * 120 ** (-1 / 7), rtol=1e-12)
    silverman = KernelDensity("silverman").fit(X).bandwidth_
    factor = gaussian_kde(X.T, "silverman").factor
    np.testing.assert_allclose(silverman, sigma * factor, rtol=1e-12)


def test_silverman_in_one_dimension_is_robust(bimodal):
    width = KernelDensity("silverman").fit(bimodal).bandwidth_
    want = 0.9 * bimodal.std() * 500**-0.2
    np.testing.assert_allclose(width, [want], rtol=1e-12)
    spoilt = np.append(bimodal[:300], [[1e6]], axis=0)
    width = KernelDensity("silverman").fit(spoilt).bandwidth_
    want = 0.9 * iqr(spoilt, interpolation="inverted_cdf") / 1.34 * 301**-0.2
    np.testing.assert_allclose(width, [want], rtol=1e-12)
    # Quartiles that tie do not make it 0.
    ties = np.append(np.zeros(90), np.arange(10.0))[:, None]
    width = KernelDensity("silverman").fit(ties).bandwidth_
    np.testing.assert_allclose(width, [0.9 * ties.std() * 100**-0.2], rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_rules_give_kernels_the_same_variance(kernel, X):
    gaussian = KernelDensity("scott").fit(X).bandwidth_
    width = KernelDensity("scott", kernel=kernel).fit(X).bandwidth_
    variance = KERNELS[kernel].variance(3)
    np.testing.assert_allclose(width * np.sqrt(variance), gaussian, rtol=1e-12)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "biweight", "linear"])
@pytest.mark.slow
def test_loo_scores_are_those_of_a_loop(kernel, bimodal):
    X = np.hstack([bimodal, np.random.RandomState(1).standard_normal((500, 1))])[::6]
    candidates = np.array([0.02, 0.2, 0.4, 1.0, 2.0, 4.0, 9.0])
    fitted = KernelDensity("loo", kernel=kernel, candidates=candidates).fit(X)
    np.testing.assert_array_equal(fitted.candidate_bandwidths_, candidates)
    want = []
    for h in candidates:
        scores = []
        for i in range(len(X)):
            others = KernelDensity(h, kernel=kernel).fit(np.delete(X, i, axis=0))
            scores.append(others.score_samples(X[i : i + 1])[0])
        want.append(np.mean(scores))
    # Kernels are computed in single precision there.
    np.testing.assert_allclose(fitted.candidate_scores_, want, rtol=2e-6)
    assert type(fitted.bandwidth_) is float
    assert fitted.bandwidth_ == candidates[np.argmax(want)]


def test_lscv_scores_are_those_of_quadrature(bimodal):
    x = bimodal[::10]
    candidates = np.array([0.1, 0.3, 0.6, 1.5, 4.0])
    fitted = KernelDensity("lscv", candidates=candidates).fit(x)
    errors = []
    for h in candidates:
        model = SklearnKernelDensity(bandwidth=h).fit(x)
        grid = np.linspace(x.min() - 8 * h, x.max() + 8 * h, 20_001)
        square = np.exp(2 * model.score_samples(grid[:, None]))
        left_out = [
            SklearnKernelDensity(bandwidth=h)
            .fit(np.delete(x, i, axis=0))
            .score_samples(x[i : i + 1])[0]
            for i in range(len(x))
        ]
        errors.append(np.trapezoid(square, grid) - 2 * np.mean(np.exp(left_out)))
    # Where the spread of the data is 1.
    np.testing.assert_allclose(
        fitted.candidate_scores_, -np.array(errors) * x.std(), rtol=1e-5
    )
    assert fitted.bandwidth_ == candidates[np.argmin(errors)]


@pytest.mark.parametrize("bandwidth", ["loo", "lscv"])
def test_default_candidates_follow_the_units(bandwidth, X):
    fitted = KernelDensity(bandwidth).fit(X)
    assert fitted.candidate_bandwidths_.shape == (30, 3)
    scale = np.array([3.0, 1e-5, 1e9])
    scaled = KernelDensity(bandwidth).fit(X * scale)
    np.testing.assert_allclose(scaled.bandwidth_, fitted.bandwidth_ * scale, rtol=1e-9)
    shift = -np.log(scale).sum() if bandwidth == "loo" else 0
    np.testing.assert_allclose(
        scaled.candidate_scores_, fitted.candidate_scores_ + shift, rtol=1e-5
    )
    # For normal data the rule of thumb is right.
    rule = KernelDensity("silverman").fit(X).bandwidth_
    assert (np.abs(np.log(fitted.bandwidth_ / rule)) < np.log(1.7)).all()


def test_loo_beats_the_rule_on_modes(bimodal):
    new = np.append(*np.split(bimodal[np.argsort(bimodal[:, 0])], [300]))[1::2, None]
    old = np.sort(bimodal, axis=0)[::2]
    scores = {b: KernelDensity(b).fit(old).score(new) for b in ("loo", "isj", "scott")}
    assert scores["loo"] > scores["scott"] + 0.1
    assert scores["isj"] > scores["scott"] + 0.1


@pytest.mark.parametrize("bandwidth", ["scott", "silverman", "loo", "lscv", "isj"])
def test_weights_are_counts_of_rows(bandwidth, bimodal):
    x = bimodal[::7]
    weight = np.random.RandomState(0).randint(0, 4, len(x))
    weighted = KernelDensity(bandwidth).fit(x, sample_weight=weight)
    repeated = KernelDensity(bandwidth).fit(np.repeat(x, weight, axis=0))
    np.testing.assert_allclose(weighted.bandwidth_, repeated.bandwidth_, rtol=1e-9)
    np.testing.assert_allclose(
        weighted.score_samples(x), repeated.score_samples(x), rtol=1e-9
    )


def test_repeated_rows_do_not_drive_loo_to_zero(bimodal):
    x = np.round(bimodal, 1)
    once = KernelDensity("loo").fit(x)
    twice = KernelDensity("loo").fit(np.repeat(x, 2, axis=0))
    np.testing.assert_allclose(twice.bandwidth_, once.bandwidth_, rtol=0.3)
    # Not coinciding but for a digit far behind: the likelihood has no maximum.
    close = np.append(bimodal, bimodal * (1 + 1e-9), axis=0)
    with pytest.warns(ConvergenceWarning, match="goes to 0 if all rows nearly"):
        KernelDensity("loo").fit(close)


@pytest.mark.parametrize("bandwidth", ["loo", "lscv"])
@pytest.mark.parametrize(
    "end, candidates", [("largest", [0.03, 0.1]), ("smallest", [5.0, 9.0])]
)
def test_candidates_on_one_side_of_the_best(bandwidth, end, candidates, bimodal):
    best = {"largest": 0.1, "smallest": 5}[end]
    with pytest.warns(ConvergenceWarning, match=f"at the {end} candidate, {best}"):
        fitted = KernelDensity(bandwidth, candidates=candidates).fit(bimodal)
    assert fitted.bandwidth_ == best
    KernelDensity(bandwidth, candidates=[0.03, 0.3, 9.0]).fit(bimodal)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "epanechnikov"])
def test_a_candidate_that_is_far_too_wide(kernel, bimodal):
    fitted = KernelDensity("loo", kernel=kernel, candidates=[0.001, 0.3, 5.0, 1e40])
    scores = fitted.fit(bimodal).candidate_scores_
    flat = KERNELS[kernel].log_mass(1) + np.log(1e40)
    np.testing.assert_allclose(scores[-1], -flat, rtol=1e-6)
    assert fitted.bandwidth_ < 1e40


def test_candidates_that_leave_rows_alone():
    x = np.append(np.random.RandomState(0).standard_normal(50), 30.0)[:, None]
    estimator = KernelDensity("loo", kernel="tophat", candidates=[0.1, 1.0])
    with pytest.raises(ValueError, match="some rows have no neighbor"):
        estimator.fit(x)
    with pytest.warns(ConvergenceWarning, match="A single outlier decides"):
        fitted = KernelDensity("loo", kernel="tophat").fit(x)
    assert fitted.bandwidth_ > 26
    assert np.isfinite(fitted.candidate_scores_).any()


@pytest.mark.parametrize("far", [400.0, 1e9])
def test_a_single_outlier_that_decides(far):
    """With it the best bandwidth is about far / sqrt(n), and without it below 1."""
    x = np.random.RandomState(0).standard_normal((400, 1))
    candidates = np.geomspace(0.01, 0.2 * far, 60)
    alone = KernelDensity("loo", candidates=candidates).fit(x)
    message = f"A single outlier .* would be {alone.bandwidth_:.3g}, not"
    with pytest.warns(ConvergenceWarning, match=message):
        fitted = KernelDensity("loo", candidates=candidates).fit(
            np.append(x, [[far]], axis=0)
        )
    # The score is -far^2 / (2 n h^2) - log(h), but for what the other rows add.
    np.testing.assert_allclose(fitted.bandwidth_, far / np.sqrt(400), rtol=0.3)
    # Two outliers near each other are a mode.
    KernelDensity("loo", candidates=candidates[candidates < 1]).fit(
        np.append(x, [[far], [far + 0.1]], axis=0)
    )


def test_bad_bandwidths(X):
    for bad in ([1.0, 2.0], [1.0, -1.0, 2.0], [[1.0, 2.0, 3.0]]):
        with pytest.raises(ValueError, match="bandwidth must be a positive number"):
            KernelDensity(bad).fit(X)
    with pytest.raises(ValueError, match="with whiten=True"):
        KernelDensity([1.0, 1.0, 1.0], whiten=True).fit(X)
    for bad in ([0.0, 1.0], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="list of positive bandwidths"):
            KernelDensity("loo", candidates=bad).fit(X)
    with pytest.raises(ValueError, match="kernel='gaussian' only"):
        KernelDensity("lscv", kernel="tophat").fit(X)
    with pytest.raises(ValueError, match=r"one feature; got 3"):
        KernelDensity("isj").fit(X)
    for rule in ("scott", "silverman", "loo", "lscv"):
        with pytest.raises(ValueError, match="feature 0 is constant"):
            KernelDensity(rule).fit(X * 0)
        with pytest.raises(ValueError, match="1 sample"):
            KernelDensity(rule).fit(X[:1])


def exact_isj(x):
    """The same equation with norms of derivatives from all pairs of rows."""
    n, difference = len(x), x[:, None] - x

    def squared_norm(s, time):
        """Integral of f^(s) squared: (-1)^s phi^(2s) of variance 2 time, over pairs."""
        z = difference / np.sqrt(2 * time)
        he = hermite_e.hermeval(z, np.eye(2 * s + 1)[2 * s])
        phi = he * norm.pdf(z) / (2 * time) ** (s + 0.5)
        return (-1) ** s * phi.mean()

    def excess(t):
        f = squared_norm(7, t)
        for s in range(6, 1, -1):
            factor = (1 + 0.5 ** (s + 0.5)) / 3 * factorial2(2 * s - 1)
            time = (2 * factor / (n * np.sqrt(2 * np.pi) * f)) ** (2 / (3 + 2 * s))
            f = squared_norm(s, time)
        return t - (2 * n * np.sqrt(np.pi) * f) ** -0.4

    grid = np.geomspace(1e-4, 1, 60) * np.var(x)
    signs = np.array([excess(t) for t in grid]) > 0
    first = np.flatnonzero(~signs[:-1] & signs[1:])[0]
    return np.sqrt(brentq(excess, grid[first], grid[first + 1]))


@pytest.mark.slow
def test_isj_is_that_of_exact_derivatives(bimodal):
    """The histogram, of 2^13 cells within the range, moves rows by 1e-4 of it."""
    for x in (bimodal[::2], np.random.RandomState(3).standard_normal((200, 1))):
        width = KernelDensity("isj").fit(x).bandwidth_
        np.testing.assert_allclose(width, [exact_isj(x[:, 0])], rtol=1e-3)


def test_isj_far_from_0_in_single_precision():
    x = np.random.RandomState(0).normal(size=(5000, 1)) + 1e4
    width = KernelDensity("isj").fit(x).bandwidth_
    # Values are rounded to 5e-4, which is 1e-2 of the bandwidth at most.
    single = KernelDensity("isj").fit(x.astype(np.float32)).bandwidth_
    np.testing.assert_allclose(single, width, rtol=1e-2)


def test_isj_follows_the_units(bimodal):
    width = KernelDensity("isj").fit(bimodal).bandwidth_
    for scale, offset in ((1e-150, 0), (1e150, 0), (2.0**10, 2.0**30)):
        scaled = KernelDensity("isj").fit(bimodal * scale + offset).bandwidth_
        np.testing.assert_allclose(scaled, width * scale, rtol=1e-4)


def test_isj_without_a_solution():
    with pytest.warns(ConvergenceWarning, match="Silverman's rule is used"):
        fitted = KernelDensity("isj").fit([[0.0], [1.0]])
    want = KernelDensity("silverman").fit([[0.0], [1.0]]).bandwidth_
    np.testing.assert_array_equal(fitted.bandwidth_, want)


def test_kl_path_of_one_row_is_that_of_normal_laws():
    """Draws around 4000 copies of a row; 4 standard errors."""
    X = np.zeros((4000, 3))
    h1, h2 = 1.0, 1.5
    want = 3 * (np.log(h2 / h1) + 0.5 * (h1 / h2) ** 2 - 0.5)
    (got,) = kl_bandwidth_path(X, [h1, h2], random_state=0)
    square = np.random.RandomState(1).chisquare(3, 100_000)
    log_r = -3 * np.log(h2 / h1) + 0.5 * square * (1 - (h1 / h2) ** 2)
    error = (np.expm1(log_r) - log_r).std() / np.sqrt(4000)
    assert abs(got - want) < 4 * error


def test_kl_path_by_quadrature(bimodal):
    path = kl_bandwidth_path(
        np.repeat(bimodal[::5], 40, axis=0), [0.3, 0.5, 1.0], random_state=0
    )
    models = [SklearnKernelDensity(bandwidth=h).fit(bimodal[::5]) for h in (0.3, 0.5)]

    def term(t):
        p, q = (model.score_samples([[t]])[0] for model in models)
        return np.exp(p) * (p - q)

    want, _ = quad(term, -6, 17, limit=400, epsabs=1e-5)
    np.testing.assert_allclose(path[0], want, rtol=0.1)
    assert (path > 0).all()


def test_kl_path_weights_and_errors(bimodal):
    weight = np.arange(500) % 3
    kept = kl_bandwidth_path(
        bimodal[weight > 0],
        [0.1, 1],
        sample_weight=weight[weight > 0],
        random_state=0,
    )
    got = kl_bandwidth_path(bimodal, [0.1, 1], sample_weight=weight, random_state=0)
    np.testing.assert_array_equal(got, kept)
    for kernel in KERNELS:
        path = kl_bandwidth_path(bimodal, [0.5, 1.0], kernel=kernel, random_state=0)
        assert np.isfinite(path).all()
        # With bounded support the mean of -log r has terms of either sign.
        assert (path > 0).all() or KERNELS[kernel].compact
    with pytest.raises(ValueError, match="ascending"):
        kl_bandwidth_path(bimodal, [1.0, 0.5])
    with pytest.raises(ValueError, match="two or more positive"):
        kl_bandwidth_path(bimodal, [0.0, 0.5])


def test_scores_of_candidates_in_many_dimensions():
    X = np.random.RandomState(0).standard_normal((60, 400))
    fitted = KernelDensity("loo").fit(X)
    assert np.isfinite(fitted.candidate_scores_).all()
    h = fitted.bandwidth_
    square = (((X[:, None] - X) / h) ** 2).sum(axis=2)
    np.fill_diagonal(square, np.inf)
    logs = logsumexp(-0.5 * square, axis=1) - np.log(59)
    logs -= 200 * np.log(2 * np.pi) + np.log(h).sum()
    np.testing.assert_allclose(fitted.candidate_scores_.max(), logs.mean(), rtol=1e-6)


@pytest.mark.parametrize("d", [5, 400, 1000])
def test_lscv_in_many_dimensions(d):
    """In extended precision, whose numbers reach from 1e-4932 to 1e4932."""
    X = np.random.RandomState(0).standard_normal((60, d))
    X /= X.std(axis=0)
    candidates = np.geomspace(0.5, 4, 25) * (0.5 if d == 5 else 1)
    fitted = KernelDensity("lscv", candidates=candidates).fit(X)
    square = cdist(X, X, "sqeuclidean").astype(np.longdouble)
    scores = []
    for h in candidates.astype(np.longdouble):
        scale = (2 * np.pi * h**2) ** (np.longdouble(-d) / 2)
        pairs = np.exp(-0.5 * square / h**2)
        np.fill_diagonal(pairs, 0)
        left_out = pairs.sum() / (60 * 59)
        integral = np.exp(-0.25 * square / h**2).mean() / np.longdouble(2) ** (d / 2)
        scores.append(scale * (2 * left_out - integral))
    assert fitted.bandwidth_ == candidates[np.argmax(scores)]
    with np.errstate(over="ignore", under="ignore"):
        want = np.array(scores).astype(np.float64)
    np.testing.assert_allclose(
        fitted.candidate_scores_, want, rtol=1e-4, atol=np.finfo(float).tiny
    )


def test_divergence_of_kernels_with_bounded_support():
    """Two far rows: uniform densities of width 2 and 4 differ by log 2."""
    path = kl_bandwidth_path(
        [[0.0], [1000.0]], [1.0, 2.0], kernel="tophat", random_state=0
    )
    np.testing.assert_allclose(path, np.log(2), rtol=1e-6)


def test_leave_one_out_of_clusters_far_apart():
    """Distances within a cluster keep their digits."""
    rng = np.random.RandomState(0)
    X = np.vstack([rng.normal(size=(60, 1)), 1e8 + rng.normal(size=(60, 1))])
    X[60:] = np.round(X[60:] * 2**20) / 2**20
    widths = np.geomspace(0.05, 3, 10)
    fitted = KernelDensity("loo", candidates=widths).fit(X)
    squares = (X - X.T) ** 2
    np.fill_diagonal(squares, np.inf)
    expected = [
        logsumexp(-0.5 * squares / h**2, axis=1).mean()
        - np.log(120 * h * np.sqrt(2 * np.pi))
        for h in widths
    ]
    best = np.argmax(expected)
    assert fitted.bandwidth_ == widths[best]
    # The constant of the leave-one-out weights does not depend on the bandwidth.
    gap = fitted.candidate_scores_ - expected
    np.testing.assert_allclose(gap, gap[best], atol=1e-5)


def test_scores_with_whitening_are_in_the_units_of_the_data():
    X = np.random.RandomState(0).normal(size=(80, 2)) * [1.0, 1000.0]
    plain = KernelDensity("loo").fit(X).candidate_scores_.max()
    whitened = KernelDensity("loo", whiten=True).fit(X).candidate_scores_.max()
    assert abs(plain - whitened) < 0.1


def nearly_tied(noise):
    """23 values about 7.4 whose quartiles differ by rounding, in any order."""
    rng = np.random.RandomState(1)
    x = np.concatenate([rng.uniform(6, 7.3, 5), np.full(13, 7.4), rng.uniform(8, 9, 5)])
    x[5:11] -= noise
    return rng.permutation(x)[:, None]


@pytest.mark.parametrize("noise", [0.0, 8.9e-16, 3e-15])
@pytest.mark.parametrize("scale, offset", [(1, 0), (1e150, 0), (1e-150, 0), (1, -7.4)])
def test_quartiles_that_differ_by_rounding_are_equal(noise, scale, offset):
    x = nearly_tied(noise)
    fitted = KernelDensity("silverman").fit((x + offset) * scale)
    want = 0.9 * x.std() * 23**-0.2 * scale
    np.testing.assert_allclose(fitted.bandwidth_, [want], rtol=1e-9)
    rounded = KernelDensity("silverman").fit(x.round(9)).score_samples(x.round(9))
    scores = KernelDensity("silverman").fit(x).score_samples(x)
    np.testing.assert_allclose(scores, rounded, atol=1e-6)


def test_quartiles_of_single_precision():
    x = nearly_tied(7.4 * 2**-23).astype(np.float32)
    assert iqr(x, interpolation="inverted_cdf") > 0
    want = 0.9 * x.std() * 23**-0.2
    fitted = KernelDensity("silverman").fit(x)
    np.testing.assert_allclose(fitted.bandwidth_, [want], rtol=1e-5)


def test_quartiles_that_differ_by_more_than_rounding():
    """Also far from the origin, and beside an outlier."""
    x = np.random.RandomState(0).standard_normal((99, 1))
    x[0] = 1e6
    x = np.round(x * 2**20) / 2**20
    for offset in (0, 1e6, 1e9):
        spread = iqr(x[:, 0] + offset, interpolation="inverted_cdf") / 1.34
        fitted = KernelDensity("silverman").fit(x + offset)
        want = 0.9 * spread * 99**-0.2
        np.testing.assert_allclose(fitted.bandwidth_, [want], rtol=1e-9)


@pytest.mark.parametrize("rule", ["scott", "silverman", "loo"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_feature_that_is_constant_but_for_rounding(rule, dtype, X):
    eps = np.finfo(dtype).eps
    X = X.astype(dtype)
    X[:, 1] = 0.3 * (1 + eps * (np.arange(len(X)) % 3))
    assert len(np.unique(X[:, 1])) > 1
    with pytest.warns(RankDeficientWarning, match="feature 1 is constant"):
        model = KernelDensity(rule).fit(X)
    assert model.bandwidth_[1] == 0
    others = np.delete(X, 1, axis=1)
    want = KernelDensity(rule).fit(others).score_samples(others)
    np.testing.assert_array_equal(model.score_samples(X), want)
    with pytest.warns(RankDeficientWarning, match="feature 1 is constant"):
        KernelDensity(whiten=True).fit(X)


def test_whole_numbers_are_not_rounded():
    """As far out as single precision has all of them."""
    x = np.random.RandomState(0).randint(10, size=(200, 1)) + 1e7
    for rule in ("scott", "silverman", "loo"):
        want = KernelDensity(rule).fit(x - 1e7).bandwidth_
        got = KernelDensity(rule).fit(x.astype(np.float32)).bandwidth_
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("step", [0.01, 0.05, 0.1, 0.2])
def test_isj_of_rounded_rows_is_that_of_the_rows(step):
    """To 5 %: rounding adds step^2 / 12 to the variance and tells nothing else."""
    x = np.random.RandomState(0).standard_normal((500, 1))
    want = KernelDensity("isj").fit(x).bandwidth_
    for copies in (1, 2):
        rounded = np.repeat(np.round(x / step) * step, copies, axis=0)
        got = KernelDensity("isj").fit(rounded).bandwidth_
        # Twice as many rows make the best bandwidth narrower by 2^(-1/5).
        np.testing.assert_allclose(got, want * copies**-0.2, rtol=0.06 * copies)


def atoms(kind):
    rng = np.random.RandomState(0)
    x = {
        "counts": rng.poisson(3, 500),
        "zeros": np.append(np.zeros(300), rng.lognormal(size=200)),
        "some zeros": np.append(np.zeros(30), rng.lognormal(size=200)),
        "zeros among normal": np.append(np.zeros(100), rng.normal(size=2000)),
        "nearly zeros": np.append(
            rng.choice([7.4, 7.4 + 1e-15], 30), rng.normal(size=99)
        ),
        "two values": np.arange(100) % 2,
    }[kind]
    return x[:, None].astype(float)


@pytest.mark.parametrize(
    "kind",
    [
        "counts",
        "zeros",
        "some zeros",
        "zeros among normal",
        "nearly zeros",
        "two values",
    ],
)
def test_isj_of_values_that_are_repeated_is_silvermans_rule(kind):
    x = atoms(kind)
    with pytest.warns(ConvergenceWarning, match="Silverman's rule is used") as caught:
        fitted = KernelDensity("isj").fit(x)
    assert len(caught) == 1
    want = KernelDensity("silverman").fit(x).bandwidth_
    np.testing.assert_allclose(fitted.bandwidth_, want, rtol=1e-12)
    assert fitted.bandwidth_[0] > 0.05 * x.std()


@pytest.mark.parametrize(
    "bandwidth, d",
    [*itertools.product(["scott", "silverman", "loo", "lscv"], [1, 3]), ("isj", 1)],
)
def test_equal_shares_are_no_weights(bandwidth, d, X):
    X = X[:, :d]
    n = len(X)
    plain = KernelDensity(bandwidth).fit(X)
    with pytest.warns(UserWarning, match=f"effective sample size.* {n}") as caught:
        shares = KernelDensity(bandwidth).fit(X, sample_weight=np.full(n, 1 / n))
    assert len(caught) == 1
    np.testing.assert_allclose(shares.bandwidth_, plain.bandwidth_, rtol=1e-10)
    np.testing.assert_allclose(
        shares.score_samples(X), plain.score_samples(X), rtol=1e-9
    )


@pytest.mark.parametrize("rule", ["scott", "silverman"])
@pytest.mark.parametrize("total", [1.0, 1 - 1e-12, 1 + 1e-12, 0.3])
def test_shares_count_as_the_effective_sample_size(rule, total, X):
    weight = np.random.RandomState(1).exponential(size=len(X))
    weight *= total / weight.sum()
    n, d = weight.sum() ** 2 / (weight**2).sum(), X.shape[1]
    mean = np.average(X, axis=0, weights=weight)
    sigma = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    constant = 1 if rule == "scott" else (4 / (d + 2)) ** (1 / (d + 4))
    with pytest.warns(UserWarning, match="taken for shares"):
        got = KernelDensity(rule).fit(X, sample_weight=weight).bandwidth_
    np.testing.assert_allclose(got, constant * sigma * n ** (-1 / (d + 4)), rtol=1e-9)


def test_what_needs_no_number_of_rows_does_not_warn_of_shares(X):
    X = X / X.std(axis=0)
    weight = np.random.RandomState(1).exponential(size=len(X))
    share = weight / weight.sum()
    for parameters in (
        {"bandwidth": 0.5},
        {"bandwidth": "loo", "candidates": [0.3, 0.6, 1.2]},
        {"bandwidth": 0.5, "whiten": True, "adaptive": True},
    ):
        counts = KernelDensity(**parameters).fit(X, sample_weight=weight)
        shares = KernelDensity(**parameters).fit(X, sample_weight=share)
        np.testing.assert_allclose(
            shares.score_samples(X), counts.score_samples(X), rtol=1e-9
        )


def test_quartiles_do_not_move_by_rounding_of_sums():
    """Twenty weights of 0.1, 0.3, ...: cumulated, a quarter is reached by rounding."""
    x = np.random.RandomState(0).standard_normal((20, 1))
    want = KernelDensity("silverman").fit(x).bandwidth_ * 20**0.2
    for weight in (0.1, 0.3, 0.7, 1.1, 3.3):
        fitted = KernelDensity("silverman").fit(x, sample_weight=np.full(20, weight))
        n = 20 * weight
        np.testing.assert_allclose(fitted.bandwidth_ * n**0.2, want, rtol=1e-12)


@pytest.mark.parametrize("bandwidth", ["loo", "lscv"])
def test_one_row_of_nearly_all_the_weight(bandwidth):
    """Leave-one-out by a loop, where the sum of the others is below its rounding."""
    X, weight = np.random.RandomState(0).normal(size=(30, 3)), np.full(30, 1e-20)
    weight[0] = 100.0
    candidates = [0.5, 1.0, 2.0]
    fitted = KernelDensity(bandwidth, candidates=candidates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit(X, sample_weight=weight)
    models = [SklearnKernelDensity(bandwidth=h) for h in candidates]
    for model in models:
        model.fit(X[1:], sample_weight=weight[1:])
    # The other rows, and what they are given by all but themselves, weigh nothing.
    left_out = np.array([model.score_samples(X[:1])[0] for model in models])
    if bandwidth == "loo":
        want = left_out
    else:
        own = norm.pdf(0, scale=np.sqrt(2) * np.array(candidates)) ** 3
        sigma = np.sqrt(np.average((X - X[0]) ** 2, axis=0, weights=weight))
        want = (2 * np.exp(left_out) - own) * sigma.max() ** 3
    np.testing.assert_allclose(fitted.candidate_scores_, want, rtol=1e-4)
