"""The page for those who come from scikit-learn leaves no difference out.

It is compared with the signatures, attributes and methods of the installed versions.
"""

import inspect
import re
from pathlib import Path

import pytest
import sklearn.decomposition
import sklearn.manifold
import sklearn.mixture
import sklearn.neighbors
from sklearn.datasets import load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.neural_network import MLPRegressor
from skorch import NeuralNet

import sklatent

# 2026-11: Isomap, theirs and ours, of the wines, whose graph is in two pieces.
pytestmark = [
    pytest.mark.scikit_learn_1_9,
    pytest.mark.filterwarnings("ignore:The number of connected components"),
    pytest.mark.filterwarnings("ignore:Changing the sparsity structure"),
    # 2026-11: MDS of scikit-learn 1.9, whose default will be ours.
    pytest.mark.filterwarnings("ignore:The default value of `init` will change"),
]

PAGE = Path(__file__).parents[1] / "doc" / "from_scikit_learn.rst"
IMPUTERS = "IterativeImputer and KNNImputer"

# Section of the page, their class, ours.
SAME_NAME = [
    ("PCA", sklearn.decomposition.PCA, sklatent.PCA),
    (
        "FactorAnalysis",
        sklearn.decomposition.FactorAnalysis,
        sklatent.FactorAnalysis,
    ),
    ("GaussianMixture", sklearn.mixture.GaussianMixture, sklatent.GaussianMixture),
    ("KernelDensity", sklearn.neighbors.KernelDensity, sklatent.KernelDensity),
    ("Isomap", sklearn.manifold.Isomap, sklatent.Isomap),
    # scikit-learn has it from 1.8 on.
    (
        "ClassicalMDS",
        getattr(sklearn.manifold, "ClassicalMDS", None),
        sklatent.ClassicalMDS,
    ),
    ("MDS", sklearn.manifold.MDS, sklatent.MDS),
    ("TSNE", sklearn.manifold.TSNE, sklatent.TSNE),
    ("KernelPCA", sklearn.decomposition.KernelPCA, sklatent.KernelPCA),
]
OTHERS = [
    ("MLPRegressor", MLPRegressor, sklatent.AETransformer),
    ("MLPRegressor", MLPRegressor, sklatent.VAETransformer),
    (IMPUTERS, IterativeImputer, sklatent.PPCA),
    (IMPUTERS, KNNImputer, sklatent.PPCA),
    ("skorch.NeuralNet", NeuralNet, sklatent.AETransformer),
    ("skorch.NeuralNet", NeuralNet, sklatent.VAETransformer),
]
# What scikit-learn's machinery gives a class.
MACHINERY = re.compile(r"set_\w+_request|get_metadata_routing")

every_pair = pytest.mark.parametrize(
    ("section", "theirs", "ours"),
    SAME_NAME + OTHERS,
    ids=lambda value: getattr(value, "__name__", None),
)
same_name = pytest.mark.parametrize(("section", "theirs", "ours"), SAME_NAME)


def text_of(section):
    """Text of a section, of which the page must have one."""
    title = rf"^{re.escape(section)}\n-{{{len(section)}}}\n"
    _, text = re.split(title, PAGE.read_text(), flags=re.MULTILINE)
    return re.split(r"^.+\n-{3,}\n", text, maxsplit=1, flags=re.MULTILINE)[0]


def named(section):
    """Names that the section has in backquotes."""
    return set(re.findall(r"(?<!`)`([\w.]+)", text_of(section)))


def rows_of(section, name):
    """Rows of the section's tables that are about a name, with their cells."""
    rows = re.split(r"^   \* - ", text_of(section), flags=re.MULTILINE)[1:]
    return [row for row in rows if f"`{name}`" in row.splitlines()[0]]


def defaults(estimator):
    parameters = inspect.signature(estimator).parameters.values()
    return {p.name: p.default for p in parameters if p.name != "self"}


def public(estimator):
    """Public attributes and methods when fitted, without the parameters."""
    given = {"n_components": 1} if "n_components" in defaults(estimator) else {}
    fitted = estimator(**given).fit(load_wine().data)
    names = {name for name in dir(fitted) if not name.startswith("_")}
    names = {name for name in names if not MACHINERY.fullmatch(name)}
    return names - fitted.get_params().keys()


@every_pair
def test_names_absent_parameters(section, theirs, ours):
    absent = defaults(theirs).keys() - defaults(ours).keys()
    assert absent <= named(section)


@every_pair
def test_states_defaults_that_differ(section, theirs, ours):
    before, after = defaults(theirs), defaults(ours)
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            (row,) = rows_of(section, name)
            for value in (before[name], after[name]):
                assert f"`{getattr(value, '__name__', repr(value))}`" in row


@same_name
def test_names_every_parameter(section, theirs, ours):
    assert defaults(theirs).keys() | defaults(ours).keys() <= named(section)


@same_name
def test_names_attributes_and_methods_that_differ(section, theirs, ours):
    assert public(theirs) ^ public(ours) <= named(section) | named("All of them")


@same_name
def test_claims_of_completeness(section, theirs, ours):
    absent = defaults(theirs).keys() - defaults(ours).keys()
    text = " ".join(text_of(section).split())
    assert ("Every parameter is there" in text) == (not absent)
    lost = public(theirs) - public(ours)
    assert ("No method and no attribute is absent" in text) == (not lost)
    before, after = defaults(theirs), defaults(ours)
    changed = [n for n in before.keys() & after.keys() if before[n] != after[n]]
    assert ("no default differs" in text.lower()) == (not changed)
