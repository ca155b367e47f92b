"""A transformer that imputes missing values by a model of the whole table.

`fit` and `transform` read from top to bottom here. Tables of numbers are read as
arrays; data frames of mixed columns, for models that take them, go through as they are,
and what has to be known of them is in `_frames`.
"""

import zlib
from numbers import Integral

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.impute import MissingIndicator
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sklatent.base import SklatentEstimator
from sklatent.density import GaussianMixture
from sklatent.impute import _frames as frames
from sklatent.utils._dask import is_dask
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    HasMethods,
    Interval,
    _fit_context,
    _wrap_data_with_container,
)
from sklatent.utils._tables import (
    check_in_memory,
    check_names,
    read_rows,
    takes_frames,
)
from sklatent.utils._warnings import warn
from sklatent.utils.frames._entries import in_order

LARGEST_SEED = np.iinfo(np.int32).max
# What is added to the variances of the default model, times the number of rows in which
# two columns are observed together, over the number of columns.
PRIOR = 0.1
# More than the default model needs, which warns if it has not converged.
MAX_ITER = 1000


def _model_has(method):
    """Return a check that the model has a method."""

    def check(self):
        fitted = hasattr(self, "estimator_")
        getattr(self.estimator_ if fitted else self._model(), method)
        return True

    return check


class Model(HasMethods):
    """What has methods, with a hint in errors, since many a pipeline lacks them."""

    def __str__(self):
        return (
            f"{super().__str__()}; a pipeline that has them is "
            "sklatent.pipeline.Pipeline"
        )


class LatentImputer(OneToOneFeatureMixin, TransformerMixin, SklatentEstimator):
    """Imputation of missing values by a model of the whole table.

    The model is fitted to the observed entries, and a missing entry becomes its
    expectation given the observed entries of its row, or a draw from its distribution
    given these. Use it wherever :class:`~sklearn.impute.KNNImputer` or
    :class:`~sklearn.impute.IterativeImputer` stands: in a pipeline, in a
    :class:`~sklearn.compose.ColumnTransformer`, or beside them in a grid search.

    Parameters
    ----------
    estimator : estimator or None, default=None
        The model, with `fit` and `impute`, and with `sample_missing` if there are
        draws: :class:`~sklatent.density.GaussianMixture`,
        :class:`~sklatent.decomposition.FactorAnalysis`,
        :class:`~sklatent.decomposition.PPCA`,
        :class:`~sklatent.neural.VAETransformer`, or a
        :class:`~sklatent.pipeline.Pipeline` that ends with one of them. None is
        :class:`~sklatent.density.GaussianMixture` with one component, that is one
        Gaussian with any covariance, and `reg_covar` as below.
    add_indicator : bool, default=False
        Whether to append a column for each column that had missing entries in `fit`,
        which tells where entries are missing, as `MissingIndicator` of scikit-learn
        does.
    n_draws : int or None, default=None
        Number of tables that `transform_draws` returns, for multiple imputation. If it
        is given, `transform` imputes draws too, one for each missing entry. None
        imputes expectations.
    keep_empty_features : bool, default=False
        Whether to keep columns in which `fit` observed nothing, with 0 in place of
        missing entries; in data frames that the model takes as they are, such entries
        stay missing. If False, these columns are dropped, with a warning.
    random_state : int, RandomState instance or None, default=None
        Determines the draws. Pass an int for the same draws at every fit. The model
        has a `random_state` of its own.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model.
    indicator_ : MissingIndicator or None
        What the appended columns come from; None if `add_indicator` is False.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    sklatent.density.GaussianMixture : The default model; its `impute` returns standard
        deviations too.
    sklatent.neural.VAETransformer : The model for tables with strings, categories and
        dates.
    sklearn.impute.IterativeImputer : Imputation by a regression for each column.

    Notes
    -----
    The default model has ``reg_covar = 0.1 p / (n s ** 2)`` for n rows of p columns, a
    share s of which is observed, and at most 1. This is a prior worth p / 10 rows in
    which the columns are independent: it matters where rows are few or much is missing,
    and vanishes with the number of rows.

    The likelihood of the observed entries is what the models maximize. This is right if
    whether an entry is missing depends only on observed entries of its row [1]_.

    `transform` gives the same for the same table, draws included: these come from
    `random_state` and from the entries of the table. Expectations in a row depend on
    no other row. Draws do: the rows share one stream of random numbers, so that draws
    in ``X[:9]`` are not those in the first rows of X. With a stream for each row, made
    from its entries, equal rows would get equal draws, and the variance between tables,
    from which standard errors are computed, would be wrong.

    References
    ----------
    .. [1] D. B. Rubin (1976). Inference and missing data. Biometrika 63, 581-592.

    Examples
    --------
    For two columns with variance 1 and correlation 0.8, one predicts the other:

    >>> import numpy as np
    >>> from sklatent.impute import LatentImputer
    >>> rng = np.random.RandomState(0)
    >>> X = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=5000)
    >>> X[::5, 1] = np.nan
    >>> imputer = LatentImputer().fit(X)
    >>> imputer.transform([[1.0, np.nan], [-2.0, 0.0]]).round(1)
    array([[ 1. ,  0.8],
           [-2. ,  0. ]])

    Multiple imputation, five tables:

    >>> tables = imputer.set_params(n_draws=5).transform_draws(X)
    >>> len(tables), tables[0].shape
    (5, (5000, 2))
    >>> bool(np.isclose(tables[0][:, 1].std(), 1.0, atol=0.05))
    True
    """

    _parameter_constraints = {
        "estimator": [None, Model(["fit", "impute"])],
        "add_indicator": ["boolean"],
        "n_draws": [Interval(Integral, 1, None, closed="left"), None],
        "keep_empty_features": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        add_indicator=False,
        n_draws=None,
        keep_empty_features=False,
        random_state=None,
    ):
        self.estimator = estimator
        self.add_indicator = add_indicator
        self.n_draws = n_draws
        self.keep_empty_features = keep_empty_features
        self.random_state = random_state

    def _model(self):
        """The model to fit, which is not fitted itself."""
        return GaussianMixture() if self.estimator is None else self.estimator

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        of_model = get_tags(self._model()).input_tags
        tags.input_tags.string = of_model.string
        tags.input_tags.categorical = of_model.categorical
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the model to the observed entries.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN, or any other spelling of it, where an entry is missing.
        y : object, default=None
            Target values, passed on to the model, which does not use them as a rule.

        Returns
        -------
        self : object
            The fitted imputer.

        Raises
        ------
        ValueError
            If nothing is observed at all, or the model cannot draw and `n_draws` is
            given.

        Warns
        -----
        UserWarning
            If a column has no observed entry and is dropped.

        Examples
        --------
        >>> from sklatent.impute import LatentImputer
        >>> nan = float("nan")
        >>> imputer = LatentImputer().fit([[1.0, 2.0], [2.0, nan], [3.0, 6.0]])
        >>> imputer.transform([[2.0, nan]]).round(1)
        array([[2., 4.]])
        """
        with self._unchanged_on_error():
            self._as_is = takes_frames(self._model()) and frames.is_mixed(X)
            X, missing = self._read(X, reset=True)
            self._observed = ~missing.all(axis=0)
            if not self._observed.any():
                raise ValueError(
                    "X must have an observed entry; got missing ones only."
                )
            if not (self.keep_empty_features or self._observed.all()):
                self._warn_of_dropped()
            self._check_draws()
            self._seed = random_generator(self.random_state).randint(LARGEST_SEED)
            self.indicator_ = None
            if self.add_indicator:
                # Given a mask, scikit-learn's class would need a private argument.
                marked = np.where(missing, np.nan, 0.0)
                self.indicator_ = MissingIndicator(error_on_new=False).fit(marked)
            model = self.estimator
            if model is None:
                model = default_model(missing[:, self._observed])
            self.estimator_ = clone(model).fit(self._columns(X), y)
        return self

    def transform(self, X):
        """Impute the missing entries of a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN, or any other spelling of it, where an entry is missing.

        Returns
        -------
        X_imputed : ndarray or data frame of shape (n_samples, n_features_out)
            The table, in its precision, with expectations in place of missing entries,
            or draws if `n_draws` is given. Observed entries are unchanged. If the model
            takes data frames as they are, a data frame is returned, with its columns in
            the order of `fit`.

        Examples
        --------
        Observed entries stay as they are, and `set_output` applies:

        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklatent.impute import LatentImputer
        >>> nan = np.nan
        >>> kg, cm = [60.0, 75.0, nan, 68.0, 90.0], [165.0, 180.0, 176.0, nan, 192.0]
        >>> people = pd.DataFrame({"kg": kg, "cm": cm})
        >>> imputer = LatentImputer(add_indicator=True).set_output(transform="pandas")
        >>> imputer.fit_transform(people).round()
             kg     cm  missingindicator_kg  missingindicator_cm
        0  60.0  165.0                  0.0                  0.0
        1  75.0  180.0                  0.0                  0.0
        2  72.0  176.0                  1.0                  0.0
        3  68.0  173.0                  0.0                  1.0
        4  90.0  192.0                  0.0                  0.0
        """
        check_is_fitted(self)
        X, missing = self._read(X)
        if self.n_draws is None:
            return self._complete(X, missing, self._impute(X, missing))
        return self._draw(X, missing, 1)[0]

    def transform_draws(self, X):
        """Impute the missing entries several times: multiple imputation.

        A statistic of each table, pooled by Rubin's rules, has a standard error that
        counts what is not known of the missing entries.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN, or any other spelling of it, where an entry is missing.

        Returns
        -------
        tables : list of ndarray or data frame, of length `n_draws`
            Tables as `transform` returns them, which differ in the draws in place of
            missing entries.

        Raises
        ------
        ValueError
            If `n_draws` is None.

        Examples
        --------
        The mean of a column, half of which is missing, and its variance: that within
        tables, and that between them.

        >>> import numpy as np
        >>> from sklatent.impute import LatentImputer
        >>> x = np.random.RandomState(0).normal(size=(100, 1))
        >>> X = np.hstack([x, x])
        >>> X[:, 1] += np.random.RandomState(1).normal(size=100)
        >>> X[::2, 1] = np.nan
        >>> imputer = LatentImputer(n_draws=20, random_state=0).fit(X)
        >>> columns = [table[:, 1] for table in imputer.transform_draws(X)]
        >>> within = np.mean([c.var(ddof=1) / len(c) for c in columns])
        >>> between = np.var([c.mean() for c in columns], ddof=1)
        >>> bool(between * (1 + 1 / 20) > 0.1 * within)
        True
        """
        check_is_fitted(self)
        if self.n_draws is None:
            raise ValueError(
                "n_draws must be the number of tables to draw; got None. Set it by "
                "set_params(n_draws=20), for example."
            )
        rows, missing = self._read(X)
        return [
            _wrap_data_with_container("transform", table, X, self)
            for table in self._draw(rows, missing, self.n_draws)
        ]

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of the input; None for those that `fit` saw, or x0, x1
            and so on.

        Returns
        -------
        names : ndarray of str
            The columns that are kept, then those that `add_indicator` appends.

        Examples
        --------
        >>> from sklatent.impute import LatentImputer
        >>> nan = float("nan")
        >>> imputer = LatentImputer(add_indicator=True)
        >>> imputer = imputer.fit([[1.0, 2.0], [2.0, nan], [3.0, 6.0]])
        >>> imputer.get_feature_names_out()
        array(['x0', 'x1', 'missingindicator_x1'], dtype=object)
        """
        check_is_fitted(self)
        names = super().get_feature_names_out(input_features)
        kept = names if self.keep_empty_features else names[self._observed]
        if self.indicator_ is None:
            return kept
        return np.concatenate([kept, self.indicator_.get_feature_names_out(names)])

    @available_if(_model_has("score_samples"))
    def score_samples(self, X):
        """Compute the log-density of the observed entries of each row.

        That is `score_samples` of the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN, or any other spelling of it, where an entry is missing.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density. Columns that are dropped do not count.

        Examples
        --------
        A row in which nothing is observed has density 1:

        >>> import numpy as np
        >>> from sklatent.impute import LatentImputer
        >>> nan = float("nan")
        >>> X = np.random.RandomState(0).normal(size=(1000, 2))
        >>> imputer = LatentImputer().fit(X)
        >>> imputer.score_samples([[0, 0], [0, nan], [nan, nan]]).round(1)
        array([-1.8, -0.9,  0. ])
        """
        check_is_fitted(self)
        return self.estimator_.score_samples(self._columns(self._read(X)[0]))

    @available_if(_model_has("score"))
    def score(self, X, y=None):
        """Return the `score` of the model: a mean log-density; larger is better.

        A grid search chooses the model by it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN, or any other spelling of it, where an entry is missing.
        y : object, default=None
            Target values, passed on to the model, which does not use them as a rule.

        Returns
        -------
        score : float
            Of the models of sklatent, the mean of `score_samples`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.model_selection import GridSearchCV
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.impute import LatentImputer
        >>> rng = np.random.RandomState(0)
        >>> X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 6))
        >>> X += 0.1 * rng.normal(size=X.shape)
        >>> X[rng.uniform(size=X.shape) < 0.2] = np.nan
        >>> grid = {"estimator": [PPCA(1), PPCA(3)]}
        >>> GridSearchCV(LatentImputer(), grid).fit(X).best_params_
        {'estimator': PPCA(n_components=3)}
        """
        check_is_fitted(self)
        if is_dask(X):
            return float(np.mean(self.score_samples(X), dtype=np.float64))
        return self.estimator_.score(self._columns(self._read(X)[0]), y)

    def _warn_of_dropped(self):
        names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        warn(
            f"Columns {names[~self._observed].tolist()} of X have no observed entry, "
            "and are dropped; keep_empty_features=True keeps them."
        )

    def _check_draws(self):
        """Raise if there should be draws and the model has none."""
        if self.n_draws is not None and not hasattr(self._model(), "sample_missing"):
            raise ValueError(
                f"estimator must have sample_missing if n_draws={self.n_draws}; got "
                f"{self._model()!r}. Take one that has it, or n_draws=None."
            )

    def _read(self, X, reset=False):
        """Checked rows, and where entries are missing."""
        if self._as_is:
            X = self._read_as_is(X, reset)
            return X, frames.missing_entries(X)
        X = read_rows(self, X, reset=reset)
        return X, np.isnan(X)

    def _read_as_is(self, X, reset):
        """The table, with its columns in the order of `fit`; the model checks these."""
        check_in_memory(X, type(self).__name__)
        check_names(X)
        if reset:
            self._frame_names = frames.names_of(X)
        X = in_order(X, self._frame_names or ())
        if frames.names_of(X) is None:
            X = frames.objects(X)
        X = validate_data(self, X, reset=reset, skip_check_array=True)
        return X if self._frame_names is not None else frames.objects(X)

    def _columns(self, X):
        """The columns that the model sees: those of which something was observed."""
        if self._observed.all():
            return X
        if self._as_is:
            return frames.columns_of(X, self._observed)
        return X[:, self._observed]

    def _impute(self, X, missing):
        """The columns of the model, with expectations."""
        columns = self._columns(X)
        if not self._asks_model(missing):
            return columns
        return self.estimator_.impute(columns)

    def _asks_model(self, missing):
        """Whether the model has to see the table: not where there is nothing to fill.

        It always sees mixed columns, as levels that it does not know may count as
        missing, or be an error, whatever the other rows are.
        """
        return self._as_is or missing[:, self._observed].any()

    def _draw(self, X, missing, n_draws):
        """A list of complete tables with draws."""
        self._check_draws()
        # The same seed for every call would give rows that come one by one the same
        # random numbers.
        rng = np.random.RandomState([self._seed, checksum(X, missing)])
        columns = self._columns(X)
        if self._asks_model(missing):
            tables = self.estimator_.sample_missing(columns, n_draws, random_state=rng)
        else:
            tables = [columns] * n_draws
        return [self._complete(X, missing, table) for table in tables]

    def _complete(self, X, missing, columns):
        """The table that is returned, given the columns that the model has imputed."""
        marks = (
            None if self.indicator_ is None else missing[:, self.indicator_.features_]
        )
        if self._as_is:
            if self.keep_empty_features and not self._observed.all():
                columns = frames.replaced(X, columns, self._observed, self._frame_names)
            if marks is None:
                return frames.copied(columns) if columns is X else columns
            names = self.get_feature_names_out()
            names = names[len(names) - marks.shape[1] :]
            return frames.with_columns(columns, names, marks)
        columns = np.array(columns, dtype=X.dtype)  # the model may return a frame
        if self.keep_empty_features and not self._observed.all():
            imputed = np.nan_to_num(X)
            imputed[:, self._observed] = columns
            columns = imputed
        return columns if marks is None else np.hstack([columns, marks.astype(X.dtype)])


def default_model(missing):
    """One Gaussian for a table, of which we know where entries are missing.

    The variances are raised as by an inverse Wishart prior. Its strength is a tenth of
    the number of columns, in rows: on six tables, with 5 to 50 % of the entries
    missing, no strength has an error that is more than a few percent less.
    """
    n, p = missing.shape
    both_observed = n * (1 - missing.mean()) ** 2
    reg_covar = min(PRIOR * p / both_observed, 1.0)
    return GaussianMixture(reg_covar=reg_covar, max_iter=MAX_ITER)


def checksum(X, missing):
    """A number that differs from table to table."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        return zlib.crc32(np.ascontiguousarray(X).view(np.uint8))
    return zlib.crc32(frames.text(X).encode(), zlib.crc32(missing.tobytes()))
