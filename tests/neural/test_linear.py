"""Without hidden layers the optima are known: PCA and probabilistic PCA."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits

from sklatent.neural import AETransformer, VAETransformer

N_COMPONENTS = 8
CONVERGED = {"hidden_layer_sizes": (), "lr": 1e-2, "batch_size": 2000}


@pytest.fixture(scope="module")
def digits():
    """Standardized digits without their constant columns."""
    X = load_digits().data
    X = X[:, X.std(axis=0) > 0]
    return (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.fixture(scope="module")
def vae(digits):
    ppca = {"prior": "standard_normal", "noise_variance": "shared"}
    return VAETransformer(
        N_COMPONENTS, max_epochs=600, random_state=0, **ppca, **CONVERGED
    ).fit(digits)


def model_of(vae):
    """Mean and covariance of x ~ N(mu, W W' + sigma2 I), read off the networks."""
    layer = vae.net_.module_.decoder[0]
    W = layer.weight.detach().double().numpy() * vae.scale_[:, None]
    mu = layer.bias.detach().double().numpy() * vae.scale_ + vae.mean_
    return mu, W @ W.T + np.diag(vae.noise_variance_)


@pytest.mark.slow
def test_vae_reaches_probabilistic_pca(digits, vae):
    # Tipping and Bishop (1999), section 3.2: sigma2 is the mean of the discarded
    # eigenvalues of the 1/n covariance; the likelihood at the optimum, where
    # tr(C^-1 S) = p.
    n, p = digits.shape
    q = N_COMPONENTS
    eigenvalues = np.linalg.eigvalsh(digits.T @ digits / n)[::-1]
    sigma2 = eigenvalues[q:].mean()
    log_det = np.log(eigenvalues[:q]).sum() + (p - q) * np.log(sigma2)
    optimum = -0.5 * (p * np.log(2 * np.pi) + log_det + p)
    # No model of the family exceeds the optimum, and no bound the model; 0.5 nats
    # is what a stochastic optimizer may miss.
    assert optimum - 0.5 < vae.score(digits) < optimum
    np.testing.assert_allclose(vae.noise_variance_.mean(), sigma2, rtol=0.05)
    assert vae.n_active_units_ == q


@pytest.mark.slow
def test_vae_bounds_are_below_its_exact_density(digits, vae):
    mu, covariance = model_of(vae)
    exact = multivariate_normal(mu, covariance).logpdf(digits)
    # One noise serves all rows, so the error of the mean shows over several noises.
    bounds, elbos = [], []
    seed = vae._noise_seed
    for vae._noise_seed in range(10):
        bounds.append(vae.score(digits))
        elbos.append(vae.elbo(digits)[0].mean())
    vae._noise_seed = seed
    bound, elbo = np.mean(bounds), np.mean(elbos)
    error = np.std(np.subtract(bounds, exact.mean())) / 10**0.5
    assert exact.mean() - 0.2 < bound < exact.mean() + 3 * error
    assert exact.mean() - 0.5 < elbo < bound


@pytest.mark.slow
def test_samples_have_the_moments_of_the_model(vae):
    mu, covariance = model_of(vae)
    n = 20_000
    X = vae.sample(n, random_state=0)
    sd = np.sqrt(np.diag(covariance))
    # 61 means, 1,891 distinct covariances: 5 standard errors are exceeded by
    # chance once in about 900 seeds.
    assert np.abs((X.mean(axis=0) - mu) / (sd / np.sqrt(n))).max() < 5
    correlated = np.outer(sd, sd) ** 2 + covariance**2
    error = np.cov(X.T) - covariance
    assert np.abs(error / np.sqrt(correlated / n)).max() < 5


def test_samples_agree_with_the_density(vae):
    # E[-log p(x)] over samples is the entropy, known for a Gaussian.
    mu, covariance = model_of(vae)
    entropy = multivariate_normal(mu, covariance).entropy()
    log_density = vae.score_samples(vae.sample(5000, random_state=1))
    standard_error = log_density.std() / np.sqrt(5000)
    # The bound lies below the density: by at most 0.2 nats, as above.
    assert -entropy - 0.2 < log_density.mean() < -entropy + 4 * standard_error


@pytest.mark.slow
def test_autoencoder_reaches_pca(digits):
    ae = AETransformer(N_COMPONENTS, max_epochs=400, random_state=0, **CONVERGED)
    ae.fit(digits)
    axes = np.linalg.svd(digits, full_matrices=False)[2][:N_COMPONENTS]
    least = ((digits - digits @ axes.T @ axes) ** 2).sum(axis=1).mean()
    assert least <= ae.reconstruction_error(digits).mean() < 1.01 * least
    decoder = ae.net_.module_.decoder[0].weight.detach().numpy()
    assert np.degrees(subspace_angles(decoder, axes.T)).max() < 5


def test_one_step_of_gradient_descent():
    """One full-batch step moves the weights by minus lr times the gradient."""
    X = np.random.RandomState(0).normal(size=(30, 5))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    settings = {
        "n_components": 2,
        "hidden_layer_sizes": (),
        "optimizer": "sgd",
        "lr_schedule": "constant",
        "max_epochs": 1,
        "dtype": "float64",
        "random_state": 0,
    }

    def weights(lr):
        module = AETransformer(lr=lr, **settings).fit(X).net_.module_
        return [p.detach().numpy().copy() for p in module.parameters()]

    A, _, B, _ = weights(lr=1e-300)  # encoder and decoder before the step
    lr = 1e-2
    A1, a1, B1, b1 = weights(lr=lr)
    # loss = 1/n sum |x - B A x|^2, biases start at 0
    residual = X - X @ A.T @ B.T
    grad_B = -2 / len(X) * residual.T @ (X @ A.T)
    grad_A = -2 / len(X) * (residual @ B).T @ X
    np.testing.assert_allclose(B1, B - lr * grad_B, rtol=1e-10)
    np.testing.assert_allclose(A1, A - lr * grad_A, rtol=1e-10)
    np.testing.assert_allclose(b1, 2 * lr * residual.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(a1, 2 * lr * (residual @ B).mean(axis=0), atol=1e-14)
