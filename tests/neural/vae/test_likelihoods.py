"""Likelihoods against SciPy, and tables of several kinds of columns."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.preprocessing import FunctionTransformer

from sklatent.neural import VAETransformer
from sklatent.neural.vae._discrete_likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    OneHotLikelihood,
    PoissonLikelihood,
)
from sklatent.neural.vae._likelihoods import (
    GaussianLikelihood,
    StudentTLikelihood,
)
from tests.neural.settings import TINY

N_ROWS = 3000


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def tables(rng, n_rows=200):
    """A table for each likelihood, as it comes."""
    z = rng.normal(size=(n_rows, 1))
    odds = 1 / (1 + np.exp(-z * [2, -1, 0.5]))
    level = (z + rng.normal(size=(n_rows, 1)) > 0).ravel() + rng.randint(2, size=n_rows)
    return {
        "gaussian": z * [1, -2, 3] + rng.normal(size=(n_rows, 3)),
        "student_t": z * [1, -2, 3] + rng.standard_t(3, size=(n_rows, 3)),
        "bernoulli": 1.0 * (rng.uniform(size=odds.shape) < odds),
        "poisson": 1.0 * rng.poisson(np.exp(z * [0.3, 1, -0.5] + [0, 2, 4])),
        "categorical": np.column_stack([level * 0.5, rng.choice([1, 7], n_rows)]),
        "one_hot": np.eye(3)[level],
    }


def parameters_of(likelihood, output):
    """The decoder's output as a likelihood takes it."""
    shape = (likelihood.n_parameters, likelihood.n_features)
    return torch.as_tensor(output).unflatten(-1, shape)


def log_prob(likelihood, x, output, observed=None):
    """Log-density of rows; what `log_prob` says of their entries adds up to it."""
    x, parameters = torch.as_tensor(x), parameters_of(likelihood, output)
    with torch.no_grad():
        likelihood = likelihood.double()
        rows = likelihood._row_log_prob(x, parameters, observed)
        if observed is None:
            entries = likelihood.log_prob(x, parameters)
            torch.testing.assert_close(entries.sum(-1), rows)
        return rows.numpy()


def started(likelihood, x):
    likelihood.initialize([torch.as_tensor(x)])
    return likelihood


class TestAgainstSciPy:
    """Log-probabilities, means, variances and draws of each likelihood."""

    def check(self, likelihood, output, distribution, rng, log="logpdf"):
        likelihood = likelihood.double()
        output = torch.as_tensor(output)
        x = distribution.rvs(random_state=rng).astype(float)
        expected = getattr(distribution, log)(x).sum(axis=-1)
        np.testing.assert_allclose(log_prob(likelihood, x, output), expected, rtol=1e-6)
        with torch.no_grad():
            output = parameters_of(likelihood, output)
            mean, variance = likelihood.mean(output), likelihood.variance(output)
            many = output.expand(20_000, *output.shape)
            draws = likelihood.sample(many, rng).numpy()
        np.testing.assert_allclose(mean, distribution.mean(), rtol=1e-6)
        np.testing.assert_allclose(variance, distribution.var(), rtol=1e-5)
        error = np.sqrt(distribution.var() / len(draws))
        # Some 20 comparisons at 5 standard errors: false alarms in 1e-5 of seeds.
        assert (np.abs(draws.mean(axis=0) - distribution.mean()) < 5 * error).all()

    @pytest.mark.parametrize("noise", ["shared", "feature", "decoder", "batch"])
    def test_gaussian(self, noise, rng):
        x = rng.normal(size=(500, 3)) * [1, 2, 3]
        likelihood = started(GaussianLikelihood(3, noise), x).eval()
        variance = {
            "shared": [14 / 3] * 3,
            "feature": [1, 4, 9],
            "decoder": [1, 4, 9],
            "batch": [14 / 3] * 3,
        }[noise]
        # What the variances start from is their sample value.
        variance = variance * (x**2).mean(axis=0) / [1, 4, 9]
        if noise in {"shared", "batch"}:
            variance = np.full(3, (x**2).mean())
        output = rng.normal(size=(4, 3))
        factor = 1.0
        if noise == "decoder":
            s = rng.normal(size=(4, 3))
            factor = np.where(s < 0, np.exp(np.minimum(s, 0)), 1 + s)
            output = np.hstack([output, s])
        sd = np.sqrt(variance * factor)
        # The floor adds 1e-6; initial variances are kept in single precision.
        self.check(likelihood, output, stats.norm(output[:, :3], sd), rng)

    def test_student_t(self, rng):
        likelihood = started(StudentTLikelihood(3), rng.normal(size=(500, 3)))
        with torch.no_grad():
            likelihood.log_excess.copy_(torch.tensor([0.1, 1.0, 3.0]))
        output = rng.normal(size=(4, 3))
        df = likelihood.df.detach().double().numpy()
        scale = likelihood.noise.variance(None).detach().double().numpy() ** 0.5
        self.check(likelihood, output, stats.t(df, output, scale), rng)

    def test_bernoulli(self, rng):
        x = 1.0 * (rng.uniform(size=(N_ROWS, 3)) < [0.1, 0.5, 0.9])
        likelihood = started(BernoulliLikelihood(3), x)
        output = rng.normal(size=(4, 3))
        share = (x.sum(axis=0) + 0.5) / (N_ROWS + 1)
        p = 1 / (1 + np.exp(-output) * (1 - share) / share)
        self.check(likelihood, output, stats.bernoulli(p), rng, "logpmf")

    def test_poisson(self, rng):
        x = 1.0 * rng.poisson([0.3, 20, 1e6], size=(N_ROWS, 3))
        likelihood = started(PoissonLikelihood(3), x)
        output = rng.normal(size=(4, 3))
        mean = np.exp(likelihood.log_mean.double().numpy())
        # Kept in single precision.
        np.testing.assert_allclose(mean, (x.sum(axis=0) + 0.5) / N_ROWS, rtol=2e-6)
        rate = mean * np.where(output < 0, np.exp(np.minimum(output, 0)), 1 + output)
        self.check(likelihood, output, stats.poisson(rate), rng, "logpmf")

    def test_poisson_in_single_precision(self):
        x = np.array([[0.0, 1, 5, 19, 20, 21, 1e3, 1e6]])
        likelihood = PoissonLikelihood(8)
        likelihood.log_mean.copy_(torch.as_tensor(np.log(x.ravel() + 0.7)))
        got = likelihood._row_log_prob(
            torch.as_tensor(x, dtype=torch.float32), torch.zeros(1, 1, 8)
        )
        expected = stats.poisson(x + 0.7).logpmf(x).sum()
        # Terms of 1e7 cancel to ten: by their difference 1e-2 would be left.
        np.testing.assert_allclose(got.item(), expected, rtol=1e-4)

    def test_categorical(self, rng):
        x = np.column_stack(
            [rng.choice([-1, 0.5, 7], N_ROWS), rng.choice([2, 3], N_ROWS)]
        )
        likelihood = started(CategoricalLikelihood([[-1, 0.5, 7], [2, 3]]), x)
        output = rng.normal(size=(4, 6))
        for j, levels in enumerate([[-1, 0.5, 7], [2, 3]]):
            counts = np.array([(x[:, j] == level).sum() for level in levels]) + 0.5
            logits = output.reshape(4, 3, 2)[:, : len(levels), j]
            p = counts * np.exp(logits)
            p /= p.sum(axis=1, keepdims=True)
            for k, level in enumerate(levels):
                rows = np.column_stack([np.full(4, -1.0), np.full(4, 2.0)])
                rows[:, j] = level
                other = rows.copy()
                other[:, j] = levels[0]
                difference = log_prob(likelihood, rows, output) - log_prob(
                    likelihood, other, output
                )
                np.testing.assert_allclose(
                    difference, np.log(p[:, k] / p[:, 0]), rtol=1e-6, atol=1e-7
                )
            mean = likelihood.mean(parameters_of(likelihood, output))[:, j]
            np.testing.assert_allclose(mean, p @ levels, rtol=1e-6)
            second = likelihood.variance(parameters_of(likelihood, output))[:, j]
            np.testing.assert_allclose(
                second, p @ np.square(levels) - (p @ levels) ** 2, rtol=1e-5
            )
            many = parameters_of(likelihood, output).expand(20_000, 4, 3, 2)
            draws = likelihood.sample(many, rng)[..., j].numpy()
            for k, level in enumerate(levels):
                share = (draws == level).mean(axis=0)
                error = np.sqrt(p[:, k] * (1 - p[:, k]) / 20_000)
                assert (np.abs(share - p[:, k]) < 5 * error).all()

    def test_one_hot(self, rng):
        x = np.eye(3)[rng.choice(3, N_ROWS, p=[0.2, 0.3, 0.5])]
        likelihood = started(OneHotLikelihood(3), x).double()
        output = torch.as_tensor(rng.normal(size=(4, 3)))
        p = (x.sum(axis=0) + 0.5) * np.exp(output.numpy())
        p /= p.sum(axis=1, keepdims=True)
        for k in range(3):
            rows = np.tile(np.eye(3)[k], (4, 1))
            np.testing.assert_allclose(
                log_prob(likelihood, rows, output), np.log(p[:, k]), rtol=1e-6
            )
        parameters = parameters_of(likelihood, output)
        np.testing.assert_allclose(likelihood.mean(parameters), p, rtol=1e-6)
        draws = likelihood.sample(parameters.expand(20_000, 4, 1, 3), rng).numpy()
        assert (draws.sum(axis=-1) == 1).all()
        error = np.sqrt(p * (1 - p) / 20_000)
        assert (np.abs(draws.mean(axis=0) - p) < 5 * error).all()

    @pytest.mark.parametrize("size", [1e3, -1e3])
    @pytest.mark.parametrize(
        "cls", [BernoulliLikelihood, PoissonLikelihood, OneHotLikelihood]
    )
    def test_extreme_outputs_are_finite(self, cls, size):
        likelihood = cls(2)
        output = torch.tensor([[[size, -size]]], requires_grad=True)
        value = likelihood.log_prob(torch.tensor([[1.0, 0.0]]), output)
        value.sum().backward()
        assert value.isfinite().all()
        assert output.grad.isfinite().all()


def test_observed_entries_alone_count(rng):
    x, output = rng.normal(size=(2, 5, 3))
    likelihood = started(GaussianLikelihood(3, "feature"), x)
    observed = torch.as_tensor(rng.uniform(size=x.shape) < 0.5)
    sd = likelihood.noise.variance(None).detach().double().numpy() ** 0.5
    expected = (stats.norm(output, sd).logpdf(x) * observed.numpy()).sum(axis=1)
    np.testing.assert_allclose(
        log_prob(likelihood, x, output, observed), expected, rtol=1e-5
    )


def test_noise_of_a_batch_is_its_mean_square(rng):
    x = torch.as_tensor(rng.normal(size=(50, 3)))
    likelihood = started(GaussianLikelihood(3, "batch"), x).double().train()
    output = x + 0.3 * torch.as_tensor(rng.normal(size=(50, 3)))
    output.requires_grad_()
    likelihood._row_log_prob(x, output[:, None]).mean().backward()
    # Its closed form, -p/2 log of the mean square and constants, has this gradient.
    other = output.detach().clone().requires_grad_()
    (-1.5 * (x - other).square().mean().log()).backward()
    torch.testing.assert_close(output.grad, other.grad)


class TestTables:
    """Likelihoods by column."""

    @pytest.mark.parametrize(
        "likelihood", ["student_t", "bernoulli", "poisson", "categorical", "one_hot"]
    )
    @pytest.mark.slow
    def test_training_gains_over_the_marginals(self, likelihood, rng):
        X = tables(rng, 1000)[likelihood]
        vae = VAETransformer(2, likelihood=likelihood, max_epochs=60, random_state=0)
        first, last = vae.fit(X).history_["train_loss"][:: vae.n_iter_ - 1]
        # The code, one number behind all columns, tells more than it costs; a column
        # that stands alone tells of nothing.
        assert last < first if likelihood == "one_hot" else last < first - 0.02
        assert np.isfinite(vae.score_samples(X)).all()

    def test_mixed_table_by_name(self, rng):
        parts = tables(rng)
        frame = pd.DataFrame(
            np.hstack([parts["one_hot"], parts["gaussian"], parts["poisson"]]),
            columns=["a", "b", "c", "x", "y", "z", "k", "l", "m"],
        )[["x", "k", "a", "b", "c", "l", "y", "z", "m"]]
        likelihood = [
            ("gaussian", ["x", "y", "z"]),
            ("one_hot", ["a", "b", "c"]),
            ("poisson", ["k", "l", "m"]),
        ]
        vae = VAETransformer(likelihood=likelihood, **TINY).fit(frame)
        drawn = pd.DataFrame(vae.sample(50, random_state=0), columns=frame.columns)
        assert (drawn[["a", "b", "c"]].sum(axis=1) == 1).all()
        counts = drawn[["k", "l", "m"]].to_numpy()
        assert (counts == counts.round()).all()
        # The density is the product: alone, the Gaussian columns are in the units of
        # the data, the others have no units.
        frame["x"] *= 1000
        again = VAETransformer(likelihood=likelihood, **TINY).fit(frame)
        shift = again.score(frame) - vae.score(frame.assign(x=frame["x"] / 1000))
        np.testing.assert_allclose(shift, -np.log(1000), rtol=1e-4)

    def test_columns_by_slice_mask_and_index(self, rng):
        parts = tables(rng)
        X = np.hstack([parts["gaussian"], parts["bernoulli"]])
        ways = [
            [("gaussian", slice(0, 3)), ("bernoulli", slice(3, None))],
            [("gaussian", [True] * 3 + [False] * 3), ("bernoulli", [3, 4, 5])],
            [("gaussian", np.arange(3)), ("bernoulli", [-3, -2, -1])],
        ]
        scores = [VAETransformer(likelihood=w, **TINY).fit(X).score(X) for w in ways]
        assert scores[0] == scores[1] == scores[2]

    def test_columns_as_a_column_transformer_takes_them(self, rng):
        """Each way chooses the columns that it chooses there."""
        frame = pd.DataFrame(
            {
                "a": rng.normal(size=50),
                "b": rng.poisson(3, 50),
                "c": rng.normal(size=50),
            }
        )
        ways = [
            (make_column_selector(dtype_include=float), make_column_selector("b")),
            (["a", "c"], "b"),
            (pd.Index(["a", "c"]), ("b",)),
            (np.array(["a", "c"], dtype=object), slice("b", "b")),
            ([0, 2], -2),
            (np.array([0, 2]), np.array([False, True, False])),
            (pd.Series([True, False, True]), lambda table: table.columns == "b"),
            ([-3, np.int64(-1)], slice(1, -1)),
        ]
        scores = set()
        for real, counts in ways:
            for columns, expected in [(real, ["a", "c"]), (counts, ["b"])]:
                # A single name or position gives a Series there.
                as_table = FunctionTransformer(pd.DataFrame)
                chosen = ColumnTransformer([("_", as_table, columns)])
                table = chosen.fit_transform(frame)
                np.testing.assert_array_equal(table, frame[expected])
            likelihood = [("gaussian", real), ("poisson", counts)]
            vae = VAETransformer(likelihood=likelihood, **TINY).fit(frame)
            scores.add(vae.score(frame))
        # ColumnTransformer takes a step in arrays only.
        likelihood = [("gaussian", slice(None, None, 2)), ("poisson", slice(1, 2))]
        scores.add(
            VAETransformer(likelihood=likelihood, **TINY).fit(frame).score(frame)
        )
        assert len(scores) == 1

    def test_functions_that_choose_columns_after_a_pickle(self, rng):
        frame = pd.DataFrame({"a": rng.normal(size=50), "b": rng.poisson(3, 50)})
        likelihood = [
            ("gaussian", make_column_selector(dtype_include=float)),
            ("poisson", make_column_selector(dtype_include=int)),
        ]
        vae = VAETransformer(likelihood=likelihood, warm_start=True, **TINY).fit(frame)
        pickle.loads(pickle.dumps(vae)).fit(frame)
        vae.set_params(likelihood=[("gaussian", make_column_selector())])
        with pytest.raises(ValueError, match="likelihood must be that of the fitted"):
            vae.fit(frame)

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            (["a", "q", 7], r"`likelihood` must name .*got \['q', 7\]\."),
            (slice("a", "q"), r"`likelihood` must name .*got \['q'\]\."),
            ("q", r"`likelihood` must name .*got \['q'\]\."),
            ([1.5], r"`likelihood` must name .*got \[1.5\]\."),
            ([-3], r"`likelihood` must name .*got \[-3\]\."),
            (None, r"`likelihood` must name .*got \[None\]\."),
            ([True], "an entry for each of the 2 columns; got 1"),
        ],
    )
    def test_columns_that_are_not_there(self, columns, message, rng):
        frame = pd.DataFrame(rng.normal(size=(20, 2)), columns=["a", "b"])
        vae = VAETransformer(likelihood=[("gaussian", columns)], **TINY)
        with pytest.raises(ValueError, match=message):
            vae.fit(frame)
        assert not [name for name in vars(vae) if name.startswith("_")]

    def test_choices_are_sorted(self, rng):
        choices = "'bernoulli', 'categorical', 'gaussian', 'one_hot', 'poisson', 'stu"
        with pytest.raises(ValueError, match=choices):
            VAETransformer(likelihood="normal").fit(rng.normal(size=(20, 2)))

    def test_several_one_hot_blocks_are_found(self, rng):
        X = np.hstack(
            [np.eye(3)[rng.randint(3, size=99)], np.eye(4)[rng.randint(4, size=99)]]
        )
        vae = VAETransformer(likelihood="one_hot", **TINY).fit(X)
        drawn = vae.sample(20, random_state=0)
        assert (drawn[:, :3].sum(axis=1) == 1).all()
        assert (drawn[:, 3:].sum(axis=1) == 1).all()

    @pytest.mark.parametrize(
        ("likelihood", "bad", "message"),
        [
            (
                "bernoulli",
                0.5,
                r"hold 0 and 1, .* 'bernoulli'; got 0.5 in row 3",
            ),
            ("poisson", -1, r"1 of X must hold counts 0, 1, 2, ..., .*got -1 in row 3"),
            ("poisson", 2.5, r"Column 1 of X .* got 2.5 in row 3"),
            ("categorical", 99, r"Column 1 .* the levels seen in training, .* got 99"),
            ("one_hot", 1, r"a block of zeros with a single one.*got 1 in row 3"),
        ],
    )
    def test_values_outside_the_support(self, likelihood, bad, message, rng):
        X = tables(rng)[likelihood]
        X_bad = X.copy()
        X_bad[3] = 0 if likelihood == "one_hot" else X[3]
        X_bad[3, 1] = bad
        if likelihood == "one_hot":
            X_bad[3, 0] = 1
        vae = VAETransformer(likelihood=likelihood, **TINY)
        if likelihood not in {"categorical", "one_hot"}:
            with pytest.raises(ValueError, match=message):
                vae.fit(X_bad)
        vae.fit(X)
        for method in (vae.transform, vae.score_samples, vae.elbo):
            with pytest.raises(ValueError, match=message):
                method(X_bad)

    def test_a_named_block_is_not_split(self, rng):
        X = np.eye(3)[rng.randint(2, size=40)]  # its last level does not occur
        vae = VAETransformer(likelihood=[("one_hot", [0, 1, 2])], **TINY).fit(X)
        assert np.isfinite(vae.score_samples(np.eye(3))).all()

    def test_blocks_are_found_where_no_row_is_complete(self, rng):
        X = np.hstack([np.eye(3)[rng.randint(3, size=60)] for _ in range(2)])
        X[:30, :3] = X[30:, 3:] = np.nan
        vae = VAETransformer(likelihood="one_hot", **TINY).fit(X)
        drawn = vae.sample(20, random_state=0)
        assert (drawn[:, :3].sum(axis=1) == 1).all()

    def test_levels_in_another_precision(self, rng):
        X = rng.choice([0.1, 0.2, 0.3], size=(50, 2))
        double = VAETransformer(likelihood="categorical", **TINY).fit(X)
        single = VAETransformer(likelihood="categorical", **TINY).fit(X.astype("f"))
        for vae in (double, single):
            np.testing.assert_allclose(
                vae.score_samples(X.astype("f")), vae.score_samples(X), rtol=1e-4
            )
            with pytest.raises(ValueError, match=r"Column 0 .*got 0\.15"):
                vae.score_samples(X + 0.05 * (X == 0.1))

    def test_levels_that_single_precision_merges(self):
        X = np.array([[20230101.0], [20230102.0], [20230103.0]] * 20)
        vae = VAETransformer(likelihood="categorical", **TINY)
        with pytest.raises(ValueError, match="dtype='float64'"):
            vae.fit(X)
        vae.set_params(dtype="float64", max_epochs=300, lr=0.01)
        score = vae.fit(X).score_samples(X[:3])
        np.testing.assert_allclose(score, -np.log(3), atol=0.1)
        with pytest.raises(ValueError, match="levels seen in training"):
            vae.score_samples(X + 3)

    def test_noise_of_a_batch_is_for_gaussians(self, rng):
        vae = VAETransformer(likelihood="student_t", noise_variance="batch")
        with pytest.raises(ValueError, match="closed form for 'gaussian' only"):
            vae.fit(rng.normal(size=(20, 2)))

    @pytest.mark.parametrize(
        ("likelihood", "message"),
        [
            (["gaussian"] * 3, "list of pairs of one and its columns; got 'gaussian'"),
            ([("gaussian",)], "list of pairs"),
            (
                [("gaussian", slice("a", "c"))],
                r"must name columns .*got \['a', 'c'\]\.",
            ),
            ([("gaussian", [0, 1])], "every column one likelihood; column 2 has 0"),
            ([("gaussian", [0, 1, 2, 2])], "column 2 has 2"),
            ([("gaussian", [0, 7])], r"positions below 3, .*got \[7\]"),
            ([("gauss", [0, 1, 2])], "must be one of .*; got 'gauss'"),
            ("one_hot", "must be blocks with a single one in every row"),
        ],
    )
    def test_what_cannot_be_understood(self, likelihood, message, rng):
        X = rng.normal(size=(20, 3))
        with pytest.raises(ValueError, match=message):
            VAETransformer(likelihood=likelihood, **TINY).fit(X)

    @pytest.mark.parametrize(
        "likelihood", ["student_t", "bernoulli", "poisson", "categorical", "one_hot"]
    )
    def test_contract(self, likelihood, rng):
        """What the common tests ask of real numbers, for values of each kind."""
        X = tables(rng)[likelihood]
        vae = VAETransformer(likelihood=likelihood, **TINY).fit(X)
        for rows in (X, X.astype(np.float32)):
            for method in (vae.transform, vae.score_samples, vae.reconstruction_error):
                result = method(rows)
                assert result.dtype == rows.dtype
                assert np.isfinite(result).all()
        whole = vae.score_samples(X)
        alone = np.concatenate([vae.score_samples(X[i : i + 1]) for i in range(9)])
        np.testing.assert_allclose(alone, whole[:9], rtol=1e-7)
        assert vae.score(X) == pytest.approx(whole.mean(), rel=1e-12)
        assert vae.inverse_transform(vae.transform(X)).shape == X.shape
        VAETransformer(likelihood=likelihood, **TINY).fit(
            vae.sample(50, random_state=0)
        )
