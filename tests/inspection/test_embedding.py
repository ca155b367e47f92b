"""The display of an embedding's errors, against what it is drawn from."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from sklatent.decomposition import PCA
from sklatent.inspection import EmbeddingDisplay
from sklatent.manifold import ClassicalMDS

X = load_iris().data
MDS = ClassicalMDS(n_components=3).fit(X[::2])


def test_dots_are_places_colored_by_their_scores():
    display = EmbeddingDisplay.from_estimator(MDS, X, components=(2, 0), cmap="magma")
    places = MDS.transform(X)[:, [2, 0]]
    np.testing.assert_array_equal(display.scatter_.get_offsets(), places)
    np.testing.assert_array_equal(display.scatter_.get_array(), MDS.score_samples(X))
    assert display.scatter_.get_clim()[1] == 1
    assert display.colorbar_.cmap.name == "magma"
    assert display.ax_.get_xlabel() == "component 2"
    assert display.line_ is None


def test_shepard_diagram_has_distances_of_pairs():
    """Each pair of distances is one of those of all pairs of rows."""
    display = EmbeddingDisplay.from_estimator(MDS, X, kind="shepard", n_pairs=300)
    Z = MDS.transform(X)
    pairs = np.triu_indices(len(X), 1)
    every = np.column_stack([cdist(X, X)[pairs], cdist(Z, Z)[pairs]])
    drawn = np.asarray(display.scatter_.get_offsets())
    assert drawn.shape == (300, 2)
    assert cdist(drawn, every).min(axis=1).max() < 1e-9
    rho = spearmanr(display.distances, display.embedded_distances).statistic
    assert f"{rho:.2f}" in display.ax_.get_title()
    end = display.line_.get_xdata()[1]
    np.testing.assert_array_equal(display.line_.get_ydata(), [0, end])
    assert display.colorbar_ is None


def test_pairs_follow_the_seed():
    pairs = [
        EmbeddingDisplay.from_estimator(
            MDS, X, kind="shepard", n_pairs=50, random_state=seed
        ).distances
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(pairs[0], pairs[1])
    assert (pairs[0] != pairs[2]).any()


def test_given_distances():
    """Pairs are rows of the call with training rows."""
    D = cdist(X, X[::2])
    mds = ClassicalMDS(n_components=2, metric="precomputed").fit(D[::2])
    display = EmbeddingDisplay.from_estimator(mds, D, kind="shepard", n_pairs=200)
    Z = mds.transform(D)
    every = np.column_stack([D.ravel(), cdist(Z, mds.embedding_).ravel()])
    drawn = np.column_stack([display.distances, display.embedded_distances])
    assert cdist(drawn, every).min(axis=1).max() < 1e-9


def test_messages():
    with pytest.raises(ValueError, match=r"kind must be one of .*'stress'"):
        EmbeddingDisplay.from_estimator(MDS, X, kind="stress")
    with pytest.raises(ValueError, match="components must be two different positions"):
        EmbeddingDisplay.from_estimator(MDS, X, components=(0, 3))
    with pytest.raises(ValueError, match="n_pairs"):
        EmbeddingDisplay.from_estimator(MDS, X, kind="shepard", n_pairs=1)
    with pytest.raises(TypeError, match=r"ClassicalMDS.*got PCA.* no embedding_"):
        EmbeddingDisplay.from_estimator(PCA(2).fit(X), X)
    with pytest.raises(NotFittedError):
        EmbeddingDisplay.from_estimator(ClassicalMDS(), X)
