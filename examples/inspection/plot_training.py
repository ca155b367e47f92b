"""
=================================================
Early stopping keeps the epoch before overfitting
=================================================

A variational autoencoder with a large network and few rows learns them by heart: its
training loss goes on falling while that of rows held out rises. Early stopping gives
the estimator the parameters of the best epoch, and the picture says which that was.
"""

# %%
# 300 digits, of which 60 are held out. `n_iter_no_change` is large, so that there is
# something to see beyond the best epoch.

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
    f"loss of the rows held out: {valid[best - 1]:.1f} there, {valid[-1]:.1f} at last"
)

# %%
# :class:`~sklatent.inspection.TrainingDisplay` shows both losses of a
# :class:`~sklatent.neural.VAETransformer` by epoch, in nats per row, and the epoch
# whose parameters it has. Beyond that the two losses part: what is learnt there is
# about the 240 rows of training alone. On the right, the log-likelihood of
# :class:`~sklatent.decomposition.FactorAnalysis` rises at every iteration, as EM
# guarantees; it says nothing about rows held out.
