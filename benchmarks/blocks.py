"""What the functions that write figures of the pages share: files, tables, and the register that `figures.py` reads."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIGURES: dict[str, Callable[[], str]] = {}


def figure(function: Callable[[], str]) -> Callable[[], str]:
    """Make a function known as the block of its name."""
    FIGURES[function.__name__] = function
    return function


def read(name: str) -> Any:
    """Return what a file of docs/results or benchmarks/results holds."""
    paths = [ROOT / folder / f"{name}.json" for folder in ("docs/results", "benchmarks/results")]
    return json.loads(next(path for path in paths if path.is_file()).read_text("utf-8"))


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (header, *rows)]
    return "\n".join([lines[0], re.sub(r"[^|]+", "---", lines[0]), *lines[1:]])


def pm(found: dict[str, Any], name: str, digits: int = 2) -> str:
    """Return a number with its standard error."""
    return f"{found[name]:.{digits}f} ± {found[f'{name}_stderr']:.{digits}f}"


def listed(words: Iterable[str]) -> str:
    """Return words as a sentence has them: with commas, and an `and` before the last."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def transcribed(name: str) -> None:
    """Make a table known whose runs left no file: it stands as its command printed it, in one place."""

    def write() -> str:
        found = read("transcribed")[name]
        return table(found["header"], found["rows"])

    FIGURES[name] = write


for _name in ("phases", "operations", "core_time", "compiled", "large_tables", "made_rows", "workers", "drags"):
    transcribed(_name)
for _name in ("tried_discrete", "joint_capacity", "weights_of_labels"):
    transcribed(_name)
