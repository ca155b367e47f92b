"""The density of rows that a transformer maps to rows with a density."""

from sklearn.base import DensityMixin, clone
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sklatent.base import GenerativeModelMixin, ScoreMixin, SklatentEstimator
from sklatent.density.composite._normal_score_transformer import NormalScoreTransformer
from sklatent.density.mixture._gaussian_mixture import GaussianMixture
from sklatent.utils._log_determinants import log_determinant
from sklatent.utils._members import (
    fit_member,
    sample_transformed,
    take_missing,
)
from sklatent.utils._sklearn import HasMethods, _fit_context
from sklatent.utils._tables import read_rows


class TransformedDensity(
    GenerativeModelMixin, ScoreMixin, DensityMixin, SklatentEstimator
):
    """Density estimation after a transformation, in the units of the data.

    With z = g(x) the transformed row and p the density of the transformed rows::

        log p_X(x) = log p(g(x)) + log |det dg/dx|,

    so that scores are nats of the data, whatever the transformer: pipelines with
    different scalers compare, and a grid search can choose among them. With the default
    arguments this is a Gaussian copula, whose margins have any shape [1]_.

    Parameters
    ----------
    transformer : transformer or None, default=None
        A transformer with a known slope: :class:`NormalScoreTransformer`; of
        scikit-learn `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler`, `RobustScaler`,
        `PowerTransformer` and `QuantileTransformer(output_distribution="normal")`; a
        `PCA` with all components; or a `Pipeline` of these. None is
        `NormalScoreTransformer()`.
    density : density or None, default=None
        An estimator with `fit` and `score_samples`, for the transformed rows; with
        `sample` too, if rows are to be sampled. None is `GaussianMixture()`.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    density_ : density
        The density that is fitted to the transformed rows.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    NormalScoreTransformer : Normal scores, for skewed or heavy-tailed columns.
    StackedDensity : A mixture of several densities, weighted by cross-validation.
    sklearn.compose.TransformedTargetRegressor : The same idea for a target.

    Notes
    -----
    Missing entries are taken if the transformer and the density take them; the density
    is then that of the observed entries. `QuantileTransformer` is constant beyond the
    smallest and the largest training value, so that rows there have a log-density of
    -inf. What `PowerTransformer` returns may be bounded on one side; where the density
    has mass beyond the bound, the density of the rows integrates to that much less than
    1, and `sample` samples in place of it again.

    References
    ----------
    .. [1] H. Liu, J. Lafferty and L. Wasserman (2009). The nonparanormal:
       semiparametric estimation of high dimensional undirected graphs. Journal of
       Machine Learning Research 10, 2295-2328.

    Examples
    --------
    Two skewed columns that depend on each other, whose density is known:

    >>> import numpy as np
    >>> from sklatent.density import GaussianMixture, TransformedDensity
    >>> rng = np.random.RandomState(0)
    >>> Z = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=2000)
    >>> train, test = np.split(np.exp(Z), 2)
    >>> copula = TransformedDensity().fit(train)
    >>> gaussian = GaussianMixture().fit(train)
    >>> f"{copula.score(test):.1f} nats, of a Gaussian {gaussian.score(test):.1f} nats"
    '-2.4 nats, of a Gaussian -4.2 nats'
    >>> bool((copula.sample(1000, random_state=0) > 0).mean() > 0.99)
    True
    """

    _parameter_constraints = {
        "transformer": [HasMethods(["fit", "transform"]), None],
        "density": [HasMethods(["fit", "score_samples"]), None],
    }

    def __init__(self, transformer=None, density=None):
        self.transformer = transformer
        self.density = density

    def _parts(self):
        """Return the transformer and the density to fit."""
        transformer, density = self.transformer, self.density
        return (
            NormalScoreTransformer() if transformer is None else transformer,
            GaussianMixture() if density is None else density,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = take_missing(self._parts())
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the transformer, and the density to the transformed rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, for the density, and for the transformer if it takes
            weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If the slope of the transformer is not known.
        ValueError
            If the transformer has no inverse, or weights are given and the density
            takes none.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklatent.density import KernelDensity, TransformedDensity
        >>> X = np.random.RandomState(0).normal(scale=[1, 1000], size=(200, 2))
        >>> kernels = KernelDensity(0.5)
        >>> scaled = TransformedDensity(StandardScaler(), kernels).fit(X[:100])
        >>> bool(scaled.score(X[100:]) > kernels.fit(X[:100]).score(X[100:]))
        True
        """
        with self._unchanged_on_error():
            X = read_rows(self, X, reset=True)
            transformer, density = map(clone, self._parts())
            if sample_weight is not None and has_fit_parameter(
                transformer, "sample_weight"
            ):
                transformer.fit(X, y, sample_weight=sample_weight)
            else:
                transformer.fit(X, y)
            log_determinant(transformer, X[:1])  # raises if the slope is not known
            Z = transformer.transform(X)
            self.density_ = fit_member(density, Z, y, sample_weight, "density")
            self.transformer_ = transformer
        return self

    def score_samples(self, X):
        """Compute the log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density in the units of the data.

        Examples
        --------
        A standard normal distribution after multiplication by 10:

        >>> import numpy as np
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklatent.density import GaussianMixture, TransformedDensity
        >>> X = np.array([[-10.0], [10.0]])
        >>> density = TransformedDensity(StandardScaler(), GaussianMixture(reg_covar=0))
        >>> log_density = density.fit(X).score_samples([[0.0]])
        >>> bool(np.isclose(log_density[0], -np.log(10 * np.sqrt(2 * np.pi))))
        True
        """
        check_is_fitted(self)
        X = read_rows(self, X)
        log_density = self.density_.score_samples(self.transformer_.transform(X))
        return (log_density + log_determinant(self.transformer_, X)).astype(X.dtype)

    def _sample(self, n_samples, rng):
        inverse = self.transformer_.inverse_transform
        return sample_transformed(self.density_, inverse, n_samples, rng, "transformer")
