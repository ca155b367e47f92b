"""Variants of the autoencoder, held to closed forms."""

import pickle

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from skorch.callbacks import LRScheduler

from sklatent.neural import AETransformer

STEP = {
    "n_components": 2,
    "hidden_layer_sizes": (),
    "optimizer": "sgd",
    "lr_schedule": "constant",
    "max_epochs": 1,
    "dtype": "float64",
    "random_state": 0,
}
LINEAR = {"hidden_layer_sizes": (), "lr": 1e-2, "batch_size": 4000, "random_state": 0}


@pytest.fixture(scope="module")
def X():
    """Standardized rows of five features that depend on each other."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(2000, 3)) @ rng.normal(size=(3, 5))
    X += 0.5 * rng.normal(size=X.shape)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def weights(estimator):
    return [p.detach().numpy().copy() for p in estimator.net_.module_.parameters()]


def cosine(epochs):
    """Learning rate that falls to 0, so that the noise of the steps averages out."""
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR
    return [LRScheduler(schedule, T_max=epochs)]


class TestTiedWeights:
    @pytest.mark.parametrize("skip_connections", [False, True])
    def test_decoder_is_the_transposed_encoder(self, X, skip_connections):
        ae = AETransformer(
            tied_weights=True,
            skip_connections=skip_connections,
            hidden_layer_sizes=(7, 4),
            activation="identity",
            max_epochs=2,
            random_state=0,
        ).fit(X)
        encoder, decoder = ae.net_.module_.encoder, ae.net_.module_.decoder
        zero = torch.zeros(1, 5)
        A = (encoder(torch.eye(5)) - encoder(zero)).T  # without the biases
        B = (decoder(torch.eye(2)) - decoder(zero[:, :2])).T
        torch.testing.assert_close(B, A.T)

    def test_number_of_parameters(self, X):
        ae = AETransformer(tied_weights=True, hidden_layer_sizes=7, max_epochs=1).fit(X)
        n_weights, n_biases = 5 * 7 + 7 * 2, 7 + 2 + 7 + 5
        assert sum(w.size for w in weights(ae)) == n_weights + n_biases

    def test_the_tie_outlasts_copies(self, X):
        ae = AETransformer(tied_weights=True, early_stopping=True, max_epochs=2)
        loaded = pickle.loads(pickle.dumps(ae.fit(X)))
        for module in (loaded.net_.module_, loaded._network(np.dtype(np.float64))):
            assert module.decoder[0].weight is module.encoder[-1].weight
        np.testing.assert_array_equal(loaded.transform(X), ae.transform(X))

    def test_linear_reaches_pca(self):
        # With W' W x̂ the optimum is an orthonormal basis of the principal subspace:
        # Baldi and Hornik (1989).
        X = load_digits().data
        X = X[:, X.std(axis=0) > 0]
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        ae = AETransformer(
            8, tied_weights=True, max_epochs=400, **LINEAR | {"batch_size": 2000}
        ).fit(X)
        axes = np.linalg.svd(X, full_matrices=False)[2][:8]
        least = ((X - X @ axes.T @ axes) ** 2).sum(axis=1).mean()
        assert least <= ae.reconstruction_error(X).mean() < 1.01 * least
        W = ae.net_.module_.encoder[0].weight.detach().numpy()
        assert np.degrees(subspace_angles(W.T, axes.T)).max() < 5
        np.testing.assert_allclose(W @ W.T, np.eye(8), atol=0.05)

    @pytest.mark.parametrize(
        "other",
        [
            {"image_shape": (1, 5, 1)},
            {"encoder": torch.nn.Linear},
            {"decoder": torch.nn.Linear},
        ],
    )
    def test_with_networks_that_have_no_transpose(self, X, other):
        with pytest.raises(
            ValueError, match=f"tied_weights must be False .* {next(iter(other))}="
        ):
            AETransformer(tied_weights=True, **other).fit(X)


class TestElasticNet:
    @pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.7, 0.3), (2.0, 1.0), (0.5, 0)])
    def test_one_step_of_gradient_descent(self, X, alpha, l1_ratio):
        """The step differs from that without a penalty by its gradient alone."""
        lr = 1e-3
        start = weights(AETransformer(lr=1e-300, **STEP).fit(X))
        batch = {"batch_size": len(X)}
        plain = weights(AETransformer(lr=lr, **batch, **STEP).fit(X))
        penalized = weights(
            AETransformer(lr=lr, alpha=alpha, l1_ratio=l1_ratio, **batch, **STEP).fit(X)
        )
        for w, a, b in zip(start, plain, penalized, strict=True):
            gradient = alpha * (l1_ratio * np.sign(w) + (1 - l1_ratio) * w)
            np.testing.assert_allclose(
                b - a, -lr * gradient if w.ndim == 2 else 0, atol=1e-12
            )

    def test_what_the_loss_holds(self, X):
        ae = AETransformer(
            alpha=0.3,
            l1_ratio=0.4,
            lr=1e-300,
            batch_size=len(X),
            **{**STEP, "hidden_layer_sizes": (3,)},
        ).fit(X)
        W = [w for w in weights(ae) if w.ndim == 2]
        l1 = sum(np.abs(w).sum() for w in W)
        l2 = sum((w**2).sum() for w in W)
        penalty = 0.3 * (0.4 * l1 + 0.5 * 0.6 * l2)
        error = ae.reconstruction_error(X).mean()
        np.testing.assert_allclose(ae.loss_, error + penalty, rtol=1e-10)

    def test_ridge_shrinks_as_in_closed_form(self, X):
        # min |X - X W' W|² / n + alpha |W|²/2 with tied weights: along an eigenvector
        # of eigenvalue v the factor s = w² has (1 - s)² v + alpha s / 2 at its least,
        # s = 1 - alpha / (4 v).
        alpha = 0.4
        ae = AETransformer(
            2, tied_weights=True, alpha=alpha, max_epochs=600, **LINEAR
        ).fit(X)
        W = ae.net_.module_.encoder[0].weight.detach().numpy()
        eigenvalues = np.linalg.eigvalsh(X.T @ X / len(X))[::-1][:2]
        got = np.sort(np.linalg.eigvalsh(W @ W.T))[::-1]
        np.testing.assert_allclose(got, 1 - alpha / (4 * eigenvalues), atol=0.005)

    @pytest.mark.slow
    def test_lasso_empties_the_weights(self, X):
        # Above the gradient of the loss at 0, which is 0 for a product of two
        # matrices, any penalty holds the weights at 0; Adam's steps leave them within
        # a step of it.
        ae = AETransformer(alpha=5.0, l1_ratio=1.0, max_epochs=600, **LINEAR).fit(X)
        assert max(np.abs(w).max() for w in weights(ae) if w.ndim == 2) < 0.02
        np.testing.assert_allclose(
            ae.inverse_transform(ae.transform(X)), np.zeros_like(X), atol=0.02
        )

    @pytest.mark.slow
    def test_kernels_of_convolutions_are_weights(self, X):
        settings = {
            "image_shape": (1, 5, 1),
            "conv_channels": (2, 3),
            "random_state": 0,
        }
        free, small = (
            AETransformer(alpha=alpha, lr=1e-2, max_epochs=20, **settings).fit(X)
            for alpha in (0.0, 100.0)
        )
        for w, v in zip(weights(free), weights(small), strict=True):
            if w.ndim > 1:
                assert np.abs(v).max() < 0.5 * np.abs(w).max()

    def test_a_strong_penalty_is_no_divergence(self, X):
        ae = AETransformer(alpha=1e4, l1_ratio=0.5, max_epochs=3, random_state=0)
        assert np.isfinite(ae.fit(X).loss_)


class TestCorruption:
    """min E|x - W x̃|², where x̃ keeps each entry with probability 1 - c.

    With S = E[xx'] there is P = E[xx̃'] = (1 - c) S, and Q = E[x̃x̃'] is (1 - c)² S off
    the diagonal and (1 - c) S on it. The least is tr S less the sum of the largest
    eigenvalues of P Q^-1 P', one per component: reduced-rank regression on the
    marginalised corruption of Chen et al. (2012).
    """

    @staticmethod
    def moments(X, c):
        S = X.T @ X / len(X)
        Q = (1 - c) ** 2 * S
        np.fill_diagonal(Q, (1 - c) * np.diag(S))
        return S, (1 - c) * S, Q

    @pytest.mark.parametrize(("q", "c"), [(5, 0.3), (2, 0.3), (2, 0.6)])
    @pytest.mark.slow
    def test_linear_optimum(self, X, q, c):
        S, P, Q = self.moments(X, c)
        explained = np.linalg.eigvalsh(P @ np.linalg.solve(Q, P.T))[::-1]
        least = np.trace(S) - explained[:q].sum()
        settings = LINEAR | {"batch_size": 500, "max_epochs": 200}
        ae = AETransformer(q, corruption=c, callbacks=cosine(200), **settings).fit(X)
        A, _, B, _ = weights(ae)
        W = B @ A
        error = np.trace(S - 2 * W @ P.T + W @ Q @ W.T)
        assert least <= error < 1.01 * least
        # Without corruption in mind it is the map of PCA, which is worse at repairing.
        plain = AETransformer(q, callbacks=cosine(200), **settings).fit(X)
        A, _, B, _ = weights(plain)
        V = np.linalg.eigh(S)[1][:, ::-1][:, :q]
        by_network, by_pca = (
            np.trace(S - 2 * W @ P.T + W @ Q @ W.T) for W in (B @ A, V @ V.T)
        )
        assert abs(by_network / by_pca - 1) < 0.01
        assert by_pca > 1.02 * least

    def test_rows_held_out_and_scored_are_not_corrupted(self, X):
        ae = AETransformer(
            corruption=0.5, early_stopping=True, max_epochs=5, random_state=0
        ).fit(X)
        train, valid = ae.history_["train_loss"], ae.history_["valid_loss"]
        assert valid[-1] < 0.9 * train[-1]
        np.testing.assert_array_equal(ae.transform(X), ae.transform(X))

    def test_seed_decides_every_bit(self, X):
        one, same, plain = (
            AETransformer(corruption=c, max_epochs=2, random_state=0).fit(X)
            for c in (0.2, 0.2, 0.0)
        )
        assert one.history_ == same.history_ != plain.history_
