"""Autoencoder.

Hinton and Salakhutdinov (2006): a network with a narrow layer in its middle,
trained to return its input; what passes through the narrow layer is the code.
"""

from sklatent.neural._base import NeuralLatentModel
from sklatent.neural._losses import SquaredError
from sklatent.neural._modules import Autoencoder


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
    history_ : dict of list
        Mean loss of each epoch: "train_loss" and, with `early_stopping`,
        "valid_loss". The loss is the squared error per row, in squared units of
        the standardised features.
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

    Notes
    -----
    The same `random_state` gives the same bits on the same machine with the same
    number of threads. The global random generators are neither read nor written.

    References
    ----------
    .. [1] G. E. Hinton and R. R. Salakhutdinov (2006). Reducing the dimensionality
       of data with neural networks. Science 313, 504-507.
    .. [2] P. Baldi and K. Hornik (1989). Neural networks and principal component
       analysis: learning from examples without local minima. Neural Networks 2,
       53-58.

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

    _parameter_constraints = {**NeuralLatentModel._parameter_constraints}

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(128, 64),
        activation="relu",
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
        encoder, decoder = self._mlps(data.shape[1], self.n_components_, generator)
        return Autoencoder(encoder, decoder), SquaredError()

    def score_samples(self, X):
        """Minus the squared reconstruction error of each row.

        This is no density; see :class:`VAETransformer` for one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        score : ndarray of shape (n_samples,)
            Minus `reconstruction_error(X)`, in squared units of the data.
        """
        return -self.reconstruction_error(X)
