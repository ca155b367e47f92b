"""Training that goes on: call by call, from a fitted model, or from a file."""

import copy
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.compose import make_column_selector
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from skorch.callbacks import Callback

from sklatent.neural import AETransformer, VAETransformer
from sklatent.neural.training._checkpoint import pack
from sklatent.utils._files import only_writer
from tests.neural.settings import ALL, BOTH, STEADY


def assert_same(a, b, X):
    """Same networks, history and results, to the bit."""
    assert a.history_ == b.history_
    for name, weight in a.net_.module_.state_dict().items():
        assert torch.equal(weight, b.net_.module_.state_dict()[name]), name
    np.testing.assert_array_equal(a.transform(X), b.transform(X))
    np.testing.assert_array_equal(a.score_samples(X), b.score_samples(X))


def everything(estimator):
    """What an estimator has, for comparison."""
    return pickle.dumps(estimator)


class TestPartialFit:
    @ALL
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"lr_schedule": "cosine", "batch_size": 40},
            {"optimizer": "sgd", "lr": 0.01},
        ],
    )
    def test_k_calls_are_a_fit_of_k_epochs(self, cls, settings, X):
        settings = {"max_epochs": 4, "random_state": 0, **settings}
        whole = cls(**settings).fit(X)
        estimator = cls(**settings)
        for k in range(4):
            assert estimator.partial_fit(X) is estimator
            assert estimator.n_iter_ == k + 1
        assert_same(estimator, whole, X)

    @ALL
    def test_goes_on_after_a_pickle(self, cls, X):
        estimator = cls(random_state=0).partial_fit(X)
        loaded = pickle.loads(pickle.dumps(estimator))
        duplicate = copy.deepcopy(estimator)
        estimator.partial_fit(X)
        assert_same(loaded.partial_fit(X), estimator, X)
        assert_same(duplicate.partial_fit(X), estimator, X)

    @ALL
    def test_units_are_those_of_the_first_rows(self, cls, X):
        estimator = cls(random_state=0).partial_fit(X[:50])
        mean, scale = estimator.mean_.copy(), estimator.scale_.copy()
        np.testing.assert_allclose(mean, X[:50].mean(axis=0))
        estimator.partial_fit(X[50:])
        estimator.partial_fit(X[70:71])
        np.testing.assert_array_equal(estimator.mean_, mean)
        np.testing.assert_array_equal(estimator.scale_, scale)
        assert estimator.n_iter_ == len(estimator.history_["train_loss"]) == 3

    @ALL
    def test_after_a_fit(self, cls, X):
        estimator = cls(max_epochs=30, random_state=0).fit(X)
        before = estimator.history_["train_loss"]
        estimator.partial_fit(X)
        assert estimator.n_iter_ == 31
        assert estimator.history_["train_loss"][:30] == before
        assert estimator.loss_ < before[20]

    @ALL
    def test_settings_may_change_between_calls(self, cls, X):
        estimator = cls(**STEADY[cls], random_state=0).partial_fit(X)
        codes = estimator.partial_fit(X).transform(X)
        estimator.set_params(lr=1e-30).partial_fit(X)
        np.testing.assert_array_equal(estimator.transform(X), codes)
        estimator.set_params(lr=1e-2, optimizer="sgd").partial_fit(X)
        assert estimator.loss_ < estimator.history_["train_loss"][0]

    @ALL
    def test_fit_forgets(self, cls, X):
        settings = {"max_epochs": 2, "random_state": 0}
        expected = cls(**settings).fit(X)
        estimator = cls(**settings).partial_fit(X[:100]).fit(X)
        assert_same(estimator, expected, X)
        assert len(pickle.dumps(estimator)) == len(pickle.dumps(expected))

    @ALL
    def test_failure_changes_nothing(self, cls, X):
        estimator = cls(lr=1e30, random_state=0)
        with pytest.raises(RuntimeError, match="diverged"):
            estimator.partial_fit(X)
        assert not [name for name in vars(estimator) if name.endswith("_")]
        estimator.set_params(lr=1e-3).partial_fit(X).partial_fit(X)
        expected = copy.deepcopy(estimator).partial_fit(X)
        for bad in (np.full((5, 4), np.inf), X[:, :3], np.full((5, 4), 1e300)):
            before = everything(estimator)
            with pytest.raises((RuntimeError, ValueError)):
                estimator.partial_fit(bad)
            assert everything(estimator) == before
        assert_same(estimator.partial_fit(X), expected, X)


class TestWarmStart:
    @ALL
    def test_goes_on_from_the_fitted_networks(self, cls, X):
        settings = {"max_epochs": 20, "random_state": 0}
        first = cls(**settings).fit(X)
        second = cls(warm_start=True, **settings).fit(X).fit(X)
        assert second.n_iter_ == 20
        assert second.history_["train_loss"][0] < first.history_["train_loss"][10]
        # In units that do not move, a rate of next to nothing leaves it as it is.
        codes = second.transform(X)
        second.set_params(lr=1e-30).fit(3 + 5 * X)
        np.testing.assert_array_equal(second.transform(X), codes)

    @ALL
    def test_first_fit_is_the_usual_one(self, cls, X):
        settings = {"max_epochs": 2, "random_state": 0}
        assert_same(cls(warm_start=True, **settings).fit(X), cls(**settings).fit(X), X)

    @ALL
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"hidden_layer_sizes": (8,)}, r"hidden_layer_sizes must be .*got \(8,\)"),
            ({"activation": "tanh"}, "activation must be .*'gelu'; got 'tanh'"),
            ({"n_components": 3}, "n_components must be .*2; got 3"),
        ],
    )
    def test_other_networks(self, cls, change, message, X):
        estimator = cls(warm_start=True, max_epochs=1, random_state=0).fit(X)
        estimator.set_params(**change)
        before = everything(estimator)
        for method in (estimator.fit, estimator.partial_fit):
            with pytest.raises(ValueError, match=message):
                method(X)
            assert everything(estimator) == before

    @ALL
    def test_failure_changes_nothing(self, cls, X):
        estimator = cls(warm_start=True, max_epochs=2, random_state=0).fit(X)
        estimator.set_params(lr=1e30)
        before = everything(estimator)
        with pytest.raises(RuntimeError, match="diverged"):
            estimator.fit(X)
        assert everything(estimator) == before


@ALL
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("failure", ["diverging", "columns", "names", "inf", "stopped"])
@pytest.mark.slow
def test_failure_leaves_networks_and_state_in_place(cls, method, failure, X):
    """Not only equal: nothing that hangs on the estimator is written to."""
    table = pd.DataFrame(X, columns=list("abcd"))
    settings = {"warm_start": True, "max_epochs": 2, "random_state": 0}
    estimator = cls(**settings).fit(table).partial_fit(table)
    before = dict(vars(estimator))
    content = everything(estimator)
    results = estimator.transform(table), estimator.score_samples(table)
    bad, change = {
        "diverging": (table, {"lr": 1e30}),
        "columns": (table[["a", "b", "c"]], {}),
        "names": (table[["d", "a", "b", "c"]], {}),
        "inf": (table.replace(table.iloc[0, 0], np.inf), {}),
        "stopped": (table, {"callbacks": [Interrupt()]}),
    }[failure]
    estimator.set_params(**change)
    with pytest.raises((RuntimeError, ValueError, ZeroDivisionError)):
        getattr(estimator, method)(bad)
    estimator.set_params(**{name: before[name] for name in change})
    after = vars(estimator)
    assert after.keys() == before.keys()
    assert all(after[name] is value for name, value in before.items())
    assert everything(estimator) == content
    np.testing.assert_array_equal(estimator.transform(table), results[0])
    np.testing.assert_array_equal(estimator.score_samples(table), results[1])


class Interrupt(Callback):
    """Fails in the midst of an epoch, when weights have changed."""

    def on_batch_end(self, net, **kwargs):
        raise ZeroDivisionError


class Stop(Callback):
    """Ends the process's patience after some epochs."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net, **kwargs):
        if net.n_epochs == self.n_epochs:
            raise ZeroDivisionError


class StopSoftly(Callback):
    """Ends training after some epochs as a result like any other."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_end(self, net, **kwargs):
        if net.n_epochs == self.n_epochs:
            raise KeyboardInterrupt


SETTINGS = {
    "max_epochs": 8,
    "lr_schedule": "one_cycle",
    "early_stopping": True,
    "n_iter_no_change": 3,
    "batch_size": 40,
}


class TestCheckpoint:
    @ALL
    @pytest.mark.parametrize("optimizer", ["adam", "sgd", torch.optim.LBFGS])
    @pytest.mark.slow
    def test_interrupted_training_goes_on_to_the_bit(self, cls, optimizer, X, tmp_path):
        settings = {"optimizer": optimizer, "random_state": 0, **SETTINGS}
        if optimizer is torch.optim.LBFGS:
            settings |= {"lr": 0.01, "batch_size": 150, "n_iter_no_change": 8}
        whole = cls(**settings).fit(X)
        for n_epochs in (1, 4):
            estimator = cls(
                checkpoint_path=tmp_path, callbacks=[Stop(n_epochs)], **settings
            )
            with pytest.raises(ZeroDivisionError):
                estimator.fit(X)
        assert_same(cls(checkpoint_path=tmp_path, **settings).fit(X), whole, X)

    @ALL
    def test_seed_is_in_the_file(self, cls, X, tmp_path):
        path = tmp_path / "made" / "on the way"
        estimator = cls(checkpoint_path=str(path), max_epochs=2).fit(X)
        assert_same(clone(estimator).fit(X), estimator, X)

    @ALL
    def test_file_of_a_finished_training_stays(self, cls, X, tmp_path):
        """What is found there is not trained again."""
        settings = {"max_epochs": 3, "random_state": 0, "checkpoint_path": tmp_path}
        first = cls(**settings).fit(X)
        (path,) = tmp_path.glob("*.checkpoint")
        content = path.read_bytes()
        again = cls(callbacks=[Stop(0)], **settings).fit(X)
        assert_same(again, first, X)
        assert path.read_bytes() == content
        assert {p.name for p in tmp_path.iterdir()} == {path.name, f"{path.name}.lock"}

    def test_stopped_training_stays_stopped(self, X, tmp_path):
        settings = {"max_epochs": 50, "early_stopping": True, "tol": 1e9}
        settings["warmup_epochs"] = 0
        vae = VAETransformer(n_iter_no_change=2, checkpoint_path=tmp_path, **settings)
        assert vae.fit(X).n_iter_ == 3
        assert_same(clone(vae).fit(X), vae, X)

    @BOTH
    def test_after_going_back(self, cls, X, tmp_path):
        """The lowered learning rate is in the file."""
        settings = {**STEADY[cls], "lr": 0.5, "activation": "relu"}
        settings |= {"random_state": 0, "max_epochs": 6}
        with pytest.warns(UserWarning, match="diverged"):
            whole = cls(**settings).fit(X)
        settings["checkpoint_path"] = tmp_path
        with pytest.raises(ZeroDivisionError):
            cls(callbacks=[Stop(1)], **settings).fit(X)
        assert_same(cls(**settings).fit(X), whole, X)

    @pytest.mark.slow
    @ALL
    def test_killed_process(self, cls, X, tmp_path):
        script = f"""
            from sklearn.datasets import load_iris
            from sklatent.neural import {cls.__name__}
            {cls.__name__}(
                max_epochs=3000, random_state=0, checkpoint_path={str(tmp_path)!r}
            ).fit(load_iris().data)
        """
        with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)]) as run:
            deadline = time.monotonic() + 120
            while not list(tmp_path.glob("*.checkpoint")):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(0.3)
            run.send_signal(signal.SIGKILL)
        (path,) = tmp_path.glob("*.checkpoint")
        state = torch.load(path, weights_only=True)["state"]
        n_epochs = len(state["losses"]["train_loss"])
        assert 0 < n_epochs < 3000 - 5
        # The rest would take long: it is done as far as this shows that it goes well.
        settings = {"max_epochs": 3000, "random_state": 0}
        resumed, whole = (
            cls(**settings, **more, callbacks=[StopSoftly(n_epochs + 5)]).fit(X)
            for more in ({"checkpoint_path": tmp_path}, {})
        )
        assert resumed.n_iter_ == n_epochs + 5
        assert_same(resumed, whole, X)

    @ALL
    def test_each_training_has_its_own_file(self, cls, X, tmp_path):
        settings = {"max_epochs": 2, "random_state": 0}
        cls(checkpoint_path=tmp_path, **settings).fit(X)
        for n, (change, rows) in enumerate(
            [
                ({"hidden_layer_sizes": (8,)}, X),
                ({"lr": 0.1}, X),
                ({"random_state": 1}, X),
                ({"max_epochs": 1}, X),
                ({}, X + 1e-9),
                ({}, X[:-1]),
            ]
        ):
            estimator = cls(checkpoint_path=tmp_path, **settings | change).fit(rows)
            assert_same(estimator, cls(**settings | change).fit(rows), X)
            assert len(list(tmp_path.glob("*.checkpoint"))) == n + 2
        # These change nothing in the training.
        cls(checkpoint_path=tmp_path, verbose=False, device="auto", **settings).fit(X)
        assert len(list(tmp_path.glob("*.checkpoint"))) == n + 2

    def test_weights_of_a_given_module_tell_trainings_apart(self, X, tmp_path):
        encoder = torch.nn.Linear(4, 2)
        settings = {"max_epochs": 1, "random_state": 0, "checkpoint_path": tmp_path}
        AETransformer(encoder=encoder, **settings).fit(X)
        with torch.no_grad():
            encoder.weight += 1.0
        second = AETransformer(encoder=encoder, **settings).fit(X)
        settings["checkpoint_path"] = None
        assert_same(second, AETransformer(encoder=encoder, **settings).fit(X), X)

    def test_functions_that_choose_columns_have_no_address(self, X, tmp_path):
        """Another process finds the file again."""
        table = pd.DataFrame(X)
        settings = {"max_epochs": 1, "checkpoint_path": tmp_path}
        for _ in range(2):
            everything = make_column_selector(dtype_include=float)
            likelihood = [("gaussian", everything)]
            VAETransformer(likelihood=likelihood, **settings).fit(table)
        assert len(list(tmp_path.glob("*.checkpoint"))) == 1

    @ALL
    def test_file_of_another_version(self, cls, X, tmp_path, monkeypatch):
        settings = {"max_epochs": 2, "checkpoint_path": tmp_path}
        cls(**settings).fit(X)
        monkeypatch.setattr("sklatent.neural.training._checkpoint.__version__", "99.0")
        cls(**settings).fit(X)
        assert len(list(tmp_path.glob("*.checkpoint"))) == 2

    @ALL
    def test_damaged_file(self, cls, X, tmp_path):
        cls(max_epochs=2, checkpoint_path=tmp_path).fit(X)
        (path,) = tmp_path.glob("*.checkpoint")
        content = path.read_bytes()
        other = torch.load(path, weights_only=True) | {"fingerprint": {}}
        damaged = [content[:n] for n in (0, 10, len(content) // 2, len(content) - 1)]
        for part in [*damaged, b"text", pickle.dumps({"format": 3}), pack(other)]:
            path.write_bytes(part)
            with pytest.raises(ValueError, match=rf"{path.name}'.*damaged.*Delete it"):
                cls(max_epochs=2, checkpoint_path=tmp_path).fit(X)
            assert path.read_bytes() == part

    @ALL
    def test_warm_starts_do_not_mix(self, cls, X, tmp_path):
        settings = {"max_epochs": 2, "random_state": 0, "warm_start": True}
        estimator, expected = cls(**settings).fit(X), cls(**settings).fit(X)
        estimator.set_params(checkpoint_path=tmp_path)
        for n in (1, 2):
            assert_same(estimator.fit(X), expected.fit(X), X)
            assert len(list(tmp_path.glob("*.checkpoint"))) == n

    @ALL
    @pytest.mark.parametrize("given", ["", "file"])
    def test_what_is_no_folder(self, cls, given, X, tmp_path):
        path = given and tmp_path / given
        if given:
            path.touch()
        estimator = cls(checkpoint_path=path)
        with pytest.raises(ValueError, match="must be a folder") as caught:
            estimator.fit(np.full((2, 2), np.inf))  # before it looks at the rows
        assert "elete" not in str(caught.value)
        assert list(tmp_path.iterdir()) == ([path] if given else [])

    @ALL
    @pytest.mark.parametrize("n_jobs", [None, 2])
    @pytest.mark.slow
    def test_searches_resume(self, cls, n_jobs, X, tmp_path):
        """Trainings in a search that is run again are read, not repeated."""
        y = load_iris().target
        model = cls(max_epochs=3, hidden_layer_sizes=(8,), random_state=0)
        # Trainings are shared by both values of the latter.
        grid = {
            f"{cls.__name__.lower()}__n_components": [1, 2],
            "linearsvc__C": [0.1, 1.0],
        }

        def search(**settings):
            pipeline = make_pipeline(clone(model).set_params(**settings), LinearSVC())
            search = GridSearchCV(
                pipeline, grid, cv=3, n_jobs=n_jobs, error_score="raise"
            )
            with parallel_config("threading"):
                return search.fit(X, y)

        expected = search().cv_results_["mean_test_score"]
        path = tmp_path / "ck"
        for _ in range(2):
            found = search(checkpoint_path=str(path))
            np.testing.assert_array_equal(
                found.cv_results_["mean_test_score"], expected
            )
            # Two sizes in three folds, and the best on all rows.
            files = {p: p.stat().st_mtime_ns for p in path.glob("*.checkpoint")}
            assert len(files) == 7
        search(checkpoint_path=str(path), callbacks=[Stop(0)])
        assert files == {p: p.stat().st_mtime_ns for p in path.glob("*.checkpoint")}


def test_one_writer_at_a_time(tmp_path):
    """The second waits, and finds what the first has written."""
    path = tmp_path / "file"
    waits = threading.Event()
    found = []

    def second():
        waits.set()
        with only_writer(path):
            found.append(path.read_text())

    thread = threading.Thread(target=second)
    with only_writer(path):
        thread.start()
        waits.wait()
        time.sleep(0.1)
        path.write_text("done")
    thread.join()
    assert found == ["done"]
