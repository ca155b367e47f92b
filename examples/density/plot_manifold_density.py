"""
=========================================================
Rows on a curve have a density per length, not per volume
=========================================================

Three features need not mean three dimensions. Where rows lie on a curve, their density
per volume is infinite on it and zero elsewhere; the density per length is what can be
estimated, and `KNeighborsDensity` does so when it is told the dimension, or finds it.
"""

# %%
# A closed curve wound around a torus, and rows on it that are denser on one side than
# on the other: their parameter t has a von Mises law. The truth is p(t) over the length
# of curve per unit of t.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import vonmises

from sklatent.density import KNeighborsDensity
from sklatent.dimension import TwoNN

K, TURNS = 1.2, 3


def curve(t):
    """Points on the curve."""
    radius = 2 + np.cos(TURNS * t)
    return np.column_stack([radius * np.cos(t), radius * np.sin(t), np.sin(TURNS * t)])


def log_truth(t):
    """Log-density per unit of length."""
    step = 1e-5
    speed = np.linalg.norm(curve(t + step) - curve(t - step), axis=1) / (2 * step)
    return vonmises.logpdf(t, K) - np.log(speed)


X = curve(vonmises.rvs(K, size=2000, random_state=0))
t = np.linspace(-np.pi, np.pi, 400)
new = vonmises.rvs(K, size=500, random_state=1)

densities = {
    "dimension=None, that is 3": KNeighborsDensity(50).fit(X),
    "dimension=TwoNN()": KNeighborsDensity(50, dimension=TwoNN()).fit(X),
    "dimension=1": KNeighborsDensity(50, dimension=1).fit(X),
}
truth = log_truth(new)
for name, density in densities.items():
    log_density = density.score_samples(curve(new))
    slope = np.polyfit(truth, log_density, 1)[0]
    off = np.abs(log_density - truth).mean()
    print(
        f"{name:<26} d = {density.dimension_:.2f}, "
        f"slope against the truth {slope:.2f}, mean error {off:.2f} nats"
    )

# %%
# On the left along the curve, on the right new rows against the truth, where the right
# answer is the diagonal.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.plot(t, log_truth(t), color="black", label="truth")
right.plot([-5, -2], [-5, -2], color="black", linewidth=0.8, label="truth")
for name in ("dimension=None, that is 3", "dimension=1"):
    log_density, std = densities[name].score_samples(curve(t), return_std=True)
    (line,) = left.plot(t, log_density, label=name)
    low, high = log_density - 1.96 * std, log_density + 1.96 * std
    left.fill_between(t, low, high, color=line.get_color(), alpha=0.3)
    estimate = densities[name].score_samples(curve(new))
    right.plot(truth, estimate, ".", markersize=3, label=name)
left.set(xlabel="t, radians", ylabel="log-density, nats", ylim=(-9, None))
right.set(xlabel="true log-density, nats per length", ylabel="estimate, nats")
left.legend(loc="lower center")
right.legend(loc="upper left")
plt.show()

# %%
# Told of one dimension, the estimate follows the truth within its band, and new rows
# lie on the diagonal. Taken for rows in three dimensions they have a log-density that
# rises three times as fast as the truth: its order is nearly right and its values mean
# nothing. Where the dimension is not known TwoNN finds it, 0.98 here, and the estimate
# is as good.
