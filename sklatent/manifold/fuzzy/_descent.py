"""Descent with momentum, of rows in a map or of new rows among them."""

from sklatent.manifold.mesh._descent import capped

# Step at the start, from where it falls to 0, in squared widths of the similarity; and
# the share of the last move that is made again.
STEP, MOMENTUM = 0.8, 0.8
# No row moves farther at once, in widths.
FARTHEST_MOVE = 1.0


def next_moves(moves, gradient, left, width):
    """Return the next moves of some places, each of which depends on itself only.

    Parameters
    ----------
    moves : ndarray of shape (n_samples, n_components)
        The last moves.
    gradient : ndarray of shape (n_samples, n_components)
        Gradient of the loss, over the degree of each row.
    left : float
        Share of the first step that is left.
    width : float
        Width of the similarity.

    Returns
    -------
    moves : ndarray of shape (n_samples, n_components)
        The next moves.
    """
    kind = moves.dtype.type
    moves = kind(MOMENTUM) * moves - kind(left * STEP * width**2) * gradient
    return capped(moves, FARTHEST_MOVE * width)
