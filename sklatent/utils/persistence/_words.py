"""What messages about files have in common."""


class NotPlainError(TypeError):
    """A value is no plain data; `path` leads to it."""

    def __init__(self, value, path):
        super().__init__(f"{'.'.join(path)} is not plain data: {brief(value)}")
        self.value, self.path = value, path


def brief(value):
    """Representation of a value, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_names(kind, names, expected, optional=()):
    """Raise if names are missing or unknown."""
    missing = set(expected) - set(names) - set(optional)
    unknown = set(names) - set(expected)
    if missing or unknown:
        raise ValueError(
            "it is not what this version of sklatent saves: of the "
            f"{kind}, {sorted(missing)} are missing and {sorted(unknown)} unknown."
        )
