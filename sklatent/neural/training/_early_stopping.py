"""Early stopping."""

import copy


class EarlyStopping:
    """Keep the parameters of the epoch whose validation loss was lowest.

    An improvement is a loss lower by more than `tol`, which unlike a relative
    rule also holds for losses below zero.
    """

    def __init__(self, n_iter_no_change, tol):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.best_loss = float("inf")
        self.best_epoch = None
        self.best_state = None
        self.n_misses = 0

    def update(self, epoch, loss, module):
        """Take note of the loss after an epoch; return whether to stop."""
        if loss < self.best_loss - self.tol:
            self.best_loss = loss
            self.best_epoch = epoch
            self.best_state = copy.deepcopy(module.state_dict())
            self.n_misses = 0
        else:
            self.n_misses += 1
        return self.n_misses >= self.n_iter_no_change

    def restore(self, module):
        """Give a module the parameters of the best epoch, if any counted."""
        if self.best_state is not None:
            module.load_state_dict(self.best_state)
