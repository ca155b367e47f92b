"""Autoencoder.

Hinton and Salakhutdinov (2006): a network with a narrow layer in its middle,
trained to return its input; what passes through the narrow layer is the code.
"""

from numbers import Real

from sklatent.neural._base import NeuralLatentModel
from sklatent.neural._schema import ATTRIBUTES
from sklatent.neural.networks._autoencoder import (
    AutoencoderSpec,
    SquaredError,
)
from sklatent.utils._sklearn import Interval


class AETransformer(NeuralLatentModel):
    """Autoencoder: codes from which a network rebuilds the rows.

    An encoder maps each row x to a code z of `n_components` numbers, a decoder of
    the mirrored shape maps it back, and both are trained to make the squared error
    of what comes back small. Without hidden layers this finds the subspace of PCA [2]_;
    with them, a curved one [1]_.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Size of the code; may exceed the number of features. An estimator of the
        intrinsic dimension (with `fit` and `dimension_`) is fitted first, and its
        dimension is rounded.
    hidden_layer_sizes : int or array-like of int, default=(128, 64)
        Sizes of the encoder's hidden layers; the decoder has them in reverse.
        Empty for a linear autoencoder.
    activation : {"elu", "gelu", "identity", "leaky_relu", "logistic", "relu", \
            "selu", "softplus", "tanh"}, default="relu"
        Activation between the layers; none follows the code or the output.
    skip_connections : bool, default=False
        Whether each network adds a linear map of what it is given to what its layers
        return [3]_. The layers return 0 at first, so that training starts from the
        linear model, and they learn what it misses.
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
        returns a module that takes rows of the one to rows of the other. A module is
        copied. None makes the one that the parameters above describe.
    decoder : callable or torch.nn.Module, default=None
        Makes another decoder, likewise.
    tied_weights : bool, default=False
        Whether the decoder's weights are the encoder's, transposed: half as many to
        learn. For networks without convolutions alone.
    alpha : float, default=0.0
        Strength of a penalty on the weights, that of scikit-learn's
        :class:`~sklearn.linear_model.ElasticNet`: the loss per row grows by
        `alpha * l1_ratio` times the sum of their absolute values, and half of
        `alpha * (1 - l1_ratio)` times that of their squares. Biases are free.
    l1_ratio : float, default=0.0
        Share of the absolute values in the penalty; with 1, many weights end near 0.
    corruption : float, default=0.0
        Share of the entries of each row that training replaces by the mean of their
        feature, others at each step; what has to come back is the row as it was
        [4]_. So the code learns how features depend on each other.
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
        `lr_schedule` and `batch_size` are not used. Gradients many times as long as
        those before, such as an outlying row has, are shortened for all but L-BFGS.
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
    callbacks : list or None, default=None
        Callbacks of skorch, such as :class:`skorch.callbacks.LRScheduler`; those that
        score predictions find none here. Copies are used, so what one records has to
        go to a file. scikit-learn's callbacks are given to `set_callbacks`.
    verbose : int, default=0
        1 prints a table of the losses.
    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the rows and the rows held
        out. Pass an int for the same results at every fit; None is different
        every time.

    Attributes
    ----------
    n_components_ : int
        Size of the code.
    net_ : skorch.NeuralNet
        The trained net, on the CPU and trimmed to prediction; its `module_` has
        an `encoder` and a `decoder`.
    encoder_ : torch.nn.Sequential
        A copy of the encoder, to be used or trained on its own: a module that takes
        rows in the units of the data, as tensors in single precision on the CPU, and
        returns their codes. Training it leaves this estimator alone.
    history_ : dict of list
        Mean loss of each epoch: "train_loss" and, with `early_stopping`,
        "valid_loss". The loss is the squared error per row, in squared units of
        the standardized features, plus the penalty of `alpha`. Rows held out are
        not corrupted.
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
    VAETransformer : An autoencoder with a density.
    sklatent.decomposition.PCA : What it finds without hidden layers, in closed form.
    sklearn.neural_network.MLPRegressor : A network from rows to given targets.

    Notes
    -----
    A feature that has the same value in all training rows is reconstructed as that
    value.

    The same `random_state` gives the same bits on the same machine with the same
    number of threads. The global random generators are neither read nor written, but
    for a module given as `encoder` or `decoder`: while such a module is at work, one
    thread at a time, PyTorch's are seeded by `random_state`; then they are put back.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov (2006). Reducing the dimensionality
       of data with neural networks. Science 313, 504-507.
    .. [2] P. Baldi and K. Hornik (1989). Neural networks and principal component
       analysis: learning from examples without local minima. Neural Networks 2,
       53-58.
    .. [3] B. D. Ripley (1996). Pattern recognition and neural networks. Cambridge
       University Press. Section 5.1: skip-layer connections.
    .. [4] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol (2010).
       Stacked denoising autoencoders. JMLR 11, 3371-3408. Section 3.3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.neural import AETransformer
    >>> X, _ = load_iris(return_X_y=True)
    >>> ae = AETransformer(n_components=2, random_state=0).fit(X)
    >>> ae.transform(X).shape
    (150, 2)
    >>> ae.inverse_transform(ae.transform(X)).shape
    (150, 4)
    """

    _parameter_constraints = {
        **NeuralLatentModel._parameter_constraints,
        "tied_weights": ["boolean"],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "corruption": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(128, 64),
        activation="relu",
        skip_connections=False,
        image_shape=None,
        conv_channels=(16, 32),
        encoder=None,
        decoder=None,
        tied_weights=False,
        alpha=0.0,
        l1_ratio=0.0,
        corruption=0.0,
        lr=1e-3,
        lr_schedule="constant",
        batch_size=128,
        max_epochs=100,
        optimizer="adam",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        checkpoint_path=None,
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
        self.skip_connections = skip_connections
        self.image_shape = image_shape
        self.conv_channels = conv_channels
        self.encoder = encoder
        self.decoder = decoder
        self.tied_weights = tied_weights
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.corruption = corruption
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
        self.standardize = standardize
        self.dtype = dtype
        self.device = device
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    _attribute_schema = ATTRIBUTES

    def _make_spec(self, common, X, share, table):
        return AutoencoderSpec(**common, **self._spec_parameters())

    def _spec_parameters(self):
        return {"tied_weights": self.tied_weights}

    def _make_criterion(self, X):
        return SquaredError(self.alpha, self.l1_ratio, self.corruption)

    def score_samples(self, X):
        """Compute minus the squared reconstruction error of each row.

        This is no density; see :class:`VAETransformer` for one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        score : ndarray of shape (n_samples,)
            Minus `reconstruction_error(X)`, in squared units of the data.

        Examples
        --------
        Trained on rows of a line, it finds the one that is off the line:

        >>> import numpy as np
        >>> from sklatent.neural import AETransformer
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((100, 1)) @ [[1.0, 2.0, -1.0]]
        >>> ae = AETransformer(
        ...     n_components=1,
        ...     hidden_layer_sizes=(),
        ...     lr=0.01,
        ...     batch_size=10,
        ...     max_epochs=5,
        ...     random_state=0,
        ... ).fit(X)
        >>> on, off = ae.score_samples([[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]])
        >>> bool(off < on <= 0)
        True
        """
        return -self.reconstruction_error(X)
