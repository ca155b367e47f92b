"""Variational autoencoder.

Kingma and Welling (2014): a latent variable model whose likelihood is a network,
trained together with a network that approximates the posterior.
"""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_scalar

from sklatent.base import GenerativeModelMixin
from sklatent.neural._base import BLOCK_ROWS, NeuralLatentModel, map_rows
from sklatent.neural._bounds import elbo_terms, importance_weighted_bound
from sklatent.neural._likelihoods import GaussianLikelihood
from sklatent.neural._losses import NegativeELBO
from sklatent.neural._modules import VariationalAutoencoder
from sklatent.neural._priors import StandardNormal
from sklatent.neural._standardization import undo_standardize
from sklatent.utils._sklearn import Interval

# A component is active if its posterior mean varies by more than this over the
# data: Burda et al. (2016), section 5.2.
ACTIVE_VARIANCE = 0.01


class VAETransformer(GenerativeModelMixin, NeuralLatentModel):
    """Variational autoencoder: codes, a density, and new rows.

    The model is z ~ N(0, I), x = decoder(z) + ε with ε ~ N(0, σ² I), and the encoder
    gives the posterior q(z | x) = N(mean(x), diag variance(x)). Decoder, encoder and
    σ² are trained to make the evidence lower bound large [1]_:

        log p(x) >= E_q[log p(x | z)] - KL(q(z | x) ‖ p(z)).

    Without hidden layers its optimum is probabilistic PCA [4]_.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Size of the code; may exceed the number of features. An estimator of the
        intrinsic dimension (with `fit` and `dimension_`) is fitted first, and its
        dimension is rounded.
    hidden_layer_sizes : int or array-like of int, default=(128, 64)
        Sizes of the encoder's hidden layers; the decoder has them in reverse.
        Empty for a linear model.
    activation : {"elu", "gelu", "identity", "leaky_relu", "logistic", "relu", \
            "selu", "softplus", "tanh"}, default="relu"
        Activation between the layers; none follows the code or the output.
    beta : float, default=1.0
        Weight of the divergence in the training loss [2]_. Bounds and scores are
        those of the model itself whatever it is.
    n_importance_samples : int, default=64
        Draws per row for `score_samples` and `elbo`.
    lr : float, default=0.001
        Learning rate of the optimizer.
    batch_size : int, default=128
        Rows in each step of the optimizer.
    max_epochs : int, default=100
        How often training passes over the rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        The optimizer, by name or as a subclass of
        :class:`torch.optim.Optimizer`.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their loss no longer improves, and
        restore the parameters of the best epoch.
    validation_fraction : float, default=0.1
        Share of the rows held out; used with `early_stopping` alone.
    n_iter_no_change : int, default=10
        How many epochs without improvement stop the training; used with
        `early_stopping` alone.
    tol : float, default=0.0001
        By how much the loss has to fall to count as an improvement; used with
        `early_stopping` alone.
    standardize : bool, default=True
        Whether training sees every feature with variance 1. Turn it off for
        features of one kind, such as pixels, whose variances say how much they
        matter: then all are divided by one number, the mean of their standard
        deviations. Features are centred and the results are for the data as
        given either way.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the training. All else has the precision of its input.
    device : str, default="cpu"
        Where to compute, such as "cpu" or "cuda"; "auto" is the first GPU, or the
        CPU where there is none.
    callbacks : list or None, default=None
        skorch callbacks, such as :class:`skorch.callbacks.LRScheduler`; those that
        score predictions find none here. Copies are used, so what one records has to
        go to a file. scikit-learn's callbacks are given to `set_callbacks`.
    verbose : int, default=0
        1 prints a table of the losses.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the rows, the rows held out,
        and the noise of training and scoring. Pass an int for the same results at
        every fit; None is different every time.

    Attributes
    ----------
    n_components_ : int
        Size of the code.
    noise_variance_ : ndarray of shape (n_features,)
        Variance of the noise in squared units of the data, σ² times the square of
        `scale_`. Where σ² would vanish it stops at 1e-6, in standardised units.
    kl_per_component_ : ndarray of shape (n_components,)
        Mean divergence of the posterior from the prior over the training rows, in
        nats: what each component tells about a row.
    n_active_units_ : int
        How many components have a posterior mean whose variance over the training
        rows exceeds 0.01 [3]_.
    net_ : skorch.NeuralNet
        The trained net, on the CPU and trimmed to prediction; its `module_` has
        an `encoder` and a `decoder`.
    history_ : dict of list
        Mean loss of each epoch: "train_loss" and, with `early_stopping`,
        "valid_loss". The loss is minus the bound, with `beta`, in nats per row for
        the units of the data.
    loss_ : float
        Training loss of the last epoch.
    n_iter_ : int
        Number of epochs trained.
    mean_ : ndarray of shape (n_features,)
        Subtracted from the features for training.
    scale_ : ndarray of shape (n_features,)
        Divides the features for training: their standard deviations, a constant
        feature having the median of the others'; or the mean of these, for all.
    device_ : str
        The device in use.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    AETransformer : Codes without a density.

    Notes
    -----
    The same `random_state` gives the same bits on the same machine with the same
    number of threads. The global random generators are neither read nor written.
    `score_samples` and `elbo` use the same noise for every row, fixed when the
    model is fitted: the value of a row does not depend on the rows around it. So their
    Monte Carlo errors do not average out over the rows: with the default 64 draws and
    16 components the mean over the digits still varies by about 0.3 nats with the
    noise. Where models that differ by less are compared, raise
    `n_importance_samples`.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling (2014). Auto-encoding variational Bayes.
       ICLR. Eq. 3.
    .. [2] I. Higgins et al. (2017). beta-VAE: learning basic visual concepts with
       a constrained variational framework. ICLR. Eq. 4.
    .. [3] Y. Burda, R. Grosse and R. Salakhutdinov (2016). Importance weighted
       autoencoders. ICLR. Eq. 8 and section 5.2.
    .. [4] J. Lucas, G. Tucker, R. Grosse and M. Norouzi (2019). Don't blame the
       ELBO! A linear VAE perspective on posterior collapse. NeurIPS. Section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.neural import VAETransformer
    >>> X, _ = load_iris(return_X_y=True)
    >>> vae = VAETransformer(n_components=2, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (150, 2)
    >>> vae.sample(3, random_state=0).shape
    (3, 4)
    >>> bool(vae.score(X) > vae.elbo(X)[0].mean())
    True
    """

    _parameter_constraints = {
        **NeuralLatentModel._parameter_constraints,
        "beta": [Interval(Real, 0, None, closed="left")],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(128, 64),
        activation="relu",
        beta=1.0,
        n_importance_samples=64,
        lr=1e-3,
        batch_size=128,
        max_epochs=100,
        optimizer="adam",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        standardize=True,
        dtype="float32",
        device="cpu",
        callbacks=None,
        verbose=0,
        random_state=None,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.beta = beta
        self.n_importance_samples = n_importance_samples
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.optimizer = optimizer
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.standardize = standardize
        self.dtype = dtype
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def _build(self, data, generator):
        q = self.n_components_
        encoder, decoder = self._mlps(data.shape[1], 2 * q, generator)
        variance = data.square().mean().item() or 1.0  # the data are centred
        module = VariationalAutoencoder(
            encoder, decoder, StandardNormal(), GaussianLikelihood(variance)
        )
        return module, NegativeELBO(self.beta, self._log_jacobian())

    def _log_jacobian(self):
        """Return log |d standardised / d x|, to be added to a log-density."""
        return -float(np.log(self.scale_).sum())

    def _summarize(self, module, data):
        def mean_and_kl(rows):
            mean, log_variance = module.posterior(rows)
            return mean, module.prior.kl(mean, log_variance)

        mean, kl = map_rows(mean_and_kl, data)
        return {
            "kl_per_component_": kl.mean(axis=0, dtype=np.float64),
            "n_active_units_": int((mean.var(axis=0) > ACTIVE_VARIANCE).sum()),
            "noise_variance_": module.likelihood.variance().item() * self.scale_**2,
        }

    def posterior(self, X):
        """Mean and variance of the approximate posterior q(z | x) of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            The same as `transform(X)`.
        variance : ndarray of shape (n_samples, n_components)
            Diagonal of the covariance, which has no other entries.
        """
        X = self._validate_rows(X)
        network = self._network(X.dtype)

        def posterior(rows):
            mean, log_variance = network.posterior(self._tensor(rows, network))
            return mean, log_variance.exp()

        return map_rows(posterior, X)

    def elbo(self, X):
        """Evidence lower bound of each row, and its two terms.

        E_q[log p(x | z)] is an average over `n_importance_samples` draws, the
        divergence is exact, and `beta` is not applied.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        elbo : ndarray of shape (n_samples,)
            `log_likelihood` - `kl`, in nats for the units of the data; at most the
            log-density of the row, up to the error of the average.
        log_likelihood : ndarray of shape (n_samples,)
            E_q[log p(x | z)], how well codes drawn for the row explain it.
        kl : ndarray of shape (n_samples,)
            KL(q(z | x) ‖ p(z)), how many nats the code carries.
        """
        X = self._validate_rows(X)
        log_likelihood, kl = self._map_with_noise(elbo_terms, X)
        log_likelihood += self._log_jacobian()
        return log_likelihood - kl, log_likelihood, kl

    def score_samples(self, X):
        """Importance-weighted lower bound on the log-density of each row.

        log 1/K Σ_k p(x | z_k) p(z_k) / q(z_k | x) with K = `n_importance_samples`
        draws z_k from the posterior: Burda et al. (2016), eq. 8. It rises with K
        towards log p(x).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for the units of the data.
        """
        X = self._validate_rows(X)
        log_density = self._map_with_noise(importance_weighted_bound, X)
        return log_density + self._log_jacobian()

    def _map_with_noise(self, bound, X):
        """bound(model, x, noise) over blocks of rows, in the precision of X."""
        check_scalar(
            self.n_importance_samples, "n_importance_samples", Integral, min_val=1
        )
        network = self._network(X.dtype)
        generator = torch.Generator().manual_seed(self._noise_seed)
        shape = (self.n_importance_samples, self.n_components_)
        noise = network.prior.sample(shape, generator)
        noise = noise.to(next(network.parameters()))
        return map_rows(
            lambda rows: bound(network, self._tensor(rows, network), noise),
            X,
            block_rows=max(1, BLOCK_ROWS // self.n_importance_samples),
        )

    @torch.inference_mode()
    def _sample(self, n_samples, rng):
        # On the CPU, so that a seed gives the same rows whatever the device.
        network = self._network(np.dtype(np.float64), device="cpu")
        generator = torch.Generator().manual_seed(rng.randint(2**31 - 1))
        z = network.prior.sample((n_samples, self.n_components_), generator)
        X = network.likelihood.sample(network.decoder(z), generator)
        return undo_standardize(X.numpy(), self.mean_, self.scale_)
