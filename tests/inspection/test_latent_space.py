import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.datasets import load_digits, load_iris

from sklatent.decomposition import PCA, PPCA
from sklatent.inspection import LatentSpaceDisplay
from sklatent.inspection._plotting import PALETTE
from sklatent.neural import AETransformer, VAETransformer
from tests.instances import TINY

DIGITS, LABELS = load_digits(n_class=4, return_X_y=True)
IRIS = load_iris().data
MODELS = [PCA(3), PPCA(3), AETransformer(3, **TINY), VAETransformer(3, **TINY)]
models = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@models
def test_scatter_shows_codes(model):
    codes = model.fit(IRIS).transform(IRIS)
    display = LatentSpaceDisplay.from_estimator(model, IRIS, components=(2, 0))
    np.testing.assert_array_equal(display.scatter_.get_offsets(), codes[:, [2, 0]])
    assert display.ax_.get_xlabel() == "component 2"
    assert display.ax_.get_ylabel() == "component 0"
    assert display.legend_ is display.colorbar_ is None


@pytest.mark.parametrize("names", [None, np.array(["a", "b", "c", "d"])])
def test_classes_have_a_legend(names):
    y = LABELS if names is None else names[LABELS]
    pca = PCA(2).fit(DIGITS)
    display = LatentSpaceDisplay.from_estimator(pca, DIGITS, y)
    labels = [text.get_text() for text in display.legend_.get_texts()]
    assert labels == [str(label) for label in np.unique(y)]
    colors = display.scatter_.get_facecolors()[:, :3]
    expected = np.array([to_rgba(PALETTE[i])[:3] for i in LABELS])
    np.testing.assert_allclose(colors, expected)
    assert display.colorbar_ is None


def test_values_have_a_colour_bar():
    pca = PCA(2).fit(DIGITS)
    y = DIGITS.sum(axis=1)
    display = LatentSpaceDisplay.from_estimator(pca, DIGITS, y, cmap="magma")
    np.testing.assert_array_equal(display.scatter_.get_array(), y)
    assert display.colorbar_.cmap.name == "magma"
    assert display.legend_ is None


def test_many_classes_are_told():
    pca = PCA(2).fit(DIGITS)
    many = np.array([f"class {i % 11}" for i in range(len(DIGITS))])
    with pytest.raises(ValueError, match=r"at most 10 classes.*; got 11"):
        LatentSpaceDisplay.from_estimator(pca, DIGITS, many)


@models
def test_grid_is_decoded(model):
    """Each row of the grid is `inverse_transform` of its code, others at the mean."""
    codes = model.fit(IRIS).transform(IRIS)
    display = LatentSpaceDisplay.from_estimator(
        model, IRIS, components=(2, 0), kind="grid", n_grid=4
    )
    low, high = np.quantile(codes, [0.01, 0.99], axis=0)
    across, down = display.grid
    np.testing.assert_allclose(across, np.linspace(low[2], high[2], 4), rtol=1e-6)
    np.testing.assert_allclose(down, np.linspace(low[0], high[0], 4), rtol=1e-6)
    for i, j in [(0, 0), (3, 1), (2, 3)]:
        code = np.array([[down[i], codes[:, 1].mean(), across[j]]])
        expected = model.inverse_transform(code)[0]
        np.testing.assert_allclose(display.decoded[i, j], expected, rtol=1e-5)


def test_images_lie_at_their_codes():
    pca = PCA(2).fit(DIGITS)
    display = LatentSpaceDisplay.from_estimator(
        pca, DIGITS, kind="grid", n_grid=5, image_shape=(8, 8)
    )
    pixels = display.image_.get_array()
    left, right, bottom, top = display.image_.get_extent()
    height, width = (top - bottom) / 5, (right - left) / 5
    for i, j in [(0, 0), (4, 1), (2, 3)]:
        x, y = display.grid[0][j], display.grid[1][i]
        assert left + width * (j + 0.5) == pytest.approx(x)
        assert bottom + height * (i + 0.5) == pytest.approx(y)
        from_top = 4 - i
        image = pixels[8 * from_top : 8 * from_top + 8, 8 * j : 8 * j + 8]
        expected = pca.inverse_transform([[x, y]]).reshape(8, 8)
        np.testing.assert_allclose(image, expected)


def test_image_shape_is_read_from_the_estimator():
    ae = AETransformer(2, **TINY, image_shape=(1, 8, 8), conv_channels=3).fit(DIGITS)
    display = LatentSpaceDisplay.from_estimator(ae, DIGITS, kind="grid", n_grid=3)
    assert display.image_shape == (1, 8, 8)
    assert display.image_.get_array().shape == (24, 24)


def test_colour_images():
    rng = np.random.RandomState(0)
    X = rng.uniform(0, 255, size=(30, 3 * 2 * 4))
    pca = PCA(2).fit(X)
    display = LatentSpaceDisplay.from_estimator(
        pca, X, kind="grid", n_grid=3, image_shape=(3, 2, 4)
    )
    pixels = np.asarray(display.image_.get_array())
    assert pixels.shape == (6, 12, 3)
    decoded = display.decoded[2, 1].reshape(3, 2, 4)  # of the uppermost line
    low, high = display.decoded.min(), display.decoded.max()
    expected = ((decoded - low) / (high - low)).transpose(1, 2, 0)
    np.testing.assert_allclose(pixels[:2, 4:8], expected)


def test_curves_lie_in_their_cells():
    pca = PCA(2).fit(IRIS)
    display = LatentSpaceDisplay.from_estimator(pca, IRIS, kind="grid", n_grid=3)
    curves = np.array(display.curves_.get_segments()).reshape(3, 3, 4, 2)
    width, height = (z[1] - z[0] for z in display.grid)
    for i, down in enumerate(display.grid[1]):
        for j, across in enumerate(display.grid[0]):
            offset = np.abs(curves[i, j] - [across, down])
            assert (offset <= [0.5 * width, 0.5 * height]).all()
    # Heights are values, on one scale for all.
    rises = (curves[..., 1] - display.grid[1][:, None, None]).ravel()
    assert np.corrcoef(rises, display.decoded.ravel())[0, 1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "map"}, "kind must be one of"),
        ({"components": (0, 2)}, r"\[0, 1\], since codes have 2"),
        ({"components": (1, 1)}, "two different positions"),
        ({"components": (0,)}, "two different positions"),
        ({"components": (0, -1)}, "two different positions"),
        ({"kind": "grid", "n_grid": 1}, "n_grid"),
        ({"kind": "grid", "image_shape": (8, 9)}, r"64 entries in all.*\(8, 9\)"),
        ({"kind": "grid", "image_shape": (2, 8, 4)}, "1 or 3 channels"),
        ({"y": [1, 2]}, "inconsistent numbers of samples"),
        ({"y": DIGITS}, "one number or label per row"),
    ],
)
def test_errors(options, message):
    pca = PCA(2).fit(DIGITS)
    with pytest.raises(ValueError, match=message):
        LatentSpaceDisplay.from_estimator(pca, DIGITS, **options)
    assert not plt.get_fignums()  # nothing is half drawn


def test_discrete_codes_have_no_grid():
    vae = VAETransformer(2, **TINY, latent="categorical", n_levels=3).fit(IRIS)
    assert LatentSpaceDisplay.from_estimator(vae, IRIS).scatter_ is not None
    with pytest.raises(ValueError, match=r"vary continuously.*'categorical'"):
        LatentSpaceDisplay.from_estimator(vae, IRIS, kind="grid")
