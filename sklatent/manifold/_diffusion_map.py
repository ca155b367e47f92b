"""Diffusion maps: coordinates from the random walk on the rows.

Coifman and Lafon (2006); with widths Berry and Harlim (2016).
"""

from numbers import Integral, Real

import numpy as np
from scipy.special import ndtri
from sklearn.base import clone

from sklatent.exceptions import FewRowsWarning, RankDeficientWarning
from sklatent.manifold._base import Embedding
from sklatent.manifold._diffusion_kernel import (
    BANDWIDTHS,
    WIDTH_NEIGHBORS,
    make_kernel,
    make_walk,
)
from sklatent.manifold._diffusion_modes import NewRows, slow_modes
from sklatent.manifold._far import FAR, warn_of_far_rows
from sklatent.manifold._graph import (
    component_labels,
    symmetric_graph,
    warn_of_components,
)
from sklatent.manifold._harmonics import independent
from sklatent.manifold._links import MatrixSearch, RowSearch
from sklatent.manifold._rate_errors import rate_errors
from sklatent.utils._iterations import listens, reported_fit
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_weight, read_rows
from sklatent.utils._warnings import warn

# What n_neighbors="auto" is, within these bounds: the rows over SHARE.
FEWEST_NEIGHBORS, MOST_NEIGHBORS, SHARE = 16, 128, 8
# Eigenfunctions among which those that are no harmonics are looked for.
MORE_FUNCTIONS = 4
CONFIDENCE = 0.95
# The metric of the search is Euclidean.
SEARCH = {"p": 2, "metric_params": None, "algorithm": "auto"}


class DiffusionMap(CallbackSupportMixin, Embedding):
    """Diffusion map: an embedding by the slow modes of a random walk on the rows.

    The walk steps to near rows. Its slow modes are the eigenfunctions of the Laplacian
    of the manifold on which the rows lie, whatever their density there, and are
    coordinates that follow the shape: along a curve one from end to end, on a circle a
    sine and a cosine [1]_. Its eigenvalues are rates, in units of 1 / length²; they
    have error bars. The width of the kernel varies with the density [2]_, and how far
    the walk goes is measured, so that rates of thousands of rows without noise on a
    manifold of one or two dimensions are right within a few percent.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Number of components, or an unfitted estimator of the dimension such as
        :class:`~sklatent.dimension.TwoNN`, whose `dimension_` is rounded.
    alpha : float, default=1.0
        How much of the density of the rows is divided out [1]_. 1 gives the Laplacian
        of the manifold whatever the density. 0.5 gives the Langevin dynamics in a
        potential, minus the logarithm of the density, and 0 that in twice the
        potential.
    bandwidth : {"variable", "fixed"}, default="variable"
        Whether the width of the kernel follows the density q, as q^(-1/2), or in
        dimensions d above two q^(-1/d), or is the same everywhere. A fixed width fails
        where the density varies much.
    epsilon : float or "auto", default="auto"
        Square of the width of the kernel, in squared units of the data: the kernel is
        exp(-d² / (4 epsilon)) where the width is 1, as it is on average. "auto" takes
        the largest for which the last of `n_neighbors` does not matter.
    n_neighbors : int or "auto", default="auto"
        Number of nearest rows that a step can lead to. "auto" is 128 or, if that is
        less, an eighth of the distinct rows, and at least 16.
    dimension : float, estimator or "auto", default="auto"
        Dimension of the manifold, to which rates are proportional, or an unfitted
        estimator of it such as :class:`~sklatent.dimension.TwoNN`. "auto" is the
        maximum-likelihood estimate from all neighbors, rounded, which is the dimension
        at the scale of the kernel, where noise below it does not count [4]_.
    diffusion_time : float, default=0.0
        Each component is multiplied by exp(-rate * diffusion_time), so that distances
        in the embedding are diffusion distances; in squared units of the data. With 0
        all components have the same variance.
    n_eigenvalues : int, default=8
        Number of rates in `eigenvalues_`, if there are not more components.
    drop_harmonics : bool, default=False
        Whether to leave out eigenfunctions that are functions of those before them
        [3]_, as cos(2 x) is of cos(x), so that each component says something new.
    metric : {"euclidean", "precomputed"}, default="euclidean"
        Whether X holds rows, or the distances between them.
    n_jobs : int or None, default=None
        Number of threads in the search for neighbors; None takes as many as there are
        processors. The result is the same for any.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does. With 0 it prints nothing. Iterations are blocks of rows whose neighbors
        are searched for, and then products in the search for eigenvalues; how many
        there will be, and the time left, are not known.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the training rows.
    n_components_ : int
        Number of components.
    n_eigenvalues_ : int
        Number of rates: `n_eigenvalues`, or more if there are more components, or fewer
        if there are fewer distinct rows.
    eigenvalues_ : ndarray of shape (n_eigenvalues,)
        Rates at which the modes decay, ascending, in 1 / squared units of the data,
        without the rate 0 of the constant mode. Each further connected component of the
        graph adds a rate of 0.
    eigenvalues_std_ : ndarray of shape (n_eigenvalues,)
        Standard errors of the rates by the chance of the sample, from the rates of two
        halves of the rows; infinite for fewer than 96 distinct rows.
    eigenvalues_interval_ : ndarray of shape (n_eigenvalues, 2)
        Intervals for the rates at a confidence of 95 %. Each contains the chance of the
        sample, and what half of epsilon would change, for the dimension as it is.
    eigenfunctions_ : ndarray of shape (n_samples, n_eigenvalues)
        Modes at the training rows, each with a mean square of 1 under the weights.
    component_indices_ : ndarray of shape (n_components,)
        Which modes the components are.
    component_labels_ : ndarray of shape (n_samples,)
        Connected component of the graph of neighbors that each row is in.
    epsilon_ : float
        Square of the width of the kernel.
    dimension_ : float
        Dimension of the manifold.
    n_neighbors_ : int
        Number of neighbors.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    Isomap : Keeps distances along the data.
    sklearn.manifold.SpectralEmbedding : The modes of a graph, without rates, error bars
        and a map of new rows.

    Notes
    -----
    With n rows, k neighbors and q rates, time grows like n (k + q²) times the number of
    steps of Lanczos' method, about the square root of the ratio of the fastest rate to
    the slowest, and memory like n k. Graphs of curves and ribbons are factorized.

    A new row has its place by a step of the walk to its nearest training rows
    (Nyström's method), and a training row its own. A row much farther from all training
    rows than these are from each other has the place of the nearest.

    References
    ----------
    .. [1] R. R. Coifman and S. Lafon (2006). Diffusion maps. Applied and Computational
       Harmonic Analysis 21, 5-30. Section 3.
    .. [2] T. Berry and J. Harlim (2016). Variable bandwidth diffusion kernels. Applied
       and Computational Harmonic Analysis 40, 68-96. Equations 9 to 12.
    .. [3] C. J. Dsilva, R. Talmon, R. R. Coifman and I. G. Kevrekidis (2018).
       Parsimonious representation of nonlinear dynamical systems through manifold
       learning: a chemotaxis case study. Applied and Computational Harmonic Analysis
       44, 759-773. Equations 9 to 12.
    .. [4] E. Levina and P. J. Bickel (2004). Maximum likelihood estimation of intrinsic
       dimension. Advances in Neural Information Processing Systems 17, 777-784.
       Equation 8.

    Examples
    --------
    The rates on a circle of radius 1 are 1, 1, 4, 4, 9, 9, ...:

    >>> import numpy as np
    >>> from sklatent.manifold import DiffusionMap
    >>> angle = np.random.RandomState(0).uniform(0, 2 * np.pi, 2000)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> diffusion = DiffusionMap(n_components=2).fit(X)
    >>> diffusion.eigenvalues_[:6].round()
    array([1., 1., 4., 4., 9., 9.])
    >>> diffusion.transform([[0.8, 0.6]]).shape
    (1, 2)
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "alpha": [Interval(Real, None, None, closed="neither")],
        "bandwidth": [StrOptions(set(BANDWIDTHS))],
        "epsilon": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "n_neighbors": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "dimension": [
            Interval(Real, 0, None, closed="neither"),
            HasMethods("fit"),
            StrOptions({"auto"}),
        ],
        "diffusion_time": [Interval(Real, 0, None, closed="left")],
        "n_eigenvalues": [Interval(Integral, 1, None, closed="left")],
        "drop_harmonics": ["boolean"],
        "metric": [StrOptions({"euclidean", "precomputed"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=2,
        *,
        alpha=1.0,
        bandwidth="variable",
        epsilon="auto",
        n_neighbors="auto",
        dimension="auto",
        diffusion_time=0.0,
        n_eigenvalues=8,
        drop_harmonics=False,
        metric="euclidean",
        n_jobs=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.bandwidth = bandwidth
        self.epsilon = epsilon
        self.n_neighbors = n_neighbors
        self.dimension = dimension
        self.diffusion_time = diffusion_time
        self.n_eigenvalues = n_eigenvalues
        self.drop_harmonics = drop_harmonics
        self.metric = metric
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the modes of the walk, and place the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, two of them different; with ``metric="precomputed"`` their
            distances, of shape (n_samples, n_samples).
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the walk, and in the mean squares of the modes.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If all rows are equal, or X does not hold distances with
            ``metric="precomputed"``.

        Warns
        -----
        DisconnectedGraphWarning
            If the graph of neighbors has several connected components.
        FewRowsWarning
            If there are fewer distinct rows than `n_neighbors` asks for.
        RankDeficientWarning
            If there are fewer modes than components, of which the rest is 0.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import DiffusionMap
        >>> X = load_iris().data
        >>> DiffusionMap(n_neighbors=50).fit(X).embedding_.shape
        (150, 2)
        """
        with self._unchanged_on_error():
            X = read_rows(self, X, reset=True, ensure_min_samples=2)
            rows, row_weight = self._weighted(X, sample_weight)
            search = self._start_search(X, rows)
            weight = np.bincount(search.inverse, row_weight)
            with reported_fit(self, X, y, None) as fit:
                report = products = None
                if listens(self):
                    report = fit.report_of_rows(len(search))
                    products = fit.report_of("product")
                distances, graph = self._neighbors(search, report)
                # Squares of distances have to be numbers.
                unit = self._unit = 2.0 ** np.frexp(np.median(distances))[1]
                distances, graph = distances / unit, graph / unit
                self.dimension_ = self._resolve_dimension(search, distances)
                epsilon = self.epsilon
                if epsilon != "auto":
                    epsilon = epsilon / unit / unit
                kernel = make_kernel(
                    distances, self.dimension_, self.alpha, self.bandwidth, epsilon
                )
                self.epsilon_ = kernel.epsilon * unit * unit
                walk = make_walk(kernel, graph, kernel.width(distances), weight)
                labels = self._label(walk)
                modes = slow_modes(
                    walk, labels, weight, self._n_modes(search), products
                )
                self._set_rates(search, kernel, graph, walk, weight, modes, report)
            components = self._choose_components(modes, len(search))
            decays = np.zeros(self.n_components_)
            decays[: len(self.component_indices_)] = modes.decays[
                self.component_indices_
            ]
            self._map = NewRows(kernel, walk.at_rows(), decays, components)
            self._reach = FAR * distances[:, -1].max() * unit
            self._keep(self._known(X, rows), components[search.inverse], row_weight)
            search.keep_only(self._fit_X)
            self._search = search
            self._set_of_all_rows(X, rows, modes, labels, components)
        return self

    def _weighted(self, X, sample_weight):
        """Return which rows have a positive weight, and their weights."""
        if sample_weight is None:
            return np.arange(len(X)), np.ones(len(X))
        weight = check_weight(sample_weight, X)
        rows = np.flatnonzero(weight > 0)
        return rows, weight[rows]

    def _start_search(self, X, rows):
        """Return the search for neighbors among distinct rows of positive weight."""
        self._rows = rows
        if self._is_precomputed():
            search = MatrixSearch(self._known(X, rows))
        else:
            search = RowSearch(X[rows], self.metric, n_jobs=self.n_jobs, **SEARCH)
        if len(search) < 2:
            raise ValueError(
                "X must have two rows that differ, for a walk between them; got "
                f"{len(X)} rows, of which {len(search)} differ and have a weight."
            )
        return search

    def _neighbors(self, search, report):
        """Distances to the nearest other rows, and the graph of neighbors."""
        n, k = len(search), self.n_neighbors
        if k == "auto":
            k = min(max(n // SHARE, FEWEST_NEIGHBORS), MOST_NEIGHBORS, n - 1)
        elif k > n - 1:
            warn(
                f"n_neighbors={k} needs more rows than the {n} distinct ones; "
                f"n_neighbors={n - 1} is used.",
                FewRowsWarning,
            )
            k = n - 1
        self.n_neighbors_ = k
        return neighbor_graph(search, k, report)

    def _resolve_dimension(self, search, distances):
        """Return the dimension, rounded where it is estimated by default."""
        if isinstance(self.dimension, Real):
            return float(self.dimension)
        if self.dimension != "auto":
            return float(clone(self.dimension).fit(search.data()).dimension_)
        # At the scale of the kernel: that of the nearest rows may be the noise's.
        logs = np.log(distances[:, -1:] / distances[:, :-1])
        mean = logs.mean() if logs.size else 1.0
        most = search.data().shape[1]
        return float(max(1, round(min(1 / mean, most)))) if mean > 0 else 1.0

    def _label(self, walk):
        """Component of each row; warn if there are several."""
        labels = component_labels(walk.A)
        if labels.any():
            warn_of_components(
                labels.max() + 1,
                "The first modes tell them apart, with rates of 0. Raise n_neighbors, "
                f"now {self.n_neighbors_}, if the data are in one piece.",
            )
        return labels

    def _n_modes(self, search):
        """How many modes to find."""
        most = len(search) - 1
        self.n_components_ = self._resolve_n_components(search.data(), most=most)
        more = MORE_FUNCTIONS if self.drop_harmonics else 1
        return min(max(self.n_eigenvalues, more * self.n_components_), most)

    def _set_rates(self, search, kernel, graph, walk, weight, modes, report):
        """Set the eigenvalues and their errors."""

        def graph_of(rows, share):
            k = min(
                max(round(share * self.n_neighbors_), WIDTH_NEIGHBORS), len(rows) - 1
            )
            return neighbor_graph(search.part(rows), k, report)[1] / self._unit

        errors = rate_errors(modes, kernel, graph, walk, weight, graph_of)
        half = errors.half_width(ndtri((1 + CONFIDENCE) / 2))
        ends = [np.maximum(modes.rates - half, 0.0), modes.rates + half]
        rate_unit = self._unit**-2.0
        self.n_eigenvalues_ = len(modes.rates)
        self.eigenvalues_ = modes.rates * rate_unit
        self.eigenvalues_std_ = errors.chance * rate_unit
        self.eigenvalues_interval_ = np.column_stack(ends) * rate_unit

    def _choose_components(self, modes, n):
        """Return the components at the distinct training rows."""
        q = self.n_components_
        found = min(q, len(modes.rates))
        chosen = np.arange(found)
        if self.drop_harmonics:
            chosen = independent(modes.functions, found)
        self.component_indices_ = chosen
        if found < q:
            warn(
                f"n_components={q} is more than the {found} modes of a walk between "
                f"{n} distinct rows; the other components are 0. Lower n_components.",
                RankDeficientWarning,
            )
        components = np.zeros((n, q))
        damped = np.exp(-self.eigenvalues_[chosen] * self.diffusion_time)
        components[:, :found] = modes.functions[:, chosen] * damped
        return components

    def _set_of_all_rows(self, X, rows, modes, labels, components):
        """Set the attributes of all training rows, those without weight included."""
        at = self._search.inverse
        if len(rows) < len(X):
            places = np.empty((len(X), self.n_components_), dtype=X.dtype)
            places[rows] = self.embedding_
            out = np.setdiff1d(np.arange(len(X)), rows)
            places[out] = self._place(X[out])
            self.embedding_ = places
            nearest = self._search_nearest(X, 1)[1][:, 0]
            nearest[rows] = at
            at = nearest
        self.component_labels_ = labels[at]
        self.eigenfunctions_ = modes.functions[at]

    def _search_nearest(self, X, k):
        """Distances to the nearest distinct training rows, and which they are."""
        X = X[:, self._rows] if self._is_precomputed() else X
        return arrays(self._search.nearest(k, X), k)

    def _nearest(self, X, n_neighbors):
        if self._is_precomputed():
            return super()._nearest(X[:, self._rows], n_neighbors)
        return self._search_nearest(X, n_neighbors)

    def _place(self, X):
        distances, nearest = self._search_nearest(X, self.n_neighbors_)
        far = distances[:, 0] > self._reach
        warn_of_far_rows(far, "where the nearest training row is")
        Z = self._map.place(distances / self._unit, nearest, far)
        return Z.astype(X.dtype, copy=False)


def arrays(links, k):
    """Lengths and rows of links, k for each query, as arrays."""
    return links.lengths.reshape(-1, k), links.rows.reshape(-1, k)


def neighbor_graph(search, k, report=None):
    """Distances of rows to their k nearest others, and the symmetric graph of these.

    `report` is that of `k_nearest`.
    """
    distances, indices = arrays(search.nearest(k + 1, report=report), k + 1)
    return distances[:, 1:], symmetric_graph(distances, indices, len(search))
