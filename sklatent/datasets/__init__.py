"""Generated data of known intrinsic dimension, and exact geodesics and spectra."""

from sklatent.datasets._benchmark import benchmark_manifolds, make_manifold
from sklatent.datasets._geodesics import geodesic_distances
from sklatent.datasets._manifolds import make_helix, make_mobius, make_swiss_roll
from sklatent.datasets._sets import make_cantor_dust, make_line_disk_ball
from sklatent.datasets._spectra import laplacian_eigenvalues
from sklatent.datasets._symmetric import (
    make_affine,
    make_ball,
    make_cubic_surface,
    make_flat_torus,
    make_hypersphere,
)
from sklatent.datasets._trees import make_tree

__all__ = [
    "benchmark_manifolds",
    "geodesic_distances",
    "laplacian_eigenvalues",
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
    "make_tree",
]
