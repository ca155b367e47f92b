"""What training minimizes: loss(model, x, generator), one value per row.

Features are summed, so that a loss is a squared distance or a number of nats;
the training loop averages over the rows and adds `constant`, which no gradient
needs, in double precision.
"""

from torch import nn
from torch.nn.utils import parameters_to_vector

from sklatent.neural.networks._perceptrons import keep_like


class Loss(nn.Module):
    """What the training loop relies on besides the value.

    `constant` is added to mean losses; `settled` says whether the loss is the one
    to be minimized in the end, which a weight that changes with the epochs delays.
    """

    constant = 0.0
    settled = True

    def begin_epoch(self, epoch):
        """Prepare for an epoch; they count from 1."""


class SquaredError(Loss):
    """|x - x̂|², where x̂ is rebuilt from a corrupted x, plus a penalty on the weights.

    The penalty is that of scikit-learn's ElasticNet,
    alpha (l1_ratio Σ|w| + (1 - l1_ratio) / 2 Σ w²), over all weights and no biases.

    Parameters
    ----------
    alpha, l1_ratio : float
        Strength of the penalty, and the share of absolute values in it.
    corruption : float
        Share of the entries that training replaces by their mean, which is 0:
        Vincent et al. (2010), section 3.3, masking noise.
    """

    def __init__(self, alpha=0.0, l1_ratio=0.0, corruption=0.0):
        super().__init__()
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.corruption = corruption

    def forward(self, model, x, generator):
        """Squared error of each row, (n,), each with the whole penalty."""
        seen = x
        if model.training and self.corruption:
            seen = x * keep_like(x, self.corruption, generator)
        error = (x - model(seen)).square().sum(1)
        return error + self.penalty(model) if self.alpha else error

    def penalty(self, model):
        """Elastic-net penalty on all matrices and kernels, a number."""
        w = parameters_to_vector(w for w in model.parameters() if w.ndim > 1)
        l1, l2 = w.abs().sum(), w.dot(w)
        return self.alpha * (self.l1_ratio * l1 + 0.5 * (1 - self.l1_ratio) * l2)
