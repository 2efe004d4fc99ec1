"""What every source file must keep to, found by reading its syntax tree."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import vae_tf

PACKAGE = Path(vae_tf.__file__).parent

EXEMPT = ("vae_tf.cli", "vae_tf.__main__")
"""Commands are found by the command line, not imported by people."""


def _public_modules(modules):
    return {name: tree for name, tree in modules.items() if name != "vae_tf" and not name.startswith(EXEMPT)}


def _assigned_all(tree):
    """Return the value of `__all__` as a syntax tree, or None."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return node.value
    return None


def _sort_key(name):
    """Constants, then classes, then functions: the order that ruff's RUF022 keeps."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def _where(name, node):
    return f"{name}:{node.lineno}"


def _definitions(tree):
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def test_every_module_has_a_sorted_literal_all_whose_names_exist(modules):
    wrong = []
    for name, tree in _public_modules(modules).items():
        value = _assigned_all(tree)
        if value is None:
            empty = not [node for node in tree.body if not isinstance(node, ast.Expr)]
            wrong += [] if empty else [f"{name} has no __all__"]
            continue
        names = ast.literal_eval(value)
        module = importlib.import_module(name)
        wrong += [f"{name} has no {missing}" for missing in names if not hasattr(module, missing)]
        wrong += [] if names == sorted(names, key=_sort_key) else [f"{name}: __all__ is not sorted"]
        wrong += [] if len(set(names)) == len(names) else [f"{name}: __all__ repeats a name"]
    assert wrong == []


def test_every_public_class_and_function_is_in_its_module_s_all(modules):
    wrong = []
    for name, tree in _public_modules(modules).items():
        listed = ast.literal_eval(_assigned_all(tree)) if _assigned_all(tree) is not None else []
        wrong += [f"{name}.{node.name}" for node in _definitions(tree) if node.name not in listed]
    assert wrong == []


def test_packages_export_only_what_their_modules_declare_public(modules):
    wrong = []
    for name, tree in _public_modules(modules).items():
        for node in tree.body:
            source = modules.get(node.module) if isinstance(node, ast.ImportFrom) else None
            declared = _assigned_all(source) if source is not None else None
            if declared is not None and node.module.startswith(f"{name}."):
                names = set(ast.literal_eval(declared))
                wrong += [f"{node.module}.{alias.name}" for alias in node.names if alias.name not in names]
    assert wrong == []


def _documented(tree):
    """Return every public class, function and method."""
    for node in _definitions(tree):
        yield node
        if isinstance(node, ast.ClassDef):
            yield from (f for f in node.body if isinstance(f, ast.FunctionDef) and not f.name.startswith("_"))


def test_every_module_and_public_name_has_a_docstring_with_a_one_line_beginning(modules):
    wrong = []
    for name, tree in modules.items():
        for node in (tree, *_documented(tree)):
            text = ast.get_docstring(node) or ""
            first = text.split("\n\n")[0]
            if not text or "\n" in first:
                wrong.append(f"{name}.{getattr(node, 'name', '')}")
    assert wrong == []


def test_what_is_raised_on_purpose_in_a_public_function_is_documented(modules):
    """`Raises:` is in the docstring of every public function that raises by itself."""
    wrong = []
    for name, tree in _public_modules(modules).items():
        for node in _documented(tree):
            if not isinstance(node, ast.FunctionDef) or node.name == "__init__":
                continue
            raised = [r for r in ast.walk(node) if isinstance(r, ast.Raise) and r.exc is not None]
            purposeful = [r for r in raised if "NotImplementedError" not in ast.unparse(r.exc)]
            if purposeful and "Raises:" not in (ast.get_docstring(node) or ""):
                wrong.append(_where(name, node))
    assert wrong == []


@pytest.mark.parametrize("library", ["pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"])
def test_nothing_imports_a_pickle(library, modules):
    for name, tree in modules.items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert library not in {part.split(".")[0] for part in names}, _where(name, node)


@pytest.mark.parametrize("keyword", ["allow_pickle=True", "safe_mode=False", "shell=True", "verify=False"])
def test_no_call_switches_a_safeguard_off(keyword, modules):
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                given = {f"{k.arg}={ast.unparse(k.value)}" for k in node.keywords}
                assert keyword not in given, _where(name, node)


@pytest.mark.parametrize("function", ["Lambda", "enable_unsafe_deserialization", "eval", "exec"])
def test_no_lambda_layers_and_no_code_from_data(function, modules):
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
                assert called != function, _where(name, node)


def test_there_are_no_asserts_in_the_package(modules):
    found = [_where(n, node) for n, tree in modules.items() for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert found == []


def test_there_is_no_bare_except(modules):
    handlers = [(n, node) for n, tree in modules.items() for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    assert [_where(name, node) for name, node in handlers if node.type is None] == []


def test_tfp_layers_keras_2_and_sessions_are_not_used(modules):
    """Sessions are for those alone that run a SavedModel as a model server does."""
    with_sessions = {"vae_tf.export.standalone", "vae_tf.serving.loaded_model"}
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert not str(node.module).startswith(("tensorflow_probability.python.layers", "tf_keras"))
            if isinstance(node, ast.Attribute):
                text = ast.unparse(node)
                assert not text.startswith(("tfp.layers", "tf.keras")), _where(name, node)
                assert name in with_sessions or not text.startswith("tf.compat.v1"), _where(name, node)


def test_nothing_compares_a_kind(modules):
    """No code asks which class a configuration's `kind` names: the parts know themselves what they need; see `vae_tf.parts`."""
    found = []
    for name, tree in _public_modules(modules).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                texts = [ast.unparse(side) for side in sides]
                kinds = [t for t in texts if t.endswith(".kind") and not t.endswith(("dtype.kind", "one.kind", "family.kind"))]
                found += [_where(name, node) for _ in kinds]
    assert found == []


FAMILIES = ("vae_tf.models.latents", "vae_tf.models.likelihoods", "vae_tf.models.networks", "vae_tf.models.priors")
FOLDERS = (*FAMILIES, "vae_tf.objectives", "vae_tf.schedules", "vae_tf.data.augmentations", "vae_tf.data.sources")


def _kinds(tree):
    """Return the kinds that a module registers."""
    for node in tree.body:
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "register":
                yield ast.literal_eval(decorator.args[0])


def test_a_family_is_one_file_of_its_name(modules):
    found = {name: list(_kinds(tree)) for name, tree in modules.items()}
    families = {name: names for name, names in found.items() if names}
    assert len(families) >= 40
    assert [name for name, names in families.items() if names != [name.rpartition(".")[2]]] == []
    assert {name.rpartition(".")[0] for name in families} == set(FOLDERS)


def test_no_family_is_named_outside_its_folder(modules):
    """A class of a family is imported by its relatives alone, or by those that give a default; nobody asks what it is."""
    families = {name: node.name for name, tree in modules.items() if list(_kinds(tree)) for node in _definitions(tree)}
    bases = {"vae_tf.objectives.elbo"}  # the default objective
    wrong = []
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in set(families) - bases:
                taken = [alias.name for alias in node.names if alias.name == families[node.module]]
                relative = name.startswith(node.module.rpartition(".")[0] + ".")
                wrong += [] if relative or not taken else [f"{name} imports {taken}"]
    assert wrong == []


@pytest.mark.parametrize("name", [f"vae_tf.{part}" for part in ("models", "objectives", "evaluation", "training", "tuning")])
def test_packages_re_export_every_public_class_of_their_modules(name, modules):
    """By name, or as a family."""
    package = importlib.import_module(name)
    internal = {
        "Checkpointing",
        "FiniteGuard",
        "GracefulStop",
        "MetricsLog",
        "ProgressBar",
        "FusedAdam",
        "Pace",
        "PhaseClock",
        "Length",
        "MlflowTracker",
        "WandbTracker",
        "Tracked",
    }
    helpers = {"NormalMixture", "NormalMixturePrior", "LevelLikelihood", "ForDiscrete", "LabelledSet"}
    helpers |= {"Evidence", "Measured", "ObviousSettings", "Plain", "PlainData", "WittenBell", "MultiHeadAttention"}
    helpers |= {"LocationScaleLikelihood", "SequenceNetwork"}
    for module, tree in modules.items():
        if module.startswith(f"{name}."):
            classes = {node.name for node in _definitions(tree) if isinstance(node, ast.ClassDef)}
            assert [one for one in sorted(classes - internal - helpers) if not hasattr(package, one)] == [], module


def test_one_function_writes_numbers_with_their_errors():
    """It does not print the error of a few examples as if it were known; plain models have none where they are few."""
    found = {path.name for path in PACKAGE.rglob("*.py") if re.search(r"±\W*\{", path.read_text("utf-8"))}
    assert found == {"uncertainty.py", "tables.py"}
    tables = (PACKAGE / "evaluation" / "tables.py").read_text("utf-8")
    assert len(re.findall(r"±\W*\{", tables)) == tables.count("± {other.stderr")
