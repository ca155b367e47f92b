"""Outlier detection with any density: p-values, a threshold, and the column.

Each training row is scored by a model that has not seen its fold. A new row is put into
a fold too, at random by a hash of its entries, and scored by the model of that fold. If
rows are drawn independently from one distribution, so are the scores of it and of the
training rows, and its rank among them is uniform. With s_k the scores of the model that
has not seen fold k, and k(i) the fold of row i,

    p(x) = (1 + number of i with s_k(i)(x_i) <= s_k(x)(x)) / (n + 1).

Within the fold this is split conformal prediction, and exact (Vovk, Gammerman and
Shafer, 2005, Algorithmic learning in a random world, proposition 4.1); the other folds
make the steps finer, and the models that the scores share make it approximate. Two
other ways are worse. A rank in every fold and the mean of these, which is the
cross-conformal p-value (Vovk, 2015, Annals of Mathematics and Artificial Intelligence
74, 9-28), is less often extreme than one rank is: 2.8 % of false alarms were measured
for 5 %. The model that is fitted to all rows is better than those of the folds, so that
its scores are not on their scale. Ties count against the row being an outlier.

Among the training rows themselves ranks are all that there is: the p-values are 1/n,
2/n, ..., outliers or not, and the procedure of Benjamini and Hochberg declares none of
them, whatever the level. `_threshold` says what takes their place there.
"""

from numbers import Integral, Real

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sklatent.base import SklatentEstimator
from sklatent.outlier._contributions import surprisal
from sklatent.outlier._default_density import default_density
from sklatent.outlier._held_out import (
    HeldOut,
    count_up_to,
    in_units_of_complete_rows,
    patterns,
)
from sklatent.outlier._rows import (
    Seen,
    folds_by_hash,
    is_frame,
    observed_entries,
    take,
)
from sklatent.outlier._threshold import (
    count_discoveries,
    tail_pvalues,
    threshold_between,
)
from sklatent.outlier._trimming import fit_trimmed, most_fits, scores_of
from sklatent.utils._columns import group_patterns
from sklatent.utils._folds import folds_of_groups
from sklatent.utils._iterations import reported_fit
from sklatent.utils._progress import blocks_of, report_of_rows
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import (
    TAKES_MISSING,
    check_in_memory,
    read_rows,
    takes_frames,
)


class OutlierDetector(CallbackSupportMixin, OutlierMixin, SklatentEstimator):
    """Outlier detection with any density: a threshold, p-values, and the column.

    Outliers, or anomalies, are rows that `score_samples` of a density finds unlikely.
    The detector scores each training row by a model that has not seen it, which turns
    scores into p-values with a known rate of false alarms, and into a threshold:
    `contamination` is a share of the rows, or "auto" for as many as can be declared
    outliers with few false ones among them.

    Parameters
    ----------
    estimator : estimator or None, default=None
        An estimator with `fit` and `score_samples`, lower for outliers: a density, or
        `IsolationForest`. None takes the distance to the tenth nearest neighbor, in
        standardized columns, whose log-density is lowered by 1.5 for each standard
        deviation of that distance; and for rows with missing entries, and in
        `contributions`, a Gaussian whose covariance is regularized by a tenth of the
        variances.
    contamination : float or "auto", default="auto"
        Share of the training rows that are outliers, in (0, 0.5]. "auto" declares as
        many as the procedure of Benjamini and Hochberg with the level `level` [1]_.
        `predict` of new rows compares scores of `estimator_` with a threshold of scores
        by the models of the folds, which have seen fewer rows and score lower. So it
        marks fewer new rows: 7.5 % were measured for a share of 0.1, while 8.9 % had
        p-values of at most 0.1. Where the rate of false alarms matters, use `pvalues`.
    level : float, default=0.1
        False discovery rate of `contamination="auto"`: the mean share of false ones
        among the rows that are declared outliers.
    trim : float, default=0.2
        Share of the rows of each fit, in [0, 0.5), that is left out when the density is
        fitted again: the least likely ones. With 0 there is one fit to all rows, in
        which outliers that lie together may hide each other.
    cv : int, cross-validation generator or iterable, default=5
        Number of folds, of shuffled rows of which equal ones stay together, or how to
        split the rows, each left out once.
    random_state : int, RandomState instance or None, default=None
        Determines the folds, and draws of missing entries.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does. With 0 it prints nothing. An iteration is a fit of the density, to a fold
        or to all rows; then the scoring of a fold; and then a block of patterns of
        missing entries, if there are any.

    Attributes
    ----------
    offset_ : float
        The threshold: rows with lower scores are outliers.
    n_outliers_ : int
        Number of training rows that are declared outliers: the rows of which the scores
        are below the threshold. If scores tie at the threshold these are fewer than
        `contamination` asks for, and rows of density 0 are always outliers. With "auto"
        it may be 0; `predict` then marks the least likely training row nevertheless, or
        all that tie with it, since a detector of scikit-learn has to mark one.
    held_out_score_ : ndarray of shape (n_samples,)
        Score of each training row by the model that has not seen it, which is what
        `score_samples` returns for these rows.
    estimator_ : estimator
        The density, fitted to all rows but those that `trim` leaves out.
    estimators_ : list of estimator
        A density for each fold, which has not seen it.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    sklatent.density.GaussianMixture : A density that takes missing entries.
    sklatent.density.KNeighborsDensity : The density of the default.
    sklearn.ensemble.IsolationForest : Random splits that isolate rows.
    sklearn.neighbors.LocalOutlierFactor : Density relative to that of the neighbors.

    Notes
    -----
    False alarms: if training and new rows are independent rows of one distribution, a
    new row has a p-value of at most a with a probability of about a, whatever the
    density and the distribution. It would be exact if the row were compared with the
    training rows of one fold only. With those of all folds, the models that score a new
    row have seen most of the extreme training rows, and those that score these have
    not seen it, so that there are slightly fewer false alarms: 0.7 to 1.1 %, 4.2 to
    5.1 % and 9.0 to 10.0 % where 1, 5 and 10 % were asked for, in simulations of six
    densities and five distributions with 99 training rows. Scores with many ties, such
    as those of histograms, give fewer.

    False discoveries among *new* rows: the procedure of Benjamini and Hochberg keeps
    its level if the training rows have no outliers [2]_. Outliers among the training
    rows make p-values larger, so that fewer rows are declared.

    Among the training rows themselves the p-values are 1/n, 2/n, ..., and nothing can
    be declared. "auto" assumes that minus the score has a tail somewhat heavier than an
    exponential one (a generalized Pareto distribution of shape 0.2), which it fits
    between the 65th and the 85th percentile of the rows. The level is kept by true
    log-densities; for Gaussian rows by `GaussianMixture`, by the default and by
    `KernelDensity` with `trim=0`; and by the default for Student's t with three degrees
    of freedom: at the level 0.1 at most a tenth of the tables of 300 rows without
    outliers, of one to three columns, had a discovery. For Gaussians in many dimensions
    and for bounded distributions fewer rows are declared than might be.

    The level is *not* kept if the density does not fit, since heavy tails under a
    Gaussian are outliers for that density; and by narrow kernels with `trim`, far from
    which the log-density falls with the square of the distance: of Gaussian tables of
    one, two and three columns, 77, 22 and 5 % had a discovery with
    `KernelDensity("scott")`. Use `trim=0` there, or give a share. With the default 28 %
    of the tables of one lognormal column had one: take logarithms of such columns. If
    more than 15 % of the rows are outliers they fill the tail, and few are found: give
    their share.

    The default is cautious, since its tails may be heavy: it finds five of 300 rows at
    a distance of 20 standard deviations from Gaussian ones, but seldom at 8, where
    `GaussianMixture()` does.

    Rows with missing entries are compared with training rows of which the same entries
    are hidden, which is right if entries are missing completely at random. Training
    rows that lack more are completed by `sample_missing` of the model, if it has that,
    and are left out otherwise.

    The default was chosen among thirty densities, trimmed or not, by how they rank the
    outliers of thirteen contaminated tables. Means over five choices of outliers are
    areas under the ROC curve of 0.943, 0.925 and 0.998 for breast_cancer, wine and
    digits, and of 0.924, 0.869 and 0.998 for `IsolationForest`. Without `trim` they are
    0.922, 0.904 and 0.996, and training rows without any outliers rank new outliers
    slightly better (0.950, 0.957, 1.000 in place of 0.935, 0.942, 0.999).

    The training rows are kept, as a copy. `save` and skops keep them too, and data
    frames of pandas or polars without the names of their rows. Costs are those of the
    estimator times 1 + `cv`, and times up to 4 with `trim`.

    References
    ----------
    .. [1] Y. Benjamini and Y. Hochberg (1995). Controlling the false discovery rate: a
       practical and powerful approach to multiple testing. Journal of the Royal
       Statistical Society B 57, 289-300. Equation 1.
    .. [2] S. Bates, E. Candes, L. Lei, Y. Romano and M. Sesia (2023). Testing for
       outliers with conformal p-values. Annals of Statistics 51, 149-178. Theorem 2.

    Examples
    --------
    Two columns that rise together, and two rows in which they do not:

    >>> import numpy as np
    >>> from sklatent.density import GaussianMixture
    >>> from sklatent.outlier import OutlierDetector
    >>> rng = np.random.RandomState(0)
    >>> X = rng.normal(size=(300, 1)) + rng.normal(scale=0.1, size=(300, 2))
    >>> X[:2] = [[1.5, -1.5], [0.0, 9.0]]
    >>> detector = OutlierDetector(GaussianMixture(), random_state=0).fit(X)
    >>> np.flatnonzero(detector.predict(X) == -1)
    array([0, 1])
    >>> detector.pvalues([[1.0, 1.1], [1.0, -1.1]]).round(3)
    array([0.485, 0.01 ])
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
        ],
        "level": [Interval(Real, 0, 1, closed="neither")],
        "trim": [Interval(Real, 0, 0.5, closed="left")],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        contamination="auto",
        level=0.1,
        trim=0.2,
        cv=5,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.contamination = contamination
        self.level = level
        self.trim = trim
        self.cv = cv
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.estimator is None:
            tags.input_tags.allow_nan = True
        elif hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator).input_tags
            tags.input_tags.allow_nan = inner.allow_nan
            tags.input_tags.string = inner.string
            tags.input_tags.categorical = inner.categorical
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Score each training row by a model that has not seen it, and set a threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows, outliers among them or not.
        y : Ignored
            Present for API consistency; a `cv` that is a splitter gets it.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If there are fewer rows than folds, all rows are equal, `cv` does not leave
            out each row once, the observed entries of a column are all in one fold, or
            `estimator` gives NaN for a row.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.outlier import OutlierDetector
        >>> X, _ = load_iris(return_X_y=True)
        >>> detector = OutlierDetector(contamination=0.04, random_state=0).fit(X)
        >>> int((detector.predict(X) == -1).sum())
        6
        """
        with self._unchanged_on_error():
            X = self._read(X, reset=True)
            rng = random_generator(self.random_state)
            observed = observed_entries(X)
            self._seen = Seen(X)
            splits = self._splits(X, y, rng)
            self._check_columns(observed, splits)
            estimator = self.estimator
            if estimator is None:
                smallest = min(len(train) for train, _ in splits)
                estimator = default_density(observed, smallest * (1 - self.trim))
            fold = np.empty(len(observed), int)
            for k, (_, test) in enumerate(splits):
                fold[test] = k
            n_fits = (len(splits) + 1) * most_fits(self.trim)
            n_patterns = 0 if observed.all() else len(group_patterns(observed)[0])
            size, n_blocks = blocks_of(n_patterns)
            with reported_fit(self, X, y, n_fits + len(splits) + n_blocks) as fit:
                report = fit.report_of("fit of the density")

                def fitted(rows):
                    part, known = take(X, rows), observed[rows]
                    return fit_trimmed(estimator, part, known, self.trim, report)

                self.estimators_ = [fitted(train) for train, _ in splits]
                self.estimator_ = fitted(np.arange(len(observed)))
                self._held_out = HeldOut(self.estimators_, fold, X, rng)
                report = fit.report_of("scoring of a fold")
                raw = self._held_out.by_own_model(X, fold, report)
                report = report_of_rows(fit.report_of("block of patterns"), size)
                self.held_out_score_ = self._comparable(raw, X, observed, report)
            self._set_threshold(self.held_out_score_)
        return self

    def _read(self, X, reset=False):
        """Rows as an array of numbers, or as the data frame that the density takes."""
        check_in_memory(X, type(self).__name__)
        if not (takes_frames(self) and hasattr(X, "columns")):
            return read_rows(self, X, reset=reset)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if len(X) == 0:
            raise ValueError("X must have rows; got a data frame of n_samples=0.")
        return X

    def _splits(self, X, y, rng):
        """Training and test rows of each fold; equal rows are in the same one."""
        n = len(self._seen.group)
        if self.cv is None or isinstance(self.cv, Integral):
            n_folds = 5 if self.cv is None else self.cv
            if n < n_folds:
                raise ValueError(
                    f"cv must be at most the number of rows; got cv={n_folds} with "
                    f"n_samples={n}."
                )
            return folds_of_groups(self._seen.group, n_folds, rng)
        splits = list(check_cv(self.cv, y).split(np.zeros((n, 1)), y))
        tested = np.bincount(np.concatenate([test for _, test in splits]), minlength=n)
        if (tested != 1).any():
            raise ValueError(
                "cv must leave out each row once, as KFold does; got "
                f"{(tested != 1).sum()} of n_samples={n} left out never or several "
                "times."
            )
        return splits

    def _check_columns(self, observed, splits):
        """Raise if a density would be fitted to rows that all lack a column."""
        for train, test in splits:
            lacks = np.flatnonzero(~observed[train].any(axis=0))
            lacks = lacks[observed[test][:, lacks].any(axis=0)]
            if len(lacks):
                names = getattr(self, "feature_names_in_", np.arange(observed.shape[1]))
                raise ValueError(
                    f"Column {names[lacks].tolist()[0]!r} of X must have observed "
                    f"entries in several folds; got them in {len(test)} rows only, "
                    "which are all left out together. Leave out the column, or "
                    "choose another cv or random_state."
                )

    def _comparable(self, scores, X, observed, report=None):
        """Scores of incomplete rows in units of those of complete rows."""
        dtype = scores.dtype if is_frame(X) else X.dtype
        if observed.all():
            return scores.astype(dtype)
        complete = self._held_out.quantiles(np.ones(observed.shape[1], bool))
        moved = scores.astype(np.float64)
        for pattern, rows in patterns(observed):
            if not pattern.all():
                own = self._held_out.quantiles(pattern)
                moved[rows] = in_units_of_complete_rows(scores[rows], own, complete)
            if report is not None:
                report(1)
        return moved.astype(dtype)

    def _set_threshold(self, scores):
        """Set `offset_` and `n_outliers_` by the scores of the training rows."""
        if self.contamination == "auto":
            count = count_discoveries(tail_pvalues(scores), self.level)
        else:
            count = max(1, round(self.contamination * len(scores)))
        # The least likely rows, of which several may be alike.
        n_least = int((scores == scores.min()).sum())
        self.offset_ = threshold_between(scores, count or n_least)
        marked = int((scores - self.offset_ < 0).sum())  # as `predict` compares
        self.n_outliers_ = marked if count or scores.min() == -np.inf else 0

    def score_samples(self, X):
        """Score each row; the lower, the more of an outlier it is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            For a row that equals a training row, `held_out_score_` of that. For others
            `score_samples` of `estimator_`. Those of rows with missing entries are
            mapped so that training rows with the same entries hidden have the quantiles
            of complete rows: log-densities of different numbers of entries do not
            compare.

        Examples
        --------
        >>> import numpy as np
        >>> from sklatent.outlier import OutlierDetector
        >>> X = np.random.RandomState(0).normal(size=(200, 2))
        >>> detector = OutlierDetector(random_state=0).fit(X)
        >>> near, far = detector.score_samples([[0.0, 0.0], [5.0, -5.0]])
        >>> bool(near > far)
        True
        """
        check_is_fitted(self)
        X = self._read(X)
        observed = observed_entries(X)
        seen = self._seen.find(X)
        new = np.flatnonzero(seen < 0)
        dtype = self.held_out_score_.dtype if is_frame(X) else X.dtype
        # Not in the precision of the rows of `fit`, which may be single.
        scores = self.held_out_score_[seen].astype(np.float64)
        if len(new):
            rows = take(X, new)
            raw = scores_of(self.estimator_, rows)
            scores[new] = self._comparable(raw, rows, observed[new])
        return scores.astype(dtype)

    def decision_function(self, X):
        """Score each row relative to the threshold; negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            `score_samples(X) - offset_`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklatent.outlier import OutlierDetector
        >>> X = np.random.RandomState(0).normal(size=(200, 2))
        >>> detector = OutlierDetector(random_state=0).fit(X)
        >>> detector.decision_function([[0.0, 0.0], [5.0, -5.0]]) < 0
        array([False,  True])
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Tell outliers from other rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. Rows that equal training rows are judged by the models that have
            not seen them, so that `fit_predict(X)` is the same as `fit(X).predict(X)`.

        Returns
        -------
        labels : ndarray of int of shape (n_samples,)
            -1 for outliers and 1 for other rows.

        Examples
        --------
        >>> import numpy as np
        >>> from sklatent.outlier import OutlierDetector
        >>> X = np.random.RandomState(0).normal(size=(200, 2))
        >>> OutlierDetector(random_state=0).fit(X).predict([[0.0, 0.0], [5.0, -5.0]])
        array([ 1, -1])
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def pvalues(self, X):
        """Compute the conformal p-value of each row.

        It is the share of rows of the training rows' distribution that are as unlikely
        as the row. Rows with p-values of at most 0.05 are 5 % of all rows of that
        distribution: the false alarms. For a table of new rows that may have outliers,
        the procedure of Benjamini and Hochberg, `scipy.stats.false_discovery_control`,
        declares outliers of which at most a given share are false on the average.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        pvalues : ndarray of shape (n_samples,)
            Multiples of 1 / (n + 1), with n the number of training rows that can be
            compared, those of which no entry is missing that the row has. The p-value
            of a training row is its rank among the training rows, in which outliers
            are too, divided by n.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy.stats import false_discovery_control
        >>> from sklatent.outlier import OutlierDetector
        >>> rng = np.random.RandomState(0)
        >>> train, new = rng.normal(size=(1000, 2)), rng.normal(size=(1000, 2))
        >>> detector = OutlierDetector(random_state=0).fit(train)
        >>> pvalues = detector.pvalues(new)
        >>> round(float((pvalues <= 0.1).mean()), 2)
        0.1
        >>> new[:50] += 8
        >>> outliers = false_discovery_control(detector.pvalues(new)) <= 0.1
        >>> int(outliers[:50].sum()), int(outliers[50:].sum())
        (50, 7)
        """
        check_is_fitted(self)
        X = self._read(X)
        seen = self._seen.find(X)
        drawn = folds_by_hash(X, len(self.estimators_))
        fold = np.where(seen < 0, drawn, self._held_out.fold[seen])
        pvalues = np.empty(len(seen))
        for pattern, rows in patterns(observed_entries(X)):
            compared, scores = self._held_out.comparable(pattern)
            own = self._held_out.by_own_model(take(X, rows), fold[rows])
            new = seen[rows] < 0  # a training row is among those it is compared with
            count = np.maximum(count_up_to(scores, own) + new, 1)
            pvalues[rows] = count / np.maximum(len(compared) + new, 1)
        return pvalues

    def contributions(self, X):
        """Compute how much each entry contributes to its row being an outlier.

        The contribution of entry j is minus the log-density of the entry given the
        other entries of the row, minus the mean of that over training rows::

            contribution_j = -log p(x_j | other entries) - mean.

        The column with the largest contribution is where the row is least what the
        others let expect. For a density that takes missing entries this is exact.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        contributions : ndarray of shape (n_samples, n_features)
            In nats, if the scores of `estimator` are log-densities. About 0 or less for
            entries that are as expected, NaN for missing entries. The mean is over up
            to 250 training rows, chosen at random, and training rows are judged by the
            models that have not seen them. With the default estimator the density is
            that of its Gaussian.

        Raises
        ------
        TypeError
            If `estimator` takes no missing entries.

        Examples
        --------
        Two columns that are nearly equal, and a row in which they are not, although
        each of its entries is usual:

        >>> import numpy as np
        >>> from sklatent.outlier import OutlierDetector
        >>> rng = np.random.RandomState(0)
        >>> noise = rng.normal(scale=[0.1, 0.1, 3], size=(200, 3))
        >>> X = rng.normal(size=(200, 1)) + noise
        >>> detector = OutlierDetector(random_state=0).fit(X)
        >>> rows = [[1.5, -1.5, 0.0], [0.1, np.nan, 20.0]]
        >>> np.nanargmax(detector.contributions(rows), axis=1)
        array([0, 2])
        """
        check_is_fitted(self)
        X = self._read(X)
        if not get_tags(self).input_tags.allow_nan:
            raise TypeError(
                "estimator must take missing entries, so that the density without a "
                f"column is known; got {self.estimator!r}. {TAKES_MISSING}"
            )
        observed = observed_entries(X)
        seen = self._seen.find(X)
        fold = np.where(seen < 0, -1, self._held_out.fold[seen])
        found = np.empty(observed.shape)
        for k in np.unique(fold):
            model = self.estimator_ if k < 0 else self.estimators_[k]
            rows = np.flatnonzero(fold == k)
            found[rows] = surprisal(model, take(X, rows), observed[rows])
        found -= self._held_out.mean_surprisal()
        return found if is_frame(X) else found.astype(X.dtype)
