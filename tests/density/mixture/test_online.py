"""Stepwise EM against the M-step of its formula, and against EM of all rows."""

import numpy as np
import pytest
from sklearn.base import clone

from sklatent.density import GaussianMixture
from tests.density.mixture.mixtures import (
    constrain,
    each_type,
    em_loop,
    full_covariances,
    same_start,
    three_groups,
    with_missing,
)


def chunks(X, size):
    return [X[i : i + size] for i in range(0, len(X), size)]


def in_chunks(mixture, X, size, n_passes=1):
    for epoch in range(n_passes):
        order = np.random.default_rng(epoch).permutation(len(X))
        for part in chunks(X[order], size):
            mixture.partial_fit(part)
    return mixture


def statistics(X, w, mixture):
    """Sums of responsibilities, and of rows and their squares, per unit of weight."""
    R = mixture.predict_proba(X) * (w / w.sum())[:, None]
    return R.sum(axis=0), R.T @ X, np.einsum("nk,ni,nj->kij", R, X, X)


@each_type
def test_steps_are_averages_of_statistics(covariance_type):
    """Raw moments, averaged as Cappe and Moulines write them, row counts unequal."""
    X = three_groups(400)
    w = np.random.default_rng(0).gamma(1.0, size=400)
    options = same_start(X, covariance_type) | {"learning_decay": 0.8, "reg_covar": 0.0}
    ours = GaussianMixture(**options)
    parts = [slice(0, 150), slice(150, 180), slice(180, 400)]
    running, seen, last = None, 0.0, None
    for part in parts:
        new_weight = w[part].sum()
        seen += new_weight
        gamma = (new_weight / seen) ** 0.8
        if last is None:
            weights, means, C, _ = em_loop(
                X[part],
                w[part],
                options["weights_init"],
                options["means_init"],
                np.array([np.eye(3) * X.var()] * 3),
                lambda S, N: S,
            )
            raw = C + means[:, :, None] * means[:, None]
            running = weights, weights[:, None] * means, weights[:, None, None] * raw
        else:
            new = statistics(X[part], w[part], last)
            running = [
                (1 - gamma) * a + gamma * b for a, b in zip(running, new, strict=True)
            ]
        ours.partial_fit(X[part], sample_weight=w[part])
        N, first, second = running
        means = first / N[:, None]
        S = second / N[:, None, None] - means[:, :, None] * means[:, None]
        covariances = constrain(covariance_type)(S, N)
        np.testing.assert_allclose(ours.weights_, N, rtol=1e-9)
        np.testing.assert_allclose(ours.means_, means, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(full_covariances(ours), covariances, atol=1e-8)
        last = clone(ours)
        vars(last).update(vars(ours))
    assert ours.n_iter_ == 3
    np.testing.assert_allclose(ours.n_samples_seen_, w.sum())


# One step does not converge, and says so.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_type
@pytest.mark.parametrize("incomplete", [False, True])
def test_the_first_call_is_an_em_step(covariance_type, incomplete):
    X = with_missing(three_groups(), 0.2) if incomplete else three_groups()
    options = same_start(three_groups(), covariance_type)
    step = GaussianMixture(**options | {"max_iter": 1}).fit(X)
    ours = GaussianMixture(**options).partial_fit(X)
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(step, name), rtol=1e-12)
    # What partial_fit reports is the likelihood that the step started from, for the
    # rows of the call only.
    np.testing.assert_allclose(ours.lower_bound_, step.lower_bounds_[-1], rtol=1e-12)
    np.testing.assert_array_equal(ours.lower_bounds_, step.lower_bounds_)


@each_type
@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.slow
def test_the_same_rows_again_and_again_end_where_em_does(covariance_type, incomplete):
    X = three_groups(separation=4.0)
    X = with_missing(X, 0.1) if incomplete else X
    options = same_start(three_groups(separation=4.0), covariance_type)
    batch = GaussianMixture(**options | {"tol": 1e-10, "max_iter": 2000}).fit(X)
    ours = GaussianMixture(**options, learning_decay=0.55)
    for _ in range(300):
        ours.partial_fit(X)
    np.testing.assert_allclose(ours.means_, batch.means_, atol=1e-3)
    np.testing.assert_allclose(ours.score(X), batch.score(X), atol=1e-5)
    assert (np.diff(ours.lower_bounds_) > -1e-9).all()


@each_type
@pytest.mark.slow
def test_chunks_come_close_to_all_rows(covariance_type):
    """Five passes over 40 chunks: as good on new rows to a few hundredths of a nat."""
    X = three_groups(20_000, p=4, separation=3.0)
    train, new = X[:10_000], X[10_000:]
    options = {"covariance_type": covariance_type, "random_state": 0}
    batch = GaussianMixture(3, tol=1e-6, max_iter=1000, **options).fit(train)
    ours = in_chunks(GaussianMixture(3, **options), train, 250, n_passes=5)
    assert ours.n_samples_seen_ == 50_000
    assert ours.score(new) > batch.score(new) - 0.02


def test_chunks_with_missing():
    X = with_missing(three_groups(20_000, p=4, separation=3.0), 0.2)
    train, new = X[:10_000], X[10_000:]
    batch = GaussianMixture(3, tol=1e-6, max_iter=1000, random_state=0).fit(train)
    ours = in_chunks(GaussianMixture(3, random_state=0), train, 250, n_passes=5)
    assert ours.score(new) > batch.score(new) - 0.02


@each_type
def test_any_place(covariance_type):
    X = three_groups(2000, separation=4.0)
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    near = in_chunks(clone(mixture), X, 200)
    far = in_chunks(clone(mixture), X + 1e8, 200)
    # Rounding of the data at 1e8 is 1.5e-8.
    np.testing.assert_allclose(
        far.score_samples(X + 1e8), near.score_samples(X), atol=1e-6
    )


def test_an_update_after_fit_is_by_the_share_of_new_rows():
    X = three_groups(2000, separation=4.0)
    options = {"random_state": 0, "tol": 1e-8, "max_iter": 1000}
    mixture = GaussianMixture(3, **options).fit(X[:1900])
    before, score = mixture.means_, mixture.score(X)
    mixture.partial_fit(X[1900:])
    assert mixture.n_samples_seen_ == 2000
    # With (100 / 2000)**0.7 = 0.12 of 100 rows in it, no mean moves by more than
    # 0.12 * 5 standard errors.
    assert 0 < np.abs(mixture.means_ - before).max() < 0.12 * 5 / np.sqrt(20)
    assert mixture.score(X) > score - 0.01
    same = GaussianMixture(3, learning_decay=1.0, **options).fit(X)
    means = same.means_
    same.partial_fit(X)  # where EM has converged, its rows change nothing
    np.testing.assert_allclose(same.means_, means, atol=1e-3)


def test_single_rows_after_the_first_chunk():
    X = three_groups(400, separation=4.0)
    mixture = GaussianMixture(3, random_state=0).partial_fit(X[:100])
    for x in X[100:]:
        mixture.partial_fit(x[None])
    assert mixture.n_iter_ == 301
    assert mixture.score(X) > GaussianMixture(3, random_state=0).fit(X).score(X) - 0.2


def test_a_failed_call_changes_nothing():
    X = three_groups()
    mixture = GaussianMixture(3, random_state=0)
    with pytest.raises(ValueError, match=r"\[1, 2\], the number of rows; got 3"):
        mixture.partial_fit(X[:2])
    assert not hasattr(mixture, "means_")
    assert not hasattr(mixture, "n_features_in_")
    mixture.partial_fit(X)
    before = dict(vars(mixture))
    for bad in (X[:, :2], np.full((4, 3), np.inf)):
        with pytest.raises(ValueError, match="X"):
            mixture.partial_fit(bad)
    assert vars(mixture) == before
    with pytest.raises(ValueError, match=r"partial_fit needs .*covariance_type"):
        mixture.set_params(covariance_type="diag").partial_fit(X)
    with pytest.raises(ValueError, match=r"partial_fit needs .*got \(2, 3"):
        mixture.set_params(covariance_type="full", n_components=2).partial_fit(X)


def test_fit_forgets_what_partial_fit_learned():
    X = three_groups()
    mixture = GaussianMixture(3, random_state=0).partial_fit(X[:50])
    again = GaussianMixture(3, random_state=0).fit(X)
    np.testing.assert_array_equal(mixture.fit(X).means_, again.means_)
    assert mixture.n_samples_seen_ == 300
