"""Data frames of pandas and polars as plain data, and back.

A detector keeps its training rows. Files that hold nothing but numbers and text, which
`save` and skops write, hold them in this form.
"""

import numpy as np

from sklatent.utils.frames._entries import as_frame, is_missing, library_of


def to_plain(X):
    """Return a frame as lists, arrays and text; other tables as they are.

    The names of the rows are left out.
    """
    frame = as_frame(X)
    if frame is None or library_of(frame) not in ("pandas", "polars"):
        return X
    library = library_of(frame)
    column = _pandas_column if library == "pandas" else _polars_column
    native = frame.to_native()
    names = [plain(name) for name in native.columns]
    series = (
        [native.iloc[:, j] for j in range(len(names))]
        if library == "pandas"
        else native
    )
    return {"library": library, "names": names, "columns": [column(s) for s in series]}


def from_plain(kept):
    """Return the frame that `to_plain` was given."""
    if not isinstance(kept, dict):
        return kept
    if kept["library"] == "pandas":
        import pandas as pd

        columns = [_pandas_series(c) for c in kept["columns"]]
        frame = pd.DataFrame(dict(enumerate(columns)))
        frame.columns = kept["names"]
        return frame
    import polars as pl

    pairs = zip(kept["names"], kept["columns"], strict=True)
    return pl.DataFrame([_polars_series(name, c) for name, c in pairs])


def plain(value):
    """Return an entry as plain data of Python, None for a missing one."""
    if is_missing(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


# --------------------------------------------------------------------------------
# pandas


def _pandas_column(series):
    dtype = series.dtype
    kept = {"dtype": str(dtype)}
    if hasattr(dtype, "categories"):
        categories = [plain(v) for v in dtype.categories]
        codes = series.cat.codes.to_numpy(np.int64)
        return kept | {
            "codes": codes,
            "categories": categories,
            "ordered": bool(dtype.ordered),
        }
    if getattr(dtype, "tz", None) is not None and isinstance(dtype.kind, str):
        times = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return kept | {"times": times, "zone": str(dtype.tz)}
    if isinstance(dtype, np.dtype) and dtype.kind in "biufmM":
        return kept | {"array": series.to_numpy().copy()}
    return kept | {"entries": [plain(v) for v in series.tolist()]}


def _pandas_series(kept):
    import pandas as pd

    if "codes" in kept:
        return pd.Series(
            pd.Categorical.from_codes(
                kept["codes"], kept["categories"], ordered=kept["ordered"]
            )
        )
    if "times" in kept:
        times = pd.Series(kept["times"])
        return times.dt.tz_localize("UTC").dt.tz_convert(kept["zone"])
    if "array" in kept:
        return pd.Series(kept["array"])
    return pd.Series(kept["entries"], dtype=kept["dtype"])


# --------------------------------------------------------------------------------
# polars


def _polars_column(series):
    dtype = series.dtype
    kept = {"dtype": dtype.base_type().__name__}
    if kept["dtype"] in ("Datetime", "Duration"):
        kept |= {"unit": dtype.time_unit, "zone": getattr(dtype, "time_zone", None)}
    if kept["dtype"] == "Enum":
        kept["categories"] = dtype.categories.to_list()
    if kept["dtype"] in ("Datetime", "Duration", "Date", "Time"):
        series = series.to_physical()
    return kept | {"entries": series.to_list()}


def _polars_series(name, kept):
    import polars as pl

    dtype = getattr(pl, kept["dtype"])
    if kept["dtype"] == "Enum":
        dtype = pl.Enum(kept["categories"])
    if kept["dtype"] == "Duration":
        dtype = pl.Duration(kept["unit"])
    if kept["dtype"] == "Datetime":
        dtype = pl.Datetime(kept["unit"], kept["zone"])
    if kept["dtype"] in ("Datetime", "Duration", "Date", "Time"):
        whole = pl.Int32 if kept["dtype"] == "Date" else pl.Int64
        return pl.Series(name, kept["entries"], dtype=whole).cast(dtype)
    return pl.Series(name, kept["entries"], dtype=dtype)
