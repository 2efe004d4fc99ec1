"""What `fit` is at, for the stopwatch."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from vae_tf.stopwatch import Stopwatch

__all__ = ["PhaseClock"]


class PhaseClock(keras.callbacks.Callback):
    """Tells a stopwatch what `fit` is at: `train`, `validate`, or `trace`. It comes first among the callbacks.

    Args:
        stopwatch: it stands at `train` while `fit` runs.
    """

    def __init__(self, stopwatch: Stopwatch) -> None:
        super().__init__()
        self.stopwatch = stopwatch
        self.training = _Executions(stopwatch, "train")
        self.validation = _Executions(stopwatch, "validate")
        self._validating: AbstractContextManager[None] = nullcontext()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note that training steps begin."""
        self.training.begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note that they have ended."""
        self.training.end()

    def on_test_begin(self, logs: Any = None) -> None:
        """Note that a look at validation begins."""
        self._validating = self.stopwatch.phase("validate")
        self._validating.__enter__()

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note that batches of it begin."""
        self.validation.begin()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note that they have ended."""
        self.validation.end()

    def on_test_end(self, logs: Any = None) -> None:
        """Note that the look has ended."""
        self._validating.__exit__(None, None, None)


class _Executions:
    """The executions of one of Keras' functions. The first one traces it; the second one tells how much of that was steps."""

    def __init__(self, stopwatch: Stopwatch, phase: str) -> None:
        self.stopwatch = stopwatch
        self.phase = phase
        self._seconds: list[float] = []
        self._began = 0.0
        self._now: AbstractContextManager[None] = nullcontext()

    def begin(self) -> None:
        """Count from here: at first for `trace`."""
        name = self._name()
        self._began = self.stopwatch.seconds(name)
        self._now = self.stopwatch.phase(name)
        self._now.__enter__()

    def end(self) -> None:
        """Count no further."""
        name = self._name()
        self._now.__exit__(None, None, None)
        if len(self._seconds) < 2:
            self._seconds.append(self.stopwatch.seconds(name) - self._began)
            if len(self._seconds) == 2:
                self.stopwatch.move(min(self._seconds), "trace", self.phase)

    def _name(self) -> str:
        return self.phase if self._seconds else "trace"
