"""
==================================================================
Model selection: early stopping keeps the epoch before overfitting
==================================================================

A variational autoencoder with a large network overfits few rows: its training loss
continues to fall while that of held-out rows rises. Early stopping restores the
parameters of the best epoch, and the plot shows which epoch this is.
"""

# %%
# Of the 300 digits 60 are held out. `n_iter_no_change` is large, so that the plot
# continues beyond the best epoch.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sklatent.decomposition import FactorAnalysis
from sklatent.inspection import TrainingDisplay
from sklatent.neural import VAETransformer

X, _ = load_digits(return_X_y=True)
vae = VAETransformer(
    n_components=8,
    standardize=False,
    early_stopping=True,
    validation_fraction=0.2,
    n_iter_no_change=30,
    max_epochs=250,
    lr=3e-3,
    batch_size=32,
    random_state=0,
).fit(X[:300])
factors = FactorAnalysis(n_components=7).fit(X[:, X.std(axis=0) > 0])

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
display = TrainingDisplay.from_estimator(vae, ax=left)
left.set_title("VAETransformer")
TrainingDisplay.from_estimator(factors, ax=right)
right.set_title("FactorAnalysis")
plt.show()

best = display.best_step
valid = vae.history_["valid_loss"]
print(f"best epoch {best} of {vae.n_iter_}")
print(
    f"loss of the held-out rows: {valid[best - 1]:.1f} there, {valid[-1]:.1f} at last"
)

# %%
# :class:`~sklatent.inspection.TrainingDisplay` shows both losses of a
# :class:`~sklatent.neural.VAETransformer` by epoch, in nats per row, and the epoch
# whose parameters it has. After this epoch the two losses diverge: what is learned
# there is only true of the 240 training rows. On the right, the log-likelihood of
# :class:`~sklatent.decomposition.FactorAnalysis` increases at every iteration, as EM
# guarantees; it says nothing about held-out rows.
