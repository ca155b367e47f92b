import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from sklatent.density.kernel import _sums
from sklatent.density.kernel._radial import KERNELS
from sklatent.density.kernel._run_sums import RunSums
from sklatent.density.kernel._strips import Strips
from sklatent.density.kernel._sums import KernelSums

COMPACT = [name for name, kernel in KERNELS.items() if kernel.compact]


def in_runs(strips, x):
    """Pairs of a query and a row that are in one of its runs."""
    pairs = np.zeros((len(x), len(strips.order)), int)
    for query, start, stop in zip(*strips.runs(x), strict=True):
        pairs[query, strips.order[start:stop]] += 1
    return pairs


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_runs_have_all_rows_within_reach_once(d, offset):
    rng = np.random.RandomState(d)
    y = 3 * rng.standard_normal((500, d)) + offset
    x = np.vstack([y[:50], 3 * rng.standard_normal((50, d)) + offset])
    x = np.vstack([x, np.full((2, d), offset + 1e5), np.full((2, d), -1e300)])
    strips = Strips(y)
    assert strips.resolved
    pairs = in_runs(strips, x)
    near = cdist(x, y) < 1
    assert pairs.max() == 1
    assert near.sum() > 100
    assert (pairs[near] == 1).all()
    # Few others: those within the side of a strip, and its diagonal in a plane.
    others = cdist(x, y) > 1 + 0.5 * np.sqrt(2)
    assert not pairs[:100][others[:100]].any()


def test_rows_too_far_apart_for_floating_point():
    y = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 1e30]])
    assert not Strips(y).resolved
    assert not Strips(y[:, ::-1]).resolved
    logs = KernelSums(y, KERNELS["tophat"], 1.0, np.zeros(3)).log_sums(y)
    np.testing.assert_allclose(logs, np.log([2, 2, 1]))


@pytest.mark.parametrize("name", COMPACT)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_sums_over_runs(name, d, monkeypatch):
    """Those of a loop over all pairs, in parts that end within the runs of a query."""
    monkeypatch.setattr("sklatent.density.kernel._run_sums.PAIRS", 50)
    rng = np.random.RandomState(d)
    rows, X = rng.standard_normal((400, d)), rng.standard_normal((60, d))
    lam, weight = rng.uniform(0.5, 2, 400), rng.random_sample(400)
    inverse = rng.uniform(1.5, 2.5, d)
    sums = RunSums(rows, KERNELS[name], inverse, lam, weight)
    s = cdist(X * inverse, rows * inverse, "sqeuclidean") * lam
    want = KERNELS[name].values(s) @ weight
    np.testing.assert_allclose(sums.sums(X, *sums.runs(X)), want, rtol=1e-11)
    far = np.full((3, d), 99.0)
    np.testing.assert_array_equal(sums.sums(far, *sums.runs(far)), 0)


@pytest.mark.parametrize("name", COMPACT)
@pytest.mark.parametrize("width", [0.05, 0.3, 3.0])
def test_pairs_or_tiles(name, width, monkeypatch):
    """Both are right, and the choice is made block by block."""
    rng = np.random.RandomState(0)
    Y, X = rng.standard_normal((3000, 2)) + 1e5, rng.standard_normal((300, 2)) + 1e5
    with np.errstate(divide="ignore"):
        logs = KERNELS[name].logs(cdist(X, Y, "sqeuclidean") / width**2)
        want = logsumexp(logs, axis=1)
    for tile_pairs in (0, _sums.TILE_PAIRS, np.inf):
        monkeypatch.setattr(_sums, "TILE_PAIRS", tile_pairs)
        got = KernelSums(Y, KERNELS[name], width, np.zeros(3000)).log_sums(X)
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
