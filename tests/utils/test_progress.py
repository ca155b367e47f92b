"""Progress in lines: the estimate of the time left, by simulated tasks and clocks."""

import io
import logging

import numpy as np
import pytest

from sklatent.utils import _progress
from sklatent.utils._progress import Output, Progress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_progress, "monotonic", clock)
    return clock


def fit(progress, clock, ids, n_epochs, bound, seconds):
    """Run a fit of a pipeline with a single step; yield after each epoch."""
    progress.begin(ids, 1, True)
    progress.begin((*ids, 0), bound, True)
    for epoch in range(n_epochs):
        clock.now += seconds
        progress.end((*ids, 0, epoch), "epoch", 1.0)
        yield
    progress.end((*ids, 0), "step")
    progress.end(ids, "fit", is_fit=True)


def search(progress, clock, n_fits, **settings):
    """Run a search and its refit; yield the number of fits that have ended."""
    progress.begin((0,), 2, True)
    progress.begin((0, 0), n_fits, False)
    for i in range(n_fits):
        for _ in fit(progress, clock, (0, 0, i), **settings):
            yield i
    progress.end((0, 0), "")
    for _ in fit(progress, clock, (0, 1), **settings):
        yield n_fits
    progress.end((0,), "")


@pytest.mark.parametrize(("n_epochs", "bound"), [(10, 10), (5, 10), (4, 1000)])
def test_time_left_of_a_search_is_exact_when_a_fit_has_ended(clock, n_epochs, bound):
    progress = Progress("Search", stream=io.StringIO())
    end = 7 * n_epochs * 2.0  # six fits and the refit
    for n_ended in search(
        progress, clock, 6, n_epochs=n_epochs, bound=bound, seconds=2.0
    ):
        left = progress.time_left(clock.now)
        if clock.now == 2.0:
            assert left is None  # after a single iteration
        elif n_ended or n_epochs == bound:
            assert left == pytest.approx(end - clock.now)
        else:  # not less than if all fits took what they may
            assert left == pytest.approx(7 * bound * 2.0 - clock.now)
    assert progress.time_left(clock.now) == 0
    assert progress.n_fits == 7


def test_time_left_does_not_count_what_comes_before_the_first_iteration(clock):
    progress = Progress("Model", stream=io.StringIO())
    progress.begin((0,), 10, True)
    clock.now = 100.0  # importing torch
    for epoch in range(10):
        clock.now += 3.0
        progress.end((0, epoch), "epoch", 1.0)
        if epoch:
            left = progress.time_left(clock.now)
            assert left == pytest.approx(3.0 * (9 - epoch))


def test_time_left_with_two_workers_at_once(clock):
    """Two fits at a time end twice as many epochs in a second."""
    progress = Progress("Search", stream=io.StringIO())
    progress.begin((0,), 1, True)
    progress.begin((0, 0), 8, False)
    seconds = 0.5  # between two epochs, of either worker
    for i in range(0, 8, 2):
        both = [
            fit(progress, clock, (0, 0, i + j), n_epochs=20, bound=20, seconds=seconds)
            for j in range(2)
        ]
        for _ in zip(*both, strict=True):
            left = progress.time_left(clock.now)
            assert left == pytest.approx(8 * 20 * seconds - clock.now, abs=seconds)
        list(both[1])  # ends


def test_fits_of_different_lengths(clock):
    """The estimate errs by what the fits to come differ from the mean so far."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 15, size=100)
    progress = Progress("Search", stream=io.StringIO())
    progress.begin((0,), 1, True)
    progress.begin((0, 0), 100, False)
    for i, n_epochs in enumerate(lengths):
        list(fit(progress, clock, (0, 0, i), n_epochs=n_epochs, bound=99, seconds=1.0))
        if 10 < i < 99:
            left = lengths[i + 1 :].sum()
            # Standard deviation of the sum of the rest minus its estimate.
            std = lengths.std() * np.sqrt((99 - i) + (99 - i) ** 2 / (i + 1))
            assert abs(progress.time_left(clock.now) - left) < 4 * std + 1


def test_lines_come_every_interval(clock):
    stream = io.StringIO()
    progress = Progress("Model", interval=5.0, stream=stream)
    progress.begin((0,), 30, True)
    for epoch in range(30):
        clock.now += 1.0
        progress.end((0, epoch), f"epoch {epoch + 1}", 30.0 - epoch)
    progress.end((0,), "")
    progress.close()
    *lines, how_long, losses = stream.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"epoch {epoch}" for epoch in (5, 10, 15, 20, 25, 30)
    ]
    assert lines[1] == "epoch 10, loss 21, 10 s, at most 20 s left"
    assert how_long == "Model: 1 fit in 30 s."
    assert losses == "Final loss 1; lowest loss 1 (epoch 30)."


def test_a_fit_that_an_error_ends(clock):
    stream = io.StringIO()
    progress = Progress("Model", stream=stream)
    progress.begin((0,), 30, True)
    clock.now = 7.0
    progress.end((0, 0), "epoch 1", 2.0)
    progress.close()
    assert stream.getvalue().splitlines()[-2:] == [
        "Model: interrupted, with 0 fits, after 7.0 s.",
        "Final loss 2; lowest loss 2 (epoch 1).",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(text):
    """The lines that a terminal shows."""
    lines = []
    for line in text.split("\n"):
        seen = ""
        for part in line.split("\r"):
            seen = part + seen[len(part) :]
        lines.append(seen.rstrip())
    return lines


def test_a_terminal_has_its_line_replaced(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    output = Output(stream)
    for line in ("a line", "x" * 50, "the last one"):
        output.update(line)
        assert shown(stream.getvalue()) == [line[:39]]
    output.finish(["the end", "of all"])
    assert shown(stream.getvalue()) == ["the last one", "the end", "of all", ""]


def test_a_file_has_no_control_characters(tmp_path):
    path = tmp_path / "log.txt"
    with path.open("w") as stream:
        output = Output(stream)
        output.update("one")
        assert path.read_text() == "one\n"  # can be read while the fit runs
        output.update("two")
        output.finish(["three"])
    assert path.read_text() == "one\ntwo\nthree\n"


def test_a_logger(caplog):
    caplog.set_level(logging.INFO)
    output = Output(logging.getLogger("progress"))
    output.update("50 % of it")
    output.finish(["done"])
    assert [record.getMessage() for record in caplog.records] == ["50 % of it", "done"]
