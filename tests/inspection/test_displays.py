"""What all displays promise: scikit-learn's convention, and a late matplotlib."""

import builtins
import inspect
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

from sklatent import inspection
from sklatent.datasets import make_ball
from sklatent.decomposition import PCA, FactorAnalysis
from sklatent.density import GaussianMixture
from sklatent.dimension import Gride
from sklatent.inspection import (
    DensityDisplay,
    DimensionDisplay,
    EmbeddingDisplay,
    LatentSpaceDisplay,
    ReconstructionDisplay,
    SpectrumDisplay,
    TrainingDisplay,
)
from sklatent.manifold import ClassicalMDS

X, _ = make_ball(200, dimension=2, n_features=6, noise=0.1, random_state=0)

# Each with an estimator and what else `from_estimator` takes.
CASES = {
    DensityDisplay: (GaussianMixture(2, random_state=0), [X[:, :2]]),
    DimensionDisplay: (Gride(), []),
    EmbeddingDisplay: (ClassicalMDS(2), [X]),
    LatentSpaceDisplay: (PCA(2), [X]),
    ReconstructionDisplay: (PCA(2), [X]),
    SpectrumDisplay: (PCA(2), []),
    TrainingDisplay: (FactorAnalysis(2), []),
}
displays = pytest.mark.parametrize("display", CASES)


def fitted(display):
    """An estimator fitted to what is drawn, and what else there is to give."""
    estimator, rest = CASES[display]
    return estimator.fit(*(rest or [X])), rest


def from_estimator(display, **options):
    estimator, rest = fitted(display)
    return display.from_estimator(estimator, *rest, **options)


def test_every_display_has_a_case():
    assert {display.__name__ for display in CASES} == set(inspection.__all__)


@displays
def test_makes_a_figure(display):
    made = from_estimator(display)
    assert isinstance(made, display)
    assert made.ax_.figure is made.figure_
    assert plt.gcf() is made.figure_


@displays
def test_draws_on_given_axes(display):
    left, right = Figure().subplots(1, 2)
    made = from_estimator(display, ax=right)
    assert made.ax_ is right
    assert made.figure_ is right.figure
    assert right.has_data()
    assert not left.has_data()
    assert not plt.get_fignums()


@displays
def test_plot_returns_self_and_can_be_repeated(display):
    made = from_estimator(display)
    first, numbers = made.ax_, display_arguments(made)
    ax = Figure().subplots()
    assert made.plot(ax=ax) is made
    assert made.ax_ is ax is not first
    for name, value in display_arguments(made).items():
        assert value is numbers[name]


@displays
def test_numbers_alone_make_the_same_picture(display):
    made = from_estimator(display)
    again = display(**display_arguments(made)).plot()
    again.figure_.canvas.draw()
    made.figure_.canvas.draw()
    np.testing.assert_array_equal(
        np.asarray(made.figure_.canvas.buffer_rgba()),
        np.asarray(again.figure_.canvas.buffer_rgba()),
    )


def display_arguments(display):
    """Arguments of the constructor, which are attributes of the same names."""
    names = inspect.signature(type(display)).parameters
    return {name: getattr(display, name) for name in names}


@displays
def test_axes_are_labelled(display):
    made = from_estimator(display)
    assert made.ax_.get_xlabel()
    assert made.ax_.get_ylabel() or list(made.ax_.get_yticklabels())


@displays
def test_an_estimator_must_be_fitted(display):
    estimator, rest = CASES[display]
    with pytest.raises(NotFittedError):
        display.from_estimator(type(estimator)(), *rest)


@displays
def test_what_the_picture_needs_is_named(display):
    """A fitted estimator of another kind: the message names one that would do."""
    from sklearn.linear_model import LinearRegression

    other = LinearRegression().fit(X, X[:, 0])
    _, rest = fitted(display)
    with pytest.raises(TypeError, match=r"`estimator` must .*LinearRegression"):
        display.from_estimator(other, *rest)


@displays
def test_matplotlib_missing(display, monkeypatch):
    """The message says which extra to install."""
    estimator, rest = fitted(display)
    real_import = builtins.__import__

    def no_matplotlib(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    with pytest.raises(ImportError, match=r"pip install .*\[plot\]"):
        display.from_estimator(estimator, *rest)


@pytest.mark.slow
def test_import_is_light():
    """Neither matplotlib nor torch is loaded before a picture is drawn."""
    code = (
        "import sys, sklatent.inspection as i; [getattr(i, n) for n in i.__all__]; "
        "print({'matplotlib', 'torch', 'skorch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_attributes_are_documented():
    """Each attribute that `plot` sets stands in the docstring."""
    for display in CASES:
        made = from_estimator(display)
        for name in vars(made):
            assert name in display.__doc__, (display.__name__, name)
