"""What "auto" stands for, by the kinds of columns that a table has."""

import math

# Size of the code of a table of several kinds of columns, and of any other. Components
# that such a table does not need cost little.
TABLE_COMPONENTS, N_COMPONENTS = 8, 2
# A density is learned in more steps than codes are, and large tables need fewer epochs.
DENSITY_EPOCHS, DENSITY_STEPS = 200, 12_000
# Kinds of noise that scores can have.
SCORE_NOISES = ("shared", "feature", "decoder")


def of_several_kinds(likelihood):
    """Tell whether the parameter `likelihood` describes columns of several kinds."""
    return isinstance(likelihood, list) or likelihood == "auto"


def n_components(likelihood):
    """Return the size of the code."""
    return TABLE_COMPONENTS if of_several_kinds(likelihood) else N_COMPONENTS


def prior(latent, standardize):
    """Return the prior: that which fits the codes, where the density matters."""
    return "mixture" if standardize and latent == "normal" else "standard_normal"


def noise_variance(likelihood, standardize):
    """Return the kind of noise: equal noise is so in the units of the data only."""
    if of_several_kinds(likelihood):
        return "decoder"
    return "feature" if standardize else "shared"


def marginals(likelihood, standardize, noise_variance):
    """Return the marginals: scores have units and a noise of their own."""
    fits = of_several_kinds(likelihood) and standardize
    return "normal_scores" if fits and noise_variance in SCORE_NOISES else None


def epochs(n_samples, batch_size, least):
    """Return the number of epochs, which is not below `least`."""
    steps = math.ceil(n_samples / batch_size)
    return max(least, min(DENSITY_EPOCHS, math.ceil(DENSITY_STEPS / steps)))
