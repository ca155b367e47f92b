import warnings

import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklatent.callback import LossMonitor
from sklatent.decomposition import PPCA
from sklatent.neural import AETransformer, VAETransformer

pytestmark = pytest.mark.scikit_learn_1_9

BOTH = pytest.mark.parametrize("cls", [AETransformer, VAETransformer])


@pytest.fixture(scope="module")
def X():
    return load_iris().data


@BOTH
@pytest.mark.slow
def test_loss_monitor(cls, X):
    monitor = LossMonitor()
    estimator = cls(max_epochs=5, random_state=0).set_callbacks(monitor).fit(X)
    log = monitor.get_logs()
    assert [row["loss"] for row in log.data] == estimator.history_["train_loss"]
    assert log.estimator_name == cls.__name__


@BOTH
@pytest.mark.slow
def test_loss_monitor_reports_from_worker_processes(cls, X):
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


def test_loss_monitor_is_set_on_the_model_and_not_on_the_search(X):
    inner, outer = LossMonitor(), LossMonitor()
    ppca = PPCA(1, method="em", max_iter=2, tol=0).set_callbacks(inner)
    search = GridSearchCV(ppca, {"n_components": [1]}, cv=2).set_callbacks(outer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X)
    assert len(inner.get_logs().data) == 3 * 2  # 2 folds and the refit
    with pytest.raises(ValueError, match="No logs to retrieve"):
        outer.get_logs()
