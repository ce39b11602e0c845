"""Settings of Sphinx for the site; ``./m3 docs`` stages the pages and calls it."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

from jinja2.sandbox import SandboxedEnvironment
from numpydoc import docscrape_sphinx
from numpydoc import numpydoc as numpydoc_extension

from m3leo_sar import __version__
from m3leo_sar._rooms import CallableRoom

DOCS = Path(__file__).resolve().parent
BUILD = DOCS.parent / "build"

project = "m3leo_sar"
author = copyright = "The m3leo_sar developers"
version = release = __version__
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
    "gallery/*.ipynb",
    "gallery/*.py",
    "gallery/*.json",
]
root_doc = "index"
default_role = "code"
nitpicky = False

# Pages in Markdown, and the notebooks that run when one of their cells changes.
myst_enable_extensions = ["colon_fence", "attrs_block", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_cache_path = str(BUILD / "notebook-cache")
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_execution_show_tb = True
# Widgets would load a script from a server.
nb_ipywidgets_js = {}
suppress_warnings = [
    # Blocks of text, of shell and of other programs' output have no lexer that fits all their lines.
    "misc.highlighting_failure",
]

# The reference: docstrings give types and shapes, so signatures need not repeat them.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": False}
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": str(DOCS / "gallery"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_\w+\.py$",
    "download_all_examples": False,
    "min_reported_time": 1000,
    # Its page would load scripts from servers.
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "plot_gallery": os.environ.get("M3LEO_SAR_GALLERY", "1") == "1",
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    "within_subsection_order": "FileNameSortKey",
}

# The page. All scripts, styles and fonts come with the theme and are copied into the site.
html_theme = "pydata_sphinx_theme"
html_title = "m3leo_sar"
html_short_title = "m3leo_sar"
html_static_path = [str(DOCS / "static")]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "m3leo_sar"},
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "show_nav_level": 1,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "footer_start": ["copyright"],
    "footer_end": [],
    "primary_sidebar_end": [],
    "search_bar_text": "Search the documentation",
    "back_to_top_button": True,
}
html_sidebars = {"index": []}
html_context = {"default_mode": "auto"}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
# `./m3 docs --links` checks external links; it needs a network and is not part of the build.
linkcheck_timeout = 20

_ENVIRONMENTS: list[SandboxedEnvironment] = []


def _one_environment(**options: Any) -> SandboxedEnvironment:
    if not _ENVIRONMENTS:
        _ENVIRONMENTS.append(SandboxedEnvironment(**options))
    return _ENVIRONMENTS[0]


def setup(app: Any) -> None:
    """Called by Sphinx."""
    # Before numpydoc, which formats the text.
    app.connect("autodoc-process-docstring", _word_of_a_room, priority=400)
    app.connect("autodoc-skip-member", _skip_foreign)


def _word_of_a_room(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A room that is called as a word, such as ``m3leo_sar.view``, has the text of its function."""
    if isinstance(obj, CallableRoom):
        lines[:] = [*(inspect.getdoc(obj.function()) or "").splitlines(), ""]


def _skip_foreign(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out methods that another package gave to a class, whose docstrings follow that package's rules."""
    module = getattr(obj, "__module__", None) if inspect.isroutine(obj) else None
    return True if module and not module.startswith("m3leo_sar") else None


# numpydoc would compile its template and search for a signature once per docstring, a third of the build.
docscrape_sphinx.SandboxedEnvironment = _one_environment
numpydoc_extension.mangle_signature = lambda *_: None
