"""
=================================================================
Imputation: half of the entries are removed at random and imputed
=================================================================

Probabilistic PCA and factor analysis are fitted to the observed entries of a table.
They impute the missing values with their expectations, and return standard deviations.
Most of the variance of the removed entries is recovered.
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
# The mean squared error of the imputed entries; imputing the mean has an error of about
# 1. The warning names the mean perimeter of the nuclei, which is nearly determined by
# their radius, and the worst texture, which is nearly determined by the mean texture.

models = {
    "PPCA": PPCA(8, random_state=0),
    "FactorAnalysis": FactorAnalysis(8, tol=1e-5),
}
imputed = {name: model.fit(table).impute(table) for name, model in models.items()}
imputed |= {
    "SimpleImputer": SimpleImputer().fit_transform(table),
    "KNNImputer": KNNImputer().fit_transform(table),
}
for name, values in imputed.items():
    print(f"{name:<15} {((values - X)[missing] ** 2).mean():.3f}")

# %%
# If the model were true, 95 % of the removed entries would lie within 1.96 standard
# deviations. The data are not exactly Gaussian, and the parameters are estimated too,
# so it is a little less.

values, std = models["FactorAnalysis"].impute(table, return_std=True)
z = ((X - values) / np.where(missing, std, 1))[missing]
within = (np.abs(z) < 1.96).mean()
print(f"\nwithin 1.96 standard deviations: {within:.1%}, of a Gaussian 95 %")

# %%
# Multiple imputation draws several complete tables instead. The spread of a statistic
# between them shows the uncertainty due to missing values.

tables = models["FactorAnalysis"].sample_missing(table, n_samples=50, random_state=0)
correlations = [np.corrcoef(t[:, 1], t[:, 4])[0, 1] for t in tables]
truth = np.corrcoef(X[:, 1], X[:, 4])[0, 1]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
axes[0].plot(X[missing], values[missing], ".", markersize=1)
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
# On the left, imputed values follow the removed ones but are closer to the mean, as
# expectations are: most values beyond three standard deviations are imputed too low. On
# the right, the correlation in the complete data lies within the spread of the 50
# tables. This spread is the uncertainty due to missing values for known parameters; it
# does not include that the parameters are estimated.
