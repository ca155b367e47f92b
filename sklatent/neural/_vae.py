"""Variational autoencoder.

Kingma and Welling (2014): a latent variable model whose likelihood is a network,
trained together with a network that approximates the posterior.
"""

from numbers import Integral, Real

import numpy as np
import torch

from sklatent.base import GenerativeModelMixin
from sklatent.exceptions import PosteriorCollapseWarning
from sklatent.neural._base import NeuralLatentModel
from sklatent.neural._schema import VAE_ATTRIBUTES
from sklatent.neural.training._devices import map_rows
from sklatent.neural.training._units import BLOCK_ROWS
from sklatent.neural.vae._elbo import OBJECTIVES
from sklatent.neural.vae._estimates import VAEEstimatesMixin
from sklatent.neural.vae._networks import VAENetworksMixin
from sklatent.neural.vae._noise import NOISES
from sklatent.neural.vae._tables import (
    LIKELIHOODS,
)
from sklatent.utils._sklearn import Interval, StrOptions
from sklatent.utils._warnings import warn

# A component is active if its posterior mean varies by more than this over the
# data: Burda et al. (2016), section 5.2.
ACTIVE_VARIANCE = 0.01
# Before, codes do not depend on the rows yet, which is no collapse.
STEPS_TO_LEARN = 100
# Draws for divergences that have no closed form.
KL_DRAWS = 16


class VAETransformer(
    VAEEstimatesMixin, VAENetworksMixin, GenerativeModelMixin, NeuralLatentModel
):
    """Variational autoencoder: codes, a density, and new rows.

    The model is z ~ N(0, I), x = decoder(z) + ε with ε ~ N(0, σ² I), and the encoder
    gives the posterior q(z | x) = N(mean(x), diag variance(x)). Decoder, encoder and
    σ² are trained to make the evidence lower bound large [1]_:

        log p(x) >= E_q[log p(x | z)] - KL(q(z | x) ‖ p(z)).

    Without hidden layers its optimum is probabilistic PCA [4]_. Other likelihoods make
    it a model of binary, count, categorical and mixed tables; other priors and
    discrete codes can be had too. NaN marks missing entries: the bounds are then those
    of what is observed [9]_.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Size of the code; may exceed the number of features. An estimator of the
        intrinsic dimension (with `fit` and `dimension_`) is fitted first, and its
        dimension is rounded.
    likelihood : {"bernoulli", "categorical", "gaussian", "one_hot", "poisson", \
            "student_t"} or list of (str, columns), default="gaussian"
        Law of the features given the code: zeros and ones; one of the levels seen in
        training, numbers in any case; real numbers; blocks of columns with a single
        one, all columns or else split from the left where every row has one; counts;
        real numbers with outlying values. For a table with columns of several kinds, a
        list of pairs of one of these and its columns, which are given as in
        :class:`~sklearn.compose.ColumnTransformer`: by position, name, slice, mask or a
        function of the table.
    noise_variance : {"shared", "feature", "decoder", "batch"} or float, \
            default="shared"
        σ² of Gaussian features, and the squared scale of Student's t: one number that
        is learned, in units of the standardized features; one for each feature; what
        the decoder says of each entry; the mean squared residual of each batch [10]_
        (Gaussian only); or fixed, in squared units of the data.
    prior : {"standard_normal", "mixture", "vampprior"}, default="standard_normal"
        p(z): N(0, I); a mixture of Gaussians that is learned; the mean of the
        posteriors of learned pseudo-rows [8]_.
    n_prior_components : int, default=50
        Number of Gaussians or pseudo-rows of a learned prior.
    latent : {"normal", "bernoulli", "categorical"}, default="normal"
        Kind of code: real numbers; zeros and ones, for hashing; numbers of one of
        `n_levels` levels. The latter two have even odds a priori. Up to 256 codes are
        summed over, in training and afterwards, unless `noise_variance` is "batch";
        more are trained by Gumbel-softmax, straight through, at temperatures that fall
        from 1 to 0.3 [6]_ [7]_.
    n_levels : int, default=8
        Levels of each component; used with `latent="categorical"` alone.
    hidden_layer_sizes : int or array-like of int, default=(128, 64)
        Sizes of the encoder's hidden layers; the decoder has them in reverse.
        Empty for a linear model.
    activation : {"elu", "gelu", "identity", "leaky_relu", "logistic", "relu", \
            "selu", "softplus", "tanh"}, default="relu"
        Activation between the layers; none follows the code or the output.
    skip_connections : bool, default=False
        Whether each network adds a linear map of what it is given to what its layers
        return [5]_. The layers return 0 at first, so that training starts from the
        linear model, and they learn what it misses.
    dropout : float, default=0.0
        Share of the hidden units that are left out at each step of training, others
        at each.
    layer_norm : bool, default=False
        Whether the hidden layers standardize each row of theirs, before the
        activation.
    image_shape : array-like of shape (2,) or (3,), or None, default=None
        Channels, height and width of the images that the rows are, flattened in this
        order, such as (1, 8, 8) for digits; or height and width if there is one channel
        only. Convolutions then stand before the encoder's hidden layers, and their
        mirror image behind the decoder's. None if the rows are no images.
    conv_channels : int or array-like of int, default=(16, 32)
        Channels of the encoder's convolutional layers; the decoder has them in
        reverse. Each has kernels of 3 x 3 and halves height and width, rounded up.
        Used with `image_shape` alone.
    encoder : callable or torch.nn.Module, default=None
        Makes another encoder: called with the sizes of its input and output, it
        returns a module that takes rows of the one to rows of the other. The output
        holds the means of the code, then what gives their variances; of discrete codes
        the log-odds, or the logits of the levels. Where training rows have holes, the
        input ends in zeros and ones that say what is observed. A module is copied. None
        makes the one that the parameters above describe.
    decoder : callable or torch.nn.Module, default=None
        Makes another decoder, likewise.
    beta : float, default=1.0
        Weight of the divergence in the training loss [2]_. Bounds and scores are
        those of the model itself whatever it is.
    warmup_epochs : int, default=0
        Epochs in which the weight rises to `beta`, in even steps from 0. Early
        stopping waits for their end.
    free_bits : float, default=0.0
        Nats that each component may carry at no cost [11]_: so none is given up. For
        `objective="elbo"` and `prior="standard_normal"` alone.
    objective : {"elbo", "iwae"}, default="elbo"
        What training maximizes: the evidence lower bound, or the importance-weighted
        one [3]_, which is closer to log p(x).
    n_train_samples : int, default=None
        Draws per row in training. None is 1 for "elbo" and 16 for "iwae". Not used
        where all codes are summed over.
    n_importance_samples : int, default=64
        Draws per row for `score_samples`, `elbo` and `impute`, which need none where
        all codes are summed over.
    lr : float, default=0.001
        Learning rate of the optimizer.
    lr_schedule : {"constant", "cosine", "linear", "one_cycle"}, default="constant"
        Course of the learning rate: `lr` times 1; ½ (1 + cos πt); 1 - t; or a rise
        from 0.04 to 1 until t = 0.3 and a fall to 0, both along half a cosine. t is
        the share of `max_epochs` that is done, and changes with every step.
    batch_size : int, default=128
        Rows in each step of the optimizer.
    max_epochs : int, default=100
        How often training passes over the rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        The optimizer, by name or as a subclass of
        :class:`torch.optim.Optimizer`. With :class:`torch.optim.LBFGS` an epoch is one
        step of up to 20 iterations that search along lines, on all rows at once: `lr`,
        `lr_schedule`, `batch_size` and `max_grad_norm` are not used.
    update : {"joint", "alternating"}, default="joint"
        Whether each batch makes one step for all networks; or a step for the decoder
        and what belongs to the model p(x, z), then, at the loss this leaves, one for
        the encoder, at twice the cost.
    max_grad_norm : float or None, default=10.0
        A gradient longer than this many times the running mean of the lengths before
        it, which spans some twenty steps, is shortened to that; so that an outlying
        row does no harm. Above 1; None turns it off.
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
    warm_start : bool, default=False
        Whether `fit` goes on from the fitted networks, if there are any, instead of
        random ones. The units, `mean_` and `scale_`, stay as well; optimizer,
        schedules and history begin anew.
    checkpoint_path : path-like or None, default=None
        Folder, made if it is not there, in which each training keeps a file that is
        written after each epoch. A `fit` with the same data and parameters that was
        interrupted continues from it, to the bits of a training that was never
        interrupted, and one that was finished returns at once; so a search that is run
        again takes up where it stopped. Others have files of their own. Where two runs
        are at the same training, one waits for the other. The files stay until the
        folder is deleted.
    standardize : bool, default=True
        Whether training sees every feature with variance 1. Turn it off for
        features of one kind, such as pixels, whose variances say how much they
        matter: then all are divided by one number, the mean of their standard
        deviations. Features are centered and the results are for the data as
        given either way.
    dtype : {"float32", "float64", "mixed"}, default="float32"
        Precision of the training; "mixed" is float32 with bfloat16 where it is safe,
        and on the CPU float32. All else has the precision of its input.
    device : str, default="cpu"
        Where to compute, such as "cpu" or "cuda"; "auto" is the first GPU, or the
        CPU where there is none. Rows that do not fit into the memory of a GPU are
        sent to it batch by batch.
    compile : bool, default=False
        Whether :func:`torch.compile` compiles the training loss: a minute or so that
        pays for large networks. It needs a C++ compiler.
    callbacks : list or None, default=None
        Callbacks of skorch, such as :class:`skorch.callbacks.LRScheduler`; those that
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
        Variance of the features given the code, in squared units of the data: mean over
        the training rows, σ² for Gaussian ones. Where σ² would vanish it stops at
        1e-6, in standardized units.
    kl_per_component_ : ndarray of shape (n_components,)
        Mean divergence of the posterior from the prior over the training rows, in
        nats: what each component tells about a row. Of a learned prior, from its
        marginals.
    n_active_units_ : int
        How many components have a posterior mean whose variance over the training
        rows exceeds 0.01 [3]_.
    net_ : skorch.NeuralNet
        The trained net, on the CPU and trimmed to prediction; its `module_` has
        an `encoder` and a `decoder`.
    encoder_ : torch.nn.Sequential
        A copy of the encoder, to be used or trained on its own: a module that takes
        rows in the units of the data, as tensors in single precision on the CPU, and
        returns the posterior means of their codes; of discrete codes probabilities,
        those of the levels side by side. Training it leaves this estimator alone.
    history_ : dict of list
        Mean loss of each epoch: "train_loss" and, with `early_stopping`,
        "valid_loss". The loss is minus the bound, with `beta` (or what `warmup_epochs`
        has reached of it) and `free_bits`, in nats per row for the units of the data.
    loss_ : float
        Training loss of the last epoch.
    n_iter_ : int
        Number of epochs trained.
    mean_ : ndarray of shape (n_features,)
        Subtracted from the features for training; 0 for discrete ones.
    scale_ : ndarray of shape (n_features,)
        Divides the features for training: their standard deviations, a constant
        feature having the median of the others'; or the mean of these, for all. 1 for
        discrete features.
    device_ : str
        The device in use.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    AETransformer : Codes without a density.
    sklatent.decomposition.PPCA : What it finds without hidden layers, in closed form.
    sklatent.density.GaussianMixture : A density of fewer parameters, without codes.
    sklearn.decomposition.FactorAnalysis : The linear model with a noise variance for
        each feature.

    Notes
    -----
    A feature that has the same value in all training rows is drawn, imputed and
    reconstructed as that value, unless it is one of a block of "one_hot".

    The same `random_state` gives the same bits on the same machine with the same
    number of threads. The global random generators are neither read nor written, but
    for a module given as `encoder` or `decoder`: while such a module is at work, one
    thread at a time, PyTorch's are seeded by `random_state`; then they are put back.
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
    .. [5] B. D. Ripley (1996). Pattern recognition and neural networks. Cambridge
       University Press. Section 5.1: skip-layer connections.
    .. [6] C. J. Maddison, A. Mnih and Y. W. Teh (2017). The concrete distribution: a
       continuous relaxation of discrete random variables. ICLR. Appendix B.
    .. [7] E. Jang, S. Gu and B. Poole (2017). Categorical reparameterization with
       Gumbel-softmax. ICLR. Section 2.
    .. [8] J. M. Tomczak and M. Welling (2018). VAE with a VampPrior. AISTATS. Eq. 9.
    .. [9] P.-A. Mattei and J. Frellsen (2019). MIWAE: deep generative modeling and
       imputation of incomplete data sets. ICML. Eq. 4.
    .. [10] O. Rybkin, K. Daniilidis and S. Levine (2021). Simple and effective VAE
       training with calibrated decoders. ICML. Section 3.2.
    .. [11] D. P. Kingma et al. (2016). Improved variational inference with inverse
       autoregressive flow. NeurIPS. Eq. 15.

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
        "likelihood": [StrOptions(set(LIKELIHOODS)), list],
        "noise_variance": [
            StrOptions(set(NOISES)),
            Interval(Real, 0, None, closed="neither"),
        ],
        "prior": [StrOptions({"standard_normal", "mixture", "vampprior"})],
        "n_prior_components": [Interval(Integral, 1, None, closed="left")],
        "latent": [StrOptions({"normal", "bernoulli", "categorical"})],
        "n_levels": [Interval(Integral, 2, None, closed="left")],
        "update": [StrOptions({"joint", "alternating"})],
        "beta": [Interval(Real, 0, None, closed="left")],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "objective": [StrOptions(set(OBJECTIVES))],
        "n_train_samples": [Interval(Integral, 1, None, closed="left"), None],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    _attribute_schema = VAE_ATTRIBUTES

    def __init__(
        self,
        n_components=2,
        *,
        likelihood="gaussian",
        noise_variance="shared",
        prior="standard_normal",
        n_prior_components=50,
        latent="normal",
        n_levels=8,
        hidden_layer_sizes=(128, 64),
        activation="relu",
        skip_connections=False,
        dropout=0.0,
        layer_norm=False,
        image_shape=None,
        conv_channels=(16, 32),
        encoder=None,
        decoder=None,
        beta=1.0,
        warmup_epochs=0,
        free_bits=0.0,
        objective="elbo",
        n_train_samples=None,
        n_importance_samples=64,
        lr=1e-3,
        lr_schedule="constant",
        batch_size=128,
        max_epochs=100,
        optimizer="adam",
        update="joint",
        max_grad_norm=10.0,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        checkpoint_path=None,
        standardize=True,
        dtype="float32",
        device="cpu",
        compile=False,
        callbacks=None,
        verbose=0,
        random_state=None,
    ):
        self.n_components = n_components
        self.likelihood = likelihood
        self.noise_variance = noise_variance
        self.prior = prior
        self.n_prior_components = n_prior_components
        self.latent = latent
        self.n_levels = n_levels
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.skip_connections = skip_connections
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.image_shape = image_shape
        self.conv_channels = conv_channels
        self.encoder = encoder
        self.decoder = decoder
        self.beta = beta
        self.warmup_epochs = warmup_epochs
        self.free_bits = free_bits
        self.objective = objective
        self.n_train_samples = n_train_samples
        self.n_importance_samples = n_importance_samples
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.optimizer = optimizer
        self.update = update
        self.max_grad_norm = max_grad_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.checkpoint_path = checkpoint_path
        self.standardize = standardize
        self.dtype = dtype
        self.device = device
        self.compile = compile
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def _train(self, X, *arguments, **settings):
        trainer = super()._train(X, *arguments, **settings)
        n_steps = self.n_iter_ * -(-len(X) // self.batch_size)
        some = X[:BLOCK_ROWS]
        alike = not (np.fmax.reduce(some) > np.fmin.reduce(some)).any()
        if self.n_active_units_ == 0 and n_steps >= STEPS_TO_LEARN and not alike:
            warn(
                "The posterior has collapsed: no component of the code depends on the "
                f"row. Lower beta (now {self.beta:g}), let it rise over warmup_epochs "
                f"(now {self.warmup_epochs}), or take a weaker decoder, with smaller "
                "hidden_layer_sizes or a larger noise_variance.",
                PosteriorCollapseWarning,
            )
        return trainer

    def _summarize(self, module, data):
        # On the CPU, so that the noise is the same whatever the device.
        generator = torch.Generator().manual_seed(self._noise_seed)
        noise = module.latent.noise((KL_DRAWS,), generator, torch.empty(0))

        def summary(rows):
            x, observed = module.observe(rows)
            parameters = module.posterior(x, observed)
            kl = module.latent.kl(parameters)
            if kl is None:
                z = module.latent.draw(parameters, noise.to(x))
                kl = module.latent.marginal_kl(parameters, z, module.encode_inputs)
                kl = kl.mean(1)
            mean, _ = module.latent.moments(parameters)
            z = module.latent.embed(module.latent.code(parameters))
            return mean, kl, module.likelihood.variance(module.decoder(z))

        mean, kl, variance = map_rows(summary, data)
        spread = mean.var(axis=0)
        if spread.ndim > 1:  # levels of a component
            spread = spread.sum(axis=1)
        return {
            "kl_per_component_": kl.mean(axis=0, dtype=np.float64),
            "n_active_units_": int((spread > ACTIVE_VARIANCE).sum()),
            "noise_variance_": variance.mean(axis=0, dtype=np.float64) * self.scale_**2,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
