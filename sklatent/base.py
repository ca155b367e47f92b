"""Mixins with the methods that the estimators of sklatent have in common.

=====================  ========================================================
mixin                  methods and attributes
=====================  ========================================================
`ScoreMixin`           `score` is the mean of `score_samples`, a Python float
`LatentModelMixin`     `transform`, `inverse_transform`, `reconstruction_error`
`GenerativeModelMixin` `sample`, `set_output`
`DimensionMixin`       `dimension_`, `dimension_std_`, `confidence_interval_`
=====================  ========================================================

A latent model implements `_encode` and `_decode`, functions of arrays that are
already validated, and `score_samples`; a generative one adds `_sample`.
"""

import contextlib
import numbers

import numpy as np
from scipy.special import ndtri
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import check_array, check_scalar
from sklearn.utils.validation import check_is_fitted

from sklatent._version import __version__
from sklatent.exceptions import InconsistentVersionWarning
from sklatent.utils._advice import METHODS, missing_method, named_as_here
from sklatent.utils._arrays import (
    are_dispatched,
    float_dtypes,
    mean_of,
    namespace_of,
)
from sklatent.utils._random import random_generator
from sklatent.utils._row_methods import RowMethods
from sklatent.utils._sklearn import CALLBACK_ATTRIBUTES
from sklatent.utils._tables import read_rows
from sklatent.utils._warnings import warn
from sklatent.utils.frames._output import as_given
from sklatent.utils.persistence._estimators import load, save

OF_PCA = (
    "PCA takes a share of the variance, as PCA(n_components=0.95), or 'mle'. Here an "
    "estimator of the dimension may choose, such as PCASpectrum()."
)

__all__ = [
    "DimensionMixin",
    "GenerativeModelMixin",
    "LatentModelMixin",
    "ScoreMixin",
    "SklatentEstimator",
]


class SklatentEstimator(BaseEstimator, metaclass=RowMethods):
    """Base of every estimator: rows of any kind, version stamp, clean failures.

    Methods of rows are lazy for Dask collections, and return arrays of other libraries
    for these with scikit-learn's option `array_api_dispatch`. A subclass whose
    `transform`, `predict` or another of these methods compares rows with each other
    must refuse Dask collections itself. The notebook display links to the
    documentation, pickles hold the version of sklatent that wrote them,
    and a `fit` that fails leaves the estimator unchanged.

    See Also
    --------
    sklearn.base.BaseEstimator : The base class in scikit-learn.
    sklatent.exceptions.InconsistentVersionWarning : Given if the version differs.

    Examples
    --------
    >>> import sklatent
    >>> from sklatent.base import SklatentEstimator
    >>> class Nothing(SklatentEstimator):
    ...     def fit(self, X, y=None):
    ...         return self
    >>> Nothing().__getstate__()["_sklatent_version"] == sklatent.__version__
    True
    """

    # By names of methods, what to say where there is none.
    _method_advice = METHODS

    # Methods to call for blocks of a Dask collection, by the names of those for which
    # the shape of what is returned depends on the rows.
    _by_block = {}

    # Methods that take arrays of other libraries and compute where these are: complete
    # rows, which `read_rows` checks.
    _on_device = frozenset()

    # Tables of no more entries go to NumPy all the same, which takes less time than to
    # start the work on a device.
    _few_entries = 0

    _doc_link_module = "sklatent"
    _doc_link_template = (
        "https://sklatent.readthedocs.io/en/latest/generated/"
        "{estimator_module}.{estimator_name}.html"
    )

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = named_as_here(cls.__init__)

    def __getattr__(self, name):
        # Only for what is not found otherwise, so that `hasattr` and `dir` stay true.
        try:
            return super().__getattribute__(name)  # raises once more
        except AttributeError as error:
            message = missing_method(self, name, error)
            if message is None:
                raise
        raise AttributeError(message, name=name, obj=self)

    def _doc_link_url_param_generator(self):
        # Pages are named by the public subpackage; its modules are private.
        module = ".".join(type(self).__module__.split(".")[:2])
        return {"estimator_module": module, "estimator_name": type(self).__name__}

    def __getstate__(self):
        return {**super().__getstate__(), "_sklatent_version": __version__}

    def __setstate__(self, state):
        state = dict(state)  # the caller's state keeps its version
        version = state.pop("_sklatent_version", "unknown")
        if version != __version__:
            warn(
                f"This {type(self).__name__} was saved by sklatent {version} and is "
                f"loaded by {__version__}; fit it again if its results matter.",
                InconsistentVersionWarning,
            )
        super().__setstate__(state)

    def save(self, path):
        """Write the estimator to a file, without pickle.

        Opening the file runs no code, whoever it comes from. It holds the arrays in the
        layout of safetensors, and all else as JSON beside them. Estimators inside, such
        as a `StandardScaler` in a pipeline of densities, are saved with it.

        Parameters
        ----------
        path : path-like
            The file, replaced if it is there.

        Raises
        ------
        ValueError
            If a parameter or attribute is not plain data, such as a callable or a
            generator of random numbers.
        OSError
            If the file cannot be written. A file that was there is then unchanged.

        See Also
        --------
        load : Read what was written.
        sklatent.deploy.save : The same for pipelines.

        Examples
        --------
        >>> import pathlib
        >>> import tempfile
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X, _ = load_iris(return_X_y=True)
        >>> mixture = GaussianMixture(2, random_state=0).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "mixture.safetensors"
        ...     mixture.save(path)
        ...     print([file.name for file in pathlib.Path(folder).iterdir()])
        ['mixture.safetensors']

        A parameter that would need code to be made again is refused:

        >>> import numpy as np
        >>> mixture.set_params(random_state=np.random.RandomState(0)).save("mixture")
        Traceback (most recent call last):
            ...
        ValueError: random_state must be plain data to be saved; got ...
        """
        save(self, path)

    @classmethod
    def load(cls, path):
        """Read an estimator that `save` has written.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        estimator : object
            The estimator, of the class that `load` is called on or a subclass. Its
            results are the same, to the bit, as those of the one that was saved.

        Raises
        ------
        ValueError
            If the file is damaged, has another format or class, or holds something that
            `save` does not write. This is found before more memory is taken than the
            file is long.
        OSError
            If the file cannot be read.

        Warns
        -----
        InconsistentVersionWarning
            If another version of sklatent, or of scikit-learn if one of its estimators
            is inside, has written the file.

        See Also
        --------
        save : Write the file.
        sklatent.deploy.load : The same for pipelines.

        Examples
        --------
        >>> import pathlib
        >>> import tempfile
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> X, _ = load_iris(return_X_y=True)
        >>> ppca = PPCA(n_components=2).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "ppca.safetensors"
        ...     ppca.save(path)
        ...     same = PPCA.load(path)
        >>> bool((same.score_samples(X) == ppca.score_samples(X)).all())
        True
        """
        return load(path, cls, f"{cls.__name__}.load")

    def _check_saved_state(self, state):
        """Raise if a file, which may be hostile, holds what cannot be."""

    @contextlib.contextmanager
    def _unchanged_on_error(self):
        """Leave the estimator as it was when the body, which fits it, raises."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:  # a KeyboardInterrupt too
            # Callbacks have to be told, or the thread of a progress bar goes on.
            running = {k: v for k, v in vars(self).items() if k in CALLBACK_ATTRIBUTES}
            vars(self).clear()
            vars(self).update(before | running)
            raise


class ScoreMixin(metaclass=RowMethods):
    """`score` is the mean of `score_samples`, in every class.

    The mean makes models of different families, and folds of different sizes,
    comparable in cross-validation.

    See Also
    --------
    LatentModelMixin : Adds the encoding of rows.

    Examples
    --------
    An exponential distribution, whose log-density is -log(mean) - x / mean:

    >>> import numpy as np
    >>> from sklatent.base import ScoreMixin, SklatentEstimator
    >>> class Exponential(ScoreMixin, SklatentEstimator):
    ...     def fit(self, X, y=None):
    ...         self.mean_ = np.mean(X)
    ...         return self
    ...
    ...     def score_samples(self, X):
    ...         return -np.log(self.mean_) - np.ravel(X) / self.mean_
    >>> X = [[1.0], [3.0]]
    >>> exponential = Exponential().fit(X)
    >>> exponential.score_samples(X).round(2)
    array([-1.19, -2.19])
    >>> round(exponential.score(X), 2)
    -1.69
    """

    def score(self, X, y=None):
        """Average of `score_samples` over the rows; larger is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        score : float
            Mean of `score_samples(X)`.

        Examples
        --------
        Two models, compared by their log-density of unseen rows, in nats per row. Three
        Gaussian components fit the three species better than one:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.density import GaussianMixture
        >>> X, _ = load_iris(return_X_y=True)
        >>> train, test = X[::2], X[1::2]
        >>> one, three = PPCA(n_components=2), GaussianMixture(3, random_state=0)
        >>> round(one.fit(train).score(test), 1), round(three.fit(train).score(test), 1)
        (-2.7, -2.1)
        """
        return mean_of(self.score_samples(X))


class LatentModelMixin(ScoreMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Encode rows as `n_components_` numbers, and reconstruct rows from them.

    Subclasses implement `_encode(X) -> Z` and `_decode(Z) -> X` on validated
    arrays, and `score_samples`.

    See Also
    --------
    GenerativeModelMixin : Sample new rows.
    sklearn.base.TransformerMixin : The base class in scikit-learn.

    Examples
    --------
    A model that keeps the mean of each row:

    >>> import numpy as np
    >>> from sklearn.utils.validation import validate_data
    >>> from sklatent.base import LatentModelMixin, SklatentEstimator
    >>> class RowMean(LatentModelMixin, SklatentEstimator):
    ...     n_components_ = 1
    ...
    ...     def fit(self, X, y=None):
    ...         validate_data(self, X)
    ...         return self
    ...
    ...     def _encode(self, X):
    ...         return X.mean(axis=1, keepdims=True)
    ...
    ...     def _decode(self, Z):
    ...         return np.repeat(Z, self.n_features_in_, axis=1)
    >>> X = [[1.0, 3.0], [4.0, 4.0]]
    >>> row_mean = RowMean().fit(X)
    >>> row_mean.transform(X)
    array([[2.],
           [4.]])
    >>> row_mean.reconstruction_error(X)
    array([2., 0.])
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self):
        return self.n_components_

    def _validate_params(self):
        """Check the parameters; say who takes what PCA takes for `n_components`."""
        try:
            super()._validate_params()
        except ValueError as error:
            n_components = self.n_components
            share = isinstance(n_components, numbers.Real) and 0 < n_components < 1
            if share or n_components == "mle":
                error.args = (f"{error} {OF_PCA}",)
            raise

    def _resolve_n_components(self, X, most=None):
        """Return `n_components` as an int, asking a dimension estimator for it.

        An estimate is rounded and limited to `most`. A value that is too large for the
        model is an error if the user gives it, but only noise if it is estimated.
        """
        if isinstance(self.n_components, numbers.Integral):
            return int(self.n_components)
        estimator = clone(self.n_components).fit(X)
        dimension = getattr(estimator, "dimension_", None)
        if not isinstance(dimension, numbers.Real) or not np.isfinite(dimension):
            raise ValueError(
                "`n_components` must be an int or an estimator whose fitted "
                f"`dimension_` is finite; got {self.n_components!r} with "
                f"dimension_={dimension}."
            )
        return max(1, round(dimension if most is None else min(dimension, most)))

    def _validate_rows(self, X):
        """Check rows given to a fitted estimator."""
        check_is_fitted(self)
        return self._read_rows(X)

    def _read_rows(self, X, **options):
        """Return rows as numbers."""
        return read_rows(self, X, **options)

    def transform(self, X):
        """Compute the latent representation of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            The codes, in the precision of `X`.

        Examples
        --------
        Three numbers for 64 pixels:

        >>> from sklearn.datasets import load_digits
        >>> from sklatent.decomposition import PPCA
        >>> X, _ = load_digits(return_X_y=True)
        >>> X.shape, PPCA(n_components=3).fit(X).transform(X).shape
        ((1797, 64), (1797, 3))
        """
        return self._encode(self._validate_rows(X))

    def inverse_transform(self, X):
        """Reconstruct rows from their codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, such as `transform` returns.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            The reconstructed rows, in the units of the data and the precision
            of the codes.

        Raises
        ------
        ValueError
            If there are not `n_components_` columns.

        Examples
        --------
        With as many components as features the reconstruction is exact; with fewer, its
        error is the variation that they leave out.

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PCA
        >>> X, _ = load_iris(return_X_y=True)
        >>> for q in (4, 2):
        ...     pca = PCA(n_components=q).fit(X)
        ...     back = pca.inverse_transform(pca.transform(X))
        ...     print(q, "components, largest error", f"{np.abs(back - X).max():.2f}")
        4 components, largest error 0.00
        2 components, largest error 0.59
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=float_dtypes(X), ensure_min_features=0)
        if Z.shape[1] != self.n_components_:
            raise ValueError(
                f"inverse_transform takes codes of n_components_={self.n_components_} "
                f"columns; got {Z.shape[1]}."
            )
        return as_given(self, self._decode(Z), X, whole=False)

    def reconstruction_error(self, X):
        """Squared distance between each row and its reconstruction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        error : ndarray of shape (n_samples,)
            Sum over the observed features of the squared difference, in squared
            units of the data.

        Examples
        --------
        The error is large for a row that is unlike those of `fit`:

        >>> import numpy as np
        >>> from sklatent.datasets import make_affine
        >>> from sklatent.decomposition import PCA
        >>> X, _ = make_affine(dimension=2, n_features=5, random_state=0)
        >>> pca = PCA(n_components=2).fit(X)
        >>> bool(pca.reconstruction_error(X).max() < 1e-25)
        True
        >>> bool(pca.reconstruction_error(X[:1] + [[0, 0, 0, 0, 1]])[0] > 0.1)
        True
        """
        X = self._validate_rows(X)
        residual = X - self._decode(self._encode(X))
        if are_dispatched(X):  # complete rows
            return namespace_of(X).sum(residual**2, axis=1)
        residual[np.isnan(X)] = 0
        return np.einsum("ij,ij->i", residual, residual)


class GenerativeModelMixin:
    """Sample rows from the model.

    Subclasses implement `_sample(n_samples, rng)` with a `RandomState`.

    See Also
    --------
    LatentModelMixin : Encode rows.
    ScoreMixin : Score rows by their log-density.

    Examples
    --------
    A die with as many faces as the largest roll in the data:

    >>> import numpy as np
    >>> from sklatent.base import GenerativeModelMixin, SklatentEstimator
    >>> class Die(GenerativeModelMixin, SklatentEstimator):
    ...     def fit(self, X, y=None):
    ...         self.n_faces_ = np.max(X)
    ...         return self
    ...
    ...     def _sample(self, n_samples, rng):
    ...         return rng.randint(1, self.n_faces_ + 1, size=(n_samples, 1))
    >>> rolls = Die().fit([[2], [6], [3]]).sample(1000, random_state=0)
    >>> np.unique(rolls)
    array([1, 2, 3, 4, 5, 6])
    """

    def sample(self, n_samples=1, random_state=None):
        """Sample rows from the fitted model.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows to sample.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows at every call.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows, in the units of the data, in double precision.

        Raises
        ------
        ValueError
            If `n_samples` is less than 1.

        Examples
        --------
        The mean of the sampled rows is that of the model, within its standard error:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> X, _ = load_iris(return_X_y=True)
        >>> ppca = PPCA(n_components=2).fit(X)
        >>> new = ppca.sample(10_000, random_state=0)
        >>> new.shape
        (10000, 4)
        >>> std = np.sqrt(np.diag(ppca.get_covariance()) / 10_000)
        >>> bool((np.abs(new.mean(axis=0) - ppca.mean_) < 4 * std).all())
        True
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", numbers.Integral, min_val=1)
        return as_given(self, self._sample(n_samples, random_generator(random_state)))

    def set_output(self, *, transform=None):
        """Choose whether rows are returned as arrays or as data frames.

        As in scikit-learn's transformers, and also for `sample`, `impute`,
        `sample_missing` and `inverse_transform`, which return frames if the estimator
        was fitted to one: with its column names, and except for `inverse_transform`
        with its types, so that integers are rounded.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            The library of the frames; "default" for arrays. None changes nothing.

        Returns
        -------
        self : object
            The estimator.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklatent.density import GaussianMixture
        >>> X = load_wine(as_frame=True).data[["alcohol", "magnesium", "proline"]]
        >>> mixture = GaussianMixture(2, random_state=0).set_output(transform="pandas")
        >>> mixture.fit(X).sample(2, random_state=0).columns.tolist()
        ['alcohol', 'magnesium', 'proline']
        """
        if transform is not None:
            # A dict of this instance: clones copy what they find.
            config = dict(getattr(self, "_sklearn_output_config", {}))
            self._sklearn_output_config = config | {"transform": transform}
        return self


class DimensionMixin:
    """Intrinsic dimension as `dimension_`, with a confidence interval.

    Subclasses have the parameter `confidence_level`, and `fit` calls
    `_set_dimension`.

    See Also
    --------
    sklatent.dimension : The estimators of the dimension.

    Examples
    --------
    The rank of the data as its dimension, without error, used to choose the number of
    components:

    >>> import numpy as np
    >>> from sklatent.base import DimensionMixin, SklatentEstimator
    >>> from sklatent.datasets import make_affine
    >>> from sklatent.decomposition import PCA
    >>> class Rank(DimensionMixin, SklatentEstimator):
    ...     def __init__(self, confidence_level=0.95):
    ...         self.confidence_level = confidence_level
    ...
    ...     def fit(self, X, y=None):
    ...         self._set_dimension(np.linalg.matrix_rank(X), log_std=0.0)
    ...         return self
    >>> X, _ = make_affine(dimension=3, n_features=10, random_state=0)
    >>> Rank().fit(X).dimension_
    3.0
    >>> PCA(n_components=Rank()).fit(X).n_components_
    3
    """

    _method_advice = METHODS | dict.fromkeys(
        ("transform", "fit_transform"),
        "It estimates one dimension for all rows, which a latent model takes, as in "
        "PCA(n_components=TwoNN()). LevinaBickel, NeighborScaling and ESS "
        "estimate the dimension around each row, and TwoNN and PCASpectrum do if "
        "n_neighbors is set.",
    )

    def _set_dimension(self, dimension, log_std):
        """Set the estimate and its error bar, which is even on a logarithmic scale.

        Parameters
        ----------
        dimension : float
            The estimate.
        log_std : float
            Standard error of its logarithm.
        """
        self.dimension_ = float(dimension)
        self.dimension_std_ = float(dimension * log_std)
        self.confidence_interval_ = dimension * np.exp(self._quantiles() * log_std)

    def _quantiles(self):
        """Lower and upper quantile of the standard normal distribution."""
        return ndtri(0.5 + 0.5 * self.confidence_level * np.array([-1.0, 1.0]))
