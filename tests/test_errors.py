"""What errors say of frequent mistakes: the way out, for all classes concerned."""

import copy
import inspect
import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LinearRegression
from sklearn.utils import get_tags

import sklatent.density
import sklatent.inspection
import sklatent.manifold
from sklatent.base import SklatentEstimator
from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, KernelDensity, KNeighborsDensity
from sklatent.dimension import PCASpectrum, TwoNN
from sklatent.manifold import MDS, UMAP, ClassicalMDS, Isomap, KernelPCA, SketchMap
from sklatent.neural import AETransformer, VAETransformer
from sklatent.utils import _advice
from tests.instances import INSTANCES, cheap

each_class = pytest.mark.parametrize("cls", INSTANCES, ids=lambda cls: cls.__name__)
X = np.random.default_rng(0).standard_normal((60, 4))


def default(cls):
    """The first instance: what a person constructs."""
    return clone(INSTANCES[cls][0])


def fitted(cls):
    return clone(cheap(cls)).fit(X)


# Rows


def with_nan():
    rows = X.copy()
    rows[3, 1] = np.nan
    return rows


@pytest.mark.parametrize(
    "cls",
    [c for c in INSTANCES if not get_tags(default(c)).input_tags.allow_nan],
    ids=lambda cls: cls.__name__,
)
def test_missing_entries_where_none_are_taken(cls):
    takers = "PPCA, FactorAnalysis, GaussianMixture and VAETransformer of sklatent"
    message = rf"{cls.__name__} takes no missing entries. LatentImputer .* {takers}"
    with pytest.raises(ValueError, match=message):
        default(cls).fit(with_nan())
    model = fitted(cls)
    for name in ("transform", "score_samples", "reconstruction_error"):
        if hasattr(model, name):
            with pytest.raises(ValueError, match=message):
                getattr(model, name)(with_nan())


def frame(column):
    return pd.DataFrame(X, columns=list("abcd")).assign(b=column)


def words(n):
    return ["setosa", "virginica"] * (n // 2)


@each_class
@pytest.mark.parametrize("kind", ["string", "category", "polars", "date", "duration"])
def test_columns_that_hold_no_numbers(cls, kind):
    n = len(X)
    table = {
        "string": lambda: frame(words(n)),
        "category": lambda: frame(pd.Categorical(words(n))),
        "polars": lambda: pl.from_pandas(frame(words(n))),
        "date": lambda: frame(pd.date_range("2020-01-01", periods=n)),
        "duration": lambda: frame(pd.to_timedelta(range(n), unit="D")),
    }[kind]()
    with pytest.raises((TypeError, ValueError)) as raised:
        default(cls).fit(table)
    message = str(raised.value)
    assert message.startswith("Column 'b' of X must hold numbers; got ")
    assert 'VAETransformer(likelihood="auto") of sklatent takes strings' in message
    other = "days since" if kind in ("date", "duration") else "OneHotEncoder"
    assert other in message


@each_class
@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4)])
def test_images_that_are_no_rows(cls, shape):
    images = np.random.default_rng(0).standard_normal((50, *shape))
    with pytest.raises(ValueError, match="Found array with dim") as raised:
        default(cls).fit(images)
    message = str(raised.value)
    assert "X must have one row for each image or matrix: X.reshape(len(X), -1)" in (
        message
    )
    has_shape = "image_shape" in cls().get_params()
    assert (f"set image_shape={shape}" in message) == has_shape
    if cls in (PCA, AETransformer):  # does what is said work?
        settings = {"image_shape": shape, "max_epochs": 1} if has_shape else {}
        cls(**settings).fit(images.reshape(len(images), -1))


# Methods


@each_class
def test_methods_that_other_classes_have(cls):
    estimator = default(cls)
    for name in _advice.METHODS:
        if hasattr(estimator, name):
            continue
        assert name not in dir(estimator) or hasattr(cls, name)
        with pytest.raises(AttributeError) as raised:
            getattr(estimator, name)
        assert raised.value.name == name
        assert raised.value.obj is estimator
        message = str(raised.value)
        assert message.startswith(f"{cls.__name__} has ")
        named = [c for c in INSTANCES if re.search(rf"\b{c.__name__}\b", message)]
        assert len(named) > 1 or "n_neighbors" in message


OF_SUBPACKAGES = {
    "the estimators of sklatent.manifold": sklatent.manifold,
    "the estimators of sklatent.density": sklatent.density,
    "the estimators of sklatent.neural": sklatent.neural,
}


@pytest.mark.parametrize(("name", "advice"), _advice.METHODS.items())
def test_who_has_a_method(name, advice):
    has = {cls.__name__ for cls in INSTANCES if hasattr(default(cls), name)}
    named = {
        cls.__name__ for cls in INSTANCES if re.search(rf"\b{cls.__name__}\b", advice)
    }
    for text, module in OF_SUBPACKAGES.items():
        if text in advice:
            classes = [getattr(module, public) for public in module.__all__]
            named |= {c.__name__ for c in classes if c in INSTANCES}
    # Scores and transformers that are meant for something else are not named.
    others = {
        cls.__name__
        for cls in INSTANCES
        if cls.__module__.split(".")[1]
        in ("decomposition", "manifold", "neural", "density")
    }
    others -= {"NormalScoreTransformer"}
    if name == "score_samples":
        others -= {"AETransformer", "ParametricEmbedding", *sklatent.manifold.__all__}
        named -= {"NormalScoreTransformer"}
    assert named <= has
    assert has & others <= named


def test_some_of_them():
    with pytest.raises(AttributeError, match=r"TwoNN.* only if n_neighbors is set"):
        TwoNN().transform(X)
    assert TwoNN(n_neighbors=20).fit(X).transform(X).shape == (len(X), 1)
    with pytest.raises(
        AttributeError, match=r"KNeighborsDensity has no sample. .*Kerne"
    ):
        KNeighborsDensity().sample()
    with pytest.raises(
        AttributeError, match=r"AETransformer has no sample. .*VAETrans"
    ):
        AETransformer().sample()
    with pytest.raises(AttributeError, match=r"KernelDensity has no impute. PPCA, "):
        KernelDensity().impute(X)


@pytest.mark.parametrize("cls", [TwoNN, PCASpectrum])
@pytest.mark.parametrize(
    "name", ["transform", "fit_transform", "get_feature_names_out"]
)
def test_local_estimates_need_n_neighbors(cls, name):
    assert not hasattr(cls(), name)
    with pytest.raises(AttributeError, match="only if n_neighbors is set"):
        getattr(cls(), name)
    assert hasattr(cls(n_neighbors=5), name)


@pytest.mark.parametrize("cls", [UMAP, ClassicalMDS, Isomap, KernelPCA, MDS, SketchMap])
def test_precomputed_distances_lead_to_no_rows(cls):
    name = "kernel" if cls is KernelPCA else "metric"
    estimator = cls(**{name: "precomputed"})
    assert not hasattr(estimator, "inverse_transform")
    with pytest.raises(AttributeError, match="never saw rows"):
        estimator.inverse_transform(X)


def test_other_attributes_fail_as_in_python():
    for estimator in (PPCA(), AETransformer()):
        with pytest.raises(AttributeError, match="object has no attribute 'mean_'"):
            estimator.mean_  # noqa: B018
        assert getattr(estimator, "sample_rows", 7) == 7
    with pytest.raises(AttributeError, match="no attribute '__array__'"):
        PPCA().__array__  # noqa: B018


def test_an_empty_instance_can_be_asked():
    """Copies and pickles look for methods before there is a parameter."""
    empty = AETransformer.__new__(AETransformer)
    assert not hasattr(empty, "sample")
    assert not hasattr(empty, "__setstate_cython__")
    assert not hasattr(TwoNN.__new__(TwoNN), "impute")
    model = PPCA().fit(X)
    for same in (
        copy.copy(model),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert (same.transform(X) == model.transform(X)).all()


# Parameters

LATENT = [cls for cls in INSTANCES if hasattr(cls, "_resolve_n_components")]


@pytest.mark.parametrize("cls", LATENT, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("value", [0.95, "mle"])
def test_shares_of_the_variance_are_for_pca(cls, value):
    if cls is PCA:
        cls(n_components=value).fit(X)
        return
    with pytest.raises(ValueError) as raised:
        cls(n_components=value).fit(X)
    message = str(raised.value)
    assert message.startswith(f"The 'n_components' parameter of {cls.__name__} must be")
    assert message.endswith(_ending())
    with pytest.raises(ValueError, match=r"Got -1 instead.$"):
        cls(n_components=-1).fit(X)


def _ending():
    return (
        "PCA takes a share of the variance, as PCA(n_components=0.95), or 'mle'. Here "
        "an estimator of the dimension may choose, such as PCASpectrum()."
    )


@each_class
def test_parameters_under_their_names_elsewhere(cls):
    parameters = cls().get_params()
    for name in _advice.PARAMETERS.keys() - parameters.keys():
        with pytest.raises(TypeError) as raised:
            cls(**{name: 1})
        message = str(raised.value)
        ours = [ours for ours in _advice.PARAMETERS[name] if ours in parameters]
        if ours:
            assert message == (
                f"{cls.__name__}.__init__() got an unexpected keyword argument "
                f"{name!r}; it is called {ours[0]} here."
            )
        else:  # in the words of Python
            assert f"argument '{name}'" in message or not parameters
            assert "here" not in message


@pytest.mark.parametrize("cls", [AETransformer, VAETransformer])
def test_parameters_of_networks(cls):
    for theirs, ours in {
        "latent_dim": "n_components",
        "epochs": "max_epochs",
        "max_iter": "max_epochs",
        "learning_rate": "lr",
        "hidden_dims": "hidden_layer_sizes",
        "seed": "random_state",
    }.items():
        with pytest.raises(TypeError, match=f"{theirs!r}; it is called {ours} here"):
            cls(**{theirs: 2})
    assert GaussianMixture(max_iter=3).max_iter == 3
    with pytest.raises(TypeError, match="'n_clusters'; it is called n_components here"):
        GaussianMixture(n_clusters=3)


@pytest.mark.parametrize(
    "cls",
    [c for c in INSTANCES if default(c).get_params()],  # others have no __init__
    ids=lambda cls: cls.__name__,
)
def test_signatures_are_those_that_are_written(cls):
    """No wrapper is seen by `help`, Sphinx or `clone`."""
    parameters = inspect.signature(cls).parameters
    assert list(parameters) == list(inspect.signature(cls.__init__).parameters)[1:]
    assert all(p.kind is not p.VAR_KEYWORD for p in parameters.values())
    assert set(default(cls).get_params(deep=False)) <= set(parameters)


def test_classes_of_users():
    class Mine(PPCA):
        def __init__(self, n_components=1, *, seed=None, **others):
            super().__init__(n_components, **others)
            self.seed = seed

    assert Mine(seed=3).seed == 3
    with pytest.raises(TypeError, match="it is called max_iter here"):
        Mine(epochs=3)

    class Nothing(SklatentEstimator):
        def fit(self, X, y=None):
            return self

    with pytest.raises(TypeError):
        Nothing(seed=3)


# Devices


@pytest.mark.parametrize("cls", [AETransformer, VAETransformer])
def test_devices_that_are_not_there(cls, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for built, why in (
        (False, f"This PyTorch, {torch.__version__}, was built without CUDA."),
        (True, "PyTorch finds no GPU with CUDA; see nvidia-smi for its driver."),
    ):
        monkeypatch.setattr(torch.backends.cuda, "is_built", lambda built=built: built)
        for device in ("cuda", "cuda:1"):
            with pytest.raises(ValueError, match="device must be") as raised:
                cls(device=device, max_epochs=1).fit(X)
            assert str(raised.value).endswith(why)
    for device in ("mps", "xpu", "tpu"):
        with pytest.raises(ValueError, match="device must be") as raised:
            cls(device=device, max_epochs=1).fit(X)
        assert "CPUs and on GPUs with CUDA only" in str(raised.value)


# Displays

DISPLAYS = [
    getattr(sklatent.inspection, name)
    for name in sklatent.inspection.__all__
    if hasattr(getattr(sklatent.inspection, name), "from_estimator")
]


def draw(display, estimator):
    takes_rows = "X" in inspect.signature(display.from_estimator).parameters
    return display.from_estimator(estimator, *[X[:, :2]] * takes_rows)


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: display.__name__)
def test_displays_say_what_they_take(display):
    plt = pytest.importorskip("matplotlib.pyplot")
    names = {cls.__name__ for cls in INSTANCES}
    estimators = [clone(cheap(cls)).fit(X[:, :2]) for cls in INSTANCES]
    estimators += [
        TruncatedSVD(1).fit(X[:, :2]),
        LinearRegression().fit(X[:, :2], X[:, 2]),
        PPCA,
        None,
        "PCA",
        X,
    ]
    n_refused = 0
    for estimator in estimators:
        try:
            draw(display, estimator)
        except TypeError as error:
            n_refused += 1
            message = str(error)
            assert message.startswith("`estimator` must ")
            taken = message.split("such as ")[1].split("; got")[0]
            assert "sklatent." in taken or len([n for n in names if n in taken]) > 1
        except ValueError:
            pass  # of the right kind, with other settings
        plt.close("all")
    assert n_refused > 4


def test_spectra_are_of_linear_models():
    pytest.importorskip("matplotlib")
    for cls in (VAETransformer, KernelPCA, Isomap):
        with pytest.raises(
            TypeError, match="linear model, such as PCA, PPCA, FactorAna"
        ):
            sklatent.inspection.SpectrumDisplay.from_estimator(fitted(cls))
    for cls in (PCA, PPCA, FactorAnalysis, PCASpectrum):
        sklatent.inspection.SpectrumDisplay.from_estimator(fitted(cls))
