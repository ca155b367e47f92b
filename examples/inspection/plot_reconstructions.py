"""
==================================================
The rows rebuilt worst say what the model left out
==================================================

A mean reconstruction error says how much is lost, not what. The rows with the largest
error show it.
"""

# %%
# All digits through 16 principal components: the six that are rebuilt worst, and the
# six that are rebuilt best.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sklatent.decomposition import PCA
from sklatent.inspection import ReconstructionDisplay

X, y = load_digits(return_X_y=True)
pca = PCA(n_components=16).fit(X)

figure, (upper, lower) = plt.subplots(2, 1, figsize=(7, 5.6), layout="constrained")
options = {"n_rows": 6, "image_shape": (8, 8), "cmap": "gray_r"}
worst = ReconstructionDisplay.from_estimator(pca, X, ax=upper, **options)
best = ReconstructionDisplay.from_estimator(pca, X, ax=lower, order="best", **options)
plt.show()

print(f"digits rebuilt worst: {y[worst.indices]}, best: {y[best.indices]}")
error = pca.reconstruction_error(X)
print(f"mean squared error {error.mean():.0f}, largest {error.max():.0f}")

# %%
# :class:`~sklatent.inspection.ReconstructionDisplay` has each row above what
# :class:`~sklatent.decomposition.PCA` makes of its code, with the number of the row and
# the squared distance between the two.
