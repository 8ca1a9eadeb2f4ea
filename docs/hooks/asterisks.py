"""A griffe extension: the asterisk of v* in docstrings is shown, where Markdown would eat it.

Docstrings are read in the source as often as on the pages, so they keep the plain asterisk of `v*`
and need no escapes. Two of them in one paragraph would become emphasis. Here those that end a
symbol turn into the asterisk operator ∗, which means nothing to Markdown. Code in backticks stays,
and so do powers such as `x**2`.

As a hook of MkDocs the same file warns, and so stops a strict build, if an API page still has
emphasis: docstrings use none.
"""

import logging
import re
from typing import Any

import griffe

LOG = logging.getLogger("mkdocs.hooks.asterisks")
CODE = re.compile(r"(`+[^`]+`+)")
STAR = re.compile(r"(?<=[\w′)\]])\*(?![\w*(])")


def with_operators(text: str) -> str:
    """Return the text with ∗ for each asterisk that ends a symbol, except for code."""
    pieces = CODE.split(text)
    return "".join(p if k % 2 else STAR.sub("∗", p) for k, p in enumerate(pieces))


class Asterisks(griffe.Extension):
    """Change the docstrings that griffe has collected, and nothing on disk."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = with_operators(obj.docstring.value)


def on_page_content(html: str, *, page: Any, **_: Any) -> str:
    """Warn of emphasis on an API page."""
    if page.url.startswith("api/"):
        for eaten in re.findall(r"<em>(.*?)</em>", html, flags=re.DOTALL):
            LOG.warning("Asterisks are eaten on %s around: %s", page.url, eaten)
    return html
