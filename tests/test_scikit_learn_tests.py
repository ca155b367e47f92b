"""scikit-learn's own test files pass with our classes put in, or a reason is given.

`python -m tests.scikit_learn PCA -k NAME` runs some of them by themselves.
"""

import importlib.util
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import sklearn
from sklearn.utils.fixes import parse_version

from tests.scikit_learn import FILES

pytestmark = pytest.mark.slow

IS_OLD = parse_version(sklearn.__version__) < parse_version("1.9")
SOLVER = '"auto" is "covariance_eigh" for such rows, which is exact and no slower.'
PRIVATE = "It calls private methods of scikit-learn's class."
RULE = (
    "Bandwidths by rule are relative to the spread of each feature, so that they are "
    "in units of the data."
)
INVERSE = (
    "There is always an inverse_transform; with fit_inverse_transform=False it is the "
    "local regression of all embeddings."
)
FEWER = "A sparse graph with fewer neighbors is used as it is, with a warning."
METRIC = "Their `metric` is `metric_mds` here, as from scikit-learn 1.8 on."
CHAOS = (
    "Distances that differ in their last bits lead to places that differ, as small "
    "differences grow in hundreds of iterations."
)

# Tests that fail, and why; * stands for any parameters. Each entry has to be that of a
# test that does fail, so that the table has none too many.
DEVIATIONS = {
    "PCA": {
        # Where axes are found from a random start, the last bits decide.
        "test_pca_score[*]": "The likelihood is to be lower with whiten=True, which "
        "does not change it here: whitening scales the codes, not the density.",
        "test_pca_svd_solver_auto[1000-500-400-full]": SOLVER,
        "test_pca_svd_solver_auto[1000-500-10-randomized]": SOLVER,
        "test_pca_svd_solver_auto[1000-500-0.5-full]": SOLVER,
    },
    "FactorAnalysis": {},
    "GaussianMixture": {
        "test_check_weights": "A weight above 1 among weights that are not negative "
        "is told by their sum; the words asked for swap the minimum and the maximum.",
        "test_gaussian_mixture_precisions_init[*]": PRIVATE,
        "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters[*]": (
            PRIVATE
        ),
        "test_gaussian_mixture_setting_best_params": "A singular covariance is an "
        "error here, not a start that is passed over.",
    },
    "KernelDensity": {
        "test_kernel_density[s*]": RULE,
        "test_bandwidth[s*]": RULE,
        "test_kernel_density_sampling": "Every kernel has a sampler.",
    },
    "Isomap": {
        "test_isomap_clone_bug": "There is no `nbrs_`; the number of neighbors is "
        "`n_neighbors_`.",
    },
    "ClassicalMDS": {},
    "TSNE": {
        "test_exact_no_precomputed_sparse[*]": FEWER,
        "test_high_perplexity_precomputed_sparse_distances[*]": FEWER,
        "test_non_positive_computed_distances": "The error names the metric in other "
        "words.",
        "test_pca_initialization_not_compatible_with_precomputed_kernel": "The "
        "start is classical multidimensional scaling, which is PCA for distances.",
        "test_n_components_range": "Any number of components can be used.",
        "test_max_iter_used": "`n_iter_` is their number, not the last index.",
        "test_verbose": "The lines are those of all iterative estimators.",
        "test_n_iter_without_progress": "Places that diverge are an error.",
        "test_accessible_kl_divergence": "The lines are those of all iterative "
        "estimators.",
        "test_64bit[float64-*]": "Results have the precision of the input.",
        "test_tsne_with_different_distance_metrics[*]": CHAOS,
        "test_tsne_with_mahalanobis_distance": CHAOS,
        "test_tsne_perplexity_validation[*0]": "A perplexity that is too large for the "
        "rows is lowered, with a warning.",
    },
    "MDS": {
        "test_normalized_stress_auto[*]": "It looks into a private function.",
        "test_returned_stress[*]": "The stress is one of rounding, 1e-31, since the "
        "start is the solution.",
        "test_convergence_does_not_depend_on_scale[True]": "The start is the solution, "
        "and whether it takes one step or two to find this hangs on rounding.",
        "test_future_warning_init_and_metric": "The default of init is the one that "
        "scikit-learn will have, and nothing has to be warned of.",
    },
    "KernelPCA": {
        "test_kernel_pca_sparse[*]": INVERSE,
        "test_kernel_pca_raise_not_fitted_error": INVERSE,
    },
}


# Those that the tests of older versions have besides.
OLD_DEVIATIONS = {
    "GaussianMixture": {
        "test_regularisation": "The error says what to do in other words.",
    },
    "MDS": {
        "test_MDS": METRIC,
        "test_nonmetric_mds_optimization": METRIC,
        "test_mds_recovers_true_data[*]": METRIC,
        "test_future_warning_n_init": "The default of n_init is the one that "
        "scikit-learn has from 1.9 on, and nothing has to be warned of.",
    },
    "TSNE": {
        "test_pca_initialization_not_compatible_with_sparse_input[*]": "Sparse rows "
        "start from their principal components, as from scikit-learn 1.8 on.",
        "test_tnse_n_iter_*": "`n_iter` is `max_iter`, as from scikit-learn 1.7 on.",
    },
}
# How many pass at least; scikit-learn 1.9 has these, older versions have fewer of some.
# Of the tests of TSNE a fifth is about lines that are printed, errors where there are
# results here, and places to the last bit.
FEWEST = {
    "PCA": 370,
    "FactorAnalysis": 1,
    "GaussianMixture": 45,
    "KernelDensity": 42,
    "Isomap": 71,
    "ClassicalMDS": 4,
    "MDS": 6 if IS_OLD else 21,
    "KernelPCA": 36,
    "TSNE": 58,
}


def outcomes(name, folder):
    """Whether each test of a file passed; skipped ones are left out."""
    # scikit-learn's conftest asks for as many threads as cores.
    environment = {**os.environ, "LOKY_MAX_CPU_COUNT": "1"}
    # Tests of arrays of other libraries, on which nothing is dispatched here.
    environment.pop("SCIPY_ARRAY_API", None)
    command = [sys.executable, "-m", "tests.scikit_learn", name]
    process = subprocess.run(
        [*command, f"--junitxml={folder / name}", "-q", "--tb=no"],
        cwd=Path(__file__).parents[1],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.returncode in (0, 1), process.stdout
    outcomes = {}
    for case in ElementTree.parse(folder / name).iter("testcase"):
        found = {child.tag for child in case}
        if "skipped" not in found:
            outcomes[case.get("name")] = not found & {"failure", "error"}
    return outcomes


def is_of(test, deviation):
    return re.fullmatch(re.escape(deviation).replace(r"\*", ".*"), test) is not None


@pytest.mark.parametrize("name", FILES)
def test_fails_where_a_reason_is_given_and_nowhere_else(name, tmp_path):
    package, file = FILES[name]
    if IS_OLD and importlib.util.find_spec(f"{package}.tests.{file}") is None:
        pytest.skip(f"this version of scikit-learn has no {name}")
    known = DEVIATIONS[name] | (OLD_DEVIATIONS.get(name, {}) if IS_OLD else {})
    found = outcomes(name, tmp_path)
    failed = [test for test, passed in found.items() if not passed]
    unknown = [t for t in failed if not any(is_of(t, deviation) for deviation in known)]
    assert not unknown, f"python -m tests.scikit_learn {name} says why"
    assert sum(found.values()) >= FEWEST[name]
    # Whether last bits lead elsewhere hangs on the machine.
    stale = [
        deviation
        for deviation, reason in known.items()
        if reason != CHAOS and not any(is_of(test, deviation) for test in failed)
    ]
    # Of the tests of an older version only some are those of the table.
    assert IS_OLD or not stale, "these pass, so that they are no deviations"
