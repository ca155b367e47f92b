"""What autoencoders and variational autoencoders have in common."""

import contextlib
import copy
import dataclasses
import functools
import math
import os
from numbers import Integral, Real

import numpy as np
import torch
from torch import nn

from sklatent.base import LatentModelMixin, SklatentEstimator
from sklatent.neural import _onnx, _saving
from sklatent.neural.networks._layers import Standardize
from sklatent.neural.networks._spec import (
    NETWORK_CONSTRAINTS,
    NetworkSpec,
    differences,
)
from sklatent.neural.training._checkpoint import (
    check_folder,
    fingerprint,
    open_checkpoint,
    pack,
    unpack,
)
from sklatent.neural.training._early_stopping import EarlyStopping
from sklatent.neural.training._lazy_rows import LazyRows
from sklatent.neural.training._rows import (
    available_devices,
    block_size,
    map_rows,
    mean_and_scale,
    resolve_device,
    row_source,
    standardize,
    still_constant,
    subset,
    undo_standardize,
)
from sklatent.neural.training._schedules import (
    SCHEDULES,
    automatic_batch_size,
    automatic_epochs,
)
from sklatent.neural.training._threads import training_threads
from sklatent.neural.training._trainer import OPTIMIZERS, Trainer, prediction_net
from sklatent.utils._dask import is_dask
from sklatent.utils._iterations import reported_fit
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_in_memory


class NeuralLatentModel(CallbackSupportMixin, LatentModelMixin, SklatentEstimator):
    """Fit a pair of networks; apply them to rows.

    Subclasses have three methods. `_make_spec(common, X, share, table)` decides how the
    networks are built, as plain data, of which `_spec_parameters()` is what parameters
    of its own say. `_make_criterion(X)` returns the loss. The spec builds a module, and
    the module does what depends on the kind of networks.
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        **NETWORK_CONSTRAINTS,
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions(set(SCHEDULES))],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_epochs": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "checkpoint_path": [str, os.PathLike, None],
        "standardize": ["boolean"],
        "dtype": [StrOptions({"float32", "float64", "mixed"})],
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
            The data, of at least two rows unless `warm_start` resumes. Rows of a memory
            map in single or double precision are read as they are needed, and those of
            a Dask collection in every epoch: blocks in random order, the rows of four
            blocks shuffled together. NaN marks a missing entry in the classes that take
            missing entries.
        y : Ignored
            Passed on to scikit-learn's callbacks.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        RuntimeError
            If training diverges. As after any error, the estimator is unchanged.
        TypeError
            If a function given as `encoder` or `decoder` does not return a module.
        ValueError
            If a parameter or `X` cannot be used, or the file of this training in
            `checkpoint_path` is damaged.

        Warns
        -----
        ConvergenceWarning
            If training diverged and was resumed from the previous epoch at a tenth of
            the learning rate.
        PosteriorCollapseWarning
            If no component of a variational autoencoder's code depends on the row.
        UserWarning
            If `warmup_epochs` of a variational autoencoder does not end before
            `max_epochs`.

        Examples
        --------
        Rows on a line need one component. A hundred rows are seen 63 times, in batches
        of 32, and the loss falls:

        >>> import numpy as np
        >>> from sklatent.neural import AETransformer
        >>> X = np.random.RandomState(0).normal(size=(100, 1)) @ [[1.0, 2.0, -1.0]]
        >>> ae = AETransformer(1, random_state=0).fit(X)
        >>> bool(ae.loss_ < 0.1 * ae.history_["train_loss"][0]), ae.n_iter_
        (True, 63)
        """
        resume = self.warm_start and hasattr(self, "net_")
        with self._unchanged_on_error():
            if self.checkpoint_path is not None:
                check_folder(self.checkpoint_path)
            X = self._start(X, resume)
            if isinstance(X, LazyRows):
                X.warn_of_readings(self.max_epochs)
            # What partial_fit kept of the optimizer belongs to another training.
            vars(self).pop("_training_state_", None)
            with self._checkpoint(X, resume) as (found, write):
                seeds, state = found or (self._draw_seeds(), None)
                keep = write and functools.partial(write, seeds)
                self._train(X, y, seeds, state, resume, keep=keep)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Train for one epoch.

        The first call decides on the networks and units from its rows. Every call
        resumes the training, with the optimizer and the random numbers, where the
        previous one stopped: with `max_epochs=k`, k calls with the same rows give the
        same bits as one `fit`. A `fit` keeps no optimizer, so that calls after it start
        from its networks with a new one.

        Learning-rate schedules end at `max_epochs`, a `fit` before included. Later
        calls have a learning rate of 0.04 `lr` with "one_cycle", and 0 with "cosine"
        and "linear"; for rows without end, "constant" is best. No rows are held out,
        and `checkpoint_path` is not used. Attributes that describe the training rows
        describe those of the last call.

        Parameters
        ----------
        X : array-like, dask array or dask data frame of shape \
                (n_samples, n_features)
            The data, of at least two rows in the first call. NaN marks a missing entry
            in the classes that take missing entries. The blocks of a Dask collection
            are taken one after the other, an epoch each.
        y : Ignored
            Passed on to scikit-learn's callbacks.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        RuntimeError
            If training diverges. As after any error, the estimator is unchanged.
        TypeError
            If a function given as `encoder` or `decoder` does not return a module.
        ValueError
            If a parameter or `X` cannot be used.

        Warns
        -----
        ConvergenceWarning
            If training diverged and was resumed from the previous epoch at a tenth of
            the learning rate.
        PosteriorCollapseWarning
            If no component of a variational autoencoder's code depends on the row.
        UserWarning
            If `warmup_epochs` of a variational autoencoder does not end before
            `max_epochs`.

        Examples
        --------
        Three calls give the same networks as one `fit` of three epochs:

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
        resume = hasattr(self, "net_")
        with self._unchanged_on_error():
            X = self._start(X, resume)
            seeds = self._seeds_ if resume else self._draw_seeds()
            kept = getattr(self, "_training_state_", None)
            state = kept and unpack(kept)
            trainer = self._train(X, y, seeds, state, resume, one_epoch=True)
            # The next rows may be others, and a callback that stops has stopped this.
            state = trainer.state() | {"start": None, "stopped": False}
            self._training_state_ = pack(state)
        return self

    # Whether training needs all rows at once, for their neighbors.
    _compares_rows = False

    def _read_rows(self, X, **options):
        if is_dask(X) and not self._compares_rows:
            return LazyRows(self, X, **options)
        return super()._read_rows(X, **options)

    def _validate_rows(self, X):
        check_in_memory(X, type(self).__name__)
        return super()._validate_rows(X)

    def _start(self, X, resume):
        """Read rows to train on; decide on units and networks, or compare these."""
        table, n_least = X, 1 if resume else 2
        X = self._read_rows(X, ensure_min_samples=n_least, reset=not resume)
        if resume:
            # The units stay: in others, the weights would mean something else.
            self._constant = still_constant(self._constant, X)
            self._check_same_networks()
        else:
            # Those of an earlier fit are not what the new spec describes.
            vars(self).pop("net_", None)
            vars(self).pop("encoder_", None)
            self.mean_, self.scale_, self._constant, share = mean_and_scale(X)
            if not self.standardize:
                self.scale_ = np.full_like(self.scale_, self.scale_.mean())
            self.n_components_ = self._resolve_n_components(X)
            self._spec = self._make_spec(self._common_parameters(), X, share, table)
        return X

    def _draw_seeds(self):
        """Return seeds of the training, of the noise afterwards, and of the split."""
        # One for each, so that none depends on how many numbers the others draw.
        rng = random_generator(self.random_state)
        return rng.randint(2**31 - 1, size=3).tolist()

    def _train(self, X, y, seeds, state, resume, *, keep=None, one_epoch=False):
        """Train from the start, from the fitted networks or from a state.

        Returns the trainer; the fitted attributes are set.
        """
        self._seeds_ = seeds
        seed, self._noise_seed, split_seed = seeds
        max_epochs = self._n_epochs(len(X))
        self.device_ = resolve_device(self.device)
        dtype = getattr(torch, self.dtype.replace("mixed", "float32"))
        data = row_source(X, self._standardize, dtype, self.device_)
        train, valid, stopping = data, None, None
        if self.early_stopping and not one_epoch:
            train, valid = self._split(data, split_seed)
            stopping = EarlyStopping(self.n_iter_no_change, self.tol)

        # Weights are drawn on the CPU, so that a seed means the same on every device.
        generator = torch.Generator().manual_seed(seed)
        module = self._spec.build(generator)
        module.check(X, self._names())
        if resume:
            module.load_state_dict(self.net_.module_.state_dict())
        else:
            module.initialize(data, generator)
        criterion = self._make_criterion(X).to(dtype)
        trainer = Trainer(
            module.to(dtype),
            criterion,
            seed=seed,
            optimizer=self.optimizer,
            lr=self.lr,
            lr_schedule=self.lr_schedule,
            max_epochs=max_epochs,
            batch_size=self._batch_size(len(X)),
            early_stopping=stopping,
            mixed=self.dtype == "mixed",
            device=self.device_,
            callbacks=self.callbacks or [],
            verbose=0,  # of skorch, which prints a table
        ).initialize()
        if state is not None:
            trainer.load_state(state)
        elif one_epoch and resume:
            # After a fit, which keeps no optimizer, the history continues all the same.
            trainer.losses = copy.deepcopy(self.history_)

        def attributes():
            # A copy, as the state of the trainer is still asked for, on its device.
            return {
                **self._fitted_attributes(copy.deepcopy(module), trainer.losses, data),
                "best_epoch_": None if stopping is None else stopping.best_epoch,
            }

        n_epochs, verbose = (1, 0) if one_epoch else (max_epochs, self.verbose)
        threads = training_threads(module, trainer.batch_rows(len(data)), X.shape[1])
        with reported_fit(self, X, y, n_epochs, verbose=verbose) as fit:
            with threads:
                trainer.train(
                    criterion.rows(train, seed),
                    X_valid=None if valid is None else criterion.rows(valid, seed),
                    until=trainer.n_epochs + 1 if one_epoch else max_epochs,
                    keep=keep,
                    report=fit.iterations("epoch", lambda _: attributes()),
                )
            vars(self).update(attributes())
            self._check_trained(X)
        return trainer

    def _batch_size(self, n_samples):
        """Return how many rows `batch_size` asks for in each step."""
        if self.batch_size == "auto":
            return automatic_batch_size(n_samples)
        return self.batch_size

    def _n_epochs(self, n_samples):
        """Return the number of epochs that `max_epochs` asks for."""
        if self.max_epochs == "auto":
            return self._automatic_epochs(n_samples)
        return self.max_epochs

    def _automatic_epochs(self, n_samples):
        """Return the number of epochs that suits so many rows."""
        return automatic_epochs(n_samples, self._batch_size(n_samples))

    def _split(self, data, seed):
        """Return rows to train on and rows held out."""
        n_samples = len(data)
        n_valid = math.ceil(self.validation_fraction * n_samples)
        if n_samples - n_valid < 2:
            raise ValueError(
                "validation_fraction must leave at least 2 rows for training; got "
                f"{self.validation_fraction}, which holds out {n_valid} of {n_samples}."
            )
        # A seed of its own: with another learning rate the same rows are held out.
        order = np.random.RandomState(seed).permutation(n_samples)
        return subset(data, order[n_valid:]), subset(data, order[:n_valid])

    def _fitted_attributes(self, module, losses, data):
        """Return what trained networks, which become the estimator's, give it."""
        module.eval()
        summary = module.summarize(data, self.scale_, self._noise_seed)
        return {
            **self._network_attributes(module),
            "history_": copy.deepcopy(losses),
            "loss_": losses["train_loss"][-1],
            "n_iter_": len(losses["train_loss"]),
            **summary,
        }

    def _network_attributes(self, module):
        """Return the fitted attributes that are made of the networks only."""
        # On the CPU, so that a pickle opens anywhere; `_network` moves it from there.
        net = prediction_net(module.cpu())
        layers = copy.deepcopy(nn.ModuleList(module.code_layers())).float()
        encoder = nn.Sequential(*self._unit_layers(), *layers)
        return {"net_": net, "encoder_": encoder.eval()}

    def _unit_layers(self):
        """Return what takes rows into the units of the networks, as modules."""
        return [Standardize(self.mean_, self.scale_)]

    def _check_trained(self, X):
        """Warn of what training on these rows has led to."""

    def _check_same_networks(self):
        """Raise if the parameters no longer describe the networks that were fitted."""
        common, own = self._common_parameters(), self._spec_parameters()
        now = dataclasses.replace(self._spec, **common, **own)
        # What the first rows decided is the same in both, so parameters differ.
        for name, here, there in differences(now, self._spec):
            raise ValueError(
                f"{name} must be that of the fitted networks, {there!r}; got {here!r}. "
                "Set it back, or fit anew with warm_start=False."
            )

    def _common_parameters(self):
        """Return the part of the spec that all networks have."""
        n_components = self.n_components
        if not isinstance(n_components, Integral):  # the estimate was made once
            n_components = self.n_components_
        return {"networks": NetworkSpec.of(self), "n_components": int(n_components)}

    def _names(self):
        """Names of the columns, or their indices."""
        return getattr(self, "feature_names_in_", range(self.n_features_in_))

    def _checkpoint(self, X, resume):
        """Give seeds and state to resume from, and what writes these; or None."""
        if self.checkpoint_path is None:
            return contextlib.nullcontext((None, None))
        module = self._spec.build(torch.Generator())
        start = self.net_.module_ if resume else None
        told_apart = fingerprint(self, self._spec, module, start, X)
        return open_checkpoint(self.checkpoint_path, told_apart)

    def _network(self, dtype, device=None):
        """Return the fitted module in a precision, on the device if it is there."""
        device = device or self.device_
        if device != "cpu" and device not in available_devices():
            device = "cpu"
        module = self.net_.module_
        dtype = getattr(torch, dtype.name)
        # A copy else, as another thread may be using the module in its precision.
        if device == "cpu" and next(module.parameters()).dtype == dtype:
            return module
        return copy.deepcopy(module).to(device=device, dtype=dtype)

    def _tensor(self, X, network):
        """Rows, as the network sees them."""
        block = self._standardize(X)
        return torch.from_numpy(block).to(next(network.parameters()).device)

    def _encode(self, X):
        network = self._network(X.dtype)
        return map_rows(
            lambda rows: network.encode(self._tensor(rows, network)),
            X,
            block_rows=block_size(network),
        )

    def _decode(self, Z):
        network = self._network(Z.dtype)
        device = next(network.parameters()).device
        Z = np.ascontiguousarray(Z)  # torch takes no negative strides
        # A copy of each block: torch warns of arrays that may not be written to.
        X = map_rows(
            lambda rows: network.decode(torch.tensor(rows, device=device)),
            Z,
            block_rows=block_size(network),
        )
        return self._undo_standardize(X)

    def _standardize(self, X):
        """Rows in the units of the networks."""
        return standardize(X, self.mean_, self.scale_)

    def _undo_standardize(self, X):
        """Rows in the units of the data; constant features have their value."""
        return undo_standardize(X, self.mean_, self.scale_, self._constant)

    # Networks of the user are pickled as they are. All others are plain data, which is
    # smaller than PyTorch's own pickles, and which skops and `save` can write.
    def __getstate__(self):
        return _saving.without_networks(super().__getstate__())

    def __setstate__(self, state):
        networks = state.get("_networks")
        super().__setstate__({n: v for n, v in state.items() if n != "_networks"})
        if networks is not None:
            vars(self).update(_saving.rebuilt(self, networks))

    # A shallow copy, as callbacks make after each epoch, shares the networks.
    def __copy__(self):
        made = type(self).__new__(type(self))
        vars(made).update(vars(self))
        return made

    def _check_saved_state(self, state):
        _saving.check_state(self, state)

    def _to_onnx(self, method, dtype):
        """Return the graph of a method as an ONNX model."""
        return _onnx.to_onnx(self, method, dtype)
