"""How long a training is, and its learning rate over its course.

A schedule is a function of t in [0, 1], the share of the training that is done; it
returns a factor of the learning rate.
"""

import math

# one_cycle starts at this share of the learning rate and is at its height after
# that share of the training; both are PyTorch's defaults.
CYCLE_START = 0.04
CYCLE_RISE = 0.3

# What "auto" means. The noise of small batches keeps few rows from being learned by
# heart; fewer steps leave networks behind PCA, and more of them follow the noise.
FEW_ROWS, SMALL_BATCH, LARGE_BATCH = 1000, 32, 64
AUTOMATIC_EPOCHS = 16
AUTOMATIC_STEPS = 250


def automatic_batch_size(n_samples):
    """Return the number of rows in a step that suits so many rows."""
    return SMALL_BATCH if n_samples < FEW_ROWS else LARGE_BATCH


def automatic_epochs(n_samples, batch_size):
    """Return the number of epochs that suits so many rows."""
    steps_per_epoch = math.ceil(n_samples / batch_size)
    return max(AUTOMATIC_EPOCHS, math.ceil(AUTOMATIC_STEPS / steps_per_epoch))


def linear(t):
    """1 - t."""
    return 1.0 - t


def cosine(t):
    """½ (1 + cos πt): Loshchilov and Hutter (2017), eq. 5, without restarts."""
    return 0.5 * (1.0 + math.cos(math.pi * t))


def one_cycle(t):
    """Rise from 0.04 to 1 until t = 0.3, then fall to 0, both along half a cosine.

    Smith and Topin (2018), with the shape that PyTorch gives it. Training that goes on
    after the end, by `partial_fit`, does so slowly.
    """
    if t >= 1.0:
        return CYCLE_START
    if t < CYCLE_RISE:
        return 1.0 - (1.0 - CYCLE_START) * cosine(t / CYCLE_RISE)
    return cosine((t - CYCLE_RISE) / (1.0 - CYCLE_RISE))


# A constant learning rate is left to the optimizer, and to callbacks that change it.
SCHEDULES = {
    "constant": None,
    "cosine": cosine,
    "linear": linear,
    "one_cycle": one_cycle,
}
