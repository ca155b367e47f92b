"""scikit-learn's own tests of an estimator, with ours in its place.

They are those of the installed scikit-learn, and fail where a warning is raised that
would be an error in scikit-learn's own suite::

    python -m tests.scikit_learn PCA            # and options of pytest, as -k score
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import sklearn

import sklatent

# Which file of scikit-learn tests the estimator of that name, and where it comes from.
FILES = {
    "PCA": ("sklearn.decomposition", "test_pca"),
    "FactorAnalysis": ("sklearn.decomposition", "test_factor_analysis"),
    "GaussianMixture": ("sklearn.mixture", "test_gaussian_mixture"),
    "KernelDensity": ("sklearn.neighbors", "test_kde"),
    "Isomap": ("sklearn.manifold", "test_isomap"),
    "ClassicalMDS": ("sklearn.manifold", "test_classical_mds"),
    "MDS": ("sklearn.manifold", "test_mds"),
    "KernelPCA": ("sklearn.decomposition", "test_kernel_pca"),
    "TSNE": ("sklearn.manifold", "test_t_sne"),
}
# Tests that take the class from its private module.
MODULES = {"MDS": "sklearn.manifold._mds"}


class GaussianMixture(sklatent.GaussianMixture):
    """Ours, whose `sample` returns rows and labels as scikit-learn's does."""

    def sample(self, n_samples=1):
        return self.sample_components(n_samples)


class KernelDensity(sklatent.KernelDensity):
    """Ours, whose `score` is the sum over the rows as scikit-learn's is."""

    def score(self, X, y=None):
        return len(X) * super().score(X)


# Two methods mean the same in all classes here and something else in scikit-learn. They
# are translated, so that tests that use them by the way test the rest.
SUBSTITUTES = {
    "PCA": sklatent.PCA,
    "FactorAnalysis": sklatent.FactorAnalysis,
    "GaussianMixture": GaussianMixture,
    "KernelDensity": KernelDensity,
    "Isomap": sklatent.Isomap,
    "ClassicalMDS": sklatent.ClassicalMDS,
    "MDS": sklatent.MDS,
    "KernelPCA": sklatent.KernelPCA,
    "TSNE": sklatent.TSNE,
}


def main(name, *options):
    """Put our class in where the tests import theirs from, and run them."""
    package, file = FILES[name]
    module = importlib.import_module(MODULES.get(name, package))
    setattr(module, name, SUBSTITUTES[name])
    # Read by scikit-learn's conftest.
    os.environ["SKLEARN_WARNINGS_AS_ERRORS"] = "1"
    return pytest.main(
        [
            importlib.util.find_spec(f"{package}.tests.{file}").origin,
            f"--config-file={os.devnull}",
            f"--rootdir={Path(sklearn.__file__).parent}",
            "-pno:cacheprovider",
            # 2026-11: pytest 9 on generators that the tests are parametrised with.
            "-Wignore:Passing a non-Collection iterable to parametrize",
            *options,
        ]
    )


if __name__ == "__main__":
    # Under the name that pickles of the substitutes are loaded by.
    from tests.scikit_learn import main

    sys.exit(main(*sys.argv[1:]))
