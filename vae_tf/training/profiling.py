"""Profile: a trace of a few steps, for TensorBoard's Profile tab."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from vae_tf.errors import UserValueError

__all__ = ["Profile"]


class Profile(keras.callbacks.Callback):
    """Writes a trace of what runs on which thread and for how long, from the second execution on: the first one compiles.

    It ends where a look at validation begins: it holds training steps alone, and slows nothing else down. Several steps run in
    one execution (`training.steps_per_execution`), so that a trace of two shows enough of them.

    Args:
        folder: of TensorBoard's event files; the trace is in its `plugins/profile`.
        num_executions: how many are traced; fewer where validation begins.

    Attributes:
        is_written: whether there is a trace.

    Example:
        >>> Profile(Path("runs/a/tensorboard/train"), num_executions=1).is_written
        False
    """

    def __init__(self, folder: Path, num_executions: int = 2) -> None:
        super().__init__()
        self.folder = folder
        self.num_executions = num_executions
        self.is_written = False
        self._is_tracing = False
        self._executions = 0
        self._marker: Any = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Start at the second execution, and mark where it begins: the plug-in reckons the time of a step from the marks."""
        if self._executions and not (self._is_tracing or self.is_written):
            tf.profiler.experimental.start(str(self.folder))
            self._is_tracing = True
        self._marker = tf.profiler.experimental.Trace("train", step_num=self._executions, _r=1)
        self._marker.__enter__()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop when enough are traced."""
        self._executions += 1
        self._marker.__exit__(None, None, None)
        if self._executions == 1 + self.num_executions:
            self.close()

    def on_test_begin(self, logs: Any = None) -> None:
        """Stop before validation."""
        self.close()

    def on_train_end(self, logs: Any = None) -> None:
        """Write what there is.

        Raises:
            UserValueError: there is nothing: all steps ran in the first execution.
        """
        self.close()
        if not self.is_written:
            raise UserValueError("all steps ran in one execution. Train for longer, or lower training.steps_per_execution")

    def close(self) -> None:
        """Write what there is, once; also for a training that broke off: the profiler is one for the whole process."""
        if self._is_tracing:
            self._is_tracing, self.is_written = False, True
            tf.profiler.experimental.stop()
