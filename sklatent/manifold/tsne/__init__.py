"""The parts of t-SNE: affinities, divergence, starts and new rows."""
