"""Synthetic rows by sequential trees, the default of R's synthpop.

Each column is drawn given the columns before it: a classification or regression tree
finds the training rows like this one, and the value is that of one of them. Nowok, Raab
and Dibben (2016), synthpop: bespoke creation of synthetic data in R, Journal of
Statistical Software 74(11).
"""

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor


def coded(table):
    """Columns as numbers; categories as their codes."""
    return np.column_stack(
        [
            column.cat.codes if column.dtype == "category" else column
            for _, column in table.items()
        ]
    )


def sequential_trees(table, n_rows, seed):
    """Return drawn rows, as a frame like the table."""
    rng = np.random.RandomState(seed)
    real = coded(table).astype(np.float64)
    drawn = np.empty((n_rows, real.shape[1]))
    drawn[:, 0] = rng.choice(real[:, 0], n_rows)
    for j in range(1, real.shape[1]):
        categorical = table.dtypes.iloc[j] == "category"
        kind = DecisionTreeClassifier if categorical else DecisionTreeRegressor
        tree = kind(min_samples_leaf=5, random_state=seed)
        leaves = tree.fit(real[:, :j], real[:, j]).apply(real[:, :j])
        members = {leaf: np.flatnonzero(leaves == leaf) for leaf in np.unique(leaves)}
        drawn[:, j] = [
            real[rng.choice(members[leaf]), j] for leaf in tree.apply(drawn[:, :j])
        ]
    frame = pd.DataFrame(drawn, columns=table.columns)
    for name, column in table.items():
        if column.dtype == "category":
            categories = column.cat.categories
            codes = frame[name].astype(int)
            frame[name] = pd.Categorical.from_codes(codes, categories)
    return frame
