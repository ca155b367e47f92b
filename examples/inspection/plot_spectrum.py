"""
==============================================
The share explained hides what is above chance
==============================================

A threshold on the cumulated share of the variance keeps axes of noise where there is
much noise. The spectrum beside that of permuted columns shows where the noise begins.
"""

# %%
# Four strong directions in 30 noisy columns. The eigenvalues, what they add up to, and
# what the same columns have when each is permuted by itself.

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
# :class:`~sklatent.dimension.PCASpectrum` as bars, with the crosses of what chance
# gives: four bars are above, and the cumulated share at the fifth says nothing special.
# Of a :class:`~sklatent.decomposition.PPCA` with four components it shows the variance
# of the model along each, the noise that all directions have, and the share of the
# total that the four explain, noise along them included.
