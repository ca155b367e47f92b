"""
=====================================================================================
Local intrinsic dimension: it tells a line from a disk, and mostly a disk from a ball
=====================================================================================

A table contains a line, a disk and a ball. The dimension of the whole table is an
average that is right for none of them; the dimension around each row is near that of
its part.
"""

# %%
# `local_dimension_` is for the rows of `fit`, and `transform` for new rows: it returns
# a column that can be a feature in a pipeline.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.datasets import make_line_disk_ball
from sklatent.dimension import LevinaBickel

X, dimension = make_line_disk_ball(6000, random_state=0)
estimator = LevinaBickel(10, 30).fit(X)
new, new_dimension = make_line_disk_ball(3000, random_state=1)
local = estimator.transform(new)[:, 0]

figure, (left, right) = plt.subplots(
    2, 1, figsize=(7, 5), height_ratios=[1, 1.4], layout="constrained"
)
points = left.scatter(*new[:, :2].T, c=local, s=3, cmap="viridis", vmin=0.5, vmax=3.5)
figure.colorbar(points, ax=left, label="local dimension", location="top")
left.set(xlabel="first feature", ylabel="second feature", aspect="equal")
print(f"dimension of all together: {estimator.dimension_:.2f}")
for d in (1, 2, 3):
    values = local[new_dimension == d]
    right.hist(values, bins=np.linspace(0, 7, 84), alpha=0.6, label=f"dimension {d}")
    share = np.mean(np.round(values) == d)
    print(f"dimension {d}: median {np.median(values):.2f}, {share:.0%} round to it")
right.set(xlabel="local dimension of new rows", ylabel="rows")
right.legend()
plt.show()

# %%
# In the upper panel each row has the color of its local dimension: the line is dark,
# the ball bright. In the lower panel the three histograms overlap, since the estimate
# from ten to thirty neighbors has a large error, but their centers are near 1, 2 and 3.
# Those of the disk and the ball are a little low, because rows near the boundary have
# neighbors only on one side. One number for all rows would describe none of the parts.
