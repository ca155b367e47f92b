import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from sklatent.density.kernel._leaves import (
    LEAF_ROWS,
    bound_sums,
    box_leaves,
    runs_of_rows,
    spatial_order,
    that_matter,
)
from sklatent.density.kernel._radial import KERNELS
from sklatent.density.kernel._sums import KernelSums


@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 1000])
def test_leaves_do_not_overlap_along_a_line(n):
    x = np.random.RandomState(0).permutation(n)[:, None] * 1.0
    order = spatial_order(x, 128)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    ends = [np.sort(x[order[i : i + 128], 0])[[0, -1]] for i in range(0, n, 128)]
    assert (np.diff(np.ravel(ends)) >= 0).all()


def test_order_of_rows_that_tie_or_are_no_numbers():
    for x in (np.zeros((1000, 2)), np.full((1000, 1), np.inf)):
        np.testing.assert_array_equal(np.sort(spatial_order(x, 100)), np.arange(1000))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("width", [0.02, 0.3, 3.0])
def test_what_is_left_out_is_a_small_share(name, width):
    """By sums over what is left out, for blocks near and far."""
    rng = np.random.RandomState(0)
    kernel, tolerance = KERNELS[name], 1e-6
    rows = rng.standard_normal((3000, 2)) / width
    rows = rows[spatial_order(rows, LEAF_ROWS)]
    a, lam = rng.standard_normal(3000), np.exp(0.5 * rng.standard_normal(3000))
    leaves = box_leaves(rows, a, lam)
    left_out_somewhere = False
    for center in (0.0, 1.0, 4.0, 30.0):
        x = (center + 0.1 * rng.standard_normal((50, 2))) / width
        terms = kernel.logs(cdist(x, rows, "sqeuclidean") * lam) + a
        out = np.ones(3000, bool)
        upper, least = bound_sums(leaves, kernel, x)
        with np.errstate(divide="ignore"):
            whole = logsumexp(terms, axis=1)
        assert least <= whole.min()
        kept = that_matter(kernel, upper, terms.max(axis=1).min(), tolerance)
        for run in runs_of_rows(kept, 3000):
            out[run] = False
        left_out_somewhere |= out.any()
        with np.errstate(divide="ignore"):
            share = logsumexp(np.where(out, terms, -np.inf), axis=1)
        assert (share <= whole + np.log(tolerance)).all()
    assert left_out_somewhere or (not kernel.compact and width > 1)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.slow
def test_narrow_kernels(name, d):
    """Direct sums, for queries among the rows and far from them."""
    rng = np.random.RandomState(d)
    Y, width = rng.standard_normal((4000, d)), 0.05
    X = np.vstack([Y[:200], rng.standard_normal((200, d)), 5 * Y[:100]])
    log_weight, factor = rng.standard_normal(4000), rng.uniform(0.5, 2, 4000)
    sums = KernelSums(Y, KERNELS[name], width, log_weight, factor)
    got = sums.log_sums(X)
    s = cdist(X, Y, "sqeuclidean") / (width * factor) ** 2
    with np.errstate(divide="ignore"):
        want = logsumexp(KERNELS[name].logs(s) + log_weight, axis=1)
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
    alone = np.concatenate([sums.log_sums(x[None]) for x in X[::25]])
    np.testing.assert_allclose(alone, got[::25], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["gaussian", "tophat"])
def test_narrow_kernels_see_few_pairs(name, monkeypatch):
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(50_000, 2))
    sums = KernelSums(X, KERNELS[name], 0.002, np.zeros(50_000))
    near, seen = sums.near, []

    def counted(*args):
        runs, terms = near(*args)
        seen.append(sum(run.stop - run.start for run in runs))
        return runs, terms

    monkeypatch.setattr(sums, "near", counted)
    sums.log_sums(X[:10_000])
    assert np.mean(seen) < 0.07 * len(X)


def test_rows_that_are_equal_are_one():
    """Two distinct values; the sums are those of two rows of their weight."""
    rng = np.random.RandomState(0)
    which = rng.randint(2, size=100_000)
    X = np.array([[0.0, 1.0], [1.5, 1.0]])[which]
    sums = KernelSums(X, KERNELS["gaussian"], 1.0, np.zeros(len(X)))
    assert len(sums.rows) == 2
    counts = np.bincount(which)
    want = np.log(counts + counts[::-1] * np.exp(-0.5 * 1.5**2))
    np.testing.assert_allclose(sums.log_sums(X), want[which], rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_equal_rows_in_any_units(scale):
    X = np.random.RandomState(0).standard_normal((50, 2)) * [1.0, scale]
    sums = KernelSums(X, KERNELS["gaussian"], [1.0, scale], np.zeros(50))
    assert len(sums.rows) == 50
    s = cdist(X / [1.0, scale], X / [1.0, scale], "sqeuclidean")
    np.testing.assert_allclose(sums.log_sums(X), logsumexp(-s / 2, axis=1), rtol=1e-9)
