"""Cuts tables and figures out of ``benchmarks/RESULTS.md``, so that pages cannot drift.

Directives, all read at build time:

``benchmark-table:: FAMILY``
    Paragraphs of the family's section, as printed. Each line of the content is how the
    first line of a paragraph begins; without any, the whole section.
``benchmark-ratios::``
    A table of ratios. Each line of the content is ``what | family | paragraph | peer``,
    with the first words of the paragraph and of the peer's row. `what` is rst. A line
    that ends with a bar goes on in the next.
``benchmark-shortfalls::``
    A table of every row whose ratio is below 1 or below what was aimed at.

What is named and not there, or there twice, is an error.
"""

import re
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "RESULTS.md"
SECTION = re.compile(r"^## ([\w.]+)\n\n```text\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
# Every paragraph has a line without indentation above its rows.
ROW = re.compile(
    r"^  (?P<name>.*?\S)  +(?P<time>[\d.]+ (?:ms|s)\b)"
    r"(?:.*?(?P<ratio>[\d.]+) x)?(?: +reach >=? (?P<reach>[\d.]+))?"
)


class Row(NamedTuple):
    """A timed row of a table; `ratio` and `reach` are None where it has none.

    `ours` is the time in the first row of the table, which the others are held to.
    """

    family: str
    title: str
    ours: str
    name: str
    time: str
    ratio: str | None
    reach: str | None

    def falls_short(self):
        """Whether the peer is faster, or the ratio less than what was aimed at."""
        if self.ratio is None:
            return False
        return float(self.ratio) < max(1, float(self.reach or 0))


def sections():
    """Text of each family, by name."""
    return dict(SECTION.findall(RESULTS.read_text()))


def paragraphs(family):
    """Paragraphs of a family, each beginning with its title."""
    return sections()[family].split("\n\n")


def find(items, start, text=str):
    """Return the one item whose text begins with `start`."""
    found = [item for item in items if text(item).startswith(start)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} of {RESULTS.name} begin with {start!r}.")
    return found[0]


def rows(family):
    """Timed rows of a family."""
    for paragraph in paragraphs(family):
        title = ours = None
        for line in paragraph.splitlines():
            match = ROW.match(line)
            if not line.startswith(" "):
                title, ours = line, None
            elif match and title:
                ours = ours or match["time"]
                yield Row(family, title, ours, **match.groupdict())


def row(family, title, name):
    """Return the row whose title and name begin so."""
    some = [r for r in rows(family) if r.title.startswith(title)]
    if len({r.title for r in some}) != 1:
        raise ValueError(f"{len(some)} tables of {family!r} begin with {title!r}.")
    return find(some, name, lambda r: r.name)


class ResultsDirective(Directive):
    """What the directives share: the page depends on the file; errors have a place."""

    has_content = True

    def run(self):
        """Return the nodes of the directive, or an error that names its line."""
        dependencies = self.state.document.settings.record_dependencies
        dependencies.add(str(RESULTS), __file__)
        try:
            return self.make()
        except (KeyError, ValueError, StopIteration) as error:
            raise self.error(f"{self.name}: {error}") from error

    def table(self, header, widths, body):
        """Return a table of cells that are rst."""
        lines = [
            ".. list-table::",
            "   :header-rows: 1",
            f"   :widths: {' '.join(map(str, widths))}",
            "",
        ]
        for first, *others in [header, *body]:
            lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
        holder = nodes.container()
        self.state.nested_parse(StringList(lines, source=""), 0, holder)
        return holder.children


class Table(ResultsDirective):
    """Paragraphs as printed."""

    required_arguments = 1

    def make(self):
        """Return a literal block."""
        family = self.arguments[0]
        text = sections()[family]
        starts = [line.strip() for line in self.content if line.strip()]
        if starts:
            text = "\n\n".join(find(paragraphs(family), start) for start in starts)
        block = nodes.literal_block(text, text)
        block["language"] = "none"
        return [block]


class Ratios(ResultsDirective):
    """A table of chosen ratios."""

    def make(self):
        """Return the table."""
        body = []
        text = re.sub(r"\|\s*\n", "|", "\n".join(self.content))
        for line in filter(None, text.splitlines()):
            what, family, title, peer = (part.strip() for part in line.split("|"))
            found = row(family, title, peer)
            if found.ratio is None:
                raise ValueError(f"{peer!r} of {title!r} has no ratio.")
            beside = f"{found.name}: {found.time}; ours: {found.ours}"
            body.append([what, found.title, beside, found.ratio])
        header = ["What", "Condition", "Beside", "Ratio"]
        return self.table(header, [24, 32, 32, 12], body)


class Shortfalls(ResultsDirective):
    """A table of all rows that are slower than a peer or than was aimed at."""

    def make(self):
        """Return the table."""
        body = [
            [r.family, r.title, r.name, r.ratio, r.reach or "none"]
            for family in sections()
            for r in rows(family)
            if r.falls_short()
        ]
        if not body:
            text = "No row falls short."
            return [nodes.paragraph(text, text)]
        header = ["Family", "Condition", "Beside", "Ratio", "Aim"]
        return self.table(header, [20, 30, 26, 12, 12], body)


def setup(app):
    """Register the directives."""
    app.add_directive("benchmark-table", Table)
    app.add_directive("benchmark-ratios", Ratios)
    app.add_directive("benchmark-shortfalls", Shortfalls)
    return {"parallel_read_safe": True}
