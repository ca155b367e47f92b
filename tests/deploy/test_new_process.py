"""Every estimator in a new process: files of `save`, skops and ONNX."""

import json
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import BaseEnsemble

from sklatent.base import SklatentEstimator
from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import GaussianMixture
from sklatent.deploy import load, to_onnx
from sklatent.neural import AETransformer, VAETransformer
from tests.deploy.outputs import outputs
from tests.instances import IMAGE_INSTANCES, INSTANCES

ROOT = Path(__file__).parents[2]
# With some noise: rows of iris coincide, of which some estimators warn.
X = load_iris().data + np.random.RandomState(0).normal(scale=0.01, size=(150, 4))


def is_plain(estimator):
    """Whether parameters hold no code, such as networks of the user, and no forest."""
    values = estimator.get_params().values()
    return not any(callable(v) or isinstance(v, BaseEnsemble) for v in values)


ESTIMATORS = [e for each in INSTANCES.values() for e in each if is_plain(e)]
ESTIMATORS += IMAGE_INSTANCES


@pytest.fixture(scope="module")
def fitted():
    """Every instance, fitted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short = [clone(estimator) for estimator in ESTIMATORS]
        for estimator in short:
            if "max_epochs" in estimator.get_params():
                estimator.set_params(max_epochs=1)
            estimator.fit(X)
    return short


def run(script, folder):
    """Run a script in a new process, in a folder of files."""
    script = textwrap.dedent(script)
    command = [sys.executable, "-W", "error", "-c", script, str(folder)]
    subprocess.run(command, check=True, cwd=ROOT)


def assert_same(estimators, folder):
    """Outputs in the folder's npz files are those of the estimators, to the bit."""
    for i, estimator in enumerate(estimators):
        expected = outputs(estimator, X)
        with np.load(folder / f"{i}.npz") as found:
            assert set(found) == set(expected)
            for name, array in expected.items():
                said = f"{name} of {estimator}"
                assert found[name].dtype == array.dtype, said
                np.testing.assert_array_equal(found[name], array, err_msg=said)


LOAD_ALL = """
    import pathlib, sys
    import numpy as np
    from tests.deploy.outputs import outputs
    {imports}
    folder = pathlib.Path(sys.argv[1])
    X = np.load(folder / "X.npy")
    for path in folder.glob("*.model"):
        estimator = {load}
        np.savez(path.with_suffix(".npz"), **outputs(estimator, X))
"""


@pytest.mark.slow
def test_save_and_load(fitted, tmp_path):
    np.save(tmp_path / "X.npy", X)
    for i, estimator in enumerate(fitted):
        estimator.save(tmp_path / f"{i}.model")
    imports, load_one = "from sklatent.deploy import load", "load(path)"
    run(LOAD_ALL.format(imports=imports, load=load_one), tmp_path)
    assert_same(fitted, tmp_path)


@pytest.mark.slow
def test_a_loaded_estimator_has_all_that_the_saved_one_has(fitted, tmp_path):
    for estimator in fitted:
        estimator.save(tmp_path / "model")
        loaded = type(estimator).load(tmp_path / "model")
        assert repr(loaded) == repr(estimator)
        assert vars(loaded).keys() == vars(estimator).keys()
        assert type(SklatentEstimator.load(tmp_path / "model")) is type(estimator)


@pytest.mark.slow
def test_skops(fitted, tmp_path):
    np.save(tmp_path / "X.npy", X)
    untrusted = set()
    for i, estimator in enumerate(fitted):
        path = tmp_path / f"{i}.model"
        skops.io.dump(estimator, path)
        untrusted.update(skops.io.get_untrusted_types(file=path))
    # What a person has to read before trusting it: names of this package only,
    # scikit-learn's dict with attributes, and SciPy's sparse array.
    others = {name for name in untrusted if not name.startswith("sklatent.")}
    assert others == {"sklearn.utils._bunch.Bunch", "scipy.sparse._csr.csr_array"}
    (tmp_path / "trusted.json").write_text(json.dumps(sorted(untrusted)))
    imports = "import json; import skops.io"
    load_one = "skops.io.load(path, json.loads((folder / 'trusted.json').read_text()))"
    run(LOAD_ALL.format(imports=imports, load=load_one), tmp_path)
    assert_same(fitted, tmp_path)


LINEAR = ("transform", "inverse_transform", "score_samples")
NETWORK = ("transform", "inverse_transform")
METHODS = {
    **dict.fromkeys((PCA, PPCA, FactorAnalysis), LINEAR),
    **dict.fromkeys((AETransformer, VAETransformer), NETWORK),
    GaussianMixture: ("score_samples", "predict", "predict_proba"),
}

RUN_ALL = """
    import pathlib, sys
    import numpy as np
    import onnxruntime
    for path in pathlib.Path(sys.argv[1]).glob("*.onnx"):
        session = onnxruntime.InferenceSession(path)
        given = np.load(path.with_suffix(".given.npy"))
        (output,) = session.run(None, {"X": given})
        (row,) = session.run(None, {"X": given[:1]})
        np.savez(path.with_suffix(".npz"), output=output, row=row)
    assert not {"sklatent", "sklearn", "torch"} & sys.modules.keys()
"""


def assert_close(found, expected, rounding, dtype, said):
    """To 1e-6 of the largest number in single precision, to 1e-12 in double.

    And to twice what rounding does to our own result, as both are rounded.
    """
    assert found.dtype == expected.dtype, said
    assert found.shape == expected.shape, said
    tolerance = {"float32": 1e-6, "float64": 1e-12}[dtype]
    size = np.abs(expected).max(initial=0)
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=tolerance * size + 2 * rounding, err_msg=said
    )


def check_graphs(estimators, folder, dtype):
    """Compare the graphs of all methods, in a new process, with the methods."""
    expected = {}
    rows = X.astype(dtype)
    for i, estimator in enumerate(estimators):
        for method in METHODS[type(estimator)]:
            path = folder / f"{i}-{method}.onnx"
            given = rows
            if method == "inverse_transform":
                given = estimator.transform(rows)
                if not given.size:  # PPCA(0)
                    continue
            np.save(path.with_suffix(".given.npy"), given)
            to_onnx(estimator, path, method=method, dtype=dtype)
            result = getattr(estimator, method)(given)
            if result.size:
                exact = getattr(estimator, method)(given.astype(np.float64))
                rounding = np.abs(result - exact).max()
                expected[path] = f"{method} of {estimator}", result, rounding
            else:
                path.unlink()
    run(RUN_ALL, folder)
    for path, (said, result, rounding) in expected.items():
        with np.load(path.with_suffix(".npz")) as found:
            assert_close(found["output"], result, rounding, dtype, said)
            # One row is computed as in a batch.
            assert_close(found["row"], result[:1], rounding, dtype, said)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx_of_linear_models_and_mixtures(fitted, tmp_path, dtype):
    estimators = [e for e in fitted if isinstance(e, (*METHODS,)) and not is_network(e)]
    spherical = GaussianMixture(2, covariance_type="spherical", random_state=0).fit(X)
    check_graphs([*estimators, spherical], tmp_path, dtype)


def is_network(estimator):
    return isinstance(estimator, AETransformer | VAETransformer)


@pytest.mark.slow
def test_onnx_of_networks(fitted, tmp_path):
    # Of instances whose graphs have the same operators, one is enough.
    networks = {operators(e): e for e in fitted if is_network(e)}
    assert len(networks) >= 7
    check_graphs(networks.values(), tmp_path, "float32")


def operators(estimator):
    """What tells graphs of networks apart, sizes and activations aside."""
    module = estimator.net_.module_
    networks = [*module.encoder.modules(), *module.decoder.modules()]
    parts = getattr(getattr(module, "likelihood", None), "parts", ())
    types = {
        type(part) for part in [*networks, *parts, getattr(module, "latent", None)]
    }
    return frozenset({t.__name__ for t in types} - {"GELU", "ReLU", "Tanh"})


def test_load_takes_pathlib_and_str(tmp_path):
    PCA(1).fit(X).save(tmp_path / "model")
    assert repr(load(str(tmp_path / "model"))) == repr(load(tmp_path / "model"))
