"""Writes the figures of the pages in docs/ from the JSON of their runs.

    python benchmarks/figures.py           # puts every marked block right
    python benchmarks/figures.py --check   # names the blocks that differ, exit code 1

A block stands between `<!-- figures: NAME -->` and `<!-- end -->`, and is what the function NAME of a `blocks_*.py` returns. A
test compares the two: a figure that is typed into a block, or a JSON file that was made anew, is found; so is one elsewhere.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import blocks_measures  # noqa: F401 - fills the register
import blocks_results  # noqa: F401
import blocks_serving  # noqa: F401
import blocks_speed  # noqa: F401
from blocks import FIGURES, ROOT

PAGES = [*sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")), "docs/examples/README.md"]
BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n)(.*?)(\n?<!-- end -->)", re.DOTALL)


def written(text: str) -> str:
    """Return a page with its blocks as their files have them."""
    return BLOCK.sub(lambda match: f"{match[1]}{FIGURES[match[2]]()}\n<!-- end -->", text)


def differing(root: Path = ROOT) -> list[str]:
    """Return the blocks that are not what their files say, as `PAGE: NAME`."""
    found = ((page, match) for page in PAGES for match in BLOCK.finditer((root / page).read_text("utf-8")))
    return [f"{page}: {match[2]}" for page, match in found if match[3] != FIGURES[match[2]]()]


def main() -> None:
    """Put the pages right, or say what is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where a block differs")
    wrong = differing()
    if not parser.parse_args().check:
        for page in PAGES:
            path = ROOT / page
            path.write_text(written(path.read_text("utf-8")), "utf-8")
    print("\n".join(wrong) or "Every block is what its file says.")
    sys.exit(bool(wrong) and parser.parse_args().check)


if __name__ == "__main__":
    main()
