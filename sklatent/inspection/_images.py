"""Rows as images, and many images as one."""

import numpy as np


def resolve_image_shape(estimator, image_shape, n_features):
    """Return the shape of the images in the rows, or None if they are not images.

    Parameters
    ----------
    estimator : object
        Its parameter `image_shape` is used if the argument is None.
    image_shape : tuple of int or None
        Shape (channels, height, width), or (height, width) for one channel.
    n_features : int
        Number of features of a row.

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
    """Join many images to one.

    Parameters
    ----------
    rows : ndarray of shape (n_down, n_across, n_features)
        The images, from the top.
    image_shape : tuple of int of length 3
        Channels, height and width.
    limits : tuple of float
        Values of the darkest and the brightest pixel.

    Returns
    -------
    image : ndarray of shape (n_down * height, n_across * width) or (..., 3)
        The image. With three channels its values are between 0 and 1, as matplotlib
        expects; with one, matplotlib scales them.
    """
    n_down, n_across, _ = rows.shape
    channels, height, width = image_shape
    # Axes in the order (down, height, across, width, channels): rows of pixels go
    # through all images of a line.
    image = rows.reshape(n_down, n_across, *image_shape).transpose(0, 3, 1, 4, 2)
    image = image.reshape(n_down * height, n_across * width, channels)
    if channels == 1:
        return image[:, :, 0]
    low, high = limits
    return np.clip((image - low) / ((high - low) or 1.0), 0, 1)
