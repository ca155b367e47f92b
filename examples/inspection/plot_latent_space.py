"""
======================================================================
Visualization: a latent space is best understood by what it decodes to
======================================================================

An embedding shows which rows are similar. What a grid of codes decodes to shows why: it
shows what changes along each component.
"""

# %%
# A variational autoencoder with convolutions embeds the handwritten digits 0 to 4 in
# two dimensions. The display uses the parameter `image_shape` of the estimator to draw
# rows as images.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sklatent.inspection import LatentSpaceDisplay
from sklatent.neural import VAETransformer

X, y = load_digits(n_class=5, return_X_y=True)
vae = VAETransformer(
    n_components=2,
    image_shape=(1, 8, 8),
    conv_channels=8,
    hidden_layer_sizes=(64,),
    standardize=False,
    max_epochs=40,
    batch_size=64,
    lr=5e-3,
    lr_schedule="one_cycle",
    random_state=0,
).fit(X)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
LatentSpaceDisplay.from_estimator(vae, X, y, ax=left)
display = LatentSpaceDisplay.from_estimator(vae, X, kind="grid", ax=right)
plt.show()

print(f"the grid holds {display.decoded.shape[0] * display.decoded.shape[1]} images")

# %%
# On the left, :class:`~sklatent.inspection.LatentSpaceDisplay` draws the embedding of
# the rows by a :class:`~sklatent.neural.VAETransformer`, colored by the digit, which
# was not used in training. On the right are the images that a regular grid over the
# same plane decodes to. Where two clusters meet, one digit turns into another; within a
# cluster the digit changes its shape.
