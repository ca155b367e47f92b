"""
=============================================================================
Pretraining: few labels go further when the encoder has seen unlabeled digits
=============================================================================

Only a few of 1,078 digits have a label. A denoising autoencoder learns from all of them
what digits look like; a classifier that starts from its encoder then needs fewer labels
than one that starts from random weights.
"""

# %%
# The autoencoder gets images with three tenths of their pixels removed, and has to
# restore them, so it learns how pixels depend on each other. It does not use labels.

import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from sklatent.neural import AETransformer

X, y = load_digits(return_X_y=True)
X = X.astype(np.float32)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
ae = AETransformer(
    32, corruption=0.3, standardize=False, lr=2e-3, max_epochs=50, random_state=0
).fit(X)

# %%
# Its ``encoder_`` is a plain PyTorch module. A layer that classifies ten digits is
# added to it, and skorch trains both together. For comparison, the same network starts
# from random weights.


def untrained(module):
    """A copy of a module with new random weights."""
    module = copy.deepcopy(module)
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    return module


def accuracy(encoder, X_few, y_few):
    """Share of the test digits that are classified correctly."""
    head = nn.Sequential(nn.ReLU(), nn.Linear(ae.n_components_, 10))
    net = NeuralNetClassifier(
        nn.Sequential(encoder, *head),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=2e-3,
        max_epochs=40,
        batch_size=32,
        train_split=None,
        callbacks="disable",
        verbose=0,
    )
    return net.fit(X_few, y_few).score(X_test, y_test)


# %%
# For each number of labels the labeled digits are drawn three times. Both networks get
# the same digits.

sizes = [20, 50, 100, 200, 400]
starts = {
    "from random weights": lambda: untrained(ae.encoder_),
    "from the autoencoder": lambda: copy.deepcopy(ae.encoder_),
}
accuracies = {name: np.empty((len(sizes), 3)) for name in starts}
for i, size in enumerate(sizes):
    for seed in range(3):
        few, _ = train_test_split(
            np.arange(len(X)), train_size=size, stratify=y, random_state=seed
        )
        for name, start in starts.items():
            torch.manual_seed(seed)
            accuracies[name][i, seed] = accuracy(start(), X[few], y[few])

print("labels               ", *(f"{size:6}" for size in sizes))
for name, values in accuracies.items():
    print(f"{name:<22}", *(f"{value:.3f} " for value in values.mean(axis=1)))

# %%
# The points are the errors of each draw, the lines are their means.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, values), color in zip(accuracies.items(), ["0.6", "C0"], strict=True):
    ax.plot(sizes, 1 - values, ".", color=color, ms=4)
    ax.plot(sizes, 1 - values.mean(axis=1), color=color, label=name)
ax.set(xscale="log", yscale="log", xlabel="digits with a label")
ax.set(ylabel="share of test digits that are wrong")
ax.set_xticks(sizes, sizes)
ax.set_yticks([0.03, 0.1, 0.3], ["3 %", "10 %", "30 %"])
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# For every number of labels the network that starts from the autoencoder makes fewer
# errors on average. Twenty labels are worth as much to it as about thirty to the other
# network, and the more labels there are, the less the initial weights matter.
