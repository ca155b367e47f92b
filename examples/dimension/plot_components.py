"""
===================================================================================
Dimensionality reduction: an estimated dimension replaces the threshold of variance
===================================================================================

How many components should PCA keep? `n_components` may be an estimator of the intrinsic
dimension. The number of components is then chosen inside the pipeline, from the rows
that it is fitted to, without looking for an elbow.
"""

# %%
# The data have three curved dimensions in 30 columns. TwoNN finds three. The share of
# variance that PCA explains needs a threshold, and each threshold gives a different
# number of components.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklatent.datasets import make_ball
from sklatent.decomposition import PCA
from sklatent.dimension import TwoNN

ball, _ = make_ball(1500, dimension=3, random_state=0)
rng = np.random.RandomState(0)
X = np.tanh(2 * ball @ rng.normal(size=(3, 30))) + 1e-3 * rng.normal(size=(1500, 30))
y = ball[:, 0]

two_nn = TwoNN(correction="ball").fit(X)
low, high = two_nn.confidence_interval_
print(f"TwoNN: {two_nn.dimension_:.2f}, 95 % interval {low:.2f} to {high:.2f}")
for share in (0.8, 0.95, 0.99):
    print(f"{share:.0%} of the variance: {PCA(share).fit(X).n_components_} components")

# %%
# In a pipeline with a regression, three components are nearly as good as many.

pipeline = make_pipeline(PCA(TwoNN(correction="ball")), LinearRegression())
chosen = pipeline.fit(X, y)[0].n_components_
sizes = np.arange(1, 11)
scores = [
    cross_val_score(make_pipeline(PCA(int(size)), LinearRegression()), X, y).mean()
    for size in sizes
]
figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
axis.plot(sizes, scores, "o-")
axis.axvline(chosen, color="C1", label="the number that TwoNN chose")
axis.set(xlabel="n_components", ylabel="$R^2$, cross-validated", ylim=(0, 1.02))
axis.legend()
plt.show()
print(f"the pipeline chose {chosen}")

# %%
# The score of the regression has its elbow at three components and hardly rises beyond.
# TwoNN finds three too, without the target. The shares of variance give three, four or
# nine components, and nothing in the data says which share is right.
