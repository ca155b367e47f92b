"""Checks that the numbers in the text of an example are among those that it prints.

The output is that of the pages of the gallery, whose examples Sphinx has just run.
Tables of the user guide that an example prints are compared with it too.
"""

import ast
import math
import re
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)

# Numbers of the text that claim what came out: decimals, shares and nats; not the
# nominal share of an interval.
CLAIM = re.compile(
    r"(?<![\w.,])(\d[\d,]*\.\d+|\d[\d,]*(?=\s(?:%|nats|times)))"
    r"(?!\s%\s+(?:interval|band))"
)
NUMBER = re.compile(r"(?<![\w.])\d[\d_,]*(?:\.\d+)?(?:e-?\d+)?")
OUTPUT = re.compile(
    r"^\.\. rst-class:: sphx-glr-script-out\n\n \.\. code-block:: none\n\n"
    r"((?: {4}.*\n|\s*\n)*)",
    re.MULTILINE,
)
# Pages whose tables are what an example prints, and rows of both.
TABLES = {"plot_which_map": "user_guide/manifold/which_map.rst"}
PRINTED_ROW = re.compile(r"^ {4}(\S.*?)((?: +-?[\d.]+)+)$", re.MULTILINE)
PAGE_ROW = re.compile(r"^   ([^:\s][^,\n]*)((?:, -?[\d.]+)+)$", re.MULTILINE)


def numbers(text):
    """Return the numbers that occur in a text."""
    return {
        float(t.rstrip(",").replace("_", "").replace(",", ""))
        for t in NUMBER.findall(text)
    }


def claims(source):
    """Numbers in the text of an example that are not those of its code."""
    docstring = ast.get_docstring(ast.parse(source), clean=False)
    lines = source.replace(docstring, "").splitlines()
    text = [
        *docstring.splitlines(),
        *(line.removeprefix("#") for line in lines if line.startswith("#")),
    ]
    given = numbers("\n".join(line for line in lines if not line.startswith("#")))
    for claim in CLAIM.finditer(" ".join(text)):
        said = claim[1].replace(",", "")
        if not {float(said), float(said) / 100} & given:
            yield said


def output(page):
    """Return what an example has printed, by its page."""
    return "".join(OUTPUT.findall(page))


def wrong_claims(source, printed):
    """Numbers in the text of an example that round none of those that it prints."""
    found = numbers(printed)
    for said in claims(source):
        decimals = len(said.partition(".")[2])
        if float(said) not in {round(number, decimals) for number in found}:
            yield said


def rows(text, row):
    """Return names and numbers of the rows of a table."""
    return [
        (match[1], [float(number) for number in re.split("[, ]+", match[2]) if number])
        for match in row.finditer(text)
    ]


def wrong_rows(page, printed):
    """Names of rows of a page that are not those that the example prints.

    Maps of neighbors settle a little differently on every processor.
    """
    said, found = rows(page, PAGE_ROW), rows(printed, PRINTED_ROW)
    if not said or [name for name, _ in said] != [name for name, _ in found]:
        yield "all"
        return
    for (name, ours), (_, theirs) in zip(said, found, strict=True):
        if len(ours) != len(theirs) or not all(
            math.isclose(a, b, rel_tol=0.1, abs_tol=0.05)
            for a, b in zip(ours, theirs, strict=True)
        ):
            yield name


def check_examples(app):
    """Warn of each number that an example does not print."""
    source = Path(app.srcdir)
    gallery = source / app.config.sphinx_gallery_conf["gallery_dirs"]
    for path in sorted(gallery.glob("*/plot_*.py")):
        printed = output(path.with_suffix(".rst").read_text(encoding="utf-8"))
        text = path.read_text(encoding="utf-8")
        for said in wrong_claims(text, printed):
            logger.warning("%s says %s, which it does not print.", path.stem, said)
        if path.stem in TABLES:
            page = TABLES[path.stem]
            for name in wrong_rows((source / page).read_text("utf-8"), printed):
                logger.warning("Row %r of %s is not that of %s.", name, page, path.stem)


def setup(app):
    """Connect to Sphinx, after sphinx-gallery, which is at 500."""
    app.connect("builder-inited", check_examples, priority=600)
    return {"parallel_read_safe": True}
