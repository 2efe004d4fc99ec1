"""`make test-quick` tests what was changed, and nothing that has no part in it."""

import runpy
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_tests_of_a_module_are_those_that_import_it_or_its_names():
    tests_of = runpy.run_path(str(TESTS / "changed.py"))["tests_of"]
    found = tests_of(["vae_tf/evaluation/conditioning.py", "tests/models/test_build.py", "docs/make_commands.py"])
    assert found[0] == "vae_tf/evaluation/conditioning.py" and found[-1] == "tests/conventions"
    assert {"tests/evaluation/test_conditioning.py", "tests/models/test_build.py"} <= set(found)
    assert "tests/models/test_likelihoods.py" not in found
    of_the_package = tests_of(["vae_tf/models/latents/gaussian.py"])  # imported as `from vae_tf.models import GaussianLatent`
    assert "tests/evaluation/test_conditioning.py" in of_the_package
