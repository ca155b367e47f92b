"""
========================================================================
Reconstruction: the worst reconstructions show what the model leaves out
========================================================================

A mean reconstruction error says how much is lost, but not what. The rows with the
largest error show it, and may be outliers.
"""

# %%
# All digits are reconstructed from 16 principal components. The figure shows the six
# worst and the six best reconstructions.

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

print(f"digits reconstructed worst: {y[worst.indices]}, best: {y[best.indices]}")
error = pca.reconstruction_error(X)
print(f"mean squared error {error.mean():.0f}, largest {error.max():.0f}")

# %%
# :class:`~sklatent.inspection.ReconstructionDisplay` draws each row above its
# reconstruction by :class:`~sklatent.decomposition.PCA`, with the number of the row and
# the squared distance between the two.
