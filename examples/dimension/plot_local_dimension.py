"""
======================================
Where the data has how many dimensions
======================================

A line, a disk and a ball in one table. The dimension of the whole is a meaningless
average; the dimension around each row tells the three apart.
"""

# %%
# `local_dimension_` for the rows of `fit`, `transform` for new ones: a column that can
# be a feature in a pipeline.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.datasets import make_line_disk_ball
from sklatent.dimension import LevinaBickel

X, dimension = make_line_disk_ball(6000, random_state=0)
estimator = LevinaBickel(10, 30).fit(X)
new, new_dimension = make_line_disk_ball(3000, random_state=1)
local = estimator.transform(new)[:, 0]

figure = plt.figure(figsize=(10, 4), layout="constrained")
axis = figure.add_subplot(1, 2, 1, projection="3d")
points = axis.scatter(*new.T, c=local, s=3, cmap="viridis", vmin=0.5, vmax=3.5)
figure.colorbar(points, ax=axis, label="local dimension", shrink=0.7)
axis.set_title(f"all together: {estimator.dimension_:.2f}")
axis = figure.add_subplot(1, 2, 2)
for d in (1, 2, 3):
    values = local[new_dimension == d]
    axis.hist(values, bins=np.linspace(0, 5, 60), alpha=0.6, label=f"dimension {d}")
    right = np.mean(np.round(values) == d)
    print(f"dimension {d}: median {np.median(values):.2f}, {right:.0%} round to it")
axis.set(xlabel="local dimension of new rows", ylabel="rows")
axis.legend()
plt.show()
