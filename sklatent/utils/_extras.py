"""Messages and placeholders for optional packages that are not installed."""


def install_advice(extra):
    """How to install an extra of sklatent."""
    return f'In a clone of sklatent: pip install -c constraints.txt ".[{extra}]"'


def stand_in(name, module, said):
    """Make a class in place of one whose packages are missing.

    It can be looked at and imported, so that `help`, `hasattr`, `dir` and
    `from sklatent import *` work; making or loading an instance raises an ImportError.

    Parameters
    ----------
    name, module : str
        Name and module of the class.
    said : str
        What is missing and how to install it; the text of the error.

    Returns
    -------
    cls : type
        The class.
    """

    def refuse(*args, **kwargs):
        raise ImportError(f"{name} cannot be used here. {said}")

    attributes = {"__init__": refuse, "load": staticmethod(refuse)}
    attributes["missing_packages"] = said
    return type(name, (), attributes | {"__doc__": said, "__module__": module})
