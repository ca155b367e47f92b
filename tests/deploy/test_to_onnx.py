"""Graphs of ONNX operators."""

import logging
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from torch import nn

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, KernelDensity
from sklatent.deploy import to_onnx
from sklatent.neural import AETransformer, ParametricEmbedding, VAETransformer
from tests.neural.settings import TINY

X = load_iris().data
RNG = np.random.RandomState(0)
# One factor and much noise, so that no feature is explained entirely.
FACTOR = RNG.normal(size=(200, 1)) @ [[3.0, -2.0, 1.0, 1.0]] + RNG.normal(size=(200, 4))


def run(model, rows):
    """Output of a graph."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (output,) = session.run(None, {"X": rows})
    return output


def assert_close(found, expected, tolerance=1e-6):
    """Equal to a share of the largest number in each column."""
    size = np.abs(expected).max(axis=0)
    assert np.all(np.abs(found - expected) <= tolerance * size + 1e-300)


@pytest.mark.parametrize("offset", [0, 1e6, -1e4])
@pytest.mark.parametrize("cls", [PCA, PPCA, FactorAnalysis, GaussianMixture])
def test_digits_of_data_far_from_zero(cls, offset):
    """In double precision graphs lose what rounding of the data loses, not more."""
    rows = FACTOR + offset
    estimator, near = cls(1).fit(rows), cls(1).fit(FACTOR)
    model = to_onnx(estimator, method="score_samples", dtype="float64")
    found = run(model, rows)
    np.testing.assert_allclose(found, estimator.score_samples(rows), rtol=1e-9)
    np.testing.assert_allclose(found, near.score_samples(FACTOR), rtol=1e-5)


def test_constant_columns_and_whitening():
    rows = np.column_stack([FACTOR, np.full(len(FACTOR), 7.0)])
    for estimator in (PCA(4, whiten=True), PCA(), PPCA(2), FactorAnalysis(1)):
        estimator.fit(rows)
        Z = estimator.transform(rows)
        found = run(to_onnx(estimator, dtype="float64"), rows)
        np.testing.assert_allclose(found, Z, atol=1e-8)
        back = to_onnx(estimator, method="inverse_transform", dtype="float64")
        expected = estimator.inverse_transform(Z)
        np.testing.assert_allclose(run(back, Z), expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_responsibilities_far_from_all_components(kind):
    mixture = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    rows = np.vstack([X[::10], X[:3] * 1e3])
    for method in ("predict_proba", "predict", "score_samples"):
        found = run(to_onnx(mixture, method=method, dtype="float64"), rows)
        expected = getattr(mixture, method)(rows)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


# A table with each kind of column, in units that are far apart.
MIXED = np.column_stack(
    [
        1e4 * X[:, 0],
        1e-3 * np.exp(X[:, 1]),
        np.round(X[:, 2]),
        X[:, 3] > 1,
        RNG.poisson(X[:, 0]),
        np.full(len(X), 7.0),
    ]
).astype(np.float32)
KINDS = [("gaussian", [0, 1, 5]), ("categorical", [2]), ("bernoulli", [3])]
KINDS += [("poisson", [4])]


@pytest.mark.parametrize("marginals", ["normal_scores", None])
def test_mixed_tables_with_missing_entries(marginals):
    incomplete = MIXED.copy()
    incomplete[RNG.uniform(size=MIXED.shape) < 0.2] = np.nan
    incomplete[0] = np.nan
    vae = VAETransformer(2, likelihood=KINDS, marginals=marginals, **TINY)
    vae.fit(incomplete)
    encoder = to_onnx(vae)
    for rows in (incomplete, MIXED, incomplete[:1]):
        assert_close(run(encoder, rows), vae.transform(rows), 2e-6)
    codes = vae.transform(incomplete)
    found = run(to_onnx(vae, method="inverse_transform"), codes)
    # A point of a grid of 8,192 scores may be the next one, in a mean over 32.
    assert_close(found, vae.inverse_transform(codes), 1e-4 if marginals else 1e-6)


def test_no_branches_depend_on_the_data():
    vae = VAETransformer(likelihood=KINDS, **TINY).fit(MIXED)
    for method in ("transform", "inverse_transform"):
        graph = to_onnx(vae, method=method).graph
        assert not {"If", "Loop", "Scan"} & {node.op_type for node in graph.node}
        assert [i.name for i in graph.input] == ["X"]
        assert [o.name for o in graph.output] == [method]
        assert graph.input[0].type.tensor_type.shape.dim[0].dim_param


class Perceptron(nn.Sequential):
    """A network of the user's."""

    def __init__(self, n_in, n_out):
        super().__init__(nn.Linear(n_in, 5), nn.Dropout(0.1), nn.Linear(5, n_out))


def test_networks_of_the_user_and_double_precision():
    ae = AETransformer(2, encoder=Perceptron, decoder=nn.Linear, **TINY).fit(X)
    found = run(to_onnx(ae, dtype="float64"), X)
    assert_close(found, ae.transform(X), 1e-12)


class OfPairs(nn.Linear):
    """A network that reads two rows, as the exporter does, in a way of its own."""

    def forward(self, x):
        return super().forward(x) * (2.0 if len(x) == 2 else 1.0)


def test_networks_that_depend_on_the_number_of_rows():
    ae = AETransformer(2, encoder=OfPairs, decoder=nn.Linear, **TINY).fit(X)
    with pytest.raises(ValueError, match="the same with any number of rows"):
        to_onnx(ae)


def test_places_and_their_decoder():
    embedding = ParametricEmbedding(reconstruction_weight=1.0, **TINY).fit(X)
    rows = X.astype(np.float32)
    Z = embedding.transform(rows)
    assert_close(run(to_onnx(embedding), rows), Z, 1e-5)
    model = to_onnx(embedding, method="inverse_transform")
    assert_close(run(model, Z), embedding.inverse_transform(Z), 1e-5)
    without = ParametricEmbedding(**TINY).fit(X)
    assert_close(run(to_onnx(without), rows), without.transform(rows), 1e-5)
    with pytest.raises(ValueError, match="reconstruction_weight must be above 0"):
        to_onnx(without, method="inverse_transform")


def test_a_file_says_whose_it_is(tmp_path):
    model = to_onnx(PCA(1).fit(X), tmp_path / "pca.onnx")
    read = onnx.load(tmp_path / "pca.onnx")
    assert read == model
    assert read.producer_name == "sklatent"
    assert "PCA" in read.doc_string


def test_what_has_no_graph():
    with pytest.raises(ValueError, match=r"estimator must be one of .*KernelDensity"):
        to_onnx(KernelDensity("scott").fit(X))
    with pytest.raises(ValueError, match=r"method must be one of .*'transform'"):
        to_onnx(GaussianMixture().fit(X))
    with pytest.raises(ValueError, match=r"method must be one of .*'predict'"):
        to_onnx(PCA(1).fit(X), method="predict")
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64'"):
        to_onnx(PCA(1).fit(X), dtype="float16")
    with pytest.raises(NotFittedError):
        to_onnx(PCA())


def test_what_takes_strings():
    class OfStrings(PCA):
        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.input_tags.string = True
            return tags

    with pytest.raises(ValueError, match=r"must take numbers only .* Encode"):
        to_onnx(OfStrings(1).fit(X))
    # Or what a table was when it was fitted.
    vae = VAETransformer(**TINY).fit(X)
    vae.table_ = SimpleNamespace(has_only_numbers=False)
    with pytest.raises(ValueError, match="must take numbers only"):
        to_onnx(vae)


def test_without_onnx():
    script = """
        import sys
        sys.modules["onnx"] = None
        from sklatent import PCA, deploy
        pca = PCA(1).fit([[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]])
        try:
            deploy.to_onnx(pca)
        except ImportError as error:
            assert "to_onnx needs onnx" in str(error) and "[deploy]" in str(error)
        else:
            raise AssertionError
    """
    run = [sys.executable, "-c", textwrap.dedent(script)]
    subprocess.run(run, check=True)


def test_the_exporter_leaves_nothing_behind(capfd):
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    level, state = log.level, torch.get_rng_state()
    to_onnx(AETransformer(1, **TINY).fit(X))
    assert log.level == level
    assert torch.equal(torch.get_rng_state(), state)
    assert capfd.readouterr() == ("", "")
