"""Generated data of known intrinsic dimension."""

from sklatent.datasets._benchmark import benchmark_manifolds, make_manifold
from sklatent.datasets._manifolds import (
    make_affine,
    make_ball,
    make_cubic_surface,
    make_flat_torus,
    make_helix,
    make_hypersphere,
    make_mobius,
    make_swiss_roll,
)
from sklatent.datasets._sets import make_cantor_dust, make_line_disk_ball

__all__ = [
    "benchmark_manifolds",
    "make_affine",
    "make_ball",
    "make_cantor_dust",
    "make_cubic_surface",
    "make_flat_torus",
    "make_helix",
    "make_hypersphere",
    "make_line_disk_ball",
    "make_manifold",
    "make_mobius",
    "make_swiss_roll",
]
