"""scikit-learn's pipeline, with the methods of a model in the units of the input.

With g the steps before the last, and p the density of the last step,

    log p_X(x) = log p(g(x)) + log |det dg/dx|,

new rows are g^-1 of rows that the last step samples, and so are imputed ones.
"""

import copy
import warnings

import numpy as np
import sklearn.pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklatent.base import SklatentEstimator
from sklatent.pipeline._steps import (
    check_takes_lazy,
    deviations_as_given,
    inverse_lacks,
    is_density,
    is_left_out,
    nan_for_na,
    objects_as_given,
    step_error,
    take_all_missing,
)
from sklatent.utils._columns import any_missing
from sklatent.utils._dask import is_dask
from sklatent.utils._log_determinants import log_determinant
from sklatent.utils._members import sample_transformed, sampled_rows
from sklatent.utils._random import random_generator
from sklatent.utils._tables import check_in_memory, read_rows, remember_columns
from sklatent.utils.frames._output import (
    as_given,
    asked_for,
    filled_as_given,
    tables_as_given,
)


def _last_has(method):
    """Return a check that the last step has a method."""

    def check(self):
        getattr(self._final_estimator, method)
        return True

    return check


def _can_go_back(method):
    """Return a check that the last step has a method, and the others an inverse."""

    def check(self):
        getattr(self._final_estimator, method)
        for name, step in self._before_last():
            lack = inverse_lacks(step)
            if lack:
                raise AttributeError(
                    f"{method} needs the inverse of all steps before the last; step "
                    f"{name!r} has none: {lack}"
                )
        return True

    return check


class Pipeline(SklatentEstimator, sklearn.pipeline.Pipeline):
    """Pipeline of transformers and a model, which is a model of its input.

    A drop-in replacement for :class:`sklearn.pipeline.Pipeline`. If the last step is a
    generative model or a density, such as those of sklatent, the pipeline samples new
    rows, imputes missing entries and computes densities in the units of its input: what
    the steps before do to the rows is undone, and accounted for in densities by the
    logarithm of their Jacobian determinant.

    In one method this differs from scikit-learn: **score_samples and score of a density
    are nats in the units of the input**, and not of the transformed rows. So they
    compare between pipelines with different scalers, and a grid search can choose among
    these. `score` is the mean over the rows. With any other last step, such as a
    classifier or an outlier detector, all methods are those of scikit-learn.

    Parameters
    ----------
    steps : list of tuple
        Pairs of a name and an estimator, in the order in which they are applied.
    transform_input : list of str, default=None
        Names of metadata that the steps transform before they pass it on.
    memory : str or object with the joblib.Memory interface, default=None
        Where fitted transformers are cached.
    verbose : bool, default=False
        Whether to print the time that each step takes to fit.

    Attributes
    ----------
    named_steps : Bunch
        The steps by name.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes. Only if the last step is a classifier.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    make_pipeline : The same, with names made from the classes.
    sklatent.density.TransformedDensity : One transformer and one density, for use in
        a mixture of densities.
    sklearn.pipeline.Pipeline : The base class in scikit-learn.

    Notes
    -----
    `sample` and `impute` need `inverse_transform` of each step before the last, and
    `score_samples` a slope that is known: of `StandardScaler`, `MinMaxScaler`,
    `MaxAbsScaler`, `RobustScaler`, `PowerTransformer`,
    `QuantileTransformer(output_distribution="normal")`, `PCA` with all components,
    :class:`~sklatent.density.NormalScoreTransformer`, and pipelines of these.
    Otherwise there is an error that names the step.

    `impute` needs steps that let missing entries through, as scalers do. An imputed
    entry is the inverse of an expectation: an expectation again after linear scalers,
    and after monotone maps, such as `PowerTransformer`, the median if the model is
    Gaussian.

    Examples
    --------
    Skewed columns, a Gaussian of their power transforms, and new rows like the old:

    >>> import numpy as np
    >>> from sklearn.preprocessing import PowerTransformer
    >>> from sklatent.density import GaussianMixture
    >>> from sklatent.pipeline import Pipeline
    >>> rng = np.random.RandomState(0)
    >>> Z = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=2000)
    >>> train, test = np.split(np.exp(Z), 2)
    >>> steps = [("power", PowerTransformer("box-cox")), ("model", GaussianMixture())]
    >>> pipeline = Pipeline(steps).fit(train)
    >>> bool((pipeline.sample(1000, random_state=0) > 0).all())
    True
    >>> pipeline.impute([[1.0, np.nan]]).round()
    array([[1., 1.]])
    >>> gaussian = GaussianMixture().fit(train)
    >>> f"{pipeline.score(test):.1f} nats, without it {gaussian.score(test):.1f} nats"
    '-2.4 nats, without it -4.2 nats'
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = take_all_missing(self.steps)
        return tags

    @property
    def n_features_in_(self):
        """Number of features seen by the first step that does something.

        Examples
        --------
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.pipeline import make_pipeline
        >>> X = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]
        >>> make_pipeline("passthrough", PPCA(1)).fit(X).n_features_in_
        2
        """
        return self._first().n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the features seen by the first step that does something.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.pipeline import make_pipeline
        >>> X = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 2.0]})
        >>> make_pipeline("passthrough", PPCA(1)).fit(X).feature_names_in_
        array(['a', 'b'], dtype=object)
        """
        return self._first().feature_names_in_

    def set_output(self, *, transform=None):
        """Set what `transform`, `sample`, `impute` and `sample_missing` return.

        The last three return data frames if `fit` saw one, with its names and types.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Arrays ("default"), or data frames of one of these packages. None leaves it
            as it is.

        Returns
        -------
        self : object
            The pipeline.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.pipeline import make_pipeline
        >>> X = load_iris(as_frame=True).data
        >>> pipeline = make_pipeline(StandardScaler(), PPCA(2))
        >>> pipeline.set_output(transform="pandas").fit(X).sample(2).shape
        (2, 4)
        """
        super().set_output(transform=transform)
        if transform is not None:  # where scikit-learn's `clone` looks for it
            self._sklearn_output_config = {"transform": transform}
        return self

    def _fit(self, X, *args, **kwargs):
        """Fit the steps before the last: what every `fit` of scikit-learn's calls."""
        if is_dask(X):
            check_takes_lazy(self.steps)
        Z = super()._fit(X, *args, **kwargs)
        remember_columns(self, X)
        return Z

    @available_if(_can_go_back("sample"))
    def sample(self, n_samples=1, random_state=None):
        """Sample new rows, in the units of the input.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows to sample.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows at every call. Not used if `sample` of the
            last step takes none, as in mixtures of scikit-learn.

        Returns
        -------
        X : ndarray or data frame of shape (n_samples, n_features)
            The rows; a data frame if `set_output` asks for one and `fit` saw one. If
            the last step is the only one that does something, what it returns.

        Raises
        ------
        ValueError
            If nearly no row that the last step samples has an inverse.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.pipeline import make_pipeline
        >>> X = load_iris().data
        >>> pipeline = make_pipeline(StandardScaler(), PPCA(2)).fit(X)
        >>> X.mean(axis=0).round()
        array([6., 3., 4., 1.])
        >>> pipeline.sample(10_000, random_state=0).mean(axis=0).round()
        array([6., 3., 4., 1.])
        """
        check_is_fitted(self)
        rng = random_generator(random_state)
        if self._before_last():
            X = sample_transformed(
                self._final_estimator, self._inverse, n_samples, rng, "steps"
            )
        else:
            X = sampled_rows(self._final_estimator, n_samples, rng)
        if not isinstance(X, np.ndarray):
            return X
        return (as_given if X.dtype.kind in "fiu" else objects_as_given)(self, X)

    @available_if(_can_go_back("impute"))
    def impute(self, X, return_std=False):
        """Impute missing entries, in the units of the input.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN where an entry is missing.
        return_std : bool, default=False
            Whether to return standard deviations too. After steps that are not linear
            they are those of the linear approximation at the imputed entries.

        Returns
        -------
        X_imputed : ndarray or data frame of shape (n_samples, n_features)
            The data with imputed entries; a data frame if `set_output` asks for one and
            `fit` saw one. Observed entries are unchanged.
        std : ndarray or data frame of shape (n_samples, n_features)
            Standard deviation of each missing entry given the observed ones, 0 for
            observed ones. Only if `return_std`.

        Raises
        ------
        ValueError
            If a step takes no missing entries, or has no inverse of an imputed entry.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklatent.density import GaussianMixture
        >>> from sklatent.pipeline import make_pipeline
        >>> rng = np.random.RandomState(0)
        >>> Z = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=5000)
        >>> pipeline = make_pipeline(StandardScaler(), GaussianMixture())
        >>> pipeline = pipeline.fit(Z * [1, 100] + [0, 1000])
        >>> imputed, std = pipeline.impute([[1.0, np.nan]], return_std=True)
        >>> bool(abs(imputed[0, 1] - 1080) < 5), bool(abs(std[0, 1] - 60) < 5)
        (True, True)
        """
        check_is_fitted(self)
        if not self._before_last():
            if not return_std:
                filled = self._final_estimator.impute(X)
                return self._of_last(filled_as_given, X, filled)
            filled, std = self._final_estimator.impute(X, return_std=True)
            return self._of_last(filled_as_given, X, filled), std
        rows, Z = self._read_missing(X)
        missing = np.isnan(rows)
        if not return_std:
            Z = np.asarray(self._final_estimator.impute(Z))
            return filled_as_given(self, X, self._filled(rows, missing, Z), rows)
        Z, std = map(np.asarray, self._final_estimator.impute(Z, return_std=True))
        imputed = self._filled(rows, missing, Z)
        std = np.where(missing, std * self._slopes_of_inverse(imputed), 0)
        std = std.astype(rows.dtype, copy=False)
        filled = filled_as_given(self, X, imputed, rows)
        return filled, deviations_as_given(self, std, X)

    @available_if(_can_go_back("sample_missing"))
    def sample_missing(self, X, n_samples=1, random_state=None):
        """Impute missing entries by draws given the observed ones: multiple imputation.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The data; NaN where an entry is missing.
        n_samples : int, default=1
            Number of complete tables to draw.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same draws at every call.

        Returns
        -------
        tables : ndarray of shape (n_samples, n_rows, n_features) or list of data frame
            The data, `n_samples` times, with imputed entries; data frames if
            `set_output` asks for them and `fit` saw one. Observed entries are
            unchanged.

        Raises
        ------
        ValueError
            If `n_samples` is below 1, a step takes no missing entries, or a step has
            no inverse of an imputed entry.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklatent.density import GaussianMixture
        >>> from sklatent.pipeline import make_pipeline
        >>> X = np.random.RandomState(0).normal(100, 10, size=(1000, 2))
        >>> pipeline = make_pipeline(StandardScaler(), GaussianMixture()).fit(X)
        >>> tables = pipeline.sample_missing([[100, np.nan]], 1000, random_state=0)
        >>> tables.shape, tables[:, 0].std(axis=0).round()
        ((1000, 1, 2), array([ 0., 10.]))
        """
        check_is_fitted(self)
        model, rng = self._final_estimator, random_generator(random_state)
        if not self._before_last():
            tables = model.sample_missing(X, n_samples, random_state=rng)
            return self._of_last(tables_as_given, X, tables)
        rows, Z = self._read_missing(X)
        missing = np.isnan(rows)
        drawn = model.sample_missing(Z, n_samples, random_state=rng)
        drawn = np.stack([np.asarray(table) for table in drawn])
        tables = self._filled(rows, missing, drawn)
        return tables_as_given(self, X, tables, rows)

    @available_if(_last_has("score_samples"))
    def score_samples(self, X):
        """Compute the log-density of each row, in the units of the input.

        If the last step is no density, `score_samples` of the transformed rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density in the units of the input. Only observed
            entries count.

        Raises
        ------
        TypeError
            If the slope of a step is not known.
        ValueError
            If a step has no inverse.

        Examples
        --------
        A standard normal distribution after division by 10. scikit-learn's pipeline
        returns the density of the scaled row, which is ten times as large:

        >>> import numpy as np
        >>> import sklearn.pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklatent.density import GaussianMixture
        >>> from sklatent.pipeline import Pipeline
        >>> steps = [("scale", StandardScaler()), ("model", GaussianMixture())]
        >>> X = [[-10.0], [10.0]]
        >>> for cls in (Pipeline, sklearn.pipeline.Pipeline):
        ...     print(np.exp(cls(steps).fit(X).score_samples([[0.0]])).round(2))
        [0.04]
        [0.4]
        """
        if not is_density(self._final_estimator):
            return super().score_samples(X)
        check_is_fitted(self)
        total, Z = self._through_steps(X)
        log_density = self._final_estimator.score_samples(Z)
        return (log_density + total).astype(log_density.dtype)

    @available_if(_last_has("score"))
    def score(self, X, y=None, sample_weight=None, **params):
        """Average of `score_samples` if the last step is a density; larger is better.

        With any other last step, its `score` of the transformed rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : array-like, default=None
            Targets, for other last steps.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        **params : dict
            Metadata that is passed on to other last steps.

        Returns
        -------
        score : float
            Mean log-density in the units of the input, or `score` of the last step.

        Examples
        --------
        A grid search that chooses the scaler, which is possible since scores are in the
        units of the input:

        >>> import numpy as np
        >>> from sklearn.model_selection import GridSearchCV
        >>> from sklearn.preprocessing import PowerTransformer, StandardScaler
        >>> from sklatent.density import GaussianMixture
        >>> from sklatent.pipeline import Pipeline
        >>> X = np.random.RandomState(0).lognormal(size=(300, 1))
        >>> pipeline = Pipeline([("scale", None), ("model", GaussianMixture())])
        >>> grid = {"scale": [StandardScaler(), PowerTransformer("box-cox")]}
        >>> GridSearchCV(pipeline, grid).fit(X).best_params_
        {'scale': PowerTransformer(method='box-cox')}
        """
        if not is_density(self._final_estimator):
            check_in_memory(X, f"score of {type(self._final_estimator).__name__}")
            return super().score(X, y, sample_weight, **params)
        scores = self.score_samples(X).astype(np.float64)
        if is_dask(scores):
            import dask  # installed, as X is one of its collections

            scores, sample_weight = dask.compute(scores, sample_weight)
        return float(np.average(scores, weights=sample_weight))

    def __copy__(self):
        # `fit` keeps the last step, which it changes.
        made = type(self).__new__(type(self))
        steps = [(name, copy.copy(step)) for name, step in self.steps]
        vars(made).update(vars(self) | {"steps": steps})
        return made

    def _before_last(self):
        """Names and transformers of the steps before the last that do something."""
        return [pair for pair in self.steps[:-1] if not is_left_out(pair[1])]

    def _first(self):
        """The first step that does something; None if there is none."""
        return next((step for _, step in self.steps if not is_left_out(step)), None)

    def _of_last(self, as_asked, X, filled):
        """What the last step makes of the input itself, in the frame asked for.

        It may be a frame already; `set_output` does not reach models that do not
        transform.
        """
        if not isinstance(filled, np.ndarray) or asked_for(self)[0] is None:
            return filled
        rows = read_rows(self, X, ensure_all_finite="allow-nan")
        return as_asked(self, X, filled, rows)

    def _inverse(self, Z):
        """Rows in the units of the input."""
        for _, step in reversed(self._before_last()):
            Z = step.inverse_transform(Z)
        return np.asarray(Z)

    def _read_missing(self, X):
        """The rows as numbers, and what the steps make of them, missing entries too."""
        # A step may let missing entries through though its tag does not say so.
        rows, Z = read_rows(self, X, ensure_all_finite="allow-nan"), nan_for_na(X)
        for name, step in self._before_last():
            try:
                Z = step.transform(Z)
            except ValueError as error:
                if "NaN" in str(error):
                    raise ValueError(
                        "`steps` before the last must let missing entries through, as "
                        f"scalers do; step {name!r}, {step!r}, does not: {error}"
                    ) from error
                raise
        return rows, Z

    def _filled(self, rows, missing, Z):
        """The rows, with what transformed ones, (..., n, p), say of missing entries."""
        with warnings.catch_warnings():  # what has no inverse is an error below
            warnings.simplefilter("ignore")
            X = self._inverse(Z.reshape(-1, Z.shape[-1]))
        X = X.reshape(*Z.shape[:-1], X.shape[1])
        X = np.where(missing, X, rows).astype(rows.dtype, copy=False)
        if any_missing(X.reshape(-1, X.shape[-1])):
            column = int(np.nonzero(np.isnan(X))[-1].min())
            raise ValueError(
                f"Column {column} of X has imputed entries without an inverse, since "
                "a step maps numbers to bounded ones. Use another transformer there, "
                "such as NormalScoreTransformer of sklatent.density."
            )
        return X

    def _slopes_of_inverse(self, X):
        """Slope of the inverse at each entry, (n_samples, n_features).

        Steps that let missing entries through treat the columns one by one, and the
        determinant where one entry is observed is the slope there.
        """
        log_slopes = np.empty_like(X)
        for j in range(X.shape[1]):
            of_column = np.full_like(X, np.nan)
            of_column[:, j] = X[:, j]
            with warnings.catch_warnings():  # of arrays without the names of the input
                warnings.simplefilter("ignore")
                log_slopes[:, j] = self._through_steps(of_column)[0]
        return np.exp(-log_slopes)

    def _through_steps(self, X):
        """Log-determinant of the steps before the last, and what they make of rows."""
        total = 0.0
        if self._before_last():
            X = nan_for_na(X)
        for name, step in self._before_last():
            try:
                total = total + log_determinant(step, X)
            except (TypeError, ValueError) as error:
                raise step_error(name, step, error) from error
            X = step.transform(X)
        return total, X


def make_pipeline(*steps, memory=None, transform_input=None, verbose=False):
    """Make a :class:`Pipeline` with names from the classes of the steps.

    Parameters
    ----------
    *steps : list of estimator
        The estimators, in the order in which they are applied.
    memory : str or object with the joblib.Memory interface, default=None
        Where fitted transformers are cached.
    transform_input : list of str, default=None
        Names of metadata that the steps transform before they pass it on.
    verbose : bool, default=False
        Whether to print the time that each step takes to fit.

    Returns
    -------
    pipeline : Pipeline
        The pipeline.

    See Also
    --------
    Pipeline : The class, where steps have any names.
    sklearn.pipeline.make_pipeline : The same for scikit-learn's class.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklatent.density import KernelDensity
    >>> from sklatent.pipeline import make_pipeline
    >>> list(make_pipeline(StandardScaler(), KernelDensity()).named_steps)
    ['standardscaler', 'kerneldensity']
    """
    named = sklearn.pipeline.make_pipeline(*steps).steps
    return Pipeline(
        named, memory=memory, transform_input=transform_input, verbose=verbose
    )
