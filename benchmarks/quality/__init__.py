"""How good the results are beside other packages: accuracy, not time.

Every table is the mean over at least five splits, which all methods share, and a
difference is the mean of the differences within a split, with its standard error. A
peer runs with what its user would type; the packages that are not scikit-learn run in
the environment of their own that `benchmarks/_peers.py` describes. A star marks the
best method of each column. ``python -m benchmarks quality`` runs all parts, and
``python -m benchmarks quality.densities`` one of them.
"""

PARTS = [
    "components",
    "densities",
    "tables",
    "codes",
    "imputation",
    "outliers",
    "false_alarms",
]
