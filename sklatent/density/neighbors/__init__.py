"""Density from nearest neighbors: the estimator, balls of k rows, choice of k."""
