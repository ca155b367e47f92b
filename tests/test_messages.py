"""Each ValueError and TypeError names a parameter, a column or an array.

The texts are read from the source: constants, f-strings, and what is put into these as
far as assignments, loops over literals and the arguments of calls tell. What they do
not tell counts as a word that names nothing, so that it can only make a message fail.
"""

import ast
import collections
import functools
import inspect
import itertools
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc

import sklatent
from tests.test_docstrings import CLASSES, FUNCTIONS

ROOT = Path(sklatent.__file__).parents[1]
FILES = sorted(Path(sklatent.__file__).parent.rglob("*.py"))
ERRORS = {"ValueError", "TypeError"}
UNKNOWN = "\N{HORIZONTAL ELLIPSIS}"  # stands for what is known only at run time
MOST_TEXTS = 1000  # of one message, by the values of what is put into it

# Messages that name something only where they arrive, and how they do. A key is the
# file and a pattern of the beginning of the text. An entry that is not needed fails.
EXEMPT = {
    **{
        (f"sklatent/{file}.py", "its? |the |nothing refers"): (
            "`load` puts the path in front"
        )
        for file in (
            "neural/_saving",
            "neural/_schema",
            "utils/persistence/_container",
            "utils/persistence/_decoder",
            "utils/persistence/_estimators",
            "utils/persistence/_foreign",
            "utils/persistence/_objects",
            "utils/persistence/_types",
            "utils/persistence/_words",
        )
    },
    ("sklatent/utils/persistence/_estimators.py", f"{UNKNOWN} must be plain data"): (
        "`save` puts the path to the parameter or attribute there"
    ),
    ("sklatent/neural/networks/_user_networks.py", f"`{UNKNOWN}` must"): (
        "`build_networks` says 'encoder' or 'decoder'"
    ),
    ("sklatent/utils/_advice.py", f"{UNKNOWN}.__init__"): (
        "the parameter is the argument that was given"
    ),
}


# Names


def parameters_and_attributes():
    """Names of the parameters and fitted attributes of all that is public."""
    names = set()
    classes = [cls for cls in CLASSES if not issubclass(cls, Warning)]
    for member in [*classes, *FUNCTIONS.values()]:
        names.update(inspect.signature(member).parameters)
    for cls in classes:
        entries = [entry.name for entry in ClassDoc(cls)["Attributes"]]
        names.update(", ".join(entries).split(", "))
    return names - {"self", "args", "kwargs", "params"}


NAMES = parameters_and_attributes()
# X, n_components and dimension_ are no words of English; kernel and a are, and count
# only where they are written as names: `kernel`, kernel=..., or "kernel must" with no
# article.
IDENTIFIERS = {n for n in NAMES if "_" in n or (len(n) == 1 and n != "a")}
WORDS = NAMES - IDENTIFIERS


def alternatives(names):
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))


NAMED = re.compile(
    rf"(?<![\w.])(?:{alternatives(IDENTIFIERS)})(?!\w)"
    rf"|([`'])(?:{alternatives(WORDS)})\1"
    rf"|(?<![\w.])(?:{alternatives(WORDS)})="
    rf"|(?:^|[.:;] )(?:{alternatives(WORDS)}) must\b"
    # One column, feature or tensor, and which of them.
    rf"|\b(?:[Cc]olumn|[Ff]eature|[Tt]ensor)s? (?:\w+\.)?{UNKNOWN}"
)


# Texts


class Errors(ast.NodeVisitor):
    """The first argument of each error of a source, with the functions around it."""

    def __init__(self, tree):
        self.stack, self.found = [], []
        self.visit(tree)

    def visit_FunctionDef(self, node):
        self.stack.append(node)
        self.generic_visit(node)
        self.stack.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Call(self, node):
        if getattr(node.func, "id", None) in ERRORS:
            text = node.args[0] if node.args else ast.Constant("")
            self.found.append((node.lineno, text, tuple(self.stack)))
        self.generic_visit(node)

    def visit_Raise(self, node):
        if getattr(node.exc, "id", None) in ERRORS:
            self.found.append((node.lineno, ast.Constant(""), tuple(self.stack)))
        self.generic_visit(node)


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


@functools.cache
def calls_by_name():
    calls = collections.defaultdict(list)
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", None))
                calls[called].append(node)
    return calls


def package_calls(name):
    """All calls, in the package, of a function or method of this name."""
    return calls_by_name()[name]


class Texts:
    """What an expression may be as a text, within a module and functions."""

    def __init__(self, tree, functions=(), calls=package_calls):
        self.tree, self.functions, self.calls = tree, functions, calls
        self.looked_up = []  # names on the way, which may be assigned from themselves

    def of(self, node):
        """Return the set of texts, with UNKNOWN for parts that cannot be read."""
        known = getattr(self, type(node).__name__, None)
        found = known(node) if known else {UNKNOWN}
        return found if len(found) <= MOST_TEXTS else {UNKNOWN}

    def joined(self, parts):
        return {"".join(some) for some in itertools.product(*map(self.of, parts))}

    def Constant(self, node):
        return {str(node.value)}

    def JoinedStr(self, node):
        return self.joined(node.values)

    def FormattedValue(self, node):
        return self.of(node.value)

    def BinOp(self, node):
        if isinstance(node.op, ast.Add):
            return self.joined([node.left, node.right])
        return {UNKNOWN}

    def IfExp(self, node):
        return self.of(node.body) | self.of(node.orelse)

    def BoolOp(self, node):
        return set().union(*map(self.of, node.values))

    def Call(self, node):
        """Texts of `text.format(...)`, whose fields are not looked at."""
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return {re.sub(r"{.*?}", UNKNOWN, t) for t in self.of(node.func.value)}
        return {UNKNOWN}

    def Name(self, node):
        """Texts of all that is assigned to a name in the functions, or the module."""
        if node.id in self.looked_up:
            return set()
        self.looked_up.append(node.id)
        found = self.looked_for(node.id) or {UNKNOWN}
        self.looked_up.remove(node.id)
        return found

    def looked_for(self, name):
        for function in reversed(self.functions):
            values = list(assigned(name, function))
            found = set().union(*[self.at(*value) for value in values])
            if name in argument_names(function):
                return found | self.arguments(name, function)
            if values:
                return found
        module = Texts(self.tree, calls=self.calls)
        values = [v for statement in self.tree.body for v in assigned(name, statement)]
        return set().union(*[module.at(*value) for value in values[:1]])

    def at(self, node, place):
        """Texts of a value, or of what stands at a place in its elements."""
        if place is None:
            return self.of(node)
        found = [self.of(e) for e in elements(node, place, self.tree)]
        return set().union(*found) if found else {UNKNOWN}

    def arguments(self, name, function):
        """Texts of what the calls of a function give to a parameter."""
        place = argument_names(function).index(name) - is_method(function)
        found = set()
        for call in self.calls(function.name):
            given = [k.value for k in call.keywords if k.arg == name]
            given += call.args[place : place + 1]
            literal = given and isinstance(given[0], ast.Constant)
            found |= self.Constant(given[0]) if literal else {UNKNOWN}
        return found or {UNKNOWN}


def argument_names(function):
    arguments = function.args
    return [
        a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    ]


def is_method(function):
    return argument_names(function)[:1] in (["self"], ["cls"])


def assigned(name, root):
    """Yield each value that a name gets, and its place if it is one of a tuple's."""
    for node in ast.walk(root):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value, None
                elif isinstance(target, ast.Tuple):
                    names = [getattr(element, "id", None) for element in target.elts]
                    if name in names:
                        tuples = isinstance(node.value, ast.Tuple)
                        value = node.value.elts[names.index(name)] if tuples else node
                        yield value, None
        elif isinstance(node, ast.For | ast.comprehension):
            targets = getattr(node.target, "elts", [node.target])
            names = [getattr(element, "id", None) for element in targets]
            if name in names:
                whole = isinstance(node.target, ast.Name)
                yield node.iter, -1 if whole else names.index(name)


def elements(node, place, tree):
    """Return what a loop over literals gives at a place, or at -1 whole."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "items":
        node = node.func.value
    if isinstance(node, ast.Name):
        values = [v for s in tree.body for v, _ in assigned(node.id, s)]
        node = values[0] if len(values) == 1 else node
    if isinstance(node, ast.Dict):
        return node.values if place == 1 else node.keys
    if not isinstance(node, ast.Tuple | ast.List | ast.Set):
        return []
    if place == -1:
        return node.elts
    inner = [getattr(element, "elts", []) for element in node.elts]
    return [e[place] for e in inner if len(e) > place]


def messages(tree, calls=package_calls):
    """Yield the line and the possible texts of each error that a source constructs."""
    for line, text, functions in Errors(tree).found:
        yield line, Texts(tree, functions, calls).of(text)


def unnamed(texts):
    """Return the first text that names nothing, or None."""
    return next((text for text in sorted(texts) if not NAMED.search(text)), None)


# Tests


SOURCES = {path.relative_to(ROOT).as_posix(): path for path in FILES}


def failing(name):
    for line, texts in messages(parsed(SOURCES[name])):
        text = unnamed(texts)
        if text is not None:
            yield line, text


def is_exempt(name, text):
    return any(name == file and re.match(start, text) for file, start in EXEMPT)


RAISING = [name for name in SOURCES if any(messages(parsed(SOURCES[name])))]


@pytest.mark.parametrize("name", RAISING)
def test_each_message_names_what_it_is_about(name):
    found = [
        f"{name}:{line}: {text}"
        for line, text in failing(name)
        if not is_exempt(name, text)
    ]
    assert found == []


def test_exemptions_are_needed():
    found = [(name, text) for name in RAISING for _, text in failing(name)]
    for file, start in EXEMPT:
        assert [text for n, text in found if n == file and re.match(start, text)]


def test_what_is_checked():
    assert len(RAISING) > 30
    assert {"X", "n_components", "sample_weight", "dimension_"} <= IDENTIFIERS
    assert {"kernel", "bandwidth", "metric"} <= WORDS


@pytest.mark.parametrize(
    "text",
    [
        "invalid value",
        "The value must be positive; got -1.",
        "All rows are equal.",
        "This kernel has no integral; got a metric.",
        "The rows must be distinct.",
        "n_componentses must be positive.",
        f"{UNKNOWN} must be positive; got {UNKNOWN}.",
        f"{UNKNOWN} takes as many columns as before, 3; got 4.",
        "",
    ],
)
def test_texts_that_name_nothing(text):
    assert unnamed({text}) == text


@pytest.mark.parametrize(
    "text",
    [
        "`kernel` must be one of 'gaussian', 'linear'; got 'box'.",
        "bandwidth must be positive; got -1.",
        "Use 'auto', since metric='l1' has none.",
        f"n_components={UNKNOWN} is too large.",
        "All rows of X are equal.",
        f"Column {UNKNOWN} holds strings.",
    ],
)
def test_texts_that_name_something(text):
    assert unnamed({text}) is None


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("ValueError('a' 'b' + C)\nC = 'c'", {"abc"}),
        ("ValueError(f'{n} must: {x!r}')", {f"{UNKNOWN} must: {UNKNOWN}"}),
        ("for n in ('a', 'b'):\n  TypeError(f'{n}.')", {"a.", "b."}),
        ("D = {'a': 1}\nfor n, x in D.items():\n  TypeError(n)", {"a"}),
        ("for n, x in (('a', 1), ('b', 2)):\n  TypeError(n)", {"a", "b"}),
        ("def f():\n  m = 'a' if g() else 'b'\n  return ValueError(m)", {"a", "b"}),
        ("def f():\n  m, k = 'a', 2\n  return ValueError(m)", {"a"}),
        ("def f():\n  m, k = g()\n  return ValueError(m)", {UNKNOWN}),
        ("def f(n):\n  return ValueError(n)\nf('a')\nf(n='b')", {"a", "b"}),
        ("def f(n):\n  return ValueError(n)\nf('a')\nf(g())", {"a", UNKNOWN}),
        ("def f(n):\n  return ValueError(n)", {UNKNOWN}),
        ("T = 'a {} {1:g}'\nValueError(T.format(1, 2))", {f"a {UNKNOWN} {UNKNOWN}"}),
        ("def f(n):\n  n = n if n else 'a'\n  return ValueError(n)", {"a", UNKNOWN}),
        ("ValueError(str(error))", {UNKNOWN}),
        ("ValueError()", {""}),
        ("raise ValueError", {""}),
    ],
)
def test_how_texts_are_read(source, texts):
    tree = ast.parse(source)

    def calls(name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield node

    ((_, found),) = messages(tree, calls)
    assert found == texts
