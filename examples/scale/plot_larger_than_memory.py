"""
=========================================================================
Larger than memory: a million rows are searched for faults chunk by chunk
=========================================================================

The log of a machine comes in twenty chunks, which no process has to hold together. A
cluster of two worker processes reduces it to two components, chooses and fits a mixture
of Gaussians to these, and finds the least likely rows. The estimators are those for
arrays in memory; ``fit`` reads the chunks where they are, and what follows is lazy.
"""

# %%
# A function gives a chunk, as reading a file would. The machine has three states, which
# show in all twelve sensors. In five rows of every chunk it is in none of them.

import dask
import dask.array as da
import joblib
import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV

from sklatent import PCA, GaussianMixture

N_CHUNKS, CHUNK_ROWS, N_FAULTS = 20, 50_000, 5
states = np.array([[-6.0, 0.0], [4.0, 5.0], [5.0, -6.0]])
sensors = np.random.RandomState(0).normal(size=(2, 12))


def read(i):
    """Rows of a chunk; the last of them are faults."""
    rng = np.random.RandomState(i)
    codes = states[rng.choice(3, size=CHUNK_ROWS, p=[0.5, 0.3, 0.2])]
    codes += rng.normal(size=codes.shape)
    angle = rng.uniform(0, 2 * np.pi, size=N_FAULTS)
    codes[-N_FAULTS:] = 13 * np.column_stack([np.cos(angle), np.sin(angle)])
    return codes @ sensors + 0.3 * rng.normal(size=(CHUNK_ROWS, 12))


# %%
# The workers are processes, which import this script, so that the part that starts them
# must not run there. PCA reads each chunk once and gets its moments back, 1 kB or so
# for 5 MB of rows. The components are small enough for the memory of the workers;
# without ``persist`` each step of the mixture would compute them again from the chunks.
#
# The number of Gaussians is chosen by cross-validation on a sample in memory. With
# joblib's backend "dask" the workers of the same cluster fit the candidates.

if __name__ == "__main__":
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # a port that is free
            silence_logs="ERROR",
        ) as cluster,
        Client(cluster),
    ):
        shape = (CHUNK_ROWS, len(sensors.T))
        X = da.concatenate(
            da.from_delayed(dask.delayed(read)(i), shape, float)
            for i in range(N_CHUNKS)
        )
        pca = PCA(2).fit(X)
        Z = pca.transform(X).persist()

        search = GridSearchCV(
            GaussianMixture(random_state=0), {"n_components": range(1, 6)}
        )
        with joblib.parallel_config("dask"):
            search.fit(Z[::250].compute())
        mixture = search.best_estimator_.fit(Z)

        scores = mixture.score_samples(Z)  # not computed yet
        least = scores <= da.topk(scores, -N_CHUNKS * N_FAULTS).max()
        grid = np.linspace(-70, 70, 281)
        counts, _, _ = da.histogram2d(*Z.T, bins=[grid, grid])
        mean, least, counts = dask.compute(scores.mean(), least, counts)
        unlikely = Z[least].compute()

    faults = np.arange(len(X)) % CHUNK_ROWS >= CHUNK_ROWS - N_FAULTS
    print(f"{len(X):,} rows of {X.nbytes / 1e6:.0f} MB in {X.numblocks[0]} chunks")
    print(f"two components explain {pca.explained_variance_ratio_.sum():.1%}")
    print(f"{mixture.n_components} Gaussians, mean log-density {mean:.2f} nats")
    print(
        f"{np.sum(faults & least)} of {faults.sum()} faults are the least likely rows"
    )

# %%
# What is drawn are counts that the workers have made of their chunks, and the rows that
# were found.

if __name__ == "__main__":
    fig, ax = plt.subplots(figsize=(6, 5), layout="constrained")
    image = ax.pcolormesh(grid, grid, np.ma.masked_equal(counts.T, 0), norm="log")
    fig.colorbar(image, label="rows")
    ax.scatter(*unlikely.T, s=12, color="C3", label="least likely rows")
    ax.set(xlabel="first component", ylabel="second component", aspect="equal")
    ax.legend(loc="upper left")
    plt.show()

# %%
# The figure has the three states as clouds of rows and, around them, the rows with the
# lowest density, which are the faults. No process has held more than a few
# chunks of the table and its part of the components. For files in place of the function
# ``read``, ``da.from_zarr`` or ``dask.dataframe.read_parquet`` make the table; for
# machines in place of processes, the address of a scheduler is given to ``Client``. See
# :ref:`scale`.
