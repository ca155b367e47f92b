"""Histogram density: the estimator, rules for the bins, occupied cells."""
