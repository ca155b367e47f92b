"""
=====================================================================
Model selection: six components per wine are within error of the best
=====================================================================

How many components should a variational autoencoder have if a classifier uses them? The
best score of a grid search is the best of several noisy numbers. The folds show how
noisy they are, and the smallest number of components within their error is the safer
choice.
"""

# %%
# The data are thirteen measurements of wines from three growers. The search has two
# scores: the accuracy of the classifier, and the log-density of the autoencoder inside,
# which does not use the classes. Both are computed on held-out rows.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

from sklatent.neural import VAETransformer

X, y = load_wine(return_X_y=True)
sizes = [1, 2, 3, 4, 6, 8, 12]
folds = StratifiedKFold(5, shuffle=True, random_state=0)
pipeline = Pipeline(
    [
        (
            "vae",
            VAETransformer(
                hidden_layer_sizes=(32,),
                lr=1e-2,
                lr_schedule="one_cycle",
                max_epochs=40,
                batch_size=64,
                random_state=0,
            ),
        ),
        ("classifier", LogisticRegression(max_iter=1000)),
    ]
)


def log_density(pipeline, X, y):
    """Mean log-density by the autoencoder in a pipeline, in nats per row."""
    return pipeline["vae"].score(X)


def smallest_within_error(results):
    """Position of the smallest size within one standard error of the best."""
    mean = results["mean_test_accuracy"]
    error = results["std_test_accuracy"] / np.sqrt(folds.n_splits - 1)
    best = np.argmax(mean)
    return np.flatnonzero(mean >= mean[best] - error[best])[0]


search = GridSearchCV(
    pipeline,
    {"vae__n_components": sizes},
    scoring={"accuracy": "accuracy", "log_density": log_density},
    refit=smallest_within_error,
    cv=folds,
).fit(X, y)
results = search.cv_results_
chosen = search.best_params_["vae__n_components"]
best = sizes[np.argmax(results["mean_test_accuracy"])]
print(f"best score with {best} components, chosen: {chosen}")
for i, size in enumerate(sizes):
    print(
        f"{size:3}: accuracy {results['mean_test_accuracy'][i]:.3f}, "
        f"log-density {results['mean_test_log_density'][i]:.2f} nats"
    )
vae = search.best_estimator_["vae"]
print(f"components that carry information: {vae.n_active_units_} of {chosen}")

# %%
# Each point is a fold, the line is their mean.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
labels = {"accuracy": "accuracy, held-out rows", "log_density": "nats per held-out row"}
for axis, (score, label) in zip(axes, labels.items(), strict=True):
    values = np.array([results[f"split{k}_test_{score}"] for k in range(5)])
    mean, std = values.mean(axis=0), values.std(axis=0)
    axis.plot(sizes, values.T, ".", color="0.6")
    axis.fill_between(sizes, mean - std, mean + std, color="C0", alpha=0.2)
    axis.plot(sizes, mean, "o-", color="C0", label="mean and spread of the folds")
    axis.axvline(chosen, color="C1", label=f"chosen: {chosen}")
    axis.set(xlabel="n_components", ylabel=label, xticks=sizes)
axes[0].legend(loc="lower right")
plt.show()

# %%
# Eight components have the best mean accuracy, but six are within a standard error of
# it, and are chosen. The band, the standard deviation of the folds, is about as wide as
# the rise of the curve from two components on: a search with one more fold, or another
# seed, may find another maximum. The log-density on the right has no clear maximum, and
# could not have been used for the choice: what a classifier needs of a row is not what
# makes the row likely.
