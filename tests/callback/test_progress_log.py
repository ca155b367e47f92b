"""Progress of real fits and searches, with a clock that each look moves by a second."""

import contextlib
import io
import itertools
import logging
import pickle
import re
import threading
import time
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklatent.callback import LossMonitor, ProgressLog
from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, KernelDensity, KNeighborsDensity
from sklatent.manifold import (
    MDS,
    TSNE,
    UMAP,
    ClassicalMDS,
    DiffusionMap,
    Isomap,
    KernelPCA,
    SketchMap,
)
from sklatent.neural import AETransformer, ParametricEmbedding, VAETransformer
from sklatent.outlier import OutlierDetector
from sklatent.utils import _progress

pytestmark = pytest.mark.scikit_learn_1_9

SMALL = {"hidden_layer_sizes": (4,), "max_epochs": 3, "random_state": 0}
ITERATIVE = [
    PPCA(2, method="em", random_state=0),
    FactorAnalysis(1),
    GaussianMixture(2, random_state=0, verbose_interval=1),
    AETransformer(**SMALL),
    VAETransformer(**SMALL),
]
# Whose iterations are reported one by one or in blocks, under names of their own.
EMBEDDINGS = [
    ParametricEmbedding(**SMALL),
    MDS(max_iter=7),
    SketchMap(n_landmarks=20, max_iter=7),
    TSNE(max_iter=120),
    UMAP(n_epochs=35),
]
# Whose iterations have no loss: nothing is known before the last one.
WITHOUT_LOSS = [
    KernelDensity("loo", candidates=5),
    KNeighborsDensity(),
    OutlierDetector(cv=2, random_state=0),
    ClassicalMDS(metric="manhattan", n_landmarks=20),
    DiffusionMap(n_neighbors=60),
    Isomap(n_neighbors=60),
    KernelPCA(2, n_landmarks=20, random_state=0),
]
ALL = pytest.mark.parametrize("estimator", ITERATIVE, ids=lambda e: type(e).__name__)
# 2026-11: two factors for few columns, of which the progress is what is tested.
HEYWOOD = pytest.mark.filterwarnings("ignore:The factors may explain")
POSITION = r"candidate \d/2, fold \d/2, "


@pytest.fixture
def X():
    return load_iris().data


@pytest.fixture
def ticking(monkeypatch):
    monkeypatch.setattr(_progress, "monotonic", itertools.count().__next__)


def logged(estimator, *data, **settings):
    """Lines of a fit, one for each iteration."""
    stream = io.StringIO()
    log = ProgressLog(**({"interval": 0} | settings), stream=stream)
    clone(estimator).set_callbacks(log).fit(*data)
    return stream.getvalue().splitlines()


def losses_of(estimator, *data):
    monitor = LossMonitor()
    clone(estimator).set_callbacks(monitor).fit(*data)
    return [row["loss"] for row in monitor.get_logs().data]


@ALL
@HEYWOOD
def test_a_line_for_each_iteration(estimator, X, ticking):
    *lines, duration, end = logged(estimator, X)
    losses = losses_of(estimator, X)
    name = type(estimator).__name__
    bound = getattr(estimator, "max_iter", 3)
    assert len(lines) == len(losses)
    for i, (line, loss) in enumerate(zip(lines, losses, strict=True)):
        n_left = bound - i - 1
        left = f", at most {_progress.format_duration(n_left)} left"
        assert re.fullmatch(
            rf"{name} (epoch|EM iteration) {i + 1}/{bound}, "
            rf"loss {re.escape(f'{loss:.5g}')}, [\w. ]+{left if i and n_left else ''}",
            line,
        )
    # The clock is looked at once for each iteration, and at both ends.
    seconds = _progress.format_duration(len(losses) + 1)
    assert duration == f"{name}: 1 fit in {seconds}."
    assert end.startswith(f"Final loss {losses[-1]:.5g}; lowest loss {min(losses):.5g}")


# 2026-11: seven iterations of SketchMap do not converge, and say so.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator",
    [*ITERATIVE, *EMBEDDINGS, *WITHOUT_LOSS],
    ids=lambda e: type(e).__name__,
)
@HEYWOOD
def test_verbose_prints_the_same_lines(estimator, X, capsys, monkeypatch, ticking):
    assert capsys.readouterr().out == ""
    expected = logged(estimator, X, interval=5.0)
    assert capsys.readouterr().out == ""
    for verbose in (1, True, 2):
        fitted = clone(estimator).set_params(verbose=verbose).fit(X)
        assert capsys.readouterr().out.splitlines() == expected
    silent = clone(estimator).fit(X)
    assert capsys.readouterr() == ("", "")
    assert (fitted.score_samples(X) == silent.score_samples(X)).all()


def pipeline():
    return Pipeline(
        [
            ("scale", StandardScaler()),
            ("model", AETransformer(**SMALL)),
            ("classifier", KNeighborsClassifier()),
        ]
    )


def grid_search(n_jobs=None, **settings):
    grid = {"model__n_components": [1, 2]}
    return GridSearchCV(pipeline(), grid, cv=2, n_jobs=n_jobs, **settings)


def test_a_search_says_candidate_and_fold(ticking):
    X, y = load_iris(return_X_y=True)
    with warnings.catch_warnings():
        # scikit-learn's, that KNeighborsClassifier supports no callbacks, is ignored.
        warnings.simplefilter("error")
        *lines, duration, losses = logged(grid_search(), X, y)
    epochs = [line for line in lines if "epoch" in line]
    places = [re.match(r"(.*) epoch (\d)/3, loss", line).groups() for line in epochs]
    model = "AETransformer"
    assert places == [
        *[
            (f"candidate {i}/2, fold {j}/2, {model}", str(epoch))
            for i in (1, 2)
            for j in (1, 2)
            for epoch in (1, 2, 3)
        ],
        *[(f"refit, {model}", str(epoch)) for epoch in (1, 2, 3)],
    ]
    assert duration.startswith("GridSearchCV: 5 fits in ")
    assert "about" in epochs[1]
    assert re.fullmatch(r"Final loss \S+; lowest loss \S+ \(.* epoch \d/3\)\.", losses)


@pytest.mark.slow
def test_worker_processes_report_to_the_first(capsys):
    X, y = load_iris(return_X_y=True)
    *lines, duration, _ = logged(grid_search(n_jobs=2), X, y)
    found = [re.match(rf"{POSITION}AETransformer epoch", line) for line in lines]
    assert sum(map(bool, found)) == 4 * 3
    assert duration.startswith("GridSearchCV: 5 fits in ")
    assert capsys.readouterr() == ("", "")


def test_threads(X):
    mixture = GaussianMixture(random_state=0)
    search = GridSearchCV(mixture, {"n_components": [1, 2, 3]}, cv=5, n_jobs=4)
    from joblib import parallel_config

    with parallel_config("threading"):
        *lines, duration, _ = logged(search, X)
    assert duration.startswith("GridSearchCV: 16 fits in ")
    n_iterations = sum(bool(re.search("EM iteration", line)) for line in lines)
    assert n_iterations == len(lines) - 16 > 16


def test_a_search_without_losses():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1.0, 10.0]}, cv=2)
    *lines, duration = logged(search, X, y)
    assert re.match(POSITION + r"LogisticRegression lbfgs-iter 2/1001, ", lines[1])
    assert duration.startswith("GridSearchCV: 5 fits in ")


def test_verbose_in_a_search_says_where_it_is(X, capsys):
    mixture = GaussianMixture(verbose=1, random_state=0)
    search = GridSearchCV(mixture, {"n_components": [1, 2]}, cv=2)
    search.fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * 5
    assert re.search(r"\(fit 1/4, GaussianMixture EM iteration \d/100\)", lines[1])


def test_cross_validation_prints_each_fit(X, capsys):
    cross_val_score(PPCA(1, method="em").set_callbacks(ProgressLog()), X, cv=3)
    assert capsys.readouterr().out.count("PPCA: 1 fit in ") == 3


def test_a_fit_that_fails_is_interrupted(X, capsys):
    class Failing:
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    ae = AETransformer(**SMALL, verbose=1).set_callbacks(ProgressLog(), Failing())
    filters = list(warnings.filters)
    with pytest.raises(KeyboardInterrupt):
        ae.fit(X)
    interrupted = "AETransformer: interrupted, with 0 fits, after "
    assert capsys.readouterr().out.count(interrupted) == 2
    assert warnings.filters == filters
    assert set(vars(ae)) == {*ae.get_params(), "_skl_callbacks"}


def test_a_search_goes_on_after_a_fit_that_fails(X):
    search = GridSearchCV(PPCA(method="em"), {"n_components": [1, 99]}, cv=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, that fits failed
        *_, duration, _ = logged(search, X)
    assert duration.startswith("GridSearchCV: 3 fits in ")


def test_the_data_may_be_tiny():
    lines = logged(PPCA(0, method="em"), np.array([[1.0], [2.0]]))
    assert lines[-2].startswith("PPCA: 1 fit in ")


def test_clones_and_pickles(X, capsys):
    log = ProgressLog(interval=2.5, stream=io.StringIO())
    ppca = clone(PPCA(2, method="em").set_callbacks(log)).fit(X)
    assert "PPCA: 1 fit in " in log.stream.getvalue()
    again = pickle.loads(pickle.dumps(ppca)).fit(X)
    (copy,) = again._skl_callbacks
    assert (copy.interval, copy.stream) == (2.5, None)
    assert "PPCA: 1 fit in " in capsys.readouterr().out
    logger = logging.getLogger("sklatent-progress")
    assert pickle.loads(pickle.dumps(ProgressLog(stream=logger))).stream is logger


def test_bad_arguments():
    with pytest.raises(ValueError, match="interval == -1, must be >= 0"):
        ProgressLog(interval=-1)
    with pytest.raises(TypeError, match="interval must be an instance of"):
        ProgressLog(interval="1 s")
    with pytest.raises(TypeError, match="`stream` must be None, a logger or an object"):
        ProgressLog(stream="log.txt")


def test_fits_in_threads_leave_the_filters_of_warnings(X):
    """The fit that begins first ends first, as no nested one would."""
    begun, ended = threading.Event(), threading.Event()

    class Waiting:
        """Holds each fit until the other is where it has to be."""

        def __init__(self, here, there):
            self.here, self.there = here, there

        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            self.here.set()
            assert self.there.wait(60)

    def fit(callback):
        ppca = PPCA(1, method="em", max_iter=1, tol=0)
        with contextlib.suppress(ConvergenceWarning):
            ppca.set_callbacks(ProgressLog(stream=io.StringIO()), callback).fit(X)

    def first():
        fit(Waiting(threading.Event(), begun))
        ended.set()

    filters, listed = warnings.filters, list(warnings.filters)
    threads = [threading.Thread(target=first)]
    threads[0].start()
    for _ in range(1000):
        if warnings.filters is not filters:
            break
        time.sleep(0.01)
    threads += [threading.Thread(target=fit, args=[Waiting(begun, ended)])]
    threads[1].start()
    for thread in threads:
        thread.join()
    assert warnings.filters is filters
    assert warnings.filters == listed
