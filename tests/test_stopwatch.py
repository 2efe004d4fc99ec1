"""The stopwatch: every moment counts once, for the innermost phase, whatever is raised."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_tf.stopwatch import PHASES, REST, WHOLE, Stopwatch


class Clock:
    """Stands still until it is moved on."""

    def __init__(self):
        self.now = 5.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


TREES = st.recursive(
    st.just([]), lambda inner: st.lists(st.tuples(st.sampled_from(sorted(PHASES)), inner, st.integers(0, 9)), max_size=4)
)


def _walk(stopwatch, clock, tree, name, expected):
    """Go through phases, and tell how long each was by itself."""
    for phase, inner, seconds in tree:
        with stopwatch.phase(phase):
            clock.now += seconds
            expected[phase] = expected.get(phase, 0) + seconds
            _walk(stopwatch, clock, inner, phase, expected)
        clock.now += 1
        expected[name] = expected.get(name, 0) + 1


@given(TREES)
def test_the_rows_are_what_each_phase_took_by_itself_and_add_up_to_the_whole(tree):
    clock, expected = Clock(), {}
    stopwatch = Stopwatch(clock)
    _walk(stopwatch, clock, tree, REST, expected)
    read = stopwatch.read()
    assert list(read) == [*PHASES, REST, WHOLE]
    assert {name: seconds for name, seconds in read.items() if seconds and name != WHOLE} == {
        name: seconds for name, seconds in expected.items() if seconds
    }
    assert read[WHOLE] == clock.now - 5.0 == sum(read.values()) - read[WHOLE]


def test_what_is_raised_ends_all_phases_inside(clock):
    stopwatch = Stopwatch(clock)
    with pytest.raises(KeyboardInterrupt), stopwatch.phase("train"):
        stopwatch.phase("validate").__enter__()  # by a callback that is never told of the end
        clock.now += 2
        raise KeyboardInterrupt
    clock.now += 3
    read = stopwatch.read()
    assert (read["validate"], read["train"], read[REST]) == (2, 0, 3)


def test_what_was_before_counts_and_seconds_can_be_moved(clock):
    stopwatch = Stopwatch(clock, gone=4.0, phase="import")
    with stopwatch.phase("trace"):
        clock.now += 3
    stopwatch.move(1.0, "trace", "train")
    read = stopwatch.read()
    assert (read["import"], read["trace"], read["train"], read[WHOLE]) == (4, 2, 1, 7)


def test_there_are_no_phases_but_those_that_are_explained(clock):
    with pytest.raises(KeyError), Stopwatch(clock).phase("trian"):
        pass


def test_a_process_counts_from_its_own_beginning():
    code = (
        "from vae_tf.stopwatch import Stopwatch; import time; time.sleep(0.3); print(Stopwatch.of_process().read()['import'])"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert 0.3 < float(done.stdout) < time.perf_counter() - began + 0.05  # the system counts in hundredths
