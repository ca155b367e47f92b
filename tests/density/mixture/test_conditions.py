"""Conditional samples against closed forms, rejection sampling and the score."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, multivariate_normal

from sklatent.density import GaussianMixture
from tests.density.mixture.mixtures import COVARIANCE_TYPES, three_groups


def fitted(**options):
    return GaussianMixture(3, random_state=0, **options).fit(three_groups())


def test_one_gaussian_in_closed_form():
    """Mean m2 + S21 S11^-1 (a - m1), covariance S22 - S21 S11^-1 S12."""
    mixture = GaussianMixture().fit(three_groups())
    m, S = mixture.means_[0], mixture.covariances_[0]
    X = mixture.sample(20_000, random_state=0, conditions={1: 0.7})
    others = [0, 2]
    slope = S[others, 1] / S[1, 1]
    mean = m[others] + slope * (0.7 - m[1])
    C = S[np.ix_(others, others)] - np.outer(slope, S[1, others])
    whitened = np.linalg.solve(np.linalg.cholesky(C), (X[:, others] - mean).T)
    # Two tests at 1e-4 each.
    assert all(kstest(z, "norm").pvalue > 1e-4 for z in whitened)
    assert abs(np.corrcoef(whitened)[0, 1]) < 4 / np.sqrt(20_000)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_against_the_density_integrated_on_a_grid(covariance_type):
    """The distribution of one feature given two, from `score_samples` alone."""
    mixture = fitted(covariance_type=covariance_type)
    a, b = mixture.means_[:2, [0, 2]].mean(axis=0)  # between two components
    x = np.linspace(-40, 40, 80_001)
    rows = np.column_stack([np.full_like(x, a), x, np.full_like(x, b)])
    log_p = mixture.score_samples(rows)
    mass = np.cumsum(np.exp(log_p - log_p.max()))
    drawn = mixture.sample(5_000, random_state=0, conditions={0: a, 2: b})[:, 1]
    assert kstest(drawn, lambda t: np.interp(t, x, mass / mass[-1])).pvalue > 1e-4


def test_components_have_the_weights_that_bayes_gives_them():
    mixture = fitted()
    value = mixture.means_[:, 0].mean()
    joint = [
        w * multivariate_normal(m[0], C[0, 0]).pdf(value)
        for w, m, C in zip(
            mixture.weights_, mixture.means_, mixture.covariances_, strict=True
        )
    ]
    weights = joint / np.sum(joint)
    means = [
        m[1] + C[1, 0] / C[0, 0] * (value - m[0])
        for m, C in zip(mixture.means_, mixture.covariances_, strict=True)
    ]
    drawn = mixture.sample(40_000, random_state=0, conditions={0: value})[:, 1]
    assert abs(drawn.mean() - weights @ means) < 4 * drawn.std() / np.sqrt(40_000)


def test_names_order_and_exact_values():
    frame = pd.DataFrame(three_groups(), columns=["a", "b", "c"])
    mixture = GaussianMixture(3, random_state=0).fit(frame)
    by_name = mixture.sample(5, random_state=0, conditions={"c": 0.1, "a": 1 / 3})
    by_position = mixture.sample(5, random_state=0, conditions={-1: 0.1, 0: 1 / 3})
    np.testing.assert_array_equal(by_name, by_position)
    assert (by_name[:, 2] == 0.1).all()
    assert (by_name[:, 0] == 1 / 3).all()


@pytest.mark.parametrize("conditions", [None, {}])
def test_no_condition_is_a_plain_sample(conditions):
    mixture = fitted()
    np.testing.assert_array_equal(
        mixture.sample(7, 0, conditions=conditions), mixture.sample(7, 0)
    )


def test_far_conditions():
    mixture = fitted()
    assert np.isfinite(mixture.sample(9, 0, conditions={0: 1e6})).all()
    with pytest.raises(ValueError, match=r"`conditions` .* too far from the training"):
        mixture.sample(9, conditions={0: 1e200})


def test_constant_features():
    X = np.column_stack([three_groups(), np.full(len(three_groups()), 5.0)])
    mixture = GaussianMixture(2, random_state=0).fit(X)
    assert (mixture.sample(9, 0, conditions={0: 1.0})[:, 3] == 5).all()
    assert (mixture.sample(9, 0, conditions={3: 5.0})[:, 3] == 5).all()
    with pytest.raises(
        ValueError, match="the value 5 for feature 3, which was constant; got 6"
    ):
        mixture.sample(conditions={3: 6.0})


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({0: np.nan}, "`conditions` must have finite values; got nan for feature 0"),
        ({1: np.inf}, "`conditions` must have finite values; got inf for feature 1"),
        ({1: "x"}, "`conditions` must have finite values; got 'x' for feature 1"),
        ({7: 0.0}, "`conditions` must be among the features"),
        ({"a": 0.0}, "`conditions` must be among the features"),
        ({0: 1.0, 1: 1.0, 2: 1.0}, "`conditions` must leave at least one"),
        ({0: 1.0, -3: 1.0}, "`conditions` must not repeat"),
    ],
)
def test_what_is_no_condition(conditions, message):
    with pytest.raises(ValueError, match=message):
        fitted().sample(conditions=conditions)
