"""Autoencoder.

Hinton and Salakhutdinov (2006): a network with a narrow layer in its middle,
trained to return its input. What passes through the narrow layer is the code.
"""

from numbers import Real

from sklatent.neural._base import NeuralLatentModel
from sklatent.neural._schema import ATTRIBUTES
from sklatent.neural.networks._autoencoder import (
    AutoencoderSpec,
    SquaredError,
)
from sklatent.neural.training._neighbor_loss import (
    EqualEdges,
    NeighborLoss,
    Umap,
)
from sklatent.utils._sklearn import Interval

# How many of the nearest rows are neighbors to `neighbor_weight`.
N_NEIGHBORS = 10


class AETransformer(NeuralLatentModel):
    """Autoencoder: nonlinear dimensionality reduction and reconstruction.

    An encoder maps each row x to a code z of `n_components` numbers, and a decoder of
    the mirrored shape maps the code to a reconstruction of the row. Both are trained to
    minimize the squared error of the reconstruction. Without hidden layers this finds
    the subspace of PCA [2]_; with them, a curved one [1]_.

    The parameters are in four groups:

    - model: `n_components`, `standardize`;
    - networks: `hidden_layer_sizes`, `activation`, `skip_connections`, `image_shape`,
      `conv_channels`, `encoder`, `decoder`, `tied_weights`;
    - training: `alpha`, `l1_ratio`, `corruption`, `neighbor_weight`, `lr`,
      `lr_schedule`, `batch_size`, `max_epochs`, `optimizer`, `early_stopping`,
      `validation_fraction`, `n_iter_no_change`, `tol`;
    - running: `warm_start`, `checkpoint_path`, `dtype`, `device`, `callbacks`,
      `verbose`, `random_state`.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Size of the code. It may exceed the number of features. An estimator of the
        intrinsic dimension (with `fit` and `dimension_`) is fitted first, and its
        dimension is rounded.
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
        Whether a linear map of the input is added to the output of each network [3]_.
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
        module, which is copied. None uses the one that these describe.
    decoder : callable or torch.nn.Module, default=None
        Decoder to use in place of the one that the parameters above describe: a
        function that is called with the sizes of its input and output, (n_in, n_out),
        and returns a module that maps codes of shape (n, n_in) to (n, n_out); or such a
        module, which is copied. None uses the one that these describe.
    tied_weights : bool, default=False
        Whether the decoder's weights are those of the encoder, transposed, which halves
        the number of weights. Only for networks without convolutions.
    alpha : float, default=0.0
        Strength of a penalty on the weights, which is that of
        :class:`~sklearn.linear_model.ElasticNet`: the loss per row grows by `alpha *
        l1_ratio` times the sum of their absolute values, and half of `alpha * (1 -
        l1_ratio)` times the sum of their squares. Biases are not penalized.
    l1_ratio : float, default=0.0
        Share of the absolute values in the penalty. With 1, many weights become nearly
        0.
    corruption : float, default=0.0
        Share of the entries of each row that are replaced by the mean of their feature,
        at random in every step of training. The network has to reconstruct the original
        row [4]_, so that the code learns how features depend on each other.
    neighbor_weight : float, default=0.0
        Weight of a term of the loss that keeps neighbors together [5]_: the codes of a
        row and of one of its 10 nearest rows, drawn anew in every epoch, attract each
        other, and those of any two rows repel each other; with `corruption`, they are
        those of corrupted rows. Codes then separate groups of
        rows as those of UMAP do, while the decoder still leads back. With d the
        distance of two codes and u = 1.577 (d² + 0.001)^0.895, a row costs this weight
        times the sum of log(1 + u) for its neighbor and 5 times the mean of log(1 +
        1 / u) over the others of its batch. The squared error, with which it competes,
        grows with the number of features.
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
        250 steps.
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
    net_ : skorch.NeuralNet
        The trained net, on the CPU and without what is needed for training only. Its
        `module_` has an `encoder` and a `decoder`.
    encoder_ : torch.nn.Sequential
        A copy of the encoder as a module, for use in other networks. It takes rows in
        the units of the data, as tensors in single precision on the CPU, and returns
        their codes. Training it does not change this estimator.
    history_ : dict of list
        Mean loss of each epoch: "train_loss" and, with `early_stopping`,
        "valid_loss". The loss is the squared error per row, in squared units of
        the standardized features, plus the penalty of `alpha` and
        the term of `neighbor_weight`. Rows held out are not corrupted.
    loss_ : float
        Training loss of the last epoch.
    n_iter_ : int
        Number of epochs trained.
    best_epoch_ : int or None
        Epoch of the lowest validation loss, counted from 1, whose parameters
        `early_stopping` has kept. None after training without early stopping, or if
        it ended before an epoch counted.
    mean_ : ndarray of shape (n_features,)
        Subtracted from the features for training.
    scale_ : ndarray of shape (n_features,)
        Number that each feature is divided by for training: its standard deviation, or
        for a constant feature the median of the others'; with `standardize=False` the
        mean of these for all.
    device_ : str
        The device that training used.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    ParametricEmbedding : Trained on neighbors, for maps of groups.
    VAETransformer : An autoencoder with a density.
    sklatent.decomposition.PCA : The linear subspace, in closed form.
    sklearn.neural_network.MLPRegressor : A network from rows to given targets.

    Notes
    -----
    A feature that has the same value in all training rows is reconstructed as that
    value.

    The same `random_state` gives the same bits on the same machine with the same
    number of threads. The global random generators are neither read nor written. There
    is one exception: while a module given as `encoder` or `decoder` is at work, one
    thread at a time, PyTorch's generators are seeded from `random_state`, and restored
    afterwards.

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
    .. [5] T. Sainburg, L. McInnes and T. Q. Gentner (2021). Parametric UMAP embeddings
       for representation and semisupervised learning. Neural Computation 33,
       2881-2907. Section 2.3.

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
        "neighbor_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        standardize=True,
        hidden_layer_sizes=(128, 64, 32),
        activation="gelu",
        skip_connections=False,
        image_shape=None,
        conv_channels=(16, 32),
        encoder=None,
        decoder=None,
        tied_weights=False,
        alpha=0.0,
        l1_ratio=0.0,
        corruption=0.0,
        neighbor_weight=0.0,
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
        self.standardize = standardize
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
        self.neighbor_weight = neighbor_weight
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

    _attribute_schema = ATTRIBUTES

    def _make_spec(self, common, X, share, table):
        return AutoencoderSpec(**common, **self._spec_parameters())

    def _spec_parameters(self):
        return {"tied_weights": self.tied_weights}

    @property
    def _compares_rows(self):
        return self.neighbor_weight > 0

    def _make_criterion(self, X):
        loss = SquaredError(self.alpha, self.l1_ratio, self.corruption)
        if not self.neighbor_weight:
            return loss
        return NeighborLoss(
            Umap(), EqualEdges, N_NEIGHBORS, weight=self.neighbor_weight, loss=loss
        )

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
        >>> X = np.random.RandomState(0).normal(size=(100, 1)) @ [[1.0, 2.0, -1.0]]
        >>> settings = {"hidden_layer_sizes": (), "max_epochs": 50, "random_state": 0}
        >>> ae = AETransformer(1, **settings).fit(X)
        >>> on, off = ae.score_samples([[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]])
        >>> bool(off < on <= 0)
        True
        """
        return -self.reconstruction_error(X)
