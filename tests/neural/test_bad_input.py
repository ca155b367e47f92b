"""Difficult and impossible input: the right finite result, or one clear error."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklatent.neural import AETransformer, VAETransformer
from sklatent.neural.training._rows import (
    available_devices,
    mean_and_scale,
    resolve_device,
    standardize,
    undo_standardize,
)
from tests.neural.settings import ALL, BOTH, STEADY


def fitted_attributes(estimator):
    return [name for name in vars(estimator) if name.endswith("_")]


def assert_finite(estimator, X):
    assert np.isfinite(estimator.transform(X)).all()
    assert np.isfinite(estimator.score_samples(X)).all()
    assert np.isfinite(estimator.reconstruction_error(X)).all()
    if hasattr(estimator, "sample"):
        assert np.isfinite(estimator.sample(5, random_state=0)).all()


@ALL
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.inf, "contains infinity"),
        ("text", "Column 1 of X must hold numbers; got 'text'"),
        (1j, "Complex data not supported"),
    ],
)
def test_values_that_are_no_numbers(cls, bad, message, X):
    bad_X = X.astype(object)
    bad_X[3, 1] = bad
    if isinstance(bad, complex):
        bad_X = bad_X.astype(complex)
    estimator = cls(max_epochs=1)
    with pytest.raises(ValueError, match=message):
        estimator.fit(bad_X)
    assert fitted_attributes(estimator) == []
    with pytest.raises(ValueError, match=message):
        estimator.fit(X).transform(bad_X)


def test_nan_is_no_number_to_an_autoencoder(X):
    bad_X = X.copy()
    bad_X[3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        AETransformer(max_epochs=1).fit(bad_X)


@ALL
def test_sparse(cls, X):
    with pytest.raises(TypeError, match=r"[Ss]parse data"):
        cls().fit(sparse.csr_array(X))


@ALL
def test_one_row(cls, X):
    with pytest.raises(ValueError, match=r"1 sample.* minimum of 2 is required"):
        cls().fit(X[:1])


@ALL
@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.slow
def test_few_rows(cls, n, X):
    assert_finite(cls(random_state=0).fit(X[:n]), X)


@ALL
def test_last_batch_of_one_row(cls, X):
    assert_finite(cls(batch_size=149, max_epochs=3, random_state=0).fit(X), X)


@ALL
def test_one_feature(cls, X):
    assert_finite(cls(random_state=0).fit(X[:, :1]), X[:, :1])


@ALL
def test_more_components_than_features(cls, X):
    estimator = cls(7, random_state=0).fit(X)
    assert estimator.transform(X).shape == (150, 7)
    assert_finite(estimator, X)


@ALL
@pytest.mark.parametrize(("mean", "scale"), [(1e6, 1.0), (0, 1e-6), (1e6, 1e-3)])
@pytest.mark.slow
def test_columns_far_away_or_tiny(cls, mean, scale, X):
    """Trained on such columns, the model is that of the plain ones."""
    moved = mean + scale * X
    plain = cls(random_state=0).fit(X)
    estimator = cls(random_state=0).fit(moved)
    error = estimator.reconstruction_error(moved).mean() / scale**2
    # Digits lost by the offset: 1e6 / 1e-3 leaves 1e-7 of a unit, which training
    # in single precision amplifies; far less than what training itself leaves.
    np.testing.assert_allclose(error, plain.reconstruction_error(X).mean(), rtol=0.05)


@ALL
@pytest.mark.parametrize(
    "column", [1e6 + np.linspace(-2, 2, 150), 300 + np.linspace(-6e-4, 6e-4, 150)]
)
def test_single_precision_column_that_varies_little(cls, column, X):
    """Beside features of scale 1e4 it is a feature like any other."""
    table = np.column_stack([column, 1e4 * X]).astype(np.float32)
    exact = table[:, 0].astype(np.float64)
    estimator = cls(max_epochs=2, standardize=True, random_state=0).fit(table)
    np.testing.assert_allclose(estimator.scale_[0], exact.std(), rtol=1e-6)


@ALL
def test_single_precision_rows_for_a_tiny_scale(cls, X):
    estimator = cls(max_epochs=2, random_state=0).fit(1e-50 * X)
    assert np.isfinite(estimator.transform((1e-50 * X).astype(np.float32))).all()


@ALL
def test_codes_in_any_form(cls, X):
    estimator = cls(max_epochs=2, random_state=0).fit(X)
    Z = estimator.transform(X)
    expected = estimator.inverse_transform(Z)
    Z.flags.writeable = False
    for given in (Z, np.asfortranarray(Z), Z[::-1].copy()[::-1], Z.tolist()):
        np.testing.assert_array_equal(estimator.inverse_transform(given), expected)


@ALL
def test_a_row_alone_in_single_precision(cls, X):
    rows = X.astype(np.float32)
    estimator = cls(random_state=0).fit(rows)
    for method in (estimator.transform, estimator.score_samples):
        alone = np.concatenate([method(rows[i : i + 1]) for i in range(150)])
        # Products of other shapes are summed in another order: some hundred times
        # the rounding of single precision, 6e-8.
        together = method(rows)
        np.testing.assert_allclose(alone, together, atol=1e-5 * np.abs(together).max())


@pytest.mark.parametrize(("offset", "dtype"), [(1e8, np.float64), (1e4, np.float32)])
def test_offsets_leave_variances_alone(offset, dtype):
    # The offset is a power of two, so that adding it rounds and nothing else.
    offset = 2.0 ** round(np.log2(offset))
    noise = np.random.RandomState(0).normal(size=(5000, 3))
    X = (offset + noise).astype(dtype)
    exact = X.astype(np.float64) - offset
    mean, scale, constant, _ = mean_and_scale(X)
    np.testing.assert_allclose(mean - offset, exact.mean(axis=0), atol=1e-7)
    np.testing.assert_allclose(scale, exact.std(axis=0), rtol=1e-10)
    Z = standardize(X, mean, scale)
    expected = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    np.testing.assert_allclose(Z, expected, atol=1e-6)
    back = undo_standardize(Z, mean, scale, constant)
    np.testing.assert_allclose(back, X, rtol=2 * np.finfo(dtype).eps)


CONSTANTS = np.array([7.0, 0.0, 1e9, 0.1])


@BOTH
@pytest.mark.parametrize("standardize", [True, False])
def test_constant_columns(cls, standardize, X):
    """They come back as they were, and have the scale of the others in training."""
    table = np.column_stack([X, np.tile(CONSTANTS, (150, 1))])
    estimator = cls(standardize=standardize, max_epochs=3, random_state=0).fit(table)
    assert_finite(estimator, table)
    expected = X.std(axis=0)
    expected = np.median(expected) if standardize else expected.mean()
    if standardize:
        np.testing.assert_allclose(estimator.scale_[4:], expected)
    codes = estimator.transform(table)
    rebuilt = estimator.inverse_transform(codes)
    np.testing.assert_array_equal(rebuilt[:, 4:], table[:, 4:])
    single = estimator.inverse_transform(codes.astype(np.float32))
    np.testing.assert_array_equal(single[:, 4:], table[:, 4:].astype(np.float32))
    # A row that differs there is not explained away.
    other = table[:1] + 3.0 * (np.arange(8) == 5)
    difference = estimator.inverse_transform(estimator.transform(other)) - other
    assert difference[0, 5] == -3.0


@BOTH
def test_a_column_that_varies_later_is_not_constant(cls, X):
    table = np.column_stack([X, np.tile(CONSTANTS, (150, 1))])
    estimator = cls(random_state=0).partial_fit(table)
    varied = table.copy()
    varied[20, 4] += 1.0
    estimator.partial_fit(varied).partial_fit(table)
    rebuilt = estimator.inverse_transform(estimator.transform(table))
    assert len(np.unique(rebuilt[:, 4])) > 1
    np.testing.assert_array_equal(rebuilt[:, 5:], table[:, 5:])


@ALL
def test_copied_columns(cls, X):
    assert_finite(cls(random_state=0).fit(np.hstack([X, X, X])), np.hstack([X, X, X]))


@ALL
def test_equal_rows(cls):
    X = np.full((20, 3), 5.0)
    estimator = cls(random_state=0).fit(X)
    assert_finite(estimator, X)
    rebuilt = estimator.inverse_transform(estimator.transform(X))
    np.testing.assert_array_equal(rebuilt, X)


@pytest.mark.slow
def test_noise_free_data_stop_at_the_floor():
    z = np.random.RandomState(0).normal(size=(500, 1))
    X = z @ [[1.0, -2.0, 0.5]]
    vae = VAETransformer(
        2, hidden_layer_sizes=(), lr=0.02, max_epochs=300, random_state=0
    ).fit(X)
    assert (vae.noise_variance_ >= 1e-6 * X.var(axis=0)).all()
    assert_finite(vae, X)


@ALL
@pytest.mark.slow
def test_outlying_row(cls, X):
    outlier = np.vstack([X, np.full(4, 1e7)])
    estimator = cls(random_state=0).fit(outlier)
    assert_finite(estimator, outlier)
    assert_finite(cls(random_state=0).fit(X), outlier)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "negative strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "list": lambda X: X.tolist(),
    "float16": lambda X: X.astype(np.float16),
    "pandas": lambda X: pd.DataFrame(dict(enumerate(X.T))),
}


@pytest.mark.parametrize(
    ("cls", "missing"),
    [(AETransformer, False), (VAETransformer, False), (VAETransformer, True)],
)
def test_layouts_of_an_array(cls, missing, X, tmp_path):
    """The layout of the array changes nothing, in any method."""
    X = X[:60].astype(np.float16).astype(np.float64)  # representable in all of them
    if missing:
        X[np.random.RandomState(0).uniform(size=X.shape) < 0.3] = np.nan
    np.save(tmp_path / "X.npy", X)
    mapped = {"memory map": lambda X: np.load(tmp_path / "X.npy", mmap_mode="r")}

    def results(given):
        estimator = cls(hidden_layer_sizes=(8,), max_epochs=2, random_state=0)
        estimator.fit(given).partial_fit(given)
        found = [estimator.transform(given), estimator.score_samples(given)]
        if cls is VAETransformer:
            found += [*estimator.impute(given, return_std=True), *estimator.elbo(given)]
            found += [estimator.sample_missing(given, random_state=0)]
        return found

    expected = results(X)
    for name, layout in (LAYOUTS | mapped).items():
        for got, right in zip(results(layout(X)), expected, strict=True):
            # Products are summed in another order, in single precision while training.
            np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-5, err_msg=name)


@ALL
@pytest.mark.parametrize("lr", [1e4, 1e30])
def test_diverging_training_raises(cls, lr, X):
    estimator = cls(**STEADY[cls], lr=lr)
    with pytest.raises(RuntimeError, match=r"diverged in epoch \d+.*Lower lr"):
        estimator.fit(X)
    assert fitted_attributes(estimator) == []


def test_divergence_does_not_depend_on_the_units(X):
    """The same epochs are repeated, and the same training comes of it."""
    histories, warnings = [], []
    for factor in (1e-150, 1.0, 1e150):
        settings = {**STEADY[VAETransformer], "lr": 0.5, "activation": "relu"}
        vae = VAETransformer(**settings, max_epochs=20, random_state=0)
        with pytest.warns(ConvergenceWarning, match="diverged in epochs") as caught:
            vae.fit(factor * X)
        losses = np.array(vae.history_["train_loss"])
        histories.append(losses - np.log(factor) * X.shape[1])
        warnings.append([str(warning.message) for warning in caught])
    assert warnings[0] == warnings[1] == warnings[2]
    # Standardized rows differ by rounding, which training amplifies.
    np.testing.assert_allclose(histories[0], histories[1], rtol=0.05)
    np.testing.assert_allclose(histories[2], histories[1], rtol=0.05)


# All rows but one are equal: the code has nothing to tell, which is warned of.
@pytest.mark.filterwarnings("ignore:The posterior has collapsed")
@pytest.mark.slow
def test_a_rare_row_held_out_is_no_divergence():
    X = np.vstack([np.tile([[0.0, 1.0]], (400, 1)), [[1.0, 1.0]]])
    vae = VAETransformer(
        early_stopping=True, max_epochs=100, n_iter_no_change=100, lr=3e-3
    )
    for seed in (5, 7):
        assert_finite(vae.set_params(random_state=seed).fit(X), X)


def test_importance_samples_set_after_the_fit(X):
    vae = VAETransformer(max_epochs=1).fit(X).set_params(n_importance_samples=0)
    with pytest.raises(ValueError, match="n_importance_samples"):
        vae.score(X)


@ALL
def test_failed_refit_changes_nothing(cls, X):
    estimator = cls(max_epochs=1).fit(X)
    before, codes = fitted_attributes(estimator), estimator.transform(X)
    with pytest.raises(RuntimeError):
        estimator.set_params(lr=1e30).fit(X)
    assert fitted_attributes(estimator) == before
    np.testing.assert_array_equal(estimator.transform(X), codes)


@ALL
@pytest.mark.slow
def test_first_rows_may_be_unlike_the_rest(cls):
    """Training starts at the loss of all rows, not of those that come first."""
    X = np.zeros((2000, 1500))
    X[1000:] = np.random.RandomState(0).normal(size=(1000, 1500))
    assert_finite(cls(max_epochs=2, random_state=0).fit(X), X[::100])


@ALL
def test_device_that_is_not_there(cls, X):
    expected = re.escape(str(available_devices()))
    with pytest.raises(ValueError, match=f"{expected}; got 'cuda:99'"):
        cls(device="cuda:99").fit(X)
    estimator = cls(device="auto", max_epochs=1).fit(X)
    assert estimator.device_ == ("cuda:0" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_cuda_that_was_not_built(device, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    for built, message in [
        (False, r"instead\. .* without CUDA\.$"),
        (True, r"instead\. PyTorch finds no GPU with CUDA; .*\.$"),
    ]:
        monkeypatch.setattr("torch.backends.cuda.is_built", lambda built=built: built)
        with pytest.raises(
            ValueError, match=rf"of \['cpu'\]; got '{device}' {message}"
        ):
            resolve_device(device)


@ALL
def test_model_from_a_device_that_is_gone(cls, X):
    estimator = cls(max_epochs=1, device="cpu", random_state=0).fit(X)
    expected = estimator.transform(X)
    estimator.device_ = "cuda:99"
    np.testing.assert_array_equal(estimator.transform(X), expected)


@ALL
@pytest.mark.parametrize("sizes", [(0,), (5, -1), (8.7, 4), [[8, 4], [3, 2]], ["a"]])
def test_hidden_layer_sizes(cls, sizes, X):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be positive"):
        cls(hidden_layer_sizes=sizes).fit(X)


@BOTH
def test_shape_of_the_networks(cls, X):
    estimator = cls(3, hidden_layer_sizes=[10, 6], max_epochs=1).fit(X)
    module = estimator.net_.module_

    def sizes(network):
        return [layer.weight.shape[1] for layer in network[::2]]

    assert sizes(module.encoder) == [4, 10, 6]
    assert sizes(module.decoder) == [3, 6, 10]
    single = cls(3, hidden_layer_sizes=10, max_epochs=1).fit(X)
    assert sizes(single.net_.module_.encoder) == [4, 10]
