"""Gaussian mixtures: the estimator, and the EM algorithm block by block."""
