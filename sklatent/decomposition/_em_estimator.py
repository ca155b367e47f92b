"""What probabilistic PCA and factor analysis share: EM, and missing entries."""

import numbers

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from sklatent.base import SklatentEstimator
from sklatent.decomposition._blocked_missing import BlockedMissingData
from sklatent.decomposition._em import (
    NOISE_FLOOR,
    DiagonalStep,
    FullCovariance,
    IsotropicStep,
    RowCovariance,
    maximize,
    principal_factors,
)
from sklatent.decomposition._linear_gaussian import LinearGaussian, LinearGaussianMixin
from sklatent.decomposition._missing import (
    BLOCK_ROWS,
    MissingData,
    conditional_variance,
    map_observed,
    maximize_observed,
    observed_log_density,
    posterior_covariance,
    posterior_mean,
)
from sklatent.decomposition._triangles import merge_triangles, triangle
from sklatent.utils._arrays import in_precision_of, moved
from sklatent.utils._columns import (
    any_missing,
    centered_rows,
    check_observed,
    observed_moments,
    set_constants,
)
from sklatent.utils._iterations import reported_fit
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import CallbackSupportMixin
from sklatent.utils._tables import check_in_memory
from sklatent.utils._warnings import warn
from sklatent.utils.frames._output import filled_as_given, tables_as_given


def principal_axes(W):
    """Rotate W to orthogonal columns, longest first, largest entry positive.

    Columns that are no longer than rounding of the longest are 0: over a noise that is
    nearly nothing they would be seen.
    """
    if W.shape[1] == 0:
        return W
    U, lengths, _ = np.linalg.svd(W, full_matrices=False)
    lengths[lengths <= max(W.shape) * np.finfo(W.dtype).eps * lengths[0]] = 0
    largest = np.abs(U).argmax(axis=0)
    signs = np.where(U[largest, np.arange(U.shape[1])] < 0, -1.0, 1.0)
    return U * (lengths * signs)


def _few_rows(rows):
    """Mean of fewer rows than features, and R with R'R their 1/n covariance."""
    if not rows.in_blocks:
        return centered_rows(rows.X, rows.weight)
    total, mean, error = rows.mean()
    R = rows.reduce(triangle, merge_triangles, mean, error)
    return mean, R / np.sqrt(total)


class EMEstimator(CallbackSupportMixin, LinearGaussianMixin, SklatentEstimator):
    """Maximum likelihood of x = W z + mu + eps where some entries may be missing.

    Subclasses say whether the noise is `_isotropic`, and give `_attributes(model)`, the
    fitted attributes, and its inverse, `_model()`.
    """

    _by_block = {"posterior": "_posterior_of_each_row"}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _n_components(self, X):
        """Return the number of components, in [0, n_features]."""
        q = self._resolve_n_components(X, X.shape[1])
        if not 0 <= q <= X.shape[1]:
            raise ValueError(
                f"n_components must be in [0, {X.shape[1]}], the number of features; "
                f"got {q}."
            )
        return q

    def _fit_em(self, rows, y, psi=None):
        """Estimate by EM, from the moments or, with missing entries, from the rows.

        Parameters
        ----------
        rows : ArrayRows or DaskRows
            The rows.
        y : object
            For callbacks.
        psi : ndarray of shape (n_features,), default=None
            Noise variances to start from; None for half of each feature's variance.

        Returns
        -------
        step : IsotropicStep, DiagonalStep or MissingData
            The data, in units in which features have the variance 1 or so.
        model : LinearGaussian
            What was found, in these units.
        log_likelihood : float
            Its mean log-likelihood per row, in these units.
        """
        self.n_components_ = self._n_components(rows.X)
        self._constants_ = rows.constants
        has_missing = rows.has_missing
        if has_missing:
            mean, scale, step = self._incomplete_data(rows)
        else:
            mean, scale, step = self._complete_data(rows)
        psi = np.full(len(scale), 0.5) if psi is None else psi / scale**2
        psi = np.maximum(psi, NOISE_FLOOR)
        if self._isotropic and not has_missing:
            # The principal axes are where complete data would end.
            shape = (len(psi), self.n_components_)
            W = 0.5 * random_generator(self.random_state).standard_normal(shape)
            start = LinearGaussian(W, np.zeros_like(psi), psi)
        else:
            start = principal_factors(step.covariance, psi, self.n_components_)
        # Densities in units of the data: an observed entry brings 1 / scale.
        log_jacobian = step.share_observed @ np.log(scale)

        def attributes(model, history):
            """Undo the centering and the scaling."""
            W, mu = model.W * scale[:, None], mean + model.mu * scale
            return {
                **self._attributes(LinearGaussian(W, mu, model.psi * scale**2)),
                "log_likelihood_": history[-1] - log_jacobian,
                "log_likelihood_history_": [h - log_jacobian for h in history],
                "n_iter_": max(1, len(history) - 1),
            }

        # Generators, so that callbacks and the bound on iterations stay here.
        ascend = maximize_observed if has_missing else maximize
        ascent = ascend(step, start, self.tol)
        with reported_fit(self, rows.X, y, self.max_iter) as fit:
            report = fit.iterations("em", attributes, offset=log_jacobian)
            for _ in range(self.max_iter):
                report.begin()
                model, history, converged = next(ascent)
                converged |= report.end(-history[-1], model, history)
                if converged:
                    break
            if not has_missing:
                # A leap ends at a model that is better than the likelihood recorded.
                model, history[-1] = step.finish(model)
            vars(self).update(attributes(model, history))
        if not converged:
            warn(
                f"EM still gains more than tol={self.tol:g} nats per row after "
                f"max_iter={self.max_iter} iterations; raise one of them.",
                ConvergenceWarning,
            )
        return step, model, history[-1]

    def _complete_data(self, rows):
        """Mean, scale and EM step of complete data, which are read once."""
        if rows.n_rows < rows.n_features:
            mean, R = _few_rows(rows)
            scale = self._scale(np.einsum("ij,ij->j", R, R))
            covariance = RowCovariance(R / scale)
        else:
            # Noise may be 1e-9 of a variance, of which products in single precision
            # leave nothing.
            moments = rows.moments(np.float64)
            mean, S = moments.mean, moments.covariance()
            scale = self._scale(np.diag(S))
            covariance = FullCovariance(S / scale[:, None] / scale)
        step = IsotropicStep if self._isotropic else DiagonalStep
        return mean, scale, step(covariance)

    def _incomplete_data(self, rows):
        """Mean, scale and EM step of rows with missing entries."""
        names = getattr(self, "feature_names_in_", np.arange(rows.n_features))
        if rows.in_blocks:
            rows.warn_of_readings(self.max_iter)
            columns = rows.overview.columns
            check_observed(columns.count, names)
            mean, scale = columns.mean, self._scale(columns.squares / columns.count)
            step = BlockedMissingData(rows, mean, scale, self._isotropic)
            return mean, scale, step
        X, weight = rows.X, rows.weight
        weight = np.ones(len(X)) if weight is None else weight
        mean, variance = observed_moments(X, weight, names)
        scale = self._scale(variance)
        return mean, scale, MissingData((X - mean) / scale, weight, self._isotropic)

    def _scale(self, variance):
        """What divides the features: one number if they share the noise variance."""
        if self._isotropic:
            return np.full_like(variance, np.sqrt(variance.mean()) or 1.0)
        varies = variance > 0
        typical = np.median(variance[varies]) if varies.any() else 1.0
        return np.sqrt(np.where(varies, variance, typical))

    def _encode(self, X):
        if any_missing(X):
            return map_observed(posterior_mean, X, self._model()).astype(X.dtype)
        return in_precision_of(X, self._model().codes(X))

    def _decode(self, Z):
        model = self._model()
        # In double precision, whatever that of the codes.
        loadings, mu = moved((model.W.T, model.mu), Z)
        return in_precision_of(Z, in_precision_of(mu, Z) @ loadings + mu)

    def posterior(self, X):
        """Mean and covariance of the code z given the observed entries of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. A row with nothing observed has the prior, N(0, I).

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            E[z | x], the same as `transform(X)`.
        covariance : ndarray of shape (n_components, n_components) or \
                (n_samples, n_components, n_components)
            Cov[z | x]: one for all rows if `X` is complete, else one per row, as for
            a Dask collection. Codes have the variance 1 before anything is observed.

        Examples
        --------
        The less is observed of a row, the less is known of its code:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> X = load_iris().data
        >>> ppca = PPCA(n_components=1).fit(X)
        >>> row, nan = X[0], np.nan
        >>> mean, covariance = ppca.posterior([row, [*row[:2], nan, nan], [nan] * 4])
        >>> np.sqrt(covariance.ravel()).round(2)
        array([0.16, 0.41, 1.  ])
        """
        X = self._validate_rows(X)
        if not any_missing(X):
            _, covariance = self._model().posterior(X[:1, :])
        else:
            covariance = map_observed(posterior_covariance, X, self._model())
        return self._encode(X), in_precision_of(X, covariance)

    def _posterior_of_each_row(self, X):
        """The posterior, with one covariance per row whether X is complete or not."""
        mean, covariance = self.posterior(X)
        return mean, np.broadcast_to(covariance, (len(mean), *covariance.shape[-2:]))

    def score_samples(self, X):
        """Log-density of the observed entries of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for the units of the data; 0 for a row with nothing observed.

        Examples
        --------
        For a row with missing entries it is the density of the observed ones:

        >>> import numpy as np
        >>> from scipy.stats import norm
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> ppca = PPCA(n_components=2).fit(load_iris().data)
        >>> log_density = ppca.score_samples([[5.0, np.nan, np.nan, np.nan]])
        >>> std = np.sqrt(ppca.get_covariance()[0, 0])
        >>> bool(np.allclose(log_density, norm(ppca.mean_[0], std).logpdf(5.0)))
        True
        """
        X = self._validate_rows(X)
        if any_missing(X):
            log_density = map_observed(observed_log_density, X, self._model())
        else:
            log_density = self._model().log_density(X)
        return in_precision_of(X, log_density)

    def impute(self, X, return_std=False):
        """Impute missing entries by their expectation given the observed ones.

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
            Standard deviation of each missing entry given the observed ones, 0 for
            observed ones. Only if `return_std`.

        Examples
        --------
        A length that is hidden comes back to within its standard deviation:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> X = load_iris().data
        >>> ppca = PPCA(n_components=2).fit(X)
        >>> X[0]
        array([5.1, 3.5, 1.4, 0.2])
        >>> imputed, std = ppca.impute([[5.1, 3.5, np.nan, 0.2]], return_std=True)
        >>> imputed.round(1), std.round(1)
        (array([[5.1, 3.5, 1.6, 0.2]]), array([[0. , 0. , 0.4, 0. ]]))
        """
        table, X = X, self._validate_rows(X)
        missing = np.isnan(X)
        imputed = np.where(missing, self._decode(self._encode(X)), X)
        set_constants(imputed, self._constants_, missing)
        filled = filled_as_given(self, table, imputed, X)
        if not return_std:
            return filled
        std = np.sqrt(map_observed(conditional_variance, X, self._model())).astype(
            X.dtype
        )
        std[:, ~np.isnan(self._constants_)] = 0
        return filled, np.where(missing, std, X.dtype.type(0))

    def sample_missing(self, X, n_samples=1, random_state=None):
        """Impute missing entries by draws given the observed ones: multiple imputation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        n_samples : int, default=1
            How many complete tables to draw.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same draws at every call.

        Returns
        -------
        tables : ndarray of shape (n_draws, n_samples, n_features)
            The data as often as the parameter `n_samples` says, in its precision;
            observed entries are unchanged.

        Raises
        ------
        ValueError
            If the parameter `n_samples` is less than 1.

        Examples
        --------
        Only the missing entries differ from one table to the next:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> ppca = PPCA(n_components=2).fit(load_iris().data)
        >>> X = [[5.1, 3.5, np.nan, 0.2], [np.nan, 3.0, 4.0, 1.3]]
        >>> tables = ppca.sample_missing(X, n_samples=1000, random_state=0)
        >>> tables.shape
        (1000, 2, 4)
        >>> tables.std(axis=0).round(1)
        array([[0. , 0. , 0.4, 0. ],
               [0.3, 0. , 0. , 0. ]])
        """
        table, X = X, self._validate_rows(X)
        check_scalar(n_samples, "n_samples", numbers.Integral, min_val=1)
        rng = random_generator(random_state)
        model = self._model()
        missing = np.isnan(X)
        tables = np.repeat(X[None], n_samples, axis=0)
        incomplete = np.flatnonzero(missing.any(axis=1))
        for i in range(0, len(incomplete), BLOCK_ROWS):
            rows = incomplete[i : i + BLOCK_ROWS]
            mean = map_observed(posterior_mean, X[rows], model)
            root = np.linalg.cholesky(
                map_observed(posterior_covariance, X[rows], model)
            )
            for drawn_table in tables:
                z = rng.standard_normal(mean.shape)
                z = mean + np.einsum("nij,nj->ni", root, z)
                noise = rng.standard_normal(X[rows].shape) * np.sqrt(model.psi)
                drawn = z @ model.W.T + model.mu + noise
                set_constants(drawn, model.constants)
                drawn_table[rows] = np.where(missing[rows], drawn, X[rows])
        return tables_as_given(self, table, tables, X)

    def _n_parameters(self):
        """Free parameters: W up to a rotation, the mean, and the noise."""
        check_is_fitted(self)
        p, q = self.n_features_in_, self.n_components_
        n_noise = 1 if self._isotropic else p
        return p * q - q * (q - 1) // 2 + p + n_noise

    def aic(self, X):
        """Compute Akaike's information criterion; smaller is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        aic : float
            Twice the number of parameters minus twice the log-likelihood of the rows,
            in nats.

        Examples
        --------
        A parameter costs 2, and log n in `bic`, which is more from eight rows on:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> X = load_iris().data
        >>> for q in (1, 2, 3):
        ...     ppca = PPCA(n_components=q).fit(X)
        ...     print(q, round(ppca.aic(X)), round(ppca.bic(X)))
        1 959 986
        2 834 870
        3 788 830
        """
        check_in_memory(X, type(self).__name__)
        return 2 * self._n_parameters() - 2 * len(X) * self.score(X)

    def bic(self, X):
        """Compute Schwarz's Bayesian information criterion; smaller is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        bic : float
            Number of parameters times log n, for n rows, minus twice the
            log-likelihood of the rows, in nats.

        Examples
        --------
        It finds how many components there are, in rows that have two:

        >>> from sklatent.datasets import make_affine
        >>> from sklatent.decomposition import PPCA
        >>> X, _ = make_affine(
        ...     500, dimension=2, n_features=6, noise=0.1, random_state=0
        ... )
        >>> bic = {q: PPCA(n_components=q).fit(X).bic(X) for q in range(5)}
        >>> min(bic, key=bic.get)
        2
        """
        check_in_memory(X, type(self).__name__)
        return np.log(len(X)) * self._n_parameters() - 2 * len(X) * self.score(X)
