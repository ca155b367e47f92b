"""Leaves out the example of an inherited method that shows another class.

A method such as `transform` is written once, in a base class, and its example has to
take some estimator. On the page of any other one it would be about the wrong class.
"""

import importlib
import re


def shows_another_class(name, lines):
    """Whether a method is inherited, and its example does not name the class.

    Parameters
    ----------
    name : str
        Full name of the method on the page, by the class that the page is about.
    lines : list of str
        The docstring.
    """
    module, class_name, method = name.rsplit(".", 2)
    cls = getattr(importlib.import_module(module), class_name)
    return method not in vars(cls) and not re.search(
        rf"\b{class_name}\b", "\n".join(lines[examples(lines) :])
    )


def examples(lines):
    """Where the section with examples begins, which is the last of a docstring."""
    for i, heading in enumerate(lines[1:]):
        if lines[i] == "Examples" and set(heading) == {"-"}:
            return i
    return len(lines)


def leave_out(app, what, name, obj, options, lines):
    """Cut the section out of the docstring."""
    if what == "method" and shows_another_class(name, lines):
        del lines[examples(lines) :]


def is_of_sklearn_pipeline(app, what, name, obj, skip, options):
    """Leave out what a pipeline inherits, which refers to labels of scikit-learn's."""
    if getattr(obj, "__module__", None) == "sklearn.pipeline":
        return True
    return None  # as it would be


def setup(app):
    """Connect to Sphinx, before numpydoc makes other headings of the sections."""
    app.connect("autodoc-skip-member", is_of_sklearn_pipeline)
    app.connect("autodoc-process-docstring", leave_out, priority=400)
    return {"parallel_read_safe": True}
