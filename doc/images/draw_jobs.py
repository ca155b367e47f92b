"""Draws the five pictures of the landing page, a job each, and the strip of the README.

Run it from this folder after a change that moves results: ``python draw_jobs.py``. The
pictures are fits of the package to tables that scikit-learn and vega_datasets ship.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from sklatent.datasets import make_swiss_roll
from sklatent.density import GaussianMixture, KernelDensity
from sklatent.dimension import Gride
from sklatent.manifold import Isomap

FOLDER = Path(__file__).parent
BLUE, ORANGE, GREY = "#1a8fa6", "#f08024", "#8a8f98"
# What is written under each picture in the strip.
JOBS = ["dimension", "embedding", "outliers", "imputation", "synthetic rows"]


def cars():
    """Numbers of the cars, without rows that miss any."""
    from vega_datasets import local_data

    columns = ["Miles_per_Gallon", "Horsepower", "Weight_in_lbs", "Acceleration"]
    table = pd.read_json(local_data.cars.filepath)
    return table[columns].dropna().to_numpy(float)


def dimension(ax):
    """A curved sheet with noise: the dimension by scale, and its plateau at 2."""
    X = make_swiss_roll(8000, noise=0.2, random_state=0)[0]
    gride = Gride(max_neighbors=512).fit(X)
    scales, estimates = gride.scales_, gride.dimension_scales_
    band = 1.96 * gride.dimension_std_scales_
    ax.axhline(2, color=GREY, lw=2, ls=":")
    ax.fill_between(
        scales, estimates - band, estimates + band, color=BLUE, alpha=0.3, lw=0
    )
    ax.plot(scales, estimates, "o-", color=BLUE, lw=3, ms=8)
    ax.set(xscale="log", ylim=(1.5, 3.3))


def embedding(ax):
    """The same sheet in two numbers a row."""
    X = make_swiss_roll(1500, random_state=0)[0]
    Z = Isomap(n_components=2, n_neighbors=8).fit_transform(X)
    turn = np.hypot(X[:, 0], X[:, 2])  # the roll winds around the second axis
    ax.scatter(*Z.T, c=turn, s=24, cmap="viridis", lw=0)


def outliers(ax):
    """Cars by horsepower and acceleration: contours of a density, least likely rows."""
    X = StandardScaler().fit_transform(cars())[:, [1, 3]]
    density = KernelDensity(bandwidth="loo").fit(X)
    scores = density.score_samples(X, leave_one_out=True)
    least = scores < np.quantile(scores, 0.03)
    axes = [np.linspace(*span, 120) for span in [(-2.4, 4), (-3.4, 3.8)]]
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    values = density.score_samples(grid.reshape(-1, 2)).reshape(120, 120)
    levels = np.quantile(scores, [0.03, 0.15, 0.35, 0.6, 0.85])
    style = {"colors": BLUE, "linewidths": 2, "linestyles": "solid", "alpha": 0.8}
    ax.contour(*axes, values, levels=levels, **style)
    ax.scatter(*X[~least].T, s=8, color=GREY, alpha=0.6, lw=0)
    ax.scatter(*X[least].T, s=60, color=ORANGE, zorder=3)


def imputation(ax):
    """Removed entries of the cars beside their imputed values, with error bars."""
    X = StandardScaler().fit_transform(cars())
    missing = np.random.RandomState(0).uniform(size=X.shape) < 0.2
    table = np.where(missing, np.nan, X)
    imputed, std = GaussianMixture(1).fit(table).impute(table, return_std=True)
    shown = np.flatnonzero(missing[:, 2])[:60]
    ax.plot([-2, 2.6], [-2, 2.6], color=GREY, lw=2, ls=":")
    ax.errorbar(
        X[shown, 2], imputed[shown, 2], 1.96 * std[shown, 2],
        fmt="o", ms=7, color=BLUE, ecolor=ORANGE, elinewidth=2,
    )  # fmt: skip


def synthetic(ax):
    """Weight and mileage of the cars, and of synthetic ones."""
    X = cars()
    mixture = GaussianMixture(range(1, 9), criterion="bic", random_state=0).fit(X)
    new = mixture.sample(len(X), random_state=0)
    ax.scatter(X[:, 2], X[:, 0], s=22, color=GREY, alpha=0.55, lw=0)
    ax.scatter(new[:, 2], new[:, 0], s=22, color=ORANGE, alpha=0.75, lw=0)


def main():
    """Draw each job by itself, on a transparent ground, and all in a strip."""
    panels = [dimension, embedding, outliers, imputation, synthetic]
    strip, axes = plt.subplots(1, 5, figsize=(15, 3.1), layout="constrained")
    for draw, job, ax in zip(panels, JOBS, axes, strict=True):
        figure, single = plt.subplots(figsize=(4, 3.2), layout="constrained")
        for place in (single, ax):
            draw(place)
            place.set(xticks=[], yticks=[])
            place.minorticks_off()
            place.spines[:].set(color=GREY, linewidth=2)
            place.spines[["top", "right"]].set_visible(False)
        ax.set_title(job, fontsize=17)
        save(figure, f"job_{draw.__name__}.png", transparent=True)
    save(strip, "jobs.png")


def save(figure, name, transparent=False):
    """Save a figure with few colors, which makes the file small."""
    from PIL import Image

    figure.savefig(FOLDER / name, dpi=100, transparent=transparent)
    picture = Image.open(FOLDER / name).quantize(96, method=Image.Quantize.FASTOCTREE)
    picture.save(FOLDER / name, optimize=True)
    plt.close(figure)


if __name__ == "__main__":
    main()
