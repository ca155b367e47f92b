"""Imports, a process each: what a script waits for before its first line."""

import subprocess
import sys

from benchmarks._harness import compare


def importing(statement):
    """Return what starts a Python process that executes a statement."""
    return lambda: subprocess.run([sys.executable, "-c", statement], check=True)


def run():
    """Yield the tables of the family."""
    for ours, peer in (
        ("from sklatent import PCA", "from sklearn.decomposition import PCA"),
        ("from sklatent import VAETransformer", "import torch, skorch"),
    ):
        yield compare(
            f"{ours}, a process each",
            {"sklatent": importing(ours), peer: importing(peer)},
            {peer: ">= 0.9"},
            11,
        )
