"""
==================================================
A dimension is a slope, and the line has to be one
==================================================

TwoNN reads the dimension off a straight line. Where the points bend away from the line,
the number stands for something else than the law that it was derived from.
"""

# %%
# A sheet in three dimensions, and the same number of rows of which half are a line: two
# laws mixed. With `X`, the ratios that the fit left out are drawn too.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.datasets import make_ball, make_swiss_roll
from sklatent.dimension import Gride, LevinaBickel, NeighborScaling, TwoNN
from sklatent.inspection import DimensionDisplay

sheet, _ = make_swiss_roll(2000, random_state=0)
line, _ = make_ball(1000, dimension=1, n_features=12, random_state=0)
ball, _ = make_ball(1000, dimension=12, random_state=1)
mixed = np.vstack([line, ball + 10])

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
for ax, X, title in zip(axes, (sheet, mixed), ("sheet", "line and ball"), strict=False):
    two_nn = TwoNN(method="linear").fit(X)
    DimensionDisplay.from_estimator(two_nn, X, ax=ax)
    ax.set_title(title)
    print(
        f"{title:<14} dimension {two_nn.dimension_:.2f}, p-value {two_nn.pvalue_:.2g}"
    )
estimators = [TwoNN(), Gride(n1=4), LevinaBickel(), NeighborScaling()]
DimensionDisplay.from_estimators(estimators, mixed, ax=axes[2])
for estimator in estimators:
    print(f"{type(estimator).__name__:<15} {estimator.fit(mixed).dimension_:.1f}")
axes[2].set_title("line and ball")
plt.show()

# %%
# :class:`~sklatent.inspection.DimensionDisplay` shows the fit of
# :class:`~sklatent.dimension.TwoNN`: each ratio of distances, those left out in grey,
# and the line whose slope is the dimension. The sheet follows its line as far as the
# fit goes. The mixture of a line and a ball does not: a slope that no part of the data
# has, and a p-value near 0. On the right, four estimators find between 1.8 and 2.1 for
# the same rows, where the truth is 1 and 12: their intervals know of chance, and not of
# a law that does not hold.
