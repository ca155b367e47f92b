import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA as SklearnPCA

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import KernelDensity
from sklatent.dimension import PCASpectrum
from sklatent.inspection import SpectrumDisplay

X, _ = load_digits(return_X_y=True)
X = X[:400, np.flatnonzero(X[:400].std(axis=0))[:20]]


def heights(display):
    return np.array([bar.get_height() for bar in display.bars_])


@pytest.mark.parametrize("pca", [PCA(5), SklearnPCA(5)])
def test_pca(pca):
    display = SpectrumDisplay.from_estimator(pca.fit(X))
    eigenvalues = np.linalg.eigvalsh(np.cov(X.T))[::-1]
    np.testing.assert_allclose(heights(display), eigenvalues[:5])
    share = np.cumsum(eigenvalues)[:5] / eigenvalues.sum()
    np.testing.assert_allclose(display.share_line_.get_ydata(), share)
    np.testing.assert_allclose(display.noise_line_.get_ydata(), pca.noise_variance_)
    np.testing.assert_array_equal(display.chosen_line_.get_xdata(), [5.5, 5.5])
    assert display.reference_line_ is None


def test_all_components_leave_no_noise():
    display = SpectrumDisplay.from_estimator(PCA().fit(X))
    assert display.noise_line_ is None
    assert display.share_line_.get_ydata()[-1] == pytest.approx(1)


def test_ppca_agrees_with_pca():
    """The variance of the model along its axes is the eigenvalue, by 1/n."""
    display = SpectrumDisplay.from_estimator(PPCA(5).fit(X))
    eigenvalues = np.linalg.eigvalsh(np.cov(X.T, ddof=0))[::-1]
    np.testing.assert_allclose(heights(display), eigenvalues[:5])
    share = np.cumsum(eigenvalues)[:5] / eigenvalues.sum()
    np.testing.assert_allclose(display.share_line_.get_ydata(), share)
    np.testing.assert_allclose(display.noise_variance, eigenvalues[5:].mean())


def test_factor_analysis():
    fa = FactorAnalysis(3).fit(X)
    display = SpectrumDisplay.from_estimator(fa)
    np.testing.assert_allclose(heights(display), (fa.components_**2).sum(axis=1))
    # What the factors do not explain is noise.
    total = np.trace(fa.get_covariance())
    explained = display.share_line_.get_ydata()[-1]
    assert explained == pytest.approx(1 - fa.noise_variance_.sum() / total)


def test_pca_spectrum_with_reference():
    spectrum = PCASpectrum("broken_stick").fit(X)
    display = SpectrumDisplay.from_estimator(spectrum, cumulative=False, log=True)
    np.testing.assert_array_equal(heights(display), spectrum.eigenvalues_)
    reference = display.reference_line_.get_ydata()
    np.testing.assert_array_equal(reference, spectrum.reference_eigenvalues_)
    assert display.chosen_line_.get_xdata()[0] == spectrum.dimension_ + 0.5
    assert display.share_ax_ is display.share_line_ is None
    assert display.ax_.get_yscale() == "log"


def test_unit_of_standardized_data():
    spectrum = PCASpectrum(standardize=True).fit(X)
    assert "standardized" in SpectrumDisplay.from_estimator(spectrum).ax_.get_ylabel()


@pytest.mark.parametrize("log", [False, True])
def test_legend_has_room_above_the_bars(log):
    display = SpectrumDisplay.from_estimator(PCA(5).fit(X), log=log)
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend().get_window_extent()
    assert all(bar.get_window_extent().y1 < legend.y0 for bar in display.bars_)


def test_errors():
    with pytest.raises(ValueError, match="no components"):
        SpectrumDisplay.from_estimator(PPCA(0).fit(X))
    with pytest.raises(TypeError, match="KernelDensity, which has no variances"):
        SpectrumDisplay.from_estimator(KernelDensity().fit(X))
