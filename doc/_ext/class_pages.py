"""Makes long pages of classes short to read: a table of methods, groups of parameters.

The table stands above the parameters. A docstring that lists groups of parameters, as
"- training: `lr`, `max_epochs`;", has them under a heading for each group.
"""

import inspect
import re

GROUP = re.compile(r"^- (?P<name>[a-z]+): `(?P<first>\w+)`")
PARAMETER = re.compile(r"^ +\*\*(?P<name>\w+)\*\* :")


def public_methods(cls, hidden):
    """Names of the documented public methods, in alphabetical order.

    Parameters
    ----------
    cls : type
        The class.
    hidden : list of str
        Names that the page leaves out.
    """
    for name, member in inspect.getmembers(cls, callable):
        if not name.startswith("_") and name not in hidden and inspect.getdoc(member):
            yield name


def table_of_methods(full_name, names):
    """Return the lines of a table of methods, each a link with its first sentence."""
    cls = full_name.rpartition(".")[2]
    entries = [f"   ~{cls}.{name}" for name in names]
    return [".. autosummary::", "   :nosignatures:", "", *entries, ""]


def group_parameters(lines):
    """Begin a field of its own for each group that the docstring lists.

    Parameters
    ----------
    lines : list of str
        The docstring, as numpydoc writes it. It is changed in place.
    """
    starts = [i for i, line in enumerate(lines) if line == ":Parameters:"]
    if not starts:
        return
    groups = {m["first"]: m["name"] for m in map(GROUP.match, lines[: starts[0]]) if m}
    fields = []
    for line in lines[starts[0] + 1 :]:
        parameter = PARAMETER.match(line)
        if parameter and parameter["name"] in groups:
            fields += [f":Parameters ({groups[parameter['name']]}):", ""]
        fields.append(line)
    # The first field is named after its group in place of plain ":Parameters:".
    lines[starts[0] + bool(not groups) :] = fields


def arrange(app, what, name, obj, options, lines):
    """Insert the table, and the groups."""
    if what != "class":
        return
    hidden = app.config.autodoc_default_options["exclude-members"].split(", ")
    methods = list(public_methods(obj, hidden))
    starts = [i for i, line in enumerate(lines) if line.startswith(":Parameters:")]
    if methods:
        place = starts[0] if starts else len(lines)
        lines[place:place] = table_of_methods(name, methods)
    group_parameters(lines)


def setup(app):
    """Connect to Sphinx, after numpydoc has made fields of the sections."""
    app.connect("autodoc-process-docstring", arrange, priority=600)
    return {"parallel_read_safe": True}
