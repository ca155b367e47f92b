"""The networks: their shapes, what flows through them, and the user's own."""

import copy
import pickle
import threading

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch import nn

from sklatent.neural import AETransformer, VAETransformer
from sklatent.neural.networks._convolutions import (
    KERNEL,
    PADDING,
    STRIDE,
    convolved_size,
)
from sklatent.neural.networks._layers import GAIN, Skip
from sklatent.neural.networks._spec import NetworkSpec, build_networks
from sklatent.neural.networks._user_networks import UserNetwork
from tests.neural.settings import ALL, BOTH, TINY

IMAGE_SHAPES = [(1, 1, 1), (1, 5, 7), (3, 8, 8), (1, 28, 28), (2, 1, 9), (4, 17, 2)]
CONV = {**TINY, "image_shape": (1, 8, 8), "conv_channels": (3, 5)}
NOISY = [
    {"skip_connections": True},
    {"image_shape": (1, 8, 8), "conv_channels": 4},
]


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="module")
def X():
    return load_digits().data[:200]


def networks(n_features, q=3, blocks=(1, 1), seed=0, **parameters):
    """Encoder and decoder of an estimator; blocks of all features in and out."""
    estimator = AETransformer(**parameters)
    estimator.n_features_in_ = n_features
    spec = NetworkSpec.of(estimator)
    n_in, n_out = (b * n_features for b in blocks)
    generator = torch.Generator().manual_seed(seed)
    return build_networks(spec, n_in, q, q, n_out, generator)


def weights(estimator):
    return [p.detach().numpy() for p in estimator.net_.module_.parameters()]


def make_with_dropout(n_in, n_out):
    """A factory whose module draws from PyTorch's global generator."""
    return nn.Sequential(nn.Linear(n_in, 6), nn.Dropout(0.5), nn.Linear(6, n_out))


class TestShapes:
    @pytest.mark.parametrize("image_shape", IMAGE_SHAPES)
    @pytest.mark.parametrize("conv_channels", [(2,), (4, 3), (2, 3, 4, 5)])
    @pytest.mark.parametrize("blocks", [(1, 1), (2, 3)])
    def test_images_of_any_size(self, image_shape, conv_channels, blocks):
        n_features = int(np.prod(image_shape))
        encoder, decoder = networks(
            n_features,
            blocks=blocks,
            image_shape=image_shape,
            conv_channels=conv_channels,
        )
        x = torch.randn(4, blocks[0] * n_features)
        assert encoder(x).shape == (4, 3)
        assert decoder(torch.randn(4, 3)).shape == (4, blocks[1] * n_features)
        assert decoder(torch.randn(4, 6, 3)).shape == (4, 6, blocks[1] * n_features)

    def test_size_after_a_convolution_is_the_formulas(self):
        for size in range(1, 40):
            layer = nn.Conv2d(1, 1, KERNEL, STRIDE, PADDING)
            after = layer(torch.zeros(1, 1, size, 1)).shape[2]
            formula = int((size - KERNEL + 2 * PADDING) / STRIDE) + 1
            assert convolved_size(size) == after == formula == -(-size // 2)

    def test_sizes_of_the_layers(self):
        encoder, decoder = networks(
            28 * 20, image_shape=(1, 28, 20), conv_channels=(4, 6), hidden_layer_sizes=9
        )
        sizes = []
        for network, x in [
            (encoder, torch.zeros(2, 560)),
            (decoder, torch.zeros(2, 3)),
        ]:
            for layer in network.network:
                x = layer(x)
                if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                    sizes.append(tuple(x.shape[1:]))
        assert sizes == [
            *[(4, 14, 10), (6, 7, 5), (9,), (3,)],
            *[(9,), (6 * 7 * 5,), (4, 14, 10), (1, 28, 20)],
        ]

    @pytest.mark.parametrize(
        "settings", [{}, {"image_shape": (1, 4, 3)}, {"decoder": nn.Linear}]
    )
    def test_leading_dimensions_change_nothing(self, settings):
        decoder = networks(12, skip_connections=True, **settings)[1].double()
        z = torch.randn(2, 5, 3, dtype=torch.float64)
        together = decoder(z)
        one_by_one = torch.stack([decoder(row) for row in z])
        torch.testing.assert_close(together, one_by_one)

    def test_blocks_of_features_are_images_one_behind_the_other(self):
        """A convolution by hand, in SciPy, of the first of two images."""
        encoder, _ = networks(12, blocks=(2, 1), image_shape=(1, 4, 3), conv_channels=2)
        unflatten, layer = encoder.network[:2]
        images = torch.randn(1, 24)
        got = layer(unflatten(images))[0, 1].detach().numpy()
        kernels = layer.weight[1].detach().numpy()
        first, second = images.numpy().reshape(2, 4, 3)
        expected = sum(
            correlate2d(np.pad(image, 1), kernel, "valid")[::2, ::2]
            for image, kernel in zip((first, second), kernels, strict=True)
        )
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)

    def test_transposed_convolution_is_the_adjoint(self):
        """<conv(x), y> = <x, conv'(y)>: the decoder's layers mirror the encoder's."""
        for size in [(1, 1), (5, 7), (8, 8)]:
            shape = (1, *size)
            encoder, decoder = networks(
                int(np.prod(shape)), image_shape=shape, conv_channels=2
            )
            forth = next(m for m in encoder.modules() if isinstance(m, nn.Conv2d))
            back = [m for m in decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
            back[0].weight = forth.weight
            x = torch.randn(1, *shape)
            y = torch.randn_like(forth(x))
            torch.testing.assert_close(
                (forth(x) * y).sum(), (x * back[0](y)).sum(), rtol=1e-4, atol=1e-4
            )


class TestWhatFlows:
    @pytest.mark.parametrize(
        "settings",
        [
            {"skip_connections": True},
            {},
            {"image_shape": (1, 4, 3), "skip_connections": True},
        ],
    )
    def test_every_parameter_has_a_gradient(self, settings):
        encoder, decoder = networks(12, activation="tanh", **settings)
        with torch.no_grad():  # the last layer beside a skip is 0 at first
            for parameter in (*encoder.parameters(), *decoder.parameters()):
                parameter += 0.1 * torch.randn(parameter.shape)
        decoder(encoder(torch.randn(50, 12))).square().sum().backward()
        for network in (encoder, decoder):
            for name, parameter in network.named_parameters():
                assert parameter.grad.abs().max() > 0, name

    def test_skip_adds_a_linear_map(self):
        encoder, _ = networks(5, skip_connections=True)
        x = torch.randn(7, 5)
        assert isinstance(encoder, Skip)
        linear = x @ encoder.linear.weight.T
        torch.testing.assert_close(encoder(x), linear)  # at first
        nn.init.ones_(encoder.network[-1].weight)
        torch.testing.assert_close(encoder(x), encoder.network(x) + linear)

    def test_the_generator_of_a_training_is_in_no_copy(self):
        layer = UserNetwork(nn.Dropout(0.3))
        layer.generator = torch.Generator()
        assert copy.deepcopy(layer).generator is None
        assert pickle.loads(pickle.dumps(layer)).generator is None


@ALL
@pytest.mark.parametrize(
    "settings",
    [
        *NOISY,
        {"encoder": make_with_dropout, "decoder": make_with_dropout},
    ],
)
class TestSeeds:
    def test_seed_decides_every_bit(self, cls, settings, X):
        settings = TINY | settings
        one, same = (cls(**settings).fit(X) for _ in range(2))
        other = cls(**settings | {"random_state": 1}).fit(X)
        assert one.history_ == same.history_ != other.history_
        for a, b in zip(weights(one), weights(same), strict=True):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.slow
    def test_seed_decides_in_threads_too(self, cls, settings, X):
        settings = TINY | settings | {"max_epochs": 5}
        expected = cls(**settings).fit(X).history_
        estimators = [cls(**settings) for _ in range(4)]
        threads = [threading.Thread(target=e.fit, args=(X,)) for e in estimators]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(e.history_ == expected for e in estimators)

    def test_global_generator_is_left_alone(self, cls, settings, X):
        settings = TINY | settings
        torch.manual_seed(3)
        before = torch.get_rng_state()
        first = cls(**settings).fit(X).history_
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(4)
        assert cls(**settings).fit(X).history_ == first

    def test_codes_are_not_random(self, cls, settings, X):
        estimator = cls(**TINY | settings).fit(X)
        np.testing.assert_array_equal(estimator.transform(X), estimator.transform(X))


class TestUserNetworks:
    @BOTH
    def test_factories_are_told_the_sizes(self, cls, X):
        asked = []

        def factory(n_in, n_out):
            asked.append((n_in, n_out))
            return nn.Linear(n_in, n_out)

        cls(5, encoder=factory, decoder=factory, max_epochs=1).fit(X)
        n_encoded = 5 if cls is AETransformer else 10
        assert asked == [(64, n_encoded), (5, 64)]

    def test_trained_like_the_same_network_of_ours(self, X):
        """Linear layers from the same weights, once given and once built in."""
        settings = {**TINY, "hidden_layer_sizes": (), "max_epochs": 1}
        ours = AETransformer(**settings).fit(X)
        settings_0 = settings | {"lr": 1e-300}
        start = AETransformer(**settings_0).fit(X).net_.module_
        given = AETransformer(
            **settings, encoder=start.encoder[0], decoder=start.decoder[0]
        ).fit(X)
        for a, b in zip(weights(given), weights(ours), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)

    @BOTH
    def test_a_module_is_never_trained_in_place(self, cls, X):
        n_encoded = 2 if cls is AETransformer else 4
        modules = {"encoder": nn.Linear(64, n_encoded), "decoder": nn.Linear(2, 64)}
        before = copy.deepcopy(modules)
        estimator = cls(**modules, **TINY).fit(X)
        for name, module in modules.items():
            assert getattr(estimator, name) is module
            torch.testing.assert_close(module.state_dict(), before[name].state_dict())
            trained = getattr(estimator.net_.module_, name).network
            assert not torch.equal(trained.weight, module.weight)

    def test_a_module_that_a_factory_returns_twice(self, X):
        shared = nn.Linear(64, 2)
        before = shared.weight.detach().clone()
        estimator = AETransformer(encoder=lambda n_in, n_out: shared, **TINY)
        first, second = estimator.fit(X).history_, estimator.fit(X).history_
        assert torch.equal(shared.weight, before)
        assert first == second

    @ALL
    def test_clone_and_pickle(self, cls, X):
        n_encoded = 4 if cls is VAETransformer else 2
        estimator = cls(encoder=nn.Linear(64, n_encoded), **TINY).fit(X)
        loaded = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))
        again = clone(estimator).fit(X)
        np.testing.assert_array_equal(again.transform(X), estimator.transform(X))

    def test_lazy_layers_are_told_their_size(self, X):
        def lazy(n_in, n_out):
            return nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(n_out))

        one, same = (AETransformer(encoder=lazy, **TINY).fit(X) for _ in range(2))
        assert one.history_ == same.history_

    @ALL
    @pytest.mark.parametrize(
        ("made", "error", "message"),
        [
            (nn.Linear(64, 3), ValueError, r"map shape \(2, 64\) to .*got \(2, 3\)"),
            (nn.Linear(5, 2), ValueError, r"shape \(2, 64\).*it raised RuntimeError"),
            (nn.LSTM(64, 2), ValueError, r"got <class 'tuple'>"),
            (nn.Unflatten(1, (8, 8)), ValueError, r"got \(2, 8, 8\)"),
            ("network", TypeError, r"`encoder` must return a torch.nn.Module"),
        ],
    )
    def test_modules_that_do_not_fit(self, cls, made, error, message, X):
        estimator = cls(encoder=lambda n_in, n_out: made)
        with pytest.raises(error, match=message):
            estimator.fit(X)
        assert not hasattr(estimator, "n_components_")


class TestImages:
    @ALL
    @pytest.mark.parametrize(
        ("image_shape", "message"),
        [
            ((1, 8, 9), r"number of features, 64; .* of product 72"),
            ((64,), r"must be \(channels, height, width\), or \(height, width\)"),
            ((8, 9), r"number of features, 64; .* of product 72"),
            ((1, 8, 8.0), "image_shape must be positive integers; got"),
            ((-1, 8, -8), "image_shape must be positive integers; got"),
            (("1", "8", "8"), "image_shape must be positive integers; got"),
        ],
    )
    def test_shapes_that_cannot_be(self, cls, image_shape, message, X):
        with pytest.raises(ValueError, match=message):
            cls(image_shape=image_shape).fit(X)

    @ALL
    @pytest.mark.parametrize("channels", [(0,), (4, 2.5), [[1, 2], [3, 4]]])
    def test_channels_that_cannot_be(self, cls, channels, X):
        with pytest.raises(ValueError, match="conv_channels must be positive"):
            cls(image_shape=(1, 8, 8), conv_channels=channels).fit(X)

    @ALL
    def test_height_and_width_mean_one_channel(self, cls, X):
        settings = CONV | {"max_epochs": 1}
        codes = [
            cls(**settings | {"image_shape": shape}).fit(X).transform(X)
            for shape in [(8, 8), (1, 8, 8)]
        ]
        np.testing.assert_array_equal(*codes)

    def test_any_optimizer_takes_them(self, X):
        settings = CONV | {"optimizer": torch.optim.LBFGS, "lr": 0.1, "max_epochs": 3}
        losses = AETransformer(**settings).fit(X).history_["train_loss"]
        assert losses[-1] < losses[0]

    def test_columns_of_different_kinds_are_no_image(self, X):
        # Numbers for a pixel: one of 59 that are normal, 17 of 5 with 17 grey levels.
        kinds = [("gaussian", range(59)), ("categorical", range(59, 64))]
        settings = CONV | {"likelihood": [(kind, list(c)) for kind, c in kinds]}
        with pytest.raises(ValueError, match="image_shape must be None"):
            VAETransformer(**settings).fit(X)
        VAETransformer(**settings, decoder=nn.Linear).fit(X)

    def test_images_with_missing_pixels(self, X):
        torn = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.3, np.nan, X)
        vae = VAETransformer(**CONV).fit(torn)
        assert next(iter(vae.encoder_.parameters())).shape[1] == 2  # image and mask
        assert np.isfinite(vae.transform(torn)).all()
        assert np.isfinite(vae.score_samples(torn)).all()

    def test_the_place_of_a_pixel_matters(self, X):
        """Convolutions of shuffled digits rebuild them less well."""
        settings = CONV | {"n_components": 8, "max_epochs": 40, "conv_channels": 16}
        settings["hidden_layer_sizes"] = (32,)
        shuffled = X[:, np.random.RandomState(0).permutation(64)]
        errors = [AETransformer(**settings).fit(data).loss_ for data in (X, shuffled)]
        assert errors[0] < errors[1]

    def test_seed_of_a_plain_network_is_untouched_by_the_new_options(self):
        """A perceptron's weights are one draw after another."""
        encoder, decoder = networks(5, hidden_layer_sizes=(4,), seed=7)
        generator = torch.Generator().manual_seed(7)
        for network in (encoder, decoder):
            *hidden, output = network[::2]
            for layer in (*hidden, output):
                gain = 1.0 if layer is output else GAIN
                expected = torch.empty_like(layer.weight)
                nn.init.xavier_uniform_(expected, gain, generator=generator)
                assert torch.equal(layer.weight, expected)
