"""Diffusion maps against the spectra of manifolds, and against definitions."""

import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.exceptions import NotFittedError

from sklatent.datasets import (
    laplacian_eigenvalues,
    make_affine,
    make_ball,
    make_flat_torus,
    make_hypersphere,
    make_swiss_roll,
)
from sklatent.dimension import TwoNN
from sklatent.exceptions import (
    DisconnectedGraphWarning,
    FarRowsWarning,
    FewRowsWarning,
    RankDeficientWarning,
)
from sklatent.manifold import DiffusionMap

SIDES = [1.0, 1.6]
# Generator, its settings, name of the spectrum, its settings, tolerance.
SPECTRA = {
    "circle": (make_hypersphere, {"dimension": 1}, "hypersphere", {"dimension": 1}),
    "circle 9:1": (
        make_hypersphere,
        {"dimension": 1, "density_ratio": 9},
        "hypersphere",
        {"dimension": 1},
    ),
    "interval": (make_affine, {"dimension": 1}, "affine", {"dimension": 1}),
    "sphere": (make_hypersphere, {}, "hypersphere", {}),
    "torus": (make_flat_torus, {}, "flat_torus", {}),
    "torus 9:1": (make_flat_torus, {"density_ratio": 9}, "flat_torus", {}),
    "rectangle": (
        make_affine,
        {"side_lengths": SIDES},
        "affine",
        {"side_lengths": SIDES},
    ),
    "disk": (make_ball, {}, "ball", {}),
}


def angles(X):
    return np.arctan2(X[:, 1], X[:, 0])


def share_in_span(F, columns):
    """Share of the variance of each column of F that others and 1 explain."""
    F = F - F.mean(axis=0)
    B = np.column_stack(columns)
    B = B - B.mean(axis=0)
    Q, _ = np.linalg.qr(B)
    return ((Q.T @ F) ** 2).sum(axis=0) / (F**2).sum(axis=0)


@pytest.mark.parametrize("name", SPECTRA)
def test_eigenvalues_of_known_manifolds(name):
    """The mean error of the first eight; samples scatter by about a third of it."""
    make, settings, spectrum, truth = SPECTRA[name]
    X, _ = make(3000, random_state=0, **settings)
    diffusion = DiffusionMap().fit(X)
    expected = laplacian_eigenvalues(spectrum, 8, **truth)
    errors = np.abs(diffusion.eigenvalues_ / expected - 1)
    assert errors.mean() <= 0.05
    assert (np.diff(diffusion.eigenvalues_) >= 0).all()


def test_every_eigenvalue_of_a_large_circle():
    """Lanczos' method finds one of each pair where gaps are tiny."""
    X, _ = make_hypersphere(12_000, dimension=1, random_state=0)
    rates = DiffusionMap().fit(X).eigenvalues_
    np.testing.assert_allclose(rates, [1, 1, 4, 4, 9, 9, 16, 16], rtol=0.03)


@pytest.mark.parametrize("density_ratio", [1, 9])
def test_first_functions_of_a_circle_are_waves(density_ratio):
    X, _ = make_hypersphere(
        3000, dimension=1, density_ratio=density_ratio, random_state=1
    )
    F = DiffusionMap(n_components=4).fit(X).eigenfunctions_
    a = angles(X)
    first = share_in_span(F[:, :2], [np.cos(a), np.sin(a)])
    assert (first > 0.98).all()
    second = share_in_span(F[:, 2:4], [np.cos(2 * a), np.sin(2 * a)])
    assert (second > 0.95).all()


def test_functions_of_an_interval_are_cosines():
    X, _ = make_affine(2000, dimension=1, density_ratio=4, random_state=0)
    F = DiffusionMap().fit(X).eigenfunctions_
    for m in (1, 2, 3):
        wave = np.cos(m * np.pi * (X[:, 0] + 0.5))
        assert share_in_span(F[:, m - 1 : m], [wave])[0] > 0.99


@pytest.mark.parametrize("sigma", [1.0, 5.0])
def test_langevin_dynamics_of_a_normal_distribution(sigma):
    """Ornstein-Uhlenbeck: rates m / sigma^2, and Hermite polynomials.

    Tails have few rows, so that only the first rates are close.
    """
    x = sigma * np.random.RandomState(0).standard_normal(4000)
    diffusion = DiffusionMap(alpha=0.5).fit(x[:, None])
    rates = diffusion.eigenvalues_[:3] * sigma**2
    np.testing.assert_allclose(rates, [1, 2, 3], rtol=0.15)
    F = diffusion.eigenfunctions_
    z = x / sigma
    assert share_in_span(F[:, :1], [z])[0] > 0.98
    assert share_in_span(F[:, 1:2], [z * z])[0] > 0.9


def test_alpha_zero_has_twice_the_drift():
    """Rates 2 m / sigma^2 in the potential that is twice as deep."""
    x = np.random.RandomState(0).standard_normal((4000, 1))
    rates = DiffusionMap(alpha=0.0).fit(x).eigenvalues_[:2]
    np.testing.assert_allclose(rates, [2, 4], rtol=0.2)


def test_rates_have_the_units_of_the_data():
    X, _ = make_hypersphere(500, dimension=1, random_state=0)
    rates = DiffusionMap().fit(X).eigenvalues_
    for scale in (1e-100, 1e-3, 1e100):
        scaled = DiffusionMap().fit(X * scale)
        np.testing.assert_allclose(scaled.eigenvalues_ * scale**2, rates, rtol=1e-6)
    moved = DiffusionMap().fit(X + 1e6)
    np.testing.assert_allclose(moved.eigenvalues_, rates, rtol=1e-4)


def test_functions_have_unit_mean_square_and_mean_zero_under_uniformity():
    X, _ = make_flat_torus(1000, random_state=0)
    F = DiffusionMap(n_components=5).fit(X).eigenfunctions_
    np.testing.assert_allclose((F**2).mean(axis=0), 1, rtol=1e-10)
    assert np.abs(F.mean(axis=0)).max() < 0.1


def test_diffusion_time():
    X, _ = make_hypersphere(600, dimension=2, random_state=0)
    still = DiffusionMap(n_components=3).fit(X)
    later = DiffusionMap(n_components=3, diffusion_time=0.4).fit(X)
    decay = np.exp(-0.4 * still.eigenvalues_[:3])
    np.testing.assert_allclose(later.embedding_, still.embedding_ * decay, atol=1e-10)
    np.testing.assert_allclose(later.eigenvalues_, still.eigenvalues_, rtol=1e-10)


def test_harmonics_are_dropped():
    """On a long strip the second and third function are cosines of the first."""
    X, _ = make_affine(3000, side_lengths=[3.4, 1.0], random_state=0)
    across = [np.cos(np.pi * (X[:, 1] + 0.5))]
    plain = DiffusionMap(n_components=2).fit(X)
    assert share_in_span(plain.embedding_[:, 1:], across)[0] < 0.1
    diffusion = DiffusionMap(n_components=2, drop_harmonics=True).fit(X)
    assert share_in_span(diffusion.embedding_[:, 1:], across)[0] > 0.9
    assert diffusion.component_indices_[0] == 0
    assert diffusion.component_indices_[1] >= 2


@pytest.mark.parametrize("metric", ["euclidean", "precomputed"])
def test_weights_are_repeated_rows(metric):
    rng = np.random.RandomState(0)
    X, _ = make_hypersphere(300, dimension=1, random_state=0)
    weight = rng.randint(0, 4, size=300)
    rows = np.repeat(np.arange(300), weight)
    D = cdist(X, X) if metric == "precomputed" else X
    repeated = D[np.ix_(rows, rows)] if metric == "precomputed" else X[rows]
    weighted = DiffusionMap(metric=metric).fit(D, sample_weight=weight)
    again = DiffusionMap(metric=metric).fit(repeated)
    np.testing.assert_allclose(weighted.eigenvalues_, again.eigenvalues_, rtol=1e-8)
    np.testing.assert_allclose(weighted.embedding_[rows], again.embedding_, atol=1e-7)


@pytest.mark.parametrize("d", [1, 2])
def test_weights_do_not_change_the_shape(d):
    """With alpha=1 the density, and so weights that make it uneven, is divided out."""
    X, _ = make_hypersphere(3000, dimension=d, random_state=0)
    rates = DiffusionMap().fit(X, sample_weight=1 + 0.8 * X[:, 0]).eigenvalues_[:3]
    truth = laplacian_eigenvalues("hypersphere", 3, dimension=d)
    np.testing.assert_allclose(rates, truth, rtol=0.06)


def test_weights_make_a_sample_uniform():
    """Weights inverse to the density, with alpha=0: no drift. Its bias is larger."""
    X, _ = make_hypersphere(4000, dimension=1, density_ratio=4, random_state=0)
    diffusion = DiffusionMap(alpha=0.0).fit(X, sample_weight=1 / (1 + 0.6 * X[:, 0]))
    np.testing.assert_allclose(diffusion.eigenvalues_[:2], [1, 1], rtol=0.15)


def test_rows_of_no_weight_are_placed():
    X, _ = make_hypersphere(400, dimension=2, random_state=0)
    weight = np.ones(400)
    weight[300:] = 0
    diffusion = DiffusionMap().fit(X, sample_weight=weight)
    without = DiffusionMap().fit(X[:300])
    np.testing.assert_allclose(diffusion.embedding_[:300], without.embedding_)
    np.testing.assert_allclose(diffusion.embedding_[300:], without.transform(X[300:]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_transform(dtype):
    X, _ = make_hypersphere(1500, dimension=2, random_state=0)
    X = X.astype(dtype)
    train, new = X[:1000], X[1000:]
    diffusion = DiffusionMap(n_components=3).fit(train)
    assert diffusion.embedding_.dtype == dtype
    np.testing.assert_array_equal(diffusion.transform(train), diffusion.embedding_)
    Z = diffusion.transform(new)
    assert Z.dtype == dtype
    atol = 1e-6 if dtype == np.float32 else 1e-12
    for i in range(0, 500, 100):
        alone = diffusion.transform(new[i : i + 1])
        np.testing.assert_allclose(alone[0], Z[i], atol=atol)
    # The first functions of a sphere are its coordinates, turned: so are new places.
    turn, *_ = np.linalg.lstsq(train, diffusion.embedding_, rcond=None)
    assert np.abs(Z - new @ turn).mean() < 0.1


def test_new_rows_by_nystroms_formula():
    """On a circle, with one width: an average of places over a Gaussian kernel."""
    X, _ = make_hypersphere(800, dimension=1, random_state=0)
    diffusion = DiffusionMap(bandwidth="fixed", alpha=0.0).fit(X)
    new = np.array([[np.cos(0.3), np.sin(0.3)], [np.cos(2.0), np.sin(2.0)]])
    squares = cdist(new, X) ** 2
    K = np.exp(-squares / (4 * diffusion.epsilon_))
    mean = (K / K.sum(axis=1, keepdims=True)) @ diffusion.embedding_
    ratio = diffusion.transform(new) / mean
    # A step takes some of each function away, the same everywhere.
    np.testing.assert_allclose(ratio[0], ratio[1], rtol=0.01)
    assert (ratio > 1).all()
    assert (ratio < 1.2).all()


def test_far_rows():
    X, _ = make_flat_torus(400, random_state=0)
    diffusion = DiffusionMap().fit(X)
    far = X[:2] + 1e5 * np.array([[1.0, 0, 0, 0], [0, 0, 0, -1.0]])
    with pytest.warns(FarRowsWarning, match="2 of 3 rows are far"):
        Z = diffusion.transform(np.vstack([far, X[5:6]]))
    assert np.isfinite(Z).all()
    nearest = cdist(far, X).argmin(axis=1)
    np.testing.assert_array_equal(Z[:2], diffusion.embedding_[nearest])
    np.testing.assert_array_equal(Z[2], diffusion.embedding_[5])


def test_unconnected_graph():
    circles = [make_hypersphere(300, dimension=1, random_state=s)[0] for s in range(3)]
    X = np.vstack([circle + 100 * i for i, circle in enumerate(circles)])
    with pytest.warns(DisconnectedGraphWarning, match="3") as caught:
        diffusion = DiffusionMap(n_components=2).fit(X)
    assert len([w for w in caught if w.category is DisconnectedGraphWarning]) == 1
    labels = diffusion.component_labels_
    assert len(set(labels)) == 3
    assert all(len(set(labels[300 * i : 300 * (i + 1)])) == 1 for i in range(3))
    np.testing.assert_array_equal(diffusion.eigenvalues_[:2], 0)
    np.testing.assert_allclose(diffusion.eigenvalues_[2:], [1] * 6, rtol=0.15)
    # The first two functions are constant on each circle, and tell all three apart.
    F = diffusion.eigenfunctions_[:, :2]
    assert max(np.ptp(F[labels == c], axis=0).max() for c in range(3)) < 1e-12
    assert len(np.unique(F.round(9), axis=0)) == 3


def test_precomputed_distances_are_as_the_rows():
    X, _ = make_hypersphere(500, dimension=2, random_state=0)
    train, new = X[:400], X[400:]
    rows = DiffusionMap(n_components=3).fit(train)
    matrix = DiffusionMap(n_components=3, metric="precomputed").fit(cdist(train, train))
    np.testing.assert_allclose(matrix.eigenvalues_, rows.eigenvalues_, rtol=1e-8)
    # Multiple eigenvalues may be turned by rounding: compare distances.
    d = cdist(rows.embedding_, rows.embedding_)
    np.testing.assert_allclose(
        cdist(matrix.embedding_, matrix.embedding_), d, atol=1e-6
    )
    Z = matrix.transform(cdist(new, train))
    others = cdist(rows.transform(new), rows.embedding_)
    np.testing.assert_allclose(cdist(Z, matrix.embedding_), others, atol=1e-6)
    assert not hasattr(matrix, "inverse_transform")


@pytest.mark.parametrize(
    ("D", "message"),
    [
        (np.ones((3, 4)), "square"),
        (np.array([[0, 1.0], [2.0, 0]]), "symmetric"),
        (np.array([[0, -1.0], [-1.0, 0]]), "[Nn]egative"),
        (np.array([[1.0, 1.0], [1.0, 0]]), "diagonal"),
    ],
)
def test_bad_distances(D, message):
    with pytest.raises(ValueError, match=message):
        DiffusionMap(metric="precomputed").fit(D)


def test_inverse_transform():
    X, _ = make_swiss_roll(1500, random_state=0)
    diffusion = DiffusionMap(n_components=4, drop_harmonics=True).fit(X[:1200])
    error = diffusion.reconstruction_error(X[1200:]).mean()
    assert error < 0.05 * X.var(axis=0).sum()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_same_bits_for_any_number_of_threads(n_jobs):
    X, _ = make_flat_torus(600, random_state=0)
    ours, alone = DiffusionMap(n_jobs=n_jobs).fit(X), DiffusionMap(n_jobs=1).fit(X)
    np.testing.assert_array_equal(ours.embedding_, alone.embedding_)
    np.testing.assert_array_equal(
        ours.eigenvalues_interval_, alone.eigenvalues_interval_
    )


def test_estimators_of_dimension():
    X, _ = make_ball(800, dimension=3, n_features=6, random_state=0)
    diffusion = DiffusionMap(n_components=TwoNN(), dimension=TwoNN()).fit(X)
    assert diffusion.n_components_ == 3
    assert diffusion.dimension_ == TwoNN().fit(X).dimension_
    assert DiffusionMap().fit(X).dimension_ == 3
    assert DiffusionMap(dimension=2.5).fit(X).dimension_ == 2.5


def test_a_grid_where_nearest_distances_are_equal():
    side = np.arange(30.0)
    X = np.stack(np.meshgrid(side, side), axis=2).reshape(-1, 2)
    diffusion = DiffusionMap().fit(X)
    assert diffusion.dimension_ == 2
    # Half a step of the grid is beyond its rows on each side.
    np.testing.assert_allclose(diffusion.eigenvalues_[:2], (np.pi / 30) ** 2, rtol=0.1)


@pytest.mark.parametrize("n", [2, 3, 5, 20, 97])
@pytest.mark.parametrize("p", [1, 4])
def test_few_rows(n, p):
    X = np.random.RandomState(0).normal(size=(n, p))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        diffusion = DiffusionMap().fit(X)
        assert diffusion.embedding_.shape == (n, 2)
        assert np.isfinite(diffusion.embedding_).all()
        assert np.isfinite(diffusion.transform(X + 0.01)).all()


def test_what_is_wrong_with_few_rows_is_said():
    X = np.random.RandomState(0).normal(size=(10, 3))
    with pytest.warns(FewRowsWarning, match="n_neighbors=30"):
        DiffusionMap(n_neighbors=30).fit(X)
    with pytest.warns(RankDeficientWarning, match="n_components=5"):
        DiffusionMap(n_components=5, n_neighbors=2).fit(X[:3])
    with pytest.raises(ValueError, match="two rows that differ"):
        DiffusionMap().fit(np.ones((5, 2)))
    with pytest.raises(ValueError, match="PPCA"):
        DiffusionMap().fit([[np.nan], [1.0], [2.0]])
    with pytest.raises(NotFittedError):
        DiffusionMap().transform(X)


def test_constant_columns_and_duplicates_change_nothing():
    X, _ = make_hypersphere(300, dimension=1, random_state=0)
    plain = DiffusionMap().fit(X)
    padded = DiffusionMap().fit(np.column_stack([X, np.full(300, 7.0)]))
    np.testing.assert_allclose(padded.eigenvalues_, plain.eigenvalues_, rtol=1e-6)
    twice = DiffusionMap().fit(np.vstack([X, X]))
    np.testing.assert_allclose(twice.eigenvalues_, plain.eigenvalues_, rtol=1e-6)
    np.testing.assert_array_equal(twice.embedding_[:300], twice.embedding_[300:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{"dimension": 1}, {"dimension": 2}], ids=["circle", "sphere"]
)
def test_intervals_cover(settings):
    """Of 30 samples with 8 rates each, of which those of a sample err together."""
    truth = laplacian_eigenvalues("hypersphere", 8, **settings)
    covered = []
    for seed in range(30):
        X, _ = make_hypersphere(1000, random_state=seed, **settings)
        low, high = DiffusionMap().fit(X).eigenvalues_interval_.T
        covered.append(((low <= truth) & (truth <= high)).mean())
    assert 0.85 < np.mean(covered) <= 1


def test_errors_of_rates():
    X, _ = make_hypersphere(1000, dimension=2, random_state=0)
    diffusion = DiffusionMap().fit(X)
    low, high = diffusion.eigenvalues_interval_.T
    assert (low <= diffusion.eigenvalues_).all()
    assert (diffusion.eigenvalues_ <= high).all()
    assert (diffusion.eigenvalues_std_ > 0).all()
    few = DiffusionMap().fit(X[:50])
    assert np.isinf(few.eigenvalues_std_).all()
