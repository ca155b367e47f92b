"""Variational autoencoder.

Kingma and Welling (2014): a latent variable model whose likelihood is a network,
trained together with a network that approximates the posterior.
"""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from sklatent.base import GenerativeModelMixin
from sklatent.exceptions import PosteriorCollapseWarning
from sklatent.neural._base import NeuralLatentModel
from sklatent.neural._schema import VAE_ATTRIBUTES
from sklatent.neural.training._rows import (
    BLOCK_ROWS,
    block_size,
    map_rows,
    share_observed,
)
from sklatent.neural.vae import _automatic as automatic
from sklatent.neural.vae import _model as model
from sklatent.neural.vae._likelihoods import NOISES
from sklatent.neural.vae._mixed_tables import encode_entry, read_mixed
from sklatent.neural.vae._normal_scores import ToScores, log_jacobian
from sklatent.neural.vae._spec import (
    LIKELIHOODS,
    VAESpec,
    describe,
    maps_of,
    plan_columns,
    standardized,
    with_scores,
)
from sklatent.utils._columns import any_missing
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import Interval, StrOptions
from sklatent.utils._warnings import warn
from sklatent.utils.frames._output import (
    as_given,
    filled_as_given,
    tables_as_given,
)

# Before, codes do not depend on the rows yet, which is no collapse.
STEPS_TO_LEARN = 100
# Draws for the objective "iwae".
IWAE_DRAWS = 16
# Of relaxed draws of discrete codes, in the first and in the last epoch.
TEMPERATURES = (1.0, 0.3)


class VAETransformer(GenerativeModelMixin, NeuralLatentModel):
    """Variational autoencoder: an embedding with a density, for tables and images.

    It embeds rows as codes, reconstructs rows from codes, scores how likely rows are,
    samples new (synthetic) rows, and imputes missing values.

    The model is z ~ N(0, I), x = decoder(z) + ε with ε ~ N(0, σ² I), and the encoder
    gives the approximate posterior q(z | x) = N(mean(x), diag variance(x)). Decoder,
    encoder and σ² are trained to maximize the evidence lower bound [1]_:

        log p(x) >= E_q[log p(x | z)] - KL(q(z | x) ‖ p(z)).

    Without hidden layers and with `prior="standard_normal"` and
    `noise_variance="shared"` the optimum is probabilistic PCA [4]_. By default the
    prior is a mixture of Gaussians that is learned too, and the noise has a variance
    for each feature. Other likelihoods model binary, count, categorical and mixed
    tables; there are other priors and discrete codes too. NaN marks missing entries.
    The bounds are then those of the observed entries [9]_.

    The parameters are in four groups:

    - model: `n_components`, `likelihood`, `handle_unknown`, `marginals`,
      `noise_variance`, `prior`, `n_prior_components`, `latent`, `n_levels`,
      `n_importance_samples`, `standardize`;
    - networks: `hidden_layer_sizes`, `activation`, `skip_connections`, `image_shape`,
      `conv_channels`, `encoder`, `decoder`;
    - training: `objective`, `beta`, `warmup_epochs`, `update`, `lr`, `lr_schedule`,
      `batch_size`, `max_epochs`, `optimizer`, `early_stopping`, `validation_fraction`,
      `n_iter_no_change`, `tol`;
    - running: `warm_start`, `checkpoint_path`, `dtype`, `device`, `callbacks`,
      `verbose`, `random_state`.

    Parameters
    ----------
    n_components : int, estimator or "auto", default="auto"
        Size of the code. It may exceed the number of features. An estimator of the
        intrinsic dimension (with `fit` and `dimension_`) is fitted first, and its
        dimension is rounded. "auto" is 8 if `likelihood` is a list or "auto", and else
        2. `n_active_units_` says how many components are used; others cost little.
    likelihood : {"auto", "bernoulli", "categorical", "gaussian", "one_hot", \
            "poisson", "student_t"}, callable or list of (str or callable, columns), \
            default="gaussian"
        Distribution of the features given the code. "gaussian" is for real numbers, and
        "student_t" for real numbers with outliers; "bernoulli" for zeros and ones;
        "poisson" for counts; "categorical" for columns that take one of the levels seen
        in training, which are numbers; "one_hot" for blocks of columns with a single
        one in each row. A subclass of :class:`Likelihood` can be given too. For a table
        with columns of several kinds, give a list of pairs of one of these and its
        columns, which are chosen as in :class:`~sklearn.compose.ColumnTransformer`: by
        position, name, slice, mask or a function of the table. "auto" reads a data
        frame of pandas or polars with columns of any kind: numbers, integers, booleans,
        strings, categories, dates and durations. `table_` shows what it made of them.
    handle_unknown : {"error", "missing"}, default="error"
        What is done with levels of categories that `fit` has not seen: an error, or
        they are read as missing entries. In a cross-validation a rare level may be
        unknown to a fold, so that "missing" is needed there. Used only with
        `likelihood="auto"`.
    marginals : {"normal_scores", "auto"} or None, default="auto"
        How Gaussian features with more than one value enter the model. "normal_scores"
        maps each to a standard normal distribution [11]_, by a monotone function that
        is fitted to the training rows and undone in all that is returned, with its
        slope in the densities. Skewed and bounded features, rounded ones, and values
        that many rows have (atoms, such as zeros) then are what they are in sampled
        rows. The likelihood of an atom is the probability of the interval of its
        scores. None only centers and scales them. "auto" is "normal_scores" if
        `likelihood` is a list, `standardize` is true and the noise is learned, and else
        None.
    noise_variance : {"shared", "feature", "decoder", "batch", "auto"} or float, \
            default="auto"
        Variance σ² of Gaussian features, and squared scale of Student's t. "shared"
        learns one number, in units of the standardized features; "feature" learns one
        number for each feature; "decoder" lets the decoder return one for each entry;
        "batch" takes the mean squared residual of each batch [10]_ (Gaussian only). A
        number is kept fixed, in squared units of the data. "auto" is "decoder" if
        `likelihood` is a list; else "feature", as equal noise is unequal in
        standardized units, and with `standardize=False` "shared".
    prior : {"standard_normal", "mixture", "vampprior", "auto"} or callable, \
            default="auto"
        Prior distribution p(z) of the code: N(0, I); a mixture of Gaussians that is
        learned; the mean of the posteriors of pseudo-rows that are learned [8]_; or a
        subclass of :class:`Prior`. "auto" is "mixture" if `latent` is "normal" and
        `standardize` is true, and else "standard_normal".
    n_prior_components : int, default=50
        Number of Gaussians or of pseudo-rows of a prior that is learned.
    latent : {"normal", "bernoulli", "categorical"}, default="normal"
        Kind of code: real numbers; zeros and ones, for hashing; or levels, numbered 0
        to `n_levels` - 1. Discrete codes are uniform a priori. If there are at most 256
        of them they are summed over, in training and afterwards, unless
        `noise_variance` is "batch". If there are more, they are trained by
        straight-through Gumbel-softmax, at a temperature that falls from 1 to 0.3 [6]_
        [7]_.
    n_levels : int, default=8
        Number of levels of each component. Used only with `latent="categorical"`.
    n_importance_samples : int, default=64
        Number of draws from the posterior of each row for `score_samples`, `elbo` and
        `impute`. Not used where all codes are summed over.
    standardize : bool, default=True
        Whether training sees every feature with variance 1. Turn it off for features of
        one kind, such as pixels, whose variances say how much they matter: then all are
        divided by one number, the mean of their standard deviations. Features are
        centered, and results are in the units of the data, either way.
    hidden_layer_sizes : int or array-like of int, default=(128, 64, 32)
        Sizes of the encoder's hidden layers. The decoder has the same sizes in reverse
        order. An empty sequence gives a linear model.
    activation : {"elu", "gelu", "identity", "leaky_relu", "logistic", "relu", \
            "selu", "softplus", "tanh"}, default="gelu"
        Activation between the layers. None follows the code or the output.
    skip_connections : bool, default=False
        Whether a linear map of the input is added to the output of each network [5]_.
        The layers return 0 at first, so that training starts from the linear model, and
        they learn what it misses.
    image_shape : array-like of shape (2,) or (3,), or None, default=None
        Shape of the images that the rows are, flattened: (channels, height, width),
        such as (1, 8, 8) for digits, or (height, width) for one channel. Convolutions
        then precede the encoder's hidden layers, and transposed convolutions follow the
        decoder's. None means that rows are not images.
    conv_channels : int or array-like of int, default=(16, 32)
        Channels of the encoder's convolutional layers. The decoder has the same
        channels in reverse order. Each layer has kernels of 3 x 3 and halves height and
        width, rounded up. Used only with `image_shape`.
    encoder : callable or torch.nn.Module, default=None
        Encoder to use in place of the one that the parameters above describe: a
        function that is called with the sizes of its input and output, (n_in, n_out),
        and returns a module that maps rows of shape (n, n_in) to (n, n_out); or such a
        module, which is copied. The output of the encoder holds the means of the code,
        followed by what gives their variances; for discrete codes it holds the
        log-odds, or the logits of the levels. If training rows have missing entries,
        the input ends in zeros and ones that say which entries are observed. None uses
        the one that these describe.
    decoder : callable or torch.nn.Module, default=None
        Decoder to use in place of the one that the parameters above describe: a
        function that is called with the sizes of its input and output, (n_in, n_out),
        and returns a module that maps codes of shape (n, n_in) to (n, n_out); or such a
        module, which is copied. None uses the one that these describe.
    objective : {"elbo", "iwae"}, default="elbo"
        What training maximizes: the evidence lower bound with one draw per row, or the
        importance-weighted bound [3]_ with 16, which is closer to log p(x).
    beta : float, default=1.0
        Weight of the divergence in the training loss [2]_. Bounds and scores are those
        of the model itself, whatever its value.
    warmup_epochs : int or "auto", default="auto"
        Number of epochs in which the weight of the divergence rises to `beta`, in equal
        steps from 0. "auto" is half of `max_epochs`, but no more than half of what
        `max_epochs="auto"` would be. Early stopping starts after them.
    update : {"joint", "alternating"}, default="joint"
        Whether each batch takes one step for all networks; or one step for the decoder
        and the rest of the model p(x, z), and then, for the loss that this leaves, one
        step for the encoder, at twice the cost.
    lr : float, default=0.01
        Learning rate of the optimizer.
    lr_schedule : {"constant", "cosine", "linear", "one_cycle"}, default="one_cycle"
        How the learning rate changes during training. With t the share of `max_epochs`
        that is done, which grows with every step, `lr` is multiplied by 1; by ½ (1 +
        cos πt); by 1 - t; or by a factor that rises from 0.04 to 1 until t = 0.3 and
        then falls to 0, both along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of rows in each step of the optimizer. "auto" is 32 for fewer than 1,000
        rows, and 64 for more.
    max_epochs : int or "auto", default="auto"
        Number of passes over the training rows. "auto" makes 16 of them or, where rows
        are so few that this is less than 250 steps of the optimizer, as many as make
        250 steps. With `standardize=True`, for the density of a table, it makes 200, or
        as many as make 12,000 steps if these are fewer, but not less than that.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        The optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`. Adam
        and AdamW have the decay rates (0.9, 0.95) in place of PyTorch's (0.9, 0.999),
        as they have to learn their step sizes within hundreds of steps. With
        :class:`torch.optim.LBFGS` an epoch is one step of up to 20 iterations with a
        line search, on all rows at once, and `lr`, `lr_schedule` and `batch_size` are
        not used. With all others, a gradient more than ten times as long as the running
        mean of the lengths before it is shortened to that, so that an outlier does no
        harm.
    early_stopping : bool, default=False
        Whether to hold out some of the rows, to stop when their loss no longer
        improves, and to restore the parameters of the best epoch.
    validation_fraction : float, default=0.1
        Share of the rows that are held out. Used only with `early_stopping`.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops. Used only with
        `early_stopping`.
    tol : float, default=0.0001
        Decrease of the loss that counts as an improvement. Used only with
        `early_stopping`.
    warm_start : bool, default=False
        Whether `fit` starts from the networks of the previous fit, if there is one,
        rather than from random ones. The units, `mean_` and `scale_`, stay the same.
        Optimizer, schedules and history start again.
    checkpoint_path : path-like or None, default=None
        Folder in which each training keeps a file that is written after every epoch.
        The folder is created if needed. A `fit` with the same data and parameters that
        was interrupted resumes from its file and gives the same bits as one that was
        not; one that was finished returns at once. So a grid search that is run again
        continues where it stopped, as each of its trainings has a file of its own. If
        two processes run the same training, one waits for the other. Delete the folder
        to remove the files.
    dtype : {"float32", "float64", "mixed"}, default="float32"
        Precision of the training. "mixed" is float32 with bfloat16 where that is safe
        on a GPU, and float32 on the CPU. Everything after training has the precision of
        its input.
    device : str, default="cpu"
        Where to compute, such as "cpu" or "cuda". "auto" is the first GPU, or the CPU
        if there is none. Rows that do not fit into the memory of a GPU are sent to it
        batch by batch.
    callbacks : list or None, default=None
        Callbacks of skorch, such as :class:`skorch.callbacks.LRScheduler`. Those that
        score predictions do not work here, and those that change the learning rate need
        `lr_schedule="constant"`. Copies of them are used, so that anything
        that one records has to go to a file. Callbacks of scikit-learn are passed to
        `set_callbacks`.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the epoch, its loss
        and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing.
    random_state : int, RandomState instance or None, default=None
        Determines everything that is random: the initial weights, the order of the
        rows, the rows held out, and noise. Pass an int for the same results at every
        fit. None gives different results every time.

    Attributes
    ----------
    n_components_ : int
        Size of the code.
    noise_variance_ : ndarray of shape (n_features,)
        Variance of each feature given the code, in squared units of the data, averaged
        over the training rows; for Gaussian features this is σ². It is at least 1e-6
        in standardized units.
    kl_per_component_ : ndarray of shape (n_components,)
        Mean divergence of the posterior from the prior over the training rows, in
        nats, which is how much each component tells about a row. With a prior that is
        learned, the divergence is from its marginal distributions.
    n_active_units_ : int
        Number of components whose posterior mean has a variance above 0.01 over the
        training rows [3]_.
    net_ : skorch.NeuralNet
        The trained net, on the CPU and without what is needed for training only. Its
        `module_` has an `encoder` and a `decoder`.
    encoder_ : torch.nn.Sequential
        A copy of the encoder as a module, for use in other networks. It takes rows in
        the units of the data, as tensors in single precision on the CPU, and returns
        the posterior means of their codes; for discrete codes, probabilities, with
        those of the levels side by side. Training it does not change this estimator.
    history_ : dict of list
        Mean loss of each epoch: "train_loss" and, with `early_stopping`,
        "valid_loss". The loss is minus the bound, weighted by `beta` (or by the weight
        that `warmup_epochs` has reached), in nats per row for the units of the data.
    loss_ : float
        Training loss of the last epoch.
    n_iter_ : int
        Number of epochs trained.
    best_epoch_ : int or None
        Epoch of the lowest validation loss, counted from 1, whose parameters
        `early_stopping` has kept. None after training without early stopping, or if
        it ended before an epoch counted.
    mean_ : ndarray of shape (n_features,)
        Subtracted from the features for training; 0 for discrete ones and those that
        are mapped to normal scores.
    scale_ : ndarray of shape (n_features,)
        Number that each feature is divided by for training: its standard deviation, or
        for a constant feature the median of the others'; with `standardize=False` the
        mean of these for all. 1 for discrete features and those that are mapped to
        normal scores.
    device_ : str
        The device that training used.
    table_ : TableSchema
        The columns of the table: name, kind, type, values, and share of missing
        entries. It is shown as a table. Only with `likelihood="auto"`.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    AETransformer : An embedding without a density.
    sklatent.decomposition.PPCA : The model without hidden layers, in closed form.
    sklatent.density.GaussianMixture : A density with fewer parameters, without codes.
    sklearn.decomposition.FactorAnalysis : The linear model with a noise variance for
        each feature.

    Notes
    -----
    A feature that has the same value in all training rows is sampled, imputed and
    reconstructed as that value, unless it is one of a block of "one_hot".

    With `likelihood="auto"` a table comes back as it was given, from `sample`,
    `impute`, `sample_missing` and `inverse_transform`: as a data frame of the same
    library (or that of `set_output`), with the names, order and types of its columns,
    their categories and time zones. Integers are whole numbers, dates are multiples of
    the largest step that all of them are multiples of, values of a column that has few
    of them are among these, and none is beyond the smallest and largest that `fit` has
    seen. For levels of categories, `impute` and `inverse_transform` return the
    likeliest. Columns of a frame are found by their names, in any order. Strings that
    are all dates, such as "2026-11-26", are read as dates. A column of strings that are
    all different is refused: it names the rows. Dates and durations enter
    `reconstruction_error` and the scores in their steps, and standard deviations of
    `impute` in days; for levels these are those of the indicator of the level that is
    imputed.

    The same `random_state` gives the same bits on the same machine with the same
    number of threads. The global random generators are neither read nor written. There
    is one exception: while a module given as `encoder` or `decoder` is at work, one
    thread at a time, PyTorch's generators are seeded from `random_state`, and restored
    afterwards.

    `score_samples` and `elbo` use the same noise for every row, fixed when the model is
    fitted, so that the score of a row does not depend on the rows around it. For the
    same reason the Monte Carlo errors do not average out over the rows: with the
    default 64 draws and 16 components, the mean score of the digits varies by about
    0.3 nats with the noise. Raise `n_importance_samples` to compare models that differ
    by less.

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
    .. [11] S. S. Chen and R. A. Gopinath (2000). Gaussianization. NIPS. Section 3.

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
        "likelihood": [StrOptions({*LIKELIHOODS, "auto"}), list, callable],
        "handle_unknown": [StrOptions({"error", "missing"})],
        "n_components": [
            *NeuralLatentModel._parameter_constraints["n_components"],
            StrOptions({"auto"}),
        ],
        "marginals": [StrOptions({"normal_scores", "auto"}), None],
        "noise_variance": [
            StrOptions({*NOISES, "auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "prior": [
            StrOptions({"standard_normal", "mixture", "vampprior", "auto"}),
            callable,
        ],
        "n_prior_components": [Interval(Integral, 1, None, closed="left")],
        "latent": [StrOptions({"normal", "bernoulli", "categorical"})],
        "n_levels": [Interval(Integral, 2, None, closed="left")],
        "update": [StrOptions({"joint", "alternating"})],
        "beta": [Interval(Real, 0, None, closed="left")],
        "warmup_epochs": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "objective": [StrOptions(set(model.OBJECTIVES))],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    _attribute_schema = VAE_ATTRIBUTES

    def __init__(
        self,
        n_components="auto",
        *,
        likelihood="gaussian",
        handle_unknown="error",
        marginals="auto",
        noise_variance="auto",
        prior="auto",
        n_prior_components=50,
        latent="normal",
        n_levels=8,
        n_importance_samples=64,
        standardize=True,
        hidden_layer_sizes=(128, 64, 32),
        activation="gelu",
        skip_connections=False,
        image_shape=None,
        conv_channels=(16, 32),
        encoder=None,
        decoder=None,
        objective="elbo",
        beta=1.0,
        warmup_epochs="auto",
        update="joint",
        lr=1e-2,
        lr_schedule="one_cycle",
        batch_size="auto",
        max_epochs="auto",
        optimizer="adam",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        checkpoint_path=None,
        dtype="float32",
        device="cpu",
        callbacks=None,
        verbose=0,
        random_state=None,
    ):
        self.n_components = n_components
        self.likelihood = likelihood
        self.handle_unknown = handle_unknown
        self.marginals = marginals
        self.noise_variance = noise_variance
        self.prior = prior
        self.n_prior_components = n_prior_components
        self.latent = latent
        self.n_levels = n_levels
        self.n_importance_samples = n_importance_samples
        self.standardize = standardize
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.skip_connections = skip_connections
        self.image_shape = image_shape
        self.conv_channels = conv_channels
        self.encoder = encoder
        self.decoder = decoder
        self.objective = objective
        self.beta = beta
        self.warmup_epochs = warmup_epochs
        self.update = update
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.optimizer = optimizer
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.checkpoint_path = checkpoint_path
        self.dtype = dtype
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        # As the encoders of scikit-learn: what comes need not be numbers.
        tags.input_tags.categorical = self.likelihood == "auto"
        return tags

    def _get_fitted_attr_html(self, doc_link=""):
        """Return the fitted attributes for the notebook, with the table of columns."""
        attributes = super()._get_fitted_attr_html(doc_link)
        if hasattr(self, "table_"):
            shown = (
                f"{attributes._repr_html_inner()}<div class='estimator-table'>"
                f"<details><summary>Columns</summary>{self.table_._repr_html_()}"
                "</details></div>"
            )
            attributes._repr_html_inner = lambda: shown
        return attributes

    def _make_spec(self, common, X, share, table):
        """Decide on likelihoods, and on which columns are standardized."""
        self._check_combinations(len(X))
        names = self._names()
        if not share.all():
            raise ValueError(
                f"Column {names[share.argmin()]!r} of X must have an observed value; "
                "got missing entries only. Leave it out."
            )
        dtype = self.dtype.replace("mixed", "float32")
        if self.likelihood == "auto":
            table = self.table_
        columns = plan_columns(self.likelihood, table, X, names, dtype)
        # Zeros and ones, counts and levels have to stay what they are.
        raw = ~standardized(columns, X.shape[1])
        self.mean_[raw], self.scale_[raw] = 0.0, 1.0
        for part in columns:
            # A column of a block cannot be left at 0 where the one is drawn into it.
            if part.likelihood == "one_hot":
                self._constant[list(part.columns)] = np.nan
        has_missing = bool((share < 1).any())
        own = self._spec_parameters()
        if self._resolved_marginals() == "normal_scores":
            columns = with_scores(columns, X, np.isnan(self._constant))
            for j, _ in maps_of(columns):
                self.mean_[j], self.scale_[j] = 0.0, 1.0
        return VAESpec(**common, **own, columns=columns, has_missing=has_missing)

    def _resolve_n_components(self, X):
        if self.n_components == "auto":
            return automatic.n_components(self.likelihood)
        return super()._resolve_n_components(X)

    def _resolved_noise(self):
        if self.noise_variance == "auto":
            return automatic.noise_variance(self.likelihood, self.standardize)
        return self.noise_variance

    def _resolved_marginals(self):
        noise = self._resolved_noise()
        if self.marginals == "auto":
            return automatic.marginals(self.likelihood, self.standardize, noise)
        if self.marginals is not None and noise not in automatic.SCORE_NOISES:
            raise ValueError(
                f"noise_variance must be one of {automatic.SCORE_NOISES} with "
                f"marginals={self.marginals!r}; got {noise!r}."
            )
        return self.marginals

    def _automatic_epochs(self, n_samples):
        least = super()._automatic_epochs(n_samples)
        if not self.standardize:
            return least
        return automatic.epochs(n_samples, self._batch_size(n_samples), least)

    def _spec_parameters(self):
        prior, noise = self.prior, self._resolved_noise()
        if isinstance(prior, str) and prior == "auto":
            prior = automatic.prior(self.latent, self.standardize)
        if not isinstance(noise, str):
            noise = tuple((noise / self.scale_**2).tolist())
        return {
            "latent": self.latent,
            "n_levels": self.n_levels if self.latent == "categorical" else None,
            "prior": prior,
            "n_prior_components": (
                self.n_prior_components if prior in ("mixture", "vampprior") else None
            ),
            "marginals": self.marginals,
            "noise_variance": self.noise_variance,
            "noise": noise,
            "likelihood": describe(self.likelihood),
        }

    def _check_combinations(self, n_samples):
        """Raise or warn where parameters exclude each other."""
        if self.latent != "normal":
            for name, needed in [("prior", "standard_normal"), ("objective", "elbo")]:
                if getattr(self, name) not in (needed, "auto"):
                    raise ValueError(
                        f"{name} must be {needed!r} with latent={self.latent!r}; got "
                        f"{getattr(self, name)!r}."
                    )
        max_epochs = self._n_epochs(n_samples)
        if self.warmup_epochs != "auto" and self.warmup_epochs >= max_epochs:
            warn(
                f"warmup_epochs={self.warmup_epochs} does not end before "
                f"max_epochs={max_epochs}: it is cut short, so that the last "
                f"epoch has beta={self.beta:g}.",
                UserWarning,
            )

    def _make_criterion(self, X):
        max_epochs = self._n_epochs(len(X))
        warmup_epochs = self.warmup_epochs
        if warmup_epochs == "auto":
            warmup_epochs = min(max_epochs, self._automatic_epochs(len(X))) // 2
        return model.OBJECTIVES[self.objective](
            beta=self.beta,
            # The last epoch at least has the whole weight.
            warmup_epochs=min(warmup_epochs, max_epochs - 1),
            n_draws=IWAE_DRAWS if self.objective == "iwae" else 1,
            temperatures=np.geomspace(*TEMPERATURES, max_epochs).tolist(),
            log_scale=self._mean_log_scale(X),
            share_observed=share_observed(X),
            alternating=self.update == "alternating",
        )

    def _check_trained(self, X):
        """Warn if no component of the code depends on the row, though rows differ."""
        n_steps = self.n_iter_ * -(-len(X) // self._batch_size(len(X)))
        # Codes of rows that are all equal cannot differ, which is no collapse either.
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

    def _read_rows(self, X, *, reset=False, **options):
        """Return rows as numbers; with "auto", of columns of any kind."""
        if reset:
            vars(self).pop("table_", None)
        if self.likelihood == "auto":
            return read_mixed(self, X, reset=reset, **options)
        return super()._read_rows(X, reset=reset, **options)

    def _validate_rows(self, X):
        X = super()._validate_rows(X)
        self.net_.module_.likelihood.check(X, self._names())
        return X

    def posterior(self, X):
        """Mean and variance of the approximate posterior q(z | x) of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; NaN where an entry is missing.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            With `latent="normal"`, the same as `transform(X)`. With "bernoulli", the
            probabilities of 1. With "categorical", the probabilities of the levels, of
            shape (n_samples, n_components, n_levels).
        variance : ndarray of the same shape
            Diagonal of the covariance, whose other entries are 0. For probabilities p
            it is p (1 - p).

        Examples
        --------
        A row on a line determines its code, so that the posterior is narrower than the
        prior, whose variance is 1:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> X = np.random.RandomState(0).normal(size=(200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> settings = {"lr": 0.05, "max_epochs": 50, "random_state": 0}
        >>> vae = VAETransformer(1, hidden_layer_sizes=(), **settings).fit(X)
        >>> mean, variance = vae.posterior(X)
        >>> bool((mean == vae.transform(X)).all()), bool((variance < 0.1).all())
        (True, True)
        """
        X = self._validate_rows(X)
        network = self._network(X.dtype)
        return map_rows(
            lambda rows: model.moments(network, self._tensor(rows, network)),
            X,
            block_rows=block_size(network),
        )

    def elbo(self, X):
        """Evidence lower bound of each row, and its two terms.

        E_q[log p(x | z)] is an average over `n_importance_samples` draws. The term
        KL(q(z | x) ‖ p(z)) is exact with the standard normal prior, and an average over
        the draws with others [1]_. `beta` is not applied. If there are few discrete
        codes, both terms are exact sums over all codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. The bound of a row with missing entries is that of the others.

        Returns
        -------
        elbo : ndarray of shape (n_samples,)
            The bound, `log_likelihood` - `kl`, in nats for the units of the data. It is
            at most the log-density of the row, up to the error of the average.
        log_likelihood : ndarray of shape (n_samples,)
            E_q[log p(x | z)], which says how well codes drawn for the row explain it.
        kl : ndarray of shape (n_samples,)
            KL(q(z | x) ‖ p(z)), the number of nats that the code carries.

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
        >>> X = np.random.RandomState(0).normal(size=(200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> settings = {"lr": 0.05, "max_epochs": 50, "random_state": 0}
        >>> vae = VAETransformer(1, hidden_layer_sizes=(), **settings).fit(X)
        >>> bound, log_likelihood, kl = vae.elbo([[0.0, 0.0, 0.0], [3.0, 6.0, -3.0]])
        >>> np.allclose(bound, log_likelihood - kl), bool(kl[1] > kl[0] + 1)
        (True, True)
        """
        X = self._validate_rows(X)
        log_likelihood, kl = self._map_with_noise(model.elbo, X)
        log_likelihood += self._log_jacobian(X)
        return log_likelihood - kl, log_likelihood, kl

    def score_samples(self, X, return_std=False):
        """Importance-weighted lower bound on the log-density of each row.

        log 1/K Σ_k p(x | z_k) p(z_k) / q(z_k | x) with K = `n_importance_samples`
        draws z_k from the posterior [1]_. Its expectation increases with K towards
        log p(x). If there are few discrete codes, the sum over all of them gives
        log p(x) itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. The score of a row with missing entries is that of the others.
        return_std : bool, default=False
            Whether to return the standard errors too.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for the units of the data; log-probability for discrete columns.
        std : ndarray of shape (n_samples,)
            Monte Carlo standard error, from the spread of the weights. Returned only if
            `return_std`. If it is above about 1/2, few draws carry all the weight, and
            the error itself is underestimated. It is 0 if all codes are summed over.

        References
        ----------
        .. [1] Y. Burda, R. Grosse and R. Salakhutdinov (2016). Importance weighted
           autoencoders. ICLR. Eq. 8.

        Examples
        --------
        The training rows are on a line. A row off the line is less likely, by far more
        than the error:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> X = np.random.RandomState(0).normal(size=(200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> settings = {"lr": 0.05, "max_epochs": 50, "random_state": 0}
        >>> vae = VAETransformer(1, hidden_layer_sizes=(), **settings).fit(X)
        >>> on_and_off = [[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]]
        >>> log_p, std = vae.score_samples(on_and_off, return_std=True)
        >>> bool(log_p[0] - log_p[1] > 10), bool(std[0] < 0.5)
        (True, True)
        """
        X = self._validate_rows(X)
        log_density, std = self._map_with_noise(model.importance_weighted_bound, X)
        log_density += self._log_jacobian(X)
        return (log_density, std) if return_std else log_density

    def effective_sample_size(self, X):
        """Effective number of draws of the importance weights of each row.

        (Σ w)² / Σ w² [1]_ is between 1 and `n_importance_samples`. It is large where
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
        An encoder that was trained on complete rows has a poor posterior for a row with
        a missing entry, which needs more draws:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> X = np.random.RandomState(0).normal(size=(200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> settings = {"lr": 0.05, "max_epochs": 50, "random_state": 0}
        >>> vae = VAETransformer(1, hidden_layer_sizes=(), **settings).fit(X)
        >>> rows = [[1.0, 2.0, -1.0], [1.0, np.nan, -1.0]]
        >>> complete, incomplete = vae.effective_sample_size(rows)
        >>> bool(1 <= incomplete < complete <= vae.n_importance_samples)
        True
        """
        X = self._validate_rows(X)
        return self._map_with_noise(model.effective_sample_size, X)

    def mutual_information(self, X, n_draws=1):
        """Estimate the mutual information of rows and codes, in nats.

        I(x; z) = E[log q(z | x) - log 1/n Σ_j q(z | x_j)] over the n rows x and draws z
        [1]_. It says how much a code tells about which row it was drawn for. It is at
        most log n and, up to the error of the draws, at most the mean divergence from
        the prior. The difference to the latter is the divergence of the codes of all
        rows together from the prior.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. The cost grows with the number of pairs of rows, so use some
            thousand rows.
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
        Codes of rows on a line tell these apart, and no better than each of 200 rows
        from all others:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> X = np.random.RandomState(0).normal(size=(200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> settings = {"lr": 0.05, "max_epochs": 50, "random_state": 0}
        >>> vae = VAETransformer(1, hidden_layer_sizes=(), **settings).fit(X)
        >>> information = vae.mutual_information(X)
        >>> bool(1 < information < min(vae.kl_per_component_.sum(), np.log(200)))
        True
        """
        X = self._validate_rows(X)
        check_scalar(n_draws, "n_draws", Integral, min_val=1)
        network = self._network(X.dtype)
        generator = torch.Generator().manual_seed(self._noise_seed)
        x = self._tensor(X, network)
        return model.mutual_information(network, x, n_draws, generator)

    def impute(self, X, n_samples=None, return_std=False):
        """Impute missing entries by their expectation given the observed ones.

        E[x | observed] by self-normalized importance sampling from the posterior
        [1]_, or as a sum over all codes where these are discrete and few.
        `effective_sample_size` shows which rows need more draws. The expectation of
        zeros and ones, counts or levels is in general not one of these; use
        `sample_missing` for values that are.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The data; NaN where an entry is missing.
        n_samples : int, default=None
            Number of draws per row. None is `n_importance_samples`. Not used where all
            codes are summed over.
        return_std : bool, default=False
            Whether to return the standard deviations too.

        Returns
        -------
        X_imputed : ndarray or data frame of shape (n_rows, n_features)
            The data with imputed entries. Observed entries are unchanged. A data frame
            if `set_output` asks for it, or `likelihood` is "auto" and `fit` saw one.
        std : ndarray of shape (n_rows, n_features)
            Standard deviation of each missing entry given the observed ones, and 0 for
            observed entries. Returned only if `return_std`.

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
        >>> X = np.random.RandomState(0).normal(size=(200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> settings = {"lr": 0.05, "max_epochs": 50, "random_state": 0}
        >>> vae = VAETransformer(1, hidden_layer_sizes=(), **settings).fit(X)
        >>> vae.impute([[1.0, np.nan, -1.0]], n_samples=1000).round()
        array([[ 1.,  2., -1.]])
        """
        table, X = X, self._validate_rows(X)
        if n_samples is not None:
            check_scalar(n_samples, "n_samples", Integral, min_val=1)
        missing = np.isnan(X)
        imputed, std = X.copy(), np.zeros_like(X)
        incomplete = missing.any(axis=1)
        if incomplete.any():
            mean, variance = self._map_with_noise(
                model.expected_row, X[incomplete], n_samples
            )
            mean = self._undo_standardize(mean)
            # A constant feature has the scale of others, and no spread of its own.
            scale = np.where(np.isnan(self._constant), self.scale_, 0.0)
            if self.likelihood == "auto":  # dates in days
                scale = scale * [column.unit_shown for column in self.table_.columns]
            deviation = (np.sqrt(variance) * scale).astype(X.dtype)
            imputed[missing] = mean[missing[incomplete]]
            std[missing] = deviation[missing[incomplete]]
        filled = filled_as_given(self, table, imputed, X)
        return (filled, std) if return_std else filled

    def sample(self, n_samples=1, random_state=None, *, conditions=None):
        """Sample rows from the fitted model, or from it given the values of columns.

        Conditional rows are sampled by importance resampling [1]_: codes that are drawn
        from the prior are drawn again in proportion to p(conditions | z), and the other
        columns are sampled given these. Codes are drawn until their effective number is
        `n_samples`, or 262,144 are drawn.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows to sample.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows at every call.
        conditions : dict or None, default=None
            Columns, by name or position, and the values that they have in all sampled
            rows. None samples whole rows.

        Returns
        -------
        X : ndarray or data frame of shape (n_samples, n_features)
            The rows, in the units of the data, in double precision. A data frame if
            `set_output` asks for it, or `likelihood` is "auto" and `fit` saw one.

        Raises
        ------
        TypeError
            If `conditions` is not a dict.
        ValueError
            If `n_samples` is less than 1, or a condition is of an unknown column or
            outside the support of its likelihood.

        Warns
        -----
        UserWarning
            If the effective number of codes, (Σ w)² / Σ w² of their weights w, is below
            `n_samples`: the warning tells it, and the rows are less different.

        References
        ----------
        .. [1] D. B. Rubin (1988). Using the SIR algorithm to simulate posterior
           distributions. Bayesian Statistics 3, 395-402.

        Examples
        --------
        Given that the first feature is 1, the second is near 2:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> X = np.random.RandomState(0).normal(size=(200, 1)) @ [[1.0, 2.0, -1.0]]
        >>> settings = {"lr": 0.05, "max_epochs": 50, "random_state": 0}
        >>> vae = VAETransformer(1, hidden_layer_sizes=(), **settings).fit(X)
        >>> vae.sample(2, random_state=0, conditions={0: 1.0}).round(1)
        array([[ 1.,  2., -1.],
               [ 1.,  2., -1.]])
        """
        if conditions is not None and not isinstance(conditions, dict):
            raise TypeError(
                "conditions must be a dict of columns and their values; got "
                f"{conditions!r}."
            )
        if not conditions:
            return super().sample(n_samples, random_state)
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        given = self._given_row(conditions)
        rows = self._sample(n_samples, random_generator(random_state), given)
        return as_given(self, rows)

    def sample_missing(self, X, n_samples=1, random_state=None):
        """Impute missing entries by draws given the observed ones: multiple imputation.

        Codes are drawn from `n_importance_samples` draws per row, or from all codes
        where these are discrete and few, in proportion to their weights, and missing
        entries from the likelihood.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The data; NaN where an entry is missing.
        n_samples : int, default=1
            Number of complete tables to draw.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same draws at every call.

        Returns
        -------
        tables : ndarray of shape (n_samples, n_rows, n_features), or list
            The data, `n_samples` times, with imputed entries. Observed entries are
            unchanged. A list of data frames where `impute` returns one.

        Raises
        ------
        ValueError
            If `n_samples` is below 1.

        Examples
        --------
        The expectation of zeros and ones is a share of ones. Draws are zeros and ones:

        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = 1.0 * (rng.uniform(size=(100, 4)) < rng.uniform(size=(100, 1)))
        >>> vae = VAETransformer(1, likelihood="bernoulli", max_epochs=2).fit(X)
        >>> incomplete = [[1.0, 1.0, 1.0, np.nan]]
        >>> bool(0 < vae.impute(incomplete)[0, 3] < 1)
        True
        >>> tables = vae.sample_missing(incomplete, n_samples=50, random_state=0)
        >>> tables.shape
        (50, 1, 4)
        >>> np.unique(tables[:, 0, 3])
        array([0., 1.])
        """
        table, X = X, self._validate_rows(X)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        rng = random_generator(random_state)
        tables = np.repeat(X[None], n_samples, axis=0)
        missing = np.isnan(X)
        incomplete = missing.any(axis=1)
        if incomplete.any():
            drawn = self._map_with_noise(
                lambda *model_rows_noise: model.sampled_rows(
                    *model_rows_noise, n_samples, rng
                ),
                X[incomplete],
                device="cpu",
            )
            drawn = self._undo_standardize(drawn)
            tables[:, missing] = np.moveaxis(drawn, 1, 0)[:, missing[incomplete]]
        return tables_as_given(self, table, tables, X)

    def _decode(self, Z):
        check_codes = getattr(self.net_.module_.latent, "check", None)
        if check_codes is not None:
            check_codes(Z)
        return super()._decode(Z)

    def _log_jacobian(self, X):
        """Log |d standardized / d x| of each row, to be added to a log-density."""
        log_scale = np.log(self.scale_)
        maps = maps_of(self._spec.columns)
        if not maps and not any_missing(X):
            return -log_scale.sum()  # discrete columns have scale 1
        total = -(~np.isnan(X) @ log_scale)
        for j, scores in maps:
            total += np.nan_to_num(log_jacobian(scores, X[:, j]))
        return total.astype(X.dtype)

    def _mean_log_scale(self, X):
        """Minus the mean log |d network's units / d x| of each column's entries."""
        log_scale = np.log(self.scale_)
        for j, scores in maps_of(self._spec.columns):
            x = np.asarray(X[:, j])
            x = x[~np.isnan(x)]
            log_scale[j] = -log_jacobian(scores, x).mean() if len(x) else 0.0
        return log_scale

    def _standardize(self, X):
        block = super()._standardize(X)
        for j, scores in maps_of(self._spec.columns):
            block[:, j] = scores.transform(X[:, j])
        return block

    def _unit_layers(self):
        maps = maps_of(self._spec.columns)
        to_scores = [ToScores(*zip(*maps, strict=True))] if maps else []
        return [*super()._unit_layers(), *to_scores]

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
        # A block of rows is held in memory once for each draw, or for each code.
        codes = network.latent.codes
        n_codes = 1 if codes is None else len(codes)
        return map_rows(
            lambda rows: bound(network, self._tensor(rows, network), noise),
            X,
            block_rows=max(1, block_size(network) // max(n_draws, n_codes)),
        )

    @torch.inference_mode()
    def _sample(self, n_samples, rng, given=None):
        """Draw rows; with the entries of one row that are given and not NaN."""
        # On the CPU, so that a seed gives the same rows whatever the device.
        network = self._network(np.dtype(np.float64), device="cpu")
        if given is None:
            z = network.latent.sample(n_samples, rng, network.encode_inputs)
        else:
            row = self._tensor(given, network)
            z, size = model.conditional_codes(network, row, n_samples, rng)
            if size < n_samples:
                warn(
                    f"The conditions are rare: the {n_samples} rows come from "
                    f"{size:.0f} effective codes. Give conditions that are nearer to "
                    "the training rows, or take fewer of them.",
                    UserWarning,
                )
        X = network.likelihood.sample(network.decoder(z), rng)
        X = self._undo_standardize(X.numpy())
        return X if given is None else np.where(np.isnan(given), X, given)

    def _given_row(self, conditions):
        """Return a row of the conditions, (1, n_features), with NaN for the others."""
        row = np.full((1, self.n_features_in_), np.nan)
        positions = {name: j for j, name in enumerate(self._names())}
        for column, value in conditions.items():
            j = positions.get(column, column)
            is_number = isinstance(j, Integral) and not isinstance(j, bool)
            if not is_number or not -len(positions) <= j < len(positions):
                raise ValueError(
                    f"conditions must be of columns by name or position; got {column!r}"
                    f" for {len(positions)} columns."
                )
            if self.likelihood == "auto":
                value = encode_entry(self.table_.columns[j], value)
            if not isinstance(value, Real) or not np.isfinite(value):
                raise ValueError(
                    f"conditions must give column {column!r} a finite number; got "
                    f"{value!r}."
                )
            if not np.isnan(row[0, j]):
                raise ValueError(
                    f"conditions must not repeat a column; got {conditions!r}."
                )
            row[0, j] = value
            constant = self._constant[j]
            if not np.isnan(constant) and not np.isclose(value, constant, atol=0):
                raise ValueError(
                    f"conditions must give column {column!r} the value {constant:g}, "
                    f"which all training rows have; got {value!r}."
                )
        self.net_.module_.likelihood.check(row, self._names())
        return row
