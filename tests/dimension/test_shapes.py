"""The correction for an unknown shape: its formula, its tables, its coverage."""

import numpy as np
import pytest
from scipy.stats import f as f_law
from scipy.stats import multivariate_t
from sklearn.metrics import pairwise_distances

from sklatent.datasets import (
    make_affine,
    make_ball,
    make_flat_torus,
    make_hypersphere,
    make_manifold,
)
from sklatent.dimension import Gride, LevinaBickel, TwoNN
from sklatent.dimension._calibrate_shapes import SHAPES
from sklatent.dimension._calibration import shape_biases
from sklatent.dimension._shapes import posterior

SCALES = [("pareto_mle", [0.1]), ("gride", [16])]
SHAPED = [
    TwoNN(correction="shapes"),
    Gride(correction="shapes"),
    LevinaBickel(correction="shapes"),
]
each_shaped = pytest.mark.parametrize("estimator", SHAPED, ids=repr)


def student_law(D, n, covariance):
    """SciPy's distribution of two estimates in D dimensions."""
    biases = [shape_biases(*scale, n, np.array([D]))[0] for scale in SCALES]
    mu = np.log(D) + np.array(biases)
    M, nu = len(SHAPES), len(SHAPES) - 2
    V = (1 + 1 / M) * (M - 1) / nu * np.cov(mu) + covariance
    return multivariate_t(mu.mean(axis=1), V, df=nu), V


class TestPosterior:
    z = np.log([5.1, 4.6])
    covariance = np.array([[0.0015, 0.0002], [0.0002, 0.0003]])

    def test_is_the_product_of_students_law_and_a_flat_prior(self):
        law = posterior(SCALES, 700, self.z, self.covariance)
        some = np.arange(300, 700, 25)
        log_p = [
            student_law(np.exp(x), 700, self.covariance)[0].logpdf(self.z)
            for x in law.log_dimension[some]
        ]
        found = np.log(law.probability[some])
        np.testing.assert_allclose(np.diff(found), np.diff(log_p), rtol=1e-6, atol=1e-9)

    def test_quantiles_and_moments_by_simulation(self):
        law = posterior(SCALES, 700, self.z, self.covariance)
        assert law.probability.sum() == pytest.approx(1)
        rng = np.random.default_rng(0)
        x = rng.choice(law.log_dimension, size=20_000, p=law.probability)
        # Anywhere between the nodes.
        x += np.diff(law.log_dimension)[0] * rng.uniform(-0.5, 0.5, size=x.shape)
        below = [(x < np.log(q)).mean() for q in law.quantiles([0.025, 0.5, 0.975])]
        # Four standard errors.
        np.testing.assert_allclose(below, [0.025, 0.5, 0.975], atol=0.015)
        assert law.log_std() == pytest.approx(x.std(), rel=0.05)

    def test_pvalue(self):
        """Of the dimension that is nearest, one degree of freedom."""
        law = posterior(SCALES, 700, self.z, self.covariance)
        squares = []
        for D in np.exp(law.log_dimension[200:800]):
            students, V = student_law(D, 700, self.covariance)
            residual = self.z - students.loc
            squares.append(residual @ np.linalg.solve(V, residual))
        expected = f_law.sf(min(squares), 1, len(SHAPES) - 2)
        assert law.pvalue == pytest.approx(expected, rel=1e-6)
        apart = posterior(SCALES, 700, np.log([1.0, 2.5]), self.covariance)
        assert apart.pvalue < 0.001
        alone = posterior(SCALES[:1], 700, self.z[:1], self.covariance[:1, :1])
        assert alone.pvalue == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.slow
def test_table_is_what_simulation_gives(shape):
    """Four standard errors, and 2 % for the table and its interpolation."""
    n, d, column = 400, 7, list(SHAPES).index(shape)
    fits = [
        Gride(max_neighbors=32).fit(SHAPES[shape](n, d, np.random.RandomState(900 + s)))
        for s in range(20)
    ]
    for at, n1 in ((0, 1), (4, 16)):
        estimates = np.array([fit.dimension_scales_[at] for fit in fits])
        error = estimates.std() / np.sqrt(20) / estimates.mean()
        bias = shape_biases("gride", [n1], n, np.array([float(d)]))[0, column]
        assert abs(np.log(estimates.mean() / d) - bias) < 4 * error + 0.02


@pytest.mark.parametrize("draw", [make_affine, make_flat_torus], ids=["cube", "torus"])
@pytest.mark.parametrize("d", [2, 5, 10])
@each_shaped
@pytest.mark.slow
def test_covers_the_dimension(estimator, draw, d):
    """40 samples, nominal 95 %: less than 33 with a probability below 0.001."""
    covered = 0
    for seed in range(40):
        X, _ = draw(500, dimension=d, random_state=500 + seed)
        low, high = estimator.fit(X).confidence_interval_
        covered += low <= d <= high
    assert covered >= 33


def test_covers_where_others_do_not():
    X, _ = make_hypersphere(1000, dimension=15, random_state=0)
    plain, shaped = TwoNN().fit(X), TwoNN(correction="shapes").fit(X)
    assert plain.confidence_interval_[1] < 15
    low, high = shaped.confidence_interval_
    assert low < 15 < high
    assert low < shaped.dimension_ < high
    assert shaped.dimension_std_ > plain.dimension_std_
    narrower = TwoNN(correction="shapes", confidence_level=0.5).fit(X)
    assert np.diff(narrower.confidence_interval_) < high - low
    assert narrower.dimension_ == shaped.dimension_


def test_larger_scale_that_no_shape_explains_is_left_out():
    """The turns of a spiral are near each other: 2 dimensions at neighbor 32."""
    X, _ = make_manifold("M13b_Spiral", 2500, random_state=0)
    assert Gride().fit(X).dimension_scales_[4] > 2
    assert TwoNN(correction="shapes").fit(X).dimension_ == pytest.approx(1, abs=0.15)


def test_not_more_dimensions_than_the_rows_span():
    """A normal sample of 12 dimensions, of which chance often gives too many."""
    X = np.random.default_rng(2).standard_normal((1000, 12))
    turned = X @ np.linalg.qr(np.random.default_rng(0).standard_normal((20, 12)))[0].T
    plane, distances = TwoNN(correction="shapes"), TwoNN(correction="shapes")
    distances.set_params(metric="precomputed").fit(pairwise_distances(X))
    assert distances.confidence_interval_[1] > 12
    for rows in (X, turned + 5):
        low, high = plane.fit(rows).confidence_interval_
        assert high == 12
        assert plane.dimension_ <= 12
        assert low == pytest.approx(distances.confidence_interval_[0], rel=1e-6)


def test_local_estimates_are_not_corrected():
    X, _ = make_ball(200, dimension=3, random_state=0)
    plain = TwoNN(n_neighbors=5).fit(X)
    shaped = TwoNN(n_neighbors=5, correction="shapes").fit(X)
    np.testing.assert_array_equal(shaped.local_dimension_, plain.local_dimension_)
    np.testing.assert_array_equal(shaped.transform(X), plain.transform(X))


def test_scales_of_gride_are_corrected_by_themselves():
    X, _ = make_ball(1000, dimension=8, random_state=0)
    gride = Gride(correction="shapes").fit(X)
    again = Gride(max_neighbors=2, correction="shapes").fit(X)
    assert gride.dimension_ == again.dimension_
    np.testing.assert_array_equal(gride.n1_scales_, [1, 2, 4, 8, 16, 32])
    np.testing.assert_array_equal(again.n1_scales_, [1])
    assert gride.dimension_scales_[0] == again.dimension_scales_[0]
    # The largest scale there is stands for itself.
    last = Gride(16, max_neighbors=2, correction="shapes").fit(X)
    assert last.dimension_ == last.dimension_scales_[4] == gride.dimension_scales_[4]


# 2026-11: of so few rows there are fewer neighbors than the defaults ask for.
@pytest.mark.parametrize("n", [4, 6, 20])
@each_shaped
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.FewRowsWarning")
def test_few_rows(estimator, n):
    X, _ = make_ball(n, dimension=2, random_state=0)
    fitted = estimator.fit(X)
    low, high = fitted.confidence_interval_
    assert 0 < low <= fitted.dimension_ <= high < np.inf
