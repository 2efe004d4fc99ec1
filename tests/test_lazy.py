"""Packages that import their names when they are first used."""

import importlib
import subprocess
import sys

import pytest

PACKAGES = [f"vae_tf.{name}" for name in ("data", "evaluation", "serving", "tuning")]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_comes_from_a_module_and_no_other_does(name):
    package = importlib.import_module(name)
    assert set(package._MODULES) == set(package.__all__)
    assert {getattr(package, one).__module__ for one in package.__all__ if isinstance(getattr(package, one), type)} <= {
        f"{name}.{module}" for module in package._MODULES.values()
    }
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018 - looking is the test


def test_a_light_name_brings_nothing_heavy():
    """In a process of its own: this one has TensorFlow already."""
    code = f"import sys, {', '.join(PACKAGES)}; print(vae_tf.data.list_datasets.__module__, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["vae_tf.data.catalog", "False"], done.stderr
