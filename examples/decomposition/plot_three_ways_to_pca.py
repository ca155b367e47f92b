"""
==================================================================
PCA: a linear autoencoder finds the same axes as two eigenproblems
==================================================================

The principal axes are the eigenvectors of the covariance between the features. They
also follow from the inner products between the rows, which is cheaper where there are
fewer rows than features; and a linear autoencoder finds them by gradient descent,
without any eigenvectors.
"""

# %%
# All three are computed for the digits, with eight axes.

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits

from sklatent.decomposition import PCA
from sklatent.neural import AETransformer

X, _ = load_digits(return_X_y=True)
centered = X - X.mean(axis=0)
q = 8

covariance = centered.T @ centered / len(X)
from_covariance = np.linalg.eigh(covariance)[1][:, ::-1][:, :q]

gram = centered @ centered.T
eigenvalues, scores = (a[..., ::-1][..., :q] for a in np.linalg.eigh(gram))
from_gram = centered.T @ scores / np.sqrt(eigenvalues)

autoencoder = AETransformer(
    q,
    hidden_layer_sizes=(),
    standardize=False,
    lr=1e-2,
    batch_size=len(X),
    max_epochs=600,
    random_state=0,
).fit(X)
decoder = autoencoder.net_.module_.decoder[0].weight.detach().numpy()

# %%
# They span the same subspace: the angles between it and that of PCA are nearly zero.

pca = PCA(q).fit(X)
for name, axes in [
    ("covariance", from_covariance),
    ("Gram matrix", from_gram),
    ("linear autoencoder", decoder),
]:
    angle = np.degrees(subspace_angles(axes, pca.components_.T).max())
    print(f"{name:<20} largest angle to PCA's subspace {angle:.6f} degrees")

# %%
# The autoencoder finds the subspace but not the axes in it: the squared error is the
# same for every basis. Inside the subspace an eigendecomposition rotates one basis into
# the other.

basis = np.linalg.qr(decoder)[0]
inside = np.linalg.eigh(basis.T @ covariance @ basis)[1][:, ::-1]
figure, rows = plt.subplots(2, q, figsize=(9, 2.8), layout="constrained")
for row, axes, label in zip(
    rows, [pca.components_.T, basis @ inside], ["PCA", "autoencoder"], strict=True
):
    for image, axis in zip(row, axes.T, strict=True):
        image.imshow(axis.reshape(8, 8) * np.sign(axis[np.abs(axis).argmax()]))
        image.set(xticks=[], yticks=[])
    row[0].set_ylabel(label)
plt.show()

# %%
# The rows of images agree: after rotation within its subspace, each axis of the
# autoencoder equals that of PCA, after 600 steps of gradient descent and to within a
# degree. If you only need the subspace, PCA is quicker; the autoencoder is the only one
# of the three that can have hidden layers for curved data.
