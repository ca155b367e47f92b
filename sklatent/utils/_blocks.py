"""Slices of rows, for work that is done block by block."""


def row_slices(n_rows, size):
    """Slices that cover `n_rows` rows, `size` each but for the last."""
    return (slice(i, min(i + size, n_rows)) for i in range(0, n_rows, size))
