"""Files of fitted estimators without pickle."""

import json
import pathlib

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.datasets import load_iris

from sklatent.dimension import TwoNN
from sklatent.exceptions import InconsistentVersionWarning
from sklatent.neural import AETransformer, VAETransformer
from sklatent.neural._base import NeuralLatentModel
from sklatent.neural._saving import decode, encode
from tests.instances import INSTANCES
from tests.test_common import row_outputs

BOTH = pytest.mark.parametrize("cls", [AETransformer, VAETransformer])
EACH = pytest.mark.parametrize(
    "estimator",
    [
        estimator
        for cls in (AETransformer, VAETransformer)
        for estimator in INSTANCES[cls]
        if estimator.encoder is None  # a network of the user's is no plain data
    ],
)


@pytest.fixture(scope="module")
def X():
    return load_iris().data


def contents(path):
    """Settings and tensors of a file."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return json.loads(file.metadata()["sklatent"]), tensors


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
def test_loaded_estimator_gives_the_same(estimator, X, tmp_path):
    estimator.fit(X).save(tmp_path / "model")
    assert_alike(type(estimator).load(tmp_path / "model"), estimator, X)
    assert_alike(NeuralLatentModel.load(str(tmp_path / "model")), estimator, X)


@BOTH
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
    assert loaded.feature_names_in_.tolist() == ["a", "b", "c", "é"]
    assert isinstance(loaded.net_.predict(X.astype(np.float32)), np.ndarray)


@BOTH
def test_loaded_estimator_trains_on(cls, X, tmp_path):
    estimator = cls(max_epochs=5, random_state=0, warm_start=True).fit(X)
    estimator.save(tmp_path / "model")
    loaded = cls.load(tmp_path / "model")
    assert loaded.fit(X).history_ == estimator.fit(X).history_
    assert loaded.partial_fit(X).n_iter_ == 6


def test_plain_data_comes_back():
    values = [None, True, 3, 0.1, "é", [1, (2.0, "a")], (), {"a": (1,), "tuple": []}]
    for value in values:
        assert decode(json.loads(json.dumps(encode(value)))) == value
    array = np.array([[1.5, np.nan]], dtype=np.float32)
    decoded = decode(json.loads(json.dumps(encode(array))))
    np.testing.assert_array_equal(decoded, array)
    assert decoded.dtype == np.float32
    assert encode(np.float64(2.5)) == 2.5
    assert encode(pathlib.PurePath("a")) == "a"
    for value in (len, int, {1: 2}, np.random.RandomState(0), TwoNN()):
        with pytest.raises(TypeError):
            encode(value)


@BOTH
@pytest.mark.parametrize(
    "parameter",
    [
        {"optimizer": torch.optim.Adam},
        {"n_components": TwoNN()},
        {"random_state": np.random.RandomState(0)},
    ],
)
def test_parameters_that_are_no_plain_data(cls, parameter, X, tmp_path):
    (name,) = parameter
    X = X + np.random.RandomState(0).normal(scale=0.01, size=X.shape)
    estimator = cls(max_epochs=1, **parameter).fit(X)
    with pytest.raises(ValueError, match=rf"{name}=.* is not\. Pickle the estimator"):
        estimator.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_parameters_changed_since_the_fit(cls, X, tmp_path):
    estimator = cls(max_epochs=1).fit(X).set_params(hidden_layer_sizes=(5,))
    with pytest.raises(ValueError, match="no longer describe the networks"):
        estimator.save(tmp_path / "model")


@BOTH
def test_only_its_own_class_reads_it(cls, X, tmp_path):
    other = {AETransformer: VAETransformer, VAETransformer: AETransformer}[cls]
    cls(max_epochs=1).fit(X).save(tmp_path / "model")
    message = f"class {cls.__name__}, which {other.__name__}.load does not read"
    with pytest.raises(ValueError, match=message):
        other.load(tmp_path / "model")


@BOTH
def test_another_version_warns(cls, X, tmp_path, monkeypatch):
    cls(max_epochs=1).fit(X).save(tmp_path / "model")
    monkeypatch.setattr("sklatent.neural._saving.__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match=r"0\.1\.0\S* .* by 99"):
        cls.load(tmp_path / "model")


@BOTH
def test_not_fitted(cls, tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        cls().save(tmp_path / "model")


def set_key(section, **items):
    def change(settings, tensors):
        settings[section] |= items

    return change


def drop_key(section, name):
    def change(settings, tensors):
        del settings[section][name]

    return change


def put(**items):
    def change(settings, tensors):
        settings.update(items)

    return change


def tensor(name, value):
    def change(settings, tensors):
        if value is None:
            del tensors[name]
        else:
            tensors[name] = value

    return change


WEIGHT = "module.encoder.0.weight"


@BOTH
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(format="sklatent neural 2"), "the format 'sklatent neural 2'"),
        (put(surprise=1), r"sections.*unknown|sections, \[\] .*'surprise'"),
        (put(**{"class": "PCA"}), "class PCA, which"),
        (put(dtype="int8"), "dtype"),
        (set_key("parameters", surprise=1), r"parameters, .*'surprise'"),
        (set_key("parameters", lr=-1.0), "'lr' parameter"),
        (drop_key("parameters", "lr"), r"parameters, \['lr'\] are missing"),
        (set_key("attributes", transform=1), r"attributes, .*'transform'"),
        (set_key("attributes", surprise=1), r"attributes, .*'surprise'"),
        (drop_key("attributes", "n_components_"), r"\['n_components_'\] are missing"),
        (drop_key("arrays", "mean_"), r"attributes, \['mean_'\] are missing"),
        (set_key("arrays", mean_=[3]), r"array\.mean_ of shape \(3,\)"),
        (set_key("attributes", n_features_in_=5), "of shape .* 5 features"),
        (set_key("attributes", n_components_=5), r"tensor module\.\S+ of shape"),
        (tensor("array.scale_", None), r"array\.scale_ .* missing"),
        (tensor(WEIGHT, None), rf"tensors, \['{WEIGHT}'\] are missing"),
        (tensor(WEIGHT, torch.zeros(2, 2)), r"which is \(2, 2\)"),
        (tensor("surprise", torch.zeros(1)), r"tensors, .*'surprise'"),
    ],
)
def test_what_is_not_known_is_refused(cls, change, message, X, tmp_path):
    cls(max_epochs=1).fit(X).save(tmp_path / "model")
    settings, tensors = contents(tmp_path / "model")
    change(settings, tensors)
    save_file(tensors, tmp_path / "model", {"sklatent": json.dumps(settings)})
    with pytest.raises(ValueError, match=message):
        cls.load(tmp_path / "model")


@BOTH
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


@BOTH
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
