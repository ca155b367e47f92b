import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, KNeighborsDensity
from sklatent.inspection import TrainingDisplay
from sklatent.neural import AETransformer, VAETransformer

X = load_iris().data
DIGITS = load_digits().data[:, 10:50]
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0}


def test_losses_are_those_of_history():
    ae = AETransformer(**SMALL, max_epochs=4).fit(X)
    display = TrainingDisplay.from_estimator(ae)
    x, y = display.lines_["train"].get_data()
    np.testing.assert_array_equal(x, [1, 2, 3, 4])
    np.testing.assert_array_equal(y, ae.history_["train_loss"])
    assert list(display.lines_) == ["train"]
    assert display.best_line_ is None
    assert "nats" not in display.ax_.get_ylabel()


@pytest.mark.parametrize("warmup_epochs", [0, 6, "auto"])
def test_marked_epoch_has_the_parameters(warmup_epochs):
    """Training anew for as many epochs gives the networks that were kept."""
    settings = {
        **SMALL,
        "early_stopping": True,
        "lr": 0.05,
        "lr_schedule": "constant",  # others depend on the number of epochs
    }
    stopped = VAETransformer(
        **settings, warmup_epochs=warmup_epochs, max_epochs=40, n_iter_no_change=3
    ).fit(X)
    display = TrainingDisplay.from_estimator(stopped)
    best = display.best_step
    n_warmup = 20 if warmup_epochs == "auto" else warmup_epochs
    assert n_warmup < best < stopped.n_iter_
    np.testing.assert_array_equal(display.best_line_.get_xdata(), [best, best])
    short = VAETransformer(
        **settings, warmup_epochs=n_warmup, max_epochs=best, n_iter_no_change=99
    ).fit(X)
    np.testing.assert_array_equal(short.transform(X), stopped.transform(X))
    assert "nats" in display.ax_.get_ylabel()


def test_no_mark_after_partial_fit():
    ae = AETransformer(**SMALL, max_epochs=3, early_stopping=True).fit(X)
    assert TrainingDisplay.from_estimator(ae).best_step is not None
    display = TrainingDisplay.from_estimator(ae.partial_fit(X))
    assert display.best_step is None
    assert [len(line.get_xdata()) for line in display.lines_.values()] == [4, 3]


@pytest.mark.parametrize(
    ("estimator", "attribute", "first"),
    [
        (FactorAnalysis(3), "log_likelihood_history_", 0),
        (PPCA(2, method="em", tol=1e-3, random_state=0), "log_likelihood_history_", 0),
        (GaussianMixture(3, random_state=0), "lower_bounds_", 1),
    ],
)
def test_likelihood_of_em(estimator, attribute, first):
    estimator.fit(DIGITS)
    display = TrainingDisplay.from_estimator(estimator)
    x, y = display.lines_["train"].get_data()
    np.testing.assert_array_equal(y, getattr(estimator, attribute))
    assert (x[0], x[-1]) == (first, estimator.n_iter_)
    assert display.ax_.get_xlabel() == "iteration"


def test_closed_form_has_no_curve():
    with pytest.raises(ValueError, match="in 1 step"):
        TrainingDisplay.from_estimator(PPCA(2).fit(X))


def test_no_record():
    density = KNeighborsDensity().fit(X)
    with pytest.raises(TypeError, match="KNeighborsDensity, which has none"):
        TrainingDisplay.from_estimator(density)
