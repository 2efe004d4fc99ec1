"""How processes of the program end."""

import signal
import subprocess
import sys

import pytest

END = """
import atexit, signal, sys, os
from vae_tf.processes import ending_once_done

class Library:
    def __del__(self):
        print("taken apart")

kept = Library()
with ending_once_done():
    atexit.register(print, "registered")
    {registered}
    print("done")
    {end}
"""


def _run(end, registered=""):
    code = END.format(end=end, registered=registered)
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_what_is_registered_runs_and_no_library_is_taken_apart(code):
    done = _run(f"sys.exit({code})")
    assert (done.returncode, done.stdout, done.stderr) == (code, "done\nregistered\n", "")


def test_an_error_that_nobody_took_is_pythons_to_tell():
    done = _run("raise ValueError('mine')")
    assert done.returncode == 1 and "ValueError: mine" in done.stderr and done.stdout.endswith("taken apart\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_end_leaves_no_traceback(number):
    done = _run("sys.exit(0)", registered=f"atexit.register(os.kill, os.getpid(), {int(number)})")
    assert (done.returncode, done.stderr) == (-number, "")
