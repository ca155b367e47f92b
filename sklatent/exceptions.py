"""Warnings that are sklatent's own."""

__all__ = [
    "DiscreteDataWarning",
    "DuplicateRowsWarning",
    "HeywoodWarning",
    "InconsistentVersionWarning",
    "PosteriorCollapseWarning",
    "RankDeficientWarning",
]


class DiscreteDataWarning(UserWarning):
    """Distances tie, as on a grid: the data is discrete, or was rounded."""


class DuplicateRowsWarning(UserWarning):
    """Rows repeat others, and each counts once."""


class InconsistentVersionWarning(UserWarning):
    """An estimator is unpickled by another version of sklatent than saved it.

    Its fitted attributes may mean something else in this version.
    """


class RankDeficientWarning(UserWarning):
    """Components or noise without variance: the model is bounded, not exact."""


class HeywoodWarning(UserWarning):
    """A factor analysis explains a feature entirely; its noise is at the bound."""


class PosteriorCollapseWarning(UserWarning):
    """The codes of a variational autoencoder tell nothing about the rows."""
