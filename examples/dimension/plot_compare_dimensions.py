"""
=============================================================================
Comparing estimators of the intrinsic dimension: disagreement shows the scale
=============================================================================

Every estimator of the dimension makes assumptions, and each is wrong in its own way.
`compare_dimensions` fits all of them with one search for neighbors, and shows where
they agree, where they do not, and what that means.
"""

# %%
# Three tables: a sphere of ten dimensions, for which a thousand rows are few; a sheet
# that is rolled up, with noise; and images of handwritten digits.

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sklatent.datasets import make_hypersphere, make_swiss_roll
from sklatent.dimension import DimensionComparison, compare_dimensions
from sklatent.exceptions import DiscreteDataWarning
from sklatent.inspection import DimensionDisplay

# Grey values are integers from 0 to 16, so some distances tie. The estimators warn of
# this, which does no harm here.
warnings.simplefilter("ignore", DiscreteDataWarning)

tables = {
    "sphere of 10 dimensions": make_hypersphere(1000, dimension=10, random_state=0)[0],
    "sheet with noise": make_swiss_roll(2000, noise=0.3, random_state=0)[0],
    "digits": load_digits().data,
}


def draw(comparison: DimensionComparison, title, ax):
    """Draw one table, with its near and far estimates in color."""
    DimensionDisplay.from_comparison(comparison, ax=ax)
    for name, color in (("TwoNN, corrected", "C1"), ("Gride 16, corrected", "C2")):
        row = comparison.names.index(name)
        ax.plot(comparison.dimension[row], row, "o", color=color, zorder=3)
    ax.set(title=title, xlim=(0, None))
    ax.label_outer()


figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
for (title, X), ax in zip(tables.items(), axes, strict=True):
    comparison = compare_dimensions(X)
    draw(comparison, title, ax)
    print(f"{title}: {comparison.advice}")
plt.show()

# %%
# Printed, a comparison is a table. This one is that of the digits.

print(comparison)

# %%
# On the sphere, estimates from distances as they come are too low, since a thousand
# rows are few in ten dimensions; their corrected versions agree, and so do DANCo and
# ESS. On the sheet, near neighbors (orange) see the noise, and far ones (green) the
# sheet: all numbers are right, each for its scale. The dimension of the digits falls
# with the scale too, and which number is right depends on whether small differences
# between images are noise. The intervals cover chance only: their distance from each
# other is the bias, which none of them covers.
