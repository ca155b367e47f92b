"""What the dimension of a set, and the interval around it, are worth.

Each part is a file whose `run` yields its tables, and can be run by itself: ``python -m
benchmarks dimensions`` runs all of them, and ``python -m benchmarks
dimensions.angles`` one.
"""

PARTS = ["coverage", "variants", "angles", "many_rows"]
