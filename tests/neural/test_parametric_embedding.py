"""Embeddings by networks: what they keep of neighbors, and how they lead back."""

import functools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from sklatent import TwoNN
from sklatent.manifold.metrics import r_nx
from sklatent.neural import ParametricEmbedding
from sklatent.neural._base import NeuralLatentModel
from tests.instances import TINY

Tiny = functools.partial(ParametricEmbedding, **TINY)
each_loss = pytest.mark.parametrize("loss", ["umap", "tsne", "infonce"])


@pytest.fixture
def blobs():
    return make_blobs(150, 5, centers=4, cluster_std=0.5, random_state=0)


@each_loss
def test_groups_of_new_rows_are_found(loss, blobs):
    X, y = blobs
    embedding = ParametricEmbedding(loss=loss, random_state=0).fit(X[:100])
    nearest = KNeighborsClassifier(3).fit(embedding.embedding_, y[:100])
    assert nearest.score(embedding.transform(X[100:]), y[100:]) == 1
    assert embedding.loss_ < embedding.history_["train_loss"][0]


@pytest.mark.parametrize("reconstruction_weight", [0.0, 3.0])
def test_places_lead_back_to_the_groups(reconstruction_weight, blobs):
    """The variance within groups is less than a tenth of the whole."""
    X, _ = blobs
    embedding = ParametricEmbedding(
        reconstruction_weight=reconstruction_weight, random_state=0
    ).fit(X[:100])
    error = embedding.reconstruction_error(X[100:]).mean()
    assert error < 0.1 * X.var(axis=0).sum()
    has_decoder = embedding.net_.module_.decoder is not None
    assert has_decoder == (reconstruction_weight > 0)


def test_training_rows_keep_their_places(blobs):
    X, _ = blobs
    embedding = Tiny().fit(X)
    np.testing.assert_array_equal(embedding.transform(X), embedding.embedding_)
    one_by_one = np.vstack([embedding.transform(row[None]) for row in X])
    np.testing.assert_allclose(one_by_one, embedding.embedding_, atol=1e-7)
    np.testing.assert_array_equal(Tiny().fit_transform(X), embedding.embedding_)


def test_the_score_is_that_of_the_metrics(blobs):
    X, _ = blobs
    embedding = Tiny().fit(X)
    curve = r_nx(X, embedding.embedding_)
    np.testing.assert_allclose(embedding.score(X), curve[9], rtol=1e-9)
    # Where features have variance 1 to the training, they have it to the score.
    X = X * [1, 10, 100, 1000, 10_000]
    embedding = Tiny(standardize=True).fit(X)
    curve = r_nx(X / X.std(axis=0), embedding.embedding_)
    np.testing.assert_allclose(embedding.score(X), curve[9], rtol=1e-9)


@each_loss
@pytest.mark.parametrize("reconstruction_weight", [0.0, 1.0])
def test_partial_fit_is_fit(loss, reconstruction_weight, blobs):
    X, _ = blobs
    settings = {"loss": loss, "reconstruction_weight": reconstruction_weight}
    whole = Tiny(**settings).fit(X)
    embedding = Tiny(**settings).partial_fit(X).partial_fit(X)
    np.testing.assert_array_equal(embedding.embedding_, whole.embedding_)
    # Of further rows, even of one, the places are those of the last call.
    assert embedding.partial_fit(X[:1]).embedding_.shape == (1, 2)
    assert np.isfinite(embedding.transform(X)).all()


def test_a_training_that_was_interrupted_goes_on(blobs, tmp_path):
    X, _ = blobs

    class Stops(Exception):
        pass

    class Callback:
        def __init__(self):
            from skorch.callbacks import Callback

            class Stop(Callback):
                def on_epoch_begin(self, net, **kwargs):
                    if net.n_epochs == 1:
                        raise Stops

            self.made = Stop()

    settings = {"checkpoint_path": tmp_path, "reconstruction_weight": 1.0}
    with pytest.raises(Stops):
        Tiny(callbacks=[Callback().made], **settings).fit(X)
    resumed = Tiny(**settings).fit(X)
    expected = Tiny(reconstruction_weight=1.0).fit(X)
    np.testing.assert_array_equal(resumed.embedding_, expected.embedding_)


def test_warm_start_has_the_same_networks(blobs):
    X, _ = blobs
    embedding = Tiny(warm_start=True).fit(X)
    embedding.fit(X[:100])
    assert embedding.embedding_.shape == (100, 2)
    embedding.set_params(reconstruction_weight=1.0)
    with pytest.raises(ValueError, match="reconstruction_weight must be 0, as in"):
        embedding.fit(X)


def test_repeated_rows_have_one_place(blobs):
    X, _ = blobs
    X = np.repeat(X[:40], 3, axis=0)
    embedding = Tiny().fit(X)
    np.testing.assert_array_equal(embedding.embedding_[::3], embedding.embedding_[2::3])
    assert (embedding.score_samples(X) <= 1).all()


@each_loss
@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_rows(loss, n):
    X = np.random.RandomState(0).standard_normal((n, 4))
    embedding = Tiny(loss=loss).fit(X)
    assert np.isfinite(embedding.embedding_).all()
    assert np.isfinite(embedding.inverse_transform(embedding.embedding_)).all()
    assert np.isfinite(embedding.score(X))


@each_loss
def test_equal_rows(loss):
    embedding = Tiny(loss=loss, reconstruction_weight=1.0).fit(np.ones((10, 3)))
    np.testing.assert_array_equal(embedding.inverse_transform([[0.0, 0.0]]), [[1] * 3])
    assert embedding.score(np.ones((2, 3))) == 1
    assert Tiny(loss=loss).fit(np.ones((10, 3))).reconstruction_error([[1] * 3]) == 0


@pytest.mark.parametrize(
    ("scale", "offset"), [(2.0**-500, 0), (2.0**500, 0), (1e-150, 0), (1, 1e8)]
)
def test_scales_and_offsets_change_no_places(scale, offset, blobs):
    """Powers of two keep all bits; with others a pair that is drawn may differ."""
    X, _ = blobs
    expected = Tiny().fit(X).embedding_
    found = Tiny().fit(scale * X + offset).embedding_
    exact = scale in (2.0**-500, 2.0**500)
    np.testing.assert_allclose(found, expected, atol=1e-6 if exact else 0.02)


def test_constant_columns_come_back(blobs):
    X = np.column_stack([blobs[0], np.full(150, 7.0)])
    for weight in (0.0, 1.0):
        embedding = Tiny(reconstruction_weight=weight).fit(X)
        back = embedding.inverse_transform(embedding.embedding_)
        np.testing.assert_allclose(back[:, -1], 7, rtol=1e-12)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_net_predicts_places(weight, blobs):
    X, _ = blobs
    embedding = Tiny(reconstruction_weight=weight).fit(X)
    rows = ((X - embedding.mean_) / embedding.scale_).astype(np.float32)
    Z = embedding.net_.predict(rows)
    np.testing.assert_allclose(Z, embedding.embedding_, atol=1e-5)


def test_min_dist_is_at_most_the_spread(blobs):
    """Of the places, 1, as in UMAP, whose kernel has no other fit."""
    X, _ = blobs
    assert np.isfinite(Tiny(min_dist=1.0).fit(X).embedding_).all()
    with pytest.raises(ValueError, match="min_dist"):
        Tiny(min_dist=1.01).fit(X)


def test_save_load(blobs, tmp_path):
    X, _ = blobs
    for weight in (0.0, 1.0):
        embedding = Tiny(reconstruction_weight=weight).fit(X)
        embedding.save(tmp_path / "model")
        loaded = NeuralLatentModel.load(tmp_path / "model")
        Z = embedding.transform(X + 0.1)
        np.testing.assert_array_equal(loaded.transform(X + 0.1), Z)
        back = embedding.inverse_transform(Z)
        np.testing.assert_array_equal(loaded.inverse_transform(Z), back)
        np.testing.assert_array_equal(loaded.score(X), embedding.score(X))


def test_files_hold_what_a_fit_leads_to(blobs, tmp_path):
    X, _ = blobs
    embedding = Tiny().fit(X)
    good = dict(vars(embedding))
    for name, value in {
        "_which": embedding._which[::-1] + 1,
        "_places": embedding._places[:3],
        "_fit_X": np.full_like(embedding._fit_X, np.nan),
        "_regression": (0, 0.1),
        "embedding_": embedding.embedding_[:3],
    }.items():
        vars(embedding).update(good | {name: value})
        # The same check as in `load`.
        with pytest.raises(ValueError, match=f"its attribute {name} cannot be"):
            embedding.save(tmp_path / "model")


def test_networks_of_images_and_of_the_user():
    X = load_digits().data[:60]
    shape = {"image_shape": (8, 8), "conv_channels": (4,)}
    embedding = Tiny(**shape, reconstruction_weight=1.0).fit(X)
    assert embedding.inverse_transform(embedding.transform(X)).shape == X.shape
    embedding = Tiny(encoder=nn.Linear).fit(X)
    assert isinstance(embedding.net_.module_.encoder.network, nn.Linear)
    assert embedding.score(X) > -0.1


def test_the_dimension_is_estimated(blobs):
    X, _ = blobs
    embedding = Tiny(n_components=TwoNN()).fit(X)
    assert embedding.embedding_.shape == (150, embedding.n_components_)
    assert embedding.n_components_ == max(1, round(TwoNN().fit(X).dimension_))


def test_a_search_chooses_settings(blobs):
    search = GridSearchCV(Tiny(), {"n_neighbors": [2, 10]}, cv=2).fit(blobs[0])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_an_error_leaves_the_estimator_as_it_was(blobs):
    X, _ = blobs
    embedding = Tiny().fit(X)
    before = embedding.embedding_
    broken = clone(embedding).set_params(lr=1e30, optimizer="sgd")
    with pytest.raises(RuntimeError, match="diverged"):
        broken.fit(X)
    assert not hasattr(broken, "embedding_")
    embedding.set_params(lr=1e30, optimizer="sgd", noise=0.0)
    with pytest.raises(RuntimeError, match="diverged"):
        embedding.fit(X[:50])
    assert embedding.embedding_ is before


@pytest.mark.slow
def test_new_digits_are_placed_among_their_kind():
    """UMAP's transform has .98 here, whose standard error is .007."""
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.2, random_state=0)
    embedding = ParametricEmbedding(random_state=0).fit(X)
    nearest = KNeighborsClassifier(10).fit(embedding.embedding_, y)
    assert nearest.score(embedding.transform(X_new), y_new) > 0.955
    assert embedding.score(X_new) > 0.4
    # A third of the variance per pixel, 18.8; UMAP's inverse_transform leaves a half.
    assert embedding.reconstruction_error(X_new).mean() / 64 < 6.6
