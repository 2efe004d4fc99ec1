"""The console by which people are told things: texts are texts there, and never commands to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from vae_tf.escaping import visible

__all__ = ["PeopleConsole", "progress_on", "warn_on"]


class PeopleConsole(Console):
    r"""A console that shows a text as it is: brackets are brackets, colons colons, and what cannot be seen is written out.

    What is to be styled is a `rich.text.Text`.

    Example:
        >>> import sys
        >>> PeopleConsole(file=sys.stdout).print("[red]a label\x1b[0m :smile:")
        [red]a label\x1b[0m :smile:
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **settings})

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return a text as it is shown, in a cell of a table too."""
        return super().render_str(visible(text, keep_lines=True), **settings)

    def status(self, status: Any, **settings: Any) -> Status:
        """Show what goes on; in a notebook, which keeps all that it is shown, nothing."""
        text = Text(visible(status)) if isinstance(status, str) else status
        return _Still(text, console=self) if self.is_jupyter else super().status(text, **settings)

    def on_broken_pipe(self) -> None:
        """Leave it to the command line that nobody reads any more.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError


class _Still(Status):
    """What nobody sees: rich's own needs ipywidgets in a notebook, and warns where there are none."""

    def start(self) -> None:
        """Show nothing."""

    def stop(self) -> None:
        """Show nothing."""


@contextmanager
def progress_on(console: Console, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, or that work goes on where no total is known; give the function that advances it.

    Example:
        >>> import io
        >>> with progress_on(PeopleConsole(file=io.StringIO()), "Reading [a]", 10) as advance:
        ...     advance(3)
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(visible(title), total=total)
        yield lambda count: bar.update(task, advance=count)


def warn_on(console: Console, message: str) -> None:
    """Print a warning, its first word in yellow.

    Example:
        >>> import sys
        >>> warn_on(PeopleConsole(file=sys.stdout), "[red] is a label.")
        Warning: [red] is a label.
    """
    line = Text.assemble(("Warning:", "yellow"), " ", visible(message, keep_lines=True))
    console.print(line, highlight=False, soft_wrap=True)
