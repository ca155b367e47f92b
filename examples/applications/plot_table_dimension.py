"""
=================================================
Intrinsic dimension: how many numbers a car needs
=================================================

A table of cars has eight columns: six measurements, a date and an origin. They depend
on each other, so that fewer numbers are enough to tell one car from another. How many?
The estimators of the dimension need numbers without missing values, so dates are
counted in years, the origin is encoded, and missing values are imputed first.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.preprocessing import StandardScaler
from vega_datasets import local_data

from sklatent.decomposition import PCA
from sklatent.density import GaussianMixture
from sklatent.dimension import LevinaBickel, PCASpectrum, TwoNN
from sklatent.inspection import SpectrumDisplay

cars = pd.read_json(local_data.cars.filepath)
cars["Year"] = pd.to_datetime(cars["Year"]).dt.year
measured = cars.drop(columns=["Name", "Origin"])
imputed = GaussianMixture(random_state=0).fit(measured).impute(measured)
X = StandardScaler().fit_transform(imputed)
print(f"{X.shape[0]} cars, {X.shape[1]} numbers each")

# %%
# The distances of a car to its nearest neighbors tell how many directions there are in
# which cars differ. Parallel analysis counts the principal components whose variance
# is larger than that of columns that do not depend on each other.

for estimator in (
    TwoNN(),
    LevinaBickel(),
    PCASpectrum("parallel_analysis", random_state=0),
):
    estimator.fit(X)
    low, high = estimator.confidence_interval_
    name = type(estimator).__name__
    print(f"{name}: {estimator.dimension_:.1f}, between {low:.1f} and {high:.1f}")

# %%
# The neighbors say about four. The spectrum shows why the answers differ: one
# direction, that of large and heavy cars, has most of the variance, and the others have
# less than columns without any dependence would have. They are small, and they still
# tell cars apart.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
spectrum = PCASpectrum("parallel_analysis", random_state=0).fit(X)
SpectrumDisplay.from_estimator(spectrum, ax=left)
pca = PCA(n_components=TwoNN()).fit(X)
Z = pca.transform(X)
points = right.scatter(Z[:, 0], Z[:, 1], c=cars["Year"], s=10)
figure.colorbar(points, ax=right, label="year")
right.set(xlabel="first component", ylabel="second component")
plt.show()

# %%
# A dimension estimator can be given as the number of components. Then the dimension is
# estimated first, here 4, and used.

error = pca.reconstruction_error(X).sum() / (X**2).sum()
print(f"{pca.n_components_} components keep {1 - error:.0%} of the variance")

# %%
# The first plot shows the eigenvalues, and those that columns without any dependence
# would have. The second shows the cars at their first two components: size, and year.
# Four components keep nearly all that distinguishes the cars.
