"""
================================================================================
Anomaly detection: tumors stand out in their codes more than in what is left out
================================================================================

Can malignant tumors be detected as anomalies by a model that has only seen benign ones?
A density is fitted to the 30 measurements of benign tumors, or to an embedding in a few
dimensions, and has to rank new tumors of both kinds.
"""

# %%
# There are four representations: the standardized measurements, and embeddings in five
# dimensions by PCA, an autoencoder and a variational autoencoder. For each there are
# densities by kernels, a Gaussian mixture and nearest neighbors, and the model's own
# score, which for an autoencoder is minus the squared reconstruction error. Everything
# is fitted to half of the benign tumors, for five random halves; the other half and all
# malignant ones are ranked.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklatent.decomposition import PCA
from sklatent.density import GaussianMixture, KernelDensity, KNeighborsDensity
from sklatent.neural import AETransformer, VAETransformer

X, y = load_breast_cancer(return_X_y=True)
X = np.log(X - X.min(axis=0) + X.std(axis=0))
benign, malignant = X[y == 1], X[y == 0]

settings = {
    "hidden_layer_sizes": (32,),
    "lr": 5e-3,
    "lr_schedule": "one_cycle",
    "max_epochs": 80,
    "batch_size": 32,
    "random_state": 0,
}
representations = {
    "measurements": None,
    "PCA": PCA(5),
    "AETransformer": AETransformer(5, **settings),
    "VAETransformer": VAETransformer(5, **settings),
}
densities = {
    "kernels": KernelDensity("loo"),
    "mixture": GaussianMixture(2, reg_covar=0.01, random_state=0),
    "neighbors": KNeighborsDensity(),
}
columns = [*densities, "own score"]

areas = np.full((5, len(representations), len(columns)), np.nan)
for seed, areas_of_half in enumerate(areas):
    train, rest = train_test_split(benign, test_size=0.5, random_state=seed)
    scaler = StandardScaler().fit(train)
    train, new = scaler.transform(train), scaler.transform(np.vstack([rest, malignant]))
    outlier = np.repeat([0, 1], [len(rest), len(malignant)])
    for row, model in zip(areas_of_half, representations.values(), strict=True):
        codes, new_codes = train, new
        if model is not None:
            codes, new_codes = model.fit(train).transform(train), model.transform(new)
            row[-1] = roc_auc_score(outlier, -model.score_samples(new))
        for j, density in enumerate(densities.values()):
            scores = density.fit(codes).score_samples(new_codes)
            row[j] = roc_auc_score(outlier, -scores)

mean, spread = areas.mean(axis=0), areas.std(axis=0)
print(f"{'area under the ROC curve':<25}", *(f"{name:>15}" for name in columns))
for name, row, std in zip(representations, mean, spread, strict=True):
    cells = [
        f"{a:.3f} ± {s:.3f}" if a > 0 else "" for a, s in zip(row, std, strict=True)
    ]
    print(f"{name:<25}", *(f"{cell:>15}" for cell in cells))

# %%
# The left panel has the table; the right panel has, for the last half, the log-density
# of the code against the squared reconstruction error of PCA.

model = representations["PCA"]
log_density = (
    densities["neighbors"]
    .fit(model.transform(train))
    .score_samples(model.transform(new))
)
error = model.reconstruction_error(new)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
left.imshow(mean, vmin=0.82, vmax=0.96, cmap="Blues", aspect="auto")
left.set_xticks(range(len(columns)), columns)
left.set_yticks(range(len(representations)), representations)
for (i, j), area in np.ndenumerate(mean):
    if not np.isnan(area):
        color = "white" if area > 0.9 else "black"
        text = f"{area:.3f}\n± {spread[i, j]:.3f}"
        left.text(j, i, text, ha="center", va="center", color=color)
left.set_title("area under the ROC curve")
for label, name in enumerate(["benign, new", "malignant"]):
    shown = outlier == label
    right.plot(log_density[shown], error[shown], ".", alpha=0.6, label=name)
right.set(
    title="PCA",
    xlabel="log-density of the code, nats",
    ylabel="squared error, variances",
    yscale="log",
)
right.legend()
plt.show()

# %%
# Densities of the embeddings in five dimensions have an area of about 0.93, for every
# dimensionality reduction and every density, and are no worse than densities of the 30
# measurements; the differences are hardly larger than those between halves of the data.
# The models' own scores, which include the reconstruction error, are worse, and that of
# the autoencoder, which is only the reconstruction error, is worst. The plot of PCA on
# the right shows why: malignant tumors differ more in the log-density of their codes
# than in the error, where the two kinds overlap more.
