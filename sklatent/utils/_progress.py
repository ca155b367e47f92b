"""Lines about the progress of a fit: what runs, its loss, and the time left.

The parameter `verbose` and :class:`sklatent.callback.ProgressLog` print the same lines.
Both are told when the tasks of scikit-learn's callbacks begin and end, which form a
tree: a search has fits, a fit has steps, a step has iterations. The iterations, and
tasks without iterations, are the leaves.

The time left is that of the leaves that have not ended, at the mean rate of those that
have, from the end of the first iteration on, since imports and the start of workers
take time before. How many leaves there will be is estimated: a fit of a search that has
not ended has as many as those that have on average; before one has ended, as many as it
may have. The refit of a search counts as one of its fits, another task that has not
begun as one leaf.
"""

import contextlib
import itertools
import logging
import shutil
import sys
from time import monotonic

import numpy as np

# Seconds between two lines, and between two states of the line of a terminal.
INTERVAL = 5.0
TERMINAL_INTERVAL = 0.5

# Most blocks of rows that are reported, and fewest rows in one.
MOST_BLOCKS, FEWEST_ROWS = 100, 256

# What the iterations of our estimators are called, where the name is not the task's.
LABELS = {"em": "EM iteration"}

LOGGERS = (logging.Logger, logging.LoggerAdapter)


# --------------------------------------------------------------------------------
# What contexts tell: these run in the process of the fit.


def path(context):
    """Contexts from the root of the tree to this one."""
    contexts = [context]
    while contexts[-1].parent is not None:
        contexts.append(contexts[-1].parent)
    return contexts[::-1]


def is_refit(context):
    """Tell whether a task is the fit at the end of a search."""
    name = context.source_task_name or context.task_name
    return name.startswith("refit")


def is_fit(context):
    """Tell whether a task is one of the fits of a search."""
    parent = context.parent
    return parent is not None and (not parent.sequential_subtasks or is_refit(context))


def label(contexts):
    """Say in words what the last task of a path is."""
    parts = []
    for parent, task in itertools.pairwise(contexts):
        if not parent.sequential_subtasks:
            parts.append(_position(parent, task))
        elif is_refit(task):
            parts.append("refit")
        elif task.max_subtasks == 0 and task.source_task_name is None:
            name = LABELS.get(task.task_name, task.task_name)
            bound = f"/{parent.max_subtasks}" if parent.max_subtasks else ""
            parts.append(f"{task.estimator_name} {name} {task.task_id + 1}{bound}")
    return ", ".join(parts)


def _position(search, fit):
    """Say which candidate and fold of a search a fit is."""
    n_splits, n_fits = getattr(search, "n_splits", None), search.max_subtasks
    if n_splits is None or n_fits is None:
        return f"fit {fit.task_id + 1}/{n_fits or '?'}"
    candidate, fold = divmod(fit.task_id, n_splits)
    return f"candidate {candidate + 1}/{n_fits // n_splits}, fold {fold + 1}/{n_splits}"


# --------------------------------------------------------------------------------
# The tree of tasks. Tasks that have ended are only counted.


class Task:
    """A task that runs.

    Parameters
    ----------
    bound : int or None
        Largest number of subtasks, None if unknown.
    sequential : bool
        False if the subtasks are alike, as the fits of a search are.
    """

    def __init__(self, bound, sequential):
        self.bound, self.sequential = bound, sequential
        self.running = {}
        self.n_ended = 0
        self.leaves = 0  # of the subtasks that have ended
        self.refit = None  # expected number of leaves of the refit, after a search

    def done(self):
        """Number of leaves that have ended."""
        return self.leaves + sum(task.done() for task in self.running.values())

    def mean(self):
        """Expected number of leaves of a subtask, if these are alike."""
        if self.n_ended:
            return self.leaves / self.n_ended
        sizes = [task.size() for task in self.running.values()]
        return sum(sizes) / len(sizes) if sizes else 1.0

    def size(self):
        """Expected number of leaves."""
        size = self.leaves
        for task in self.running.values():
            expected = self.refit if self.sequential else self.n_ended and self.mean()
            size += max(task.done(), expected) if expected else task.size()
        n_waiting = (self.bound or 0) - self.n_ended - len(self.running)
        return max(1, size + max(0, n_waiting) * self._waiting_size())

    def _waiting_size(self):
        """Expected number of leaves of a subtask that has not begun."""
        if not self.sequential:
            return self.mean()
        searches = [task for task in self.running.values() if not task.sequential]
        return searches[0].mean() if searches else self.refit or 1.0

    def end(self, task_id):
        """End a subtask, which has begun unless it is a leaf."""
        task = self.running.pop(task_id, None)
        self.n_ended += 1
        self.leaves += 1 if task is None else max(1, task.done())
        if task is not None and not task.sequential:
            self.refit = task.mean()


class Progress:
    """Prints lines while tasks begin and end.

    Parameters
    ----------
    name : str
        Name of the estimator that is fitted.
    interval : float, default=INTERVAL
        Seconds between two lines.
    stream : file-like, logger or None, default=None
        Where they go to; None is the standard output.
    what : str, default="fit"
        What is counted at the end.
    """

    def __init__(self, name, interval=INTERVAL, stream=None, what="fit"):
        self.name, self.what = name, what
        self.output = Output(stream)
        if self.output.is_terminal:
            interval = min(interval, TERMINAL_INTERVAL)
        self.interval = interval
        self.start = self.printed = monotonic()
        self.root = None
        self.n_fits, self.finished = 0, False
        self.last = self.lowest = None  # losses, and what they are of
        self.first = None  # time and number of leaves at the end of the first iteration

    def begin(self, ids, bound, sequential):
        """Take in that a task with subtasks begins; `ids` lead to it from the root."""
        task = Task(bound, sequential)
        if len(ids) == 1:
            self.root = task
        elif (parent := self._find(ids[:-1])) is not None:
            parent.running[ids[-1]] = task

    def end(self, ids, label, loss=None, *, is_fit=False, may_print=True):
        """Take in that a task ends, and print a line if it is time."""
        self.n_fits += is_fit
        if len(ids) == 1:
            self.finished = True
            return
        if (parent := self._find(ids[:-1])) is not None:
            parent.end(ids[-1])
        now = monotonic()
        # Estimators without a loss have iterations too; theirs count until one has.
        if self.first is None or (loss is not None and self.last is None):
            self.first = now, self.root.done()
        if loss is not None:
            self.last = loss, label
            if self.lowest is None or loss < self.lowest[0]:
                self.lowest = self.last
        if may_print and label and now - self.printed >= self.interval:
            self.printed = now
            self.output.update(self._line(ids, label, loss, now))

    def close(self):
        """Print how long it took, and the losses."""
        duration = format_duration(monotonic() - self.start)
        n_fits = max(self.n_fits, int(self.finished))
        fits = f"{n_fits} {self.what}{'' if n_fits == 1 else 's'}"
        how = f"{fits} in" if self.finished else f"interrupted, with {fits}, after"
        lines = [f"{self.name}: {how} {duration}."]
        if self.last is not None:
            (last, _), (lowest, where) = self.last, self.lowest
            lines.append(f"Final loss {last:.5g}; lowest loss {lowest:.5g} ({where}).")
        self.output.finish(lines)

    def _find(self, ids):
        """Return the task that runs at the end of a path; None if it has ended."""
        task = self.root
        for task_id in ids[1:]:
            task = task and task.running.get(task_id)
        return task

    def _line(self, ids, label, loss, now):
        parts = [label]
        if loss is not None:
            parts.append(f"loss {loss:.5g}")
        parts.append(format_duration(now - self.start))
        # After its last task a fit may still do what no task stands for: the time left
        # is then unknown, and not 0.
        if left := self.time_left(now):
            # A single fit may stop before its largest number of iterations.
            word = "at most" if len(ids) == 2 else "about"
            parts.append(f"{word} {format_duration(left)} left")
        return ", ".join(parts)

    def time_left(self, now):
        """Estimate the seconds until the root task ends; None if nothing is known."""
        if self.root.sequential and self.root.bound is None:
            return None
        time_first, n_first = self.first
        done = self.root.done()
        if done <= n_first:
            return None
        return (now - time_first) * (self.root.size() - done) / (done - n_first)


@contextlib.contextmanager
def reported_blocks(name, n_blocks, verbose, what="block of rows"):
    """Yield a function to call after each block of a call, None if not verbose."""
    if not verbose:
        yield None
        return
    progress, numbers = Progress(name, what="call"), itertools.count()
    progress.begin((0,), n_blocks, True)

    def report():
        number = next(numbers)
        progress.end((0, number), f"{name} {what} {number + 1}/{n_blocks}")

    try:
        yield report
        progress.end((0,), "")
    finally:
        progress.close()


@contextlib.contextmanager
def reported_rows_of_call(name, n_rows, verbose):
    """Yield a function of a number of rows that are done, None if not verbose."""
    size, n_blocks = blocks_of(n_rows)
    with reported_blocks(name, n_blocks, verbose) as report:
        yield report and report_of_rows(report, size)


def blocks_of(n_rows):
    """Size and number of the blocks of rows that are reported."""
    size = max(-(-n_rows // MOST_BLOCKS), FEWEST_ROWS)
    return size, -(-n_rows // size)


def report_of_rows(report, size):
    """Return a function of a number of rows that calls `report` for each block of them.

    It has been called once for every `size` rows, or less for the last ones.
    """
    n_done = n_reported = 0

    def report_rows(n_rows):
        nonlocal n_done, n_reported
        n_done += n_rows
        while n_reported * size < n_done:
            report()
            n_reported += 1

    return report_rows


def report_of_parts(report_rows, parts, is_done):
    """Return a function to call after each part of the rows that was handled.

    Parameters
    ----------
    report_rows : callable or None
        To be called with the number of rows that are done.
    parts : iterable of ndarray of int
        The rows of each part.
    is_done : ndarray of bool
        Whether a row is done, by now; some may have to be handled again.

    Returns
    -------
    report : callable or None
        The function, None if there is nothing to report to.
    """
    return report_of_counts(
        report_rows, (np.count_nonzero(is_done[part]) for part in parts)
    )


def report_of_counts(report_rows, counts):
    """Return a function that reports numbers of rows, one at each call.

    None if there is nothing to report to. Numbers of a generator are computed when they
    are reported.
    """
    if report_rows is None:
        return None
    counts = iter(counts)
    return lambda: report_rows(next(counts))


def shares(n_rows, n_steps):
    """Numbers of rows that stand for steps of equal work, and add up to `n_rows`."""
    return np.diff(np.arange(n_steps + 1) * n_rows // n_steps).tolist()


def format_duration(seconds):
    """Seconds in words.

    >>> [format_duration(s) for s in (0.123, 9.5, 59.7, 200, 7300)]
    ['0.1 s', '9.5 s', '1 min 0 s', '3 min 20 s', '2 h 1 min']
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole} s" if minutes else f"{whole} s"


class Output:
    """Where lines go to.

    Only in a terminal a line replaces the one before. Elsewhere, as in files and
    notebooks, lines follow each other, and hold no control characters.
    """

    def __init__(self, stream=None):
        self.stream = sys.stdout if stream is None else stream
        isatty = getattr(self.stream, "isatty", bool)
        self.is_terminal = bool(isatty())
        self.width = 0  # of the line that is to be replaced

    def update(self, line):
        """Write a line, in a terminal over the one before."""
        if not self.is_terminal:
            self._write(line)
            return
        # A line that wraps cannot be replaced.
        line = line[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + line.ljust(self.width), end="")
        self.width = len(line)

    def finish(self, lines):
        """Write the last lines; what the line of a terminal shows stays."""
        if self.width:
            self._write("")
        self.width = 0
        for line in lines:
            self._write(line)

    def _write(self, text, end="\n"):
        if isinstance(self.stream, LOGGERS):
            self.stream.info("%s", text)
            return
        self.stream.write(text + end)
        if hasattr(self.stream, "flush"):  # files are read while they grow
            self.stream.flush()
