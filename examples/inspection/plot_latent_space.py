"""
=================================================
A latent space is read best by what it decodes to
=================================================

The codes of a model say which rows are alike. What a grid of codes decodes to says why:
it shows what changes along each component.
"""

# %%
# Two numbers per handwritten digit, from a variational autoencoder with convolutions,
# for the digits 0 to 4. The parameter `image_shape` of the estimator tells the picture
# too that rows are images.

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
# :class:`~sklatent.inspection.LatentSpaceDisplay` has on the left the codes that a
# :class:`~sklatent.neural.VAETransformer` gives the rows, colored by the digit, which
# training did not know. On the right are the images that an even grid over the same
# plane decodes to. Where two groups of dots meet, one digit turns into another; within
# a group the digit changes its shape.
