"""
================================================================
Pipelines: the likelihood of the input chooses the preprocessing
================================================================

Which scaler belongs before a density? A pipeline of scikit-learn scores the scaled
rows, so that the scaler that shrinks them most wins. The pipeline here scores its
input, and samples new rows in the same units.
"""

# %%
# Three columns of a table of cars, in miles per gallon, horsepower and pounds, with
# missing entries. One Gaussian follows four scalers, and is scored by the
# mean log-density of rows left out.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sklearn.pipeline
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
)
from vega_datasets import local_data

from sklatent.density import GaussianMixture
from sklatent.pipeline import Pipeline

cars = pd.read_json(local_data.cars.filepath)
cars = cars[["Miles_per_Gallon", "Horsepower", "Weight_in_lbs"]]
cars = cars.sample(frac=1, random_state=0)
scalers = [MaxAbsScaler(), MinMaxScaler(), StandardScaler(), PowerTransformer()]
scores = {}
for scaler in scalers:
    steps = [("scale", scaler), ("density", GaussianMixture(random_state=0))]
    scores[type(scaler).__name__] = [
        cross_val_score(cls(steps), cars).mean()
        for cls in (sklearn.pipeline.Pipeline, Pipeline)
    ]
print(f"{'nats per row':<18} scikit-learn's   sklatent's")
for name, (theirs, ours) in scores.items():
    print(f"{name:<18} {theirs:14.2f} {ours:12.2f}")

# %%
# The best one makes new cars, and imputes the missing entries of the old.

steps = [("scale", PowerTransformer()), ("density", GaussianMixture(random_state=0))]
pipeline = Pipeline(steps).set_output(transform="pandas").fit(cars)
new = pipeline.sample(400, random_state=0)
complete = pipeline.impute(cars)
print(f"{cars.isna().sum().sum()} missing entries, {complete.isna().sum().sum()} left")
print(new.head(3).round(1).to_string(index=False))

# %%
# The left panel has the scores, the right one the cars of the table, and the new ones.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
places = np.arange(len(scores))
theirs, ours = np.transpose(list(scores.values()))
left.barh(places - 0.2, theirs, 0.4, label="scaled rows (scikit-learn)")
left.barh(places + 0.2, ours, 0.4, label="input (sklatent)")
left.set_yticks(places, list(scores))
left.set_ylim(-0.6, 4.6)  # room for the legend
left.set(xlabel="mean log-density of rows left out, nats")
left.legend()
for label, rows, marker in (("table", cars, "."), ("sampled", new, "+")):
    right.plot(rows["Weight_in_lbs"], rows["Horsepower"], marker, label=label)
right.set(xlabel="weight, lbs", ylabel="power, horsepower")
right.legend()
plt.show()

# %%
# The scores of the scaled rows differ by several nats, and say nothing but how small
# the scaled numbers are. In the units of the input the linear scalers give one and the
# same score, since a Gaussian does not depend on units, and only the power transform
# makes a difference: the columns are skewed.
