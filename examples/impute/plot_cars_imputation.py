"""
==========================================================================
Imputation: a mean and its standard error from a table with missing values
==========================================================================

In a table of cars the power of most heavy cars is missing. Which cars have an entry is
no accident, so the mean of the entries that are left is wrong. A model of the table
imputes the missing ones, and multiple imputation says how well the mean is known then.
"""

# %%
# The table comes with vega_datasets. Names of cars and columns stay, and missing
# entries are NaN, as pandas has them. To be able to compare with the truth, we take the
# cars of which all numbers are known, and remove the power of 70 % of those that weigh
# more than 3000 lbs.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.impute import KNNImputer, SimpleImputer
from vega_datasets import local_data

from sklatent.impute import LatentImputer

cars = pd.read_json(local_data.cars.filepath).set_index("Name")
cars = cars.select_dtypes("number").dropna()
rng = np.random.RandomState(0)
removed = (cars["Weight_in_lbs"] > 3000) & (rng.uniform(size=len(cars)) < 0.7)
table = cars.assign(Horsepower=cars["Horsepower"].mask(removed))
print(table.iloc[:, [0, 3, 4]].head(3).to_string())

# %%
# Imputed once, by scikit-learn's imputers and by expectations under a Gaussian of the
# whole table, which is the default model here. The error is that of the removed
# entries.

imputers = {
    "column mean": SimpleImputer(),
    "nearest neighbors": KNNImputer(),
    "expectations": LatentImputer(),
}
filled = {"cars with an entry": table.dropna()}
for name, imputer in imputers.items():
    filled[name] = imputer.set_output(transform="pandas").fit_transform(table)
    error = (filled[name] - cars).loc[removed, "Horsepower"]
    print(f"{name:<18} error {np.sqrt(np.mean(error**2)):4.1f} horsepower")

# %%
# Twenty draws, and Rubin's rules: the estimate is the mean of the means, and its
# variance is the mean of their variances plus the variance between the tables, times
# 1 + 1/20.

imputer = LatentImputer(n_draws=20, random_state=0).set_output(transform="pandas")
draws = imputer.fit(table).transform_draws(table)


def mean_power(*tables):
    """Mean of a column, and its standard error, from one table or several."""
    powers = [t["Horsepower"] for t in tables]
    means = np.array([x.mean() for x in powers])
    variance = np.mean([x.var() / len(x) for x in powers])
    if len(tables) > 1:
        variance += means.var(ddof=1) * (1 + 1 / len(tables))
    return means.mean(), np.sqrt(variance)


results = {"complete table": mean_power(cars)}
results |= {name: mean_power(t) for name, t in filled.items()}
results["twenty draws"] = mean_power(*draws)
for name, (mean, error) in results.items():
    print(f"{name:<18} {mean:5.1f} ± {error:.1f} horsepower")

# %%
# The left panel has the removed entries as they were and as they are imputed, the right
# one the mean power with an interval of two standard errors.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
weight = table["Weight_in_lbs"]
left.plot(weight, table["Horsepower"], ".", color="0.7", label="observed")
for label, values, marker in (
    ("removed", cars, "x"),
    ("one draw", draws[0], "+"),
    ("expectation", filled["expectations"], "."),
):
    left.plot(weight[removed], values.loc[removed, "Horsepower"], marker, label=label)
left.set(xlabel="weight, lbs", ylabel="power, horsepower")
left.legend()
places = np.arange(len(results))
means, errors = np.transpose(list(results.values()))
right.errorbar(means, places, xerr=2 * errors, fmt="o")
right.axvline(means[0], color="0.5", linewidth=0.8)
right.set_yticks(places, list(results))
right.invert_yaxis()
right.set(xlabel="mean power, horsepower")
plt.show()

# %%
# The mean of the cars that have an entry is far too small, and imputing that mean does
# not help. Neighbors have a larger error than the model, which also uses how the power
# goes on growing with the weight where few cars have an entry. Expectations report a
# standard error as if all entries had been observed. That of twenty draws is larger,
# and the mean of the complete table lies within the interval.
