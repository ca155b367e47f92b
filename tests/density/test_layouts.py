"""The densities without a model give the same numbers for any layout of a table."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklatent.density import HistogramDensity, KernelDensity, KNeighborsDensity

ESTIMATORS = {
    "kernels": KernelDensity("silverman"),
    "whitened": KernelDensity(whiten=True, adaptive=True),
    "leave-one-out": KernelDensity("loo", candidates=4),
    "metric": KernelDensity(2.0, metric="manhattan"),
    "histogram": HistogramDensity(),
    "neighbors": KNeighborsDensity(),
    "k*": KNeighborsDensity("kstar"),
}


def layouts(X, folder):
    """Copies of a table that numpy, pandas and polars keep in different ways."""
    n, p = X.shape
    wide = np.full((2 * n, 3 * p), 7.0)
    wide[::2, ::3] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    path = folder / "table.npy"
    np.save(path, X)
    csv = folder / "table.csv"
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(p)])
    frame.to_csv(csv, index=False)
    return {
        "Fortran": np.asfortranarray(X),
        "strided": wide[::2, ::3],
        "negative strides": np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
        "read-only": read_only,
        "memory map": np.load(path, mmap_mode="r"),
        "big-endian": X.astype(">f8"),
        "list": X.tolist(),
        "object": X.astype(object),
        "read_csv": pd.read_csv(csv),
        "columns": pd.DataFrame({name: frame[name].copy() for name in frame}),
        "nullable": frame.astype("Float64"),
        "polars": pl.DataFrame({name: frame[name].to_numpy() for name in frame}),
    }


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("p", [1, 9, 17])
@pytest.mark.slow
def test_any_layout_gives_the_same_numbers(name, p, tmp_path):
    """To rounding, as sums may be taken in another order."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, p)) * rng.uniform(0.5, 2, p) + 3
    estimator = ESTIMATORS[name]
    want = estimator.fit(X).score_samples(X)
    draws = estimator.sample(9, 0) if hasattr(estimator, "sample") else None
    for layout, table in layouts(X, tmp_path).items():
        got = estimator.fit(table).score_samples(table)
        np.testing.assert_allclose(got, want, rtol=1e-9, err_msg=layout)
        if draws is not None:
            np.testing.assert_allclose(
                estimator.sample(9, 0), draws, rtol=1e-9, err_msg=layout
            )
