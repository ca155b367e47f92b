"""Lets long names break after a dot, and nowhere inside a word.

Names such as `matplotlib.collections.PathCollection` are wider than a phone. Browsers
break them anywhere or not at all, unless the page says where.
"""

import re

# Types of parameters, headings, and links that are names of modules.
PLACES = re.compile(
    r'(<span class="classifier">|<h[1-3]>)(.+?)(</span>|</h[1-3]>)'
    r"|(<a [^>]*>)(sklatent\.[\w.]+)(</a>)"
)
DOT = re.compile(r"(?<=\w)\.(?=[A-Za-z_])(?![^<]*>)")


def allow_breaks(html):
    """Return the page with places to break after the dots of names."""

    def change(match):
        start, text, end = filter(None, match.groups())
        return start + DOT.sub(".<wbr>", text) + end

    return PLACES.sub(change, html)


def change_page(app, page, template, context, doctree):
    """Change the body of a page before it is written."""
    if context.get("body"):
        context["body"] = allow_breaks(context["body"])


def setup(app):
    """Connect to Sphinx."""
    app.connect("html-page-context", change_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
