"""What a variational autoencoder says of rows: densities, codes, missing entries."""

from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_scalar

from sklatent.neural.training._devices import map_rows
from sklatent.neural.training._units import BLOCK_ROWS
from sklatent.neural.vae._bounds import (
    effective_sample_size,
    elbo_terms,
    expected_row,
    importance_weighted_bound,
    weighted_codes,
)
from sklatent.utils._blocks import row_slices
from sklatent.utils._random import random_generator


class VAEEstimatesMixin:
    """Methods of a fitted variational autoencoder."""

    def posterior(self, X):
        """Mean and variance of the approximate posterior q(z | x) of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN where an entry is missing.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            For `latent="normal"` the same as `transform(X)`. For "bernoulli" the
            probabilities of 1. For "categorical" the probabilities of the levels, of
            shape (n_samples, n_components, n_levels).
        variance : ndarray of the same shape
            Diagonal of the covariance, which has no other entries; p (1 - p) for
            probabilities p.

        Examples
        --------
        Rows on a line tell their codes: the posterior is narrower than the prior, whose
        variance is 1.

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> vae = VAETransformer(
        ...     n_components=1,
        ...     hidden_layer_sizes=(),
        ...     lr=0.05,
        ...     batch_size=10,
        ...     max_epochs=5,
        ...     random_state=0,
        ... ).fit(X)
        >>> mean, variance = vae.posterior(X)
        >>> bool((mean == vae.transform(X)).all()), bool((variance < 0.1).all())
        (True, True)
        """
        X = self._validate_rows(X)
        network = self._network(X.dtype)

        def posterior(rows):
            x = network.observe(self._tensor(rows, network))
            return network.latent.moments(network.posterior(*x))

        return map_rows(posterior, X)

    def elbo(self, X):
        """Evidence lower bound of each row, and its two terms.

        E_q[log p(x | z)] is an average over `n_importance_samples` draws, and so is the
        divergence if the prior is learned; otherwise it is exact. `beta` is not
        applied. Discrete codes, if few, are summed over, and both are exact. Kingma
        and Welling (2014) [1]_, eq. 3.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. Of a row with missing entries, the bound of the others.

        Returns
        -------
        elbo : ndarray of shape (n_samples,)
            `log_likelihood` - `kl`, in nats for the units of the data; at most the
            log-density of the row, up to the error of the average.
        log_likelihood : ndarray of shape (n_samples,)
            E_q[log p(x | z)], how well codes drawn for the row explain it.
        kl : ndarray of shape (n_samples,)
            KL(q(z | x) ‖ p(z)), how many nats the code carries.

        References
        ----------
        .. [1] D. P. Kingma and M. Welling (2014). Auto-encoding variational Bayes.
           ICLR.

        Examples
        --------
        A row far from the others takes a code that is far from the prior, so it costs
        more nats:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> vae = VAETransformer(
        ...     n_components=1,
        ...     hidden_layer_sizes=(),
        ...     lr=0.05,
        ...     batch_size=10,
        ...     max_epochs=5,
        ...     random_state=0,
        ... ).fit(X)
        >>> bound, log_likelihood, kl = vae.elbo([[0.0, 0.0, 0.0], [3.0, 6.0, -3.0]])
        >>> np.allclose(bound, log_likelihood - kl), bool(kl[1] > kl[0] + 1)
        (True, True)
        """
        X = self._validate_rows(X)
        log_likelihood, kl = self._map_with_noise(elbo_terms, X)
        log_likelihood += self._log_jacobian(X)
        return log_likelihood - kl, log_likelihood, kl

    def score_samples(self, X, return_std=False):
        """Importance-weighted lower bound on the log-density of each row.

        log 1/K Σ_k p(x | z_k) p(z_k) / q(z_k | x) with K = `n_importance_samples`
        draws z_k from the posterior [1]_. Its expectation rises with K towards
        log p(x). Discrete codes, if few, are all summed over, which gives log p(x)
        itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. Of a row with missing entries, the density of the others.
        return_std : bool, default=False
            Whether to return the standard errors too.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for the units of the data; log-probability for discrete columns.
        std : ndarray of shape (n_samples,)
            Monte Carlo standard error, from the spread of the weights. Only if
            `return_std`. Where it is above 1/2 or so, few draws carry all the weight
            and it is too small itself. It is 0 where all codes are summed over.

        References
        ----------
        .. [1] Y. Burda, R. Grosse and R. Salakhutdinov (2016). Importance weighted
           autoencoders. ICLR. Eq. 8.

        Examples
        --------
        A row off the line on which the training rows are is less likely, by far more
        than the error:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> vae = VAETransformer(
        ...     n_components=1,
        ...     hidden_layer_sizes=(),
        ...     lr=0.05,
        ...     batch_size=10,
        ...     max_epochs=5,
        ...     random_state=0,
        ... ).fit(X)
        >>> on_and_off = [[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]]
        >>> log_p, std = vae.score_samples(on_and_off, return_std=True)
        >>> bool(log_p[0] - log_p[1] > 10), bool(std[0] < 0.5)
        (True, True)
        """
        X = self._validate_rows(X)
        log_density, std = self._map_with_noise(importance_weighted_bound, X)
        log_density += self._log_jacobian(X)
        return (log_density, std) if return_std else log_density

    def effective_sample_size(self, X):
        """How many draws the importance weights of each row are worth.

        (Σ w)² / Σ w² [1]_, between 1 and `n_importance_samples`: near the latter where
        the encoder's posterior is close to the true one, and near 1 where
        `score_samples` and `impute` need more draws, if they draw codes at all.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN where an entry is missing.

        Returns
        -------
        size : ndarray of shape (n_samples,)
            Effective number of draws.

        References
        ----------
        .. [1] A. Kong, J. S. Liu and W. H. Wong (1994). Sequential imputations and
           Bayesian missing data problems. Journal of the American Statistical
           Association 89, 278-288.

        Examples
        --------
        An encoder that has seen no holes in training has a poor posterior for a row
        with one, which needs more draws:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> vae = VAETransformer(
        ...     n_components=1,
        ...     hidden_layer_sizes=(),
        ...     lr=0.05,
        ...     batch_size=10,
        ...     max_epochs=5,
        ...     random_state=0,
        ... ).fit(X)
        >>> rows = [[1.0, 2.0, -1.0], [1.0, np.nan, -1.0]]
        >>> complete, holed = vae.effective_sample_size(rows)
        >>> bool(1 <= holed < complete <= vae.n_importance_samples)
        True
        """
        return self._map_with_noise(effective_sample_size, self._validate_rows(X))

    def mutual_information(self, X, n_draws=1):
        """Estimate how many nats codes carry about which row they were drawn for.

        I(x; z) = E[log q(z | x) - log 1/n Σ_j q(z | x_j)] over the n rows x and draws z
        [1]_. It is at most log n and, but for the error of the draws, at most the mean
        divergence from the prior; what the latter exceeds it by, the codes as a whole
        miss the prior by.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. All pairs of rows are looked at, so some thousand do.
        n_draws : int, default=1
            Draws of z per row.

        Returns
        -------
        information : float
            In nats.

        Raises
        ------
        ValueError
            If `n_draws` is below 1.

        References
        ----------
        .. [1] M. D. Hoffman and M. J. Johnson (2016). ELBO surgery: yet another way to
           carve up the variational evidence lower bound. NIPS Workshop on Advances in
           Approximate Bayesian Inference.

        Examples
        --------
        The codes of rows on a line tell these apart, and no better than each of 200
        rows from all others:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> vae = VAETransformer(
        ...     n_components=1,
        ...     hidden_layer_sizes=(),
        ...     lr=0.05,
        ...     batch_size=10,
        ...     max_epochs=5,
        ...     random_state=0,
        ... ).fit(X)
        >>> information = vae.mutual_information(X)
        >>> bool(1 < information < min(vae.kl_per_component_.sum(), np.log(200)))
        True
        """
        X = self._validate_rows(X)
        check_scalar(n_draws, "n_draws", Integral, min_val=1)
        network = self._network(X.dtype)
        latent = network.latent
        generator = torch.Generator().manual_seed(self._noise_seed)

        with torch.inference_mode():
            parameters = network.posterior(*network.observe(self._tensor(X, network)))
            information = 0.0
            for _ in range(n_draws):
                noise = latent.noise((len(X), 1), generator, torch.empty(0))
                z = latent.draw(parameters, noise.to(parameters[0])).squeeze(1)
                for rows in row_slices(len(X), BLOCK_ROWS):
                    log_q = latent.pairwise_log_q(parameters, z[rows])
                    own = log_q.diagonal(rows.start)
                    information += (own - log_q.logsumexp(1)).double().sum().item()
        return information / (n_draws * len(X)) + np.log(len(X))

    def impute(self, X, n_samples=None, return_std=False):
        """Fill the holes with their expectation given what is observed of the row.

        E[x | observed] by self-normalised importance sampling from the posterior
        [1]_, or as a sum over all codes where these are discrete and few.
        `effective_sample_size` tells of rows that need more draws. An expectation of
        zeros and ones, counts or levels is in general none of these: `sample_missing`
        draws values that are.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The data; NaN where an entry is missing.
        n_samples : int, default=None
            Draws per row; None takes `n_importance_samples`. Not used where all codes
            are summed over.
        return_std : bool, default=False
            Whether to return the standard deviations too.

        Returns
        -------
        X_imputed : ndarray of shape (n_rows, n_features)
            The data, observed entries unchanged.
        std : ndarray of shape (n_rows, n_features)
            Standard deviation of each missing entry given what is observed, 0 for
            observed ones. Only if `return_std`.

        Raises
        ------
        ValueError
            If `n_samples` is below 1.

        References
        ----------
        .. [1] P.-A. Mattei and J. Frellsen (2019). MIWAE: deep generative modeling and
           imputation of incomplete data sets. ICML. Eq. 11.

        Examples
        --------
        The second feature of these rows is twice the first, and minus twice the third:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> vae = VAETransformer(
        ...     n_components=1,
        ...     hidden_layer_sizes=(),
        ...     lr=0.05,
        ...     batch_size=10,
        ...     max_epochs=5,
        ...     random_state=0,
        ... ).fit(X)
        >>> vae.impute([[1.0, np.nan, -1.0]], n_samples=1000).round()
        array([[ 1.,  2., -1.]])
        """
        X = self._validate_rows(X)
        if n_samples is not None:
            check_scalar(n_samples, "n_samples", Integral, min_val=1)
        missing = np.isnan(X)
        imputed, std = X.copy(), np.zeros_like(X)
        holed = missing.any(axis=1)
        if holed.any():
            mean, variance = self._map_with_noise(expected_row, X[holed], n_samples)
            mean = self._undo_standardize(mean)
            scale = np.where(np.isnan(self._constant), self.scale_, 0.0)
            deviation = (np.sqrt(variance) * scale).astype(X.dtype)
            imputed[missing] = mean[missing[holed]]
            std[missing] = deviation[missing[holed]]
        return (imputed, std) if return_std else imputed

    def sample_missing(self, X, n_samples=1, random_state=None):
        """Fill the holes with draws given what is observed: multiple imputation.

        Codes are drawn from `n_importance_samples` draws per row, or from all codes
        where these are discrete and few, in proportion to their weights, and missing
        entries from the likelihood.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The data; NaN where an entry is missing.
        n_samples : int, default=1
            How many complete tables to draw.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same draws at every call.

        Returns
        -------
        tables : ndarray of shape (n_samples, n_rows, n_features)
            The data as often as `n_samples` says, observed entries unchanged.

        Raises
        ------
        ValueError
            If `n_samples` is below 1.

        Examples
        --------
        What is expected of a zero or a one is a share of ones; draws are zeros and
        ones:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = 1.0 * (rng.uniform(size=(100, 4)) < rng.uniform(size=(100, 1)))
        >>> vae = VAETransformer(
        ...     n_components=1,
        ...     likelihood="bernoulli",
        ...     hidden_layer_sizes=(),
        ...     max_epochs=2,
        ...     random_state=0,
        ... ).fit(X)
        >>> holed = [[1.0, 1.0, 1.0, np.nan]]
        >>> bool(0 < vae.impute(holed)[0, 3] < 1)
        True
        >>> tables = vae.sample_missing(holed, n_samples=50, random_state=0)
        >>> tables.shape
        (50, 1, 4)
        >>> np.unique(tables[:, 0, 3])
        array([0., 1.])
        """
        X = self._validate_rows(X)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        rng = random_generator(random_state)
        tables = np.repeat(X[None], n_samples, axis=0)
        missing = np.isnan(X)
        holed = missing.any(axis=1)
        if holed.any():

            def draws(network, x, noise):
                z, log_weights = weighted_codes(network, x, noise)
                z = z.expand(len(x), -1, -1)
                w = log_weights.softmax(1).cumsum(1)
                u = torch.from_numpy(rng.uniform(size=(len(x), n_samples))).to(w)
                chosen = torch.searchsorted(w, u * w[:, -1:])
                output = network.decoder(z[torch.arange(len(x))[:, None], chosen])
                return network.likelihood.sample(output, rng)

            X_drawn = self._map_with_noise(draws, X[holed], device="cpu")
            X_drawn = self._undo_standardize(X_drawn)
            tables[:, missing] = np.moveaxis(X_drawn, 1, 0)[:, missing[holed]]
        return tables

    def _decode(self, Z):
        check_codes = getattr(self.net_.module_.latent, "check", None)
        if check_codes is not None:
            check_codes(Z)
        return super()._decode(Z)

    def _log_jacobian(self, X):
        """Log |d standardized / d x| of each row, to be added to a log-density."""
        log_scale = np.log(self.scale_)
        if not np.isnan(X).any():
            return -log_scale.sum()
        return -(~np.isnan(X) @ log_scale).astype(X.dtype)

    def _map_with_noise(self, bound, X, n_draws=None, device=None):
        """bound(model, x, noise) over blocks of rows, in the precision of X."""
        n_draws = self.n_importance_samples if n_draws is None else n_draws
        check_scalar(n_draws, "n_importance_samples", Integral, min_val=1)
        network = self._network(X.dtype, device)
        # On the CPU, so that the noise is the same whatever the device.
        generator = torch.Generator().manual_seed(self._noise_seed)
        noise = network.latent.noise(
            (n_draws,), generator, torch.empty(0, dtype=torch.float64)
        )
        noise = noise.to(next(network.parameters()))
        codes = network.latent.codes
        n_codes = 1 if codes is None else len(codes)
        return map_rows(
            lambda rows: bound(network, self._tensor(rows, network), noise),
            X,
            block_rows=max(1, BLOCK_ROWS // max(n_draws, n_codes)),
        )

    @torch.inference_mode()
    def _sample(self, n_samples, rng):
        # On the CPU, so that a seed gives the same rows whatever the device.
        network = self._network(np.dtype(np.float64), device="cpu")
        z = network.latent.sample(n_samples, rng, network.encode_inputs)
        X = network.likelihood.sample(network.decoder(z), rng)
        return self._undo_standardize(X.numpy())
