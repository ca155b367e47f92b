"""What autoencoders and variational autoencoders have in common."""

import contextlib
import copy
import itertools
import math
import os
from numbers import Integral, Real

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn

from sklatent.base import LatentModelMixin, SklatentEstimator
from sklatent.neural._saving import SavingMixin
from sklatent.neural._schema import ATTRIBUTES
from sklatent.neural.networks._architectures import ARCHITECTURE_CONSTRAINTS
from sklatent.neural.networks._perceptrons import Standardize
from sklatent.neural.training._checkpoint import (
    Checkpoint,
    check_folder,
    checksum,
    pack,
    unpack,
    weights_checksum,
)
from sklatent.neural.training._devices import (
    available_devices,
    map_rows,
    prediction_net,
    resolve_device,
)
from sklatent.neural.training._early_stopping import EarlyStopping
from sklatent.neural.training._files import only_writer
from sklatent.neural.training._rows import row_source, subset
from sklatent.neural.training._schedules import SCHEDULES
from sklatent.neural.training._trainer import OPTIMIZERS, Trainer
from sklatent.neural.training._units import (
    mean_and_scale,
    standardize,
    still_constant,
    undo_standardize,
)
from sklatent.utils._iterations import IterationReport
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import read_rows


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


def describe(module):
    """Return lines that say how a module is built."""
    tensors = module.state_dict().items()
    return [
        *(line.strip() for line in str(module).splitlines()),
        *(f"{name} of shape {tuple(tensor.shape)}" for name, tensor in tensors),
    ]


class NeuralLatentModel(
    SavingMixin, CallbackSupportMixin, LatentModelMixin, SklatentEstimator
):
    """Fit a pair of networks; apply them to rows.

    Subclasses say which: `_architecture()` describes them as plain data,
    `_make_module(architecture, generator)` builds them with random weights,
    `_initialize(module, data, generator)` takes from the rows what they start from, and
    `_make_criterion()` returns the loss.
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        **ARCHITECTURE_CONSTRAINTS,
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions(set(SCHEDULES))],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "max_grad_norm": [Interval(Real, 1, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "checkpoint_path": [str, os.PathLike, None],
        "standardize": ["boolean"],
        "dtype": [StrOptions({"float32", "float64", "mixed"})],
        "device": [str],
        "compile": ["boolean"],
        "callbacks": [list, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # Parameters that do not tell trainings with checkpoints apart. What the likelihood
    # says of the columns is part of the architecture.
    _free_at_resumption = frozenset(
        {
            "callbacks",
            "checkpoint_path",
            "compile",
            "device",
            "likelihood",
            "n_importance_samples",
            "random_state",
            "verbose",
        }
    )

    # Checks of the fitted attributes that `load` finds in a file.
    _attribute_schema = ATTRIBUTES

    # A dimension estimator given as n_components checks its own parameters.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; at least two rows, unless `warm_start` goes on. Where it is a
            memory map in single or double precision, rows are read as they are needed.
            NaN marks a missing entry where the class says so.
        y : Ignored
            Passed on to scikit-learn's callbacks.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        RuntimeError
            If training diverges. Like any error, it leaves the estimator as it was.
        TypeError
            If a function given as `encoder` or `decoder` returns no module.
        ValueError
            If a parameter or `X` cannot be used, or the file of this training in
            `checkpoint_path` is damaged.

        Warns
        -----
        ConvergenceWarning
            If training diverged, and went on from the epoch before at a tenth of the
            learning rate.
        PosteriorCollapseWarning
            If no component of the code of a variational autoencoder depends on the row.
        UserWarning
            If `warmup_epochs` of a variational autoencoder does not end before
            `max_epochs`.

        Examples
        --------
        Rows on a line need one component. What the linear network loses falls from
        epoch to epoch:

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
        >>> bool((np.diff(ae.history_["train_loss"]) < 0).all()), ae.n_iter_
        (True, 5)
        """
        goes_on = self.warm_start and self.__sklearn_is_fitted__()
        with self._unchanged_on_error():
            if self.checkpoint_path is not None:
                check_folder(self.checkpoint_path)
            X = self._validate_training_rows(X, goes_on)
            vars(self).pop("_training_state_", None)
            if not goes_on:
                self._prepare(X)
            with self._checkpoint(X, goes_on) as (seeds, state, keep):
                self._train(X, y, seeds, state, goes_on, keep=keep)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Train for one epoch.

        The first call decides on networks and units from its rows. Every call takes up
        the training, the optimizer and the random numbers where the last one stopped:
        k calls with the same rows are `fit` with `max_epochs=k`, to the bit. After a
        `fit`, which keeps no optimizer, they start from its networks.

        Learning-rate schedules end at `max_epochs`, no rows are held out, and
        `checkpoint_path` is not used. Attributes that describe the training rows are
        about those of the last call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; at least two rows at the first call. NaN marks a missing entry
            where the class says so.
        y : Ignored
            Passed on to scikit-learn's callbacks.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        RuntimeError
            If training diverges. Like any error, it leaves the estimator as it was.
        TypeError
            If a function given as `encoder` or `decoder` returns no module.
        ValueError
            If a parameter or `X` cannot be used.

        Warns
        -----
        ConvergenceWarning
            If training diverged, and went on from the epoch before at a tenth of the
            learning rate.
        PosteriorCollapseWarning
            If no component of the code of a variational autoencoder depends on the row.
        UserWarning
            If `warmup_epochs` of a variational autoencoder does not end before
            `max_epochs`.

        Examples
        --------
        Epoch by epoch, with anything in between, gives the networks of one `fit`:

        >>> import numpy as np
        >>> from sklatent.neural import AETransformer
        >>> X = np.random.RandomState(0).standard_normal((50, 3))
        >>> settings = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
        >>> whole = AETransformer(**settings).fit(X)
        >>> ae = AETransformer(**settings)
        >>> for _ in range(3):
        ...     ae = ae.partial_fit(X)
        >>> bool((ae.transform(X) == whole.transform(X)).all())
        True
        """
        goes_on = self.__sklearn_is_fitted__()
        with self._unchanged_on_error():
            X = self._validate_training_rows(X, goes_on)
            if not goes_on:
                self._prepare(X)
            kept = getattr(self, "_training_state_", None)
            seeds = self._seeds_ if goes_on else self._draw_seeds()
            state = kept and unpack(kept)
            trainer = self._train(X, y, seeds, state, goes_on, one_epoch=True)
            # The next rows may be others, and a callback that stops has stopped this.
            state = trainer.state() | {"start": None, "stopped": False}
            self._training_state_ = pack(state)
        return self

    def _validate_training_rows(self, X, goes_on):
        """Check the rows given to a fit, against those before if it goes on."""
        X = read_rows(
            self,
            X,
            ensure_min_samples=1 if goes_on else 2,
            reset=not goes_on,
        )
        if goes_on:
            self._constant = still_constant(self._constant, X)
        return X

    def _prepare(self, X):
        """Decide on the size of the codes and on the units of training."""
        self.n_components_ = self._resolve_n_components(X)
        self.mean_, self.scale_, self._constant = mean_and_scale(X)
        if not self.standardize:
            self.scale_ = np.full_like(self.scale_, self.scale_.mean())

    def _draw_seeds(self):
        """Return seeds of the training, of the noise afterwards, and of the split."""
        rng = random_generator(self.random_state)
        return rng.randint(2**31 - 1, size=3).tolist()

    def _train(self, X, y, seeds, state, goes_on, *, keep=None, one_epoch=False):
        """Train from the start, from the fitted networks or from a state.

        Returns the trainer; the fitted attributes are set.
        """
        self._seeds_ = seeds
        seed, self._noise_seed, split_seed = seeds
        self.device_ = resolve_device(self.device)
        dtype = getattr(torch, self.dtype.replace("mixed", "float32"))
        data = row_source(X, self.mean_, self.scale_, dtype, self.device_)
        module = self._start_networks(data, seed, goes_on).to(dtype)
        train, valid, stopping = data, None, None
        if self.early_stopping and not one_epoch:
            train, valid = self._split(data, split_seed)
            stopping = EarlyStopping(self.n_iter_no_change, self.tol)
        trainer = self._make_trainer(module, seed, stopping).initialize()
        if state is not None:
            trainer.load_state(state)
        elif one_epoch and goes_on:
            trainer.losses = copy.deepcopy(self.history_)

        context = self._init_callback_context(
            max_subtasks=1 if one_epoch else self.max_epochs
        )
        task = {"estimator": self, "X": X, "y": y}
        context.call_on_fit_task_begin(**task)
        trainer.partial_fit(
            train,
            X_valid=valid,
            until=trainer.n_epochs + 1 if one_epoch else self.max_epochs,
            keep=keep,
            report=IterationReport(
                context,
                "epoch",
                lambda trainer: self._fitted_attributes(
                    copy.deepcopy(trainer.module_), trainer.losses, data
                ),
                **task,
            ),
        )
        # The state of the trainer is still asked for, on its device.
        vars(self).update(
            self._fitted_attributes(copy.deepcopy(module), trainer.losses, data)
        )
        context.call_on_fit_task_end(**task, reconstruction_attributes={})
        return trainer

    def _make_trainer(self, module, seed, early_stopping):
        """Return the trainer that the parameters describe."""
        return Trainer(
            module,
            self._make_criterion(),
            seed=seed,
            optimizer=self.optimizer,
            lr=self.lr,
            lr_schedule=self.lr_schedule,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            max_grad_norm=self.max_grad_norm,
            turns=self._turns(module),
            early_stopping=early_stopping,
            mixed=self.dtype == "mixed",
            compile_loss=self.compile,
            device=self.device_,
            callbacks=copy_callbacks(self.callbacks or []),
            verbose=int(self.verbose),
        )

    def _start_networks(self, data, seed, goes_on):
        """Return networks with random weights or those of the fitted ones."""
        generator = torch.Generator().manual_seed(seed)
        module = self._make_module(self._architecture(), generator)
        if goes_on:
            self._check_same_networks(module)
            module.load_state_dict(self.net_.module_.state_dict())
        else:
            self._initialize(module, data, generator)
        return module

    def _check_same_networks(self, module):
        """Raise if a module is not built as the fitted one."""
        n_components = self.n_components
        if not isinstance(n_components, Integral):  # the estimate was made once
            n_components = self.n_components_
        now = [f"n_components={n_components}", *describe(module)]
        fitted = [f"n_components={self.n_components_}", *describe(self.net_.module_)]
        for here, there in itertools.zip_longest(now, fitted):
            if here != there:
                raise ValueError(
                    "The parameters no longer describe the networks that were fitted: "
                    f"{here} in place of {there}. Set them back, or fit anew with "
                    "warm_start=False."
                )

    @contextlib.contextmanager
    def _checkpoint(self, X, goes_on):
        """Give seeds, the state to go on from, and what keeps a state; or None."""
        if self.checkpoint_path is None:
            yield self._draw_seeds(), None, None
            return
        checkpoint = Checkpoint(self.checkpoint_path, self._fingerprint(X, goes_on))
        with only_writer(checkpoint.path):
            seeds, state = checkpoint.read() or (self._draw_seeds(), None)
            yield seeds, state, lambda state: checkpoint.write(seeds, state)

    def _fingerprint(self, X, goes_on):
        """Return what decides how a training turns out, by name."""
        parameters = {
            name: weights_checksum(value)
            if isinstance(value, nn.Module)
            else repr(getattr(value, "__qualname__", value))
            for name, value in self.get_params(deep=False).items()
            if name not in self._free_at_resumption
        }
        if isinstance(self.random_state, Integral):
            parameters["random_state"] = repr(self.random_state)
        return {
            **parameters,
            "class": type(self).__name__,
            "networks": repr(self._architecture()),
            "layers": repr(describe(self._random_networks())),
            "first weights": (
                weights_checksum(self.net_.module_) if goes_on else "random"
            ),
            "data": f"{X.dtype}{X.shape} {checksum(X)}",
        }

    def _split(self, data, seed):
        """Return rows to train on and rows held out."""
        n_samples = len(data)
        n_valid = math.ceil(self.validation_fraction * n_samples)
        if n_samples - n_valid < 2:
            raise ValueError(
                f"early_stopping with validation_fraction={self.validation_fraction} "
                f"holds out {n_valid} of n_samples={n_samples} rows, which leaves "
                f"{n_samples - n_valid} for training; at least 2 are needed."
            )
        order = np.random.RandomState(seed).permutation(n_samples)
        return subset(data, order[n_valid:]), subset(data, order[:n_valid])

    def _fitted_attributes(self, module, losses, data):
        """Return what trained networks, which become the estimator's, give it."""
        module.eval()
        attributes = self._summarize(module, data)
        return {
            **self._network_attributes(module),
            "history_": {name: list(values) for name, values in losses.items()},
            "loss_": losses["train_loss"][-1],
            "n_iter_": len(losses["train_loss"]),
            **attributes,
        }

    def _network_attributes(self, module):
        """Return the fitted attributes that are made of the networks alone."""
        # On the CPU a pickle opens anywhere; see _network for the way back.
        return {
            "net_": prediction_net(module),
            "encoder_": self._plain_encoder(module),
        }

    def _plain_encoder(self, module):
        """Return a copy of what makes codes of rows, for rows as they are given."""
        layers = copy.deepcopy(module.code_layers())
        return nn.Sequential(
            Standardize(self.mean_, self.scale_), *(layer.float() for layer in layers)
        ).eval()

    def _initialize(self, module, data, generator):
        """Take from the rows what new networks start from."""

    def _turns(self, module):
        """Return lists of parameters that take turns at being left as they are."""
        return ((),)

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
        return self._undo_standardize(X)

    def _undo_standardize(self, X):
        """Rows in the units of the data; constant features have their value."""
        return undo_standardize(X, self.mean_, self.scale_, self._constant)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")
