"""
=======================================================
An estimator of one's own keeps the contracts by mixins
=======================================================

Two estimators in some thirty lines each: a PCA that outlying rows do not turn, and a
dimension that any latent model here can be given for its number of components. The
mixins of `sklatent.base` make public methods out of a few private ones, and both pass
scikit-learn's checks.
"""

# %%
# A latent model implements `_encode` and `_decode`, on arrays that are checked already,
# and `score_samples`. From them `LatentModelMixin` makes `transform`,
# `inverse_transform`, `reconstruction_error`, names of the features that come out, and
# `score`, the mean of `score_samples`, which it has from `ScoreMixin`. A generative one
# adds `_sample`. This one takes the principal axes of the rows' directions from the
# median, so that a row counts the same however far out it lies.

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import pdist
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import validate_data

from sklatent.base import (
    DimensionMixin,
    GenerativeModelMixin,
    LatentModelMixin,
    ScoreMixin,
    SklatentEstimator,
)
from sklatent.datasets import make_swiss_roll
from sklatent.decomposition import PCA
from sklatent.utils.discovery import all_estimators


class SignPCA(GenerativeModelMixin, LatentModelMixin, SklatentEstimator):
    """Principal axes of directions from the median."""

    def __init__(self, n_components=1):
        self.n_components = n_components

    def fit(self, X, y=None):
        """Find the axes."""
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        self.n_components_ = self._resolve_n_components(X, min(X.shape))
        self.center_ = np.median(X, axis=0)
        signs = X - self.center_
        length = np.linalg.norm(signs, axis=1, keepdims=True)
        signs = np.divide(signs, length, where=length > 0, out=np.zeros_like(signs))
        _, _, axes = np.linalg.svd(signs, full_matrices=False)
        self.components_ = axes[: self.n_components_]
        codes = self._encode(X)
        self.scale_ = np.median(np.abs(codes), axis=0) / 0.6745
        return self

    def _encode(self, X):
        return ((X - self.center_) @ self.components_.T).astype(X.dtype)

    def _decode(self, Z):
        return (Z @ self.components_ + self.center_).astype(Z.dtype)

    def score_samples(self, X):
        """Minus the squared distance from the plane of the axes."""
        return -self.reconstruction_error(X)

    def _sample(self, n_samples, rng):
        size = (n_samples, self.n_components_)
        return self._decode(self.scale_ * rng.normal(size=size))


# %%
# An estimator of the dimension calls `_set_dimension` with its estimate and the
# standard error of its logarithm, and has a `confidence_level`. This is Takens'
# estimator of the correlation dimension: the inverse of the mean log-ratio of a radius
# and the distances below it. Its error bar is a crude one, as if each row were one
# independent distance.


class TakensDimension(DimensionMixin, SklatentEstimator):
    """Correlation dimension below a quantile of the distances."""

    def __init__(self, quantile=0.02, *, confidence_level=0.95):
        self.quantile = quantile
        self.confidence_level = confidence_level

    def fit(self, X, y=None):
        """Estimate the dimension."""
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=3)
        distances = pdist(X)
        distances = distances[distances > 0]
        if len(distances) < 2:
            raise ValueError("X must have three rows that differ.")
        radius = np.quantile(distances, self.quantile, method="higher")
        logs = np.log(radius / distances[distances <= radius])
        self._set_dimension(1 / max(logs.mean(), 1e-10), 1 / np.sqrt(len(X)))
        return self


for estimator in (SignPCA(), TakensDimension()):
    results = check_estimator(estimator, on_skip=None)
    passed = sum(result["status"] == "passed" for result in results)
    skipped = sum(result["status"] == "skipped" for result in results)
    print(f"{type(estimator).__name__}: {passed} checks passed, {skipped} skipped")

# %%
# They go where the others go. A Swiss roll in ten columns has two dimensions, and `PCA`
# takes the estimator in place of a number. What of sklatent keeps the same contracts
# can be listed.

roll, _ = make_swiss_roll(1000, n_features=10, noise=0.05, random_state=0)
pca = PCA(TakensDimension()).fit(roll)
low, high = TakensDimension().fit(roll).confidence_interval_
print(f"dimension in [{low:.2f}, {high:.2f}]: PCA with {pca.n_components_} components")
for mixin in (LatentModelMixin, GenerativeModelMixin, ScoreMixin, DimensionMixin):
    names = [name for name, cls in all_estimators() if issubclass(cls, mixin)]
    print(f"{mixin.__name__}: {', '.join(names)}")

# %%
# The axis of a cloud of 300 rows, 15 of which are far off in another direction.

rng = np.random.RandomState(0)
X = rng.normal(size=(300, 2)) * [3, 0.5]
X[:15] = rng.normal([6, 12], size=(15, 2))

figure, axis = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
axis.plot(*X.T, ".", color="grey", markersize=4, label="data")
for model, color in [(PCA(1), "C1"), (SignPCA(), "C0")]:
    name = type(model).__name__
    ends = model.fit(X).inverse_transform(np.array([[-9.0], [9.0]]))
    axis.plot(*ends.T, color=color, linewidth=2, label=name)
    angle = np.degrees(np.arctan2(*model.components_[0, ::-1])) % 180
    print(f"{name:<8} axis at {min(angle, 180 - angle):.1f} degrees")
drawn = model.sample(100, random_state=0)
axis.plot(*drawn.T, "|", color="C0", label="drawn by SignPCA")
axis.set(xlabel="first feature", ylabel="second feature", aspect="equal")
axis.legend(loc="upper left")
plt.show()

# %%
# The axis of PCA is turned by the fifteen rows that lie far off; that of the new
# estimator stays within a few degrees of the cloud, and the rows it draws lie along it.
# Neither class has a public method of its own but `fit` and `score_samples`; the rest
# came with the mixins, and passed the checks.
