"""Files of estimators without pickle."""

import functools
import json
import math
import re
import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.covariance import EmpiricalCovariance
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklatent import __version__
from sklatent.base import SklatentEstimator
from sklatent.decomposition import PCA, PPCA
from sklatent.density import GaussianMixture, KernelDensity, TransformedDensity
from sklatent.deploy import load, save
from sklatent.dimension import TwoNN
from sklatent.exceptions import InconsistentVersionWarning
from sklatent.utils.frames import _read
from sklatent.utils.persistence import _container
from sklatent.utils.persistence._decoder import Decoder
from sklatent.utils.persistence._encoder import Encoder
from sklatent.utils.persistence._foreign import FOREIGN
from sklatent.utils.persistence._objects import (
    find_class,
    has_own_state,
    may_be_saved,
    public_name,
)
from sklatent.utils.persistence._words import NotPlainError


def there_and_back(value):
    """Take a value apart, through text, and put it together."""
    encoder = Encoder()
    text = _container.dumps(encoder.encode(value, ("a",)))
    decoder = Decoder(encoder.arrays, {})
    result = decoder.decode(_container.loads(text), ("a",))
    assert not decoder.unused
    return result


PLAIN = [
    *(None, True, 3, -(10**30), 0.1, 5e-324, "é", b"\0\xff", [1, (2.0, "a")], ()),
    *({"a": (1,), "tuple": []}, {1: 2, (3,): [4]}, slice(1, None), {1, 2}),
    *(frozenset("ab"), math.inf, np.dtype("<f4"), np.float64, object),
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_plain_data_comes_back(value):
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


def test_not_a_number_comes_back():
    assert math.isnan(there_and_back(math.nan))


NUMBERS = np.arange(24).reshape(2, 3, 4)
ARRAYS = [
    *(NUMBERS.astype(kind) for kind in ("b1", "i2", "u8", "f2", "f4", ">f8", "c16")),
    *(
        NUMBERS.transpose(axes).astype(float, order="K")
        for axes in ((2, 1, 0), (1, 0, 2))
    ),
    *(np.asfortranarray(NUMBERS[0]), NUMBERS[:, ::2], NUMBERS[::-1], np.zeros((0, 3))),
    *(
        np.array(2.5),
        np.array(["a", "bé"]),
        np.array([["a", None], [1.5, "b"]], object),
    ),
    np.array(["2020-01-01", "NaT"], "M8[D]"),
    np.array([np.nan, -np.inf]),
    np.broadcast_to(2.0, 5),
]


@pytest.mark.parametrize(
    "array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}{a.strides}"
)
def test_arrays_come_back(array):
    back = there_and_back(array)
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.flags.writeable
    # Results may depend, in the last bits, on the order of the axes in memory.
    order = np.argsort(np.abs(array.strides), kind="stable")
    if np.all(np.diff(np.abs(array.strides)) != 0) and array.size:
        np.testing.assert_array_equal(np.argsort(back.strides, kind="stable"), order)


@pytest.mark.parametrize(
    "value", [np.float32(0.1), np.int8(3), np.bool_(True), np.datetime64("2020-01-01")]
)
def test_numbers_of_numpy_keep_their_type(value):
    assert there_and_back(value) == value
    assert type(there_and_back(value)) is type(value)


@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "csr_matrix", "csc_matrix"])
def test_sparse_matrices_come_back(kind):
    dense = np.diag([1.0, 2.0, 0.0])
    back = there_and_back(getattr(sparse, kind)(dense))
    assert type(back).__name__ == kind
    np.testing.assert_array_equal(back.toarray(), dense)


def test_what_is_there_twice_comes_back_once():
    array, estimator = np.arange(3.0), TwoNN()
    a, b, (c, d) = there_and_back([array, array, (estimator, estimator)])
    assert a is b
    assert c is d


@pytest.mark.parametrize(
    "value",
    [len, int.__add__, np.random.RandomState(0), re.compile("a"), KeyError, 3 + 4j],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_data(value):
    with pytest.raises(NotPlainError, match=r"a\.b\.0 is not plain data"):
        Encoder().encode({"b": [value]}, ("a",))


X = np.random.RandomState(0).standard_normal((30, 3)) @ np.diag([3, 2, 1.0])
Y = (X[:, 0] > 0).astype(int)
X_MISSING = np.where(X > 3, np.nan, X)
WORDS = np.array(["a", "b", "c"] * 10, dtype=object)[:, None]
PIPELINES = {
    "pca": (make_pipeline(StandardScaler(), PCA(2)), X, "transform"),
    "classifier": (
        make_pipeline(StandardScaler(), PPCA(2), LogisticRegression()),
        X,
        "predict_proba",
    ),
    "density": (
        TransformedDensity(make_pipeline(StandardScaler(), PCA(whiten=True))),
        X,
        "score_samples",
    ),
    "rare": (
        OneHotEncoder(max_categories=2, drop="first", handle_unknown="ignore"),
        WORDS,
        "transform",
    ),
    "dropped": (OneHotEncoder(drop="if_binary"), WORDS, "transform"),
    "bins": (
        KBinsDiscretizer(3, strategy="uniform"),
        X,
        "transform",
    ),
    "gaps": (
        SimpleImputer(add_indicator=True),
        X_MISSING,
        "transform",
    ),
    "categories": (
        ColumnTransformer([("a", OneHotEncoder(sparse_output=False), [0])]),
        WORDS,
        "transform",
    ),
    "named columns": (
        ColumnTransformer([("a", StandardScaler(), ["a"])], remainder="passthrough"),
        pd.DataFrame(X, columns=["a", "b", "c"]),
        "transform",
    ),
    "codes": (make_pipeline(OrdinalEncoder(), PCA(1)), WORDS, "transform"),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_with_estimators_of_scikit_learn(name, tmp_path):
    estimator, rows, method = PIPELINES[name]
    estimator.fit(rows, None if name != "classifier" else Y)
    save(estimator, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert repr(loaded) == repr(estimator)
    expected, found = (getattr(e, method)(rows) for e in (estimator, loaded))
    if sparse.issparse(expected):
        expected, found = expected.toarray(), found.toarray()
    np.testing.assert_array_equal(found, expected)
    loaded.fit(rows, Y)


def test_estimators_of_scikit_learn_that_are_more_than_their_attributes(tmp_path):
    for estimator, name in [
        (RandomForestClassifier(2), "estimator"),
        (make_pipeline(FunctionTransformer(np.log1p), PCA(1)), "steps.0.1.func"),
    ]:
        with pytest.raises(ValueError, match=f"^{re.escape(name)} must be plain data"):
            save(estimator.fit(np.abs(X), Y), tmp_path / "model")
    with pytest.raises(ValueError, match="memory cannot be"):
        save(make_pipeline(PCA(1), memory="folder").fit(X), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_metric_of_the_user_is_no_plain_data(tmp_path):
    estimator = PCA(TwoNN(metric=lambda a, b: abs(a - b).sum()))
    estimator.n_features_in_ = 3  # as if it were fitted
    with pytest.raises(ValueError, match=r"^n_components\.metric must be plain data"):
        estimator.save(tmp_path / "model")


def test_parameters_and_attributes_of_an_estimator(tmp_path):
    estimator = PCA(TwoNN()).fit(X)
    estimator.save(tmp_path / "model")
    loaded = PCA.load(tmp_path / "model")
    assert repr(loaded) == repr(estimator)
    assert vars(loaded).keys() == vars(estimator).keys()
    assert SklatentEstimator.load(str(tmp_path / "model")).n_components_ == 3
    arrays = load_file(tmp_path / "model")  # by the package of that name
    np.testing.assert_array_equal(arrays["components_"], estimator.components_)


def test_own_subclass_is_known_to_who_loads(tmp_path):
    class Own(PCA):
        pass

    Own(1).fit(X).save(tmp_path / "model")
    assert type(Own.load(tmp_path / "model")) is Own
    assert type(PCA.load(tmp_path / "model")) is Own
    with pytest.raises(ValueError, match=r"object of class '.*, which no file may"):
        load(tmp_path / "model")


def test_only_its_own_class_reads_it(tmp_path):
    PCA(1).fit(X).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"class PCA, which PPCA\.load does not read"):
        PPCA.load(tmp_path / "model")


def test_not_fitted(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        PCA().save(tmp_path / "model")


def test_other_versions_warn(tmp_path, monkeypatch):
    path = tmp_path / "model"
    save(make_pipeline(StandardScaler(), PCA(1)).fit(X), path)
    module = "sklatent.utils.persistence._estimators"
    monkeypatch.setattr(f"{module}.__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match=rf"{__version__} .* by 99"):
        load(path)
    monkeypatch.undo()
    monkeypatch.setattr(f"{module}.sklearn.__version__", "98.0")
    with pytest.warns(InconsistentVersionWarning, match="by scikit-learn .* by 98"):
        load(path)
    PCA(1).fit(X).save(path)
    monkeypatch.undo()
    monkeypatch.setattr(f"{module}.sklearn.__version__", "98.0")
    PCA.load(path)  # nothing of scikit-learn's is in it


# Files that are damaged


@pytest.fixture
def saved(tmp_path):
    """Path and contents of a small file."""
    path = tmp_path / "model"
    PCA(1).fit(X).save(path)
    arrays, metadata = _container.read(path)
    return path, json.loads(metadata["sklatent"]), arrays


def write(path, settings, arrays, **described):
    """Write a file whose digests are right, whatever is in it."""
    digests = {n: _container.digest_of(n, a) for n, a in arrays.items()}
    text = json.dumps({**settings, "digests": digests})
    metadata = {"sklatent": text, "digest": _container.digest_of_text(text)}
    path.write_bytes(b"".join(_container.pack(arrays, metadata)))


def refused(path, message="cannot be loaded"):
    """Whether loading raises ValueError that names the file, and nothing else."""
    with pytest.raises(ValueError, match=message) as error:
        load(path)
    return str(path) in str(error.value)


def test_each_byte_matters(saved):
    path, *_ = saved
    content = path.read_bytes()
    rng = np.random.RandomState(0)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randint(8)
        path.write_bytes(damaged)
        assert refused(path), place


def test_a_file_that_is_cut_or_longer(saved):
    path, *_ = saved
    content = path.read_bytes()
    for length in {*range(0, len(content), 7), len(content) - 1}:
        path.write_bytes(content[:length])
        assert refused(path, "is no file of `save`, or is damaged")
    path.write_bytes(content + b"\0")
    assert refused(path, "1 bytes that belong to no entry")
    path.write_bytes(b"text" * 100)
    assert refused(path, "damaged")
    with pytest.raises(FileNotFoundError):
        load(path.with_name("elsewhere"))


def test_numbers_of_an_entry_are_others(saved):
    path, _, arrays = saved
    metadata = _container.read(path)[1]
    for name, array in arrays.items():
        changed = arrays | {name: array + array.dtype.type(1)}
        if array.dtype == bool:
            changed[name] = ~array
        path.write_bytes(b"".join(_container.pack(changed, metadata)))
        assert refused(path, f"its entry {name} are not those that `save` wrote")


def test_entries_are_swapped(saved):
    path, _, arrays = saved
    metadata = _container.read(path)[1]
    a, b = "mean_", "_constant"
    assert arrays[a].shape == arrays[b].shape
    swapped = arrays | {a: arrays[b], b: arrays[a]}
    path.write_bytes(b"".join(_container.pack(swapped, metadata)))
    assert refused(path, "its entry (mean_|_constant) are not those")


def header_of(path, change):
    """Change the header of a file, whose digests stay right."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = _container.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [10**12]},
        {"shape": [10**30]},
        {"shape": [-3]},
        {"shape": [3.0]},
        {"shape": [True, 3]},
        {"shape": "3"},
        {"dtype": "F99"},
        {"dtype": "F32"},
        {"dtype": ["F64"]},
        {"data_offsets": [0, 10**15]},
        {"data_offsets": [-24, 0]},
        {"data_offsets": [0]},
        {"surprise": 1},
    ],
)
def test_sizes_that_are_not_those_of_the_file(saved, entry):
    path, _, _ = saved
    header_of(path, lambda header: header["mean_"].update(entry))
    assert refused(path, r"entry mean_|describe mean_|of mean_")


@pytest.mark.parametrize(
    "text", ["[" * 10**5, "1" * 10**5, "[1e999]", '{"format": NaN}', "\x00", "3", "{}"]
)
def test_settings_that_cannot_be_read(saved, text):
    path, _, arrays = saved
    metadata = {"sklatent": text, "digest": _container.digest_of_text(text)}
    path.write_bytes(b"".join(_container.pack(arrays, metadata)))
    assert refused(path)


# Files that are made to do harm


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "builtins.eval", "subprocess.Popen", "pickle.loads", "PCA", 3),
        *("sklearn.utils._bunch.Bunch", "sklearn.conftest.pytest", "sklearn.tests.a.B"),
        *("sklearn.datasets.fetch_openml", "sklearn.__check_build.X", "sklearn..os"),
        *("sklearn.tree.DecisionTreeClassifier.fit", "sklearn.svm.LinearSVC "),
        *("sklatent.base.np", "sklatent.utils._extras.stand_in", "sklatent.Nothing"),
        *("sklatent.exceptions.InconsistentVersionWarning", "sklatent.neural._base.nn"),
        *(
            "sklatent.decomposition._pca.PCA",
            "sklatent.nowhere.PCA",
            "sklearn.svm._x.Y",
        ),
    ],
)
def test_classes_that_no_file_may_name(saved, name):
    path, settings, arrays = saved
    settings["estimator"]["class"] = name
    write(path, settings, arrays)
    assert refused(path, "holds an object of class|is not there")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"transform": 1}, "PCA cannot have an attribute 'transform'"),
        ({"_n_features_out": 1}, "cannot have an attribute"),
        ({"__class__": 1}, "cannot have an attribute"),
        ({"no name": 1}, "cannot have an attribute"),
        ({"svd_solver": "none"}, "svd_solver"),
        ({"mean_": {"array": {"entry": "nowhere"}}}, "entry mean_ is no array"),
        ({"mean_": {"array": [1]}}, "entry mean_ is no array"),
        ({"mean_": {"code": "1"}}, "mean_ is .* no plain data"),
        ({"mean_": {"decode": 1}}, "mean_ is .* no plain data"),
        ({"mean_": {"same": "nowhere"}}, "entry mean_ is no same"),
        ({"mean_": {"float": "1"}}, "entry mean_ is no float"),
        ({"mean_": {"type": "os"}}, "entry mean_ is no type"),
        ({"mean_": {"slice": [1]}}, "entry mean_ is no slice"),
        ({"mean_": {"items": [[[], 1]]}}, "entry mean_ is no items"),
        (
            {"mean_": {"object": {"class": "os.system", "state": {"dict": {}}}}},
            "object of class 'os.system'",
        ),
        ({"mean_": {"object": {"class": "sklatent.PCA"}}}, "no class and state"),
        (
            {"mean_": {"sparse": ["csr_array", [9, 9], {"data": 1}]}},
            "entry mean_ is no sparse",
        ),
    ],
)
def test_attributes_that_cannot_be(saved, state, message):
    path, settings, arrays = saved
    settings["estimator"]["state"].update(state)
    write(path, settings, arrays)
    assert refused(path, message)


def test_parameters_and_entries_that_are_missing_or_too_many(saved):
    path, settings, arrays = saved
    write(path, settings, arrays | {"surprise": np.zeros(1)})
    assert refused(path, r"nothing refers to its entries \['surprise'\]")
    del settings["estimator"]["state"]["whiten"]
    write(path, settings, arrays)
    assert refused(path, r"parameters \['whiten'\] of its PCA are missing")


def nodes(value, path=()):
    """Paths to all values in one of JSON."""
    yield path
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from nodes(item, (*path, key))


ODD = [[], {}, None, True, -1, 2**40, "x", 1e308, 10**30, {"tuple": []}, {"dict": {}}]
ODD += [{"object": {"class": "sklatent.dimension.TwoNN", "state": {}}}]
ODD += [{"array": {"entry": "weights_", "dtype": "<U99", "axes": [0], "shape": [9**9]}}]


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [GaussianMixture(2, random_state=0), KernelDensity(metric="manhattan")],
    ids=["mixture", "kernels"],
)
def test_any_value_in_place_of_any_other(estimator, tmp_path):
    """ValueError that names the file, or an estimator."""
    path = tmp_path / "model"
    estimator.fit(X).save(path)
    arrays, metadata = _container.read(path)
    for place in nodes(json.loads(metadata["sklatent"])):
        if place[:1] in [("digests",), ("version",), ("sklearn",)]:
            continue
        for odd in ODD:
            settings = json.loads(metadata["sklatent"])
            if place:
                *to, last = place
                functools.reduce(lambda value, key: value[key], to, settings)[last] = (
                    odd
                )
            elif isinstance(odd, dict):
                settings = odd
            write(path, settings, arrays)
            try:
                assert isinstance(load(path), SklatentEstimator)
            except ValueError as error:
                assert str(path) in str(error)


@pytest.mark.slow
def test_nothing_large_is_made(saved):
    """Files of some kilobytes that ask for gigabytes."""
    path, settings, arrays = saved
    content = path.read_bytes()
    for n, entry in enumerate([{"shape": [10**10]}, {"data_offsets": [0, 10**10]}]):
        path.write_bytes(content)
        header_of(path, lambda header, entry=entry: header["mean_"].update(entry))
        path.rename(path.with_name(f"hostile-{n}"))
    path.write_bytes((10**10).to_bytes(8, "little") + content[8:])
    path.rename(path.with_name("hostile-header"))
    for n, node in enumerate(
        [
            {"array": {"entry": "mean_", "dtype": "<U999999999", "axes": [0]}},
            {"array": {"objects": [1], "shape": [10**10]}},
            {"sparse": ["csr_array", [10**10, 10**10], {"data": [], "indices": []}]},
        ]
    ):
        settings["estimator"]["state"]["mean_"] = node
        write(path.with_name(f"hostile-node-{n}"), settings, arrays)
    script = f"""
        import pathlib, resource
        from sklatent.decomposition import PCA
        from sklatent.deploy import load
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        paths = list(pathlib.Path({str(path.parent)!r}).glob("hostile-*"))
        assert len(paths) == 6
        for path in paths:
            try:
                load(path)
            except ValueError:
                continue
            raise AssertionError(path)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    grown = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    assert int(grown) < 50 * 1024  # kilobytes


def test_failed_save_keeps_the_file(tmp_path, monkeypatch):
    path = tmp_path / "model"
    estimator = PCA(1).fit(X)
    estimator.save(path)
    content = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        estimator.save(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def doubling(kind, depth, where="max_iter"):
    """Return state in which each value holds the one before twice."""
    made = {
        "objects": lambda a: {"array": {"objects": [a, a], "shape": [2]}},
        "estimators": lambda a: {
            "object": {
                "class": "sklearn.pipeline.Pipeline",
                "state": {
                    **dict.fromkeys(("memory", "transform_input")),
                    "steps": [{"tuple": ["a", a]}, {"tuple": ["b", a]}],
                    "verbose": False,
                },
            }
        },
    }[kind]
    scaler = {"copy": True, "with_mean": True, "with_std": True}
    name = "sklearn.preprocessing.StandardScaler"
    state = {"v0": {"object": {"class": name, "state": scaler}}}
    for i in range(1, depth):
        state[f"v{i}"] = made({"same": f"v{i - 1}"})
    return {**state, where: {"same": f"v{depth - 1}"}}


@pytest.mark.parametrize("kind", ["objects", "estimators"])
def test_values_that_double_at_each_level(kind, tmp_path):
    """A small file is no reason for gigabytes, or for hours."""
    path = tmp_path / "model"
    GaussianMixture(2, random_state=0).fit(X).save(path)
    arrays, metadata = _container.read(path)
    settings = json.loads(metadata["sklatent"])
    state = settings["estimator"]["state"]
    del state["max_iter"]
    state.update(doubling(kind, 25))
    write(path, settings, arrays)
    assert path.stat().st_size < 20_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="cannot be loaded") as error:
        load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(str(error.value)) < 1000
    assert peak < 10 * 2**20


def test_messages_have_the_beginning_of_a_value_only(saved):
    path, settings, arrays = saved
    many = {"array": {"objects": list(range(900)), "shape": [900]}}
    settings["estimator"]["state"]["svd_solver"] = many
    write(path, settings, arrays)
    with pytest.raises(ValueError, match="'svd_solver' parameter of PCA") as error:
        load(path)
    assert len(str(error.value)) < 500


def test_what_is_met_often_comes_back():
    scaler, names = StandardScaler().fit(X), np.array(["a", "b"], dtype=object)
    value = [[scaler] * 500, {"names": names, "again": names}]
    many, words = there_and_back(value)
    assert len(set(map(id, many))) == 1
    assert [list(array) for array in words.values()] == [["a", "b"]] * 2


SEARCH = GridSearchCV(PCA(), {"whiten": [True]})

HARMFUL = {
    "_n_features_outs": [1],
    "categories_": [
        {"array": {"objects": [3, 1, 2], "shape": [3]}},
    ],
    "_drop_idx_after_grouping": {"array": {"objects": [10**6], "shape": [1]}},
    "_infrequent_enabled": True,
}


@pytest.mark.parametrize("name", HARMFUL)
def test_an_encoder_that_would_write_outside_of_its_columns(name, tmp_path):
    path = tmp_path / "model"
    save(OneHotEncoder(sparse_output=False).fit(WORDS), path)
    arrays, metadata = _container.read(path)
    settings = json.loads(metadata["sklatent"])
    settings["estimator"]["state"][name] = HARMFUL[name]
    write(path, settings, arrays)
    assert refused(path, "OneHotEncoder has categories or columns that do not")


@pytest.mark.parametrize(
    "estimator",
    [
        *(SVC(), KMeans(2, n_init=1), NearestNeighbors(), DecisionTreeClassifier()),
        *(
            SGDClassifier(),
            EmpiricalCovariance(),
            SEARCH,
        ),
    ],
    ids=lambda e: type(e).__name__,
)
def test_estimators_whose_compiled_code_trusts_their_attributes(
    estimator, saved, tmp_path
):
    """With other attributes some would crash the process, so no file has any."""
    with pytest.raises(ValueError, match="must be plain data to be saved"):
        save(estimator.fit(X, Y), tmp_path / "other")
    path, settings, arrays = saved
    settings["estimator"]["class"] = public_name(type(estimator))
    write(path, settings, arrays)
    assert refused(path, "which no file may")


def test_every_name_on_the_list_is_that_of_an_estimator():
    for name in FOREIGN:
        cls = find_class(name)
        assert may_be_saved(cls)
        assert not has_own_state(cls)


def test_messages_say_what_to_save_instead(tmp_path):
    with pytest.raises(ValueError, match="Save its best_estimator_"):
        save(SEARCH.fit(X), tmp_path / "model")
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(2)).fit(X, Y)
    with pytest.raises(ValueError, match=r"^steps\.1\.1 must .* skops\.io\.dump"):
        save(forest, tmp_path / "model")


def test_messages_about_files_of_something_else(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("a,b,c,d,e\n" * 10)
    assert refused(path, "no file of `save`, or is damaged: it does not begin with the")
    path.write_bytes(b"")
    assert refused(path, "no file of `save`, or is damaged: it is empty")


def test_levels_that_are_no_plain_data_are_of_a_column(tmp_path):
    bins = pd.cut(pd.Series(X[:, 0], name="bin"), 3)
    for column in (bins, bins.cat.rename_categories(str)):
        scaler = StandardScaler().fit(X)
        scaler.table_ = _read.read_table(pd.DataFrame({"bin": column}))[0]
        if column is bins:
            with pytest.raises(ValueError, match=r"to column 'bin' of X; .*rename_cat"):
                save(scaler, tmp_path / "model")
        else:
            save(scaler, tmp_path / "model")
            assert load(tmp_path / "model").table_ == scaler.table_


ENCODED = {
    "words": WORDS,
    "numbers": np.array([1.5, np.nan, 3.0, 3.0, 7.0])[:, None],
    "both": np.array([["a", 3], ["b", 1], [None, 1], ["a", 2]], dtype=object),
    "booleans": np.array([[True], [False]]),
    "texts": np.array([["x"], ["y"], ["yy"]]),
}


@pytest.mark.parametrize("rows", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("drop", [None, "first", "if_binary", "last of each"])
@pytest.mark.parametrize(
    "settings", [{}, {"max_categories": 2}, {"min_frequency": 2}], ids=str
)
def test_encoders_of_all_kinds_come_back(rows, drop, settings, tmp_path):
    if drop == "last of each":
        drop = rows[-1] if not settings else None
    encoder = OneHotEncoder(drop=drop, sparse_output=False, **settings).fit(rows)
    save(encoder, tmp_path / "model")
    found = load(tmp_path / "model").transform(rows)
    np.testing.assert_array_equal(found, encoder.transform(rows))
