"""A warning names the line of the user."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sklatent import PCA, PPCA, KernelDensity, TwoNN
from sklatent.exceptions import DiscreteDataWarning, RankDeficientWarning
from sklatent.utils._warnings import warn

DIGITS = load_digits().data[:300]
FLAT = np.outer(np.arange(20.0), np.ones(3))


@pytest.mark.parametrize(
    ("fit", "category"),
    [
        (lambda: TwoNN().fit(np.round(DIGITS / 4)), DiscreteDataWarning),
        (lambda: PCA(TwoNN()).fit(np.round(DIGITS / 4)), DiscreteDataWarning),
        (lambda: PCA(2, whiten=True).fit_transform(FLAT), RankDeficientWarning),
        (lambda: make_pipeline(PCA(2, whiten=True)).fit(FLAT), RankDeficientWarning),
        (lambda: PPCA(2).fit(FLAT), RankDeficientWarning),
        (lambda: KernelDensity(whiten=True).fit(FLAT), RankDeficientWarning),
    ],
)
def test_it_points_here(fit, category):
    with pytest.warns(category) as caught:
        fit()
    assert {w.filename for w in caught if w.category is category} == {__file__}


def test_of_a_plain_function():
    with pytest.warns(UserWarning, match="a word") as caught:
        warn("a word")
    assert caught[0].filename == __file__
