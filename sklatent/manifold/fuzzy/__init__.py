"""Attraction along a fuzzy graph of neighbors, and repulsion of all places: UMAP."""
