"""How long a training is, and its learning rate over its course.

A schedule is a function of t in [0, 1), the share of the training that is done; it
returns a factor of the learning rate.
"""

import math

# one_cycle starts at this share of the learning rate and is at its height after
# that share of the training; both are PyTorch's defaults.
CYCLE_START = 0.04
CYCLE_RISE = 0.3

# What "auto" means: many rows are seen this often; few make so many steps. Fewer steps
# leave the networks behind PCA, and with more of them few rows are learned by heart.
AUTOMATIC_EPOCHS = 15
AUTOMATIC_STEPS = 300


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

    Smith and Topin (2018), with the shape that PyTorch gives it.
    """
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
