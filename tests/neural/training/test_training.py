"""Training: seeds, stopping, callbacks, and what is left afterwards."""

import pickle
import random
import signal
import threading
import time
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback, Checkpoint, GradientNormClipping, LRScheduler
from skorch.callbacks import EarlyStopping as SkorchEarlyStopping

from sklatent.neural import AETransformer, VAETransformer
from sklatent.neural.networks._autoencoder import SquaredError
from sklatent.neural.training._early_stopping import EarlyStopping
from sklatent.neural.training._loss import Loss
from sklatent.neural.training._rows import batch_sizes, standardize
from sklatent.neural.training._stability import Snapshot
from sklatent.neural.training._trainer import explodes
from sklatent.utils._sklearn import ScoringMonitor
from tests.neural.settings import ALL, BOTH, STEADY


def weights(estimator):
    return [p.detach().numpy() for p in estimator.net_.module_.parameters()]


def test_seed_decides_every_bit(X):
    for cls in (AETransformer, VAETransformer):
        one = cls(max_epochs=5, random_state=0).fit(X)
        same = cls(max_epochs=5, random_state=0).fit(X)
        other = cls(max_epochs=5, random_state=1).fit(X)
        for a, b in zip(weights(one), weights(same), strict=True):
            np.testing.assert_array_equal(a, b)
        assert one.history_ == same.history_
        assert one.history_ != other.history_


@ALL
@pytest.mark.slow
def test_seed_decides_in_threads_too(cls, X):
    """No generator is shared, so that fits side by side do not disturb each other."""
    expected = cls(max_epochs=20, random_state=0).fit(X).history_
    estimators = [cls(max_epochs=20, random_state=0) for _ in range(4)]
    threads = [threading.Thread(target=e.fit, args=(X,)) for e in estimators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(e.history_ == expected for e in estimators)


@ALL
def test_global_state_is_left_alone(cls, X):
    def state():
        return (
            random.getstate(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            np.get_printoptions(),
            torch.get_rng_state().tolist(),
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            warnings.filters[:],
        )

    before = state()
    estimator = cls(max_epochs=2, early_stopping=True).fit(X)
    assert state() == before
    methods = ["transform", "score_samples", "score", "reconstruction_error"]
    methods += [m for m in ("posterior", "elbo") if hasattr(estimator, m)]
    for method in methods:
        getattr(estimator, method)(X)
        assert state() == before, method
    estimator.inverse_transform(estimator.transform(X))
    if hasattr(estimator, "sample"):
        estimator.sample(3, random_state=0)
    assert state() == before


@ALL
def test_random_state_instance_is_drawn_from(cls, X):
    rng = np.random.RandomState(0)
    first = cls(max_epochs=1, random_state=rng).fit(X)
    second = cls(max_epochs=1, random_state=rng).fit(X)
    assert first.history_ != second.history_


@ALL
def test_nothing_of_the_training_is_kept(cls, X):
    estimator = cls(random_state=0, callbacks=[LRScheduler("StepLR", step_size=3)])
    estimator.fit(X)
    assert estimator.net_.optimizer_ is None
    assert estimator.net_.criterion_ is None
    assert estimator.net_.callbacks_ == []
    n_parameters = sum(w.size for w in weights(estimator))
    n_parameters += sum(w.numel() for w in estimator.encoder_.parameters())
    assert len(pickle.dumps(estimator)) < 4 * n_parameters + 30_000
    tensors = [v for v in vars(estimator.net_).values() if torch.is_tensor(v)]
    assert tensors == []


@ALL
def test_history_is_plain_data(cls, X):
    estimator = cls(max_epochs=7, early_stopping=True, random_state=0).fit(X)
    assert set(estimator.history_) == {"train_loss", "valid_loss"}
    for losses in estimator.history_.values():
        assert len(losses) == estimator.n_iter_ == 7
        assert all(type(loss) is float for loss in losses)
    assert estimator.loss_ == estimator.history_["train_loss"][-1]


@ALL
def test_training_lowers_the_loss(cls, X):
    losses = cls(**STEADY[cls], random_state=0).fit(X).history_["train_loss"]
    assert losses[-1] < losses[10] < losses[0]


@ALL
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
@pytest.mark.slow
def test_optimizer_by_name(cls, optimizer, X):
    lr = 1e-2 if optimizer == "sgd" else 1e-3
    losses = cls(optimizer=optimizer, lr=lr, random_state=0).fit(X).history_
    assert losses["train_loss"][-1] < losses["train_loss"][0]


@ALL
def test_optimizer_by_class(cls, X):
    settings = {"max_epochs": 5, "random_state": 0}
    by_name = cls(optimizer="adam", **settings).fit(X)
    by_class = cls(optimizer=torch.optim.Adam, **settings).fit(X)
    assert by_name.history_ == by_class.history_
    # One that evaluates the loss several times a step.
    settings |= {"hidden_layer_sizes": (), "batch_size": 150}
    losses = cls(optimizer=torch.optim.LBFGS, lr=0.1, **settings).fit(X).history_
    assert losses["train_loss"][-1] < losses["train_loss"][0] - 1
    with pytest.raises(ValueError, match=r"subclass of torch\.optim\.Optimizer"):
        cls(optimizer=dict).fit(X)


def plain_table(name, seed):
    """300 rows of a kind that people have."""
    rng = np.random.RandomState(seed)
    if name == "blobs":
        return make_blobs(300, n_features=4, centers=3, random_state=seed)[0]
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6))
    X += 0.3 * rng.normal(size=X.shape)
    return X if name == "factors" else np.exp(1.5 * X)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["blobs", "factors", "skewed"])
@ALL
def test_lbfgs_does_not_diverge(cls, name, seed):
    """Without a warning, and lower than Adam after as many epochs."""
    X = plain_table(name, seed)
    losses = {
        optimizer: cls(optimizer=optimizer, max_epochs=10, random_state=seed)
        .fit(X)
        .history_["train_loss"]
        for optimizer in (torch.optim.LBFGS, "adam")
    }
    assert losses[torch.optim.LBFGS][-1] < losses[torch.optim.LBFGS][0]
    assert losses[torch.optim.LBFGS][-1] < losses["adam"][-1]


class TestEarlyStopping:
    def test_restores_the_best_epoch(self, X):
        # A learning rate that makes the losses rise and fall.
        settings = {**STEADY[VAETransformer], "lr": 0.03, "batch_size": 128}
        settings |= {"early_stopping": True, "tol": 0, "random_state": 3}
        vae = VAETransformer(max_epochs=200, **settings).fit(X)
        losses = vae.history_["valid_loss"]
        best = int(np.argmin(losses))
        assert vae.n_iter_ == best + 1 + vae.n_iter_no_change < 200
        # The same training, stopped there: all parameters, σ² included.
        stopped = VAETransformer(max_epochs=best + 1, **settings).fit(X)
        for a, b in zip(weights(vae), weights(stopped), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(vae.noise_variance_, stopped.noise_variance_)

    def test_with_losses_below_zero(self, X):
        # In small units densities are large and the loss is negative throughout.
        settings = {"lr": 1e-3, "lr_schedule": "constant", "max_epochs": 60}
        vae = VAETransformer(early_stopping=True, random_state=0, **settings)
        vae.fit(1e-6 * X)
        assert max(vae.history_["valid_loss"]) < 0
        assert vae.n_iter_ == 60, "stopped while the loss was falling"

    def test_rows_held_out_are_not_trained_on(self, X):
        # One row far away: held out or not, by the seed.
        outlier = np.vstack([X, X.max(axis=0) + 1000])
        losses = [
            AETransformer(
                max_epochs=1,
                early_stopping=True,
                validation_fraction=0.5,
                random_state=i,
            )
            .fit(outlier)
            .history_
            for i in range(8)
        ]
        # Its squared error is most of the sum on whichever side it is.
        sides = {h["train_loss"][0] > h["valid_loss"][0] for h in losses}
        assert sides == {True, False}
        assert all(
            max(h["train_loss"][0], h["valid_loss"][0])
            > 20 * min(h["train_loss"][0], h["valid_loss"][0])
            for h in losses
        )

    @ALL
    @pytest.mark.parametrize(("n", "fraction"), [(2, 0.1), (10, 0.9)])
    def test_too_few_rows(self, cls, n, fraction, X):
        estimator = cls(early_stopping=True, validation_fraction=fraction)
        message = rf"at least 2 rows for training; got {fraction}, which .* of {n}"
        with pytest.raises(ValueError, match=message):
            estimator.fit(X[:n])


class TestSkorchCallbacks:
    @ALL
    def test_can_stop(self, cls, X):
        stopper = SkorchEarlyStopping(
            "train_loss", patience=2, threshold=1e6, threshold_mode="abs", sink=None
        )
        before = dict(vars(stopper))
        estimator = cls(callbacks=[stopper], random_state=0)
        estimator.fit(X)
        assert estimator.n_iter_ == 3
        assert vars(stopper) == before, "the parameter itself was used"

    @ALL
    def test_schedule(self, cls, X):
        schedule = LRScheduler("StepLR", step_size=1, gamma=0.0)
        settings = {**STEADY[cls], "random_state": 0}
        stuck = cls(max_epochs=10, callbacks=[schedule], **settings).fit(X)
        once = cls(max_epochs=1, **settings).fit(X)
        for a, b in zip(weights(stuck), weights(once), strict=True):
            np.testing.assert_array_equal(a, b)

    @ALL
    def test_clipping(self, cls, X):
        settings = {"max_epochs": 1, "optimizer": "sgd", "lr": 1.0, "random_state": 0}
        settings |= {"lr_schedule": "constant", "batch_size": 128}
        clipping = GradientNormClipping(gradient_clip_value=1e-3)
        clipped = cls(callbacks=[("clip", clipping)], **settings).fit(X)
        start = cls(**settings | {"lr": 1e-30}).fit(X)
        moved = [a - b for a, b in zip(weights(clipped), weights(start), strict=True)]
        # Two steps of lr times a gradient of norm 0.001.
        assert 0 < np.sqrt(sum((m**2).sum() for m in moved)) < 2.01e-3

    @BOTH
    def test_see_every_batch(self, cls, X):
        seen = []

        class Count(Callback):
            def on_batch_begin(self, net, batch=None, training=None, **kwargs):
                seen.append(len(batch))

            def __deepcopy__(self, memo):
                return self

        cls(max_epochs=2, batch_size=100, callbacks=[Count()]).fit(X)
        assert seen == [100, 50] * 2


def test_early_stopping_counts_improvements_beyond_tol():
    module = torch.nn.Linear(1, 1)
    rule = EarlyStopping(n_iter_no_change=2, tol=0.1)
    # Below zero, where an improvement of a share of the loss would be a rise.
    for epoch, loss in enumerate([-5.0, -5.2, -5.25], start=1):
        assert not rule.update(epoch, loss, module)
    assert (rule.best_epoch, rule.best_loss) == (2, -5.2)
    assert rule.update(4, -5.29, module), "less than tol twice"
    assert not EarlyStopping(2, tol=0.0).update(1, -1.0, module)


def test_divergence_is_a_thousandfold_loss_or_none():
    # The loss at the start is 10 in standardized units: the limit is 11,000 above.
    assert not explodes(-690.0 + 10_900, start=-690.0, constant=-700.0)
    for loss in (-690.0 + 11_100, np.nan, np.inf):
        assert explodes(loss, start=-690.0, constant=-700.0)


class Spoil(Callback):
    """Makes a parameter infinite before some epochs, counted with repetitions."""

    def __init__(self, *epochs):
        self.epochs = epochs
        self.seen = 0

    def on_grad_computed(self, net, **kwargs):
        if net.module_.training:
            self.seen += 1
            if self.seen in self.epochs:
                *_, bias = net.module_.parameters()
                bias.grad[0] = torch.inf

    def __deepcopy__(self, memo):
        return self


class TestRollBack:
    """With one batch to an epoch, an epoch is a step."""

    settings = {"batch_size": 150, "random_state": 0, "max_epochs": 6}

    @ALL
    @pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
    def test_goes_back_to_the_last_good_epoch(self, cls, optimizer, X):
        """Were it not for the rate, the epoch after would be the one that failed."""
        settings = {"optimizer": optimizer, "lr": 1e-30, **self.settings}
        with pytest.warns(ConvergenceWarning, match=r"epochs \[3\] .* 1e-31 in place"):
            estimator = cls(callbacks=[Spoil(3)], **settings).fit(X)
        stays = cls(**settings).fit(X)
        assert estimator.n_iter_ == 6
        for a, b in zip(weights(estimator), weights(stays), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-28)  # biases that start at 0

    def test_snapshot_is_exact(self, X):
        """What follows going back is what followed before."""
        for optimizer in (torch.optim.Adam, torch.optim.LBFGS, torch.optim.SGD):
            module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
            rows = torch.tensor(X).float()
            weights = list(module.parameters())
            stepper = optimizer(weights, lr=0.01)

            def step(stepper=stepper, module=module, rows=rows):
                def closure():
                    stepper.zero_grad()
                    loss = module(rows).square().sum()
                    loss.backward()
                    return loss

                return stepper.step(closure).item()

            snapshot = Snapshot(module, stepper)
            first = [step() for _ in range(3)]
            snapshot.restore()
            assert [step() for _ in range(3)] == first
            snapshot.take()
            later = [step() for _ in range(3)]
            snapshot.restore()
            assert [step() for _ in range(3)] == later
            snapshot.restore()
            assert [step() for _ in range(3)] == later

    @ALL
    def test_gives_up_after_three_in_a_row(self, cls, X):
        callbacks = [Spoil(2, 3, 4, 5)]
        with pytest.raises(RuntimeError, match="diverged in epoch 2"):
            cls(callbacks=callbacks, **self.settings).fit(X)
        callbacks = [Spoil(2, 3, 4, 6, 7)]
        message = r"epochs \[2, 2, 2, 3, 3\]"
        with pytest.warns(ConvergenceWarning, match=message):
            estimator = cls(callbacks=callbacks, **self.settings).fit(X)
        assert estimator.n_iter_ == 6

    @ALL
    def test_repeats_itself(self, cls, X):
        histories = []
        for _ in range(2):
            with pytest.warns(ConvergenceWarning):
                estimator = cls(callbacks=[Spoil(2)], **self.settings).fit(X)
            histories.append(estimator.history_)
        assert histories[0] == histories[1]


class WarmingUp(Loss):
    """A squared error whose weight rises a millionfold over the first epochs."""

    error = SquaredError()

    def begin_epoch(self, epoch):
        self.weight = min(1.0, 10.0 ** (2 * epoch - 8))
        self.settled = epoch >= 4

    def forward(self, model, x, generator):
        return self.weight * self.error(model, x, generator)


def test_a_loss_that_is_not_settled_is_not_compared(X, monkeypatch):
    """Neither with the start, for divergence, nor with earlier epochs, for the best."""
    monkeypatch.setattr(AETransformer, "_make_criterion", lambda self, X: WarmingUp())
    settings = {"max_epochs": 8, "n_iter_no_change": 2, "random_state": 0}
    ae = AETransformer(early_stopping=True, **settings).fit(1e3 * X)
    losses = ae.history_["valid_loss"]
    assert losses[0] < losses[1] < losses[2] < losses[3]
    assert ae.n_iter_ == 8
    longer = AETransformer(max_epochs=3, early_stopping=True, random_state=0).fit(X)
    assert longer.n_iter_ == 3, "no epoch counts, and the last is kept"


class TestAlternating:
    def test_each_step_moves_one_side(self, X):
        """Of a batch's two steps; the optimizer counts the steps of each alone."""
        seen = []

        class Record(Callback):
            def on_grad_computed(self, net, named_parameters=None, **kwargs):
                seen.append({n for n, p in named_parameters if p.grad is not None})

            def __deepcopy__(self, memo):
                return self

        vae = VAETransformer(
            update="alternating", batch_size=128, max_epochs=2, callbacks=[Record()]
        )
        vae.fit(X)
        names = {name for name, _ in vae.net_.module_.named_parameters()}
        encoder = {name for name in names if name.startswith("encoder")}
        assert seen == [names - encoder, encoder] * 4

    @pytest.mark.slow
    def test_reaches_what_the_joint_update_reaches(self, X):
        settings = {"hidden_layer_sizes": (), "lr": 0.02, "max_epochs": 150}
        scores = [
            VAETransformer(update=update, random_state=0, **settings).fit(X).score(X)
            for update in ("joint", "alternating")
        ]
        # The optimum is probabilistic PCA; the noise of training is some 0.05 nats.
        np.testing.assert_allclose(scores[1], scores[0], atol=0.2)

    def test_parameters_stay_trainable(self, X):
        vae = VAETransformer(update="alternating", max_epochs=1).fit(X)
        assert all(p.requires_grad for p in vae.net_.module_.parameters())


@ALL
def test_mixed_precision_on_a_cpu_is_single_precision(cls, X):
    mixed, single = (
        cls(dtype=dtype, max_epochs=3, device="cpu", random_state=0).fit(X)
        for dtype in ("mixed", "float32")
    )
    assert mixed.history_ == single.history_


def test_parameters_that_are_not_finite_never_leave(X):
    class SpoilAtTheEnd(Callback):
        def on_epoch_end(self, net, **kwargs):
            with torch.no_grad():
                net.module_.decoder[0].bias[0] = torch.nan

    with pytest.raises(RuntimeError, match="diverged in epoch 1"):
        AETransformer(max_epochs=1, callbacks=[SpoilAtTheEnd()]).fit(X)


@pytest.mark.slow
def test_active_units_are_those_whose_mean_varies(X):
    # Four components for data of about two, and a beta that makes them faint.
    vae = VAETransformer(
        4,
        beta=2.0,
        prior="standard_normal",  # the mixture has a place for each component
        hidden_layer_sizes=(),
        lr=1e-2,
        max_epochs=300,
        random_state=0,
    ).fit(X)
    variances = vae.transform(X).var(axis=0)
    assert 0 < vae.n_active_units_ == (variances > 0.01).sum() < 4


def test_a_last_row_joins_the_batch_before():
    for n_rows, sizes in [(9, [4, 5]), (10, [4, 4, 2]), (4, [4]), (1, [1]), (3, [3])]:
        assert batch_sizes(n_rows, 4) == sizes


class StopAfter:
    """scikit-learn callback that stops after some epochs."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        return context.task_name == "epoch" and context.task_id + 1 == self.n_epochs


@pytest.mark.scikit_learn_1_9
class TestSklearnCallbacks:
    @ALL
    def test_can_stop(self, cls, X):
        assert cls().set_callbacks(StopAfter(4)).fit(X).n_iter_ == 4

    @ALL
    def test_progress_bar_reaches_the_epochs(self, cls, X, capsys):
        from sklearn.callback import ProgressBar

        search = GridSearchCV(
            Pipeline([("latent", cls(max_epochs=3))]),
            {"latent__n_components": [1]},
            cv=2,
        )
        search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X)
        # The bars of the two folds and the refit advance epoch by epoch to 100 %.
        lines = capsys.readouterr().out.splitlines()
        bars = [line for line in lines if f"{cls.__name__} - fit" in line]
        assert len(bars) == 3
        assert all("100%" in bar for bar in bars)

    @ALL
    def test_epoch_is_usable_as_a_fitted_estimator(self, cls, X):
        """ScoringMonitor scores the estimator as it was after each epoch."""
        monitor = ScoringMonitor(scoring={"spread": transform_spread})
        settings = {**STEADY[cls], "random_state": 0}
        estimator = cls(max_epochs=3, **settings).set_callbacks(monitor)
        estimator.fit(X, np.zeros(len(X)))
        rows = monitor.get_logs().data
        spreads = [row["spread"] for row in rows if row["task_name"] == "epoch"]
        assert len(spreads) == 3
        for epochs, spread in enumerate(spreads, start=1):
            alone = cls(max_epochs=epochs, **settings).fit(X)
            np.testing.assert_allclose(spread, transform_spread(alone, X, None))


def transform_spread(estimator, X, y):
    return float(estimator.transform(X).std())


@pytest.fixture
def interruptible():
    """Ctrl-C raises, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@ALL
@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_propagates_and_leaves_nothing(cls, X):
    estimator = cls(max_epochs=100_000)
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    timer.join()
    assert not [name for name in vars(estimator) if name.endswith("_")]


@ALL
@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_a_skorch_callback_propagates(cls, X):
    class Slow(Callback):
        def on_epoch_end(self, net, **kwargs):
            time.sleep(0.1)

    estimator = cls(max_epochs=1000, callbacks=[Slow()])
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    timer.join()
    assert not [name for name in vars(estimator) if name.endswith("_")]


@ALL
def test_checkpoint_of_the_best_epoch(cls, X, tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path, f_pickle=None, f_optimizer=None)
    cls(max_epochs=3, early_stopping=True, callbacks=[checkpoint]).fit(X)
    assert (tmp_path / "params.pt").exists()


@ALL
@pytest.mark.parametrize("wrong", ["disable", StopAfter(1)])
def test_callbacks_that_are_not_skorchs(cls, wrong, X):
    with pytest.raises(ValueError, match=r"instances of skorch\.callbacks\.Callback"):
        cls(callbacks=[wrong]).fit(X)


@ALL
def test_subclass_of_a_fused_optimizer(cls, X):
    class Plain(torch.optim.Adam):
        def __init__(self, params, lr):
            super().__init__(params, lr)

    assert cls(max_epochs=2, optimizer=Plain).fit(X).n_iter_ == 2


@BOTH
def test_net_predicts(cls, X):
    estimator = cls(max_epochs=2, random_state=0).fit(X)
    rows = standardize(X, estimator.mean_, estimator.scale_).astype(np.float32)
    rebuilt = estimator.net_.predict(rows) * estimator.scale_ + estimator.mean_
    expected = estimator.inverse_transform(estimator.transform(X))
    np.testing.assert_allclose(rebuilt, expected, rtol=1e-4)


def test_verbose_prints_nothing_in_partial_fit(X, capsys):
    AETransformer(verbose=1).partial_fit(X)
    assert capsys.readouterr().out == ""
