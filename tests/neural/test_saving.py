"""Files of fitted estimators without pickle."""

import contextlib
import copy
import json
import math
import pickle
import re
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sklearn.base import clone

from sklatent import __version__
from sklatent.exceptions import InconsistentVersionWarning
from sklatent.neural import AETransformer, ParametricEmbedding, VAETransformer
from sklatent.neural._base import NeuralLatentModel
from sklatent.utils._sklearn import ScoringMonitor
from sklatent.utils.persistence import _container
from tests.instances import INSTANCES
from tests.neural.settings import ALL
from tests.test_common import row_outputs

EACH = pytest.mark.parametrize(
    "estimator",
    [
        estimator
        for cls in (AETransformer, VAETransformer, ParametricEmbedding)
        for estimator in INSTANCES[cls]
        if estimator.encoder is None  # a network of the user's is no plain data
    ],
)


def contents(path):
    """Settings and arrays of a file."""
    arrays, metadata = _container.read(path)
    return json.loads(metadata["sklatent"]), arrays


def write(path, settings, arrays):
    """Write a file as `save` does, with digests that are right."""
    with contextlib.suppress(Exception):
        settings = settings | {
            "digests": {n: _container.digest_of(n, a) for n, a in arrays.items()}
        }
    text = json.dumps(settings)
    metadata = {"sklatent": text, "digest": _container.digest_of_text(text)}
    path.unlink(missing_ok=True)  # to truncate it takes far longer
    path.write_bytes(b"".join(_container.pack(arrays, metadata)))


def assert_alike(loaded, estimator, X):
    """Same results to the bit, same parameters and attributes."""
    assert type(loaded) is type(estimator)
    assert repr(loaded.get_params()) == repr(estimator.get_params())
    expected = row_outputs(estimator, X)
    for name, output in row_outputs(loaded, X).items():
        np.testing.assert_array_equal(output, expected[name], err_msg=name)
    assert vars(loaded).keys() == vars(estimator).keys()
    for name, value in vars(estimator).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(loaded, name), value)
            assert getattr(loaded, name).dtype == value.dtype
        elif name != "net_":
            assert getattr(loaded, name) == value or name == "encoder_"


@EACH
@pytest.mark.slow
def test_loaded_estimator_gives_the_same(estimator, X, tmp_path):
    estimator.fit(X).save(tmp_path / "model")
    assert_alike(type(estimator).load(tmp_path / "model"), estimator, X)
    assert_alike(NeuralLatentModel.load(str(tmp_path / "model")), estimator, X)


@ALL
def test_names_output_and_path_parameters(cls, X, tmp_path):
    table = pd.DataFrame(X, columns=["a", "b", "c", "é"])
    estimator = cls(
        hidden_layer_sizes=np.array([8, 4]),
        checkpoint_path=tmp_path / "c",
        max_epochs=1,
    )
    estimator.set_output(transform="pandas").fit(table).save(tmp_path / "model")
    loaded = cls.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.transform(table), estimator.transform(table))
    # No file decides where a later fit writes.
    assert loaded.checkpoint_path is None
    assert loaded.feature_names_in_.tolist() == ["a", "b", "c", "é"]
    assert isinstance(loaded.net_.predict(X.astype(np.float32)), np.ndarray)


@ALL
def test_loaded_estimator_trains_on(cls, X, tmp_path):
    estimator = cls(max_epochs=5, random_state=0, warm_start=True).fit(X)
    estimator.save(tmp_path / "model")
    loaded = cls.load(tmp_path / "model")
    assert loaded.fit(X).history_ == estimator.fit(X).history_
    assert loaded.partial_fit(X).n_iter_ == 6


@ALL
def test_pickles_hold_plain_data_in_place_of_networks(cls, X):
    estimator = cls(max_epochs=1, random_state=0).fit(X)
    state = estimator.__getstate__()
    assert not any(isinstance(v, torch.nn.Module) for v in state.values())
    assert "net_" not in state
    again = pickle.loads(pickle.dumps(estimator))
    assert vars(again).keys() == vars(estimator).keys()
    assert copy.copy(estimator).net_ is estimator.net_
    assert copy.deepcopy(estimator).net_ is not estimator.net_


@ALL
@pytest.mark.scikit_learn_1_9
def test_fit_on_other_columns_with_callbacks_that_copy(cls, X):
    """Networks of the first fit are not those that the second one describes."""
    estimator = cls(1, max_epochs=2, random_state=0).fit(X)
    wide = np.column_stack([X, X[:, :2] ** 2])
    estimator.set_callbacks(ScoringMonitor(scoring=None)).fit(wide)
    assert estimator.transform(wide).shape == (len(X), 1)


@ALL
def test_loaded_estimator_does_without_the_file(cls, X, tmp_path):
    estimator = cls(max_epochs=1, random_state=0).fit(X)
    estimator.save(tmp_path / "model")
    loaded = cls.load(tmp_path / "model")
    with (tmp_path / "model").open("r+b") as file:
        file.write(bytes((tmp_path / "model").stat().st_size))
    np.testing.assert_array_equal(loaded.mean_, estimator.mean_)
    np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))


@ALL
@pytest.mark.parametrize(
    "parameter",
    [
        {"optimizer": torch.optim.Adam},
        {"random_state": np.random.RandomState(0)},
    ],
)
def test_parameters_that_are_no_plain_data(cls, parameter, X, tmp_path):
    (name,) = parameter
    X = X + np.random.RandomState(0).normal(scale=0.01, size=X.shape)
    estimator = cls(max_epochs=1, **parameter).fit(X)
    with pytest.raises(ValueError, match=f"{name} must be plain data .* Pickle the"):
        estimator.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@ALL
def test_parameters_changed_since_the_fit(cls, X, tmp_path):
    estimator = cls(max_epochs=1).fit(X).set_params(hidden_layer_sizes=(5,))
    with pytest.raises(ValueError, match="must be that of the fitted networks"):
        estimator.save(tmp_path / "model")


@ALL
def test_only_its_own_class_reads_it(cls, X, tmp_path):
    other = AETransformer if cls is VAETransformer else VAETransformer
    cls(max_epochs=1).fit(X).save(tmp_path / "model")
    message = f"class {cls.__name__}, which {other.__name__}.load does not read"
    with pytest.raises(ValueError, match=message):
        other.load(tmp_path / "model")


@ALL
def test_another_version_warns(cls, X, tmp_path, monkeypatch):
    cls(max_epochs=1).fit(X).save(tmp_path / "model")
    monkeypatch.setattr("sklatent.utils.persistence._estimators.__version__", "99.0")
    with pytest.warns(
        InconsistentVersionWarning, match=rf"{re.escape(__version__)} .* by 99"
    ):
        cls.load(tmp_path / "model")


@ALL
def test_not_fitted(cls, tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        cls().save(tmp_path / "model")


def state(settings):
    """The parameters and attributes in the settings of a file."""
    return settings["estimator"]["state"]


def put(**items):
    """Change the settings."""
    return lambda settings, arrays: settings.update(items)


def put_state(**items):
    """Change parameters or attributes."""
    return lambda settings, arrays: state(settings).update(items)


def drop(name):
    """Leave a parameter or an attribute out."""

    def change(settings, arrays):
        entry = state(settings).pop(name)
        if isinstance(entry, dict) and "array" in entry:
            del arrays[name]

    return change


def hidden_layers(*sizes):
    """Sizes in the parameters and in the spec, which have to agree."""

    def change(settings, arrays):
        state(settings)["hidden_layer_sizes"] = {"tuple": list(sizes)}
        networks = state(settings)["_spec"]["object"]["state"]["networks"]
        networks["object"]["state"]["hidden_layer_sizes"] = {"tuple": list(sizes)}

    return change


def entry(name, array):
    """Change an array; None leaves it out."""

    def change(settings, arrays):
        if array is None:
            del arrays[name]
            return
        arrays[name] = array
        place = state(settings)
        if name.startswith("_networks."):
            place, key = place["_networks"]["dict"], name.removeprefix("_networks.")
        else:
            key = name
        how = {"entry": name, "dtype": array.dtype.str, "axes": list(range(array.ndim))}
        place[key] = {"array": how}

    return change


WEIGHT = "_networks.encoder.0.weight"
ONES = np.ones((128, 4), dtype=np.float32)


@ALL
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(format="sklatent 9"), "the format 'sklatent 9'"),
        (put(surprise=1), r"sections, \[\] .*'surprise'"),
        (put(estimator=[]), r"estimator should be a dict; got \[\]"),
        (put(estimator={"class": "sklatent.PCA", "state": {}}), "class 'sklatent.PCA'"),
        (put_state(callbacks=[1]), r"callbacks cannot be \[1\]"),
        (put_state(checkpoint_path="a"), "checkpoint_path cannot be 'a'"),
        (hidden_layers(9 * 10**18), "describes no networks"),
        (hidden_layers(*[1] * 10**5), "tensors are too few"),
        (put_state(hidden_layer_sizes=[9]), "hidden_layer_sizes must be"),
        (put_state(n_components_=0), "n_components_ cannot be 0"),
        (put_state(_seeds_=[0, 1, 2.5]), r"_seeds_ cannot be \[0, 1, 2.5\]"),
        (put_state(history_={"dict": {}}), r"history_ cannot be \{\}"),
        (put_state(history_={"two": 1, "keys": 2}), "history_ is .* no plain data"),
        (put_state(device_="no device"), "device_ cannot be 'no device'"),
        (drop("_noise_seed"), r"\['_noise_seed'\] are missing"),
        (put_state(lr=-1.0), "'lr' parameter"),
        (drop("lr"), r"parameters \['lr'\] of its .* are missing"),
        (put_state(transform=1), "cannot have an attribute 'transform'"),
        (put_state(__class__=1), "cannot have an attribute '__class__'"),
        (put_state(surprise=1), r"attributes, .*'surprise'"),
        (drop("n_components_"), r"\['n_components_'\] are missing"),
        (drop("mean_"), r"attributes, \['mean_'\] are missing"),
        (drop("_networks"), "nothing refers to its entries|_networks should be a dict"),
        (entry("mean_", np.zeros(3)), "mean_ cannot be array"),
        (put_state(n_features_in_=5), "attribute .* cannot be"),
        (put_state(n_components_=5), "_spec cannot be|kl_per_component_ cannot be"),
        (entry("scale_", None), "scale_ is no array"),
        (entry("scale_", np.zeros(4)), r"scale_ cannot be array"),
        (entry("scale_", -np.ones(4)), r"scale_ cannot be array"),
        (entry("scale_", np.ones(4, np.float32)), r"scale_ cannot be array"),
        (entry("mean_", np.full(4, np.nan)), r"mean_ cannot be"),
        (entry(WEIGHT, None), "encoder.0.weight is no array"),
        (entry(WEIGHT, ONES[:2, :2]), r"which is \(2, 2\)"),
        (entry(WEIGHT, ONES.astype(float)), r"torch.float64"),
        (entry(WEIGHT, ONES * np.nan), f"{WEIGHT} has NaN"),
        (entry(WEIGHT, ONES * np.inf), f"{WEIGHT} has NaN or inf"),
        (entry("surprise", np.zeros(1)), "unknown"),
    ],
)
@pytest.mark.slow
def test_what_is_not_known_is_refused(cls, change, message, X, tmp_path):
    cls(hidden_layer_sizes=(128,), max_epochs=1).fit(X).save(tmp_path / "model")
    settings, arrays = contents(tmp_path / "model")
    change(settings, arrays)
    write(tmp_path / "model", settings, arrays)
    with pytest.raises(ValueError, match=message):
        cls.load(tmp_path / "model")


@pytest.mark.parametrize("n_draws", [True, 10**6])
def test_number_of_draws_that_is_none_or_takes_all_memory(n_draws, X, tmp_path):
    vae = VAETransformer(max_epochs=1).fit(X)
    vae.save(tmp_path / "model")
    settings, arrays = contents(tmp_path / "model")
    state(settings)["n_importance_samples"] = n_draws
    write(tmp_path / "model", settings, arrays)
    with pytest.raises(ValueError, match="n_importance_samples"):
        VAETransformer.load(tmp_path / "model")
    with pytest.raises(ValueError, match="n_importance_samples cannot be"):
        vae.set_params(n_importance_samples=n_draws).save(tmp_path / "model")
    assert contents(tmp_path / "model")[0] == settings


@ALL
def test_damaged_file(cls, X, tmp_path):
    path = tmp_path / "model"
    cls(max_epochs=1).fit(X).save(path)
    content = path.read_bytes()
    for part in (b"", content[:5], content[:300], content[:-1], b"text" * 100):
        path.write_bytes(part)
        with pytest.raises(ValueError, match="is no file of `save`, or is damaged"):
            cls.load(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="has the format None"):
        cls.load(path)
    with pytest.raises(FileNotFoundError):
        cls.load(tmp_path / "elsewhere")


def nodes(value, path=()):
    """Paths to all values in one of JSON."""
    yield path
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from nodes(item, (*path, key))


def at(value, path):
    """The value in a place of one of JSON."""
    for key in path:
        value = value[key]
    return value


def replaced(value, path, by):
    """Copy of a value of JSON with another one in a place."""
    if not path:
        return by
    value = copy.copy(value)
    value[path[0]] = replaced(value[path[0]], path[1:], by)
    return value


ODD = [[], {}, None, True, -1, 0, 5, "x", math.nan, 1e308, 2**31, 10**30]
ODD += [{"tuple": [10**9]}, {"float": "nan"}, {"scalar": {"entry": "mean_"}}]
ODD += [
    {"array": {"entry": "mean_", "dtype": dtype, "axes": [0], "shape": [10**9]}}
    for dtype in ("<U9999999", "V9", "<f8")
]


class TestHostileFiles:
    """Whatever a file holds: ValueError that names it, or a model that works."""

    SMALLEST = {"hidden_layer_sizes": (3,), "max_epochs": 1, "random_state": 0}
    ESTIMATORS = [
        AETransformer(image_shape=(2, 2), conv_channels=2, **SMALLEST),
        VAETransformer(
            likelihood=[("categorical", [0, 1]), ("gaussian", slice(2, 4))],
            prior="mixture",
            n_prior_components=2,
            n_importance_samples=2,
            **SMALLEST,
        ),
    ]

    @pytest.fixture(params=ESTIMATORS, ids=["AE", "VAE"])
    def saved(self, request, X, tmp_path):
        """A class, its rows, and the path and the contents of a file."""
        rows = np.column_stack([X[:, :2].round(), X[:, 2:]])[:20].astype(np.float32)
        path = tmp_path / "model"
        clone(request.param).fit(rows).save(path)
        return type(request.param), rows, path, *contents(path)

    def load(self, cls, rows, path):
        """Load a file; tell whether it could be."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InconsistentVersionWarning)
                loaded = cls.load(path)
        except ValueError as error:
            assert str(path) in str(error)
            return False
        if cls is VAETransformer:  # levels may be others now
            rows = np.where([True, True, False, False], np.nan, rows).astype(np.float32)
        with np.errstate(all="ignore"):
            loaded.inverse_transform(loaded.transform(rows))
            loaded.score_samples(rows)
        return True

    @pytest.mark.slow
    def test_any_value_in_place_of_any_other(self, saved):
        cls, rows, path, settings, arrays = saved
        n_loaded = n_refused = 0
        for place in nodes(settings):
            for odd in ODD:
                write(path, replaced(settings, place, odd), arrays)
                if self.load(cls, rows, path):
                    # The parameters of a later fit may be any that are valid.
                    assert place[0] in ("estimator", "digests", "version", "sklearn")
                    n_loaded += 1
                else:
                    n_refused += 1
        assert n_refused > 5 * n_loaded > 0

    @pytest.mark.slow
    def test_any_tensor_in_place_of_any_other(self, saved):
        cls, rows, path, settings, arrays = saved
        for name, right in arrays.items():
            wrong = [None, right[None], right.flatten()[:-1]]
            with np.errstate(all="ignore"):
                wrong += [right.astype(np.int32), right.astype(np.float16)]
                wrong += [right * right.dtype.type(v) for v in (math.nan, math.inf)]
            other = np.float64 if right.dtype == np.float32 else np.float32
            wrong += [right.astype(other)]
            for array in wrong:
                changed = {n: a for n, a in arrays.items() if n != name}
                described = settings
                if array is not None:
                    changed[name] = np.ascontiguousarray(array).reshape(array.shape)
                    how = {"dtype": array.dtype.str, "axes": list(range(array.ndim))}
                    (place,) = (p for p in nodes(settings) if at(settings, p) == name)
                    how = {"entry": name, **how}
                    described = replaced(settings, place[:-1], how)
                write(path, described, changed)
                # NaN says that a column is not constant. The variance of data at 1e200
                # overflows, and of levels that a column lacks the logarithm is -inf.
                harmless = array is not None and (
                    (name == "_constant" and np.isnan(right).all())
                    or (name == "noise_variance_" and np.isinf(array).all())
                    or np.array_equal(array, right)
                )
                assert not self.load(cls, rows, path) or harmless, name

    def test_any_damage(self, saved):
        cls, rows, path, *_ = saved
        content = path.read_bytes()
        rng = np.random.RandomState(0)
        for n in rng.randint(len(content), size=30):
            path.write_bytes(content[:n])
            assert not self.load(cls, rows, path)
        for n in rng.randint(8 * len(content), size=150):
            flipped = bytearray(content)
            flipped[n // 8] ^= 1 << n % 8
            path.write_bytes(flipped)
            assert not self.load(cls, rows, path)

    @pytest.mark.parametrize("text", ["[" * 10**5, "1" * 10**5, "[1e999]", "\x00", "3"])
    def test_metadata_that_cannot_be_read(self, saved, text):
        cls, rows, path, _, arrays = saved
        metadata = {"sklatent": text, "digest": _container.digest_of_text(text)}
        path.write_bytes(b"".join(_container.pack(arrays, metadata)))
        assert not self.load(cls, rows, path)


@pytest.mark.slow
def test_nothing_large_is_made(X, tmp_path):
    """Files of some kilobytes that describe networks of gigabytes."""
    AETransformer(max_epochs=1, hidden_layer_sizes=(8,)).fit(X).save(tmp_path / "ae")
    rows = np.column_stack([np.arange(150) % 2, X])
    VAETransformer(
        max_epochs=1,
        hidden_layer_sizes=(8,),
        likelihood=[("categorical", [0]), ("gaussian", slice(1, None))],
        prior="mixture",
    ).fit(rows).save(tmp_path / "vae")
    for name, change in [
        ("ae", {"hidden_layer_sizes": [12000, 12000]}),
        ("ae", {"hidden_layer_sizes": [1] * 10**6}),
        ("ae", {"image_shape": [4, 1, 1], "conv_channels": [12000, 12000]}),
        ("ae", {"n_components_": 10**8}),
        ("vae", {"n_prior_components": 10**8}),
        ("vae", {"latent": "categorical", "n_levels": 10**8}),
        ("vae", {"image_shape": [1, 1, 5], "conv_channels": [3] * 10**6}),
    ]:
        settings, arrays = contents(tmp_path / name)
        state(settings).update(change)
        count = len(list(tmp_path.iterdir()))
        write(tmp_path / f"hostile-{count}", settings, arrays)
    script = f"""
        import pathlib, resource
        from sklatent.neural._base import NeuralLatentModel
        from sklatent.neural import AETransformer, ParametricEmbedding, VAETransformer
        folder = pathlib.Path({str(tmp_path)!r})
        for name in ("ae", "vae"):
            NeuralLatentModel.load(folder / name)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for path in folder.glob("hostile-*"):
            try:
                NeuralLatentModel.load(path)
            except ValueError:
                continue
            raise AssertionError(path)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    grown = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    assert int(grown) < 200 * 1024  # kilobytes


@ALL
def test_failed_save_keeps_the_file(cls, X, tmp_path, monkeypatch):
    path = tmp_path / "model"
    estimator = cls(max_epochs=1).fit(X)
    estimator.save(path)
    content = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        estimator.save(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
