"""
=================================================================
Embedding: one map of a table with text, dates and missing values
=================================================================

A map puts rows that are alike near each other. The rows here are cars, with
measurements, an origin and a date, and some values are missing. A variational
autoencoder with ``likelihood="auto"`` takes all columns as they are, and embeds each
car in two numbers.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from vega_datasets import local_data

from sklatent.neural import VAETransformer

cars = pd.read_json(local_data.cars.filepath)
cars["Year"] = pd.to_datetime(cars["Year"])
table = cars.drop(columns="Name")

vae = VAETransformer(2, likelihood="auto", random_state=0).set_output(
    transform="pandas"
)
places = vae.fit_transform(table)
print(places.head(3).round(2))

# %%
# The map, with some cars by name, and the same map colored by two columns.

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(12, 4), layout="constrained", sharex=True, sharey=True
)
x, y = places.to_numpy().T
for origin in ("USA", "Europe", "Japan"):
    rows = (cars["Origin"] == origin).to_numpy()
    left.scatter(x[rows], y[rows], s=10, label=origin)
left.legend(frameon=False)
left.set_title("origin")
named = [
    cars["Name"].eq(name).idxmax() for name in ("fiat 128", "ford pinto", "audi fox")
]
for k in [
    *named,
    int(cars["Horsepower"].idxmax()),
    int(cars["Weight_in_lbs"].idxmax()),
]:
    left.annotate(cars["Name"][k], (x[k], y[k]), fontsize=7)
years = cars["Year"].dt.year
for ax, values, title in [
    (middle, years, "year"),
    (right, cars["Weight_in_lbs"], "weight, lb"),
]:
    points = ax.scatter(x, y, c=values, s=10)
    figure.colorbar(points, ax=ax)
    ax.set_title(title)
plt.show()

# %%
# A place on the map can be turned into a car: here, along a line from the lightest to
# the heaviest car, as a data frame of the same columns.

light, heavy = cars["Weight_in_lbs"].idxmin(), cars["Weight_in_lbs"].idxmax()
steps = np.linspace(0, 1, 5)[:, None]
line = (1 - steps) * places.loc[light].to_numpy() + steps * places.loc[heavy].to_numpy()
print(vae.inverse_transform(line).to_string(float_format="%.1f"))

# %%
# Small Japanese and European cars are at one end of the map, and large American ones at
# the other; the years run across. Cars that are far from all others are rare kinds,
# such as those with three cylinders.
