"""Normal scores of the columns of a table, as a transformer."""

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklatent.base import SklatentEstimator
from sklatent.utils._log_determinants import log_determinant
from sklatent.utils._normal_scores import fit_normal_scores
from sklatent.utils._tables import FLOAT_DTYPES, read_rows
from sklatent.utils._weights import weighted_rows
from sklatent.utils.frames._output import as_given


class NormalScoreTransformer(OneToOneFeatureMixin, TransformerMixin, SklatentEstimator):
    """Transform each column to normal scores, with an inverse and the slope of the map.

    The scores z = Phi^-1(F(x)) of a column are standard normal, with F its distribution
    function and Phi that of N(0, 1); this is the rank-based inverse normal transform
    [1]_, or Gaussianization of the margins. Skewed, bounded and heavy-tailed columns
    become Gaussian, so that a Gaussian model of the scores is a Gaussian copula. In
    contrast to :class:`~sklearn.preprocessing.QuantileTransformer` the map is strictly
    monotone with a continuous slope, a few rational quadratic pieces between quantiles
    [2]_, and goes on beyond the smallest and largest training value, where the column
    has Gaussian tails. So new rows of any size have finite scores, and a density of the
    scores is a density of the rows (:class:`TransformedDensity`).

    The transformer has no parameters: the number of pieces grows with the cube root of
    the number of rows.

    Attributes
    ----------
    maps_ : list of length n_features
        The map of each column.
    n_atoms_ : ndarray of int of shape (n_features,)
        Number of atoms of each column: values that many rows have, such as the zeros of
        a column that is else continuous. If at least 90 % of the rows have a value that
        another row has too, as in columns of integers or rounded numbers, all values
        are atoms.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    TransformedDensity : A density of normal scores as a density of the rows.
    sklearn.preprocessing.QuantileTransformer : Scores by linear interpolation, which
        are the same for all values beyond the extremes.
    sklearn.preprocessing.PowerTransformer : Nearer to Gaussian by one parameter.

    Notes
    -----
    The share of the rows at an atom is an interval of scores. `transform` returns one
    score inside it, and `inverse_transform` returns the atom for all of it: so samples
    of the scores give a column with the same atoms. For `log_slope`, which is finite
    everywhere, the share of an atom is spread over the numbers that are nearest to it,
    and a constant column has slope 1.

    Entries that are missing, NaN, stay missing.

    References
    ----------
    .. [1] G. Blom (1958). Statistical estimates and transformed beta-variables. Wiley.
    .. [2] J. A. Gregory and R. Delbourgo (1982). Piecewise rational quadratic
       interpolation to monotonic data. IMA Journal of Numerical Analysis 2, 123-130.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.stats import skew
    >>> from sklatent.density import NormalScoreTransformer
    >>> X = np.random.RandomState(0).lognormal(size=(1000, 1))
    >>> scores = NormalScoreTransformer().fit(X)
    >>> Z = scores.transform(X)
    >>> f"skewness {skew(X)[0]:.1f}, of the scores {abs(skew(Z)[0]):.1f}"
    'skewness 3.2, of the scores 0.0'
    >>> bool(np.allclose(scores.inverse_transform(Z), X))
    True
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X, y=None, sample_weight=None):
        """Find the map of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN where an entry is missing.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a column has no observed entry.

        Examples
        --------
        A column of zeros and positive numbers, and one of few values:

        >>> import numpy as np
        >>> from sklatent.density import NormalScoreTransformer
        >>> rng = np.random.RandomState(0)
        >>> rain = np.maximum(rng.normal(size=1000), 0)
        >>> days = rng.randint(7, size=1000)
        >>> NormalScoreTransformer().fit(np.column_stack([rain, days])).n_atoms_
        array([1, 7])
        """
        with self._unchanged_on_error():
            X = read_rows(self, X, reset=True)
            X, weight = weighted_rows(X, sample_weight)
            names = getattr(self, "feature_names_in_", range(X.shape[1]))
            empty = np.isnan(X).all(axis=0)
            if empty.any():
                raise ValueError(
                    f"Column {names[int(np.argmax(empty))]!r} of X must have an "
                    "observed entry; got missing ones only."
                )
            self.maps_ = [fit_normal_scores(x, weight) for x in X.T]
            self.n_atoms_ = np.array([len(m.atoms) for m in self.maps_])
        return self

    def transform(self, X):
        """Compute normal scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_features)
            The scores, in the precision of `X`.

        Examples
        --------
        The quantiles of a uniform distribution become those of a normal one:

        >>> import numpy as np
        >>> from scipy.special import ndtri
        >>> from sklatent.density import NormalScoreTransformer
        >>> X = np.random.RandomState(0).uniform(size=(10_000, 1))
        >>> quantiles = np.array([[0.1], [0.5], [0.9]])
        >>> NormalScoreTransformer().fit(X).transform(quantiles).ravel().round(1)
        array([-1.3,  0. ,  1.3])
        >>> ndtri(quantiles).ravel().round(1)
        array([-1.3,  0. ,  1.3])
        """
        X = self._validate_rows(X)
        return self._by_column("transform", X)

    def inverse_transform(self, X):
        """Compute rows from normal scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Normal scores.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            The rows, in the precision of the scores. Columns whose training values are
            rounded to six decimals or fewer are rounded to as many.

        Raises
        ------
        ValueError
            If the number of columns is not that of `fit`.

        Examples
        --------
        Atoms come back as themselves:

        >>> import numpy as np
        >>> from sklatent.density import NormalScoreTransformer
        >>> X = np.repeat([[0.0], [1.0], [5.0]], [70, 20, 10], axis=0)
        >>> scores = NormalScoreTransformer().fit(X)
        >>> scores.inverse_transform([[-3.0], [0.0], [1.0], [4.0]]).ravel()
        array([0., 0., 1., 5.])
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan")
        if Z.shape[1] != self.n_features_in_:
            raise ValueError(
                "inverse_transform takes scores of n_features_in_="
                f"{self.n_features_in_} columns; got {Z.shape[1]}."
            )
        rows = self._by_column("inverse_transform", Z)
        return as_given(self, rows, X, whole=False)

    def log_slope(self, X):
        """Logarithm of the slope of the map, summed over the columns of each row.

        This is the logarithm of the determinant of the Jacobian: the density of a row
        is that of its scores times the slope.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. Missing entries add nothing.

        Returns
        -------
        log_slope : ndarray of shape (n_samples,)
            In nats.

        Examples
        --------
        >>> import numpy as np
        >>> from sklatent.density import NormalScoreTransformer
        >>> X = np.random.RandomState(0).normal(scale=10.0, size=(10_000, 1))
        >>> scores = NormalScoreTransformer().fit(X)
        >>> np.exp(scores.log_slope([[0.0], [5.0]])).round(1)
        array([0.1, 0.1])
        """
        X = self._validate_rows(X)
        return np.nansum(self._by_column("log_slope", X), axis=1, dtype=X.dtype)

    def _validate_rows(self, X):
        """Check rows given to a fitted transformer."""
        check_is_fitted(self)
        return read_rows(self, X)

    def _by_column(self, method, X):
        """Call a method of the map of each column."""
        columns = [getattr(m, method)(x) for m, x in zip(self.maps_, X.T, strict=True)]
        return np.stack(columns, axis=1).astype(X.dtype, copy=False)


@log_determinant.register(NormalScoreTransformer)
def _log_determinant(transformer, X):
    return transformer.log_slope(X)
