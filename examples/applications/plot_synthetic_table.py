"""
=============================================================================
Synthetic data: a table with text, dates and missing values, and rows like it
=============================================================================

A table of cars has measurements, a number of cylinders, a date, an origin, and some
missing values. A variational autoencoder with ``likelihood="auto"`` reads the data
frame as it is, and samples new rows as a data frame with the same columns.
"""

import matplotlib.pyplot as plt
import pandas as pd
from vega_datasets import local_data

from sklatent.neural import VAETransformer

cars = pd.read_json(local_data.cars.filepath)
cars["Year"] = pd.to_datetime(cars["Year"])
table = cars.drop(columns="Name")  # the names say nothing about the cars
print(table.isna().sum().sum(), "missing values")

# %%
# The fitted attribute ``table_`` shows what each column was taken for.

vae = VAETransformer(likelihood="auto", random_state=0).fit(table)
print(vae.table_)

# %%
# As many synthetic cars as there are real ones can be written to a file, by
# ``synthetic.to_csv("synthetic.csv", index=False)``.

synthetic = vae.sample(len(table), random_state=0)
print(synthetic.head().to_string())

# %%
# The figure compares real and synthetic cars: weight and consumption by origin, and
# the numbers of cylinders.

origins = ["USA", "Europe", "Japan"]
figure, axes = plt.subplots(
    1, 3, figsize=(11, 3.6), layout="constrained", width_ratios=[2, 2, 1.4]
)
for ax, rows, title in [
    (axes[0], table, "real"),
    (axes[1], synthetic, "synthetic"),
]:
    for origin in origins:
        of_origin = rows[rows["Origin"] == origin]
        ax.scatter(
            of_origin["Weight_in_lbs"],
            of_origin["Miles_per_Gallon"],
            s=12,
            alpha=0.7,
            label=origin,
        )
    ax.set(title=f"{title} cars", xlabel="weight, lb", xlim=(1500, 5300), ylim=(5, 50))
axes[0].set_ylabel("miles per gallon")
axes[0].legend(frameon=False)
shares = pd.DataFrame(
    {
        name: rows["Cylinders"].value_counts(normalize=True)
        for name, rows in [("real", table), ("synthetic", synthetic)]
    }
)
shares.plot.bar(ax=axes[2], color=["0.4", "C3"], width=0.8, rot=0)
axes[2].set(title="numbers of cylinders", xlabel="", ylabel="share of the cars")
plt.show()

# %%
# Heavy cars use more, most of them are from the USA, and no synthetic car has seven
# cylinders, as no real one has.
#
# Some columns can be given. The others are then sampled given these: cars of 1970 and
# of 1982 with four cylinders.

for year in ("1970-01-01", "1982-01-01"):
    given = {"Year": pd.Timestamp(year), "Cylinders": 4}
    rows = vae.sample(500, random_state=0, conditions=given)
    print(f"{year[:4]}: {rows['Miles_per_Gallon'].mean():.0f} miles per gallon")

# %%
# Twelve years later a car of the same number of cylinders goes farther, in the
# synthetic rows as in the table.
