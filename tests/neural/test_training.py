"""Training: seeds, stopping, callbacks, and what is left afterwards."""

import pickle
import random
import signal
import threading
import warnings

import numpy as np
import pytest
import torch
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from skorch.callbacks import EarlyStopping as SkorchEarlyStopping

from sklatent.callback import LossMonitor
from sklatent.neural import AETransformer, VAETransformer

BOTH = pytest.mark.parametrize("cls", [AETransformer, VAETransformer])


@pytest.fixture(scope="module")
def X():
    return load_iris().data


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


@BOTH
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


@BOTH
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


@BOTH
def test_random_state_instance_is_drawn_from(cls, X):
    rng = np.random.RandomState(0)
    first = cls(max_epochs=1, random_state=rng).fit(X)
    second = cls(max_epochs=1, random_state=rng).fit(X)
    assert first.history_ != second.history_


@BOTH
def test_nothing_of_the_training_is_kept(cls, X):
    estimator = cls(random_state=0, callbacks=[LRScheduler("StepLR", step_size=3)])
    estimator.fit(X)
    assert estimator.net_.optimizer_ is None
    assert estimator.net_.criterion_ is None
    assert estimator.net_.callbacks_ == []
    n_parameters = sum(w.size for w in weights(estimator))
    assert len(pickle.dumps(estimator)) < 4 * n_parameters + 30_000
    tensors = [v for v in vars(estimator.net_).values() if torch.is_tensor(v)]
    assert tensors == []


@BOTH
def test_history_is_plain_data(cls, X):
    estimator = cls(max_epochs=7, early_stopping=True, random_state=0).fit(X)
    assert set(estimator.history_) == {"train_loss", "valid_loss"}
    for losses in estimator.history_.values():
        assert len(losses) == estimator.n_iter_ == 7
        assert all(type(loss) is float for loss in losses)
    assert estimator.loss_ == estimator.history_["train_loss"][-1]


@BOTH
def test_training_lowers_the_loss(cls, X):
    losses = cls(random_state=0).fit(X).history_["train_loss"]
    assert losses[-1] < losses[10] < losses[0]


@BOTH
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_optimizer_by_name(cls, optimizer, X):
    lr = 1e-2 if optimizer == "sgd" else 1e-3
    losses = cls(optimizer=optimizer, lr=lr, random_state=0).fit(X).history_
    assert losses["train_loss"][-1] < losses["train_loss"][0]


@BOTH
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


class TestEarlyStopping:
    def test_restores_the_best_epoch(self, X):
        # A learning rate that makes the losses rise and fall.
        vae = VAETransformer(
            lr=0.03, max_epochs=200, early_stopping=True, tol=0, random_state=3
        ).fit(X)
        losses = vae.history_["valid_loss"]
        best = int(np.argmin(losses))
        assert vae.n_iter_ == best + 1 + vae.n_iter_no_change < 200
        # The same training, stopped there: all parameters, σ² included.
        stopped = VAETransformer(
            lr=0.03, max_epochs=best + 1, early_stopping=True, tol=0, random_state=3
        ).fit(X)
        for a, b in zip(weights(vae), weights(stopped), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(vae.noise_variance_, stopped.noise_variance_)

    def test_with_losses_below_zero(self, X):
        # In small units densities are large and the loss is negative throughout.
        vae = VAETransformer(max_epochs=60, early_stopping=True, random_state=0)
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

    @BOTH
    @pytest.mark.parametrize(("n", "fraction"), [(2, 0.1), (10, 0.9)])
    def test_too_few_rows(self, cls, n, fraction, X):
        estimator = cls(early_stopping=True, validation_fraction=fraction)
        message = rf"n_samples={n} rows, which leaves 1 .* at least 2"
        with pytest.raises(ValueError, match=message):
            estimator.fit(X[:n])


class TestSkorchCallbacks:
    @BOTH
    def test_can_stop(self, cls, X):
        stopper = SkorchEarlyStopping(
            "train_loss", patience=2, threshold=1e6, threshold_mode="abs", sink=None
        )
        before = dict(vars(stopper))
        estimator = cls(callbacks=[stopper], random_state=0)
        estimator.fit(X)
        assert estimator.n_iter_ == 3
        assert vars(stopper) == before, "the parameter itself was used"

    @BOTH
    def test_schedule(self, cls, X):
        schedule = LRScheduler("StepLR", step_size=1, gamma=0.0)
        stuck = cls(max_epochs=10, callbacks=[schedule], random_state=0).fit(X)
        once = cls(max_epochs=1, random_state=0).fit(X)
        for a, b in zip(weights(stuck), weights(once), strict=True):
            np.testing.assert_array_equal(a, b)

    @BOTH
    def test_clipping(self, cls, X):
        settings = {"max_epochs": 1, "optimizer": "sgd", "lr": 1.0, "random_state": 0}
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


class TestSklearnCallbacks:
    @BOTH
    def test_can_stop(self, cls, X):
        assert cls().set_callbacks(StopAfter(4)).fit(X).n_iter_ == 4

    @BOTH
    def test_loss_monitor(self, cls, X):
        monitor = LossMonitor()
        estimator = cls(max_epochs=5, random_state=0).set_callbacks(monitor).fit(X)
        log = monitor.get_logs()
        assert [row["loss"] for row in log.data] == estimator.history_["train_loss"]
        assert log.estimator_name == cls.__name__

    @BOTH
    def test_loss_monitor_reports_from_worker_processes(self, cls, X):
        monitor = LossMonitor()
        estimator = cls(max_epochs=3).set_callbacks(monitor)
        GridSearchCV(
            Pipeline([("latent", estimator)]),
            {"latent__n_components": [1, 2]},
            cv=2,
            n_jobs=2,
        ).fit(X)
        # 2 sizes x 2 folds and the refit, 3 epochs each
        assert len(monitor.get_logs(select="most_recent").data) == 5 * 3

    @BOTH
    def test_progress_bar_reaches_the_epochs(self, cls, X, capsys):
        search = GridSearchCV(
            Pipeline([("latent", cls(max_epochs=3))]),
            {"latent__n_components": [1]},
            cv=2,
        )
        search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X)
        assert f"{cls.__name__} - fit" in capsys.readouterr().out

    @BOTH
    def test_epoch_is_usable_as_a_fitted_estimator(self, cls, X):
        """ScoringMonitor scores the estimator as it was after each epoch."""
        monitor = ScoringMonitor(scoring={"spread": transform_spread})
        estimator = cls(max_epochs=3, random_state=0).set_callbacks(monitor)
        estimator.fit(X, np.zeros(len(X)))
        rows = monitor.get_logs().data
        spreads = [row["spread"] for row in rows if row["task_name"] == "epoch"]
        assert len(spreads) == 3
        for epochs, spread in enumerate(spreads, start=1):
            alone = cls(max_epochs=epochs, random_state=0).fit(X)
            np.testing.assert_allclose(spread, transform_spread(alone, X, None))


def transform_spread(estimator, X, y):
    return float(estimator.transform(X).std())


@BOTH
def test_ctrl_c_propagates_and_leaves_nothing(cls, X):
    estimator = cls(max_epochs=100_000)
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    timer.join()
    assert not [name for name in vars(estimator) if name.endswith("_")]


def test_verbose_prints_a_table(X, capsys):
    AETransformer(max_epochs=2, verbose=1).fit(X)
    assert "train_loss" in capsys.readouterr().out
    AETransformer(max_epochs=2).fit(X)
    assert capsys.readouterr().out == ""
