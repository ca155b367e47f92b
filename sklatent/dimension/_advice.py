"""A sentence of advice from several estimates of one dimension, by a rule."""

import numpy as np

# Estimates that differ by less than this factor agree.
AGREE = 1.2
# Below this p-value no single dimension fits.
SMALL = 0.01


def advice(near, far, others, pvalue, scales):
    """Say what several estimates mean together.

    The rule is stated in `compare_dimensions`.

    Parameters
    ----------
    near, far : tuple of (float, ndarray of shape (2,))
        Estimate and interval from near and from far neighbors.
    others : list of float
        Estimates by other methods, from near neighbors.
    pvalue : float
        Of one dimension, from the nearest neighbors.
    scales : tuple of float
        Distances of the near and the far neighbors.

    Returns
    -------
    sentence : str
        One sentence.
    """
    (d_near, (low_near, high_near)), (d_far, (low_far, high_far)) = near, far
    change = (
        f"from {d_near:.1f} at a distance of {scales[0]:.3g} to {d_far:.1f} at "
        f"{scales[1]:.3g}"
    )
    if d_far > AGREE * d_near and low_far > high_near:
        return (
            f"The dimension rises with the scale, {change}, as where data are curved "
            f"or folded: take the smallest scale, about {d_near:.1f} dimensions."
        )
    if d_near > AGREE * d_far and low_near > high_far:
        return (
            f"The dimension falls with the scale, {change}: take the larger scale if "
            "there is noise at the smaller one, and the smaller scale if the density "
            "is uneven; look for a plateau with Gride."
        )
    if pvalue < SMALL:
        return (
            f"No single dimension fits the nearest distances (p-value {pvalue:.3f}): "
            "look for parts of different dimension in the local_dimension_ of "
            "LevinaBickel."
        )
    estimates = [d_near, *others]
    if max(estimates) <= AGREE * min(estimates):
        return (
            f"About {np.median(estimates):.1f} dimensions: distances and angles agree, "
            "and so do near and far neighbors."
        )
    return (
        f"Between {min(estimates):.1f} and {max(estimates):.1f} dimensions: distances "
        "and angles disagree, so read what each estimate is sensitive to."
    )
