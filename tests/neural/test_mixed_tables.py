"""`likelihood="auto"`: a data frame in, a data frame out."""

import io
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from sklatent.neural import VAETransformer
from tests.instances import TINY

AUTO = {**TINY, "likelihood": "auto", "n_importance_samples": 4}


def table(n=60, seed=0):
    """Rows whose columns depend on each other, with missing entries."""
    rng = np.random.RandomState(seed)
    size = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "price": np.exp(size + 3).round(2),
            "rooms": (size + rng.normal(size=n) > 0) + rng.randint(1, 4, n),
            "garden": size > 0.3,
            "town": np.where(size > 0, "Kiel", "Bonn"),
            "sold": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(rng.randint(90, size=n), "D"),
        }
    )
    frame.loc[3, "price"] = np.nan
    frame.loc[[4, 7], "town"] = None
    frame.loc[5, "sold"] = pd.NaT
    return frame


def to_polars(frame):
    return pl.from_pandas(frame)


@pytest.fixture(scope="module")
def fitted():
    return VAETransformer(**AUTO).fit(table())


@pytest.mark.parametrize("convert", [lambda f: f, to_polars], ids=["pandas", "polars"])
def test_every_method_returns_the_frame(convert):
    X = convert(table())
    vae = VAETransformer(**AUTO).fit(X)
    frames = [
        vae.sample(20, random_state=0),
        vae.sample(20, random_state=0, conditions={"town": "Bonn"}),
        vae.impute(X),
        vae.inverse_transform(vae.transform(X)),
        *vae.sample_missing(X, n_samples=2, random_state=0),
    ]
    for frame in frames:
        assert type(frame) is type(X)
        assert list(map(str, frame.dtypes)) == list(map(str, X.dtypes))
        assert list(frame.columns) == list(X.columns)
        assert not np.any(
            pd.DataFrame(
                frame.to_dict(as_series=False) if hasattr(frame, "to_dicts") else frame
            ).isna()
        )
    assert set(frames[1]["town"]) == {"Bonn"}
    assert isinstance(vae.transform(X), np.ndarray)


def test_set_output_chooses_the_library(fitted):
    vae = pickle.loads(pickle.dumps(fitted)).set_output(transform="polars")
    drawn = vae.sample(5, random_state=0)
    assert isinstance(drawn, pl.DataFrame)
    unit, _ = np.datetime_data(table()["sold"].to_numpy().dtype)
    assert drawn.schema["sold"] == pl.Datetime(unit)
    assert isinstance(vae.impute(table()), pl.DataFrame)


def test_csv_in_and_csv_out_in_three_lines():
    source, target = io.StringIO(table().to_csv(index=False)), io.StringIO()
    X = pd.read_csv(source)
    vae = VAETransformer(**AUTO).fit(X)
    vae.sample(len(X), random_state=0).to_csv(target, index=False)
    again = pd.read_csv(io.StringIO(target.getvalue()))
    assert list(again.columns) == list(X.columns)
    assert set(again["town"]) <= {"Kiel", "Bonn"}
    assert again["sold"].str.fullmatch(r"2024-0\d-\d\d").all()
    assert again["garden"].dtype == bool
    assert again["rooms"].dtype == np.int64


def test_observed_entries_stay(fitted):
    X = table()
    filled = fitted.impute(X)
    assert filled[X.notna()].equals(X)
    assert filled.loc[4, "town"] in ("Kiel", "Bonn")
    _, std = fitted.impute(X, return_std=True)
    assert (std[X.notna().to_numpy()] == 0).all()
    # Of a level: the indicator of one that is at least as likely as the other.
    assert 0 < std[4, 3] <= 0.5
    # Of a date: in days, of which there are 90 in all.
    assert 5 < std[5, 4] < 90


def test_names_decide_on_the_order_of_columns(fitted):
    X = table()
    other = X[X.columns[::-1]]
    np.testing.assert_array_equal(fitted.score_samples(X), fitted.score_samples(other))
    filled = fitted.impute(other)
    assert list(filled.columns) == list(other.columns)
    pd.testing.assert_frame_equal(filled[X.columns], fitted.impute(X))


def test_rows_do_not_depend_on_each_other(fitted):
    X = table()
    np.testing.assert_allclose(
        fitted.score_samples(X)[10:12], fitted.score_samples(X[10:12]), rtol=1e-7
    )
    pd.testing.assert_frame_equal(fitted.impute(X)[3:6], fitted.impute(X[3:6]))


def test_unknown_levels():
    X, new = table(), table().assign(town="Ulm")
    vae = VAETransformer(**AUTO).fit(X)
    with pytest.raises(ValueError, match=r"'town' of X must hold levels.*'Ulm'"):
        vae.transform(new)
    vae.set_params(handle_unknown="missing")
    empty = X.assign(town=pd.Series([None] * len(X), dtype=X["town"].dtype))
    np.testing.assert_array_equal(vae.transform(new), vae.transform(empty))
    assert set(vae.impute(new)["town"]) <= {"Kiel", "Bonn"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda X: X.assign(town=list(map(str, range(len(X))))),
            "'town' .* leave the column out",
        ),
        (lambda X: X[:0], "0 sample"),
        (lambda X: X[[]], "0 feature"),
        (lambda X: pd.concat([X, X[["town"]]], axis=1), "different names.*'town'"),
        (lambda X: X.assign(price=np.inf), "infinity"),
        (lambda X: X.assign(town=None), "'town' of X must have an observed value"),
    ],
)
def test_tables_that_are_refused(change, message):
    vae = VAETransformer(**AUTO)
    with pytest.raises(ValueError, match=message):
        vae.fit(change(table()))
    with pytest.raises(NotFittedError):
        vae.sample()


def test_columns_that_are_missing_are_named(fitted):
    with pytest.raises(ValueError, match=r"(?s)missing.*town"):
        fitted.transform(table().drop(columns="town"))


def test_conditions_are_entries(fitted):
    drawn = fitted.sample(
        30,
        random_state=0,
        conditions={"sold": pd.Timestamp("2024-02-01"), "garden": True},
    )
    assert (drawn["sold"] == pd.Timestamp("2024-02-01")).all()
    assert drawn["garden"].all()
    with pytest.raises(ValueError, match=r"conditions .*'rooms'.* 1 to 4"):
        fitted.sample(conditions={"rooms": 12})
    with pytest.raises(ValueError, match=r"'town' .* Bonn, Kiel; got 'Ulm'"):
        fitted.sample(conditions={"town": "Ulm"})


def test_lists_of_mixed_rows_are_tables_too():
    rows = [["a", 1.0, None], ["b", 2.5, 3], ["a", 0.5, 4]] * 5
    vae = VAETransformer(**AUTO).fit(rows)
    drawn = vae.sample(4, random_state=0)
    assert drawn.dtype == object
    assert set(drawn[:, 0]) <= {"a", "b"}
    filled = vae.impute(rows)
    assert (filled[1::3] == np.array(rows, dtype=object)[1::3]).all()
    assert np.isfinite(filled[0, 2])


def test_arrays_of_numbers_stay_arrays():
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.normal(size=50), rng.poisson(9, size=50)])
    X[4, 1] = np.nan
    vae = VAETransformer(**AUTO).fit(X)
    assert [column.kind for column in vae.table_.columns] == ["number", "integer"]
    drawn, filled = vae.sample(20, random_state=0), vae.impute(X)
    np.testing.assert_array_equal(drawn[:, 1], np.round(drawn[:, 1]))
    assert filled[4, 1] == np.round(filled[4, 1])
    assert (
        vae.fit(X.astype(np.float32)).impute(X.astype(np.float32)).dtype == np.float32
    )


def test_levels_without_order_are_learned_by_their_shares():
    # Three levels, whose numbers 0, 1, 2 say nothing: the middle one is the rarest.
    rng = np.random.RandomState(0)
    share = np.array([0.55, 0.05, 0.4])
    X = pd.DataFrame(
        {"c": rng.choice(["a", "b", "c"], 2000, p=share), "x": rng.normal(size=2000)}
    )
    vae = VAETransformer(1, **{**AUTO, "max_epochs": 30}).fit(X)
    drawn = vae.sample(4000, random_state=0)["c"].value_counts(normalize=True)
    error = np.sqrt(share * (1 - share) * (1 / 2000 + 1 / 4000))
    assert (np.abs(drawn[["a", "b", "c"]] - share) < 4 * error + 0.02).all()


def test_the_likeliest_level_is_imputed(fitted):
    X = table()[:20].assign(town=pd.Series([None] * 20, dtype="str"))
    tables = fitted.sample_missing(X, n_samples=400, random_state=0)
    share = np.mean([drawn["town"] == "Kiel" for drawn in tables], axis=0)
    # Four standard errors of a share of 400 draws.
    clear = np.abs(share - 0.5) > 0.1
    assert clear.any()
    imputed, std = fitted.impute(X, return_std=True)
    assert ((imputed["town"] == "Kiel") == (share > 0.5))[clear].all()
    np.testing.assert_allclose(std[:, 3], np.sqrt(share * (1 - share)), atol=0.11)


def test_partial_fit_and_clone():
    X = table()
    vae = VAETransformer(**AUTO).partial_fit(X[:30])
    first = vae.table_
    vae.partial_fit(X[30:])
    assert vae.table_ == first
    assert not hasattr(clone(vae), "table_")
    assert get_tags(vae).input_tags.categorical


def test_plan_is_shown(fitted):
    assert str(fitted.table_).splitlines()[4].split()[:2] == ["town", "category"]


@pytest.mark.scikit_learn_1_9
def test_plan_is_shown_in_notebooks(fitted):
    shown = fitted._repr_html_()
    assert "<summary>Columns</summary>" in shown
    assert "<td>Bonn, Kiel</td>" in shown


def test_frames_of_numbers_come_back_too():
    """With whole numbers whole, though no column is of another kind."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"x": rng.normal(size=50), "n": rng.poisson(9, size=50)})
    for frame in (X, to_polars(X)):
        drawn = VAETransformer(**AUTO).fit(frame).sample(5, random_state=0)
        assert type(drawn) is type(frame)
        assert list(map(str, drawn.dtypes)) == list(map(str, frame.dtypes))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_times_are_those_of_the_zone_of_fit(zone):
    when = pd.Series(
        pd.date_range("2024-06-01", periods=60, freq="7h", tz="Europe/Berlin")
    )
    X = pd.DataFrame({"when": when, "x": np.random.RandomState(0).normal(size=60)})
    vae = VAETransformer(**AUTO).fit(X)
    other = X.assign(when=when.dt.tz_convert(zone))
    np.testing.assert_array_equal(vae.transform(X), vae.transform(other))
    noon = pd.Timestamp("2024-06-10 15:00", tz="Europe/Berlin")
    drawn = vae.sample(2, conditions={"when": noon.tz_convert(zone)}, random_state=0)
    assert (drawn["when"] == noon).all()
    with pytest.raises(TypeError, match=r"'when' .* in a time zone \(Europe/Berlin\)"):
        vae.transform(X.assign(when=when.dt.tz_localize(None)))


def test_constant_levels_are_saved_and_imputed(tmp_path):
    X = table().assign(land="DE", ok=True)
    vae = VAETransformer(**AUTO).fit(X)
    vae.save(tmp_path / "vae")
    loaded = VAETransformer.load(tmp_path / "vae")
    pd.testing.assert_frame_equal(loaded.impute(X), vae.impute(X))
    assert (vae.sample(5, random_state=0)["land"] == "DE").all()


def test_batches_with_fewer_categories_or_none(fitted):
    X = table()
    categorical = X.assign(town=X["town"].astype("category"))
    vae = VAETransformer(**AUTO).fit(categorical)
    batch = categorical[:9].assign(
        town=pd.Categorical(["Bonn", None, None] * 3, categories=["Bonn"])
    )
    assert not vae.impute(batch).isna().any(axis=None)
    # What pandas reads of a file in which columns are empty.
    empty = pd.read_csv(
        io.StringIO(X[:9].assign(town=None, sold=None).to_csv(index=False))
    )
    filled = fitted.impute(empty)
    assert set(filled["town"]) <= {"Kiel", "Bonn"}
    assert filled["sold"].dtype == X["sold"].dtype
    filled = fitted.impute(to_polars(X[:9].assign(town=None)))
    assert set(filled["town"]) <= {"Kiel", "Bonn"}


def test_names_of_rows_are_warned_of():
    X = table(100)
    names = [f"name {k // 2 if k < 6 else k}" for k in range(100)]
    with pytest.warns(UserWarning, match=r"'name' .* 97 different strings in 100 rows"):
        VAETransformer(**AUTO).fit(X.assign(name=names))
    with pytest.warns(UserWarning, match=r"'id' .* from 7 to 106 once"):
        VAETransformer(**AUTO).fit(X.assign(id=np.arange(7, 107)))
    with pytest.raises(ValueError, match=r"'id' of X must hold integers up to 2\*\*53"):
        VAETransformer(**AUTO).fit(X.assign(id=np.arange(100) + 2**60))


def test_a_frame_after_an_array_goes_by_position():
    X = table().astype({"sold": object})
    vae = VAETransformer(**AUTO).fit(X.to_numpy())
    with pytest.warns(UserWarning, match="fitted without feature names"):
        filled = vae.impute(X)
    assert isinstance(filled, np.ndarray)
    assert not pd.isna(filled).any()
