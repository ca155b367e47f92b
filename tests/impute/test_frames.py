"""Data frames of mixed columns, which go to models that take them as they are."""

import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

from sklatent.impute import LatentImputer


class Modes(BaseEstimator):
    """A model of data frames: the most frequent entry of each column, or any other."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y=None):
        X = nw.from_native(X, eager_only=True)
        self.observed_ = {c.name: c.drop_nulls() for c in X.iter_columns()}
        self.modes_ = {name: c.sort()[0] for name, c in self.observed_.items()}
        return self

    def _filled(self, X, values):
        X = nw.from_native(X, eager_only=True)
        return X.with_columns(
            *[nw.col(name).fill_null(value) for name, value in values.items()]
        ).to_native()

    def impute(self, X):
        return self._filled(X, self.modes_)

    def sample_missing(self, X, n_samples=1, random_state=None):
        return [
            self._filled(
                X,
                {
                    name: c[int(random_state.randint(len(c)))]
                    for name, c in self.observed_.items()
                },
            )
            for _ in range(n_samples)
        ]


def mixed(package):
    columns = {
        "kind": ["b", "a", None, "b", "a"],
        "n": [1.0, None, 3.0, 4.0, None],
        "yes": [True, False, True, True, False],
        "empty": [None] * 5,
    }
    if package == "polars":
        return pl.DataFrame(columns, schema_overrides={"empty": pl.String})
    frame = pd.DataFrame(columns, index=[3, 1, 4, 5, 9])
    return frame.astype({"empty": "str"})


each_package = pytest.mark.parametrize("package", ["pandas", "polars"])


@each_package
@pytest.mark.parametrize("output", [None, "same"])
def test_frames_go_through_as_they_are(package, output):
    X = mixed(package)
    imputer = LatentImputer(Modes(), n_draws=4, random_state=0)
    assert get_tags(imputer).input_tags.string
    if output:
        imputer.set_output(transform=package)
    with pytest.warns(UserWarning, match=r"Columns \['empty'\] of X have no observed"):
        imputer.fit(X)
    draws = imputer.transform_draws(X)
    imputed = imputer.set_params(n_draws=None).transform(X)
    for filled in (imputed, *draws):
        assert type(filled) is type(X)
        assert list(filled.columns) == ["kind", "n", "yes"]
        assert (
            [str(filled[c].dtype) for c in filled]
            == [str(X[c].dtype) for c in ["kind", "n", "yes"]]
            if package == "pandas"
            else filled.dtypes == X.dtypes[:3]
        )
        if package == "pandas":
            assert (filled.index == X.index).all()
    assert list(imputed["kind"]) == ["b", "a", "a", "b", "a"]
    assert list(imputed["n"]) == [1.0, 1.0, 3.0, 4.0, 1.0]
    assert len({str(list(d["kind"])) + str(list(d["n"])) for d in draws}) > 1
    again = imputer.set_params(n_draws=4).transform_draws(X)
    assert all(a.equals(b) for a, b in zip(draws, again, strict=True))


@each_package
def test_indicators_and_empty_columns(package):
    X = mixed(package)
    imputer = LatentImputer(Modes(), add_indicator=True, keep_empty_features=True)
    imputed = imputer.fit_transform(X)
    names = [f"missingindicator_{name}" for name in ("kind", "n", "empty")]
    assert list(imputed.columns) == [*X.columns, *names]
    assert list(imputed.columns) == list(imputer.get_feature_names_out())
    assert list(imputed[names[0]]) == [False, False, True, False, False]
    assert list(imputed[names[1]]) == [False, True, False, False, True]
    assert list(imputed[names[2]]) == [True] * 5
    assert list(imputed["n"]) == [1.0, 1.0, 3.0, 4.0, 1.0]
    assert nw.from_native(imputed)["empty"].is_null().all()


@each_package
def test_names_decide(package):
    X = mixed(package)
    imputer = LatentImputer(Modes(), keep_empty_features=True).fit(X)
    with pytest.raises(ValueError, match="feature names"):
        imputer.transform(X[["n", "kind", "yes", "empty"]])
