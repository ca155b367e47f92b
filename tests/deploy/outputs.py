"""Results of an estimator, to be compared between processes."""

import contextlib

import numpy as np

METHODS = (
    *("transform", "score_samples", "reconstruction_error", "predict", "predict_proba"),
    *("decision_function", "pvalues"),
)


def outputs(estimator, X):
    """Arrays by name: whatever a fitted estimator says of rows, and rows of its own."""
    found = {}
    for name in METHODS:
        if hasattr(estimator, name):
            with contextlib.suppress(ValueError):  # TwoNN.transform without neighbors
                found[name] = getattr(estimator, name)(X)
    if hasattr(estimator, "inverse_transform"):
        found["inverse_transform"] = estimator.inverse_transform(found["transform"])
    if hasattr(estimator, "sample"):
        with contextlib.suppress(NotImplementedError, ValueError):  # of some kernels
            found["sample"] = estimator.sample(3, random_state=0)
    for name in ("dimension_", "local_dimension_", "n_components_", "history_"):
        if hasattr(estimator, name):
            value = getattr(estimator, name)
            found[name] = value["train_loss"] if name == "history_" else value
    return {name: np.asarray(value) for name, value in found.items()}
