"""Rows as images."""

import numpy as np


def resolve_image_shape(estimator, image_shape, n_features):
    """Return the shape of the images that rows are, or None if they are none.

    Parameters
    ----------
    estimator : object
        Asked for its parameter `image_shape` where the argument is None.
    image_shape : tuple of int or None
        (channels, height, width), or (height, width) for one channel.
    n_features : int
        Length of a row.

    Returns
    -------
    shape : tuple of int of length 3, or None
        Channels, height and width.
    """
    if image_shape is None:
        image_shape = getattr(estimator, "image_shape", None)
    if image_shape is None:
        return None
    shape = tuple(int(size) for size in image_shape)
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or np.prod(shape) != n_features:
        raise ValueError(
            "image_shape must be (height, width) or (channels, height, width), with 1 "
            f"or 3 channels and {n_features} entries in all, one for each feature; "
            f"got {tuple(image_shape)}."
        )
    return shape


def mosaic(rows, image_shape, limits):
    """One image made of many.

    Parameters
    ----------
    rows : ndarray of shape (n_down, n_across, n_features)
        The images, the uppermost first.
    image_shape : tuple of int of length 3
        Channels, height and width.
    limits : tuple of float
        The darkest and the brightest value.

    Returns
    -------
    image : ndarray of shape (n_down * height, n_across * width) or (..., 3)
        With three channels their values between 0 and 1, as matplotlib takes them.
    """
    n_down, n_across, _ = rows.shape
    channels, height, width = image_shape
    image = rows.reshape(n_down, n_across, channels, height, width)
    image = image.transpose(0, 3, 1, 4, 2)
    image = image.reshape(n_down * height, n_across * width, channels)
    if channels == 1:
        return image[:, :, 0]
    low, high = limits
    return np.clip((image - low) / ((high - low) or 1.0), 0, 1)
