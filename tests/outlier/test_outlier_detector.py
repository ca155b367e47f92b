"""Outlier detection: p-values, thresholds, missing entries, and who did it."""

import itertools
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io as skops
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.utils.validation import validate_data

from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, HistogramDensity, KernelDensity
from sklatent.neural import VAETransformer
from sklatent.outlier import OutlierDetector
from sklatent.outlier._rows import folds_by_hash
from sklatent.utils import _progress


@pytest.fixture
def X():
    rng = np.random.RandomState(0)
    return rng.normal(size=(120, 1)) + rng.normal(scale=[0.3, 1.0, 2.0], size=(120, 3))


def with_missing(X, share=0.2, seed=0):
    """Rows without some entries; the first row and the first column are complete."""
    rng = np.random.RandomState(seed)
    gone = rng.uniform(size=X.shape) < share
    gone[0] = gone[:, 0] = False
    return np.where(gone, np.nan, X)


# p-values


def test_pvalues_are_ranks_among_held_out_scores(X):
    """By loops, with models that are fitted here."""
    train, new = X[:80], X[80:]
    cv = KFold(4)
    detector = OutlierDetector(PPCA(1), cv=cv, trim=0.0).fit(train)
    models = [(PPCA(1).fit(train[a]), b) for a, b in cv.split(train)]
    held_out = np.concatenate([model.score_samples(train[b]) for model, b in models])
    np.testing.assert_allclose(detector.held_out_score_, held_out)
    own = folds_by_hash(new, 4)
    assert len(np.unique(own)) == 4
    for x, k, pvalue in zip(new, own, detector.pvalues(new), strict=True):
        score = models[k][0].score_samples([x])
        assert pvalue == (1 + (held_out <= score).sum()) / 81
    # A training row is one of those that it is compared with.
    ranks = [(held_out <= score).sum() for score in held_out]
    np.testing.assert_array_equal(detector.pvalues(train), np.array(ranks) / 80)


DISTRIBUTIONS = {
    "Gaussian": lambda rng: rng.normal(size=(119, 2)),
    "Cauchy": lambda rng: rng.standard_cauchy(size=(119, 2)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("make", [PPCA, lambda: HistogramDensity(3)])
def test_false_alarms_are_as_many_as_asked_for(make, name):
    """300 tables, 20 new rows each, within four standard errors of 1, 5 and 10 %.

    A false alarm of the test itself in 16,000 runs, for each level, but for the seed.
    Ties, of which a histogram gives many, make for fewer false alarms.
    """
    rates = np.empty((300, 3))
    for r in range(300):
        rng = np.random.RandomState(r)
        rows = DISTRIBUTIONS[name](rng)
        detector = OutlierDetector(make(), trim=0.0, random_state=r).fit(rows[:99])
        pvalues = detector.pvalues(rows[99:])
        rates[r] = [(pvalues <= level + 1e-9).mean() for level in (0.01, 0.05, 0.1)]
    error = rates.std(axis=0, ddof=1) / np.sqrt(300)
    excess = rates.mean(axis=0) - [0.01, 0.05, 0.1]
    assert (excess < 4 * error).all()
    if make is PPCA:
        assert (excess > -4 * error).all()


def test_many_ties_are_no_alarm():
    rng = np.random.RandomState(0)
    train, new = rng.randint(3, size=(200, 2)), rng.randint(3, size=(100, 2)) + 0.0
    pvalues = OutlierDetector(HistogramDensity(3), random_state=0).fit(train)
    pvalues = pvalues.pvalues(new)
    assert (pvalues > 0.05).all()


# Thresholds


def test_a_share_of_the_training_rows(X):
    for share, count in [(0.05, 6), (0.1, 12), (0.5, 60), (1e-9, 1)]:
        detector = OutlierDetector(contamination=share, random_state=0)
        labels = detector.fit_predict(X)
        assert (labels == -1).sum() == count == detector.n_outliers_
        np.testing.assert_array_equal(labels, detector.predict(X))
        # The least likely rows, by the scores of models that have not seen them.
        lowest = np.argsort(detector.held_out_score_)[:count]
        np.testing.assert_array_equal(np.flatnonzero(labels == -1), np.sort(lowest))


def test_auto_finds_outliers_and_declares_none_where_there_are_none(X):
    clean = OutlierDetector(PPCA(1), level=0.01, random_state=0).fit(X)
    assert clean.n_outliers_ == 0
    # A detector of scikit-learn has to mark a training row.
    assert (clean.predict(X) == -1).sum() == 1
    assert clean.predict(X).argmin() == clean.held_out_score_.argmin()
    X = X.copy()
    X[:8] += [12, -12, 12]
    found = OutlierDetector(PPCA(1), level=0.01, random_state=0).fit(X)
    assert found.n_outliers_ == 8
    np.testing.assert_array_equal(np.flatnonzero(found.predict(X) == -1), np.arange(8))


@pytest.mark.parametrize("n_columns", [1, 2])
@pytest.mark.parametrize(
    ("estimator", "trim"),
    [(GaussianMixture(), 0.2), (None, 0.2), (KernelDensity("scott"), 0.0)],
)
def test_few_tables_without_outliers_have_a_discovery(estimator, trim, n_columns):
    """At a level of 0.1 there is one in a tenth of the tables, at most.

    Of 40 tables more than 7 would have one with a probability of 0.04, at a rate of
    0.1, but the rates are lower than that.
    """
    some = 0
    for r in range(40):
        rows = np.random.RandomState(r).normal(size=(200, n_columns))
        detector = OutlierDetector(estimator, trim=trim, cv=3, random_state=r)
        some += detector.fit(rows).n_outliers_ > 0
    assert some <= 0.1 * 40 + 2 * np.sqrt(0.1 * 0.9 * 40)


def test_the_default_makes_few_false_discoveries_in_heavy_tails():
    """Of Student's t with three degrees of freedom; two standard errors."""
    some = 0
    for r in range(40):
        rows = np.random.RandomState(r).standard_t(3, size=(200, 1))
        some += OutlierDetector(cv=3, random_state=r).fit(rows).n_outliers_ > 0
    assert some <= 0.1 * 40 + 2 * np.sqrt(0.1 * 0.9 * 40)


@pytest.mark.parametrize("n_columns", [1, 2, 3])
def test_the_default_finds_far_rows_of_few_columns(n_columns):
    """Five of 300 rows, at a distance of 20 standard deviations from the others."""
    for r in range(3):
        X = np.random.RandomState(r).normal(size=(300, n_columns))
        X[:5] = 0.5 * X[:5] + 20 / np.sqrt(n_columns)
        detector = OutlierDetector(random_state=r).fit(X)
        np.testing.assert_array_equal(
            np.flatnonzero(detector.predict(X) == -1), np.arange(5)
        )
        assert detector.n_outliers_ == 5


def test_trimming_finds_outliers_that_hide_each_other(X):
    X = X.copy()
    X[:12] = np.random.RandomState(1).normal([0, 6, -6], 0.1, size=(12, 3))
    outlier = np.arange(len(X)) < 12
    areas = [
        roc_auc_score(
            outlier,
            -OutlierDetector(PPCA(1), trim=trim, random_state=0).fit(X).held_out_score_,
        )
        for trim in (0.0, 0.2)
    ]
    assert areas[0] < 0.95 < 0.99 < areas[1]


def test_a_training_row_is_judged_by_models_that_have_not_seen_it():
    X = np.random.RandomState(0).normal(size=(50, 2))
    X[0] = 30.0
    narrow = OutlierDetector(KernelDensity(0.1), trim=0.0, random_state=0).fit(X)
    assert narrow.predict(X[:1]) == -1
    assert narrow.estimator_.score_samples(X[:1]) > narrow.offset_
    twice = np.vstack([X, X])  # copies stay in one fold
    narrow = OutlierDetector(KernelDensity(0.1), trim=0.0, random_state=0).fit(twice)
    scores = narrow.score_samples(twice)
    np.testing.assert_allclose(scores[:50], scores[50:])
    assert scores[0] == scores.min()


def test_the_number_of_outliers_is_that_of_the_rows_that_are_marked():
    """With ties and with densities of 0, for a share and for "auto"."""
    rng = np.random.RandomState(0)
    tied = rng.randint(3, size=(200, 2)) + 0.0
    for contamination in (0.05, 0.3):
        detector = OutlierDetector(
            HistogramDensity(3), contamination=contamination, random_state=0
        ).fit(tied)
        assert detector.n_outliers_ == (detector.predict(tied) == -1).sum()
    wide = rng.normal(size=(300, 4))
    detector = OutlierDetector(HistogramDensity("auto"), random_state=0).fit(wide)
    n_impossible = np.isneginf(detector.held_out_score_).sum()
    assert n_impossible > 1
    marked = detector.predict(wide) == -1
    assert detector.n_outliers_ == marked.sum() == n_impossible


def test_scores_of_new_rows_have_their_own_precision(X):
    train, new = X[:100].astype(np.float32), X[100:]
    detector = OutlierDetector(GaussianMixture(), random_state=0).fit(train)
    np.testing.assert_array_equal(
        detector.score_samples(new), detector.estimator_.score_samples(new)
    )


@pytest.mark.parametrize("make", [np.array, pd.DataFrame])
def test_rows_that_the_caller_changes_later_do_not_matter(X, make):
    train = make(X[:100])
    detector = OutlierDetector(GaussianMixture(), random_state=0).fit(train)
    incomplete = with_missing(X[100:])
    before = detector.pvalues(incomplete), detector.score_samples(incomplete)
    train *= 0.0
    np.testing.assert_array_equal(detector.pvalues(incomplete), before[0])
    np.testing.assert_array_equal(detector.score_samples(incomplete), before[1])


# Missing entries


def test_a_column_that_a_fold_lacks_is_named(X):
    rare = X.copy()
    rare[1:, 1] = np.nan
    said = r"Column 'b' of X must have observed entries in several folds.* 24 rows"
    with pytest.raises(ValueError, match=said):
        OutlierDetector(GaussianMixture(), random_state=0).fit(
            pd.DataFrame(rare, columns=list("abc"))
        )


def test_incomplete_rows_are_compared_with_rows_without_the_same_entries(X):
    train, new = X[:100], X[100:].copy()
    new[:, 1] = np.nan
    cv = KFold(5)
    detector = OutlierDetector(GaussianMixture(), cv=cv, trim=0.0).fit(train)
    # Of the Gaussian of all columns, the margin of the first and the third.
    kept = [0, 2]
    splits = list(cv.split(train))
    margins = [GaussianMixture().fit(train[a]).marginal(kept) for a, _ in splits]
    held_out = np.concatenate(
        [
            m.score_samples(train[b][:, kept])
            for m, (_, b) in zip(margins, splits, strict=True)
        ]
    )
    own = folds_by_hash(new, 5)
    for x, k, pvalue in zip(new, own, detector.pvalues(new), strict=True):
        score = margins[k].score_samples([x[kept]])
        assert pvalue == (1 + (held_out <= score + 1e-9).sum()) / 101


@pytest.mark.parametrize("estimator", [PPCA(1), GaussianMixture(), None])
def test_false_alarms_of_incomplete_rows(estimator):
    """40 tables with missing entries; 5 and 20 % within four standard errors."""
    rates = np.empty((40, 2))
    for r in range(40):
        rng = np.random.RandomState(r)
        rows = rng.normal(size=(119, 1)) + rng.normal(size=(119, 4))
        rows = with_missing(rows, seed=r)
        detector = OutlierDetector(estimator, trim=0.0, cv=3, random_state=r)
        pvalues = detector.fit(rows[:99]).pvalues(rows[99:])
        rates[r] = [(pvalues <= level).mean() for level in (0.05, 0.2)]
    error = rates.std(axis=0, ddof=1) / np.sqrt(40)
    # Ranks among fewer rows than 99 can be below a level only less often.
    assert (rates.mean(axis=0) - [0.05, 0.2] < 4 * error).all()
    assert (rates.mean(axis=0) > [0.02, 0.12]).all()


def test_scores_of_incomplete_rows_compare():
    """Units of 1e-6 make densities huge: without a column the score falls by 14."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(400, 3)) * 1e-6
    X[::2, 2] = np.nan
    detector = OutlierDetector(
        GaussianMixture(), contamination=0.1, random_state=0
    ).fit(X)
    marked = detector.predict(X) == -1
    assert abs(int(marked[::2].sum()) - 20) < 10
    new = rng.normal(size=(400, 3)) * 1e-6
    new[::2, 2] = np.nan
    marked = detector.predict(new) == -1
    assert abs(int(marked[::2].sum()) - int(marked[1::2].sum())) < 20
    assert 20 < marked.sum() < 60


def test_a_detector_of_complete_rows_takes_incomplete_ones(X):
    detector = OutlierDetector(random_state=0).fit(X)
    rows = [[0.0, np.nan, 0.0], [8.0, np.nan, -20.0], [np.nan] * 3]
    assert detector.predict(rows).tolist() == [1, -1, 1]
    assert detector.pvalues(rows)[1] < 0.02
    assert detector.pvalues(rows)[2] == 1


# Contributions


@pytest.mark.parametrize(
    "estimator", [GaussianMixture(), PPCA(1), FactorAnalysis(1, tol=1e-4)]
)
def test_contributions_are_conditional_densities(estimator, X):
    """Of a Gaussian, in closed form, and less their mean over the training rows."""
    detector = OutlierDetector(estimator, trim=0.0, random_state=0).fit(X)
    sample = detector.estimator_.sample(200_000, random_state=0)
    mean, covariance = sample.mean(axis=0), np.cov(sample.T)
    rows = np.array([[0.5, -1.0, 3.0], [2.0, np.nan, -3.0]])
    found = detector.contributions(rows)

    def surprisal(x, j, others):
        gain = np.linalg.solve(
            covariance[np.ix_(others, others)], covariance[others, j]
        )
        error = x[j] - mean[j] - gain @ (x - mean)[others]
        variance = covariance[j, j] - gain @ covariance[others, j]
        return 0.5 * (np.log(2 * np.pi * variance) + error**2 / variance)

    all_three = [
        surprisal(rows[0], j, [i for i in range(3) if i != j]) for j in range(3)
    ]
    two = [surprisal(rows[1], 0, [2]), surprisal(rows[1], 2, [0])]
    level = all_three - found[0]  # the mean of the training rows
    np.testing.assert_allclose(found[1, [0, 2]], two - level[[0, 2]], atol=0.1)
    assert np.isnan(found[1, 1])
    # Training rows have a mean contribution of 0, where all of them give the mean.
    np.testing.assert_allclose(detector.contributions(X).mean(axis=0), 0, atol=1e-9)


def test_the_column_that_did_it(X):
    X = X.copy()
    X[5, 1] += 15
    X[6, 2] -= 30
    for estimator in (None, GaussianMixture(reg_covar=0.01), PPCA(2)):
        detector = OutlierDetector(estimator, random_state=0).fit(X)
        assert detector.contributions(X[5:7]).argmax(axis=1).tolist() == [1, 2]


# Ranking


@pytest.mark.parametrize(
    ("load", "inlier", "reach"),
    [(load_breast_cancer, 1, 0.93), (load_wine, 1, 0.90), (load_digits, 0, 0.99)],
)
def test_default_ranks_outliers_of_contaminated_tables(load, inlier, reach):
    """A class and a tenth of outliers; the mean over two choices of these."""
    X, y = load(return_X_y=True)
    areas = []
    for seed in range(2):
        rng = np.random.RandomState(seed)
        inside = rng.permutation(np.flatnonzero(y == inlier))
        others = rng.permutation(np.flatnonzero(y != inlier))[: round(len(inside) / 9)]
        rows = np.append(inside, others)
        detector = OutlierDetector(random_state=seed).fit(X[rows])
        areas.append(roc_auc_score(y[rows] != inlier, -detector.held_out_score_))
    assert np.mean(areas) > reach - 0.01


# Data frames with strings


class ByGroup(BaseEstimator):
    """A Gaussian for the first column in each group of the second, a string."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = True
        return tags

    def fit(self, X, y=None):
        validate_data(self, X, skip_check_array=True)
        self.kind_ = type(X)
        value, group = np.asarray(X["a"], float), np.asarray(X["b"], object)
        self.mean_ = {g: np.nanmean(value[group == g]) for g in "xy"}
        self.std_ = np.nanstd(value)
        return self

    def score_samples(self, X):
        assert type(X) is self.kind_
        rows = zip(np.asarray(X["a"], float), np.asarray(X["b"], object), strict=True)
        return np.array([self.log_density(a, b) for a, b in rows])

    def log_density(self, a, b):
        known = isinstance(b, str)
        means = [self.mean_[b]] if known else list(self.mean_.values())
        total = -np.log(2.0) if known else 0.0
        if not np.isnan(a):
            each = np.exp(-(((a - np.array(means)) / self.std_) ** 2) / 2)
            total += np.log(each.mean() / self.std_)
        return total


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_with_strings(make):
    rng = np.random.RandomState(0)
    b = rng.choice(["x", "y"], size=60)
    a = rng.normal(size=60) + np.where(b == "x", 0, 9)
    a[0], b[0] = 30.0, "x"
    frame = make({"a": a, "b": b.astype(object)})
    detector = OutlierDetector(ByGroup(), random_state=0).fit(frame)
    assert detector.feature_names_in_.tolist() == ["a", "b"]
    assert np.flatnonzero(detector.predict(frame) == -1).tolist() == [0]
    np.testing.assert_array_equal(
        detector.score_samples(frame), detector.held_out_score_
    )
    new = make({"a": [0.5, 9.5, None, 0.2], "b": ["x", "x", "y", None]})
    pvalues = detector.pvalues(new)
    assert pvalues[1] < 0.05 < pvalues[0]
    assert np.isnan(detector.contributions(new)).tolist() == [
        [False, False],
        [False, False],
        [True, False],
        [False, True],
    ]
    with pytest.raises(ValueError, match="X must have rows"):
        OutlierDetector(ByGroup()).fit(frame[:0])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_detector_of_a_frame_is_saved(make, tmp_path):
    """By `save` and by skops, with p-values of incomplete rows as before."""
    rng = np.random.RandomState(0)
    color = rng.choice(["red", "blue", "green"], size=60).astype(object)
    weight = rng.normal(size=60)
    weight[3] = np.nan
    frame = make({"color": color, "weight": weight})
    network = VAETransformer(
        1, likelihood="auto", handle_unknown="missing", max_epochs=2, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        detector = OutlierDetector(network, trim=0.0, cv=2, random_state=0).fit(frame)
    new = make({"color": ["red", None, "pink"], "weight": [0.5, 9.0, None]})
    detector.save(tmp_path / "saved")
    skops.dump(detector, tmp_path / "skops")
    trusted = skops.get_untrusted_types(file=tmp_path / "skops")
    for loaded in (
        OutlierDetector.load(tmp_path / "saved"),
        skops.load(tmp_path / "skops", trusted=trusted),
    ):
        np.testing.assert_array_equal(loaded.pvalues(new), detector.pvalues(new))
        np.testing.assert_array_equal(loaded.predict(frame), detector.predict(frame))


# Bad input


class Undecided(BaseEstimator):
    def fit(self, X, y=None):
        return self

    def score_samples(self, X):
        return np.full(len(X), np.nan)


def test_bad_input(X):
    with pytest.raises(ValueError, match=r"cv must be at most .* cv=5 with n_sa"):
        OutlierDetector().fit(X[:3])
    for contamination in (0, 0.51, "all"):
        with pytest.raises(ValueError, match="'contamination' parameter"):
            OutlierDetector(contamination=contamination).fit(X)
    with pytest.raises(ValueError, match="'trim' parameter"):
        OutlierDetector(trim=0.5).fit(X)
    with pytest.raises(ValueError, match="cv must leave out each row once"):
        OutlierDetector(cv=ShuffleSplit(3)).fit(X)
    with pytest.raises(ValueError, match="X must have distinct rows"):
        OutlierDetector().fit(np.ones((10, 2)))
    with pytest.raises(ValueError, match="gave NaN for 96 rows of X"):
        OutlierDetector(Undecided()).fit(X)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        OutlierDetector().fit(pd.DataFrame(X[:0]))
    kernels = OutlierDetector(KernelDensity("scott"), random_state=0).fit(X)
    with pytest.raises(TypeError, match="estimator must take missing entries"):
        kernels.contributions(X)
    with pytest.raises(ValueError, match="takes no missing entries"):
        kernels.predict(with_missing(X))


def test_few_rows():
    for n in (5, 6, 8, 12):
        X = np.random.RandomState(n).normal(size=(n, 3))
        detector = OutlierDetector(random_state=0).fit(X)
        assert np.isfinite(detector.score_samples(X + 1)).all()
        assert detector.pvalues(X + 100).tolist() == [1 / (n + 1)] * n


# Progress


def printed(capsys):
    *lines, end = capsys.readouterr().out.splitlines()
    assert end.startswith("OutlierDetector: 1 fit in ")
    return [line.split(",")[0].removeprefix("OutlierDetector ") for line in lines]


def test_verbose_prints_fits_and_scores(X, capsys, monkeypatch):
    """With a clock that each look moves by ten seconds there is a line for each."""
    monkeypatch.setattr(_progress, "monotonic", itertools.count(step=10).__next__)
    settings = {"cv": 3, "trim": 0.0, "random_state": 0}
    silent = OutlierDetector(GaussianMixture(), **settings).fit(X)
    assert capsys.readouterr().out == ""
    detector = OutlierDetector(GaussianMixture(), **settings, verbose=1).fit(X)
    fits = [f"fit of the density {i}/7" for i in (1, 2, 3, 4)]
    scores = [f"scoring of a fold {i}/7" for i in (5, 6, 7)]
    assert printed(capsys) == fits + scores
    np.testing.assert_array_equal(detector.held_out_score_, silent.held_out_score_)
    detector.fit(with_missing(X))
    assert printed(capsys)[-1] == "block of patterns 8/8"


def test_verbose_prints_the_fits_of_trimming(X, capsys, monkeypatch):
    monkeypatch.setattr(_progress, "monotonic", itertools.count(step=10).__next__)
    n_fits = []

    class Counted(GaussianMixture):
        def fit(self, X, y=None):
            n_fits.append(len(X))
            return super().fit(X)

    OutlierDetector(Counted(), cv=2, random_state=0, verbose=1).fit(X)
    lines = printed(capsys)
    assert sum(line.startswith("fit of the density") for line in lines) == len(n_fits)
    # At most four fits to each fold and to all rows.
    assert 3 < len(n_fits) <= 12
    assert all(line.endswith("/14") for line in lines)
