"""Settings of the documentation: `make docs` builds it into build/docs, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import essentia_ldl

project = "essentia-ldl"
author = "the authors of essentia-ldl"
copyright = "the authors of essentia-ldl, AGPL-3.0-or-later"  # the name that Sphinx reads
version = release = essentia_ldl.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "myst_parser",
    "numpydoc",
    "extensions.pages",
    "extensions.notebook",
]
exclude_patterns = ["extensions"]
root_doc = "index"
default_role = "literal"  # what docstrings put between single backticks are names
nitpicky = False

myst_enable_extensions = ["deflist", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3
suppress_warnings = ["myst.strikethrough"]

autosummary_generate = False
autodoc_typehints = "none"  # the docstrings say types, shapes and units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "essentia-ldl"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#0072b2"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}
