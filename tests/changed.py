"""Print the tests of what was changed since the last commit; where nothing was, of that commit: `make test-quick`.

They are the changed test files, those that import a changed module or a name of its, the examples in its docstrings, and the
conventions.
"""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALWAYS = "tests/conventions"


def changed_files() -> list[str]:
    """Return the Python files that differ from the last commit, or that the last commit changed."""
    commands = ["git diff --name-only HEAD", "git ls-files --others --exclude-standard"]
    found = [path for command in commands for path in _lines(command)] or _lines("git diff --name-only HEAD~1 HEAD")
    return sorted({path for path in found if path.endswith(".py") and (ROOT / path).is_file()})


def _lines(command: str) -> list[str]:
    return subprocess.run(command.split(), cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def imports(path: Path) -> Iterator[str]:
    """Give the modules that a file imports, and the names that it imports of them, both with dots."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def names_of(path: str) -> set[str]:
    """Return what a module of the package is imported by: its own name, and those of what it defines in its packages."""
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    packages = [module.rsplit(".", depth)[0] for depth in range(1, module.count(".") + 1)]
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    defined = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return {module, *(f"{package}.{name}" for package in packages for name in defined)}


def tests_of(changed: list[str]) -> list[str]:
    """Return the paths to test."""
    modules = [path for path in changed if path.startswith("vae_tf/")]
    wanted = set().union(*(names_of(path) for path in modules)) if modules else set()
    own = {path for path in changed if path.startswith("tests/") and Path(path).name.startswith("test_")}
    files = {str(path.relative_to(ROOT)): path for path in (ROOT / "tests").rglob("test_*.py")}
    own |= {name for name, path in files.items() if wanted.intersection(imports(path))}
    return [*modules, *sorted(name for name in own if not name.startswith(ALWAYS)), ALWAYS]


if __name__ == "__main__":
    print(*tests_of(changed_files()))  # noqa: T201 - it is for make
