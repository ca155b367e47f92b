"""
====================================================================
A table of many kinds of columns can be drawn anew, dependences kept
====================================================================

One variational autoencoder takes columns of real numbers, of zeros and ones, of counts
and of categories, each with its own likelihood. Rows drawn from it have values that the
table could have, and depend on each other as there.
"""

# %%
# A table of households is made up. Their kind says what they earn, about; who earns
# more is more likely to have a car; and trips out depend on the kind and on the car.

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
# ``likelihood`` says which law belongs to which columns, here by name. A mixture of
# Gaussians serves to compare: it takes all columns for real numbers.

vae = VAETransformer(
    3,
    likelihood=[
        ("gaussian", ["income"]),
        ("bernoulli", ["car"]),
        ("poisson", ["trips"]),
        ("categorical", ["kind"]),
    ],
    hidden_layer_sizes=(64,),
    lr=5e-3,
    max_epochs=60,
    random_state=0,
).fit(table)
mixture = GaussianMixture(6, random_state=0).fit(table)

drawn = pd.DataFrame(vae.sample(n, random_state=0), columns=table.columns)
others = pd.DataFrame(mixture.sample(n, random_state=0), columns=table.columns)
print("the first rows drawn from the autoencoder")
print(drawn.head(4).round(2).to_string(index=False))
print("and from the mixture of Gaussians")
print(others.head(4).round(2).to_string(index=False))

# %%
# Three dependences, in the table and in the rows drawn: of income on the kind, of the
# car on income, and of trips on the kind.

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(10, 3.4), layout="constrained"
)
for i in range(3):
    bins = np.linspace(0, 5, 31)
    left.hist(table.income[table.kind == i], bins, color=f"C{i}", alpha=0.3)
    left.hist(drawn.income[drawn.kind == i], bins, color=f"C{i}", histtype="step")
left.set(xlabel="income, thousands a month", ylabel="households")
left.set(title="filled: table, outlined: drawn")

edges = np.arange(1.0, 4.3, 0.4)
for rows, style in [(table, "o-"), (drawn, "x--")]:
    share = rows.car.groupby(pd.cut(rows.income, edges), observed=True).mean()
    middle.plot([interval.mid for interval in share.index], share, style, color="0.3")
    for i, name in enumerate(kinds):
        counts = rows.trips[rows.kind == i].value_counts(normalize=True).sort_index()
        right.plot(counts.index, counts, style, color=f"C{i}", label=name)
middle.set(xlabel="income, thousands a month", ylabel="share with a car")
middle.legend(["table", "drawn"])
right.legend(*[half[:3] for half in right.get_legend_handles_labels()])
right.set(xlabel="trips out a week", ylabel="share of the kind", xlim=(-0.5, 18))
plt.show()

# %%
# The figure shows the table beside as many drawn rows. The incomes of each kind, the
# share with a car at each income, and the counts of trips are much alike; they differ
# most where the table is thin, among shared households with few trips. The mixture of
# Gaussians draws trips that are negative, and kinds between the kinds.
