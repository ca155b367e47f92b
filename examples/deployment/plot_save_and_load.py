"""
============================================================================
Deployment: save a pipeline without pickle, and score new rows from its file
============================================================================

A pickle can run any code when it is opened, so that a model should not travel in one.
The function ``deploy.save`` writes a fitted estimator or a pipeline as numbers and
names, and ``deploy.load`` gives the same results in another process. Here a detector of
unusual cars is fitted, saved, loaded and used.
"""

# %%
# The table of cars has missing entries. A power transformation makes its five
# measurements more nearly normal, and a mixture of Gaussians, which takes missing
# entries, learns their density.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer
from vega_datasets import local_data

from sklatent import deploy
from sklatent.density import GaussianMixture

cars = pd.read_json(local_data.cars.filepath)
columns = [
    "Miles_per_Gallon",
    "Displacement",
    "Horsepower",
    "Weight_in_lbs",
    "Acceleration",
]
X = cars[columns]
detector = make_pipeline(
    PowerTransformer(method="box-cox"), GaussianMixture(3, random_state=0)
).fit(X)
print(f"{len(X)} cars, {int(X.isna().to_numpy().sum())} entries are missing")

# %%
# The file has the arrays in the layout of safetensors, and all else as JSON.

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "detector.safetensors"
deploy.save(detector, path)
print(f"{[step for step, _ in detector.steps]} in {path.stat().st_size / 1e3:.0f} kB")

# %%
# What is loaded, usually elsewhere, scores rows as the original does, to the bit. The
# least likely cars are of extreme measurements, or of unusual combinations of them.

loaded = deploy.load(path)
scores = loaded.score_samples(X)
print("same scores:", bool((scores == detector.score_samples(X)).all()))
least = cars.assign(log_density=scores.round(1)).nsmallest(4, "log_density")
print(
    least[["Name", "Horsepower", "Acceleration", "log_density"]].to_string(index=False)
)

# %%
# A file that is damaged is refused, whatever byte has changed.

rng = np.random.RandomState(0)
content, refused = path.read_bytes(), 0
for place in rng.choice(len(content), 200, replace=False):
    damaged = bytearray(content)
    damaged[place] ^= 1
    path.write_bytes(damaged)
    try:
        deploy.load(path)
    except ValueError:
        refused += 1
print(f"refused: {refused} of 200 damaged files")
folder.cleanup()

# %%
# The figure has the weights and accelerations of the cars, colored by the log-density
# of all five measurements.

fig, ax = plt.subplots(layout="constrained")
order = np.argsort(-scores)
points = ax.scatter(
    X["Weight_in_lbs"].iloc[order],
    X["Acceleration"].iloc[order],
    c=scores[order],
    vmin=np.quantile(scores, 0.01),
    s=15,
)
for name, x, y in zip(
    least["Name"], least["Weight_in_lbs"], least["Acceleration"], strict=True
):
    ax.annotate(name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8)
ax.set(xlabel="weight in lbs", ylabel="acceleration: seconds to 60 mph")
fig.colorbar(points, label="log-density, from the loaded model")
plt.show()

# %%
# The loaded model is the saved one: the same parameters, attributes and results. The
# file could have come from anybody, as opening it sets numbers and runs nothing. Models
# that leave Python altogether are exported as ONNX graphs; :ref:`deployment` says which
# way when.
