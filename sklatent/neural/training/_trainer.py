"""Training: skorch's net, with a loop over slices of one tensor.

skorch brings optimisers, callbacks and the history. Its data loader is not used:
fetching row by row and waiting for every batch's loss takes longer than the
networks of this package do. Here the data are a source of rows, usually one tensor
on the device, an epoch is one permutation, and the loss is read once per epoch.
"""

import contextlib
import copy
import dis
import math
from functools import partial

import torch
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from skorch.callbacks import Callback

from sklatent.neural.training._adam import Adam
from sklatent.neural.training._flat import flat_parameters
from sklatent.neural.training._recording import RepeatedStep
from sklatent.neural.training._rows import (
    BLOCK_ROWS,
    batch_sizes,
    batches_of,
    random_order,
    row_blocks,
)
from sklatent.neural.training._schedules import SCHEDULES
from sklatent.neural.training._stability import (
    GradientClipping,
    Snapshot,
)
from sklatent.utils._warnings import warn

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}

# These can update all parameters in one call, several times as fast.
FUSED = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)

# Of Adam. PyTorch's β₂, 0.999, remembers gradients for a thousand steps, which is more
# than most trainings of small tables have.
BETAS = (0.9, 0.95)

# Attributes that say how far training has got, in numbers.
PLAIN_STATE = ("losses", "start", "stopped")

# What a line search is told where the loss is no number. Its arithmetic has squares.
TOO_FAR = 1e30

# How many times the usual length a gradient may have.
CLIPPING = 10.0

# How often in a row training goes back to the last good epoch before it gives up.
MAX_ROLL_BACKS = 3


def raised_by_statement(error):
    """Tell whether a `raise` raised an exception, and not the handler of a signal."""
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    instruction = traceback.tb_frame.f_code.co_code[traceback.tb_lasti]
    return instruction == dis.opmap["RAISE_VARARGS"]


@contextlib.contextmanager
def frozen(parameters):
    """Leave parameters out of the gradient, and so out of the optimiser's step."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def is_finite(parameters):
    """Tell whether all parameters are finite, in one reading."""
    lengths = torch._foreach_norm(parameters)
    return bool(torch.stack(lengths).isfinite().all())


def explodes(loss, start, constant):
    """Tell whether a training loss is a thousandfold of what it was at the start.

    `constant` is the part of both that does not depend on the networks, so that the
    units of the data do not matter.
    """
    return not loss < start + 1e3 * (1 + abs(start - constant))


class Trainer(NeuralNet):
    """skorch's net with the package's training loop.

    Parameters
    ----------
    module : torch.nn.Module
        The network, trained in place.
    criterion : Loss
        Called as ``criterion(module, x, generator)``, returns a loss per row.
    seed : int
        Seeds the order of the rows and the noise. The global generators are
        neither read nor written.
    optimizer : str or type
        Key of `OPTIMIZERS`, or a subclass of :class:`torch.optim.Optimizer`. With
        :class:`torch.optim.LBFGS` or a subclass an epoch is one step with all rows, see
        `quasi_newton_step`. The former searches along lines, and uses neither `lr` nor
        `lr_schedule`.
    callbacks : list of skorch callbacks
        Copies of them are used.
    lr_schedule : str, default="constant"
        Key of `SCHEDULES`.
    early_stopping : EarlyStopping or None, default=None
        Told the loss of the rows held out.
    mixed : bool, default=False
        Whether a GPU computes the training loss in bfloat16 where that is safe.
    **settings
        skorch's own.
    """

    def __init__(
        self,
        module,
        criterion,
        *,
        seed,
        optimizer,
        callbacks,
        lr_schedule="constant",
        early_stopping=None,
        mixed=False,
        **settings,
    ):
        optimizer = OPTIMIZERS.get(optimizer, optimizer)
        if not issubclass(optimizer, torch.optim.Optimizer):
            raise ValueError(
                f"optimizer must be one of {sorted(OPTIMIZERS)} or a subclass of "
                f"torch.optim.Optimizer; got {optimizer!r}."
            )
        if optimizer in (torch.optim.Adam, torch.optim.AdamW):
            settings["optimizer__betas"] = BETAS
        # A step of small networks is mostly calls, of which these make few.
        if optimizer is torch.optim.Adam and settings["device"] == "cpu":
            optimizer = Adam
        elif optimizer in FUSED:
            settings["optimizer__fused"] = True
        self.quasi_newton = issubclass(optimizer, torch.optim.LBFGS)
        self.advice = "Lower lr"
        if optimizer is torch.optim.LBFGS:
            # A line search decides on the length of each step, and tries 1 first.
            settings |= {"lr": 1.0, "optimizer__line_search_fn": "strong_wolfe"}
            lr_schedule = "constant"
            self.advice = "Take another optimizer"
        super().__init__(
            module,
            criterion,
            optimizer=optimizer,
            callbacks=copy_callbacks(callbacks),
            train_split=None,
            **settings,
        )
        self.seed = seed
        self.lr_schedule = lr_schedule
        self.turns = criterion.turns(module)
        self.early_stopping = early_stopping
        self.mixed = mixed

    def initialize_optimizer(self, *args, **kwargs):
        """Make the optimizer; those that are known move vectors of parameters."""
        self.flat = []
        named = list(self.module_.named_parameters())
        if self.optimizer in (Adam, *OPTIMIZERS.values()):
            self.flat = flat_parameters(self.module_, self.turns)
            named = [("flat", flat.vector) for flat in self.flat]
        parameters, settings = self.get_params_for_optimizer("optimizer", named)
        self.optimizer_ = self.optimizer(*parameters, **settings)
        self.moved = [parameter for _, parameter in named]
        return self

    def initialize(self):
        """Make the optimizer, and all else that changes while training."""
        super().initialize()
        self.generator = torch.Generator(self.device).manual_seed(self.seed)
        for part in self.module_.modules():  # networks of the user draw from it too
            if hasattr(part, "generator"):
                part.generator = self.generator
        # Nothing that leads back here, so that memory is given back at once.
        self.add_gradient = partial(
            self.criterion_.backward, self.module_, generator=self.generator
        )
        self.repeated = RepeatedStep(self.add_gradient, self.module_)
        self.losses = {}  # a list for each name, with an entry for each epoch
        self.start = None  # training loss before the first step
        self.lr_factor = 1.0  # by which divergence has lowered the learning rate,
        self.n_lowered = 0  # in so many steps
        self.stopped = False
        self.roll_backs = []  # epochs that diverged
        self.clipping = None
        # Shortened, a gradient is no longer that of the loss that a line search sees.
        if not self.quasi_newton:
            self.clipping = GradientClipping(self.moved, CLIPPING)
        return self

    def get_default_callbacks(self):
        """Return none of skorch's: progress is printed by the report of iterations."""
        return []

    @property
    def n_epochs(self):
        """How many epochs have been trained."""
        return len(self.losses.get("train_loss", ()))

    def train(self, X, X_valid=None, *, report, until, keep=None):
        """Run the training loop until epoch `until`; give `keep` the state of each.

        In place of skorch's `fit`, which does not let Ctrl-C through.
        """
        data = {"dataset_train": X, "dataset_valid": X_valid}
        self.notify("on_train_begin", X=X, y=None)
        snapshot = Snapshot(self.module_, self.optimizer_)
        while self.n_epochs < until and not self.stopped:
            report.begin()
            self.notify("on_epoch_begin", **data)
            losses = self.good_epoch(X, X_valid, snapshot)
            self.record(losses)
            self.stopped = self.callback_stops(**data)
            self.stopped |= report.end(losses["train_loss"], self)
            if self.early_stopping is not None and self.criterion_.settled:
                self.stopped |= self.early_stopping.update(
                    self.n_epochs, losses["valid_loss"], self.module_
                )
            snapshot.take()
            if keep is not None:
                keep(self.state())
        self.notify("on_train_end", X=X, y=None)
        if self.early_stopping is not None:
            self.early_stopping.restore(self.module_)
        if not is_finite(list(self.module_.parameters())):
            raise self.divergence(math.nan, self.n_epochs)
        if self.roll_backs:
            warn(
                f"Training diverged in epochs {self.roll_backs} and went back to the "
                f"one before each time, at a tenth of the learning rate; it ended with "
                f"{self.lr * self.lr_factor:.2g} in place of lr={self.lr:g}. "
                f"{self.advice}.",
                ConvergenceWarning,
            )

    def good_epoch(self, X, X_valid, snapshot):
        """Train for an epoch; if it diverges, go back and try a lower rate."""
        self.criterion_.begin_epoch(self.n_epochs + 1)
        if self.start is None:
            self.start = self.mean_loss(X)
        for _ in range(1 + MAX_ROLL_BACKS):
            losses = {"train_loss": self.train_epoch(X)}
            if X_valid is not None:
                losses["valid_loss"] = self.mean_loss(X_valid)
            if not self.diverges(losses):
                return losses
            self.roll_backs.append(self.n_epochs + 1)
            snapshot.restore()
            self.lower_lr()
        raise self.divergence(losses["train_loss"], self.n_epochs + 1)

    def train_epoch(self, X):
        """Pass over the rows once in random order; return their mean loss."""
        if not self.module_.training:
            self.module_.train()
        order = random_order(X, self.generator)
        sizes = batch_sizes(len(X), self.batch_rows(len(X)))
        losses = []
        for i, batch in enumerate(batches_of(X, order, sizes)):
            self.schedule_lr((self.n_epochs + i / len(sizes)) / self.max_epochs)
            losses.append(self.train_step(batch))
        # An epoch waits for the device here, and for whether the networks are finite.
        losses = torch.stack(losses)
        total = losses.dot(torch.tensor(sizes).to(losses)).item()
        return total / len(X) + self.criterion_.constant

    def batch_rows(self, n_samples):
        """Return how many rows a step takes."""
        return n_samples if self.quasi_newton else min(self.batch_size, n_samples)

    def train_step(self, batch):
        """Take a step of the optimizer at every turn; return the mean loss before."""
        losses = []

        def closure():
            self.zero_grad()
            loss = self.backward(batch)
            losses.append(loss)
            self.notify_batch("on_grad_computed", batch)
            if self.clipping is not None:
                self.clipping()
            return loss

        step = self.quasi_newton_step if self.quasi_newton else self.optimizer_.step
        self.notify_batch("on_batch_begin", batch)
        for parameters in self.turns:
            with frozen(parameters):
                step(closure)
            for flat in self.flat:
                flat.put_back()
        self.notify_batch("on_batch_end", batch, loss=losses[0])
        return losses[0]

    def zero_grad(self):
        """Forget the gradients."""
        for flat in self.flat:
            flat.zero_grad()
        if not self.flat:
            self.optimizer_.zero_grad()

    def backward(self, batch):
        """Add the gradient of the mean loss of a batch; return the mean."""
        on_gpu = self.device.startswith("cuda")
        if self.mixed and on_gpu:
            with torch.autocast("cuda", torch.bfloat16):
                loss = self.criterion_(self.module_, batch, self.generator).mean()
            loss.backward()
            return loss.detach()
        # The gradients of parameters in a vector stay where they are; large batches
        # are computed in time enough, and would take more memory. Callbacks may change
        # a number that is not in memory where a repeated step would find it.
        is_short = self.flat and torch.is_tensor(batch) and len(batch) <= BLOCK_ROWS
        repeats = is_short and not on_gpu and not self.callbacks
        return self.repeated(batch) if repeats else self.add_gradient(batch)

    def quasi_newton_step(self, closure):
        """Take a step that compares losses and gradients at several places.

        They are those of one function, with the same noise in all places. The next
        step has another, so what is known of the curvature is forgotten.
        """
        noise = self.generator.get_state()

        def same_noise():
            self.generator.set_state(noise)
            loss = closure()
            if not loss.isfinite():
                # Too far: the search has to see that it went up to come back.
                self.zero_grad()
                loss = torch.full_like(loss, TOO_FAR)
            return loss

        self.optimizer_.step(same_noise)
        self.optimizer_.state.clear()

    @torch.no_grad()
    def mean_loss(self, X):
        """Mean loss of rows that are not trained on, with the same noise each time."""
        self.module_.eval()
        # The same noise each time, so that epochs can be compared.
        generator = torch.Generator(X.device).manual_seed(self.seed)
        losses = []
        for block in row_blocks(X):
            losses.append(self.criterion_(self.module_, block, generator))
        return torch.cat(losses).mean().item() + self.criterion_.constant

    def diverges(self, losses):
        """Tell whether an epoch's losses or what it made of the networks are unusable.

        The loss of rows held out may be large for good reasons, but not infinite.
        While the criterion still changes, its values are not compared either.
        """
        if not all(map(math.isfinite, losses.values())) or not is_finite(self.moved):
            return True
        return self.criterion_.settled and explodes(
            losses["train_loss"], self.start, self.criterion_.constant
        )

    def divergence(self, loss, epoch):
        """Return the error that says that training diverges."""
        return RuntimeError(
            f"Training diverged in epoch {epoch}: the loss is {loss:.4g}, after "
            f"{self.start:.4g} at the start. {self.advice} (now lr={self.lr:g}), or "
            "give features of comparable scale (standardize=True does)."
        )

    def lower_lr(self):
        """Go on with a tenth of the learning rate, and no idea of the gradients."""
        self.lr_factor *= 0.1
        self.n_lowered += 1
        for group in self.optimizer_.param_groups:
            group["lr"] *= 0.1
        if self.clipping is not None:
            self.clipping.usual = None

    def schedule_lr(self, t):
        """Set the learning rate that the schedule has for this share of training."""
        factor = SCHEDULES[self.lr_schedule]
        if factor is not None:
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * self.lr_factor * factor(min(t, 1.0))

    def record(self, losses):
        """Add an epoch to the losses and to skorch's history."""
        for name, loss in losses.items():
            earlier = self.losses.setdefault(name, [])
            self.history.record(name, loss)
            self.history.record(f"{name}_best", loss < min(earlier, default=math.inf))
            earlier.append(loss)

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

    def state(self):
        """Return all that training has changed, to go on from: tensors and numbers."""
        return {
            "module": self.module_.state_dict(),
            "optimizer": self.optimizer_.state_dict()["state"],
            "optimizer_name": type(self.optimizer_).__name__,
            "n_lowered": self.n_lowered,
            "generator": (self.generator.device.type, self.generator.get_state()),
            "usual_norm": None if self.clipping is None else self.clipping.usual,
            "early_stopping": self.early_stopping and vars(self.early_stopping),
            **{name: getattr(self, name) for name in PLAIN_STATE},
        }

    def load_state(self, state):
        """Go on from what `state` returned, which is copied, with the settings here."""
        state = copy.deepcopy(state)
        self.module_.load_state_dict(state["module"])
        # Another optimizer has no use for the state of this one.
        if state["optimizer_name"] == type(self.optimizer_).__name__:
            groups = self.optimizer_.state_dict()["param_groups"]
            self.optimizer_.load_state_dict(
                {"state": state["optimizer"], "param_groups": groups}
            )
        for _ in range(state["n_lowered"]):
            self.lower_lr()
        device, generator = state["generator"]
        if device == self.generator.device.type:
            self.generator.set_state(generator)
        else:  # numbers of another kind: as good, but not the same
            self.generator.manual_seed(self.seed + len(state["losses"]["train_loss"]))
        if self.clipping is not None and state["usual_norm"] is not None:
            usual = float(state["usual_norm"])
            on_gpu = self.device.startswith("cuda")
            self.clipping.usual = (
                torch.tensor(usual, device=self.device) if on_gpu else usual
            )
        if self.early_stopping is not None and state["early_stopping"] is not None:
            vars(self.early_stopping).update(state["early_stopping"])
        for name in PLAIN_STATE:
            setattr(self, name, state[name])


def prediction_net(module):
    """Return skorch's net for a trained module, on the CPU, without what trains it."""
    net = NeuralNet(
        module.cpu(), criterion=torch.nn.Module, callbacks="disable", verbose=0
    ).initialize()
    net.trim_for_prediction()
    # Under its second name the module would be pickled twice.
    net.module = None
    return net


def copy_callbacks(callbacks):
    """Return copies of skorch callbacks; others have a place of their own."""
    for item in callbacks:
        callback = item[-1] if isinstance(item, tuple) else item
        if not isinstance(callback, Callback):
            raise ValueError(
                "callbacks must be instances of skorch.callbacks.Callback, or pairs of "
                f"a name and one; got {item!r}. scikit-learn's callbacks go to "
                "set_callbacks."
            )
    return copy.deepcopy(callbacks)
