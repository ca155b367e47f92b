"""What a fitted mixture tells: densities, components, rows, marginals, conditionals."""

from numbers import Integral

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.base import DensityMixin, clone
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from sklatent.base import GenerativeModelMixin, ScoreMixin
from sklatent.density.mixture._covariance import STRUCTURES
from sklatent.density.mixture._parameters import Mixture
from sklatent.density.mixture._selection import information
from sklatent.density.mixture._steps import expected, map_blocks, normalize
from sklatent.utils._columns import set_constants
from sklatent.utils._random import random_generator
from sklatent.utils._tables import read_rows
from sklatent.utils._threads import count_threads

# What a mixture of some of the features has from that of all.
KEPT_ATTRIBUTES = (
    "n_components_",
    "converged_",
    "n_iter_",
    "n_samples_seen_",
    "lower_bound_",
    "lower_bounds_",
    "_covariance_type_",
)


def parameter_attributes(mixture):
    """Fitted attributes for the parameters of a mixture."""
    square = mixture.structure.square
    with np.errstate(over="ignore", under="ignore"):
        return {
            "weights_": mixture.weights,
            "means_": mixture.means,
            "covariances_": square(mixture.root),
            "precisions_": square(mixture.precision_root),
            "precisions_cholesky_": mixture.precision_root,
        }


class MixtureModelMixin(GenerativeModelMixin, ScoreMixin, DensityMixin):
    """Methods of a mixture with scikit-learn's attributes."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _mixture(self):
        """The fitted mixture, in the units of the data."""
        return Mixture.of_precision_root(
            self.weights_,
            self.means_,
            self.precisions_cholesky_,
            STRUCTURES[self._covariance_type_],
        )

    def _check_queries(self, X):
        """Check rows given to the fitted estimator."""
        check_is_fitted(self)
        return read_rows(self, X)

    def _map_log_joint(self, X, function):
        """Apply a function to the log of weight times density, block by block."""
        X = self._check_queries(X)
        n_threads = count_threads(self.n_jobs)
        result = map_blocks(X, self._mixture(), n_threads, lambda L, *_: function(L))
        return X.dtype, result

    def score_samples(self, X):
        """Log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for the units of the data and in the precision of `X`. Of a row
            with holes, that of what is observed: 0 if nothing is.

        Examples
        --------
        With `max_iter=0` a mixture is what it starts from, here of N(0, 1) and N(4, 1),
        evenly:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> mixture = GaussianMixture(
        ...     n_components=2,
        ...     covariance_type="spherical",
        ...     weights_init=[0.5, 0.5],
        ...     means_init=[[0.0], [4.0]],
        ...     precisions_init=[1.0, 1.0],
        ...     max_iter=0,
        ... ).fit([[0.0], [4.0]])
        >>> p = np.exp(mixture.score_samples([[0.0], [2.0], [np.nan]]))
        >>> p.round(2)
        array([0.2 , 0.05, 1.  ])
        """
        dtype, log_density = self._map_log_joint(X, normalize)
        return log_density.astype(dtype, copy=False)

    def predict_proba(self, X):
        """Probability that a row is of each component.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        responsibilities : ndarray of shape (n_samples, n_components)
            They sum to 1 in each row. Of a row of which nothing is observed, they are
            the weights.

        Examples
        --------
        Half way between two equal components either is as probable:

        >>> from sklatent.density import GaussianMixture
        >>> mixture = GaussianMixture(
        ...     n_components=2,
        ...     covariance_type="spherical",
        ...     weights_init=[0.5, 0.5],
        ...     means_init=[[0.0], [4.0]],
        ...     precisions_init=[1.0, 1.0],
        ...     max_iter=0,
        ... ).fit([[0.0], [4.0]])
        >>> mixture.predict_proba([[0.0], [2.0], [4.0]]).round(2)
        array([[1. , 0. ],
               [0.5, 0.5],
               [0. , 1. ]])
        """

        def probabilities(L):
            normalize(L)
            return L.T

        dtype, responsibilities = self._map_log_joint(X, probabilities)
        return responsibilities.astype(dtype, copy=False)

    def predict(self, X):
        """Most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            In [0, n_components): where `predict_proba` is largest, the first of those
            that are equally probable.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X, species = load_iris(return_X_y=True)
        >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
        >>> np.unique(mixture.predict(X[species == 0])).size  # setosa is one component
        1
        >>> bool((mixture.predict(X) == mixture.predict_proba(X).argmax(axis=1)).all())
        True
        """
        return self._map_log_joint(X, lambda L: L.argmax(axis=0))[1]

    def sample_components(self, n_samples=1, random_state=None):
        """Draw rows, and tell which component each is of.

        Parameters
        ----------
        n_samples : int, default=1
            How many rows to draw.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows at every call.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows that `sample` returns.
        labels : ndarray of shape (n_samples,)
            Their components.

        Raises
        ------
        ValueError
            If `n_samples` is below 1.

        Examples
        --------
        Half of the rows are of each component, by chance a few more or less:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> mixture = GaussianMixture(
        ...     n_components=2,
        ...     covariance_type="spherical",
        ...     weights_init=[0.5, 0.5],
        ...     means_init=[[0.0], [4.0]],
        ...     precisions_init=[1.0, 1.0],
        ...     max_iter=0,
        ... ).fit([[0.0], [4.0]])
        >>> X, labels = mixture.sample_components(1000, random_state=0)
        >>> (np.bincount(labels) / 1000).round(1)
        array([0.5, 0.5])
        >>> bool((X == mixture.sample(1000, random_state=0)).all())
        True
        """
        check_is_fitted(self)
        try:
            check_scalar(n_samples, "n_samples", Integral, min_val=1)
        except ValueError as error:
            raise ValueError(f"Invalid value for 'n_samples': {error}") from error
        return self._draw(n_samples, random_generator(random_state))

    def _sample(self, n_samples, rng):
        return self._draw(n_samples, rng)[0]

    def _draw(self, n_samples, rng):
        """Rows and their components."""
        mixture = self._mixture()
        k, p = mixture.means.shape
        weights = mixture.weights / mixture.weights.sum()
        labels = rng.choice(k, n_samples, p=weights)
        X = rng.standard_normal((n_samples, p))
        for component in np.unique(labels):
            rows, L = labels == component, mixture.expanded_root[component]
            X[rows] = X[rows] * L if mixture.structure.diagonal else X[rows] @ L.T
        X += mixture.means[labels]
        set_constants(X, self._constants_)
        return X, labels

    def aic(self, X):
        """Compute Akaike's information criterion; smaller is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        aic : float
            Twice the number of free parameters minus twice the log-likelihood of the
            rows, in nats [1]_.

        References
        ----------
        .. [1] H. Akaike (1974). A new look at the statistical model identification.
           IEEE Transactions on Automatic Control 19, 716-723.

        Examples
        --------
        One Gaussian in four dimensions has 4 parameters for the mean, 10 for the
        covariance:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> mixture = GaussianMixture().fit(X)
        >>> log_likelihood = mixture.score_samples(X).sum()
        >>> bool(abs(mixture.aic(X) - (2 * 14 - 2 * log_likelihood)) < 1e-9)
        True
        """
        return self._information("aic", X)

    def bic(self, X):
        """Compute Schwarz's Bayesian information criterion; smaller is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        bic : float
            Number of free parameters times the logarithm of the number of rows, minus
            twice the log-likelihood of the rows, in nats [1]_.

        References
        ----------
        .. [1] G. Schwarz (1978). Estimating the dimension of a model. Annals of
           Statistics 6, 461-464.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> values = [
        ...     GaussianMixture(n_components=k, random_state=0).fit(X).bic(X)
        ...     for k in (1, 2, 3)
        ... ]
        >>> values.index(min(values))  # two components
        1
        """
        return self._information("bic", X)

    def icl(self, X):
        """Integrated completed likelihood; smaller is better.

        It is `bic` and a charge for components that overlap, so that it looks for
        clusters rather than for a density.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        icl : float
            `bic(X)` plus twice the entropy of `predict_proba(X)`, summed over the rows,
            in nats [1]_.

        References
        ----------
        .. [1] C. Biernacki, G. Celeux and G. Govaert (2000). Assessing a mixture model
           for clustering with the integrated completed likelihood. IEEE Transactions
           on Pattern Analysis and Machine Intelligence 22, 719-725.

        Examples
        --------
        Two components hardly overlap in the iris data, and are charged next to nothing
        for it; of four, some do:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> for k in (2, 4):
        ...     mixture = GaussianMixture(n_components=k, random_state=0).fit(X)
        ...     print(k, mixture.icl(X) - mixture.bic(X) > 1)
        2 False
        4 True
        """
        return self._information("icl", X)

    def _n_parameters(self):
        """Free parameters, under the name that scikit-learn gives their number."""
        return self._mixture().n_parameters

    def _information(self, criterion, X):
        X = self._check_queries(X)
        n_threads = count_threads(self.n_jobs)
        return information(criterion, self._mixture(), X, None, n_threads)

    def impute(self, X, return_std=False):
        """Fill the holes with their expectation given what is observed of the row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        return_std : bool, default=False
            Whether to return the standard deviations too.

        Returns
        -------
        X_imputed : ndarray of shape (n_samples, n_features)
            The data, observed entries unchanged.
        std : ndarray of shape (n_samples, n_features)
            Standard deviation of each missing entry given what is observed, 0 for
            observed ones. Only if `return_std`.

        Examples
        --------
        Of two features with variance 1 and correlation 0.8, one tells the other up to a
        standard deviation of 0.6:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> rng = np.random.RandomState(0)
        >>> X = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=5000)
        >>> mixture = GaussianMixture().fit(X)
        >>> imputed, std = mixture.impute([[1.0, np.nan]], return_std=True)
        >>> imputed.round(1), std.round(1)
        (array([[1. , 0.8]]), array([[0. , 0.6]]))
        """
        X = self._check_queries(X)
        imputed, variance = expected(X, self._mixture(), count_threads(self.n_jobs))
        set_constants(imputed, self._constants_, np.isnan(X))
        variance[:, ~np.isnan(self._constants_)] = 0.0
        imputed = imputed.astype(X.dtype, copy=False)
        if not return_std:
            return imputed
        return imputed, np.sqrt(variance).astype(X.dtype, copy=False)

    def marginal(self, columns):
        """Distribution of some of the features.

        Parameters
        ----------
        columns : array-like of int or str
            Which features, in which order: their positions, negative ones from the
            last, or their names.

        Returns
        -------
        mixture : GaussianMixture
            Fitted: a mixture of the same type with these features. What tells of the
            fit, such as `n_iter_` and `lower_bound_`, is that of all features.

        Raises
        ------
        ValueError
            If there are none, or one twice, or one that the data did not have.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> mixture = GaussianMixture(n_components=3, random_state=0).fit(X)
        >>> of_petals = mixture.marginal([2, 3])
        >>> of_petals.means_.shape
        (3, 2)

        The same as to leave the other features out of each row:

        >>> import numpy as np
        >>> holed = X.copy()
        >>> holed[:, :2] = np.nan
        >>> log_p = mixture.score_samples(holed)
        >>> np.allclose(of_petals.score_samples(X[:, 2:]), log_p)
        True
        """
        check_is_fitted(self)
        kept = self._positions(columns)
        mixture = self._mixture()
        structure = mixture.structure
        if structure.isotropic:
            root = mixture.root
        elif structure.diagonal:
            root = mixture.root[..., kept]
        else:  # rows of L are the features, not triangular any more
            root = _triangular(mixture.root[..., kept, :])
        made = Mixture(mixture.weights, mixture.means[:, kept], root, structure)
        return self._with_parameters(made, kept)

    def conditional(self, given):
        """Distribution of the other features, given the values of some.

        Parameters
        ----------
        given : dict
            Values by position or by name of the feature, in units of the data. If it
            is empty, nothing is given and all features are left.

        Returns
        -------
        mixture : GaussianMixture
            Fitted: a mixture of the same type with the other features, in their
            order. Its weights are the probabilities of the components given the
            values. What tells of the fit, such as `n_iter_` and `lower_bound_`, is that
            of all features.

        Raises
        ------
        ValueError
            If no feature is left, one is given twice, one is given that the data did
            not have, or a value is not finite.

        Examples
        --------
        In which of two clusters a row is, its first feature tells; the second then has
        one mode instead of two:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((2000, 2)) + rng.choice([0, 10], size=(2000, 1))
        >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
        >>> second = mixture.conditional({0: 10.5})
        >>> second.weights_.max().round(2)
        np.float64(1.0)
        >>> second.sample(1000, random_state=0).mean().round()
        np.float64(10.0)
        """
        check_is_fitted(self)
        known = self._positions(list(given), allow_none=True)
        values = np.array(list(given.values()), dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"Values must be finite; got {dict(given)}.")
        others = np.setdiff1d(np.arange(self.means_.shape[1]), known)
        if len(others) == 0:
            raise ValueError("All features are given; none is left.")
        mixture = self._mixture()
        if len(known) == 0:
            return self._with_parameters(mixture, others)
        of_known = self.marginal(known)
        vars(of_known).pop("feature_names_in_", None)  # the values have no names
        weights = of_known.predict_proba(values[None])[0]
        structure, means = mixture.structure, mixture.means[:, others]
        if structure.isotropic:
            root = mixture.root
        elif structure.diagonal:
            root = mixture.root[..., others]
        else:
            # With the known features first, L = [[A, 0], [B, C]]: the others have mean
            # m + B A^-1 (values - m_known) and covariance C C'.
            L = _triangular(mixture.root[..., np.concatenate([known, others]), :])
            q = len(known)
            root = L[..., q:, q:]
            expanded = structure.expand(L, *mixture.means.shape)
            means = means + [
                L[q:, :q] @ solve_triangular(L[:q, :q], values - m[known], lower=True)
                for L, m in zip(expanded, mixture.means, strict=True)
            ]
        return self._with_parameters(Mixture(weights, means, root, structure), others)

    def _positions(self, columns, *, allow_none=False):
        """Positions of features that are given by position or by name."""
        names = list(getattr(self, "feature_names_in_", []))
        p = self.means_.shape[1]
        positions = []
        for column in columns:
            known = names if isinstance(column, str) else range(-p, p)
            if column not in known:
                raise ValueError(
                    f"The features are {names or f'numbered from 0 to {p - 1}'}; got "
                    f"{column!r}."
                )
            at = names.index(column) if isinstance(column, str) else int(column) % p
            positions.append(at)
        if len(set(positions)) < len(positions) or not (positions or allow_none):
            raise ValueError(f"Each feature must be there once; got {columns!r}.")
        return np.array(positions, dtype=np.intp)

    def _with_parameters(self, mixture, kept):
        """Fitted estimator with the parameters of a mixture of some features."""
        made = clone(self).set_params(
            n_components=self.n_components_,
            weights_init=None,
            means_init=None,
            precisions_init=None,
        )
        for name in KEPT_ATTRIBUTES:
            setattr(made, name, getattr(self, name))
        made._frame_ = self._frame_.of_features(kept)
        made._constants_ = self._constants_[kept]
        vars(made).update(parameter_attributes(mixture))
        made.n_features_in_ = len(kept)
        if hasattr(self, "feature_names_in_"):
            made.feature_names_in_ = self.feature_names_in_[kept]
        return made


def _triangular(rows):
    """Lower triangular factors of the same R R'."""
    upper = np.linalg.qr(np.swapaxes(rows, -1, -2), mode="r")
    signs = np.sign(np.einsum("...ii->...i", upper))
    return np.swapaxes(upper * signs[..., None], -1, -2)
