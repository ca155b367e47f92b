"""What every public estimator must do: scikit-learn's checks and the contracts.

The table of expected failures is empty and stays so.
"""

import inspect
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import sklatent
from sklatent.exceptions import InconsistentVersionWarning
from sklatent.utils.discovery import all_estimators
from tests.instances import INSTANCES

ESTIMATORS = [estimator for group in INSTANCES.values() for estimator in group]
EXPECTED_FAILED_CHECKS = {}

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
each_class = pytest.mark.parametrize("cls", INSTANCES, ids=lambda cls: cls.__name__)
each_generative = pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if hasattr(e, "sample")], ids=repr
)

# 2026-11: one factor for tables of a few rows and columns, as the checks have them,
# is a Heywood case more often than not; of that FactorAnalysis has to warn.
pytestmark = pytest.mark.filterwarnings("ignore::sklatent.exceptions.HeywoodWarning")

# Checks that scikit-learn runs on its own estimators only.
OWN_CHECKS = [
    "check_param_validation",
    "check_dataframe_column_names_consistency",
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
    assert [cls for _, cls in all_estimators()] == sorted(
        INSTANCES, key=lambda cls: cls.__name__
    )
    assert EXPECTED_FAILED_CHECKS == {}


@pytest.mark.parametrize(("name", "cls"), all_estimators())
def test_importable_from_the_top(name, cls):
    assert getattr(sklatent, name) is cls
    assert name in dir(sklatent)


@parametrize_with_checks(ESTIMATORS)
def test_sklearn_checks(estimator, check):
    check(estimator)


# 2026-11: the set_output checks themselves give arrays to estimators fitted on
# data frames, on which scikit-learn warns.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@each_estimator
@pytest.mark.parametrize("check", OWN_CHECKS)
def test_sklearn_own_checks(estimator, check):
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


@each_estimator
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


@each_estimator
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
def test_another_version_warns_at_unpickling(cls, X, monkeypatch):
    dumped = pickle.dumps(clone(INSTANCES[cls][0]).fit(X))
    monkeypatch.setattr("sklatent.base.__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match=r"0\.1\.0.*99\.0"):
        pickle.loads(dumped)


@each_class
def test_grid_search_on_its_own_score(cls, X):
    estimator = INSTANCES[cls][0]
    pipeline = make_pipeline(StandardScaler(), clone(estimator))
    name = f"{cls.__name__.lower()}__n_components"
    search = GridSearchCV(pipeline, {name: [1, 2]}, cv=3, error_score="raise").fit(X)
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


@each_class
def test_n_components_from_a_dimension_estimator(cls, X):
    dimension = FixedDimension()
    fitted = clone(INSTANCES[cls][0]).set_params(n_components=dimension).fit(X)
    assert fitted.n_components_ == 3
    assert fitted.transform(X).shape == (60, 3)
    assert not hasattr(dimension, "dimension_"), "the parameter itself was fitted"
    estimator = clone(INSTANCES[cls][0])
    assert (
        estimator.set_params(n_components=FixedDimension(0.2)).fit(X).n_components_ == 1
    )
    with pytest.raises(ValueError, match="whose fitted dimension_ is finite"):
        estimator.set_params(n_components=FixedDimension(np.nan)).fit(X)
    with pytest.raises(ValueError, match="whose fitted dimension_ is finite"):
        estimator.set_params(n_components=StandardScaler()).fit(X)


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
    fitted = clone(INSTANCES[cls][0]).fit(pd.DataFrame(X, columns=list("abcd")))
    attributes = {n for n in vars(fitted) if n.endswith("_") and not n.startswith("_")}
    assert attributes == {p.name for p in ClassDoc(cls)["Attributes"]}


@each_class
def test_methods_take_no_metadata_but_weights(cls):
    """Each argument beyond X and y would become a request to route metadata."""
    requests = {name for name in dir(cls) if re.fullmatch("set_.*_request", name)}
    assert requests <= {"set_fit_request", "set_partial_fit_request"}
    assert not requests or "sample_weight" in inspect.signature(cls.fit).parameters


@each_class
def test_tags(cls):
    tags = get_tags(INSTANCES[cls][0])
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    assert not tags.non_deterministic
