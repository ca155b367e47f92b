"""Threads of a training: one for small steps, PyTorch's for others, and restored."""

import threading

import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from sklatent.neural import ParametricEmbedding
from sklatent.neural.training._threads import training_threads
from tests.neural.settings import ALL, TINY


class Record(Callback):
    """Writes down how many threads an epoch may take, and may fail."""

    def __init__(self, fails=False):
        self.fails = fails
        self.found = []

    def on_epoch_begin(self, net, **kwargs):
        self.found.append(torch.get_num_threads())
        if self.fails:
            raise ZeroDivisionError

    def __deepcopy__(self, memo):
        return self


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


@ALL
def test_small_networks_take_one(cls, X):
    record = Record()
    cls(max_epochs=1, callbacks=[record]).fit(X)
    assert record.found == [1]


@ALL
@pytest.mark.parametrize(
    "settings",
    [{"hidden_layer_sizes": (2**12, 2**9)}, {"encoder": nn.Linear}],
    ids=["large", "own"],
)
def test_large_networks_and_those_of_the_user_take_all(cls, settings, X):
    record = Record(fails=True)
    settings = {"batch_size": len(X), **settings}
    with pytest.raises(ZeroDivisionError):
        cls(max_epochs=1, callbacks=[record], **settings).fit(X)
    assert record.found == [3]


def test_an_error_restores_them(X):
    record = Record(fails=True)
    with pytest.raises(ZeroDivisionError):
        ParametricEmbedding(**TINY, callbacks=[record]).fit(X)
    assert record.found == [1]
    assert torch.get_num_threads() == 3


def test_trainings_side_by_side_restore_them():
    """The one that began first ends first; new threads have PyTorch's number again."""
    context = training_threads(nn.Linear(2, 2), 10, 2)
    inside, go_on, found = threading.Event(), threading.Event(), []

    def second():
        with context:
            inside.set()
            go_on.wait(10)
            found.append(torch.get_num_threads())
        found.append(torch.get_num_threads())

    thread = threading.Thread(target=second)
    with context:
        thread.start()
        assert inside.wait(10)
    go_on.set()
    thread.join()
    later = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert found == [1, 3, 3]


def test_kernels_count_for_every_pixel():
    images = nn.Conv2d(16, 32, 3), 256, 64 * 64
    with training_threads(*images):
        assert torch.get_num_threads() == 3
    with training_threads(nn.Linear(16, 32), 256, 16):
        assert torch.get_num_threads() == 1
