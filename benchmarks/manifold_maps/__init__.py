"""Maps of the neighbors, and of the distances, beside the packages that draw them.

Each part is a file whose `run` yields its tables, and can be run by itself: ``python -m
benchmarks manifold_maps`` runs all of them, and ``python -m benchmarks
manifold_maps.tsne_speed`` one. Peers run in the environment of their own that
`benchmarks/_peers.py` describes, where their time is measured, with two threads like
ours.
"""

PARTS = [
    "tsne_speed",
    "tsne_quality",
    "tsne_transform",
    "many_rows",
    "mds_speed",
    "sketch_speed",
    "parametric",
    "common_checks",
]
