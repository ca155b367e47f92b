"""
=========================================
Half a table tells most of the other half
=========================================

Probabilistic PCA and factor analysis are fitted to what is observed of each row, and
say what they expect of the rest, and how far off they may be.
"""

# %%
# Half of the entries of a standardized table are removed at random.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.impute import KNNImputer, SimpleImputer

from sklatent.decomposition import PPCA, FactorAnalysis

X = load_breast_cancer().data
X = (X - X.mean(axis=0)) / X.std(axis=0)
rng = np.random.RandomState(0)
missing = rng.uniform(size=X.shape) < 0.5
table = np.where(missing, np.nan, X)

# %%
# Mean squared error of the removed entries; that of guessing the mean is about 1. The
# warning names the mean perimeter of the nuclei, which their radius nearly determines,
# and the worst texture, which goes with the mean one.

models = {
    "PPCA": PPCA(8, random_state=0),
    "FactorAnalysis": FactorAnalysis(8, tol=1e-5),
}
imputed = {name: model.fit(table).impute(table) for name, model in models.items()}
imputed |= {
    "SimpleImputer": SimpleImputer().fit_transform(table),
    "KNNImputer": KNNImputer().fit_transform(table),
}
for name, filled in imputed.items():
    print(f"{name:<15} {((filled - X)[missing] ** 2).mean():.3f}")

# %%
# If the model were true, 95 % of the removed entries would lie within 1.96 of the
# standard deviations. The data are no exact Gaussians, and the parameters are estimated
# too, so it is a little less.

filled, std = models["FactorAnalysis"].impute(table, return_std=True)
z = ((X - filled) / np.where(missing, std, 1))[missing]
within = (np.abs(z) < 1.96).mean()
print(f"\nwithin 1.96 standard deviations: {within:.1%}, of a Gaussian 95 %")

# %%
# Multiple imputation draws whole tables instead. What is computed from each of them
# differs by what is not known.

tables = models["FactorAnalysis"].sample_missing(table, n_samples=50, random_state=0)
correlations = [np.corrcoef(t[:, 1], t[:, 4])[0, 1] for t in tables]
truth = np.corrcoef(X[:, 1], X[:, 4])[0, 1]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
axes[0].plot(X[missing], filled[missing], ".", markersize=1)
axes[0].plot([-3, 12], [-3, 12], color="black", linewidth=0.8)
axes[0].set(
    xlabel="removed value, standard deviations",
    ylabel="imputed value, standard deviations",
    title="FactorAnalysis, single imputation",
)
axes[1].hist(correlations, bins=15)
axes[1].axvline(truth, color="black", label="complete data")
axes[1].set(
    title="Multiple imputation, 50 tables",
    xlabel="correlation of mean texture and mean smoothness",
    ylabel="tables",
)
axes[1].legend()
plt.show()

# %%
# What is imputed follows what was removed, on the left, but is drawn in towards the
# mean, as an expectation is: of values beyond three standard deviations most are put
# too low. On the right the complete data's correlation lies within the spread of the 50
# tables. That spread is what the missing entries leave open when the parameters are
# known; that these are estimated too is not in it.
