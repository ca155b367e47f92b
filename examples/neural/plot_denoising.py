"""
=================================================
Torn digits: who has seen holes knows how to mend
=================================================

An autoencoder that is trained on digits with half of their pixels wiped out, and has to
return them whole, mends torn digits that it never saw: better than one trained on whole
digits, and better than a linear model that is told where the holes are.
"""

# %%
# In a fifth of the digits, kept for the test, half of the pixels are replaced by their
# mean.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklatent.decomposition import PPCA
from sklatent.neural import AETransformer

train, whole = train_test_split(load_digits().data, test_size=0.2, random_state=0)
holes = np.random.RandomState(0).uniform(size=whole.shape) < 0.5
torn = np.where(holes, train.mean(axis=0), whole)

# %%
# Two autoencoders, with 16 components each; ``corruption`` wipes out pixels in
# training, others at each step. Probabilistic PCA is given the holes as NaN; the
# autoencoders have to find out. What each puts into the holes is compared.

settings = {
    "n_components": 16,
    "standardize": False,
    "lr": 2e-3,
    "random_state": 0,
}
autoencoders = {
    "trained on whole digits": AETransformer(**settings),
    "trained on torn digits": AETransformer(corruption=0.5, **settings),
}
ppca = PPCA(16, random_state=0).fit(train)
mended = {"PPCA, told the holes": ppca.impute(np.where(holes, np.nan, whole))}
for name, ae in autoencoders.items():
    rebuilt = ae.fit(train).inverse_transform(ae.transform(torn))
    mended[name] = np.where(holes, rebuilt, whole)

spread = ((torn - whole)[holes] ** 2).mean()
print("mean squared error in the holes, of that of the mean")
for name, images in mended.items():
    print(f"{name:<26}{((images - whole)[holes] ** 2).mean() / spread:.2f}")

# %%
# Ten digits of the test, torn and mended.

strips = {"written": whole, "torn": torn} | mended
rows = [
    np.hstack(np.pad(images[:10].reshape(-1, 8, 8), [(0, 0), (1, 1), (2, 2)]))
    for images in strips.values()
]
figure, ax = plt.subplots(figsize=(8, 3.9), layout="constrained")
ax.imshow(np.vstack(rows), cmap="gray_r", vmin=0, vmax=16)
ax.set(xticks=[], title="Digits with half of their pixels lost")
ax.set_yticks(np.arange(len(strips)) * 10 + 4.5, strips)
plt.show()

# %%
# What is trained on whole digits takes the holes for part of the image, and leaves them
# as shadows; what has seen holes looks through them, and draws strokes where strokes
# were. Probabilistic PCA knows where the holes are, but can only fill them with sums of
# its components, which are blurred.
