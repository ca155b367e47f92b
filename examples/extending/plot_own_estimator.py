"""
====================================================================
Extending: twenty lines make an estimator that works with the others
====================================================================

The mixins of ``sklatent.base`` have what sklatent's estimators have in common. Your own
class only needs the mathematics; checks, scores, samples and error bars come with the
mixins, so the class can be used in searches together with the estimators of the
package.
"""

# %%
# The first class is a density. ``ScoreMixin`` defines ``score`` as the mean of
# ``score_samples``, which the class has to define; ``GenerativeModelMixin`` defines
# ``sample`` by ``_sample``, which gets a random state. The density is a Laplace
# distribution in each column: :math:`p(x) = \prod_j \exp(-|x_j - m_j| / b_j) / (2
# b_j)`.

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.base import DensityMixin
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

from sklatent.base import (
    DimensionMixin,
    GenerativeModelMixin,
    LatentModelMixin,
    ScoreMixin,
    SklatentEstimator,
)
from sklatent.datasets import make_ball
from sklatent.decomposition import PCA
from sklatent.density import GaussianMixture, KernelDensity
from sklatent.dimension import LevinaBickel, TwoNN
from sklatent.utils.discovery import all_estimators


class LaplaceDensity(ScoreMixin, GenerativeModelMixin, DensityMixin, SklatentEstimator):
    """Product of Laplace distributions, fitted by maximum likelihood."""

    def fit(self, X, y=None):
        """Take the medians, and the mean distances from them."""
        X = validate_data(self, X, dtype=float, ensure_min_samples=2)
        self.location_ = np.median(X, axis=0)
        self.scale_ = np.abs(X - self.location_).mean(axis=0)
        if not self.scale_.all():
            raise ValueError("LaplaceDensity takes columns that are not constant.")
        return self

    def score_samples(self, X):
        """Log-density of each row, in nats."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False)
        distance = np.abs(X - self.location_) / self.scale_
        return -(distance + np.log(2 * self.scale_)).sum(axis=1)

    def _sample(self, n_samples, rng):
        shape = n_samples, self.n_features_in_
        return rng.laplace(self.location_, self.scale_, size=shape)


# %%
# The second class is a dimensionality reduction. ``LatentModelMixin`` defines
# ``transform``, ``inverse_transform`` and ``reconstruction_error`` by ``_encode`` and
# ``_decode``, and fits ``n_components`` if it is a dimension estimator. Codes are
# projections onto random directions, and the pseudo-inverse reconstructs the rows.


class RandomProjection(LatentModelMixin, SklatentEstimator):
    """Codes in random directions."""

    def __init__(self, n_components=2, *, random_state=None):
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X, y=None):
        """Draw the directions."""
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        self.n_components_ = self._resolve_n_components(X, X.shape[1])
        self.mean_ = X.mean(axis=0)
        rng = np.random.RandomState(self.random_state)
        self.components_ = rng.normal(size=(self.n_components_, X.shape[1]))
        self.inverse_components_ = np.linalg.pinv(self.components_)
        return self

    def _encode(self, X):
        return ((X - self.mean_) @ self.components_.T).astype(X.dtype)

    def _decode(self, Z):
        return (Z @ self.inverse_components_.T + self.mean_).astype(Z.dtype)

    def score_samples(self, X):
        """Minus the squared reconstruction error of each row."""
        return -self.reconstruction_error(X)


# %%
# The third class estimates the intrinsic dimension. ``DimensionMixin`` sets
# ``dimension_``, ``dimension_std_`` and ``confidence_interval_`` from an estimate and
# the standard error of its logarithm. This is the correlation dimension by F. Takens,
# On the numerical determination of the dimension of an attractor, Lecture Notes in
# Mathematics 1125, 1985: the inverse of minus the mean logarithm of the distances,
# relative to the largest one that is used. The standard error is by the jackknife,
# which leaves out each row in turn.


class CorrelationDimension(DimensionMixin, SklatentEstimator):
    """Dimension from the closest pairs of rows."""

    def __init__(self, share=0.05, *, confidence_level=0.95):
        self.share = share
        self.confidence_level = confidence_level

    def fit(self, X, y=None):
        """Estimate the dimension from a share of the pairs of rows."""
        X = validate_data(self, X, dtype=float, ensure_min_samples=10)
        distances = squareform(pdist(X))
        np.fill_diagonal(distances, np.inf)
        largest = np.quantile(distances, self.share)
        close = (distances > 0) & (distances < largest)
        logs = np.log(distances / largest, out=np.zeros_like(distances), where=close)
        n_pairs, total = close.sum(axis=1), -logs.sum(axis=1)
        if not (2 * n_pairs < n_pairs.sum()).all():
            raise ValueError(f"share={self.share} leaves too few pairs of rows.")
        left_out = np.log((n_pairs.sum() - 2 * n_pairs) / (total.sum() - 2 * total))
        log_std = np.sqrt((len(X) - 1) * left_out.var())
        self._set_dimension(n_pairs.sum() / total.sum(), log_std)
        return self


# %%
# All three pass scikit-learn's checks, like the estimators of the package, which
# ``all_estimators`` lists.

for estimator in (LaplaceDensity(), RandomProjection(), CorrelationDimension()):
    results = check_estimator(estimator, on_skip=None)
    n_passed = sum(result["status"] == "passed" for result in results)
    print(f"{type(estimator).__name__:<21}{n_passed} checks of scikit-learn passed")
names = ", ".join(name for name, _ in all_estimators())
print(textwrap.fill(f"of the package: {names}"))

# %%
# They can be used in searches with other estimators: the density for columns with a
# Laplace distribution; the dimensionality reduction as a step before a classifier of
# digits, and the dimension as its number of components.

X = np.random.RandomState(0).laplace(size=(400, 3)) * [1.0, 3.0, 0.5]
densities = [
    LaplaceDensity(),
    GaussianMixture(random_state=0),
    GaussianMixture(3, random_state=0),
    KernelDensity("loo"),
]
pipeline = Pipeline([("scaler", StandardScaler()), ("density", densities[0])])
search = GridSearchCV(pipeline, {"density": densities}).fit(X)
print("\nheld-out log-density, nats per row")
for density, score in zip(
    densities, search.cv_results_["mean_test_score"], strict=True
):
    print(f"{score:6.3f}  {density}")

digits, labels = load_digits(return_X_y=True)
latent = [RandomProjection(random_state=0), PCA()]
pipeline = Pipeline([("latent", PCA()), ("classifier", KNeighborsClassifier())])
grid = {"latent": latent, "latent__n_components": [4, 16, CorrelationDimension()]}
search = GridSearchCV(pipeline, grid, cv=3).fit(digits, labels)
print("\naccuracy of a classifier of codes of digits")
results = search.cv_results_
for parameters, score in zip(
    results["params"], results["mean_test_score"], strict=True
):
    name = type(parameters["latent"]).__name__
    print(f"{score:6.3f}  {name}(n_components={parameters['latent__n_components']})")

# %%
# Three estimators of the dimension are compared for points in balls of one to six
# dimensions.

dimensions = np.arange(1, 7)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(dimensions, dimensions, color="0.7", label="truth")
for i, cls in enumerate([CorrelationDimension, TwoNN, LevinaBickel]):
    estimates = [
        cls().fit(make_ball(1000, dimension=d, n_features=8, random_state=0)[0])
        for d in dimensions
    ]
    values = np.array([estimate.dimension_ for estimate in estimates])
    intervals = np.array([estimate.confidence_interval_ for estimate in estimates])
    ax.errorbar(
        dimensions + 0.12 * (i - 1),
        values,
        np.abs(intervals.T - values),
        fmt="o",
        label=cls.__name__,
    )
ax.set(xlabel="dimension of the ball", ylabel="estimate, with 95 % interval")
ax.legend()
plt.show()

# %%
# The figure compares the class of twenty lines with those of the package: all find the
# dimension if it is low, and are too low if it is high, more so with farther neighbors.
# The intervals of the two that use farther neighbors do not include this bias.
