"""What every public estimator must do: scikit-learn's checks and the contracts.

The table of expected failures is empty and stays so.
"""

import contextlib
import inspect
import pickle
import re
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import sklatent
from sklatent.base import DimensionMixin, LatentModelMixin, ScoreMixin
from sklatent.decomposition import FactorAnalysis
from sklatent.density import KernelDensity, KNeighborsDensity
from sklatent.dimension import (
    ESS,
    DANCo,
    Gride,
    LevinaBickel,
    NeighborScaling,
    PCASpectrum,
    TwoNN,
)
from sklatent.exceptions import (
    DisconnectedGraphWarning,
    DiscreteDataWarning,
    DuplicateRowsWarning,
    FarRowsWarning,
    FewRowsWarning,
    HeywoodWarning,
    InconsistentVersionWarning,
    RankDeficientWarning,
)
from sklatent.manifold import TSNE, UMAP, DiffusionMap, Isomap
from sklatent.utils.discovery import all_estimators
from tests.instances import COMPOSED, IMAGE_INSTANCES, INSTANCES, cheap

FOR_TABLES = [estimator for group in INSTANCES.values() for estimator in group]
ESTIMATORS = [*FOR_TABLES, *IMAGE_INSTANCES]
EXPECTED_FAILED_CHECKS = {}

# 2026-11: the rows of the tests here are clusters, which graphs of neighbors separate.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklatent.exceptions.DisconnectedGraphWarning"
)

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
each_for_tables = pytest.mark.parametrize("estimator", FOR_TABLES, ids=repr)
each_class = pytest.mark.parametrize("cls", INSTANCES, ids=lambda cls: cls.__name__)
each_latent = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if isinstance(e, LatentModelMixin)], ids=repr
)
each_scored = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if isinstance(e, ScoreMixin)], ids=repr
)
each_latent_class = pytest.mark.parametrize(
    "cls",
    [cls for cls in INSTANCES if issubclass(cls, LatentModelMixin)],
    ids=lambda cls: cls.__name__,
)
each_transformer = pytest.mark.parametrize(
    "estimator", [e for e in FOR_TABLES if hasattr(e, "transform")], ids=repr
)
each_dimension = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if isinstance(e, DimensionMixin)], ids=repr
)
each_generative = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if hasattr(e, "sample")], ids=repr
)

# 2026-11: what classes have to warn of, in the small tables of scikit-learn's checks
# and those here: one factor is a Heywood case more often than not; iris has equal rows,
# and is rounded to a millimeter; some have fewer rows than default neighborhoods, or
# deficient rank, of which whitening warns.
OF_NEIGHBORS = (DuplicateRowsWarning, DiscreteDataWarning)
MUTED = {
    DANCo: (*OF_NEIGHBORS, FewRowsWarning),
    ESS: (DuplicateRowsWarning, FewRowsWarning),
    DiffusionMap: (DisconnectedGraphWarning, FewRowsWarning, RankDeficientWarning),
    FactorAnalysis: (HeywoodWarning,),
    Gride: OF_NEIGHBORS,
    Isomap: (
        *OF_NEIGHBORS,
        DisconnectedGraphWarning,
        FarRowsWarning,
        FewRowsWarning,
        RankDeficientWarning,
    ),
    KNeighborsDensity: OF_NEIGHBORS,
    KernelDensity: (FewRowsWarning, RankDeficientWarning),
    LevinaBickel: (*OF_NEIGHBORS, FewRowsWarning),
    NeighborScaling: (*OF_NEIGHBORS, FewRowsWarning),
    PCASpectrum: (DuplicateRowsWarning,),
    TSNE: (FarRowsWarning, FewRowsWarning, RankDeficientWarning),
    TwoNN: OF_NEIGHBORS,
    UMAP: (*OF_NEIGHBORS, FarRowsWarning, FewRowsWarning),
}


@contextlib.contextmanager
def muted(cls):
    """Without the warnings that are meant here of one class; others stay errors."""
    with warnings.catch_warnings():
        for category in MUTED.get(cls, ()):
            warnings.simplefilter("ignore", category)
        yield


# Checks that scikit-learn runs on its own estimators only, and on transformers.
OWN_CHECKS = [
    "check_param_validation",
    "check_dataframe_column_names_consistency",
]
OWN_TRANSFORMER_CHECKS = [
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
]


@pytest.fixture
def X():
    return make_blobs(60, n_features=4, centers=3, random_state=0)[0] + 50.0


def row_outputs(estimator, X):
    """Every array with a row per row of X that a fitted estimator gives."""
    outputs = {
        name: getattr(estimator, name)(X)
        for name in ("transform", "score_samples", "reconstruction_error")
        if hasattr(estimator, name)
    }
    if hasattr(estimator, "inverse_transform"):
        outputs["inverse_transform"] = estimator.inverse_transform(outputs["transform"])
    if hasattr(estimator, "posterior"):  # whose covariance rows may share
        outputs["posterior mean"] = estimator.posterior(X)[0]
    if hasattr(estimator, "elbo"):
        outputs |= {f"elbo[{i}]": part for i, part in enumerate(estimator.elbo(X))}
    return outputs


def test_every_public_estimator_is_checked():
    checked = {*INSTANCES, *map(type, COMPOSED)}
    assert [cls for _, cls in all_estimators()] == sorted(
        checked, key=lambda cls: cls.__name__
    )
    assert EXPECTED_FAILED_CHECKS == {}


@each_class
def test_what_a_person_constructs_comes_first(cls):
    assert repr(INSTANCES[cls][0]) == f"{cls.__name__}()"


@pytest.mark.parametrize(("name", "cls"), all_estimators())
def test_importable_from_the_top(name, cls):
    assert getattr(sklatent, name) is cls
    assert name in dir(sklatent)


@parametrize_with_checks(FOR_TABLES)
def test_sklearn_checks(estimator, check):
    with muted(type(estimator)):
        check(estimator)


# 2026-11: the set_output checks themselves give arrays to estimators fitted on
# data frames, on which scikit-learn warns.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@each_for_tables
@pytest.mark.parametrize("check", OWN_CHECKS)
def test_sklearn_own_checks(estimator, check):
    with muted(type(estimator)):
        getattr(estimator_checks, check)(type(estimator).__name__, estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@each_transformer
@pytest.mark.parametrize("check", OWN_TRANSFORMER_CHECKS)
def test_sklearn_own_transformer_checks(estimator, check):
    with muted(type(estimator)):
        getattr(estimator_checks, check)(type(estimator).__name__, estimator)


@each_estimator
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_outputs_finite_and_of_the_input_precision(estimator, dtype, X):
    X = X.astype(dtype)
    for name, output in row_outputs(clone(estimator).fit(X), X).items():
        assert np.isfinite(output).all(), name
        assert output.dtype == dtype, name
        assert len(output) == len(X), name


@each_estimator
def test_a_row_does_not_depend_on_the_others(estimator, X):
    fitted = clone(estimator).fit(X)
    together = row_outputs(fitted, X)
    alone = row_outputs(fitted, X[5:6])
    backwards = row_outputs(fitted, X[::-1])
    for name, output in together.items():
        np.testing.assert_allclose(alone[name], output[5:6], rtol=1e-7, err_msg=name)
        np.testing.assert_allclose(
            backwards[name], output[::-1], rtol=1e-7, atol=1e-9, err_msg=name
        )


@each_latent
def test_latent_contract(estimator, X):
    fitted = clone(estimator).fit(X)
    Z = fitted.transform(X)
    assert Z.shape == (60, fitted.n_components_)
    residual = X - fitted.inverse_transform(Z)
    np.testing.assert_allclose(
        fitted.reconstruction_error(X), (residual**2).sum(axis=1), rtol=1e-12
    )
    with pytest.raises(ValueError, match=r"n_components_=\d columns; got 7"):
        fitted.inverse_transform(np.zeros((2, 7)))


@each_scored
def test_score_is_the_mean_of_score_samples(estimator, X):
    fitted = clone(estimator).fit(X)
    score = fitted.score(X)
    assert type(score) is float
    np.testing.assert_allclose(score, fitted.score_samples(X).mean(), rtol=1e-12)


@each_generative
def test_sample_contract(estimator, X):
    fitted = clone(estimator).fit(X)
    assert fitted.sample().shape == (1, 4)
    draws = fitted.sample(7, random_state=3)
    np.testing.assert_array_equal(draws, fitted.sample(7, random_state=3))
    assert not np.array_equal(draws, fitted.sample(7, random_state=4))
    assert np.isfinite(fitted.score_samples(draws)).all()
    with pytest.raises(ValueError, match="n_samples"):
        fitted.sample(0)


@each_estimator
@pytest.mark.parametrize("dump", ["pickle", "joblib"])
def test_pickled_estimator_gives_the_same(estimator, dump, X, tmp_path):
    fitted = clone(estimator).fit(X)
    if dump == "pickle":
        loaded = pickle.loads(pickle.dumps(fitted))
    else:
        joblib.dump(fitted, tmp_path / "estimator")
        loaded = joblib.load(tmp_path / "estimator", mmap_mode="r")
    before, after = row_outputs(fitted, X), row_outputs(loaded, X)
    for name, output in before.items():
        np.testing.assert_array_equal(after[name], output, err_msg=name)


@each_class
@pytest.mark.parametrize("how", ["fit", "partial_fit", "warm_start"])
def test_what_fails_changes_nothing(cls, how, X):
    """Neither the attributes, nor what they hold."""
    fitted = clone(cheap(cls))
    method = "partial_fit" if how == "partial_fit" else "fit"
    if not hasattr(fitted, method):
        return
    if how == "warm_start":
        if how not in fitted.get_params():
            return
        fitted.set_params(warm_start=True)
    getattr(fitted, method)(X)
    before, said = dict(vars(fitted)), row_outputs(fitted, X)
    bad = [X[0], np.where(X[3, 1] == X, np.inf, X), pd.DataFrame(X).astype(str) + "m"]
    if how != "fit":
        bad.append(X[:, :3])
    for rows in bad:
        with pytest.raises(ValueError, match=r"X|array|features"):
            getattr(fitted, method)(rows)
        assert vars(fitted).keys() == before.keys()
        assert all(vars(fitted)[name] is value for name, value in before.items())
    for name, output in row_outputs(fitted, X).items():
        np.testing.assert_array_equal(output, said[name], err_msg=name)


@each_class
def test_another_version_warns_at_unpickling(cls, X, monkeypatch):
    dumped = pickle.dumps(clone(cheap(cls)).fit(X))
    monkeypatch.setattr("sklatent.base.__version__", "99.0")
    written_by = re.escape(sklatent.__version__)
    with pytest.warns(InconsistentVersionWarning, match=rf"{written_by}.*99\.0"):
        pickle.loads(dumped)


@each_latent_class
def test_grid_search_on_its_own_score(cls, X):
    estimator = cheap(cls)
    pipeline = make_pipeline(StandardScaler(), clone(estimator))
    name = f"{cls.__name__.lower()}__n_components"
    search = GridSearchCV(pipeline, {name: [1, 2]}, cv=3, error_score="raise")
    with muted(cls):
        search.fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.transform(X).shape == (60, search.best_params_[name])


class FixedDimension:
    """An estimator of the dimension that says 2.6 whatever it sees."""

    def __init__(self, dimension=2.6):
        self.dimension = dimension

    def get_params(self, deep=True):
        return {"dimension": self.dimension}

    def set_params(self, **params):
        vars(self).update(params)
        return self

    def fit(self, X, y=None):
        self.dimension_ = self.dimension
        return self


@each_latent_class
def test_n_components_from_a_dimension_estimator(cls, X):
    dimension = FixedDimension()
    fitted = clone(cheap(cls)).set_params(n_components=dimension).fit(X)
    assert fitted.n_components_ == 3
    assert fitted.transform(X).shape == (60, 3)
    assert not hasattr(dimension, "dimension_"), "the parameter itself was fitted"
    estimator = clone(cheap(cls)).set_params(n_components=FixedDimension(0.2))
    with muted(cls):
        assert estimator.fit(X).n_components_ == 1
    with pytest.raises(ValueError, match="whose fitted `dimension_` is finite"):
        estimator.set_params(n_components=FixedDimension(np.nan)).fit(X)
    with pytest.raises(ValueError, match="whose fitted `dimension_` is finite"):
        estimator.set_params(n_components=StandardScaler()).fit(X)


@each_dimension
def test_dimension_contract(estimator, X):
    fitted = clone(estimator).fit(X)
    assert type(fitted.dimension_) is float
    assert type(fitted.dimension_std_) is float
    assert np.isfinite([fitted.dimension_, fitted.dimension_std_]).all()
    assert fitted.dimension_std_ >= 0
    low, high = fitted.confidence_interval_
    assert 0 < low <= fitted.dimension_ <= high
    narrow = clone(estimator).set_params(confidence_level=0.5).fit(X)
    assert narrow.dimension_ == fitted.dimension_
    assert np.ptp(narrow.confidence_interval_) <= high - low
    if hasattr(fitted, "transform"):
        local = fitted.transform(X)
        assert local.shape == (60, 1)
        # A row that was seen is not its own neighbor.
        np.testing.assert_allclose(local[:, 0], fitted.local_dimension_, rtol=1e-7)
    repeated = clone(estimator)
    with pytest.warns(DuplicateRowsWarning, match="60 of 120 rows"):
        repeated.fit(np.vstack([X, X[::-1]]))
    assert repeated.n_duplicates_ == 60
    np.testing.assert_allclose(repeated.dimension_, fitted.dimension_, rtol=1e-12)


@each_dimension
def test_dimension_in_any_unit_and_place(estimator, X):
    """Shifts by multiples of the rounding of the data, so that nothing is lost."""
    X = np.round(X * 2**20) / 2**20
    dimension = clone(estimator).fit(X).dimension_
    for scale in (2.0**-500, 2.0**498):
        scaled = clone(estimator).fit(X * scale).dimension_
        np.testing.assert_allclose(scaled, dimension, rtol=1e-9)
    moved = clone(estimator).fit(X + 2.0**26).dimension_
    np.testing.assert_allclose(moved, dimension, rtol=1e-9)
    padded = clone(estimator).fit(np.pad(X, ((0, 0), (0, 2)))).dimension_
    np.testing.assert_allclose(padded, dimension, rtol=1e-9)


@each_dimension
def test_dimension_of_bad_input(estimator):
    with pytest.raises(ValueError, match="distinct"), muted(type(estimator)):
        clone(estimator).fit(np.ones((50, 3)))
    with pytest.raises(ValueError, match=r"n_samples=2|with 2 sample\(s\)"):
        clone(estimator).fit([[0.0, 1.0], [1.0, 0.0]])


@each_estimator
def test_input_is_never_written_to(estimator, X):
    for dtype in (np.float64, np.float32):
        given = X.astype(dtype)
        kept = given.copy()
        row_outputs(clone(estimator).fit(given), given)
        np.testing.assert_array_equal(given, kept)


@each_estimator
def test_notebook_display(estimator, X):
    fitted = clone(estimator).fit(pd.DataFrame(X, columns=list("abcd")))
    html = fitted._repr_html_()
    module = f"sklatent.{type(fitted).__module__.split('.')[1]}"
    assert f"{module}.{type(fitted).__name__}.html" in html
    properties = [
        name
        for name, _ in inspect.getmembers(
            type(fitted), lambda member: isinstance(member, property)
        )
        if name.endswith("_") and not name.startswith("_")
    ]
    assert not properties, "fitted attributes are plain attributes"


@each_class
def test_docstring_defaults_are_the_signature(cls):
    documented = {
        p.name: re.search(r"default=(.*)$", p.type).group(1)
        for p in ClassDoc(cls)["Parameters"]
    }
    signature = {
        name: str(p.default) if not isinstance(p.default, str) else f'"{p.default}"'
        for name, p in inspect.signature(cls).parameters.items()
    }
    assert documented == signature


@each_class
def test_fitted_attributes_are_the_documented_ones(cls, X):
    """Some are there with some parameters only."""
    X = pd.DataFrame(X, columns=list("abcd"))
    names = {name for e in INSTANCES[cls] for name in vars(clone(e).fit(X))}
    attributes = {n for n in names if n.endswith("_") and not n.startswith("_")}
    assert attributes == {p.name for p in ClassDoc(cls)["Attributes"]}


@each_class
def test_methods_take_no_metadata_but_weights(cls):
    """Each argument beyond X and y would become a request to route metadata."""
    requests = {name for name in dir(cls) if re.fullmatch("set_.*_request", name)}
    assert requests <= {"set_fit_request", "set_partial_fit_request"}
    assert not requests or "sample_weight" in inspect.signature(cls.fit).parameters


@each_class
def test_methods_of_what_is_not_fitted_say_so(cls, X):
    for name, method in inspect.getmembers(cls(), inspect.ismethod):
        # Those that fit, scaling with estimators of its own, or need no fit.
        if name.startswith(("_", "fit", "partial_fit", "scaling", "set_")):
            continue
        if name in ("get_metadata_routing", "get_params", "load"):
            continue
        parameters = inspect.signature(method).parameters.values()
        needed = [p for p in parameters if p.default is p.empty]
        with pytest.raises(NotFittedError, match=cls.__name__):
            method(*[X] * len(needed))


@each_class
def test_tags(cls):
    tags = get_tags(cheap(cls))
    if hasattr(cheap(cls), "transform"):
        assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    assert not tags.non_deterministic
