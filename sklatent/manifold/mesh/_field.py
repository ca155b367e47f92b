"""The field of a finished map, in which new rows are placed."""

from functools import cached_property


class Field:
    """A map whose potentials are computed once, and are left out of pickles.

    A subclass implements `_compute_potentials`.
    """

    @cached_property
    def potentials(self):
        """Potentials of the training rows."""
        return self._compute_potentials()

    def __getstate__(self):
        return {name: v for name, v in vars(self).items() if name != "potentials"}
