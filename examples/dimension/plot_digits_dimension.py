"""
===================================================================================
Intrinsic dimension: the digits have 7 to 10 curved dimensions and 13 straight ones
===================================================================================

An 8 x 8 image is 64 numbers, but images of one digit differ only in a few ways: slant,
width, stroke. Estimators from neighbors find 7 to 10 dimensions; the spectrum, which
counts straight directions, needs more.
"""

# %%
# All 1,797 images, by each estimator, with its 95 % interval.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklatent.dimension import (
    DANCo,
    Gride,
    LevinaBickel,
    NeighborScaling,
    PCASpectrum,
    TwoNN,
)
from sklatent.exceptions import DiscreteDataWarning

# Grey values are integers from 0 to 16, so some distances tie. The estimators warn of
# this, which does no harm here.
warnings.simplefilter("ignore", DiscreteDataWarning)

X, y = load_digits(return_X_y=True)
estimators = {
    "TwoNN": TwoNN(),
    "TwoNN, corrected": TwoNN(correction="ball"),
    "Gride, n1 = 4": Gride(4),
    "LevinaBickel": LevinaBickel(),
    "NeighborScaling": NeighborScaling(),
    "DANCo": DANCo(),
    "PCASpectrum": PCASpectrum(),
}
figure, axis = plt.subplots(figsize=(7, 3.5), layout="constrained")
for row, (name, estimator) in enumerate(estimators.items()):
    fitted = estimator.fit(X)
    low, high = fitted.confidence_interval_
    axis.plot([low, high], [row, row], color="C0", linewidth=3, alpha=0.4)
    axis.plot(fitted.dimension_, row, "o", color="C0")
    print(f"{name:<18} {fitted.dimension_:5.1f}   [{low:.1f}, {high:.1f}]")
axis.set_yticks(range(len(estimators)), estimators)
axis.invert_yaxis()
axis.set(xlabel="dimension, with its 95 % interval", xlim=(0, None))
plt.show()

# %%
# Now one digit at a time, with about 180 images each. Some digits are written in more
# ways than others. These estimates cannot be compared with those above: fewer rows have
# wider neighborhoods, and an estimate depends on their width.

figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
for digit in range(10):
    fitted = LevinaBickel().fit(X[y == digit])
    print(f"{digit}: {fitted.dimension_:.1f}")
    error = np.abs(fitted.confidence_interval_ - fitted.dimension_)[:, None]
    axis.errorbar(digit, fitted.dimension_, error, fmt="o", color="C0", capsize=3)
axis.set(xlabel="digit", ylabel="dimension", xticks=range(10), ylim=(0, None))
plt.show()

# %%
# In the first figure, estimators of curved dimensions find 7 to 10, far fewer than 64.
# Those that use more neighbors find about 7; TwoNN, which uses two, and DANCo find
# about 9; the correction adds one. The intervals cover chance only, and do not contain
# such differences. In the second figure, a one varies in about five ways, a zero in
# about nine.
