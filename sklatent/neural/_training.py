"""Training: skorch's net, with a loop over slices of one tensor.

skorch brings optimisers, callbacks and the history. Its data loader is not used:
fetching row by row and waiting for every batch's loss takes longer than the
networks of this package do. Here the data sit in one tensor on the device, an
epoch is one permutation, and the loss is read once per epoch.
"""

import copy
import dis
import math

import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer, PrintLog

from sklatent.neural._standardization import BLOCK_ROWS

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}

# These can update all parameters in one call, several times as fast.
FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)


def raised_by_statement(error):
    """Tell whether a `raise` raised an exception, and not the handler of a signal."""
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    instruction = traceback.tb_frame.f_code.co_code[traceback.tb_lasti]
    return instruction == dis.opmap["RAISE_VARARGS"]


class EarlyStopping:
    """Keep the parameters of the epoch whose validation loss was lowest.

    An improvement is a loss lower by more than `tol`, which unlike a relative
    rule also holds for losses below zero.
    """

    def __init__(self, n_iter_no_change, tol):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.best_loss = float("inf")
        self.best_state = None
        self.n_misses = 0

    def update(self, loss, module):
        """Take note of an epoch; return whether to stop."""
        if loss < self.best_loss - self.tol:
            self.best_loss = loss
            self.best_state = copy.deepcopy(module.state_dict())
            self.n_misses = 0
        else:
            self.n_misses += 1
        return self.n_misses >= self.n_iter_no_change


class Trainer(NeuralNet):
    """skorch's net with the package's training loop.

    Parameters
    ----------
    module : torch.nn.Module
        The network, trained in place.
    criterion : torch.nn.Module
        Called as ``criterion(module, x, generator)``, returns a loss per row.
    seed : int
        Seeds the order of the rows and the noise. The global generators are
        neither read nor written.
    optimizer : str or type
        Key of `OPTIMIZERS`, or a subclass of :class:`torch.optim.Optimizer`.
    callbacks : list of skorch callbacks
        Used as they are.
    **settings
        skorch's own.
    """

    def __init__(self, module, criterion, *, seed, optimizer, callbacks, **settings):
        optimizer = OPTIMIZERS.get(optimizer, optimizer)
        if not issubclass(optimizer, torch.optim.Optimizer):
            raise ValueError(
                f"optimizer must be one of {sorted(OPTIMIZERS)} or a subclass of "
                f"torch.optim.Optimizer; got {optimizer!r} instead."
            )
        if optimizer in FUSED:
            settings["optimizer__fused"] = True
        super().__init__(
            module,
            criterion,
            optimizer=optimizer,
            callbacks=callbacks,
            train_split=None,
            **settings,
        )
        self.seed = seed

    def get_default_callbacks(self):
        """Return the table of losses, where `verbose` asks for it."""
        table = [("epoch_timer", EpochTimer()), ("print_log", PrintLog())]
        return table if self.verbose else []

    def partial_fit(self, X, y=None, **fit_params):
        """Train; unlike skorch's, lets Ctrl-C through."""
        fit_params.pop("_routing_method", None)
        self.notify("on_train_begin", X=X, y=y)
        self.fit_loop(X, **fit_params)
        self.notify("on_train_end", X=X, y=y)
        return self

    def fit_loop(self, X, X_valid=None, *, early_stopping=None, report):
        """Run the training loop."""
        data = {"dataset_train": X, "dataset_valid": X_valid}
        generator = torch.Generator(X.device).manual_seed(self.seed)
        start = self.mean_loss(X)
        best = {}  # losses so far, for callbacks that save the best epoch
        for epoch in range(1, self.max_epochs + 1):
            report.begin()
            self.notify("on_epoch_begin", **data)
            losses = {"train_loss": self.train_epoch(X, generator)}
            if X_valid is not None:
                losses["valid_loss"] = self.mean_loss(X_valid)
            self.check_loss(losses, start, epoch)
            for name, loss in losses.items():
                self.history.record(name, loss)
                self.history.record(f"{name}_best", loss < best.get(name, math.inf))
                best[name] = min(loss, best.get(name, math.inf))
            stop = self.callback_stops(**data) | report.end(losses["train_loss"], self)
            if early_stopping is not None:
                stop |= early_stopping.update(losses["valid_loss"], self.module_)
            if stop:
                break
        if early_stopping is not None:
            self.module_.load_state_dict(early_stopping.best_state)
        if not all(p.isfinite().all() for p in self.module_.parameters()):
            self.check_loss({"train_loss": math.nan}, start, epoch)

    def train_epoch(self, X, generator):
        """Pass over the rows once in random order; return their mean loss."""
        self.module_.train()
        total = torch.zeros((), dtype=X.dtype, device=X.device)
        order = torch.randperm(len(X), generator=generator, device=X.device)
        for rows in order.split(self.batch_size):
            total += self.train_step(X[rows], generator) * len(rows)
        return total.item() / len(X) + self.criterion_.constant

    def train_step(self, batch, generator):
        """Take one step of the optimiser; return the mean loss before it."""
        losses = []

        def closure():
            self.optimizer_.zero_grad()
            loss = self.criterion_(self.module_, batch, generator).mean()
            loss.backward()
            losses.append(loss.detach())
            self.notify_batch("on_grad_computed", batch)
            return loss

        self.notify_batch("on_batch_begin", batch)
        self.optimizer_.step(closure)
        self.notify_batch("on_batch_end", batch, loss=losses[0])
        return losses[0]

    @torch.no_grad()
    def mean_loss(self, X):
        """Mean loss of rows that are not trained on, with the same noise each time."""
        self.module_.eval()
        generator = torch.Generator(X.device).manual_seed(self.seed)
        losses = [
            self.criterion_(self.module_, block, generator)
            for block in X.split(BLOCK_ROWS)
        ]
        return torch.cat(losses).mean().item() + self.criterion_.constant

    def notify_batch(self, event, batch, **arguments):
        """Tell callbacks about a batch; without any this costs nothing."""
        if self.callbacks_:
            if event == "on_grad_computed":
                arguments["named_parameters"] = list(self.get_all_learnable_params())
            self.notify(event, batch=batch, training=True, **arguments)

    def callback_stops(self, **data):
        """End an epoch; return whether a skorch callback asks to stop."""
        try:
            self.notify("on_epoch_end", **data)
        except KeyboardInterrupt as interrupt:
            # skorch's callbacks ask by raising what Ctrl-C raises.
            if not raised_by_statement(interrupt):
                raise
            return True
        return False

    def check_loss(self, losses, start, epoch):
        """Raise if training diverges: no finite loss, or a thousandfold one.

        The loss of rows held out may be large for good reasons, but not infinite.
        """
        loss = losses["train_loss"]
        limit = start + 1e3 * (1 + abs(start - self.criterion_.constant))
        if not (loss < limit and all(map(math.isfinite, losses.values()))):
            raise RuntimeError(
                f"Training diverged in epoch {epoch}: the loss is {loss:.4g}, after "
                f"{start:.4g} at the start. Lower lr (now {self.lr:g}), or give "
                "features of comparable scale (standardize=True does)."
            )
