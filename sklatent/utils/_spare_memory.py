"""Memory for intermediate results, which is used again.

The pages of new memory are mapped and cleared when they are first written to. For calls
on a thousand rows that takes as long as computing with them.
"""

import contextlib

import numpy as np

# What is kept between calls: so many pieces, one for each thread, of up to so many
# bytes.
MOST_PIECES, MOST_BYTES = 8, 2**23

_pieces = []


@contextlib.contextmanager
def spare_memory(size, dtype):
    """Yield an array of `size` entries, of any content, until the body ends."""
    n_bytes = size * np.dtype(dtype).itemsize
    # Other threads take and return pieces at the same time; each step is atomic.
    try:
        piece = _pieces.pop()
    except IndexError:
        piece = None
    if piece is None or piece.nbytes < n_bytes:
        piece = np.empty(n_bytes, np.uint8)
    yield piece[:n_bytes].view(dtype)
    if n_bytes <= MOST_BYTES and len(_pieces) < MOST_PIECES:
        _pieces.append(piece)
