"""What autoencoders and variational autoencoders have in common."""

import copy
import math
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils.validation import validate_data
from skorch.callbacks import Callback

from sklatent.base import FLOAT_DTYPES, LatentModelMixin, SklatentEstimator
from sklatent.callback._iterations import IterationReport
from sklatent.neural._modules import ACTIVATIONS, mlp
from sklatent.neural._standardization import (
    BLOCK_ROWS,
    mean_and_scale,
    standardize,
    undo_standardize,
)
from sklatent.neural._training import OPTIMIZERS, EarlyStopping, Trainer
from sklatent.utils._blocks import row_slices
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)


def available_devices():
    """Names of the devices that PyTorch can compute on here."""
    return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]


def resolve_device(device):
    """Return a device that is there; "auto" is the first GPU, or else the CPU."""
    devices = available_devices()
    if device == "auto":
        return "cuda:0" if "cuda:0" in devices else "cpu"
    if f"{device}:0" in devices:
        return f"{device}:0"
    if device not in devices:
        raise ValueError(
            f"device must be 'auto' or one of {devices}; got {device!r} instead."
        )
    return device


@torch.inference_mode()
def map_rows(function, X, block_rows=BLOCK_ROWS):
    """Concatenate function(block) over blocks of rows, as NumPy arrays.

    Memory does not grow with the number of rows, and a block's activations stay
    in the cache. A tuple of tensors becomes a tuple of arrays.
    """
    parts = [function(X[rows]) for rows in row_slices(len(X), block_rows)]
    if isinstance(parts[0], tuple):
        return tuple(torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
    return torch.cat(parts).cpu().numpy()


def copy_callbacks(callbacks):
    """Return copies of skorch callbacks; others have a place of their own."""
    for item in callbacks:
        callback = item[-1] if isinstance(item, tuple) else item
        if not isinstance(callback, Callback):
            raise ValueError(
                "callbacks takes instances of skorch.callbacks.Callback, or pairs of "
                f"a name and one; got {item!r} instead. scikit-learn's callbacks go "
                "to set_callbacks."
            )
    return copy.deepcopy(callbacks)


class NeuralLatentModel(CallbackSupportMixin, LatentModelMixin, SklatentEstimator):
    """Fit a pair of networks; apply them to rows.

    Subclasses say which: `_build(data, generator)` returns the module, with random
    weights, and its loss.
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "standardize": ["boolean"],
        "dtype": [StrOptions({"float32", "float64"})],
        "device": [str],
        "callbacks": [list, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # A dimension estimator given as n_components checks its own parameters.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; at least two rows.
        y : Ignored
            Passed on to scikit-learn's callbacks.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        RuntimeError
            If training diverges. The estimator is then not fitted.
        ValueError
            If a parameter or `X` cannot be used.
        """
        with self._unfitted_on_error():
            X = validate_data(self, X, dtype=FLOAT_DTYPES, ensure_min_samples=2)
            self._fit(X, y)
        return self

    def _fit(self, X, y):
        self.n_components_ = self._resolve_n_components(X)
        self.device_ = resolve_device(self.device)
        self.mean_, self.scale_ = mean_and_scale(X)
        if not self.standardize:
            self.scale_ = np.full_like(self.scale_, self.scale_.mean())
        rng = random_generator(self.random_state)
        seed, self._noise_seed = rng.randint(2**31 - 1, size=2).tolist()

        data = self._training_tensor(X)
        module, criterion = self._build(data, torch.Generator().manual_seed(seed))
        train, valid = self._split(data, rng)

        context = self._init_callback_context(max_subtasks=self.max_epochs)
        task = {"estimator": self, "X": X, "y": y}
        context.call_on_fit_task_begin(**task)
        net = Trainer(
            module.to(data.dtype),
            criterion,
            seed=seed,
            optimizer=self.optimizer,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            device=self.device_,
            callbacks=copy_callbacks(self.callbacks or []),
            verbose=int(self.verbose),
        )
        net.fit(
            train,
            X_valid=valid,
            early_stopping=EarlyStopping(self.n_iter_no_change, self.tol)
            if self.early_stopping
            else None,
            report=IterationReport(
                context,
                "epoch",
                lambda net: self._fitted_attributes(copy.deepcopy(net), data),
                **task,
            ),
        )
        vars(self).update(self._fitted_attributes(net, data))
        context.call_on_fit_task_end(**task, reconstruction_attributes={})

    def _training_tensor(self, X):
        """Return the rows as the networks see them, on the device."""
        data = torch.empty(X.shape, dtype=getattr(torch, self.dtype))
        for rows in row_slices(len(X), BLOCK_ROWS):
            block = standardize(X[rows], self.mean_, self.scale_)
            data[rows] = torch.from_numpy(block)
        return data.to(self.device_)

    def _split(self, data, rng):
        """Return rows to train on and, for early stopping, rows held out."""
        if not self.early_stopping:
            return data, None
        n_samples = len(data)
        n_valid = math.ceil(self.validation_fraction * n_samples)
        if n_samples - n_valid < 2:
            raise ValueError(
                f"early_stopping with validation_fraction={self.validation_fraction} "
                f"holds out {n_valid} of n_samples={n_samples} rows, which leaves "
                f"{n_samples - n_valid} for training; at least 2 are needed."
            )
        order = torch.from_numpy(rng.permutation(n_samples)).to(data.device)
        return data[order[n_valid:]], data[order[:n_valid]]

    def _mlps(self, n_features, n_encoded, generator):
        """Return an encoder to `n_encoded` numbers and its mirrored decoder."""
        hidden = np.atleast_1d(self.hidden_layer_sizes).tolist()
        if not all(isinstance(size, int) and size > 0 for size in hidden):
            raise ValueError(
                "hidden_layer_sizes must be positive integers, one per layer; "
                f"got {self.hidden_layer_sizes!r} instead."
            )
        encoder = mlp([n_features, *hidden, n_encoded], self.activation, generator)
        decoder = mlp(
            [self.n_components_, *reversed(hidden), n_features],
            self.activation,
            generator,
        )
        return encoder, decoder

    def _fitted_attributes(self, net, data):
        """Return what a trained net gives the estimator; the net is trimmed."""
        history = {
            name: net.history[:, name]
            for name in ("train_loss", "valid_loss")
            if name in net.history[-1]
        }
        net.trim_for_prediction()
        attributes = self._summarize(net.module_, data)
        # On the CPU a pickle opens anywhere; see _network for the way back. Under
        # its second name the module would be pickled twice.
        net.module_.cpu()
        net.device, net.module = "cpu", None
        return {
            "net_": net,
            "history_": history,
            "loss_": history["train_loss"][-1],
            "n_iter_": len(history["train_loss"]),
            **attributes,
        }

    def _summarize(self, module, data):
        """Further fitted attributes, from the trained module and its data."""
        return {}

    def _network(self, dtype, device=None):
        """Return the fitted module in a precision, on the device if it is there."""
        device = device or self.device_
        if device not in available_devices():
            device = "cpu"
        module = self.net_.module_
        dtype = getattr(torch, dtype.name)
        if device == "cpu" and next(module.parameters()).dtype == dtype:
            return module
        return copy.deepcopy(module).to(device=device, dtype=dtype)

    def _tensor(self, X, network):
        """Rows, as the network sees them."""
        block = standardize(X, self.mean_, self.scale_)
        return torch.from_numpy(block).to(next(network.parameters()).device)

    def _encode(self, X):
        network = self._network(X.dtype)
        return map_rows(lambda rows: network.encode(self._tensor(rows, network)), X)

    def _decode(self, Z):
        network = self._network(Z.dtype)
        device = next(network.parameters()).device
        Z = np.ascontiguousarray(Z)  # torch takes no negative strides
        X = map_rows(lambda rows: network.decode(torch.tensor(rows, device=device)), Z)
        return undo_standardize(X, self.mean_, self.scale_)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")
