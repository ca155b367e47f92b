"""Embeddings by a network that is trained on neighbors."""

from numbers import Integral, Real

import numpy as np
import torch

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
from sklatent.utils._fuzzy_graph import fitted_kernel
from sklatent.utils._neighbors import k_nearest, unique_rows
from sklatent.utils._recall import neighbors_kept
from sklatent.utils._sklearn import Interval, StrOptions


class ParametricEmbedding(NeuralLatentModel):
    """Embedding."""

    _parameter_constraints = {
        **NeuralLatentModel._parameter_constraints,
        "loss": [StrOptions({"umap", "tsne", "infonce"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "min_dist": [Interval(Real, 0, 3, closed="left")],
        "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        loss="umap",
        n_neighbors=15,
        min_dist=0.1,
        noise=0.8,
        reconstruction_weight=0.0,
        standardize=False,
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
        self.noise = noise
        self.reconstruction_weight = reconstruction_weight
        self.standardize = standardize
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

    def _make_criterion(self, X):
        if self.loss == "umap":
            places, edges = Umap(*fitted_kernel(self.min_dist)), FuzzyEdges
        else:
            places, edges = {"tsne": Tsne, "infonce": InfoNCE}[self.loss](), EqualEdges
        loss, weight = None, None
        if self.reconstruction_weight > 0:
            loss, weight = SquaredError(), self.reconstruction_weight
        return NeighborLoss(
            places, edges, self.n_neighbors, noise=self.noise, loss=loss, unexplained=weight
        )

    def _start(self, X, resume):
        X = super()._start(X, resume)
        # Rows that are equal have one place, and are neighbors of nothing twice.
        first, self._inverse, self._counts = unique_rows(X)
        self._fit_X = X[first]
        return X

    def _check_trained(self, X):
        self._places = self._encode(self._fit_X)
        self.embedding_ = self._places[self._inverse]
        if not self._spec.has_decoder:
            self._decoder = Decoder().fit(self._places, self._fit_X, self._counts)

    def _decode(self, Z):
        if self._spec.has_decoder:
            return super()._decode(Z)
        return self._decoder.decode(Z)

    def score_samples(self, X):
        """R_NX."""
        X = self._validate_rows(X)

        def nearest(k):
            return k_nearest(
                self._standardize(self._fit_X), k, queries=self._standardize(X)
            )

        kept = neighbors_kept(nearest, self._places, self._encode(X))
        return kept.astype(X.dtype, copy=False)
