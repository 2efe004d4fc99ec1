"""What only shows: it may fail without ending a training."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
from rich import box
from rich.console import Console
from rich.table import Table

from vae_tf.consoles import warn_on
from vae_tf.stopwatch import PHASES, REST, WHOLE, Stopwatch

__all__ = ["Shown", "only_shown", "timing_table"]


@contextlib.contextmanager
def only_shown(what: str, console: Console) -> Iterator[None]:
    """Run a block that only shows something: where it fails, say so in one line and go on.

    Example:
        >>> import sys
        >>> with only_shown("pictures", Console(file=sys.stdout, width=100)):
        ...     raise OverflowError("too large")
        Warning: pictures failed, the training goes on: OverflowError: too large
    """
    try:
        yield
    except Exception as error:
        _tell(what, error, console)


def _tell(what: str, error: Exception, console: Console) -> None:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    with contextlib.suppress(Exception):  # the console may be what failed
        warn_on(console, f"{what} failed, the training goes on: {reason}")


def timing_table(timing: Mapping[str, float]) -> Table:
    """Return where the time went: a row a phase that there was, with its seconds and its share of the whole.

    Args:
        timing: as `Stopwatch.read` returns it.

    Example:
        >>> table = timing_table({"import": 1.0, "train": 2.5, "validate": 0.0, "rest": 0.5, "whole": 4.0})
        >>> table.row_count, list(table.columns[2].cells)
        (4, ['25.0 %', '62.5 %', '12.5 %', '100.0 %'])
    """
    table = Table(title="Where the time went", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("phase", "seconds", "share", "what"):
        is_number = heading in ("seconds", "share")
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=heading != "what")
    meanings = {**PHASES, REST: "of the process until now", WHOLE: "the process until now"}
    for name, seconds in timing.items():
        if seconds:
            share = f"{seconds / timing[WHOLE]:.1%}".replace("%", " %")
            table.add_row(name.replace("_", " "), f"{seconds:.2f}", share, meanings[name])
    return table


class Shown(keras.callbacks.Callback):
    """Calls another callback, one that only shows something: what it raises is one warning, and never ends a training.

    The other one is called again after a failure, so that one bad epoch does not hide the next; only the first is told.

    Args:
        shown: the other one.
        what: its name for people.
        console: where the warning is printed.
        stopwatch: where the seconds of the calls are counted.
        phase: for what.

    Attributes:
        has_failed: whether the other one has failed.
    """

    def __init__(
        self, shown: keras.callbacks.Callback, what: str, console: Console, stopwatch: Stopwatch, phase: str = "pictures"
    ) -> None:
        super().__init__()
        self.shown = shown
        self.what = what
        self.console = console
        self.stopwatch = stopwatch
        self.phase = phase
        self.has_failed = False

    def call(self, name: str, *arguments: Any) -> None:
        """Call one of the other's methods."""
        try:
            with self.stopwatch.phase(self.phase):
                getattr(self.shown, name)(*arguments)
        except Exception as error:
            if not self.has_failed:
                _tell(self.what, error, self.console)
            self.has_failed = True

    def set_params(self, params: Any) -> None:
        """Tell the other one."""
        super().set_params(params)
        self.call("set_params", params)

    def set_model(self, model: Any) -> None:
        """Tell the other one."""
        super().set_model(model)
        self.call("set_model", model)

    def on_train_begin(self, logs: Any = None) -> None:
        """Tell the other one."""
        self.call("on_train_begin", logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Tell the other one."""
        self.call("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tell the other one."""
        self.call("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell the other one."""
        self.call("on_epoch_end", epoch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        """Tell the other one."""
        self.call("on_test_begin", logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tell the other one."""
        self.call("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell the other one."""
        self.call("on_train_batch_end", batch, logs)
