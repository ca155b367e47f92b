"""Densities made of others: of transformed rows, and mixtures of models."""
