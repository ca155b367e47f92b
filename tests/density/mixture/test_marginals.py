"""Marginal and conditional mixtures against each other and a regression."""

import numpy as np
import pandas as pd
import pytest

from sklatent.density import GaussianMixture
from tests.density.mixture.mixtures import each_type, full_covariances, three_groups


@each_type
def test_marginal_and_conditional_make_up_the_whole(covariance_type):
    X = three_groups()
    whole = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    pair = whole.marginal([2, 0])
    C = full_covariances(whole)[:, [2, 0]][:, :, [2, 0]]
    np.testing.assert_allclose(full_covariances(pair), C, atol=1e-12)
    np.testing.assert_allclose(pair.means_, whole.means_[:, [2, 0]])
    # p(x) = p(x_2, x_0) p(x_1 | x_2, x_0), row by row.
    for x in X[:20]:
        rest = whole.conditional({2: x[2], 0: x[0]})
        parts = pair.score_samples(x[None, [2, 0]]) + rest.score_samples([[x[1]]])
        np.testing.assert_allclose(parts, whole.score_samples(x[None]), rtol=1e-9)
    assert rest.n_features_in_ == 1
    assert rest.covariance_type == covariance_type
    assert pair.sample(3, random_state=0).shape == (3, 2)


def test_conditional_of_one_component_is_a_regression():
    X = three_groups()
    mixture = GaussianMixture(reg_covar=0.0).fit(X)
    rest = mixture.conditional({1: 0.7})
    m, C = X.mean(axis=0), np.cov(X.T, bias=True)
    slope = C[[0, 2], 1] / C[1, 1]
    np.testing.assert_allclose(rest.means_[0], m[[0, 2]] + slope * (0.7 - m[1]))
    residual = C[[0, 2]][:, [0, 2]] - np.outer(slope, C[[0, 2], 1])
    np.testing.assert_allclose(rest.covariances_[0], residual, atol=1e-12)
    same = mixture.conditional({})
    np.testing.assert_allclose(same.score_samples(X), mixture.score_samples(X))


def test_features_by_name():
    X = pd.DataFrame(three_groups(), columns=["a", "b", "c"])
    mixture = GaussianMixture(2, random_state=0).fit(X)
    pair = mixture.marginal(["c", "a"])
    assert pair.feature_names_in_.tolist() == ["c", "a"]
    assert np.isfinite(pair.score(X[["c", "a"]]))
    rest = mixture.conditional({"b": 1.0})
    assert rest.feature_names_in_.tolist() == ["a", "c"]
    with pytest.raises(ValueError, match="'d'"):
        mixture.marginal(["d"])
    with pytest.raises(ValueError, match=r"numbered from 0 to 2|got 3"):
        mixture.conditional({3: 0.0})
    with pytest.raises(ValueError, match="must not repeat"):
        mixture.marginal([0, "a"])
    with pytest.raises(ValueError, match=r"at least one feature; got \[\]"):
        mixture.marginal([])
    with pytest.raises(ValueError, match="finite"):
        mixture.conditional({"a": np.nan})
    with pytest.raises(ValueError, match="at least one feature; got all 3"):
        mixture.conditional({0: 1.0, 1: 1.0, 2: 1.0})


def test_partial_fit_updates_a_marginal():
    X = three_groups()
    pair = GaussianMixture(3, random_state=0).fit(X).marginal([2, 0])
    pair.partial_fit(X[:, [2, 0]])
    assert np.isfinite(pair.score(X[:, [2, 0]]))


def test_conditional_samples_are_those_of_the_conditional_mixture():
    X = pd.DataFrame(three_groups(), columns=["a", "b", "c"])
    mixture = GaussianMixture(3, random_state=0).fit(X)
    drawn = mixture.sample(20_000, random_state=0, conditions={"b": 0.5})
    assert (drawn[:, 1] == 0.5).all()
    rest = mixture.conditional({"b": 0.5})
    np.testing.assert_array_equal(drawn[:, [0, 2]], rest.sample(20_000, random_state=0))
    # Rejection from the whole mixture, in a thin slice: means within five errors.
    many = mixture.sample(400_000, random_state=1)
    slice_ = many[np.abs(many[:, 1] - 0.5) < 0.02]
    error = np.sqrt(slice_.var(axis=0) / len(slice_) + drawn.var(axis=0) / len(drawn))
    gap = np.abs(slice_.mean(axis=0) - drawn.mean(axis=0))[[0, 2]]
    assert (gap < 5 * error[[0, 2]] + 0.01).all()
