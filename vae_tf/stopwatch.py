"""A stopwatch: where the seconds of a run went, each counted once."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

__all__ = ["PHASES", "REST", "WHOLE", "Stopwatch"]

PHASES = {
    "import": "Python, TensorFlow, the configuration",
    "read": "the data, and a look at them",
    "start": "choosing, short trainings that decide, building the model, fitting its start, trying steps for --minutes",
    "trace": "TensorFlow's graphs of a training and a validation step",
    "train": "training steps",
    "validate": "the validation split",
    "checkpoint": "writing and reading checkpoints",
    "pictures": "TensorBoard, pictures, the projector, the progress bar",
    "profiler": "TensorFlow's trace for the Profile tab",
    "evaluate": "the test split",
    "plain_models": "plain models of the data",
    "write": "configuration, metrics, the model's file",
}
"""The phases of a training, in their order, and what each is."""
REST = "rest"
"""What is in no phase."""
WHOLE = "whole"
"""All of it."""


class Stopwatch:
    """Counts seconds by phase. Phases nest, and a moment counts for the innermost one alone: the seconds add up to the whole.

    Args:
        clock: gives seconds.
        gone: seconds before now that count too.
        phase: what those were spent on.

    Example:
        >>> moments = iter([0.0, 1.0, 3.0, 6.0, 8.0, 9.0])
        >>> stopwatch = Stopwatch(clock=lambda: next(moments))
        >>> with stopwatch.phase("train"), stopwatch.phase("validate"):
        ...     pass
        >>> {name: seconds for name, seconds in stopwatch.read().items() if seconds}
        {'train': 4.0, 'validate': 3.0, 'rest': 2.0, 'whole': 9.0}
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, gone: float = 0.0, phase: str = REST) -> None:
        self._clock = clock
        self._since = clock()
        self._open: list[str] = []
        self._seconds = {phase: gone} if gone else {}

    @classmethod
    def of_process(cls, phase: str = "import") -> "Stopwatch":
        """Return a stopwatch that runs since this process began; the time until now counts for a phase."""
        return cls(gone=_age_of_process(), phase=phase)

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Count a block for a phase of `PHASES`, but for what phases inside it count for themselves.

        What is entered and never left ends with the phase around it.

        Raises:
            KeyError: there is no such phase.
        """
        if name not in PHASES:
            raise KeyError(name)
        return _Phase(self, name)

    def seconds(self, name: str) -> float:
        """Return the seconds of a phase until now."""
        self._count()
        return self._seconds.get(name, 0.0)

    def move(self, seconds: float, source: str, target: str) -> None:
        """Count seconds of a phase for another one."""
        for name, change in ((source, -seconds), (target, seconds)):
            self._seconds[name] = self._seconds.get(name, 0.0) + change

    def read(self) -> dict[str, float]:
        """Return the seconds of every phase until now, of the `rest`, and of the `whole`: the sum of the others."""
        self._count()
        rows = {name: round(self._seconds.get(name, 0.0), 3) for name in (*PHASES, REST)}
        return {**rows, WHOLE: round(sum(rows.values()), 3)}

    def _begin(self, name: str) -> int:
        """Return how many phases are around the new one."""
        self._count()
        self._open.append(name)
        return len(self._open) - 1

    def _end(self, depth: int) -> None:
        self._count()
        del self._open[depth:]

    def _count(self) -> None:
        now = self._clock()
        name = self._open[-1] if self._open else REST
        self._seconds[name] = self._seconds.get(name, 0.0) + now - self._since
        self._since = now


class _Phase(AbstractContextManager[None]):
    """One block; no generator, which Python would end at any time once nobody knows it."""

    def __init__(self, stopwatch: Stopwatch, name: str) -> None:
        self.stopwatch = stopwatch
        self.name = name
        self.depth = 0

    def __enter__(self) -> None:
        self.depth = self.stopwatch._begin(self.name)

    def __exit__(self, *_: object) -> None:
        self.stopwatch._end(self.depth)


def _age_of_process() -> float:
    """Return the seconds since this process began; where the system does not say, those that it computed."""
    try:
        ticks = float(Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[19])
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, ValueError, IndexError):
        return time.process_time()
