"""
===================================================================================
Intrinsic dimension: it is the slope of a line, and the points must lie on the line
===================================================================================

TwoNN estimates the dimension as the slope of a straight line. If the points are not on
a line, the assumption behind the number is wrong.
"""

# %%
# The data are a sheet in three dimensions, and as many rows of which half are a line
# and half a ball. If `X` is given, the ratios that the fit left out are drawn too.

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
# and the line whose slope is the dimension. The points of the sheet follow the line as
# far as the fit goes. The points of the line and the ball do not: the slope belongs to
# no part of the data, and the p-value is near 0. On the right, four estimators find
# between 1.8 and 2.1 for the same rows, where the truth is 1 and 12: their intervals
# cover chance, and not a wrong assumption.
