"""
===============================================================================
Outlier detection: no embedding of digits beats nearest neighbors of the pixels
===============================================================================

Outliers, or anomalies, are rows of low density. Is it better to estimate the density of
a learned embedding? Digits of one class are hidden from the fit and mixed with new
digits of the other classes; the density that ranks the hidden class lowest is the best.
"""

# %%
# Three densities are fitted to four representations: the pixels, and embeddings in
# eight dimensions by PCA, an autoencoder and a variational autoencoder. The last column
# is the model's own ``score_samples``, which depends on all pixels: a likelihood for
# PCA and the variational autoencoder, minus the squared reconstruction error for the
# autoencoder. Pixels near the border, which hardly any digit reaches, are left out. The
# table has areas under the ROC curve, 0.5 for random guesses and 1 for no mistake, each
# the mean over three hidden classes.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from sklatent.decomposition import PCA
from sklatent.density import GaussianMixture, KernelDensity, KNeighborsDensity
from sklatent.neural import AETransformer, VAETransformer

X, y = load_digits(return_X_y=True)
X = X[:, X.std(axis=0) > 0.5]
hidden_classes = [1, 4, 8]

settings = {"standardize": False, "lr": 2e-3, "max_epochs": 40, "random_state": 0}
representations = {
    "pixels": None,
    "PCA": PCA(8, random_state=0),
    "AETransformer": AETransformer(8, **settings),
    "VAETransformer": VAETransformer(8, **settings),
}
densities = {
    "kernels": KernelDensity("loo"),
    "mixture": GaussianMixture(10, reg_covar=0.01, random_state=0),
    "neighbors": KNeighborsDensity(),
}

areas = np.full((len(hidden_classes), len(representations), len(densities) + 1), np.nan)
for areas_of_class, hidden in zip(areas, hidden_classes, strict=True):
    train, new = train_test_split(X[y != hidden], random_state=0)
    outlier = np.repeat([0, 1], [len(new), np.sum(y == hidden)])
    new = np.vstack([new, X[y == hidden]])
    for row, model in zip(areas_of_class, representations.values(), strict=True):
        codes, new_codes = train, new
        if model is not None:
            codes, new_codes = model.fit(train).transform(train), model.transform(new)
            row[-1] = roc_auc_score(outlier, -model.score_samples(new))
        for column, density in enumerate(densities.values()):
            scores = density.fit(codes).score_samples(new_codes)
            row[column] = roc_auc_score(outlier, -scores)

columns = [*densities, "own score"]
mean = areas.mean(axis=0)
print(f"{'area under the ROC curve':<26}", *(f"{name:>11}" for name in columns))
for name, row in zip(representations, mean, strict=True):
    print(f"{name:<26}", *(f"{'' if np.isnan(a) else f'{a:.3f}':>11}" for a in row))

# %%
# The last hidden class in terms of the autoencoder: the density of its codes is low,
# and its reconstruction error is large. With only one of the two scores the classes
# overlap.

model = representations["AETransformer"]
log_density = (
    densities["neighbors"]
    .fit(model.transform(train))
    .score_samples(model.transform(new))
)
error = model.reconstruction_error(new)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
image = left.imshow(mean, vmin=0.8, vmax=1, cmap="Blues", aspect="auto")
left.set_xticks(range(len(columns)), columns)
left.set_yticks(range(len(representations)), representations)
for (i, j), area in np.ndenumerate(mean):
    if not np.isnan(area):
        color = "white" if area > 0.92 else "black"
        left.text(j, i, f"{area:.3f}", ha="center", va="center", color=color)
left.set_title("area under the ROC curve")
for label, name in enumerate(["other digits", f"digit {hidden_classes[-1]}, hidden"]):
    shown = outlier == label
    right.plot(log_density[shown], error[shown], ".", alpha=0.6, label=name)
right.set(
    title="AETransformer",
    xlabel="log-density of the code",
    ylabel="squared reconstruction error",
    yscale="log",
)
right.legend()
plt.show()

# %%
# Kernels and mixtures, whose bandwidth or covariances are the same for all features,
# detect the hidden digits best from the embedding by the autoencoder; that by PCA helps
# kernels and hardly the mixture, and that by the variational autoencoder is worse than
# the pixels for both. Nearest-neighbor distances are local, and every dimensionality
# reduction makes them worse, since what a code leaves out may be the anomaly: on the
# pixels they are the best of the table. Three classes and one split are few, and
# differences of a hundredth say little. Of the models' own scores that of the
# variational autoencoder is best, and better than any density of its codes. So try a
# density of the data themselves before you learn an embedding for outlier detection.
