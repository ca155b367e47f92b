"""The term that keeps neighbors together: what it costs, and what it does."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from sklatent.neural import AETransformer
from sklatent.neural.networks._autoencoder import Autoencoder, SquaredError
from sklatent.neural.training._neighbor_loss import (
    EqualEdges,
    FuzzyEdges,
    InfoNCE,
    NeighborLoss,
    NeighborPairs,
    Tsne,
    Umap,
)
from sklatent.utils._fuzzy_graph import fuzzy_graph
from tests.neural.settings import TINY

NEAR = {**TINY, "neighbor_weight": 1.0}


def kernel(distance):
    """Of UMAP, whose curve is fitted to a smallest distance of 0.1."""
    return 1 / (1 + 1.577 * (distance**2 + 1e-3) ** 0.895)


class TestTerms:
    def test_by_hand(self):
        rng = np.random.RandomState(0)
        z, near = rng.normal(size=(2, 7, 3))
        expected = -np.log(kernel(np.linalg.norm(z - near, axis=1)))
        pulls = Umap().attraction(torch.from_numpy(z), torch.from_numpy(near))
        np.testing.assert_allclose(pulls, expected)
        costs = -np.log(1 - kernel(cdist(z, z)))
        np.fill_diagonal(costs, 0)
        pushes = Umap().repulsion(torch.from_numpy(z))
        np.testing.assert_allclose(pushes, costs.sum(axis=1) / 6)

    def test_tsne_is_a_divergence_of_pairs(self):
        """-sum p log q over the drawn pairs, but for the logarithm of how many."""
        rng = np.random.RandomState(0)
        z, near = rng.normal(size=(2, 7, 3))
        q = 1 / (1 + cdist(z, z) ** 2)
        np.fill_diagonal(q, 0)
        pair = 1 / (1 + np.square(z - near).sum(axis=1))
        expected = -np.log(pair / q.sum()) - np.log(7 * 6)
        found = Tsne()(torch.from_numpy(z), torch.from_numpy(near))
        np.testing.assert_allclose(found, expected)

    def test_infonce_is_a_choice_between_rows(self):
        rng = np.random.RandomState(0)
        z, near = rng.normal(size=(2, 7, 3))
        expected = []
        for i in range(7):
            others = np.delete(z, i, axis=0)
            logits = -np.log1p(np.square(z[i] - np.vstack([near[i], others])).sum(1))
            expected.append(np.logaddexp.reduce(logits) - logits[0])
        found = InfoNCE()(torch.from_numpy(z), torch.from_numpy(near))
        np.testing.assert_allclose(found, expected)

    @pytest.mark.parametrize("places", [Umap(), Tsne(), InfoNCE()])
    def test_one_row_and_equal_rows_have_finite_costs_and_gradients(self, places):
        for n in (1, 4):
            z = torch.zeros(n, 2, requires_grad=True)
            cost = places(z, z.flip(0))
            cost.sum().backward()
            assert cost.isfinite().all()
            assert z.grad.isfinite().all()

    def test_equal_codes_have_gradients(self):
        z = torch.zeros(4, 2, requires_grad=True)
        (Umap().attraction(z, z.flip(0)) + Umap().repulsion(z)).sum().backward()
        assert z.grad.isfinite().all()

    def test_one_row_repels_nothing(self):
        assert Umap().repulsion(torch.zeros(1, 2)).tolist() == [0.0]

    def test_what_the_loss_holds(self, X):
        """Rows in one batch, with a learning rate of next to nothing."""
        settings = {**TINY, "max_epochs": 1, "lr": 1e-300, "batch_size": len(X)}
        loss, error = (
            AETransformer(**settings, neighbor_weight=weight).fit(X).loss_
            for weight in (0.5, 0.0)
        )
        ae = AETransformer(**settings).fit(X)
        pairs = NeighborPairs(
            torch.from_numpy(((X - ae.mean_) / ae.scale_).astype("f")),
            ae._seeds_[0],
            EqualEdges,
            10,
        )
        pairs.draw(1)
        Z = torch.from_numpy(ae.transform(X))
        places = Umap().attraction(Z, Z[pairs.partner]) + 5 * Umap().repulsion(Z)
        np.testing.assert_allclose(loss, error + 0.5 * places.mean(), rtol=1e-5)


class Counted(torch.nn.Linear):
    """Counts rows, and remembers the last ones."""

    n_rows = 0

    def forward(self, x):
        self.n_rows += len(x)
        self.seen = x.detach()
        return super().forward(x)


class TestReconstruction:
    """The same places attract, repel and are decoded, and the decoder sees no noise."""

    @pytest.mark.parametrize("settings", [{"noise": 2.0}, {"noise": 0.0}])
    @pytest.mark.parametrize("corruption", [0.0, 0.5])
    def test_by_hand(self, settings, corruption):
        generator = torch.Generator().manual_seed(0)
        pairs = torch.randn(7, 2, 3, generator=generator)
        reach = torch.rand(7, 2, generator=generator)
        model = Autoencoder(Counted(3, 2), torch.nn.Linear(2, 3)).train()
        error = SquaredError(corruption=corruption)
        loss = NeighborLoss(Umap(), EqualEdges, 3, weight=0.5, loss=error, **settings)
        cost = loss(model, (pairs, reach), generator)
        assert model.encoder.n_rows == 14
        seen = model.encoder.seen
        noisy = settings["noise"] > 0 or corruption > 0
        assert torch.equal(seen, torch.cat(pairs.unbind(1))) != noisy
        z, z_near = model.encode(seen).chunk(2)
        places = Umap().attraction(z, z_near) + 5 * Umap().repulsion(z)
        rebuilt = (pairs[:, 0] - model.decode(z)).square().sum(1)
        torch.testing.assert_close(cost, rebuilt + 0.5 * places)

    def test_nothing_is_added_to_rows_held_out(self):
        generator = torch.Generator().manual_seed(0)
        pairs = torch.randn(7, 2, 3, generator=generator)
        model = Autoencoder(Counted(3, 2), torch.nn.Linear(2, 3)).eval()
        error = SquaredError(corruption=0.5)
        loss = NeighborLoss(Umap(), EqualEdges, 3, noise=1.0, loss=error)
        loss(model, (pairs, torch.ones(7, 2)), generator)
        assert torch.equal(model.encoder.seen, torch.cat(pairs.unbind(1)))


class TestPairs:
    def test_are_of_the_nearest(self, X):
        rows = torch.from_numpy(X)
        nearest = NearestNeighbors(n_neighbors=11).fit(X).kneighbors(X)[0][:, -1]
        pairs = NeighborPairs(rows, 0, EqualEdges, 10)
        drawn = set()
        for epoch in range(5):
            pairs.draw(epoch)
            row, neighbor = pairs[torch.arange(len(X))][0].unbind(1)
            assert torch.equal(row, rows)
            distance = np.linalg.norm(row - neighbor, axis=1)
            assert (distance <= nearest + 1e-9).all()
            drawn.add(tuple(pairs.partner.tolist()))
        assert len(drawn) == 5

    @pytest.mark.parametrize("n", [1, 2, 3])
    @pytest.mark.parametrize("edges", [EqualEdges, FuzzyEdges])
    def test_fewer_rows_than_neighbors(self, n, edges):
        pairs = NeighborPairs(torch.arange(2.0 * n).view(n, 2), 0, edges, 10)
        assert pairs[0:n][0].shape == pairs.shape == (n, 2, 2)
        if n > 1:
            assert (pairs.partner != pairs.row).all()


def test_edges_are_drawn_by_their_weights():
    """In 400 epochs the counts are within 5 standard errors, by Poisson's law."""
    X = np.random.RandomState(0).standard_normal((80, 4))
    edges = FuzzyEdges(X, 5)
    distances, nearest = NearestNeighbors(n_neighbors=6).fit(X).kneighbors(X)
    graph = fuzzy_graph(distances[:, 1:], nearest[:, 1:]).toarray()
    counts = np.zeros_like(graph)
    rng = np.random.RandomState(0)
    for _ in range(400):
        np.add.at(counts, edges.draw(rng), 1)
    assert counts.sum() == 400 * len(X)
    expected = graph / graph.sum() * counts.sum()
    assert (counts[graph == 0] == 0).all()
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected) + 5).all()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"early_stopping": True},
        {"corruption": 0.5, "alpha": 0.1},
        {"n_components": 7},
    ],
    ids=str,
)
def test_with_other_settings(settings, X):
    ae = AETransformer(**NEAR | settings).fit(X)
    same = AETransformer(**NEAR | settings).fit(X)
    assert np.isfinite(ae.transform(X)).all()
    np.testing.assert_array_equal(same.transform(X), ae.transform(X))


def test_equal_rows():
    assert np.isfinite(AETransformer(**NEAR).fit(np.ones((30, 3))).loss_)


def test_partial_fit_is_fit(X):
    whole = AETransformer(**NEAR).fit(X)
    ae = AETransformer(**NEAR).partial_fit(X).partial_fit(X)
    np.testing.assert_array_equal(ae.transform(X), whole.transform(X))


def test_memory_map(X, tmp_path):
    mapped = np.memmap(tmp_path / "rows", dtype=X.dtype, mode="w+", shape=X.shape)
    mapped[:] = X
    expected = AETransformer(**NEAR).fit(X).transform(X)
    np.testing.assert_array_equal(
        AETransformer(**NEAR).fit(mapped).transform(X), expected
    )


@pytest.mark.slow
def test_codes_of_digits_keep_neighbors_and_lead_back():
    X, y = load_digits(return_X_y=True)
    accuracy, error = {}, {}
    for weight in (0.0, 10.0):
        ae = AETransformer(
            2, standardize=False, neighbor_weight=weight, random_state=0
        ).fit(X)
        codes = ae.transform(X)
        accuracy[weight] = cross_val_score(KNeighborsClassifier(5), codes, y).mean()
        error[weight] = ae.reconstruction_error(X).mean()
    assert accuracy[10.0] > accuracy[0.0] + 0.01
    assert error[10.0] < 1.1 * error[0.0]
