"""Warnings that are sklatent's own."""

__all__ = ["InconsistentVersionWarning"]


class InconsistentVersionWarning(UserWarning):
    """An estimator is unpickled by another version of sklatent than saved it.

    Its fitted attributes may mean something else in this version.
    """
