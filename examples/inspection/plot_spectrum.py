"""
======================================================================
Number of components: the share of variance hides what is above chance
======================================================================

With much noise, a threshold on the cumulative share of the variance keeps axes of
noise, and the spectrum may have no clear elbow. Comparing it with the spectrum of
permuted columns shows where the noise begins.
"""

# %%
# The data have four strong directions in 30 noisy columns. The plot shows the
# eigenvalues, their cumulative share, and the eigenvalues after each column is
# permuted.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.decomposition import PPCA
from sklatent.dimension import PCASpectrum
from sklatent.inspection import SpectrumDisplay

rng = np.random.RandomState(0)
signal = rng.normal(size=(200, 4)) * [3.0, 2.5, 2.0, 1.5]
directions = np.linalg.qr(rng.normal(size=(30, 4)))[0]
X = signal @ directions.T + rng.normal(size=(200, 30))

spectrum = PCASpectrum("parallel_analysis", random_state=0).fit(X)
ppca = PPCA(n_components=int(spectrum.dimension_)).fit(X)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
SpectrumDisplay.from_estimator(spectrum, ax=left)
left.set_title("PCASpectrum: all axes")
SpectrumDisplay.from_estimator(ppca, ax=right)
right.set_title("PPCA: the model")
plt.show()

share = np.cumsum(spectrum.explained_variance_ratio_)
print(f"axes above permuted columns: {spectrum.dimension_:.0f}")
print(f"axes for 90 % of the variance: {np.searchsorted(share, 0.9) + 1}")
print(f"noise variance of the model: {ppca.noise_variance_:.2f}; true value 1")

# %%
# :class:`~sklatent.inspection.SpectrumDisplay` shows the eigenvalues of a
# :class:`~sklatent.dimension.PCASpectrum` as bars, and those expected by chance as
# crosses: four bars are above, and the cumulative share has nothing special at the
# fifth. For a :class:`~sklatent.decomposition.PPCA` with four components it shows the
# variance of the model along each, the noise variance of all directions, and the share
# of the total variance that the four explain, including the noise along them.
