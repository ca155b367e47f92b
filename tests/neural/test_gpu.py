"""Training on a GPU; what comes of it needs none."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from sklatent.neural import AETransformer, VAETransformer
from tests.neural.settings import ALL, TINY

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a GPU that PyTorch can use"
)

WITHOUT_A_GPU = """
import pickle, sys
import numpy as np
import torch
assert not torch.cuda.is_available()
with open(sys.argv[1], "rb") as file:
    X, codes, estimator = pickle.load(file)
np.testing.assert_allclose(estimator.transform(X), codes, rtol=1e-4, atol=1e-5)
rows = torch.from_numpy(X.astype(np.float32))
found = estimator.encoder_(rows).detach()
np.testing.assert_allclose(found, codes, rtol=1e-4, atol=1e-4)
"""


@ALL
def test_the_fitted_networks_are_on_the_cpu(cls, X):
    estimator = cls(device="cuda", **TINY).fit(X)
    assert estimator.device_ == "cuda:0"
    for module in (estimator.net_.module_, estimator.encoder_):
        tensors = [*module.parameters(), *module.buffers()]
        assert {tensor.device.type for tensor in tensors} == {"cpu"}


@ALL
def test_nothing_is_left_on_the_gpu(cls, X):
    settings = {"device": "cuda", **TINY}
    cls(**settings).fit(X).transform(X)  # libraries take memory that they keep
    before = torch.cuda.memory_allocated()
    estimator = cls(**settings).fit(X)
    estimator.inverse_transform(estimator.transform(X))
    assert torch.cuda.memory_allocated() == before


@ALL
def test_a_pickle_opens_without_a_gpu(cls, X, tmp_path):
    estimator = cls(device="cuda", **TINY).fit(X)
    file = tmp_path / "estimator.pickle"
    file.write_bytes(pickle.dumps((X, estimator.transform(X), estimator)))
    command = [sys.executable, "-c", WITHOUT_A_GPU, str(file)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(command, env=environment, check=True)


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed"])
def test_a_seed_gives_the_same_bits(cls, dtype, X):
    settings = {"device": "cuda", "dtype": dtype, **TINY}
    one, other = cls(**settings).fit(X), cls(**settings).fit(X)
    assert one.history_ == other.history_
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


@ALL
def test_global_generators_stay(cls, X):
    before = torch.cuda.get_rng_state()
    cls(device="cuda", **TINY).fit(X).transform(X)
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_scores_are_those_of_the_cpu(X):
    vae = VAETransformer(device="cuda", **TINY).fit(X)
    scores = vae.score_samples(X)
    vae.device_ = "cpu"
    np.testing.assert_allclose(scores, vae.score_samples(X), rtol=1e-6)


def test_rows_do_not_depend_on_their_block(X):
    ae = AETransformer(device="cuda", **TINY).fit(X)
    np.testing.assert_allclose(ae.transform(X)[:1], ae.transform(X[:1]), rtol=1e-6)
