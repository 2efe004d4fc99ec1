"""What happens around TensorFlow's import: no messages, and no search for garbage among what stays."""

import gc
import subprocess
import sys

import pytest

from vae_tf.quiet import quiet_imports


@pytest.fixture
def collector():
    """Leave Python's collector as it was."""
    was_enabled = gc.isenabled()
    yield
    (gc.enable if was_enabled else gc.disable)()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("before", [True, False])
def test_nothing_is_collected_meanwhile_and_the_collector_is_as_it_was_afterwards(before):
    (gc.enable if before else gc.disable)()
    with quiet_imports():
        assert not gc.isenabled()
        with quiet_imports():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() == before
    with pytest.raises(ImportError), quiet_imports():
        raise ImportError
    assert gc.isenabled() == before


def test_what_was_imported_is_not_looked_through_when_a_command_ends():
    code = "import gc, atexit\natexit.register(lambda: print(gc.get_freeze_count(), gc.isenabled()))\n"
    code += "from vae_tf.quiet import keep_imports\nkeep_imports()\nkeep_imports()\nmade = [[] for _ in range(1000)]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    frozen, is_enabled = done.stdout.split()
    assert int(frozen) > 1000 and is_enabled == "True"
