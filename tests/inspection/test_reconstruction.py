import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA as SklearnPCA

from sklatent.decomposition import PCA, PPCA
from sklatent.inspection import ReconstructionDisplay
from sklatent.neural import AETransformer

X, _ = load_digits(n_class=4, return_X_y=True)
PCA_4 = PCA(4).fit(X)
ERRORS = PCA_4.reconstruction_error(X)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("worst", np.argsort(-ERRORS)[:5]),
        ("best", np.argsort(ERRORS)[:5]),
        ("given", np.arange(5)),
    ],
)
def test_rows_shown(order, expected):
    display = ReconstructionDisplay.from_estimator(PCA_4, X, n_rows=5, order=order)
    np.testing.assert_array_equal(display.indices, expected)
    np.testing.assert_array_equal(display.rows, X[expected])
    np.testing.assert_allclose(display.errors, ERRORS[expected])
    rebuilt = PCA_4.inverse_transform(PCA_4.transform(X))
    np.testing.assert_array_equal(display.reconstructions, rebuilt[expected])


def test_random_rows_are_seeded():
    def indices(seed):
        return ReconstructionDisplay.from_estimator(
            PCA_4, X, order="random", random_state=seed
        ).indices.tolist()

    assert indices(0) == indices(0) != indices(1)
    assert len(set(indices(0))) == 8


def test_images():
    display = ReconstructionDisplay.from_estimator(
        PCA_4, X, n_rows=3, image_shape=(8, 8), cmap="viridis"
    )
    pixels = display.image_.get_array()
    assert pixels.shape == (16, 24)
    np.testing.assert_array_equal(pixels[:8, 8:16], display.rows[1].reshape(8, 8))
    rebuilt = display.reconstructions[2].reshape(8, 8)
    np.testing.assert_array_equal(pixels[8:, 16:], rebuilt)
    assert display.image_.get_cmap().name == "viridis"
    assert display.lines_ is None


def test_image_shape_is_read_from_the_estimator():
    ae = AETransformer(
        2, hidden_layer_sizes=(8,), max_epochs=1, image_shape=(1, 8, 8), random_state=0
    ).fit(X)
    assert ReconstructionDisplay.from_estimator(ae, X).image_shape == (1, 8, 8)


def test_curves_and_errors():
    iris = load_iris().data
    pca = SklearnPCA(1).fit(iris)  # has no reconstruction_error
    display = ReconstructionDisplay.from_estimator(pca, iris, n_rows=2, order="given")
    rebuilt = pca.inverse_transform(pca.transform(iris))
    curves = [line.get_ydata() for line in display.lines_]
    expected = [iris[0], rebuilt[0], iris[1], rebuilt[1]]
    np.testing.assert_allclose(curves, expected)
    errors = ((iris - rebuilt) ** 2).sum(axis=1)
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == [f"{i}\n{errors[i]:.3g}" for i in (0, 1)]
    first, second = display.lines_[0].get_xdata(), display.lines_[2].get_xdata()
    assert first.max() < second.min()


def test_missing_entries_do_not_count():
    iris = load_iris().data.copy()
    iris[::3, 0] = np.nan
    ppca = PPCA(1, tol=1e-5, random_state=0).fit(iris)
    display = ReconstructionDisplay.from_estimator(ppca, iris, n_rows=4)
    expected = np.sort(ppca.reconstruction_error(iris))[::-1][:4]
    np.testing.assert_allclose(display.errors, expected)


def test_fewer_rows_than_asked_for():
    display = ReconstructionDisplay.from_estimator(PCA_4, X[:3], n_rows=8)
    assert len(display.rows) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "bad"}, "order must be one of"),
        ({"n_rows": 0}, "n_rows"),
        ({"image_shape": (7, 9)}, r"64 entries in all.*\(7, 9\)"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        ReconstructionDisplay.from_estimator(PCA_4, X, **options)
