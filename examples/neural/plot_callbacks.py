"""
=======================================================================
Model selection: loss curves show why a candidate of a grid search lost
=======================================================================

A grid search returns one score for each candidate. ``LossMonitor``, a callback that is
set on the autoencoder in the pipeline of the search, records the loss at each epoch,
for every candidate and fold. ``ProgressLog``, which is set on the search, prints its
progress: a line every few seconds, and two lines at the end.
"""

# %%
# A classifier uses embeddings of the digits, with two numbers of components and three
# learning rates.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from sklatent.callback import LossMonitor, ProgressLog
from sklatent.neural import AETransformer

X, y = load_digits(return_X_y=True)
monitor = LossMonitor()
ae = AETransformer(
    hidden_layer_sizes=(64,), standardize=False, max_epochs=15, random_state=0
).set_callbacks(monitor)
sizes, rates, n_folds = [2, 8], [1e-4, 1e-3, 1e-2], 2
search = GridSearchCV(
    Pipeline([("ae", ae), ("classifier", KNeighborsClassifier())]),
    {"ae__n_components": sizes, "ae__lr": rates},
    cv=n_folds,
    refit=False,
)
search.set_callbacks(ProgressLog()).fit(X, y)

# %%
# Each row of the log has the path of its task, from the search down to the epoch. Of
# the five numbers the third counts the fits of the search, candidate by candidate and
# fold by fold; the last one counts the epochs.

candidates = search.cv_results_["params"]
losses = np.zeros((len(candidates), n_folds, ae.max_epochs))
for row in monitor.get_logs().data:
    _, _, fit, _, epoch = row["task_id_path"]
    losses[fit // n_folds, fit % n_folds, epoch] = row["loss"]

print("size   rate   loss at the last two epochs   accuracy")
scores = search.cv_results_["mean_test_score"]
for parameters, loss, score in zip(
    candidates, losses.mean(axis=1), scores, strict=True
):
    print(
        f"{parameters['ae__n_components']:4} {parameters['ae__lr']:6} "
        f"{loss[-2]:16.2f} {loss[-1]:8.2f} {score:14.3f}"
    )

# %%
# The curves of both folds have the color of their learning rate.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for parameters, folds, score in zip(candidates, losses, scores, strict=True):
    panel = sizes.index(parameters["ae__n_components"])
    rate = parameters["ae__lr"]
    lines = axes[panel].plot(
        range(1, ae.max_epochs + 1), folds.T, color=f"C{rates.index(rate)}"
    )
    lines[0].set_label(f"lr={rate:g}, accuracy {score:.2f}")
for ax, size in zip(axes, sizes, strict=True):
    ax.set(title=f"n_components={size}", xlabel="epoch", ylim=(-8, 95))
    ax.legend(loc="lower left")
axes[0].set_ylabel("loss, standardized units squared")
plt.show()

# %%
# The figure shows the losses, with the learning rates and the scores of the search in
# the legend. The two lower rates lost because their trainings had not converged: more
# epochs may improve them. With two components the loss at the highest rate hardly falls
# any more, at more than twice that of eight components: there the number of components
# is the limit.
