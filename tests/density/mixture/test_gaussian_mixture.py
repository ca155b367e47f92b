"""GaussianMixture against scikit-learn, SciPy, quadrature and plain loops."""

from functools import partial

import numpy as np
import pytest
import sklearn.mixture
from scipy.integrate import quad
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sklatent.callback import LossMonitor
from sklatent.density.mixture._gaussian_mixture import GaussianMixture
from sklatent.utils import _iterations
from sklatent.utils._progress import Progress
from sklatent.utils._sklearn import ScoringMonitor
from tests.density.mixture.mixtures import (
    COVARIANCE_TYPES,
    constrain,
    each_type,
    em_loop,
    full_covariances,
    log_joint,
    same_start,
    three_groups,
)

SKLEARN_TYPES = COVARIANCE_TYPES[:4]
PARAMETERS = ("weights_", "means_", "covariances_", "precisions_")


# The one is expanded about the origin, the other whitened; see _passes.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("p", [3, 40])
@pytest.mark.parametrize("covariance_type", SKLEARN_TYPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.slow
def test_the_same_as_scikit_learn_after_20_steps(covariance_type, p, dtype):
    X = three_groups(900, p).astype(dtype)
    options = same_start(X, covariance_type)
    peer = sklearn.mixture.GaussianMixture(**options).fit(X.astype(np.float64))
    ours = GaussianMixture(**options, reg_relative=False, accelerate=False).fit(X)
    # Rounding of single precision is 6e-8, and grows while EM forgets the start.
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    for name in PARAMETERS:
        value = getattr(peer, name)
        atol = tolerance * np.abs(value).max()
        np.testing.assert_allclose(getattr(ours, name), value, atol=atol, err_msg=name)
    assert ours.n_iter_ == peer.n_iter_ == 20
    if hasattr(peer, "lower_bounds_"):  # from scikit-learn 1.7 on
        np.testing.assert_allclose(
            ours.lower_bounds_, peer.lower_bounds_, rtol=tolerance
        )
    np.testing.assert_allclose(ours.lower_bound_, peer.lower_bound_, rtol=tolerance)
    if dtype == np.float64:
        np.testing.assert_array_equal(ours.predict(X), peer.predict(X))
        np.testing.assert_allclose(
            ours.predict_proba(X), peer.predict_proba(X), atol=1e-9
        )
        np.testing.assert_allclose(
            ours.score_samples(X), peer.score_samples(X), rtol=1e-9
        )
        np.testing.assert_allclose(ours.aic(X), peer.aic(X), rtol=1e-9)
        np.testing.assert_allclose(ours.bic(X), peer.bic(X), rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_type
def test_weighted_steps_against_a_plain_loop(covariance_type):
    X = three_groups(120)
    w = np.random.default_rng(1).gamma(1.0, size=120)
    options = same_start(X, covariance_type) | {"max_iter": 3}
    weights, means = options["weights_init"], options["means_init"]
    covariances = np.array([np.eye(3) * X.var()] * 3)
    history = []
    for _ in range(3):
        weights, means, covariances, log_likelihood = em_loop(
            X, w, weights, means, covariances, constrain(covariance_type)
        )
        history.append(log_likelihood)
    ours = GaussianMixture(**options, reg_covar=0.0, accelerate=False).fit(X, None, w)
    np.testing.assert_allclose(ours.weights_, weights, rtol=1e-9)
    np.testing.assert_allclose(ours.means_, means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(full_covariances(ours), covariances, atol=1e-9)
    np.testing.assert_allclose(ours.lower_bounds_, history, rtol=1e-9)


@each_type
def test_density_against_scipy(covariance_type):
    X = three_groups()
    ours = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    L = log_joint(X, ours.weights_, ours.means_, full_covariances(ours))
    log_density = logsumexp(L, axis=1)
    np.testing.assert_allclose(ours.score_samples(X), log_density, rtol=1e-10)
    R = np.exp(L - log_density[:, None])
    np.testing.assert_allclose(ours.predict_proba(X), R, atol=1e-10)
    np.testing.assert_array_equal(ours.predict(X), R.argmax(axis=1))
    P, root = ours.precisions_, ours.precisions_cholesky_
    C = ours.covariances_
    if covariance_type in {"full", "tied"}:
        np.testing.assert_allclose(
            P @ C, np.broadcast_to(np.eye(3), C.shape), atol=1e-9
        )
        np.testing.assert_allclose(root @ np.swapaxes(root, -1, -2), P, rtol=1e-10)
        assert (np.tril(root, -1) == 0).all()
    else:
        np.testing.assert_allclose(P * C, 1.0, rtol=1e-10)
        np.testing.assert_allclose(root**2, P, rtol=1e-10)


def test_density_integrates_to_one():
    ours = GaussianMixture(3, random_state=0).fit(three_groups(p=1))
    total, _ = quad(lambda x: np.exp(ours.score_samples([[x]])[0]), -30, 30, limit=200)
    np.testing.assert_allclose(total, 1.0, rtol=1e-7)


def test_one_component_is_the_normal_distribution():
    X = three_groups()
    ours = GaussianMixture(reg_covar=0.0).fit(X)
    np.testing.assert_allclose(ours.means_[0], X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(ours.covariances_[0], np.cov(X.T, bias=True), rtol=1e-12)
    assert ours.converged_
    assert ours.n_iter_ == 2


@each_type
@pytest.mark.slow
def test_acceleration_climbs_steadily_no_less_high_and_sooner(covariance_type):
    X = three_groups(2000, p=2, seed=3, separation=0.7)
    options = same_start(X, covariance_type) | {"tol": 1e-7, "max_iter": 3000}
    plain = GaussianMixture(**options, accelerate=False).fit(X)
    ours = GaussianMixture(**options).fit(X)
    assert plain.converged_
    assert ours.converged_
    # A step or two of the tolerance.
    assert ours.lower_bound_ > plain.lower_bound_ - 2e-7
    assert ours.n_iter_ < 0.7 * plain.n_iter_
    # reg_covar is no part of the likelihood, which may so lose a millionth of a nat.
    assert np.diff(ours.lower_bounds_).min() > -1e-6
    exact = GaussianMixture(**options, reg_covar=0.0).fit(X)
    assert np.diff(exact.lower_bounds_).min() > -1e-12  # rounding


# A score's last digits depend on the rounding of the data: 1.5e-8 at 1e8.
@each_type
@pytest.mark.parametrize(
    ("offset", "scale", "tolerance"),
    [
        (1e8, 1.0, 1e-6),
        (0.0, 1e-4, 1e-9),
        (0.0, 1e4, 1e-9),
        (0.0, 1e150, 1e-9),
        (0.0, 1e-150, 1e-9),
        (1e12, 1e4, 1e-6),
    ],
)
@pytest.mark.slow
def test_any_place_and_unit(covariance_type, offset, scale, tolerance):
    X = three_groups()
    mixture = GaussianMixture(
        3, covariance_type=covariance_type, random_state=0, tol=1e-6, max_iter=1000
    )
    expected = mixture.fit(X).score_samples(X) - 3 * np.log(scale)
    Y = X * scale + offset
    np.testing.assert_allclose(
        mixture.fit(Y).score_samples(Y), expected, atol=tolerance
    )
    assert np.isfinite(mixture.sample(10, random_state=0)).all()


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "tied_diag"])
def test_any_unit_of_a_feature(covariance_type):
    X = three_groups()
    units = np.array([1e-6, 1.0, 1e6])
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    expected = mixture.fit(X).score_samples(X) - np.log(units).sum()
    np.testing.assert_allclose(
        mixture.fit(X * units).score_samples(X * units), expected, atol=1e-9
    )


def test_offset_in_single_precision():
    X = three_groups()
    far = (X + 1e4).astype(np.float32)
    start = same_start(X, "full")
    near = GaussianMixture(**start | {"tol": 1e-5, "max_iter": 500}).fit(
        far.astype(np.float64) - 1e4
    )
    start["means_init"] = start["means_init"] + 1e4
    ours = GaussianMixture(**start | {"tol": 1e-5, "max_iter": 500}).fit(far)
    np.testing.assert_allclose(ours.covariances_, near.covariances_, atol=1e-3)
    np.testing.assert_allclose(ours.means_ - 1e4, near.means_, atol=1e-3)


@each_type
def test_integer_weights_are_repeated_rows(covariance_type):
    X = three_groups()
    w = np.random.default_rng(0).integers(0, 4, size=len(X))
    order = np.random.default_rng(1).permutation(len(X))
    mixture = GaussianMixture(
        3, covariance_type=covariance_type, random_state=0, tol=1e-6, max_iter=1000
    )
    weighted = mixture.fit(X[order], sample_weight=w[order]).score_samples(X)
    repeated = mixture.fit(np.repeat(X, w, axis=0)).score_samples(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-7)
    # Weights count relative to each other.
    scaled = mixture.fit(X, sample_weight=1e-30 * w).score_samples(X)
    np.testing.assert_allclose(scaled, repeated, rtol=1e-7)


def test_large_data_is_as_good_as_from_scikit_learn():
    X = three_groups(20_000, p=4, separation=3.0)
    ours = GaussianMixture(3, random_state=0).fit(X).score(X)
    peer = sklearn.mixture.GaussianMixture(3, random_state=0).fit(X).score(X)
    # Both stop at gains of 1e-3 nats.
    assert ours > peer - 5e-3


@each_type
def test_samples_have_the_moments_of_the_model(covariance_type):
    ours = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    ours.fit(three_groups())
    n, k = 40_000, 3
    X, labels = ours.sample_components(n, random_state=0)
    np.testing.assert_array_equal(X, ours.sample(n, random_state=0))
    shares = np.bincount(labels, minlength=k) / n
    error = np.sqrt(ours.weights_ * (1 - ours.weights_) / n)
    # 3 shares, 9 means and 27 covariances within 5 standard errors: one false alarm
    # in 40,000.
    assert np.abs((shares - ours.weights_) / error).max() < 5
    for label, C in enumerate(full_covariances(ours)):
        rows = X[labels == label]
        sd = np.sqrt(np.diag(C))
        assert (
            np.abs(rows.mean(axis=0) - ours.means_[label]) * np.sqrt(len(rows)) < 5 * sd
        ).all()
        error = np.sqrt((np.outer(sd, sd) ** 2 + C**2) / len(rows))
        assert np.abs((np.cov(rows.T) - C) / error).max() < 5


def test_threads_change_nothing():
    X = three_groups(20_000)
    one = GaussianMixture(3, random_state=0, n_jobs=1).fit(X)
    two = GaussianMixture(3, random_state=0, n_jobs=2).fit(X)
    for name in PARAMETERS:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    np.testing.assert_array_equal(one.score_samples(X), two.score_samples(X))


@pytest.mark.slow
def test_the_best_of_several_starts_is_kept():
    X = three_groups(separation=1.0)
    options = {"init_params": "random_from_data", "tol": 1e-6, "max_iter": 1000}
    several = GaussianMixture(4, n_init=6, random_state=0, **options).fit(X)
    rng = np.random.RandomState(0)  # which the starts share
    each = [
        GaussianMixture(4, random_state=rng, **options).fit(X).lower_bound_
        for _ in range(6)
    ]
    np.testing.assert_allclose(several.lower_bound_, max(each), rtol=1e-12)
    assert max(each) > min(each) + 1e-6
    assert several.lower_bounds_[-1] == several.lower_bound_


def test_fit_predict_and_the_start_only():
    X = three_groups()
    start = same_start(X, "full")
    ours = GaussianMixture(**start | {"max_iter": 0}).fit(X)
    np.testing.assert_allclose(ours.means_, start["means_init"], atol=1e-12)
    np.testing.assert_allclose(ours.precisions_, start["precisions_init"], atol=1e-12)
    assert ours.n_iter_ == 0
    assert not ours.converged_
    mixture = GaussianMixture(3, random_state=0)
    np.testing.assert_array_equal(mixture.fit_predict(X), mixture.predict(X))


def test_a_part_of_the_start_may_be_given():
    X = three_groups(separation=6.0)
    means = GaussianMixture(3, random_state=0).fit(X).means_
    ours = GaussianMixture(3, means_init=means[::-1], random_state=0).fit(X)
    np.testing.assert_allclose(ours.means_, means[::-1], atol=0.05)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_start_resumes():
    X = three_groups(separation=1.0)
    options = {"tol": 0.0, "accelerate": False, "random_state": 0}
    whole = GaussianMixture(3, max_iter=12, **options).fit(X)
    parts = GaussianMixture(3, max_iter=6, warm_start=True, **options).fit(X).fit(X)
    np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-9)
    np.testing.assert_allclose(parts.lower_bounds_, whole.lower_bounds_[6:], rtol=1e-9)
    with pytest.raises(
        ValueError, match=r"n_components.*\(3, 3, 'full'\); got \(2, 3, 'full'\)"
    ):
        parts.set_params(n_components=2).fit(X)
    np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-9)
    with pytest.raises(ValueError, match="warm_start needs"):
        parts.set_params(n_components=3).fit(X[:, :2])
    # Of 3 components and 3 features, tied and diagonal covariances have one shape.
    for other in ("tied", "diag"):
        with pytest.raises(
            ValueError, match=f"covariance_type of the previous.*{other}"
        ):
            parts.set_params(covariance_type=other).fit(X)
    parts.set_params(covariance_type="full")
    assert parts.n_features_in_ == 3


@pytest.mark.scikit_learn_1_9
def test_callbacks_see_the_iterations():
    X = three_groups()
    monitor = LossMonitor()
    ours = GaussianMixture(3, random_state=0, tol=1e-6, max_iter=500)
    ours.set_callbacks(monitor).fit(X)
    losses = [row["loss"] for row in monitor.get_logs().data]
    np.testing.assert_allclose(losses, -np.array(ours.lower_bounds_), rtol=1e-12)
    # What a callback would see is a fitted estimator, one step ahead.
    monitor = ScoringMonitor(scoring=lambda mixture, X, y: {"score": mixture.score(X)})
    ours.set_callbacks(monitor).fit(X, np.zeros(len(X)))
    scores = [
        row["score"] for row in monitor.get_logs().data if row["task_name"] == "em"
    ]
    assert len(scores) == ours.n_iter_
    assert (np.diff(scores) > -1e-6).all()
    assert scores[-1] >= ours.lower_bound_ - 1e-6


class StopAfter:
    """Callback that asks to stop."""

    def __init__(self, n_iterations):
        self.n_iterations = n_iterations

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        return context.task_name == "em" and context.task_id == self.n_iterations - 1

    def teardown(self, estimator, context):
        pass


@pytest.mark.scikit_learn_1_9
def test_a_callback_can_stop():
    ours = GaussianMixture(3, tol=0.0, n_init=5, random_state=0)
    ours.set_callbacks(StopAfter(4)).fit(three_groups())
    assert ours.n_iter_ == 4
    assert ours.converged_


def test_verbose(capsys, monkeypatch):
    mixture = GaussianMixture(2, tol=1e-9, max_iter=500, random_state=0)
    mixture.fit(three_groups(separation=1.0))
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(_iterations, "Progress", partial(Progress, interval=0))
    mixture.set_params(verbose=1, verbose_interval=5).fit(three_groups(separation=1.0))
    *lines, _, _ = capsys.readouterr().out.splitlines()
    assert len(lines) == mixture.n_iter_ // 5
    loss = f"loss {-mixture.lower_bounds_[4]:.5g}, "
    assert lines[0].startswith(f"GaussianMixture EM iteration 5/500, {loss}")


def test_grid_search_chooses_the_number_of_components():
    X = three_groups(600, separation=5.0)
    search = GridSearchCV(
        GaussianMixture(random_state=0), {"n_components": [1, 2, 3]}, cv=3
    ).fit(X)
    assert search.best_params_ == {"n_components": 3}


# --- Bad input ---


INITS = ["kmeans", "k-means++", "random", "random_from_data"]
AWKWARD = {
    "constant feature": np.column_stack([three_groups(), np.full(300, 7.0)]),
    "constant feature far off": np.column_stack(
        [three_groups(), np.full(300, 1e8 + 0.1)]
    ),
    "all rows equal": np.full((20, 3), 5.0),
    "copied feature": three_groups()[:, [0, 1, 1]],
    "2 rows": three_groups()[:2],
    "3 rows": three_groups()[:3],
    "5 rows": three_groups()[:5],
    "n < p": three_groups(10, p=20),
    "2 different rows": np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0),
    "a far outlier": np.vstack([three_groups(), np.full((1, 3), 1e12)]),
    "single precision": (three_groups() + 1e4).astype(np.float32),
    "integers": np.arange(24).reshape(12, 2),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", AWKWARD)
@each_type
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.slow
def test_awkward_data_has_a_finite_density(covariance_type, name, k, init_params):
    X = AWKWARD[name]
    if len(X) < k:
        return
    mixture = GaussianMixture(
        k, covariance_type=covariance_type, init_params=init_params, random_state=0
    ).fit(X)
    np.testing.assert_allclose(mixture.weights_.sum(), 1.0, rtol=1e-12)
    assert np.isfinite(mixture.score_samples(X)).all()
    sampled = mixture.sample(20, random_state=0)
    assert np.isfinite(mixture.score_samples(sampled)).all()
    np.testing.assert_allclose(mixture.predict_proba(X).sum(axis=1), 1.0, rtol=1e-6)


def test_more_components_than_different_rows():
    X = np.repeat(three_groups()[:3], 5, axis=0)
    with pytest.warns(ConvergenceWarning, match="3 different rows"):
        mixture = GaussianMixture(5, random_state=0, tol=1e-2).fit(X)
    np.testing.assert_allclose(mixture.weights_.sum(), 1.0)


def test_a_component_that_loses_its_rows_has_no_weight():
    X = three_groups()
    start = same_start(X, "full") | {"tol": 1e-3, "max_iter": 100}
    start["means_init"][2] = 1e6
    with pytest.warns(ConvergenceWarning, match="1 of 3 components lost"):
        mixture = GaussianMixture(**start).fit(X)
    assert mixture.weights_[2] == 0
    np.testing.assert_allclose(mixture.weights_.sum(), 1.0)
    assert set(mixture.sample_components(100, random_state=0)[1]) <= {0, 1}
    two = GaussianMixture(2, means_init=start["means_init"][:2], random_state=0)
    assert np.isfinite(two.fit(X).score(X))
    assert np.isfinite(mixture.score_samples(X)).all()
    assert (mixture.predict(X) < 2).all()


def test_singular_covariances_without_regularization():
    X = three_groups()[:, [0, 1, 1]]
    mixture = GaussianMixture(2, reg_covar=0.0, random_state=0)
    with pytest.raises(ValueError, match="increase reg_covar"):
        mixture.fit(X)
    assert not hasattr(mixture, "means_")


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        (np.zeros(300), "zero"),
        (-np.ones(300), "[Nn]egative"),
        (np.full(300, np.nan), "NaN"),
        (np.ones(299), "shape"),
        (np.full(300, 1e308), r"sum of sample_weight must be finite.*1e\+308"),
    ],
)
def test_bad_weights(sample_weight, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture().fit(three_groups(), sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weights_init": [0.5, 0.6]}, r"normalized, but got sum\(weights\) = 1\.1"),
        ({"weights_init": [1.5, -0.5]}, "minimum of -0.5"),
        ({"weights_init": [1.0]}, r"shape of \(2,\), but got \(1,\)"),
        (
            {"means_init": np.zeros((2, 2))},
            r"means_init.*\(2, 3\), but got \(2, 2\)",
        ),
        ({"means_init": np.full((2, 3), np.nan)}, "NaN"),
        (
            {"precisions_init": np.zeros((2, 3, 3))},
            "symmetric, positive-definite",
        ),
        ({"precisions_init": np.tile(np.triu(np.ones((3, 3))), (2, 1, 1))}, "symm"),
        ({"n_components": 400}, r"\[1, 300\], the number of rows; got 400"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**{"n_components": 2} | parameters).fit(three_groups())


def test_one_row_is_too_few():
    with pytest.raises(ValueError, match="1 sample"):
        GaussianMixture().fit([[0.0, 1.0]])


def test_no_convergence_names_what_to_change():
    with pytest.warns(ConvergenceWarning, match="increase max_iter.*max_iter=2 "):
        GaussianMixture(3, max_iter=2, tol=0.0, random_state=0).fit(three_groups())


def test_rows_beyond_all_components():
    """So far that squares overflow: -inf and even shares, for them only."""
    X = np.random.RandomState(0).normal(size=(50, 2))
    fitted = GaussianMixture(2, random_state=0).fit(X)
    queries = np.vstack([X[0], [1e160, 0.0]])
    with np.errstate(over="ignore"):
        scores = fitted.score_samples(queries)
        shares = fitted.predict_proba(queries)
    assert scores[0] == fitted.score_samples(X[:1])[0]
    assert scores[1] == -np.inf
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
