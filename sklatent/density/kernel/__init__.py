"""Kernel density estimation: the estimator, radial functions, bandwidths, sums."""
