"""Fits on a cluster of two processes, one of which dies."""

import os
import signal

import dask
import dask.array as da
import distributed
import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklatent.decomposition import PCA, PPCA
from sklatent.density import GaussianMixture, KernelDensity, KNeighborsDensity
from sklatent.dimension import TwoNN


@pytest.fixture(scope="module")
def client():
    settings = {"distributed.scheduler.allowed-failures": 1}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def made(i, calls, fatal):
    """A block of rows; kills its worker after so many calls, which a file counts."""
    with open(calls, "ab") as file:
        file.write(b".")
    if fatal == "all" or (
        fatal and os.path.getsize(calls) >= fatal and is_first(f"{calls}.killed")
    ):
        os.kill(os.getpid(), signal.SIGKILL)
    rng = np.random.RandomState(i)
    return rng.standard_normal((100, 3)) + rng.choice([-5.0, 5.0], size=(100, 1))


def is_first(path):
    """Whether no other process has asked so before."""
    try:
        open(path, "xb").close()
    except FileExistsError:
        return False
    return True


def rows(path, fatal=None):
    """Eight lazy blocks."""
    blocks = [dask.delayed(made, pure=False)(i, str(path), fatal) for i in range(8)]
    arrays = [da.from_delayed(block, (100, 3), np.float64) for block in blocks]
    return da.concatenate(arrays)


# 2026-11: the blocks are lazy on purpose, so that a lost worker makes them again.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.RepeatedReadingWarning")
@pytest.mark.parametrize("model", [PCA(2), PPCA(2), GaussianMixture(2, random_state=0)])
def test_two_processes_give_the_bits_of_one(client, model, tmp_path):
    X = rows(tmp_path / "calls")
    ours = clone(model).fit(X)
    with dask.config.set(scheduler="synchronous"):
        expected = clone(model).fit(X)
    for name, value in vars(expected).items():
        if name.endswith("_") and isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(ours, name), value, err_msg=name)


def test_rows_that_the_cluster_holds_are_not_made_again(client, tmp_path):
    path = tmp_path / "calls"
    X = rows(path).persist()
    distributed.wait(X)
    weight = da.ones(800, chunks=100).persist()
    model = GaussianMixture(2, random_state=0)
    model.fit(X, sample_weight=weight)  # warnings are errors
    assert path.stat().st_size == 8
    expected = clone(model).fit(X.compute(), sample_weight=np.ones(800))
    np.testing.assert_allclose(model.means_, expected.means_, rtol=1e-10)
    batches = clone(model).partial_fit(X)
    assert batches.n_samples_seen_ == 800


def test_rows_that_the_cluster_holds_are_compared_there(client, tmp_path):
    path = tmp_path / "calls"
    X = rows(path).persist()
    distributed.wait(X)
    in_memory = X.compute()
    for model in (KernelDensity("scott"), KNeighborsDensity(4)):
        expected = clone(model).fit(in_memory).score_samples(in_memory)
        density = clone(model).fit(X)  # warnings are errors
        for given in (X, in_memory):
            np.testing.assert_allclose(density.score_samples(given), expected, 1e-12)
    found, expected = TwoNN().fit(X).dimension_, TwoNN().fit(in_memory).dimension_
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert path.stat().st_size == 8


# 2026-11: the blocks are lazy on purpose, so that a lost worker makes them again.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.RepeatedReadingWarning")
def test_a_worker_that_is_killed_costs_a_pass_at_most(client, tmp_path):
    mixture = GaussianMixture(2, random_state=0, tol=0, max_iter=6)
    with pytest.warns(UserWarning, match="did not converge"):
        calm = clone(mixture).fit(rows(tmp_path / "calm"))
    n_calls = (tmp_path / "calm").stat().st_size
    # In the third step, after the overview and the sample.
    with pytest.warns(UserWarning, match="did not converge"):
        ours = clone(mixture).fit(rows(tmp_path / "killed", fatal=8 * 4 + 3))
    np.testing.assert_array_equal(ours.means_, calm.means_)
    assert ours.lower_bounds_ == calm.lower_bounds_
    assert n_calls < (tmp_path / "killed").stat().st_size <= n_calls + 8


def log_density(model, X, y=None):
    return model.score(X)


def process(model, X, y=None):
    return os.getpid()


def test_grid_search_in_memory_on_the_workers(client):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(100, 4)) + 4 * rng.randint(2, size=(100, 1))
    search = GridSearchCV(
        make_pipeline(PCA(2), GaussianMixture(random_state=0)),
        {"gaussianmixture__n_components": [1, 2, 3], "pca__whiten": [False, True]},
        scoring={"log_density": log_density, "process": process},
        refit="log_density",
    )
    expected = clone(search).fit(X)
    with joblib.parallel_config("dask"):
        search.fit(X)
    assert search.best_params_ == expected.best_params_
    assert search.score(X) == pytest.approx(expected.score(X), rel=1e-10)
    for i in range(5):
        scores = f"split{i}_test_log_density"
        np.testing.assert_allclose(
            search.cv_results_[scores], expected.cv_results_[scores], rtol=1e-10
        )
        assert os.getpid() not in search.cv_results_[f"split{i}_test_process"]


def test_a_cluster_that_dies_leaves_the_estimator_as_it_was(client, tmp_path):
    pca = PCA(1).fit(np.eye(3))
    before = dict(vars(pca))
    with pytest.raises(distributed.KilledWorker):
        pca.fit(rows(tmp_path / "calls", fatal="all"))
    assert vars(pca) == before
