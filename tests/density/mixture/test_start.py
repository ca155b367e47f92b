"""Where EM starts: sampled rows, seeds, and rows with missing entries."""

import numpy as np
import pytest

from sklatent.density import GaussianMixture
from sklatent.density.mixture._model import Frame, TrainingRows
from sklatent.density.mixture._start import seeds, some_rows
from tests.density.mixture.mixtures import with_missing


def test_rows_are_sampled_by_weight():
    X = np.arange(1000.0)[:, None]
    w = np.where(np.arange(1000) < 900, 0.1, 9.1)  # 90 and 910
    frame = Frame(np.zeros(1), np.ones(1))
    rows = TrainingRows.of(X, w, frame)
    Z, sampled = some_rows(rows, 500, np.random.RandomState(0))
    assert len(Z) == 500
    assert (sampled == 1).all()
    # One from each of 500 stretches of weight 2, of which 45 hold the light rows.
    assert (Z < 900).sum() == 45
    Z, sampled = some_rows(rows, 1000, np.random.RandomState(0))
    np.testing.assert_allclose(sorted(sampled), sorted(w))


def test_seeds_are_in_every_group():
    rng = np.random.RandomState(0)
    groups = np.arange(8) * 1e3
    Z = (groups[:, None] + rng.standard_normal((8, 50))).reshape(-1, 1)
    for seed in range(20):
        chosen = seeds(Z, np.ones(400), 8, np.random.RandomState(seed))
        assert len(set(chosen // 50)) == 8
    assert len(seeds(np.zeros((5, 1)), np.ones(5), 3, rng)) == 1


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.parametrize("p", [3, 70])
def test_every_start_takes_missing_entries(init, p):
    """Groups far apart are found, whatever the number of features."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    X = with_missing(rng.standard_normal((200, p)) + 12.0 * labels[:, None], 0.2)
    X = X[~np.isnan(X).all(axis=1)]
    mixture = GaussianMixture(
        2,
        covariance_type="diag",
        init_params=init,
        random_state=0,
        tol=1e-6,
        max_iter=1000,
        n_init=3,
    )
    found = mixture.fit(X).means_.mean(axis=1)
    np.testing.assert_allclose(sorted(found), [0.0, 12.0], atol=0.5)
