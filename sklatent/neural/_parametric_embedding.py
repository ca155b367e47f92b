"""Embeddings by a network that is trained on neighbors.

Sainburg, McInnes and Gentner (2021): a neighbor embedding minimizes a loss of the
places of the training rows. Here the places are what a network makes of the rows, and
the loss trains the network, which then places any row.
"""

import copy
from numbers import Integral, Real

import numpy as np

from sklatent.neural._base import NeuralLatentModel
from sklatent.neural._schema import EMBEDDING_ATTRIBUTES
from sklatent.neural.networks._autoencoder import SquaredError
from sklatent.neural.networks._embedding import EmbeddingSpec
from sklatent.neural.training._neighbor_loss import (
    EqualEdges,
    FuzzyEdges,
    InfoNCE,
    NeighborLoss,
    Tsne,
    Umap,
)
from sklatent.utils._decoder import Decoder
from sklatent.utils._fuzzy_graph import fit_similarity
from sklatent.utils._neighbors import k_nearest, unique_rows
from sklatent.utils._recall import neighbors_kept
from sklatent.utils._sklearn import Interval, StrOptions

# Scale of the places, to which UMAP fits its kernel.
SPREAD = 1.0
# What "auto" means. Pairs repel each other within a batch, which has to be large. Few
# rows need many epochs, as each is seen beside one neighbor in an epoch.
BATCH_SIZE = 256
MOST_EPOCHS, FEWEST_EPOCHS, ROWS_SEEN = 300, 20, 600_000


class ParametricEmbedding(NeuralLatentModel):
    """Neighbor embedding by a network: UMAP or t-SNE that places new rows.

    An encoder maps each row x to a place z of `n_components` numbers. It is trained
    with the loss of a neighbor embedding: the places of rows that are neighbors attract
    each other, and the places of any two rows repel each other [1]_. Groups of rows
    then show in a plot as in one of UMAP or t-SNE, while new rows are placed by the
    network, each by itself, without a search for their neighbors. A decoder may be
    trained together with the encoder.

    The parameters are in four groups:

    - model: `n_components`, `loss`, `n_neighbors`, `min_dist`, `reconstruction_weight`,
      `standardize`, `noise`;
    - networks: `hidden_layer_sizes`, `activation`, `skip_connections`, `image_shape`,
      `conv_channels`, `encoder`, `decoder`;
    - training: `lr`, `lr_schedule`, `batch_size`, `max_epochs`, `optimizer`,
      `early_stopping`, `validation_fraction`, `n_iter_no_change`, `tol`;
    - running: `warm_start`, `checkpoint_path`, `dtype`, `device`, `callbacks`,
      `verbose`, `random_state`.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Size of a place. An estimator of the intrinsic dimension (with `fit` and
        `dimension_`) is fitted first, and its dimension is rounded.
    loss : {"infonce", "tsne", "umap"}, default="umap"
        What the places of a row and its neighbors cost; see the notes. "umap" is the
        cross-entropy of UMAP [2]_, "tsne" that of t-SNE within a batch [3]_, and
        "infonce" the contrastive loss [4]_, which is between the two.
    n_neighbors : int, default=15
        How many of the nearest rows are neighbors of a row, by Euclidean distance. More
        of them show more of the whole and less of the details.
    min_dist : float, default=0.1
        Distance of places, at most 1, below which neighbors attract each other no more.
        A larger one gives looser groups. Used only with the loss "umap".
    reconstruction_weight : float, default=0.0
        Weight of the squared error of the reconstruction in the loss, as a share of the
        variance of the rows, so that neither units nor the number of features matter.
        Above 0 a decoder is trained together with the encoder, and used by
        `inverse_transform`. With 0 there is no such network, and a local linear
        regression on the places of the training rows reconstructs.
    standardize : bool, default=False
        Whether every feature has variance 1 where neighbors are found and networks are
        trained. Turn it on for features in different units. False divides all by one
        number, so that distances are those of the data.
    noise : float, default=1.0
        Length of the noise that training adds to each row, relative to the mean
        distance of its neighbors. The noise is Gaussian and new in every step. It keeps
        the network from learning the places of few rows by heart. A decoder is to
        return the rows without it.
    hidden_layer_sizes : int or array-like of int, default=(256, 256, 256)
        Sizes of the encoder's hidden layers. A decoder has the same sizes in reverse
        order. An empty sequence gives a linear map.
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
        Decoder to use in place of the one that the parameters above describe, from
        places to rows: a function or a module, as for `encoder`. Used only with a
        `reconstruction_weight`.
    lr : float, default=0.003
        Learning rate of the optimizer.
    lr_schedule : {"constant", "cosine", "linear", "one_cycle"}, default="one_cycle"
        How the learning rate changes during training. With t the share of `max_epochs`
        that is done, which grows with every step, `lr` is multiplied by 1; by ½ (1 +
        cos πt); by 1 - t; or by a factor that rises from 0.04 to 1 until t = 0.3 and
        then falls to 0, both along half a cosine.
    batch_size : int or "auto", default="auto"
        Number of pairs of neighbors in each step of the optimizer. Rows repel the
        others of their batch, so that "tsne" and "infonce" need hundreds. "auto" is
        256.
    max_epochs : int or "auto", default="auto"
        Number of epochs. Each draws as many pairs of neighbors as there are rows.
        "auto" makes 300 of them or, where there are more than 2,000 rows, as many as
        draw 600,000 pairs, but no less than 20.
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
        if there is none. Rows that do not fit into a GPU are sent batch by batch.
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
        Size of a place.
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the training rows, which `transform` returns for them.
    net_ : skorch.NeuralNet
        The trained net, on the CPU and without what is needed for training only. Its
        `module_` has an `encoder`, and a `decoder`, which is None without a
        `reconstruction_weight`.
    encoder_ : torch.nn.Sequential
        A copy of the encoder as a module, for use in other networks. It takes rows in
        the units of the data, as tensors in single precision on the CPU, and returns
        their places. Training it does not change this estimator.
    history_ : dict of list
        Mean loss of each epoch, in nats: "train_loss" and, with `early_stopping`,
        "valid_loss". Rows held out have the neighbors that they have among each other,
        and no noise.
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
        Number that each feature is divided by for training: the mean of their standard
        deviations, where that of a constant feature is the median of the others'; with
        `standardize=True` its own.
    device_ : str
        The device that training used.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    AETransformer : The smallest error of the reconstruction; `neighbor_weight` adds the
        loss "umap" to it.
    sklatent.manifold.UMAP : The places themselves are optimized.
    sklatent.manifold.TSNE : Keeps the most neighbors, for rows that are all there.

    Notes
    -----
    With the kernel k(d) of the distance d of two places, a row i beside a neighbor j
    costs, where l are the others of the batch of m pairs,

    - "umap": -log k(d_ij) - 5 mean_l log(1 - k(d_il)), with k(d) = 1 / (1 + a d^2b),
      whose a and b are fitted to `min_dist`;
    - "tsne": -log k(d_ij) + log mean k, a mean over all pairs of the batch, with
      k(d) = 1 / (1 + d²);
    - "infonce": -log(k(d_ij) / (k(d_ij) + sum_l k(d_il))), with the same kernel.

    The neighbor is drawn again in each epoch: with probabilities in proportion to the
    weights of UMAP's graph [2]_ for "umap", and for the others with equal ones. The
    loss is the mean over the batch, plus `reconstruction_weight` times the squared
    length of x - x̂ over the total variance of the rows, where x̂ is decoded from the
    place that x has with its noise.

    Distances between groups, and sizes of groups, mean little. The training rows are
    kept, in memory and in files, as scores and reconstructions need them; `encoder_`
    and a graph by :func:`sklatent.deploy.to_onnx` do without.

    The same `random_state` gives the same bits on the same machine with the same
    number of threads. The global random generators are neither read nor written. There
    is one exception: while a module given as `encoder` or `decoder` is at work, one
    thread at a time, PyTorch's generators are seeded from `random_state`, and restored
    afterwards.

    References
    ----------
    .. [1] T. Sainburg, L. McInnes and T. Q. Gentner (2021). Parametric UMAP embeddings
       for representation and semisupervised learning. Neural Computation 33,
       2881-2907. Section 2.3.
    .. [2] L. McInnes, J. Healy and J. Melville (2018). UMAP: Uniform manifold
       approximation and projection for dimension reduction. arXiv:1802.03426.
       Section 3.
    .. [3] L. van der Maaten (2009). Learning a parametric embedding by preserving local
       structure. AISTATS, 384-391. Equation 2.
    .. [4] S. Damrich, J. N. Böhm, F. A. Hamprecht and D. Kobak (2023). From t-SNE to
       UMAP with contrastive learning. ICLR. Section 4.

    Examples
    --------
    Half of the flowers are placed by a network that has seen the other half, and the
    nearest neighbors in the plane know their species:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklatent.neural import ParametricEmbedding
    >>> X, y = load_iris(return_X_y=True)
    >>> embedding = ParametricEmbedding(random_state=0).fit(X[::2])
    >>> new = embedding.transform(X[1::2])
    >>> new.shape
    (75, 2)
    >>> neighbors = KNeighborsClassifier().fit(embedding.embedding_, y[::2])
    >>> bool(neighbors.score(new, y[1::2]) > 0.9)
    True
    """

    _compares_rows = True

    _parameter_constraints = {
        **NeuralLatentModel._parameter_constraints,
        "loss": [StrOptions({"infonce", "tsne", "umap"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "min_dist": [Interval(Real, 0, SPREAD, closed="both")],
        "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        loss="umap",
        n_neighbors=15,
        min_dist=0.1,
        reconstruction_weight=0.0,
        standardize=False,
        noise=1.0,
        hidden_layer_sizes=(256, 256, 256),
        activation="gelu",
        skip_connections=False,
        image_shape=None,
        conv_channels=(16, 32),
        encoder=None,
        decoder=None,
        lr=3e-3,
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
        self.loss = loss
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.reconstruction_weight = reconstruction_weight
        self.standardize = standardize
        self.noise = noise
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.skip_connections = skip_connections
        self.image_shape = image_shape
        self.conv_channels = conv_channels
        self.encoder = encoder
        self.decoder = decoder
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

    _attribute_schema = EMBEDDING_ATTRIBUTES

    def _make_spec(self, common, X, share, table):
        return EmbeddingSpec(**common, **self._spec_parameters())

    def _spec_parameters(self):
        return {"has_decoder": self.reconstruction_weight > 0}

    def _check_same_networks(self):
        if self._spec.has_decoder != (self.reconstruction_weight > 0):
            there = "above 0" if self._spec.has_decoder else "0"
            raise ValueError(
                f"reconstruction_weight must be {there}, as in the fit that made the "
                f"networks; got {self.reconstruction_weight!r}. Set it back, or fit "
                "anew with warm_start=False."
            )
        super()._check_same_networks()

    def _make_criterion(self, X):
        if self.loss == "umap":
            places, edges = Umap(*fit_similarity(SPREAD, self.min_dist)), FuzzyEdges
        else:
            places, edges = {"tsne": Tsne, "infonce": InfoNCE}[self.loss](), EqualEdges
        settings = {"noise": self.noise}
        if self.reconstruction_weight > 0:
            settings |= {
                "loss": SquaredError(),
                "unexplained": self.reconstruction_weight,
            }
        return NeighborLoss(places, edges, self.n_neighbors, **settings)

    def _batch_size(self, n_samples):
        return BATCH_SIZE if self.batch_size == "auto" else self.batch_size

    def _automatic_epochs(self, n_samples):
        return min(max(ROWS_SEEN // n_samples, FEWEST_EPOCHS), MOST_EPOCHS)

    def _start(self, X, resume):
        X = super()._start(X, resume)
        # Rows that are equal have one place, and are neighbors of nothing twice.
        first, self._which, _ = unique_rows(X)
        self._fit_X = X[first]
        return X

    def _fitted_attributes(self, module, losses, data):
        attributes = super()._fitted_attributes(module, losses, data)
        placing = copy.copy(self)
        vars(placing).update(attributes)
        places = placing._encode(self._fit_X)
        regression = None
        if not self._spec.has_decoder:
            fitted = Decoder().fit(places, self._fit_X, np.bincount(self._which))
            regression = int(fitted.n_neighbors), float(fitted.ridge)
        return {
            **attributes,
            "embedding_": places[self._which],
            "_places": places,
            "_regression": regression,
        }

    def _decode(self, Z):
        if self._spec.has_decoder:
            return super()._decode(Z)
        rows = self._places, self._fit_X, np.bincount(self._which)
        return Decoder(*self._regression).fit(*rows).decode(Z)

    def _to_onnx(self, method, dtype):
        if method == "inverse_transform" and not self._spec.has_decoder:
            raise ValueError(
                "reconstruction_weight must be above 0 for a graph of "
                "inverse_transform, which is otherwise a search for the nearest "
                f"training rows; got {self.reconstruction_weight!r}."
            )
        return super()._to_onnx(method, dtype)

    def inverse_transform(self, X):
        """Reconstruct rows from their places.

        By the decoder, if `reconstruction_weight` has trained one. Otherwise a place is
        turned into a row by a linear regression on the training rows whose places are
        the nearest. Each is reconstructed by itself.

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
        >>> from sklatent.neural import ParametricEmbedding
        >>> X = load_iris().data
        >>> embedding = ParametricEmbedding(random_state=0).fit(X)
        >>> errors = (embedding.inverse_transform(embedding.embedding_) - X) ** 2
        >>> bool(errors.sum() < 0.1 * ((X - X.mean(axis=0)) ** 2).sum())
        True
        """
        return super().inverse_transform(X)

    def score_samples(self, X):
        """Share of the nearest training rows of each row that its place keeps.

        It is the recall of up to ten nearest training rows among the nearest in the
        embedding, corrected for chance, as in :mod:`sklatent.manifold`: 1 if all are
        kept, 0 on average for a random place. It is no density and is not in nats. A
        row of the training set is not a neighbor of its own.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        recall : ndarray of shape (n_samples,)
            Between -k / (n - 1 - k), for k neighbors and n distinct training rows,
            and 1. It is 1 where there are fewer than three distinct training rows.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.neural import ParametricEmbedding
        >>> X = load_iris().data
        >>> embedding = ParametricEmbedding(random_state=0).fit(X[::2])
        >>> kept = embedding.score_samples(X[1::2])
        >>> kept.shape, bool(kept.mean() > 0.4)
        ((75,), True)
        """
        X = self._validate_rows(X)
        rows, queries = self._standardize(self._fit_X), self._standardize(X)

        def nearest(k):
            return k_nearest(rows, k, queries=queries)

        kept = neighbors_kept(nearest, self._places, self._encode(X))
        return kept.astype(X.dtype, copy=False)
