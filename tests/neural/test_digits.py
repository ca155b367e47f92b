"""Two-component codes of the digits, beside PCA's."""

import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sklatent.neural import AETransformer, VAETransformer


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def pca(digits):
    return PCA(2).fit(digits[0])


def accuracy(codes, y):
    return cross_val_score(KNeighborsClassifier(5), codes, y, cv=5).mean()


@pytest.mark.slow
@pytest.mark.parametrize("cls", [AETransformer, VAETransformer])
def test_codes_tell_digits_apart(cls, digits, pca):
    X, y = digits
    codes = cls(2, standardize=False, random_state=0).fit_transform(X)
    assert accuracy(codes, y) > accuracy(pca.transform(X), y) + 0.15


@pytest.mark.slow
def test_reconstruction_error_is_below_pcas(digits, pca):
    X, _ = digits
    ae = AETransformer(2, standardize=False, random_state=0).fit(X)
    of_pca = ((X - pca.inverse_transform(pca.transform(X))) ** 2).sum(axis=1)
    assert ae.reconstruction_error(X).mean() < 0.75 * of_pca.mean()
