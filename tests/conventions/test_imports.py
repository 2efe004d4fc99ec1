"""Data flow top to bottom: a module imports only from earlier ones, and the first ones do not start TensorFlow."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ORDER = [
    "version",
    "errors",
    "escaping",
    "notebooks",
    "consoles",
    "failures",
    "checksums",
    "files",
    "sums",
    "program",
    "quiet",
    "stopwatch",
    "parts",
    "config",
    "config_sources",
    "seeding",
    "artifacts",
    "paths",
    "cluster",
    "processes",
    "launcher",
    "lazy",
    "draws",
    "data",
    "replicas",
    "optimizers",
    "schedules",
    "objectives",
    "models",
    "contract",
    "evaluation",
    "training",
    "export",
    "bulk",
    "serving",
    "explorer",
    "tuning",
    "checking",
    "hub",
    "api",
    "cli",
    "__main__",
]
LIGHT = (*ORDER[: ORDER.index("draws")], "cli", "__main__")
HEAVY = ("tensorflow", "keras", "tensorflow_probability", "tensorflow_datasets", "tf_keras", "keras_tuner")


def _place(name):
    """Return where in the order a module of the package stands."""
    return ORDER.index(name.split(".")[1])


def _imported(tree):
    """Return the package's modules that a module imports, wherever in its text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _internal(tree, modules):
    return {name for name in _imported(tree) if name in modules and name != "vae_tf"}


def test_every_part_of_the_package_has_a_place_in_the_order(modules):
    assert {name.split(".")[1] for name in modules if name != "vae_tf"} <= set(ORDER)


def test_modules_import_only_from_earlier_parts(modules):
    wrong = [
        f"{name} imports {other}"
        for name, tree in modules.items()
        if name != "vae_tf"
        for other in _internal(tree, modules)
        if _place(other) > _place(name)
    ]
    assert wrong == []


def test_the_package_itself_imports_nothing_of_its_own(modules):
    """Its names come when they are first used; for type checkers alone it says from where."""
    tree = modules["vae_tf"]
    for_checkers = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    rest = ast.Module([node for node in tree.body if node not in for_checkers], [])
    assert {name.split(".")[0] for name in _imported(rest)} == {"importlib", "typing"}


def test_the_package_gives_its_names_from_where_type_checkers_look(modules):
    import vae_tf

    named = {}
    for node in ast.walk(modules["vae_tf"]):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("vae_tf"):
            named |= {alias.name: node.module for alias in node.names}
    assert set(named) == set(vae_tf.__all__)
    for name, module in named.items():
        assert getattr(vae_tf, name) is getattr(importlib.import_module(module), name), name


def _circles(graph):
    """Return the circles in a graph of names and what each imports, as texts."""
    done: set[str] = set()
    found = []

    def visit(name, path):
        if name in path:
            found.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, [*path, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return found


def test_there_are_no_circles(modules):
    graph = {name: _internal(tree, modules) - {name} for name, tree in modules.items()}
    # `from package.module import x` names the package too, whose __init__ imports its modules: not a circle.
    graph = {name: {other for other in others if not name.startswith(f"{other}.")} for name, others in graph.items()}
    assert _circles(graph) == []


def test_there_are_no_circles_in_the_benchmarks():
    trees = {path.stem: ast.parse(path.read_text("utf-8")) for path in (Path(__file__).parents[2] / "benchmarks").glob("*.py")}
    graph = {name: set(_imported(tree)) & set(trees) for name, tree in trees.items()}
    assert graph["sides"] == {"jax_sides", "measuring", "own_sides", "peer_sides"}
    assert _circles(graph) == []


def _top_level_imports(tree):
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).split(".")[0]


@pytest.mark.parametrize("part", LIGHT)
def test_light_modules_name_no_heavy_library_at_their_top_level(part, modules):
    light = [tree for name, tree in modules.items() if name == f"vae_tf.{part}" or name.startswith(f"vae_tf.{part}.")]
    assert light
    assert not {name for tree in light for name in _top_level_imports(tree)} & set(HEAVY)


def test_light_modules_import_no_heavy_library_in_any_way(modules):
    """In a process of its own: this one has TensorFlow already."""
    parts = tuple(f"vae_tf.{part}" for part in LIGHT)
    light = [name for name in modules if name.startswith(parts)]
    code = f"import sys, {', '.join(light)}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_run_py_and_the_package_as_a_program_start_the_command_line_and_nothing_else(modules):
    text = (Path(__file__).parents[2] / "run.py").read_text("utf-8")
    for tree in (ast.parse(text), modules["vae_tf.__main__"]):
        assert set(_imported(tree)) == {"vae_tf.cli", "vae_tf.cli.main"}
