"""From places in an embedding back to rows, for all embeddings."""

from sklatent.utils._neighbors import k_nearest

N_NEIGHBORS = 10


class Decoder:
    """Regression of the rows on their places."""

    def fit(self, Z, X, weight):
        """Keep the places, the rows and their weights.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_components)
            Distinct places.
        X : ndarray of shape (n_samples, n_features)
            The rows at these places.
        weight : ndarray of shape (n_samples,)
            How many rows each stands for.

        Returns
        -------
        decoder : Decoder
            Itself.
        """
        self.Z, self.X, self.weight = Z, X, weight
        return self

    def decode(self, Z):
        """Return the rows at places of shape (n_queries, n_components)."""
        k = min(N_NEIGHBORS, len(self.Z))
        _, nearest = k_nearest(self.Z, k, queries=Z)
        weight = self.weight[nearest][:, :, None]
        rows = (weight * self.X[nearest]).sum(axis=1) / weight.sum(axis=1)
        return rows.astype(Z.dtype, copy=False)
