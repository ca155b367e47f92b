"""Tables of means over splits, and differences within splits."""

import numpy as np


class Scores:
    """Numbers by method, column and split.

    Parameters
    ----------
    title : str
        What the numbers are.
    larger_is_better : bool, default=True
        Whether the best is the largest.
    decimals : int, default=3
        Decimals in the table.
    """

    def __init__(self, title, larger_is_better=True, decimals=3):
        self.title = title
        self.sign = 1 if larger_is_better else -1
        self.decimals = decimals
        self.columns = []
        self.methods = []
        self.values = {}

    def add(self, method, column, value):
        """Append the number of the next split."""
        if column not in self.columns:
            self.columns.append(column)
        if method not in self.methods:
            self.methods.append(method)
        self.values.setdefault((method, column), []).append(float(value))

    def splits(self, method, column):
        """Return the numbers of a method, one per split."""
        return np.array(self.values[method, column])

    def mean(self, method, column):
        """Return the mean over the splits; NaN where there is none."""
        return np.mean(self.values.get((method, column), [np.nan]))

    def best(self, methods, column):
        """Name of the best of these methods, by the mean."""
        means = [self.sign * self.mean(method, column) for method in methods]
        if np.all(np.isnan(means)):
            raise ValueError(f"None of {methods} has a number in {column!r}.")
        return methods[int(np.nanargmax(means))]

    def contestants(self):
        """Return the methods that compete; the truth and real rows do not."""
        return [m for m in self.methods if m not in ("truth", "real rows")]

    def table(self):
        """Return the table of means, a row for each method."""
        width = max(len(method) for method in self.methods) + 2
        cells = {c: max(len(c), self.decimals + 6) + 3 for c in self.columns}
        lines = [
            self.title,
            "  " + " " * width + "".join(f"{c:>{cells[c]}}" for c in self.columns),
        ]
        stars = {c: self.best(self.contestants(), c) for c in self.columns}
        for method in self.methods:
            row = f"  {method:<{width}}"
            for c in self.columns:
                mean = self.mean(method, c)
                missing = "failed" if (method, c) in self.values else ""
                text = missing if np.isnan(mean) else f"{mean:.{self.decimals}f}"
                row += f"{text:>{cells[c] - 1}}{'*' if stars[c] == method else ' '}"
            lines.append(row.rstrip())
        return "\n".join(lines)

    def difference(self, ours, theirs, column, reach=None):
        """Return a line: the mean difference within a split, with its error."""
        gap = self.splits(ours, column) - self.splits(theirs, column)
        error = gap.std(ddof=1) / np.sqrt(len(gap))
        goal = "" if reach is None else f"   reach {reach}"
        return (
            f"  {column:<16}{gap.mean():>+9.{self.decimals}f} +- "
            f"{error:.{self.decimals}f}{goal}   {ours} - {theirs}"
        )
