"""TwoNN, Gride and LevinaBickel: what theory, papers and packages say of them."""

import warnings

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.special import gammainc
from scipy.stats import gamma
from sklearn.base import clone
from sklearn.decomposition import PCA as SklearnPCA
from sklearn.exceptions import NotFittedError
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklatent.datasets import (
    make_ball,
    make_cantor_dust,
    make_line_disk_ball,
    make_swiss_roll,
)
from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.dimension import Gride, LevinaBickel, NeighborScaling, TwoNN, _estimates
from sklatent.dimension._calibration import misfit_pvalue
from sklatent.exceptions import (
    DiscreteDataWarning,
    DuplicateRowsWarning,
    HeywoodWarning,
)

ESTIMATORS = [
    TwoNN(),
    TwoNN("linear"),
    TwoNN("bayes"),
    Gride(),
    Gride(4),
    LevinaBickel(),
]
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)


def two_nearest(X):
    """Sorted log(r2 / r1), from all pairs."""
    D = np.sort(np.sqrt(((X[:, None] - X) ** 2).sum(axis=2)), axis=1)
    return np.sort(np.log(D[:, 2] / D[:, 1]))


class TestDefinitions:
    """Formulas of the papers, as other packages compute them."""

    X = np.random.RandomState(0).normal(size=(333, 4))

    def test_linear_fit(self):
        n, n_kept = 333, 299
        x = two_nearest(self.X)[:n_kept]
        y = -np.log(1 - np.arange(1, n_kept + 1) / n)
        fitted = TwoNN("linear").fit(self.X)
        slope = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
        assert fitted.dimension_ == pytest.approx(slope, rel=1e-9)
        np.testing.assert_allclose(fitted.log_ratios_, x, rtol=1e-9)
        np.testing.assert_allclose(fitted.log_survival_, y, rtol=1e-9)

    @pytest.mark.parametrize("discard_fraction", [0.0, 0.1, 0.5])
    def test_maximum_likelihood(self, discard_fraction):
        t = two_nearest(self.X)
        m = int(333 * (1 - discard_fraction))
        expected = (m - 1) / (t[:m].sum() + (333 - m) * t[m - 1])
        fitted = TwoNN(discard_fraction=discard_fraction).fit(self.X)
        assert fitted.dimension_ == pytest.approx(expected, rel=1e-9)

    def test_posterior(self):
        """With the likelihood of independent ratios made as wide as the error."""
        t = two_nearest(self.X)
        prior = {"prior_shape": 2.0, "prior_rate": 5.0}
        fitted = TwoNN("bayes", discard_fraction=0.0, **prior).fit(self.X)
        plain = TwoNN(discard_fraction=0.0).fit(self.X)
        power = (plain.dimension_ / plain.dimension_std_) ** 2 / 333
        law = gamma(2 + 333 * power, scale=1 / (5 + t.sum() * power))
        assert fitted.dimension_ == pytest.approx(law.mean(), rel=1e-9)
        assert fitted.dimension_std_ == pytest.approx(law.std(), rel=1e-9)
        np.testing.assert_allclose(fitted.confidence_interval_, law.interval(0.95))

    def test_levina_bickel(self):
        D = np.sort(np.sqrt(((self.X[:, None] - self.X) ** 2).sum(axis=2)), axis=1)
        inverse = [
            np.mean(np.log(D[:, k, None] / D[:, 1:k]).sum(axis=1)) / (k - 1)
            for k in range(10, 21)
        ]
        local = [
            (k - 2) / np.log(D[:, k, None] / D[:, 1:k]).sum(axis=1)
            for k in range(10, 21)
        ]
        fitted = LevinaBickel(10, 20).fit(self.X)
        # Unbiased: one observation less for each size.
        assert fitted.dimension_ == pytest.approx(np.mean(1 / np.array(inverse)), 1e-3)
        np.testing.assert_allclose(fitted.local_dimension_, np.mean(local, axis=0))

    def test_first_scale_of_gride_is_two_nn(self):
        gride = Gride().fit(self.X)
        two_nn = TwoNN(discard_fraction=0.0).fit(self.X)
        assert gride.dimension_ == pytest.approx(two_nn.dimension_, rel=1e-9)
        # One observation less is counted in the information: 1 in 333.
        assert gride.dimension_std_ == pytest.approx(two_nn.dimension_std_, rel=0.004)
        np.testing.assert_array_equal(gride.n1_scales_, [1, 2, 4, 8, 16, 32])
        assert gride.scales_[0] == pytest.approx(two_nn.scale_, rel=1e-9)
        assert (np.diff(gride.scales_) > 0).all()

    def test_gride_at_a_scale_of_its_own(self):
        gride = Gride(3, max_neighbors=20).fit(self.X)
        np.testing.assert_array_equal(gride.n1_scales_, [1, 2, 3, 4, 8])
        assert gride.dimension_ == gride.dimension_scales_[2]
        assert gride.dimension_std_ == gride.dimension_std_scales_[2]
        same = gride.confidence_interval_scales_[2]
        np.testing.assert_array_equal(gride.confidence_interval_, same)

    def test_fixture_of_scikit_dimension(self):
        """Its default on its ball of 500 rows in 5 dimensions."""
        X = np.random.RandomState(0).normal(size=(500, 5))
        square = (X**2).sum(axis=1, keepdims=True)
        X *= gammainc(5 / 2, square / 2) ** (1 / 5) / np.sqrt(square)
        expected = 4.159093274086606
        assert TwoNN("linear").fit(X).dimension_ == pytest.approx(expected, rel=1e-6)


def torus_distances(X):
    """Distances on the torus of side 1, where no row is next to a boundary."""
    sides = np.abs(X[:, None] - X)
    return np.sqrt((np.minimum(sides, 1 - sides) ** 2).sum(axis=2))


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.slow
def test_intervals_cover_what_they_say(d):
    """300 samples, nominal 95 %: outside 91 to 99 % with a probability below 0.003."""
    covered = np.zeros(len(ESTIMATORS))
    pvalues = []
    for seed in range(300):
        X = np.random.RandomState(seed).uniform(size=(200, d))
        D = torus_distances(X)
        for i, estimator in enumerate(ESTIMATORS):
            fitted = estimator.set_params(metric="precomputed").fit(D)
            low, high = fitted.confidence_interval_
            covered[i] += low <= d <= high
            if i == 0:
                pvalues.append(fitted.pvalue_)
            estimator.set_params(metric="euclidean")
    assert (covered / 300 > 0.91).all(), covered / 300
    assert (covered / 300 < 0.99).all(), covered / 300
    # p-values are even: shares below 0.1 and 0.5 to 3 standard errors.
    assert np.mean(np.array(pvalues) < 0.1) == pytest.approx(0.1, abs=0.055)
    assert np.mean(np.array(pvalues) < 0.5) == pytest.approx(0.5, abs=0.09)


@pytest.mark.parametrize("d", [1, 3, 8])
@pytest.mark.slow
def test_pvalue_is_what_its_docstring_says(d):
    """Of even points, to 4 standard errors of 800 samples."""
    pvalues = []
    for seed in range(800):
        X = np.random.RandomState(seed).uniform(size=(200, d))
        r, _ = cKDTree(X, boxsize=1).query(X, 3)
        misfit = _estimates.pareto_misfit(np.log(r[:, 2] / r[:, 1]), 0.1)
        pvalues.append(misfit_pvalue(misfit, 0.1))
    for level, allowed in [(0.01, 0.006), (0.1, 0.03), (0.5, 0.06)]:
        error = np.sqrt(level * (1 - level) / 800)
        assert abs(np.mean(np.array(pvalues) <= level) - level) < allowed + 4 * error


def test_pvalue_is_small_where_the_law_is_wrong():
    """Noise in many dimensions around a line: near and far ratios differ."""
    rng = np.random.RandomState(0)
    X = np.zeros((2000, 10))
    X[:, 0] = rng.uniform(size=2000)
    X[::2] += 1e-3 * rng.normal(size=(1000, 10))
    assert TwoNN().fit(X).pvalue_ < 0.01


class TestCorrection:
    @pytest.mark.parametrize("d", [2, 7, 25])
    @pytest.mark.parametrize("n", [300, 3000])
    @pytest.mark.parametrize(
        "estimator", [TwoNN(), TwoNN("linear"), Gride(2), LevinaBickel()], ids=repr
    )
    @pytest.mark.slow
    def test_of_a_ball(self, estimator, d, n):
        """By its definition. Within 4 standard errors, and 1 % for the table."""
        estimates, variances = [], []
        for seed in range(9000 // n):
            X, _ = make_ball(n, dimension=d, random_state=1000 + seed)
            fitted = clone(estimator).set_params(correction="ball").fit(X)
            estimates.append(fitted.dimension_)
            variances.append(fitted.dimension_std_**2)
        error = np.sqrt(np.mean(variances) / len(variances))
        assert abs(np.mean(estimates) - d) < 4 * error + 0.01 * d

    def test_stretches_the_error_bar(self):
        X, _ = make_ball(1000, dimension=15, random_state=0)
        plain, corrected = TwoNN().fit(X), TwoNN(correction="ball").fit(X)
        assert corrected.dimension_ > 1.1 * plain.dimension_
        assert corrected.dimension_std_ > 1.1 * plain.dimension_std_
        low, high = corrected.confidence_interval_
        assert low < corrected.dimension_ < high
        assert low > plain.confidence_interval_[0]


class TestShapes:
    def test_below_one_dimension(self):
        """The middle-third Cantor set has log 2 / log 3 = 0.63 dimensions."""
        X, d = make_cantor_dust(5000, random_state=0)
        for estimator in ESTIMATORS:
            # Self-similar sets oscillate about their dimension by a few per cent.
            assert estimator.fit(X).dimension_ == pytest.approx(d, rel=0.1)

    def test_one_column(self):
        X = np.random.RandomState(0).normal(size=(2000, 1))
        for estimator in ESTIMATORS:
            assert estimator.fit(X).dimension_ == pytest.approx(1, abs=0.1)

    @pytest.mark.slow
    def test_noise_by_scale(self):
        """Noise of 0.3 has three dimensions at the scale of neighbors, then two."""
        X, _ = make_swiss_roll(5000, noise=0.3, random_state=0)
        by_scale = Gride(max_neighbors=256).fit(X).dimension_scales_
        assert by_scale[0] > 2.6
        assert abs(by_scale[-2] - 2) < 0.15
        scaling = TwoNN().scaling(X, n_levels=8, random_state=0)
        assert scaling.dimension[0] == TwoNN().fit(X).dimension_
        assert abs(scaling.dimension[-1] - 2.1) < 0.3
        assert (np.diff(scaling.scale) > 0).all()
        np.testing.assert_allclose(scaling.n_samples, 5000 / 2 ** np.arange(8))
        again = TwoNN().scaling(X, n_levels=8, random_state=0)
        np.testing.assert_array_equal(again.dimension, scaling.dimension)

    def test_scaling_stops_where_parts_get_small(self):
        X = np.random.RandomState(0).normal(size=(100, 3))
        assert len(TwoNN().scaling(X, n_levels=10).dimension) == 3
        D = pairwise_distances(X)
        precomputed = TwoNN(metric="precomputed").scaling(D, random_state=0)
        plain = TwoNN().scaling(X, random_state=0)
        np.testing.assert_allclose(precomputed.dimension, plain.dimension, rtol=1e-9)

    @pytest.mark.parametrize(
        "estimator", [LevinaBickel(), TwoNN(n_neighbors=50)], ids=repr
    )
    def test_local_dimension_of_a_mixture(self, estimator):
        X, dimension = make_line_disk_ball(6000, random_state=0)
        local = estimator.fit(X).local_dimension_
        for d in (1, 2, 3):
            assert np.median(local[dimension == d]) == pytest.approx(d, rel=0.15)
        new, dimension = make_line_disk_ball(500, random_state=1)
        values = estimator.transform(new)[:, 0]
        assert np.median(values[dimension == 1]) == pytest.approx(1, rel=0.15)
        (name,) = estimator.get_feature_names_out()
        assert name == f"{type(estimator).__name__.lower()}0"


class TestBadInput:
    @each_estimator
    def test_one_duplicated_pair_changes_little(self, estimator):
        X = np.random.RandomState(0).normal(size=(500, 5))
        plain = estimator.fit(X).dimension_
        X[7] = X[400]
        with pytest.warns(DuplicateRowsWarning, match="1 of 500 rows"):
            assert estimator.fit(X).dimension_ == pytest.approx(plain, rel=0.01)
        assert estimator.n_duplicates_ == 1

    @each_estimator
    def test_one_far_outlier_changes_little(self, estimator):
        X = np.random.RandomState(0).normal(size=(500, 5))
        plain = estimator.fit(X).dimension_
        for far in (1e3, 1e12):
            moved = X.copy()
            moved[7] = far
            assert estimator.fit(moved).dimension_ == pytest.approx(plain, rel=0.01)

    @each_estimator
    def test_lattice(self, estimator):
        X = np.stack(np.meshgrid(*[np.arange(12.0)] * 2), axis=-1).reshape(-1, 2)
        estimator = clone(estimator)
        with pytest.raises(ValueError, match="as on a grid"):
            estimator.fit(X)
        assert not hasattr(estimator, "dimension_")

    @each_estimator
    @pytest.mark.filterwarnings("ignore::sklatent.exceptions.DuplicateRowsWarning")
    def test_rounded_data_warns(self, estimator):
        X = np.random.RandomState(0).normal(size=(1000, 4)).round(1)
        with pytest.warns(DiscreteDataWarning, match="discrete or rounded"):
            estimator.fit(X)

    @pytest.mark.parametrize("n", [3, 4, 5])
    def test_few_rows(self, n):
        X = np.random.RandomState(0).normal(size=(n, 2))
        for estimator in (TwoNN(), TwoNN("linear"), TwoNN("bayes"), Gride()):
            fitted = estimator.fit(X)
            assert 0 < fitted.dimension_ < np.inf
            assert 0 < fitted.dimension_std_ < np.inf
        if n == 3:
            with pytest.raises(ValueError, match=r"at least 4 distinct.*n_samples=3"):
                LevinaBickel().fit(X)

    @pytest.mark.parametrize("method", ["mle", "linear", "bayes"])
    @pytest.mark.parametrize("discard_fraction", [0.0, 0.95])
    def test_any_fraction(self, method, discard_fraction):
        X = np.random.RandomState(0).normal(size=(300, 2))
        fitted = TwoNN(method, discard_fraction=discard_fraction).fit(X)
        assert fitted.dimension_ == pytest.approx(2, rel=0.5)

    def test_sizes_that_do_not_fit(self):
        X = np.random.RandomState(0).normal(size=(20, 2))
        with pytest.raises(ValueError, match="min_neighbors=9 must not be larger"):
            LevinaBickel(9, 5).fit(X)
        # Scales that there are no rows for are left out.
        assert Gride().fit(X).n1_scales_[-1] == 8

    def test_distances_that_are_none(self):
        D = pairwise_distances(np.random.RandomState(0).normal(size=(30, 2)))
        with pytest.raises(ValueError, match="square matrix of distances"):
            TwoNN(metric="precomputed").fit(D[:20])
        with pytest.raises(
            ValueError, match=r"must not hold negative distances.*got -"
        ):
            TwoNN(metric="precomputed").fit(-D)
        X = np.random.RandomState(0).normal(size=(30, 3))
        X[3, 0] = X[4, 0]
        with pytest.raises(ValueError, match="distance of 0 between rows that differ"):
            TwoNN(metric=lambda x, y: abs(x[0] - y[0])).fit(X)


@pytest.mark.parametrize("estimator", [TwoNN(), Gride(2), LevinaBickel()], ids=repr)
def test_precomputed_and_other_metrics(estimator):
    X = np.random.RandomState(0).normal(size=(200, 3))
    for metric in ("euclidean", "manhattan"):
        plain = estimator.set_params(metric=metric).fit(X)
        expected = plain.dimension_, plain.dimension_std_
        D = pairwise_distances(X, metric=metric)
        given = estimator.set_params(metric="precomputed").fit(D)
        np.testing.assert_allclose(
            (given.dimension_, given.dimension_std_), expected, rtol=1e-9
        )
    D[5] = D[50]
    D[:, 5] = D[:, 50]
    with pytest.warns(DuplicateRowsWarning):
        estimator.fit(D)
    estimator.set_params(metric="euclidean")


@pytest.mark.parametrize("model", [PCA(), PPCA(), FactorAnalysis()], ids=repr)
def test_as_the_number_of_components(model):
    X, d = make_ball(1000, dimension=3, n_features=8, random_state=0)
    X += 0.02 * np.random.RandomState(0).normal(size=X.shape)
    fitted = model.set_params(n_components=LevinaBickel(20, 40)).fit(X)
    assert fitted.n_components_ == d


def test_in_a_pipeline_and_a_search():
    X, _ = make_ball(300, dimension=3, random_state=0)
    pipeline = make_pipeline(SklearnPCA(2), LevinaBickel(5, 10))
    assert pipeline.fit_transform(X).shape == (300, 1)
    model = PPCA(TwoNN(), random_state=0)
    search = GridSearchCV(model, {"n_components__method": ["mle", "linear"]}, cv=2)
    assert search.fit(X).best_estimator_.n_components_ == 3


@pytest.mark.parametrize(
    "metric", ["manhattan", "chebyshev", "canberra", "braycurtis", "cosine"]
)
@pytest.mark.parametrize(
    "estimator",
    [LevinaBickel(3, 6), TwoNN(n_neighbors=5), NeighborScaling(5)],
    ids=repr,
)
def test_a_row_that_fit_has_seen_is_not_its_own_neighbor(estimator, metric):
    """Also where its distance from itself is rounding, and whatever comes along."""
    X = np.random.RandomState(0).normal(size=(200, 5))
    fitted = clone(estimator).set_params(metric=metric).fit(X)
    local = fitted.local_dimension_
    np.testing.assert_allclose(fitted.transform(X.copy())[:, 0], local, rtol=1e-7)
    np.testing.assert_allclose(fitted.transform(X[:5])[:, 0], local[:5], rtol=1e-7)


@pytest.mark.filterwarnings("ignore::sklatent.exceptions.DuplicateRowsWarning")
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.DiscreteDataWarning")
def test_ties_where_they_are_looked_at():
    rounded = np.random.RandomState(0).normal(size=(1000, 3)).round(1)
    with pytest.raises(ValueError, match="Neighbors 1 and 2"):
        TwoNN(discard_fraction=0.9).fit(rounded)
    pairs = np.repeat(np.eye(40), 2, axis=0)
    pairs[::2] *= 1.001
    assert set(Gride().fit(pairs).n1_scales_) == {1, 32}
    with pytest.raises(ValueError, match="Neighbors 2 and 4"):
        Gride(2).fit(pairs)


def test_refitting_without_neighbors_forgets_the_local_estimates():
    X = np.random.RandomState(0).normal(size=(100, 3))
    estimator = TwoNN(n_neighbors=5).fit(X)
    estimator.set_params(n_neighbors=None).fit(X)
    assert not hasattr(estimator, "local_dimension_")
    with pytest.raises(NotFittedError, match="not fitted with n_neighbors"):
        estimator.set_params(n_neighbors=5).transform(X)


@pytest.mark.parametrize("model", [PCA(), PPCA(), FactorAnalysis()], ids=repr)
def test_an_estimate_beyond_the_features_is_bounded(model):
    """Ten even directions: estimates scatter around ten, and eleven does not fit."""

    class Eleven(TwoNN):
        def fit(self, X, y=None):
            super().fit(X)
            self.dimension_ = 11.0
            return self

    X = np.random.RandomState(0).normal(size=(200, 10))
    fitted = clone(model).set_params(n_components=Eleven())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HeywoodWarning)
        assert fitted.fit(X).n_components_ == 10
    with pytest.raises(ValueError, match="11"):
        clone(model).set_params(n_components=11).fit(X)


@pytest.mark.parametrize(("n", "d"), [(25, 6), (60_000, 12)])
@pytest.mark.slow
def test_correction_beyond_the_table(n, d):
    """It is extrapolated: within 3 %, and 4 standard errors."""
    fits = [
        TwoNN(correction="ball").fit(make_ball(n, dimension=d, random_state=s)[0])
        for s in range(max(6000 // n, 1))
    ]
    error = np.sqrt(np.mean([f.dimension_std_**2 for f in fits]) / len(fits))
    assert abs(np.mean([f.dimension_ for f in fits]) - d) < 4 * error + 0.03 * d
