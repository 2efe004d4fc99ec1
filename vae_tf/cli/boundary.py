"""The boundary: whatever ends a command ends here, as one line and an exit code."""

import contextlib
import logging
import os
import shlex
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from vae_tf.cli.common import warn
from vae_tf.errors import UserError
from vae_tf.escaping import one_line
from vae_tf.failures import disk_failure, outside_failure
from vae_tf.processes import DEBUG_VARIABLE, Terminated, note_signal, signal_code
from vae_tf.program import program
from vae_tf.version import VERSION

__all__ = ["BROKEN_PIPE", "guarded", "unhandled", "without_debug"]

BROKEN_PIPE = 128 + signal.SIGPIPE
"""The exit code where nobody reads the output any more: that of a program which the signal ends."""
_LAST_STREAM = 2
_UsageError: type[Any] = typer.BadParameter.__bases__[0]
"""Typer's base of all errors in the call itself: wrong options, missing arguments."""


def without_debug(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without `--debug`, which may stand anywhere before `--`; where it does, tracebacks are shown.

    Processes that this one starts show theirs too.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if "--debug" in arguments[:end]:
        os.environ[DEBUG_VARIABLE] = "1"
    return [*(one for one in arguments[:end] if one != "--debug"), *arguments[end:]]


def guarded(call: Callable[[], int | None], arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; what it raises is told in one line.

    Exit codes: 0 done, 2 the user's mistake, 1 the machine's, a damaged file or a bug, 130 Ctrl-C, 143 SIGTERM, 141 where
    nobody reads the output.

    Args:
        call: the command; returns its own exit code.
        arguments: of the command line, for a report of a bug.
    """
    _hold_streams()
    _tell_all_letters()
    with _Output(sys.stdout) as output, _signals(), _shown_warnings():
        try:
            code = call()
            sys.stdout.flush() if sys.stdout else None
        except BaseException as error:
            if isinstance(error, SystemExit) and not output.error:
                raise
            code = _ended(output.error or _carried(error), output, arguments)
    return code or 0


class _Output:
    """Watches standard output: what fails there names no path, and cannot be told from other failures by its error."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def __enter__(self) -> "_Output":
        for name in ("write", "flush") if self.stream else ():
            setattr(self.stream, name, self._watched(getattr(self.stream, name)))
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("write", "flush") if self.stream else ():
            delattr(self.stream, name)
        if self.error:  # Python would try again when it ends
            sys.stdout = self.stream
            with contextlib.suppress(OSError, ValueError):
                silence = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silence, self.stream.fileno())
                os.close(silence)

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except OSError as error:
                self.error = error
                raise

        return call


class _CarriedError(Exception):
    """Brings an error past what typer makes of it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.carried = error


def _carried(error: BaseException) -> BaseException:
    return error.carried if isinstance(error, _CarriedError) else error


def unhandled(command: Any) -> Any:
    """Return a command of which no error is handled by typer: it takes a broken pipe for an end with code 1."""
    invoke = command.invoke

    def carry(context: Any) -> Any:
        try:
            return invoke(context)
        except (KeyboardInterrupt, EOFError, OSError) as error:
            raise _CarriedError(error) from error

    command.invoke = carry
    return command


def _ended(error: BaseException, output: _Output, arguments: Sequence[str]) -> int:
    """Tell of an error, and return the exit code."""
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return _fail("stopped by a signal.", signal_code())
    if os.environ.get(DEBUG_VARIABLE, "0") not in {"", "0"}:
        traceback.print_exception(error)
    if isinstance(error, _UsageError):
        path = error.ctx.command_path if error.ctx else program()
        said = error.format_message()
        return _fail(f"{said}{'' if said.endswith(('.', '?', '!')) else '.'} See `{path} --help`.", 2)
    if error is output.error:
        return BROKEN_PIPE if isinstance(error, BrokenPipeError) else _tell(disk_failure("write", "standard output", error))
    found = outside_failure(error)
    return _tell(found) if found else _report_bug(error, arguments)


def _tell(error: UserError) -> int:
    return _fail(str(error), error.exit_code)


def _fail(message: str, code: int) -> int:
    """Print one line on stderr and return the exit code."""
    with contextlib.suppress(OSError, ValueError):  # there may be no stderr, or a full one
        print(f"Error: {one_line(message)}", file=sys.stderr, flush=True)  # noqa: T201 - the interface
    return code


def _report_bug(error: BaseException, arguments: Sequence[str]) -> int:
    """Keep the traceback in a file that can be sent, and say where; without a place for it, print it."""
    lines = [
        f"vae_tf {VERSION}, Python {sys.version}",
        shlex.join([program(), *arguments]),
        "",
        *traceback.format_exception(error),
    ]
    text = "\n".join(line.rstrip("\n") for line in lines) + "\n"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    try:
        handle, name = tempfile.mkstemp(prefix="vae_tf-traceback-", suffix=".txt")
        os.close(handle)
        Path(name).write_text(text, "utf-8", "backslashreplace")
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return _fail(f"this is a bug of vae_tf ({what}). Please report it with the lines above.", 1)
    return _fail(
        f"this is a bug of vae_tf ({what}). Please report it with the file {name}, which says where; --debug shows it.", 1
    )


def _hold_streams() -> None:
    """Let no file that is opened take the place of a stream that is closed (`>&-`): libraries would write into it."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        pass
    os.close(number)


def _tell_all_letters() -> None:
    """Let names that a terminal's encoding lacks be written out, rather than end the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Let signals that end a process unwind it: nothing half written is left."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        before = {number: signal.signal(number, _end) for number in numbers if signal.getsignal(number) is signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: Any) -> None:
    note_signal(number)
    raise Terminated


@contextlib.contextmanager
def _shown_warnings() -> Iterator[None]:
    """Show what is logged as a warning by modules that have no console."""
    log, handler = logging.getLogger("vae_tf"), _Warnings(logging.WARNING)
    before = log.propagate
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = before


class _Warnings(logging.Handler):
    """Shows each warning once."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._told:
            self._told.add(message)
            warn(message)
