"""
=============================================================================
Synthetic data: tabular data of many kinds of columns, with their dependences
=============================================================================

A variational autoencoder is a generative model of tabular data. It takes columns of
real numbers, zeros and ones, counts and categories, each with its own likelihood.
Synthetic rows that are sampled from it have values that the table could have, and the
columns depend on each other as in the table.
"""

# %%
# The table of households is simulated. The income depends on the kind of household;
# households with a higher income are more likely to have a car; and the number of trips
# depends on the kind and on the car.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklatent.density import GaussianMixture
from sklatent.neural import VAETransformer

rng = np.random.RandomState(0)
n = 2000
kinds = ["single", "family", "shared"]
kind = rng.choice(3, n, p=[0.5, 0.3, 0.2])
income = rng.normal(np.array([2.2, 3.4, 1.6])[kind], 0.4)
log_odds = 3 * (income - 2.2) + np.array([-1.0, 1.5, 0.0])[kind]
car = rng.uniform(size=n) < 1 / (1 + np.exp(-log_odds))
trips = rng.poisson(np.array([2.0, 1.0, 6.0])[kind] * np.where(car, 2.2, 1.0))
table = pd.DataFrame({"income": income, "car": car, "trips": trips, "kind": kind})
table = table.astype(float)

# %%
# ``likelihood`` assigns a distribution to each column, here by name. For comparison, a
# mixture of Gaussians treats all columns as real numbers.

vae = VAETransformer(
    3,
    likelihood=[
        ("gaussian", ["income"]),
        ("bernoulli", ["car"]),
        ("poisson", ["trips"]),
        ("categorical", ["kind"]),
    ],
    max_epochs=60,
    random_state=0,
).fit(table)
mixture = GaussianMixture(6, random_state=0).fit(table)

synthetic = pd.DataFrame(vae.sample(n, random_state=0), columns=table.columns)
others = pd.DataFrame(mixture.sample(n, random_state=0), columns=table.columns)
print("the first rows sampled from the autoencoder")
print(synthetic.head(4).round(2).to_string(index=False))
print("and from the mixture of Gaussians")
print(others.head(4).round(2).to_string(index=False))

# %%
# The figure compares three dependences in the table and in the synthetic rows: of
# income on the kind, of the car on income, and of trips on the kind.

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(10, 3.4), layout="constrained"
)
for i in range(3):
    bins = np.linspace(0, 5, 31)
    left.hist(table.income[table.kind == i], bins, color=f"C{i}", alpha=0.3)
    left.hist(
        synthetic.income[synthetic.kind == i], bins, color=f"C{i}", histtype="step"
    )
left.set(xlabel="income, thousands a month", ylabel="households")
left.set(title="shaded: table, outlined: synthetic")

edges = np.arange(1.0, 4.3, 0.4)
for rows, style in [(table, "o-"), (synthetic, "x--")]:
    share = rows.car.groupby(pd.cut(rows.income, edges), observed=True).mean()
    middle.plot([interval.mid for interval in share.index], share, style, color="0.3")
    for i, name in enumerate(kinds):
        counts = rows.trips[rows.kind == i].value_counts(normalize=True).sort_index()
        right.plot(counts.index, counts, style, color=f"C{i}", label=name)
middle.set(xlabel="income, thousands a month", ylabel="share with a car")
middle.legend(["table", "synthetic"])
right.legend(*[half[:3] for half in right.get_legend_handles_labels()])
right.set(xlabel="trips out a week", ylabel="share of the kind", xlim=(-0.5, 18))
plt.show()

# %%
# The figure shows the table and as many synthetic rows. The incomes of each kind, the
# share with a car at each income, and the counts of trips are similar; they differ most
# where the table has few rows, among shared households with few trips. The mixture of
# Gaussians samples negative numbers of trips, and kinds between the kinds.

# %%
# Real numbers are mapped to normal scores inside the model (``marginals``), so that
# skewed and rounded columns, and values that many rows have, are the same in synthetic
# rows. ``conditions`` fixes the values of some columns. The others are then sampled
# given these: here, households without a car and with one, of the same income.

for has_car in (0.0, 1.0):
    given = vae.sample(2000, random_state=0, conditions={"income": 2.2, "car": has_car})
    given = pd.DataFrame(given, columns=table.columns)
    share = (given.kind == 0).mean()
    print(f"car {has_car:.0f}: {share:.2f} single, {given.trips.mean():.1f} trips")

# %%
# Households with a car make more trips by the conditional rows too, and are single less
# often, as in the table. Each of these rows has the income and the car that were asked
# for.
