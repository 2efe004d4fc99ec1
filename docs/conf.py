"""The site of these pages: `make docs`. On GitHub their links lead out of this folder too; here to what the site shows."""

import html
import os
import re
import sys
from pathlib import Path
from typing import Any

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_NUM_INTRAOP_THREADS="1", PYTHONPATH=str(ROOT))

from vae_tf.quiet import quiet_imports  # noqa: E402 - found by the line above
from vae_tf.version import VERSION  # noqa: E402

with quiet_imports():
    import tensorflow  # noqa: F401 - the docstrings' modules import it

project = "vae_tf"
author = "the authors of vae_tf"
version = release = VERSION
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_design"]
exclude_patterns = ["_build", "results"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "force"  # whenever a page is read: what was drawn before may be another package's
nb_execution_excludepatterns = ["notebooks/*"]  # they hold what they showed: docs/make_notebooks.py
nb_execution_timeout = 180
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_code_prompt_show = "Show the code of this picture"
nb_code_prompt_hide = "Hide the code"
nb_output_stderr = "remove"  # TensorFlow's greetings; what fails is raised
html_theme = "furo"
html_title = f"vae_tf {VERSION}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["film.js"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_math_renderer = "mathml"
default_role = "code"
napoleon_custom_sections = ["Returns"]  # prose, where a colon ends no type
autodoc_typehints = "none"  # the docstrings say types and shapes in words
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
add_module_names = False

COPIES = {f"project/{name.lower()}": ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")}
"""Pages of the site that show pages of the root."""
LINK = re.compile(r"\[([^\]\[]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def show_here(app: Any, name: str, source: list[str]) -> None:
    """Put the root's pages into their places, and turn links between the two folders into links within the site."""
    copied = COPIES.get(name)
    if copied:
        source[0] = copied.read_text("utf-8")
        app.env.note_dependency(str(copied))
    if name.startswith("notebooks/"):
        return
    start = (ROOT / "docs" / name).parent

    def moved(link: re.Match[str]) -> str:
        target = ((ROOT if copied else start) / link[2]).resolve()
        shown = next((ROOT / "docs" / f"{page}.md" for page, path in COPIES.items() if path == target), target)
        is_page = shown.is_relative_to(ROOT / "docs")
        if shown.is_dir() or (shown.suffix == ".md" and shown.exists() and not is_page):
            return link[1]  # the site has nothing to show there
        return f"[{link[1]}]({Path(os.path.relpath(shown, start)).as_posix()}{link[3] or ''})"

    source[0] = LINK.sub(moved, source[0])


def escape_text(_app: Any, _what: str, _name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    """Take docstrings for what they are, plain text: a star is a star."""
    for index, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = line.split("`")
            lines[index] = "`".join([re.sub(r"([*|])", r"\\\1", part) if i % 2 == 0 else part for i, part in enumerate(parts)])


def mathematics(node: Any, display: bool) -> str:
    """Return a formula as MathML, which browsers draw by themselves."""
    text = node.astext()
    try:
        mathml = tex2mathml(text, as_block=display)
    except MathError as error:
        logging.getLogger(__name__).warning("%s %s", text, error, location=node)
        return html.escape(text)
    mathml = mathml.replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>')  # as high as a letter, beside fractions too
    return mathml.replace("<math ", f'<math alttext="{html.escape(text)}" ', 1)


def visit_inline(writer: Any, node: Any) -> None:
    """Write a formula within a sentence."""
    writer.body.append(mathematics(node, display=False))
    raise SkipNode


def visit_block(writer: Any, node: Any) -> None:
    """Write a formula on a line of its own."""
    writer.body.append(f'<div class="formula">{mathematics(node, display=True)}</div>')
    raise SkipNode


def setup(app: Any) -> None:
    """Say what this project adds to Sphinx."""
    app.connect("source-read", show_here)
    app.connect("autodoc-process-docstring", escape_text, priority=400)  # before napoleon's
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
