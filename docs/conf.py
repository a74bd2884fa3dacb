"""The documentation as a site: make docs. Nothing in it is fetched from elsewhere, so it works offline."""

from __future__ import annotations

from pygments.lexers import TextLexer
from sphinx.application import Sphinx

from upgan.version import __version__

project = "upgan"
release = version = __version__
copyright = "The upgan authors (MIT licence)"
extensions = ["myst_parser"]
exclude_patterns = ["Thumbs.db", ".DS_Store"]
html_theme = "furo"
html_title = f"upgan {release}"
html_copy_source = False
html_show_sphinx = False
# A link to a heading is checked as one to a page is.
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]


def setup(app: Sphinx) -> None:
    """The one diagram in mermaid is shown as its text: its renderer would be fetched."""
    app.add_lexer("mermaid", TextLexer)
