"""What all embeddings have in common.

An embedding places the training rows, as `embedding_`, and new rows beside them, each
by itself. A subclass implements `_place(X)`, which returns the places of validated
rows, and calls `_keep` at the end of `fit`. The places are turned back into rows by one
decoder (`sklatent.utils._decoder`), whatever the embedding.
"""

import functools

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklatent.base import LatentModelMixin, SklatentEstimator
from sklatent.manifold._links import Links
from sklatent.utils._decoder import Decoder
from sklatent.utils._neighbors import k_nearest, unique_rows
from sklatent.utils._recall import neighbors_kept
from sklatent.utils._tables import read_rows


def has_rows(estimator):
    """Whether an embedding is of rows; distances or kernel values have no inverse."""
    if estimator._is_precomputed():
        raise AttributeError(
            f"{type(estimator).__name__} with "
            f"{estimator._precomputed_parameter}='precomputed' never saw rows, so that "
            "it cannot reconstruct them. Fit it with the rows themselves."
        )
    return True


class Embedding(LatentModelMixin, SklatentEstimator):
    """Base of the embeddings."""

    # The parameter whose value "precomputed" says that X holds no rows.
    _precomputed_parameter = "metric"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._is_precomputed()
        return tags

    def _is_precomputed(self):
        return getattr(self, self._precomputed_parameter) == "precomputed"

    def _known(self, X, rows):
        """Return the rows of positive weight, or the distances between them."""
        if len(rows) == len(X):
            return X
        return X[np.ix_(rows, rows)] if self._is_precomputed() else X[rows]

    def _keep(self, X, Z, weight=None):
        """Set `embedding_`, and keep what the other methods need of the training rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The rows; distances or kernel values if these are precomputed.
        Z : ndarray of shape (n_samples, n_components)
            Their places.
        weight : ndarray of shape (n_samples,), default=None
            Weights of the rows for the decoder.
        """
        self.embedding_ = Z.astype(X.dtype, copy=False)
        if self._is_precomputed():
            self._fit_X, self._places, self._decoder = None, self.embedding_, None
            return
        # Rows that are equal have one place, and are neighbors of nothing twice.
        first, inverse, _ = unique_rows(X)
        counts = np.bincount(inverse, weights=weight)
        self._fit_X, self._places = X[first], self.embedding_[first]
        self._decoder = Decoder().fit(self._places, self._fit_X, counts)

    def _nearest(self, X, n_neighbors):
        """Return the nearest distinct training rows: distances and indices."""
        if self._is_precomputed():
            return k_nearest(X, n_neighbors, metric="precomputed")
        return k_nearest(
            self._fit_X,
            n_neighbors,
            queries=X,
            metric=getattr(self, "metric", "euclidean"),
            n_jobs=getattr(self, "n_jobs", None),
        )

    def fit_transform(self, X, y=None, **fit_params):
        """Fit the embedding, and return the places of the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; distances or kernel values if these are precomputed.
        y : Ignored
            Present for API consistency.
        **fit_params : dict
            Further arguments of `fit`, such as `sample_weight`.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            The attribute `embedding_`.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import ClassicalMDS
        >>> ClassicalMDS(n_components=2).fit_transform(load_iris().data).shape
        (150, 2)
        """
        return self.fit(X, y, **fit_params).embedding_

    def transform(self, X):
        """Place rows among the training rows.

        Each row gets its place by itself, whatever rows come with it. A training row
        has its place in `embedding_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; with precomputed distances or kernel values those to or with the
            training rows, of shape (n_samples, n_samples_fit).

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            Places of the rows, in the precision of `X`.

        Warns
        -----
        FarRowsWarning
            In the classes that tell far rows: if a row is far from all training rows,
            so that its place tells little.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import ClassicalMDS
        >>> X = load_iris().data
        >>> mds = ClassicalMDS(n_components=2).fit(X[::2])
        >>> mds.transform(X[1::2]).shape
        (75, 2)
        """
        return super().transform(X)

    def score(self, X, y=None):
        """Average of `score_samples` over the rows; larger is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; with precomputed distances or kernel values those to or with the
            training rows, of shape (n_samples, n_samples_fit).
        y : Ignored
            Present for API consistency.

        Returns
        -------
        score : float
            Mean share of the nearest training rows that are kept, corrected for chance.

        Examples
        --------
        More components keep more neighbors:

        >>> from sklearn.datasets import load_wine
        >>> from sklatent.manifold import ClassicalMDS
        >>> X = load_wine().data
        >>> one, two = (ClassicalMDS(n_components=q).fit(X[::2]) for q in (1, 2))
        >>> one.score(X[1::2]) < two.score(X[1::2])
        True
        """
        return super().score(X, y)

    def _encode(self, X):
        return self._place(X)

    def _decode(self, Z):
        return self._decoder.decode(Z)

    @available_if(has_rows)
    def inverse_transform(self, X):
        """Reconstruct rows from their places.

        A place is turned into a row by a linear regression on the training rows whose
        places are the nearest. Each is reconstructed by itself. With precomputed
        distances there is no such method.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Places, such as `transform` returns.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            The reconstructed rows, in the units of the data and the precision of the
            places.

        Raises
        ------
        ValueError
            If there are not `n_components_` columns.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import ClassicalMDS
        >>> X = load_iris().data
        >>> mds = ClassicalMDS(n_components=2).fit(X)
        >>> mds.inverse_transform(mds.embedding_).shape
        (150, 4)
        """
        return super().inverse_transform(X)

    @available_if(has_rows)
    def reconstruction_error(self, X):
        """Squared distance between each row and its reconstruction.

        With precomputed distances there is no such method.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        error : ndarray of shape (n_samples,)
            Sum over the features of the squared difference, in squared units of the
            data.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import ClassicalMDS
        >>> X = load_iris().data
        >>> errors = ClassicalMDS(n_components=3).fit(X).reconstruction_error(X)
        >>> errors.shape, bool(errors.mean() < 0.1)
        ((150,), True)
        """
        return super().reconstruction_error(X)

    def score_samples(self, X):
        """Share of the nearest training rows of each row that its place keeps.

        It is the recall of up to ten nearest training rows among the nearest in the
        embedding, corrected for chance: 1 if all are kept, 0 on average for a random
        place. It is no density and is not in nats. The score, its mean, compares
        embeddings with each other and their settings in a grid search. A row of the
        training set is not a neighbor of its own.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; with precomputed distances, those from the training rows, of
            shape (n_samples, n_samples_fit).

        Returns
        -------
        recall : ndarray of shape (n_samples,)
            Between -k / (n - 1 - k), for k neighbors and n distinct training rows,
            and 1. It is 1 where there are fewer than three distinct training rows.

        References
        ----------
        .. [1] J. A. Lee, D. H. Peluffo-Ordóñez and M. Verleysen (2015), "Multi-scale
           similarities in stochastic neighbor embedding: Reducing dimensionality while
           preserving both local and global structure", Neurocomputing 169.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import ClassicalMDS
        >>> X = load_iris().data
        >>> mds = ClassicalMDS(n_components=2).fit(X[::2])
        >>> kept = mds.score_samples(X[1::2])
        >>> kept.shape, bool(kept.mean() > 0.6)
        ((75,), True)
        """
        X = self._validate_rows(X)
        nearest = functools.partial(self._nearest, X)
        kept = neighbors_kept(nearest, self._places, self._encode(X))
        return kept.astype(X.dtype, copy=False)


class GraphEmbedding(Embedding):
    """Base of the embeddings that may be given a sparse graph of distances."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = self._is_precomputed()
        return tags

    def _read(self, X, **options):
        """Check rows, distances or a graph; rows do not stay sparse."""
        X = read_rows(self, X, accept_sparse="csr", **options)
        return X.toarray() if issparse(X) and not self._is_precomputed() else X

    def _validate_rows(self, X):
        check_is_fitted(self)
        return self._read(X)

    def _nearest(self, X, n_neighbors):
        if issparse(X):
            return Links.of_graph(X).arrays(n_neighbors)
        return super()._nearest(X, n_neighbors)
