"""What is kept of a table: for each column its name, its type, and what kind it is.

All of it is plain data, so that a fitted estimator needs no data frame library until
it returns a frame.
"""

import html
from dataclasses import dataclass

import numpy as np

# What the columns can be, in the words of the table that is shown.
NUMBER, INTEGER, BOOLEAN = "number", "integer", "boolean"
CATEGORY, DATE, DURATION = "category", "date", "duration"
KINDS = (NUMBER, INTEGER, BOOLEAN, CATEGORY, DATE, DURATION)
# Kinds whose numbers are names of levels, and have no order and no distances.
NOMINAL = (BOOLEAN, CATEGORY)

HEADINGS = ("column", "kind", "type", "missing", "values")
# Levels that are shown; the others are counted.
SHOWN_LEVELS = 3


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str or int
        Its name, or its position where columns have no names.
    kind : str
        One of `KINDS`.
    dtype : str
        Its type, as its own library writes it.
    levels : tuple of str, bool or float, or None
        The values of a nominal column, in the order of their numbers 0, 1, ...
    categories : tuple or None
        All categories of a categorical type, which may be more than the levels.
    ordered : bool
        Whether a categorical type is ordered.
    bounds : tuple of float, or None
        Least and largest number that `fit` has seen.
    seen : tuple of float, or None
        The numbers that `fit` has seen, if they are few and most rows share theirs.
    share_missing : float
        Share of the entries that are missing.
    origin : int or None
        The first date or the shortest duration, as a multiple of `unit`.
    step : int or None
        What the number 1 stands for, as a multiple of `unit`.
    unit : str or None
        Unit of NumPy's datetime64 and timedelta64.
    time_zone : str or None
        Of dates, whose numbers count in local time.
    text : tuple of str, or None
        How dates are written that are strings in the table, as `text_of_dates` finds
        it.
    """

    name: object
    kind: str
    dtype: str
    levels: tuple | None = None
    categories: tuple | None = None
    ordered: bool = False
    bounds: tuple | None = None
    seen: tuple | None = None
    share_missing: float = 0.0
    origin: int | None = None
    step: int | None = None
    unit: str | None = None
    time_zone: str | None = None
    text: tuple | None = None

    def values(self):
        """Say in a few words what values the column has."""
        if self.levels is not None:
            shown = ", ".join(map(str, self.levels[:SHOWN_LEVELS]))
            more = len(self.levels) - SHOWN_LEVELS
            return f"{shown} and {more} more" if more > 0 else shown
        few = "" if self.seen is None else f"{len(self.seen)} from "
        if self.bounds is None:
            return ""
        low, high = self.bounds
        if self.kind in (DATE, DURATION):
            # As Python writes them: days without a time, if all have none.
            low, high = (
                self.as_time(x)
                .astype("M8[us]" if self.kind == DATE else "m8[us]")
                .item()
                for x in self.bounds
            )
            return f"{few}{low} to {high}".replace(" 00:00:00", "")
        return f"{few}{low:g} to {high:g}"

    @property
    def unit_shown(self):
        """What the number 1 is in the units of what is said of the column: days."""
        if self.step is None:
            return 1.0
        return np.timedelta64(self.step, self.unit) / np.timedelta64(1, "D")

    def as_time(self, number):
        """Return the date or duration that a number stands for, in local time."""
        kind = np.datetime64 if self.kind == DATE else np.timedelta64
        return kind(self.origin + self.step * round(number), self.unit)


@dataclass(frozen=True, repr=False)
class TableSchema:
    """The columns of a table; shown as a table of them.

    Parameters
    ----------
    columns : tuple of Column
        The columns, in the order of the table.
    library : str or None
        Name of the library of the frame: "pandas", "polars" or "pyarrow"; None for an
        array.
    """

    columns: tuple
    library: str | None

    @property
    def has_only_numbers(self):
        """Whether each entry is a number already."""
        return all(column.kind in (NUMBER, INTEGER) for column in self.columns)

    def rows(self):
        """Return the cells of the table that is shown, one tuple for each column."""
        return [
            (str(c.name), c.kind, c.dtype, f"{c.share_missing:.0%}", c.values())
            for c in self.columns
        ]

    def __repr__(self):
        lines = [HEADINGS, *self.rows()]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines
        )

    def _repr_html_(self):
        def row(cells, tag):
            return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)

        body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in self.rows())
        return (
            f"<table><thead><tr>{row(HEADINGS, 'th')}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )
