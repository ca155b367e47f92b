"""The parts of multidimensional scaling: stress, descent, starts and new rows."""
